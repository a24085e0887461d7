//! From text to [`Filter`]: recursive descent with bounds on length, depth and terms.

use super::{Comparison, Filter, FilterError, FilterErrorKind as Kind, Literal};
use crate::scim::{limits, path::AttributePath};

impl Filter {
    /// Reads a filter. Operators and attribute names in any case; values are JSON, and truth in any case.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let mut reader = Reader::new(text)?;
        let filter = reader.any_of(0, Place::Filter)?;
        reader.end()?;
        Ok(filter)
    }
}

/// A path of a PATCH operation before it is resolved: attribute, value filter, sub-attribute after the bracket.
pub(in crate::scim) fn parse_patch_path(
    text: &str,
) -> Result<(AttributePath, Option<Filter>, Option<String>), FilterError> {
    let mut reader = Reader::new(text)?;
    reader.spaces();
    let mut path = reader.path()?;
    let mut filter = None;
    if reader.eat(b'[') {
        filter = Some(reader.any_of(1, Place::Brackets)?);
        reader.close(b']')?;
    }
    let mut sub = path.sub.take();
    if filter.is_some() && sub.is_none() && reader.eat(b'.') {
        sub = Some(reader.path()?)
            .filter(|p| p.schema.is_none() && p.sub.is_none())
            .map(|p| p.attribute);
        if sub.is_none() {
            return Err(reader.error(Kind::AttributeExpected));
        }
    }
    reader.end()?;
    Ok((path, filter, sub))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Filter,
    Brackets,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    terms: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Result<Self, FilterError> {
        match text.len() {
            n if n > limits::FILTER_BYTES => Err(FilterError {
                position: limits::FILTER_BYTES,
                kind: Kind::TooLong,
            }),
            _ => Ok(Self {
                text,
                at: 0,
                terms: 0,
            }),
        }
    }

    fn any_of(&mut self, depth: usize, place: Place) -> Result<Filter, FilterError> {
        let mut terms = vec![self.all_of(depth, place)?];
        while self.word("or") {
            terms.push(self.all_of(depth, place)?);
        }
        Ok(one_or(terms, Filter::Or))
    }

    fn all_of(&mut self, depth: usize, place: Place) -> Result<Filter, FilterError> {
        let mut terms = vec![self.term(depth, place)?];
        while self.word("and") {
            terms.push(self.term(depth, place)?);
        }
        Ok(one_or(terms, Filter::And))
    }

    fn term(&mut self, depth: usize, place: Place) -> Result<Filter, FilterError> {
        if depth > limits::FILTER_DEPTH {
            return Err(self.error(Kind::TooDeep));
        }
        self.spaces();
        if self.eat(b'(') {
            return self.group(depth, place);
        }
        let before = self.at;
        if self.word("not") {
            self.spaces();
            return match self.eat(b'(') {
                true => Ok(Filter::Not(Box::new(self.group(depth, place)?))),
                false => Err(self.error(Kind::NotWithoutBracket)),
            };
        }
        self.at = before;
        self.terms += 1;
        if self.terms > limits::FILTER_TERMS {
            return Err(self.error(Kind::TooManyTerms));
        }
        let path = self.path()?;
        if self.eat(b'[') {
            if place == Place::Brackets {
                return Err(self.error(Kind::ValuesWithinValues));
            }
            let inner = self.any_of(depth + 1, Place::Brackets)?;
            self.close(b']')?;
            return Ok(Filter::Values(path, Box::new(inner)));
        }
        self.comparison(path)
    }

    fn group(&mut self, depth: usize, place: Place) -> Result<Filter, FilterError> {
        let inner = self.any_of(depth + 1, place)?;
        self.close(b')')?;
        Ok(inner)
    }

    fn comparison(&mut self, path: AttributePath) -> Result<Filter, FilterError> {
        if self.word("pr") {
            return Ok(Filter::Present(path));
        }
        let Some(comparison) = Comparison::ALL.into_iter().find(|c| self.word(c.name())) else {
            return Err(self.error(Kind::OperatorExpected));
        };
        self.spaces();
        let literal = self.literal()?;
        Ok(Filter::Compare(path, comparison, literal))
    }

    fn path(&mut self) -> Result<AttributePath, FilterError> {
        let rest = self.rest();
        let allowed =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '-' | '_' | '$' | '/');
        let length = rest.find(|c| !allowed(c)).unwrap_or(rest.len());
        let path =
            AttributePath::parse(&rest[..length]).ok_or(self.error(Kind::AttributeExpected))?;
        self.at += length;
        Ok(path)
    }

    fn literal(&mut self) -> Result<Literal, FilterError> {
        let rest = self.rest();
        if rest.starts_with('"') {
            let length = string_length(rest).ok_or(self.error(Kind::ValueMalformed))?;
            let text: String = serde_json::from_str(&rest[..length])
                .map_err(|_| self.error(Kind::ValueMalformed))?;
            if text.contains('\0') {
                return Err(self.error(Kind::NulCharacter));
            }
            self.at += length;
            return Ok(Literal::Text(text));
        }
        let length = rest
            .find(|c: char| c.is_ascii_whitespace() || matches!(c, ')' | ']'))
            .unwrap_or(rest.len());
        let word = &rest[..length];
        let literal = match word.to_ascii_lowercase().as_str() {
            "" => return Err(self.error(Kind::ValueExpected)),
            "true" => Literal::Boolean(true),
            "false" => Literal::Boolean(false),
            "null" => Literal::Null,
            _ => Literal::Number(
                serde_json::from_str(word).map_err(|_| self.error(Kind::ValueMalformed))?,
            ),
        };
        self.at += length;
        Ok(literal)
    }

    /// Takes `word` if it comes next as a word of its own, in any case.
    fn word(&mut self, word: &str) -> bool {
        let before = self.at;
        self.spaces();
        let rest = self.rest();
        let is_next = rest
            .get(..word.len())
            .is_some_and(|next| next.eq_ignore_ascii_case(word));
        let after = rest.as_bytes().get(word.len());
        let ends = after.is_none_or(|c| !(c.is_ascii_alphanumeric() || b"_-.:$[/".contains(c)));
        if is_next && ends {
            self.at += word.len();
        } else {
            self.at = before;
        }
        is_next && ends
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.rest().as_bytes().first() == Some(&byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn close(&mut self, byte: u8) -> Result<(), FilterError> {
        self.spaces();
        match self.eat(byte) {
            true => Ok(()),
            false => Err(self.error(Kind::BracketExpected)),
        }
    }

    fn end(&mut self) -> Result<(), FilterError> {
        self.spaces();
        match self.rest().is_empty() {
            true => Ok(()),
            false => Err(self.error(Kind::EndExpected)),
        }
    }

    fn spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn rest(&self) -> &'a str {
        // Invariant: `at` only ever moves past whole characters.
        &self.text[self.at..]
    }

    fn error(&self, kind: Kind) -> FilterError {
        FilterError {
            position: self.at,
            kind,
        }
    }
}

fn one_or(mut terms: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    match (terms.len(), terms.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            terms.extend(last);
            many(terms)
        }
    }
}

/// Bytes of the JSON string that `text` begins with, quotes included.
fn string_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}
