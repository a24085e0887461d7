//! Why a Response is refused: the fact for us, and Okta's text for the person.

use super::MAX_BYTES;
use crate::xmlsec::XmlsecError;

#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("SAMLResponse is not base64")]
    NotBase64,
    #[error("SAMLResponse is larger than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("SAMLResponse is not well-formed XML without a document type: {0}")]
    NotXml(String),
    #[error("the document is not a samlp:Response")]
    NotAResponse,
    #[error("{0} is missing or misshapen")]
    Malformed(&'static str),
    #[error("two elements have the ID {0:?}")]
    IdTwice(String),
    #[error("there is no signature")]
    SignatureMissing,
    #[error("there are {0} signatures, one is allowed")]
    SignatureTwice(usize),
    #[error(
        "the signature does not stand immediately after the Issuer of the Response or Assertion"
    )]
    SignatureMisplaced,
    #[error("the signature is not on the element that the connection's scope demands")]
    SignatureScope,
    #[error("the signature's reference does not name the element that it stands in")]
    ReferenceMismatch,
    #[error("the signature uses {0:?}, which is not allowed")]
    ForbiddenAlgorithm(String),
    #[error("the signature does not verify under the identity provider's certificate")]
    SignatureInvalid,
    #[error("the Issuer of the {element} is {found:?}, expected {expected:?}")]
    Issuer {
        element: &'static str,
        found: String,
        expected: String,
    },
    #[error("the audience is {found:?}, expected {expected:?}")]
    Audience { found: String, expected: String },
    #[error("the Destination is {0:?}, expected the ACS URL")]
    Destination(String),
    #[error("the Recipient is {0:?}, expected the ACS URL")]
    Recipient(String),
    #[error("InResponseTo of the {element} is {found:?}, expected the transaction's request")]
    InResponseTo {
        element: &'static str,
        found: String,
    },
    #[error("{0} is in the future")]
    NotYetValid(&'static str),
    #[error("{0} is over")]
    Expired(&'static str),
    #[error("the NameID is not the transaction's user")]
    OtherUser,
    #[error("trust in claims is on, but session.amr is missing or holds nothing usable")]
    NoAmr,
    #[error("the application context was not echoed unchanged")]
    ApplicationContext,
    #[error("the signature could not be checked: {0}")]
    Xmlsec(#[from] XmlsecError),
}

impl Refusal {
    /// The text that Okta shows or logs for this fault.
    pub fn okta_text(&self) -> String {
        match self {
            Refusal::ForbiddenAlgorithm(_) | Refusal::SignatureInvalid => {
                "The digital signature in the SAML response did not validate with the Identity Provider's certificate"
                    .to_owned()
            }
            Refusal::Issuer { .. } => {
                "The Issuer in the SAML response did not match the Issuer configured for the Identity Provider."
                    .to_owned()
            }
            Refusal::Audience { found, expected } => format!(
                "The Identity Provider specified Conditions, but did not designate us as the target for these \
                 conditions. Found \"{found}\", expected \"{expected}\"."
            ),
            Refusal::OtherUser => "Unable to match the transformed username".to_owned(),
            Refusal::ApplicationContext => {
                "The AppContext response from the Identity Provider is invalid".to_owned()
            }
            _ => GENERAL_TEXT.to_owned(),
        }
    }
}

pub const GENERAL_TEXT: &str = "Unable to validate incoming SAML Assertion";
