//! A test-only identity provider. It says what a test tells it to, and signs with xmlsec1.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use okta_stand_in::format_iso;

use super::{Page, START, Stand, test_only_key};

/// An AuthnRequest that arrived.
#[derive(Debug, Clone)]
pub struct Sent {
    pub xml: String,
    pub id: String,
    pub relay_state: String,
}

impl Sent {
    pub fn from_post(page: &Page) -> Sent {
        let xml = STANDARD.decode(page.field("SAMLRequest")).unwrap();
        Sent::new(String::from_utf8(xml).unwrap(), page.field("RelayState"))
    }

    pub fn new(xml: String, relay_state: String) -> Sent {
        let id = xml
            .split_once(" ID=\"")
            .unwrap()
            .1
            .split('"')
            .next()
            .unwrap()
            .to_owned();
        Sent {
            xml,
            id,
            relay_state,
        }
    }
}

/// Everything that a Response says; a test changes what it wants to be wrong.
#[derive(Debug, Clone)]
pub struct ResponseSpec {
    pub issuer: String,
    pub assertion_issuer: String,
    pub destination: String,
    pub recipient: String,
    pub audience: String,
    pub in_response_to: String,
    pub subject_in_response_to: String,
    pub name_id: String,
    pub issued_at: i64,
    pub not_before: i64,
    pub not_on_or_after: i64,
    pub subject_not_on_or_after: i64,
    pub method: String,
    pub version: String,
    pub amr: Vec<String>,
    pub attributes: Vec<(String, String)>,
    pub status: String,
    pub signed: Signed,
    pub transform: String,
    pub digest: String,
    pub signature_method: String,
    pub key: String,
    /// Into KeyInfo, which must not be trusted.
    pub embeds_key: bool,
    /// Between opening the Assertion's Subject and its NameID.
    pub prologue: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    Response,
    Assertion,
    Both,
    Nothing,
    /// The signature of the Assertion stands at its end.
    AssertionAtEnd,
}

impl ResponseSpec {
    /// What the org expects, answered at `now`.
    pub fn good(stand: &Stand, sent: &Sent, name_id: &str, now: i64) -> ResponseSpec {
        ResponseSpec {
            issuer: stand.idp().issuer.clone(),
            assertion_issuer: stand.idp().issuer.clone(),
            destination: stand.acs_url(),
            recipient: stand.acs_url(),
            audience: stand.entity_id(),
            in_response_to: sent.id.clone(),
            subject_in_response_to: sent.id.clone(),
            name_id: name_id.to_owned(),
            issued_at: now,
            not_before: now - 60_000,
            not_on_or_after: now + 300_000,
            subject_not_on_or_after: now + 300_000,
            method: "urn:oasis:names:tc:SAML:2.0:cm:bearer".to_owned(),
            version: "2.0".to_owned(),
            amr: vec!["mfa".to_owned(), "swk".to_owned(), "pop".to_owned()],
            attributes: Vec::new(),
            status: SUCCESS.to_owned(),
            signed: Signed::Response,
            transform: "http://www.w3.org/2001/10/xml-exc-c14n#".to_owned(),
            digest: "http://www.w3.org/2001/04/xmlenc#sha256".to_owned(),
            signature_method: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256".to_owned(),
            key: "identity-provider.pem".to_owned(),
            embeds_key: false,
            prologue: String::new(),
        }
    }

    pub fn at_start(stand: &Stand, sent: &Sent) -> ResponseSpec {
        ResponseSpec::good(stand, sent, "ann@acme.test", START)
    }

    /// Base64 for the form field.
    pub fn sign(&self) -> String {
        STANDARD.encode(self.sign_xml())
    }

    pub fn sign_xml(&self) -> String {
        let unsigned = self.to_xml();
        match self.signed {
            Signed::Nothing => unsigned,
            Signed::Response => sign(&unsigned, &self.key, "/*/*[local-name()='Signature']"),
            Signed::Assertion | Signed::AssertionAtEnd => sign(&unsigned, &self.key, IN_ASSERTION),
            Signed::Both => {
                let inner = sign(&unsigned, &self.key, IN_ASSERTION);
                sign(&inner, &self.key, "/*/*[local-name()='Signature']")
            }
        }
    }

    fn to_xml(&self) -> String {
        let on_response = matches!(self.signed, Signed::Response | Signed::Both);
        let on_assertion = matches!(self.signed, Signed::Assertion | Signed::Both);
        let failure = if self.status == SUCCESS {
            String::new()
        } else {
            "<saml2p:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:AuthnFailed\"/>"
                .to_owned()
        };
        let assertion = match failure.is_empty() {
            true => self.assertion(on_assertion),
            false => String::new(),
        };
        format!(
            "<saml2p:Response xmlns:saml2p=\"urn:oasis:names:tc:SAML:2.0:protocol\" \
             xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_r1\" Version=\"{}\" IssueInstant=\"{}\"{} \
             Destination=\"{}\"><saml2:Issuer>{}</saml2:Issuer>{}<saml2p:Status>\
             <saml2p:StatusCode Value=\"{}\">{failure}</saml2p:StatusCode></saml2p:Status>{assertion}</saml2p:Response>",
            self.version,
            format_iso(self.issued_at),
            in_response_to(&self.in_response_to),
            self.destination,
            self.issuer,
            if on_response {
                self.signature("_r1")
            } else {
                String::new()
            },
            self.status,
        )
    }

    fn assertion(&self, is_signed: bool) -> String {
        let amr: String = self
            .amr
            .iter()
            .map(|value| attribute_value(value))
            .collect();
        let amr = match amr.is_empty() {
            true => String::new(),
            false => format!(
                "<saml2:Attribute Name=\"session.amr\" NameFormat=\"urn:oasis:names:tc:SAML:2.0:attrname-format:unspecified\">{amr}</saml2:Attribute>"
            ),
        };
        let attributes: String = self
            .attributes
            .iter()
            .map(|(name, value)| {
                format!(
                    "<saml2:Attribute Name=\"{name}\">{}</saml2:Attribute>",
                    attribute_value(value)
                )
            })
            .collect();
        format!(
            "<saml2:Assertion ID=\"_a1\" Version=\"{version}\" IssueInstant=\"{issued}\">\
             <saml2:Issuer>{issuer}</saml2:Issuer>{signature}<saml2:Subject>{prologue}<saml2:NameID>{name_id}</saml2:NameID>\
             <saml2:SubjectConfirmation Method=\"{method}\"><saml2:SubjectConfirmationData{request} \
             NotOnOrAfter=\"{subject_end}\" Recipient=\"{recipient}\"/></saml2:SubjectConfirmation></saml2:Subject>\
             <saml2:Conditions NotBefore=\"{not_before}\" NotOnOrAfter=\"{not_on_or_after}\"><saml2:AudienceRestriction>\
             <saml2:Audience>{audience}</saml2:Audience></saml2:AudienceRestriction></saml2:Conditions>\
             <saml2:AuthnStatement AuthnInstant=\"{issued}\"><saml2:AuthnContext><saml2:AuthnContextClassRef>\
             urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml2:AuthnContextClassRef>\
             </saml2:AuthnContext></saml2:AuthnStatement><saml2:AttributeStatement>{amr}{attributes}\
             </saml2:AttributeStatement>{end}</saml2:Assertion>",
            version = self.version,
            issued = format_iso(self.issued_at),
            issuer = self.assertion_issuer,
            signature = if is_signed {
                self.signature("_a1")
            } else {
                String::new()
            },
            prologue = self.prologue,
            name_id = self.name_id,
            method = self.method,
            request = in_response_to(&self.subject_in_response_to),
            subject_end = format_iso(self.subject_not_on_or_after),
            recipient = self.recipient,
            not_before = format_iso(self.not_before),
            not_on_or_after = format_iso(self.not_on_or_after),
            audience = self.audience,
            end = if self.signed == Signed::AssertionAtEnd {
                self.signature("_a1")
            } else {
                String::new()
            },
        )
    }

    fn signature(&self, id: &str) -> String {
        let key_info = if self.embeds_key {
            "<ds:KeyInfo><ds:KeyValue/></ds:KeyInfo>"
        } else {
            ""
        };
        format!(
            "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo><ds:CanonicalizationMethod \
             Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/><ds:SignatureMethod Algorithm=\"{}\"/>\
             <ds:Reference URI=\"#{id}\"><ds:Transforms><ds:Transform \
             Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/><ds:Transform Algorithm=\"{}\"/>\
             </ds:Transforms><ds:DigestMethod Algorithm=\"{}\"/><ds:DigestValue></ds:DigestValue></ds:Reference>\
             </ds:SignedInfo><ds:SignatureValue></ds:SignatureValue>{key_info}</ds:Signature>",
            self.signature_method, self.transform, self.digest
        )
    }
}

/// Left out where nobody asked.
fn in_response_to(request: &str) -> String {
    match request.is_empty() {
        true => String::new(),
        false => format!(" InResponseTo=\"{request}\""),
    }
}

fn attribute_value(value: &str) -> String {
    format!(
        "<saml2:AttributeValue xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"xs:string\">{value}</saml2:AttributeValue>"
    )
}

fn sign(xml: &str, key: &str, signature: &str) -> String {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(xml.as_bytes()).unwrap();
    let output = xmlsec1(
        "--sign",
        file.path(),
        &test_only_key(key),
        "--privkey-pem",
        signature,
    );
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Whether an AuthnRequest's enveloped signature verifies under a certificate.
pub fn verify_request(xml: &str, certificate: &Path) -> bool {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(xml.as_bytes()).unwrap();
    xmlsec1(
        "--verify",
        file.path(),
        certificate,
        "--pubkey-cert-pem",
        "/*/*[local-name()='Signature']",
    )
    .status
    .success()
}

fn xmlsec1(
    command: &str,
    document: &Path,
    key: &Path,
    kind: &str,
    signature: &str,
) -> std::process::Output {
    Command::new("xmlsec1")
        .arg(command)
        .args([
            "--id-attr:ID",
            "urn:oasis:names:tc:SAML:2.0:protocol:AuthnRequest",
        ])
        .args([
            "--id-attr:ID",
            "urn:oasis:names:tc:SAML:2.0:protocol:Response",
        ])
        .args([
            "--id-attr:ID",
            "urn:oasis:names:tc:SAML:2.0:assertion:Assertion",
        ])
        .args(["--node-xpath", signature])
        .arg(kind)
        .arg(key)
        .arg(document)
        .output()
        .expect("xmlsec1 is installed")
}

const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
const IN_ASSERTION: &str = "/*/*[local-name()='Assertion']/*[local-name()='Signature']";
