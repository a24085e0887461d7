//! Signature wrapping: a good signature stays in the document, and something else would be read. The eight classical forms
//! are those of Somorovsky and others, "On Breaking SAML" (2012), with the request in the place of the assertion.

use super::{E, S, Tampered};
use crate::okta::{Signature, behind_issuer, posted, request, signed};

/// All by POST.
pub fn rows() -> Vec<Tampered> {
    let good = signed(&request());
    let signature = Signature::default().over(&request());
    let evil = request()
        .replace("alice@", "admin@")
        .replace("id216400685678752324916391", "evil");
    let evil_same_id = request().replace("alice@", "admin@");
    let inside = |outer: &str, inner: &str| {
        outer.replacen(
            "</saml2:Issuer>",
            &format!("</saml2:Issuer><saml2p:Extensions>{inner}</saml2p:Extensions>"),
            1,
        )
    };
    let issuer_end = "</saml2:Issuer>";
    let in_signature = |what: String| {
        behind_issuer(
            &evil,
            &signature.replace("</ds:Signature>", &format!("{what}</ds:Signature>")),
        )
    };
    let at_the_end = |xml: &str, what: &str| {
        xml.replace(
            "</saml2p:AuthnRequest>",
            &format!("{what}</saml2p:AuthnRequest>"),
        )
    };
    [
        ("XSW1: the signature envelops the original", in_signature(request()), E::Signature(S::Structure)),
        ("XSW2: the original is detached before the signature", inside_first(&evil, &format!("{}{signature}", request())), E::Signature(S::Misplaced)),
        ("XSW3: the evil request stands beside the original", format!("<a>{evil}{good}</a>"), E::NotAnAuthnRequest),
        ("XSW4: the evil request is the original's parent", at_the_end(&evil, &good), E::Signature(S::Misplaced)),
        ("XSW5: the evil request has the signature, the original is at the end", at_the_end(&behind_issuer(&evil, &signature), &request()), E::Signature(S::ReferenceElsewhere)),
        ("XSW6: the original is in the signature's key info", in_signature(format!("<ds:KeyInfo>{}</ds:KeyInfo>", request())), E::Signature(S::ReferenceElsewhere)),
        ("XSW7: the evil request is in the signed one's Extensions", inside(&good, &evil), E::Signature(S::Misplaced)),
        ("XSW8: the original is in an Object of the signature", in_signature(format!("<ds:Object>{}</ds:Object>", request())), E::Signature(S::Structure)),
        ("XSW8 with the same ID", behind_issuer(&evil_same_id, &signature.replace("</ds:Signature>", &format!("<ds:Object>{}</ds:Object></ds:Signature>", request()))), E::IdRepeated),
        ("signed original in Extensions", inside(&evil, &good), E::Signature(S::Misplaced)),
        ("signature moved to the evil root", inside(&behind_issuer(&evil, &signature), &request()), E::Signature(S::Misplaced)),
        ("signature on the evil root, original behind it", behind_issuer(&inside(&evil, &request()), &signature), E::Signature(S::ReferenceElsewhere)),
        ("same ID twice", inside(&evil_same_id, &good), E::IdRepeated),
        ("signature at the end", evil_same_id.replace("</saml2p:AuthnRequest>", &format!("{signature}</saml2p:AuthnRequest>")), E::Signature(S::Misplaced)),
        ("signature before the issuer", request().replacen("<saml2:Issuer", &format!("{signature}<saml2:Issuer"), 1), E::Signature(S::Misplaced)),
        ("signature on another document", behind_issuer(&evil_same_id, &signature), E::Signature(S::Digest)),
        ("two signatures", good.replacen(issuer_end, &format!("{issuer_end}{signature}"), 1), E::Signature(S::Repeated)),
        ("second issuer before the signed one", good.replacen("<saml2:Issuer", "<saml2:Issuer xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\">a</saml2:Issuer><saml2:Issuer", 1), E::Signature(S::Misplaced)),
        ("second subject", good.replace("</saml2p:AuthnRequest>", "<saml2:Subject xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\"><saml2:NameID>admin@acme.test</saml2:NameID></saml2:Subject></saml2p:AuthnRequest>"), E::Signature(S::Digest)),
        ("original in the signature's key info", {
            let wrapped = signature.replace("</ds:Signature>", &format!("<ds:KeyInfo>{}</ds:KeyInfo></ds:Signature>", request()));
            behind_issuer(&evil, &wrapped)
        }, E::Signature(S::ReferenceElsewhere)),
    ]
    .into_iter()
    .map(|(sentence, xml, expected)| Tampered::posted(sentence, posted(&xml), expected))
    .collect()
}

/// `inner` before the Issuer of `outer`.
fn inside_first(outer: &str, inner: &str) -> String {
    outer.replacen("<saml2:Issuer", &format!("{inner}<saml2:Issuer"), 1)
}
