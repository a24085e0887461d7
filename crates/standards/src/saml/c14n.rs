//! Exclusive canonical XML 1.0 without comments, of one element and what is in it.

use super::{
    write::{attribute_value, text},
    xml::DOCUMENT_BYTES,
};
use roxmltree::{Attribute, Node};
use std::collections::BTreeMap;

/// One canonical form, in bytes. It can be longer than its source: a namespace that is declared once, far outside, is
/// rendered on each element that is the first to use it.
pub(super) const CANONICAL_BYTES: usize = 4 * DOCUMENT_BYTES;

/// The canonical form of `element` without the child subtree `omitted`; `None` if it is over [`CANONICAL_BYTES`].
/// `inclusive` are the prefixes of an `InclusiveNamespaces` list, with an empty string for the default namespace.
pub(super) fn canonical(
    element: Node<'_, '_>,
    omitted: Option<Node<'_, '_>>,
    inclusive: &[&str],
) -> Option<String> {
    let mut canonical = Canonical {
        out: String::new(),
        rendered: Vec::new(),
        omitted,
        inclusive,
    };
    canonical.element(element);
    (canonical.out.len() <= CANONICAL_BYTES).then_some(canonical.out)
}

struct Canonical<'a, 'i, 'l> {
    out: String,
    /// Declarations rendered by the ancestors in the output, innermost last.
    rendered: Vec<(String, String)>,
    omitted: Option<Node<'a, 'i>>,
    inclusive: &'l [&'l str],
}

impl<'a, 'i> Canonical<'a, 'i, '_> {
    /// Recursion is bounded by [`super::xml::DEPTH`].
    fn element(&mut self, element: Node<'a, 'i>) {
        if self.out.len() > CANONICAL_BYTES {
            return;
        }
        let outer = self.rendered.len();
        let name = qualified_name(element);
        self.out.push('<');
        self.out.push_str(name);
        self.declarations(element, prefix_of(name));
        self.attributes(element);
        self.out.push('>');
        for child in element.children() {
            if child.is_text() {
                text(child.text().unwrap_or_default(), &mut self.out);
            } else if child.is_element() && Some(child) != self.omitted {
                self.element(child);
            }
        }
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
        self.rendered.truncate(outer);
    }

    /// Writes the declarations that are visibly used here and that no ancestor in the output has rendered alike.
    fn declarations(&mut self, element: Node<'a, 'i>, prefix: &'a str) {
        let mut used = BTreeMap::from([(prefix, element.tag_name().namespace().unwrap_or(""))]);
        for attribute in element.attributes() {
            if let (Some(namespace), prefix) = (
                attribute.namespace(),
                prefix_of(attribute_name(element, &attribute)),
            ) {
                used.insert(prefix, namespace);
            }
        }
        for &prefix in self.inclusive {
            let name = (!prefix.is_empty()).then_some(prefix);
            let declared = element.namespaces().find(|n| n.name() == name);
            if let Some(declared) = declared {
                used.insert(
                    declared.name().unwrap_or(""),
                    element.lookup_namespace_uri(name).unwrap_or(""),
                );
            }
        }
        used.remove("xml");
        for (prefix, uri) in used {
            let before = self
                .rendered
                .iter()
                .rev()
                .find(|(p, _)| p == prefix)
                .map_or("", |(_, uri)| uri.as_str());
            if before == uri {
                continue;
            }
            self.out.push_str(if prefix.is_empty() {
                " xmlns"
            } else {
                " xmlns:"
            });
            self.out.push_str(prefix);
            self.out.push_str("=\"");
            attribute_value(uri, &mut self.out);
            self.out.push('"');
            self.rendered.push((prefix.to_owned(), uri.to_owned()));
        }
    }

    /// Writes the attributes in the order of namespace URI and local name.
    fn attributes(&mut self, element: Node<'a, 'i>) {
        let mut attributes: Vec<_> = element.attributes().collect();
        attributes.sort_by_key(|a| (a.namespace().unwrap_or(""), a.name()));
        for attribute in attributes {
            self.out.push(' ');
            self.out.push_str(attribute_name(element, &attribute));
            self.out.push_str("=\"");
            attribute_value(attribute.value(), &mut self.out);
            self.out.push('"');
        }
    }
}

/// `prefix:name` as the source has it: the parser keeps namespaces, and two prefixes may mean the same one.
fn qualified_name<'i>(element: Node<'_, 'i>) -> &'i str {
    let source = element
        .document()
        .input_text()
        .get(element.range())
        .unwrap_or_default();
    let name = source.strip_prefix('<').unwrap_or_default();
    let end = name
        .find([' ', '\t', '\r', '\n', '/', '>'])
        .unwrap_or(name.len());
    &name[..end]
}

fn attribute_name<'i>(element: Node<'_, 'i>, attribute: &Attribute<'_, 'i>) -> &'i str {
    element
        .document()
        .input_text()
        .get(attribute.range_qname())
        .unwrap_or_default()
}

fn prefix_of(name: &str) -> &str {
    name.split_once(':').map_or("", |(prefix, _)| prefix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use roxmltree::Document;

    fn check(source: &str, name: &str, inclusive: &[&str], expected: &str) {
        let document = Document::parse(source).unwrap();
        let element = document
            .descendants()
            .find(|n| n.tag_name().name() == name)
            .unwrap();
        assert_eq!(
            canonical(element, None, inclusive).as_deref(),
            Some(expected)
        );
    }

    #[test]
    fn only_visibly_used_namespaces_are_rendered_and_only_once() {
        let source = r#"<p:a xmlns:p="urn:p" xmlns:q="urn:q" xmlns="urn:d"><p:b><q:c/><q:c/><d/></p:b></p:a>"#;
        check(
            source,
            "b",
            &[],
            r#"<p:b xmlns:p="urn:p"><q:c xmlns:q="urn:q"></q:c><q:c xmlns:q="urn:q"></q:c><d xmlns="urn:d"></d></p:b>"#,
        );
        check(
            source,
            "b",
            &["q", "", "nowhere"],
            r#"<p:b xmlns="urn:d" xmlns:p="urn:p" xmlns:q="urn:q"><q:c></q:c><q:c></q:c><d></d></p:b>"#,
        );
    }

    #[test]
    fn attributes_are_sorted_by_namespace_then_name_and_escaped() {
        check(
            "<a xmlns:z='urn:a' xmlns:y='urn:b' y:q='1' z:r='2' b='&lt;&quot;&#9;&#10;&#13;>' a=\"'\" xml:lang='en'/>",
            "a",
            &[],
            concat!(
                r#"<a xmlns:y="urn:b" xmlns:z="urn:a" a="'" b="&lt;&quot;&#x9;&#xA;&#xD;>""#,
                r#" xml:lang="en" z:r="2" y:q="1"></a>"#
            ),
        );
    }

    #[test]
    fn the_empty_default_namespace_is_rendered_only_to_undo_another() {
        check(
            r#"<a xmlns="urn:d"><b xmlns=""><c/></b></a>"#,
            "a",
            &[],
            r#"<a xmlns="urn:d"><b xmlns=""><c></c></b></a>"#,
        );
        check(
            r#"<a xmlns="urn:d"><b xmlns=""><c/></b></a>"#,
            "b",
            &[],
            "<b><c></c></b>",
        );
    }

    #[test]
    fn text_is_escaped_and_comments_are_left_out() {
        check(
            "<a>&lt;&gt;&amp;\"'\r\n&#13;<!-- x -->z</a>",
            "a",
            &[],
            "<a>&lt;&gt;&amp;\"'\n&#xD;z</a>",
        );
    }

    #[test]
    fn a_long_namespace_used_by_many_does_not_fill_the_memory() {
        let long = "u".repeat(30_000);
        let children = "<p:b/>".repeat(400);
        let source = format!(r#"<a xmlns:p="{long}">{children}</a>"#);
        let document = Document::parse(&source).unwrap();
        assert_eq!(canonical(document.root_element(), None, &[]), None);
    }

    #[test]
    fn a_prefix_bound_anew_is_rendered_anew() {
        check(
            r#"<p:a xmlns:p="urn:1"><p:b xmlns:p="urn:2"/><p:b/></p:a>"#,
            "a",
            &[],
            r#"<p:a xmlns:p="urn:1"><p:b xmlns:p="urn:2"></p:b><p:b></p:b></p:a>"#,
        );
    }
}
