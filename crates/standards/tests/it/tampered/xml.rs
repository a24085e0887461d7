//! What no parser should be handed at all.

use super::{E, Tampered, X};
use crate::okta::{self, posted, request};

/// Refused before anything is parsed, or by the parser.
pub fn rows() -> Vec<Tampered> {
    let xml = request();
    let laughs = format!(
        r#"<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;"><!ENTITY c "&b;&b;">]>{}"#,
        xml.replace("alice", "&c;")
    );
    let deep = xml.replace("alice@acme.test", &"<a>".repeat(10_000));
    let wide = xml.replace("alice@acme.test", &"<a/>".repeat(1_000));
    let attributes: String = (0..100).map(|i| format!(r#" a{i}="""#)).collect();
    let mut rows: Vec<_> = [
        ("document type", format!("<!DOCTYPE a>{xml}"), X::Doctype),
        (
            "external document type",
            format!(r#"<!DOCTYPE a SYSTEM "file:///etc/passwd">{xml}"#),
            X::Doctype,
        ),
        ("billion laughs", laughs, X::Doctype),
        (
            "entity",
            xml.replace("alice", "&alice;"),
            X::EntityReference,
        ),
        (
            "comment in the name",
            xml.replace("alice@acme", "alice@acme.test<!---->.evil"),
            X::Comment,
        ),
        (
            "comment in the issuer",
            xml.replace("spabc", "sp<!-- -->abc"),
            X::Comment,
        ),
        (
            "CDATA in the name",
            xml.replace("alice", "<![CDATA[alice]]>"),
            X::CData,
        ),
        (
            "processing instruction",
            xml.replace("alice", "<?a?>alice"),
            X::ProcessingInstruction,
        ),
        ("depth of 10,000", deep, X::TooDeep),
        ("1,000 elements", wide, X::TooManyElements),
        (
            "100 attributes",
            xml.replace("<saml2:NameID>", &format!("<saml2:NameID{attributes}>")),
            X::TooManyAttributes,
        ),
        (
            "attribute twice",
            xml.replace(" Version=", r#" Version="2.0" Version="#),
            X::AttributeRepeated,
        ),
        (
            "not well-formed",
            xml.replace("</saml2:Subject>", ""),
            X::Malformed,
        ),
        (
            "too long",
            xml.replace("alice", &"a".repeat(70_000)),
            X::TooLong,
        ),
        (
            "parameter entity",
            format!(r#"<!DOCTYPE a [<!ENTITY % b SYSTEM "https://evil.test/b.dtd">%b;]>{xml}"#),
            X::Doctype,
        ),
        (
            "conditional section",
            xml.replace("alice", "<![INCLUDE[alice]]>"),
            X::Doctype,
        ),
        (
            "stylesheet",
            format!(r#"<?xml-stylesheet href="https://evil.test/a.xsl"?>{xml}"#),
            X::ProcessingInstruction,
        ),
        (
            "comment before the document",
            format!("<!-- -->{xml}"),
            X::Comment,
        ),
        (
            "10 MB of spaces",
            xml.replace("alice", &" ".repeat(10_000_000)),
            X::TooLong,
        ),
        (
            "a document behind the document",
            format!("{xml}{xml}"),
            X::Malformed,
        ),
        (
            "prefix that is not declared",
            xml.replace("<saml2:NameID>", "<evil:a/><saml2:NameID>"),
            X::Malformed,
        ),
        (
            "namespace of a prefix twice",
            xml.replacen("xmlns:saml2=", r#"xmlns:saml2="urn:evil" xmlns:saml2="#, 1),
            X::AttributeRepeated,
        ),
        (
            "character that XML has not",
            xml.replace("alice", "&#0;"),
            X::Malformed,
        ),
    ]
    .into_iter()
    .map(|(sentence, spoiled, expected)| {
        // A form that is too long is refused as such before anybody looks for a document in it.
        let expected = match sentence {
            "10 MB of spaces" => E::ParametersTooLong,
            _ => E::Xml(expected),
        };
        Tampered::posted(sentence, posted(&spoiled), expected)
    })
    .collect();
    for (sentence, bytes) in [
        ("UTF-16", &b"\xff\xfe<\0a\0/\0>\0"[..]),
        ("overlong UTF-8", b"<a>\xc0\xbc</a>"),
        ("half of a character", b"<a>\xe2\x82</a>"),
    ] {
        let body = format!(
            "SAMLRequest={}",
            okta::percent(okta::base64(bytes).as_bytes())
        );
        rows.push(Tampered::posted(sentence, body.into(), E::Xml(X::NotUtf8)));
    }
    rows
}
