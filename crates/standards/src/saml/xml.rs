//! XML from outside: what is refused before a parser sees it, and the bounds of what is left.
//!
//! SAML messages need no document types, entities, processing instructions, comments or CDATA sections; each of them has
//! been an attack on SAML before. Without them every `<` begins a tag, so that depth and counts are exact and cheap.

use roxmltree::{Document, Node, ParsingOptions};

/// One document, in bytes.
pub const DOCUMENT_BYTES: usize = 64 * 1024;
/// Elements inside each other.
pub const DEPTH: usize = 24;
/// Elements of one document.
pub const ELEMENTS: usize = 512;
/// Attributes and namespace declarations of one element.
pub const ATTRIBUTES: usize = 24;

/// Why bytes are not a document that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// Over [`DOCUMENT_BYTES`].
    #[error("the document is longer than {DOCUMENT_BYTES} bytes")]
    TooLong,
    /// Not UTF-8.
    #[error("the document is not UTF-8")]
    NotUtf8,
    /// A document type declaration or another `<!` that is neither comment nor CDATA.
    #[error("the document has a document type declaration")]
    Doctype,
    /// A processing instruction.
    #[error("the document has a processing instruction")]
    ProcessingInstruction,
    /// A comment where none is accepted: it would cut a text in two.
    #[error("the document has a comment")]
    Comment,
    /// A CDATA section.
    #[error("the document has a CDATA section")]
    CData,
    /// A reference to an entity other than the five that XML knows by itself.
    #[error("the document refers to an entity")]
    EntityReference,
    /// Over [`DEPTH`].
    #[error("elements are nested more than {DEPTH} deep")]
    TooDeep,
    /// Over [`ELEMENTS`].
    #[error("the document has more than {ELEMENTS} elements")]
    TooManyElements,
    /// Over [`ATTRIBUTES`].
    #[error("an element has more than {ATTRIBUTES} attributes")]
    TooManyAttributes,
    /// Two attributes of one element have the same name.
    #[error("an element has an attribute twice")]
    AttributeRepeated,
    /// Not well-formed, or with a prefix that is not declared.
    #[error("the document is not well-formed")]
    Malformed,
}

/// What [`check`] makes of comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comments {
    /// Messages: refused.
    Refused,
    /// Metadata that an administrator hands in: skipped.
    Skipped,
}

/// Checks everything that can be checked before parsing, and returns the text and how many elements it has.
pub(super) fn check(bytes: &[u8], comments: Comments) -> Result<(&str, usize), XmlError> {
    if bytes.len() > DOCUMENT_BYTES {
        return Err(XmlError::TooLong);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| XmlError::NotUtf8)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut rest = skip_declaration(text)?;
    let (mut depth, mut elements) = (0_usize, 0_usize);
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            if comments == Comments::Refused {
                return Err(XmlError::Comment);
            }
            rest = comment.split_once("-->").ok_or(XmlError::Malformed)?.1;
        } else if rest.starts_with("<![CDATA[") {
            return Err(XmlError::CData);
        } else if rest.starts_with("<!") {
            return Err(XmlError::Doctype);
        } else if rest.starts_with("<?") {
            return Err(XmlError::ProcessingInstruction);
        } else if rest.starts_with("</") {
            depth = depth.saturating_sub(1);
            rest = &rest[2..];
        } else {
            let tag = Tag::of(rest)?;
            elements += 1;
            if elements > ELEMENTS {
                return Err(XmlError::TooManyElements);
            }
            if depth >= DEPTH {
                return Err(XmlError::TooDeep);
            }
            depth += usize::from(!tag.is_empty);
            rest = tag.rest;
        }
    }
    Ok((text, elements))
}

/// Parses a text that [`check`] returned.
pub(super) fn parse(text: &str) -> Result<Document<'_>, XmlError> {
    let options = ParsingOptions {
        allow_dtd: false,
        // Each element has at most one text before and one behind it; comments are nodes as well.
        nodes_limit: 8 * ELEMENTS as u32,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).map_err(|e| match e {
        roxmltree::Error::DtdDetected => XmlError::Doctype,
        roxmltree::Error::UnknownEntityReference(..) | roxmltree::Error::EntityReferenceLoop(_) => {
            XmlError::EntityReference
        }
        roxmltree::Error::DuplicatedAttribute(..) | roxmltree::Error::DuplicatedNamespace(..) => {
            XmlError::AttributeRepeated
        }
        roxmltree::Error::NodesLimitReached => XmlError::TooManyElements,
        _ => XmlError::Malformed,
    })
}

/// The whole text of an element that has nothing but text; `None` if it has element children.
pub(super) fn text_of<'a>(element: Node<'a, '_>) -> Option<&'a str> {
    match (element.first_child(), element.last_child()) {
        (None, _) => Some(""),
        (Some(first), Some(last)) if first == last && first.is_text() => first.text(),
        _ => None,
    }
}

/// Child elements with this name.
pub(super) fn children<'a, 'i: 'a>(
    parent: Node<'a, 'i>,
    namespace: &'static str,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'i>> {
    parent
        .children()
        .filter(move |n| n.has_tag_name((namespace, name)))
}

/// `xs:boolean`; `None` if it is something else.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// An XML declaration is no processing instruction, but looks like one; it may only come first.
fn skip_declaration(text: &str) -> Result<&str, XmlError> {
    match text.strip_prefix("<?xml") {
        Some(declaration) if declaration.starts_with([' ', '\t', '\r', '\n']) => declaration
            .split_once("?>")
            .map(|(_, rest)| rest)
            .ok_or(XmlError::Malformed),
        _ => Ok(text),
    }
}

/// A start tag: where it ends, and whether it is an empty element's.
struct Tag<'a> {
    rest: &'a str,
    is_empty: bool,
}

impl<'a> Tag<'a> {
    fn of(text: &'a str) -> Result<Self, XmlError> {
        let (mut quote, mut attributes, mut before) = (None, 0, b'<');
        for (at, &c) in text.as_bytes().iter().enumerate() {
            match (quote, c) {
                (Some(q), _) if q == c => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some(c),
                (None, b'=') => {
                    attributes += 1;
                    if attributes > ATTRIBUTES {
                        return Err(XmlError::TooManyAttributes);
                    }
                }
                // `>` is one byte, so the cut is at a character boundary.
                (None, b'>') => {
                    return Ok(Self {
                        rest: &text[at + 1..],
                        is_empty: before == b'/',
                    });
                }
                _ => {}
            }
            before = c;
        }
        Err(XmlError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(), XmlError> {
        parse(check(text.as_bytes(), Comments::Refused)?.0).map(|_| ())
    }

    #[test]
    fn ordinary_documents_are_read() {
        for good in [
            "<a/>",
            "<?xml version=\"1.0\"?>\n<a b='>'><c/>&lt;&#65;</a>",
            "\u{feff}<a/>",
        ] {
            assert_eq!(read(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn each_dangerous_construct_has_its_own_refusal() {
        let deep = "<a>".repeat(10_000);
        let wide = format!("<a>{}</a>", "<b/>".repeat(ELEMENTS));
        let attributes = format!(
            "<a {}/>",
            (0..=ATTRIBUTES)
                .map(|i| format!("a{i}='' "))
                .collect::<String>()
        );
        for (text, expected) in [
            ("<!DOCTYPE a><a/>", XmlError::Doctype),
            (
                "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
                XmlError::Doctype,
            ),
            ("<a><!-- --></a>", XmlError::Comment),
            ("<a><![CDATA[b]]></a>", XmlError::CData),
            ("<?pi ?><a/>", XmlError::ProcessingInstruction),
            (
                "<a><?xml version='1.0'?></a>",
                XmlError::ProcessingInstruction,
            ),
            ("<a>&b;</a>", XmlError::EntityReference),
            ("<a b='' b=''/>", XmlError::AttributeRepeated),
            ("<a><b></a></b>", XmlError::Malformed),
            ("<b:a/>", XmlError::Malformed),
            ("<a", XmlError::Malformed),
            ("", XmlError::Malformed),
            (&deep, XmlError::TooDeep),
            (&wide, XmlError::TooManyElements),
            (&attributes, XmlError::TooManyAttributes),
        ] {
            assert_eq!(read(text), Err(expected), "{}", &text[..text.len().min(60)]);
        }
        assert_eq!(
            check(&[b'<', 0xff], Comments::Refused),
            Err(XmlError::NotUtf8)
        );
        assert_eq!(
            check(&[b' '; DOCUMENT_BYTES + 1], Comments::Refused),
            Err(XmlError::TooLong)
        );
    }
}
