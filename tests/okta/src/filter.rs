//! Okta's `search` and `filter` expressions: `profile.x eq "y" and (status eq "ACTIVE" or lastUpdated gt "…")`.
//!
//! Length, depth and the number of terms are bounded, because the text comes from outside.

use serde_json::Value;

#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    Compare {
        path: String,
        operator: Operator,
        value: Value,
    },
    Present(String),
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Equal,
    NotEqual,
    StartsWith,
    EndsWith,
    Contains,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Filter {
    /// `None`: the expression is no expression, or too large.
    pub fn parse(text: &str) -> Option<Filter> {
        if text.len() > MOST_BYTES {
            return None;
        }
        let tokens = tokens(text)?;
        let mut parser = Parser {
            tokens: &tokens,
            terms: 0,
        };
        let filter = parser.or(0)?;
        parser.tokens.is_empty().then_some(filter)
    }

    /// Whether a row fits. Text is compared without regard to case, as `search` does.
    pub fn fits(&self, row: &Value) -> bool {
        match self {
            Filter::And(left, right) => left.fits(row) && right.fits(row),
            Filter::Or(left, right) => left.fits(row) || right.fits(row),
            Filter::Present(path) => find(row, path).is_some_and(|value| !value.is_null()),
            Filter::Compare {
                path,
                operator,
                value,
            } => {
                let found = find(row, path).unwrap_or(&Value::Null);
                match found.as_array() {
                    Some(list) => list.iter().any(|found| compare(found, *operator, value)),
                    None => compare(found, *operator, value),
                }
            }
        }
    }
}

fn find<'r>(row: &'r Value, path: &str) -> Option<&'r Value> {
    let mut at = row;
    for member in path.split('.') {
        at = match at {
            // Targets and other lists: any element's member counts as the first that has it.
            Value::Array(list) => list.iter().find_map(|element| element.get(member))?,
            _ => at.get(member)?,
        };
    }
    Some(at)
}

fn compare(found: &Value, operator: Operator, wanted: &Value) -> bool {
    if let (Some(found), Some(wanted)) = (found.as_f64(), wanted.as_f64()) {
        return match operator {
            Operator::Equal => found == wanted,
            Operator::NotEqual => found != wanted,
            Operator::Greater => found > wanted,
            Operator::GreaterOrEqual => found >= wanted,
            Operator::Less => found < wanted,
            Operator::LessOrEqual => found <= wanted,
            _ => false,
        };
    }
    let (Some(found), Some(wanted)) = (found.as_str(), wanted.as_str()) else {
        return match operator {
            Operator::Equal => found == wanted,
            Operator::NotEqual => found != wanted,
            _ => false,
        };
    };
    let (found, wanted) = (found.to_lowercase(), wanted.to_lowercase());
    match operator {
        Operator::Equal => found == wanted,
        Operator::NotEqual => found != wanted,
        Operator::StartsWith => found.starts_with(&wanted),
        Operator::EndsWith => found.ends_with(&wanted),
        Operator::Contains => found.contains(&wanted),
        Operator::Greater => found > wanted,
        Operator::GreaterOrEqual => found >= wanted,
        Operator::Less => found < wanted,
        Operator::LessOrEqual => found <= wanted,
    }
}

#[derive(Debug, PartialEq)]
enum Token {
    Open,
    Close,
    Word(String),
    Text(String),
}

struct Parser<'t> {
    tokens: &'t [Token],
    terms: usize,
}

impl Parser<'_> {
    fn or(&mut self, depth: usize) -> Option<Filter> {
        let mut left = self.and(depth)?;
        while self.take_word("or") {
            left = Filter::Or(Box::new(left), Box::new(self.and(depth)?));
        }
        Some(left)
    }

    fn and(&mut self, depth: usize) -> Option<Filter> {
        let mut left = self.term(depth)?;
        while self.take_word("and") {
            left = Filter::And(Box::new(left), Box::new(self.term(depth)?));
        }
        Some(left)
    }

    fn term(&mut self, depth: usize) -> Option<Filter> {
        self.terms += 1;
        if self.terms > MOST_TERMS || depth > MOST_DEPTH {
            return None;
        }
        match self.next()? {
            Token::Open => {
                let inner = self.or(depth + 1)?;
                (self.next()? == &Token::Close).then_some(inner)
            }
            Token::Word(path) => {
                let path = path.clone();
                let Token::Word(operator) = self.next()? else {
                    return None;
                };
                if operator.eq_ignore_ascii_case("pr") {
                    return Some(Filter::Present(path));
                }
                let operator = operator_of(operator)?;
                let value = match self.next()? {
                    Token::Text(text) => Value::String(text.clone()),
                    // Booleans and numbers stand without quotes.
                    Token::Word(word) => serde_json::from_str(word).ok()?,
                    _ => return None,
                };
                Some(Filter::Compare {
                    path,
                    operator,
                    value,
                })
            }
            _ => None,
        }
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_there = matches!(self.tokens.first(), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word));
        if is_there {
            self.tokens = &self.tokens[1..];
        }
        is_there
    }
}

impl<'t> Parser<'t> {
    fn next(&mut self) -> Option<&'t Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }
}

fn operator_of(word: &str) -> Option<Operator> {
    Some(match word.to_ascii_lowercase().as_str() {
        "eq" => Operator::Equal,
        "ne" => Operator::NotEqual,
        "sw" => Operator::StartsWith,
        "ew" => Operator::EndsWith,
        "co" => Operator::Contains,
        "gt" => Operator::Greater,
        "ge" => Operator::GreaterOrEqual,
        "lt" => Operator::Less,
        "le" => Operator::LessOrEqual,
        _ => return None,
    })
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(&letter) = letters.peek() {
        match letter {
            ' ' | '\t' => {
                letters.next();
            }
            '(' | ')' => {
                tokens.push(if letter == '(' {
                    Token::Open
                } else {
                    Token::Close
                });
                letters.next();
            }
            '"' => {
                letters.next();
                let mut text = String::new();
                loop {
                    match letters.next()? {
                        '"' => break,
                        '\\' => text.push(letters.next()?),
                        other => text.push(other),
                    }
                }
                tokens.push(Token::Text(text));
            }
            _ => {
                let mut word = String::new();
                while let Some(&letter) = letters.peek() {
                    if matches!(letter, ' ' | '\t' | '(' | ')' | '"') {
                        break;
                    }
                    word.push(letter);
                    letters.next();
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    Some(tokens)
}

const MOST_BYTES: usize = 4096;
const MOST_TERMS: usize = 50;
const MOST_DEPTH: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn expressions_select() {
        let row = json!({ "status": "ACTIVE", "profile": { "login": "Ann@acme.test", "n": 3, "byndidRegistered": true },
                          "target": [{ "id": "a" }, { "id": "b", "type": "User" }] });
        for (text, expected) in [
            (r#"status eq "ACTIVE""#, true),
            (r#"profile.login eq "ann@ACME.test""#, true),
            (r#"profile.login sw "ben""#, false),
            (r#"profile.byndidRegistered eq true"#, true),
            (r#"profile.n gt 2 and profile.n le 3"#, true),
            (
                r#"profile.gone pr or (status ne "ACTIVE" or profile.n pr)"#,
                true,
            ),
            (r#"target.type eq "User""#, true),
            (r#"profile.login co "\"""#, false),
        ] {
            let filter = Filter::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(filter.fits(&row), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in [
            "",
            "actor",
            "a eq",
            "a is \"b\"",
            "a eq \"b",
            "(a pr",
            "a pr)",
            "a pr b pr",
            "a eq b",
        ] {
            assert_eq!(Filter::parse(text), None, "{text}");
        }
        assert_eq!(
            Filter::parse(&format!("{}a pr{}", "(".repeat(9), ")".repeat(9))),
            None
        );
        assert_eq!(Filter::parse(&vec!["a pr"; 51].join(" or ")), None);
        assert!(Filter::parse(&vec!["a pr"; 50].join(" or ")).is_some());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ ()\"\\\\a-z.]{0,60}") {
            if let Some(filter) = Filter::parse(&text) {
                filter.fits(&json!({ "a": [1, { "b": null }] }));
            }
        }
    }
}
