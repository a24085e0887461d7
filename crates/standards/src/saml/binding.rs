//! Parameters of the HTTP-Redirect and HTTP-POST bindings, from raw octets: the Redirect signature is over the octets as
//! they were sent, so nobody may decode and encode them in between.

use super::{authn_request::AuthnRequestError, work::Budget, xml::DOCUMENT_BYTES};
use base64::{Engine, engine::general_purpose::STANDARD};
use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_with_limit};

/// One query or form body, in bytes.
pub const PARAMETERS_BYTES: usize = 128 * 1024;
/// A decoded RelayState, in bytes. SAML allows 80; Okta sends up to a few thousand.
pub const RELAY_STATE_BYTES: usize = 8 * 1024;

/// The names that mean something here. Any of them twice is refused, also in disguise (`SAML%52equest`).
const NAMES: [&str; 5] = [
    "SAMLRequest",
    "RelayState",
    "SigAlg",
    "Signature",
    "SAMLEncoding",
];
const DEFLATE: &str = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE";

/// Raw values by name, as they were sent.
pub(super) struct Parameters<'a> {
    raw: [Option<&'a [u8]>; NAMES.len()],
}

/// The signature of a Redirect message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct QuerySignature {
    pub algorithm: String,
    pub value: Vec<u8>,
    /// `SAMLRequest=…&RelayState=…&SigAlg=…` as it was sent.
    pub signed: Vec<u8>,
}

impl<'a> Parameters<'a> {
    pub(super) fn parse(octets: &'a [u8], budget: &mut Budget) -> Result<Self, AuthnRequestError> {
        if octets.len() > PARAMETERS_BYTES {
            return Err(AuthnRequestError::ParametersTooLong);
        }
        budget.bytes(octets.len())?;
        let mut raw = [None; NAMES.len()];
        for pair in octets.split(|&c| c == b'&') {
            let at = pair.iter().position(|&c| c == b'=').unwrap_or(pair.len());
            let (name, value) = (&pair[..at], pair.get(at + 1..).unwrap_or_default());
            // A name that does not even decode is none of ours.
            let Some(name) = percent_decoded(name) else {
                continue;
            };
            let Some(index) = NAMES.iter().position(|n| n.as_bytes() == name) else {
                continue;
            };
            if raw[index].replace(value).is_some() {
                return Err(AuthnRequestError::ParameterRepeated { name: NAMES[index] });
            }
        }
        Ok(Self { raw })
    }

    /// The XML of a POST message.
    pub(super) fn posted_xml(&self) -> Result<Vec<u8>, AuthnRequestError> {
        from_base64(&self.required("SAMLRequest")?, "SAMLRequest")
    }

    /// The XML of a Redirect message.
    pub(super) fn redirected_xml(&self) -> Result<Vec<u8>, AuthnRequestError> {
        if self
            .decoded("SAMLEncoding")?
            .is_some_and(|encoding| encoding != DEFLATE.as_bytes())
        {
            return Err(AuthnRequestError::Encoding);
        }
        let deflated = from_base64(&self.required("SAMLRequest")?, "SAMLRequest")?;
        decompress_to_vec_with_limit(&deflated, DOCUMENT_BYTES).map_err(|e| match e.status {
            TINFLStatus::HasMoreOutput => AuthnRequestError::InflatedTooLong,
            _ => AuthnRequestError::NotDeflate,
        })
    }

    pub(super) fn relay_state(&self) -> Result<Option<String>, AuthnRequestError> {
        let Some(bytes) = self.decoded("RelayState")? else {
            return Ok(None);
        };
        if bytes.len() > RELAY_STATE_BYTES {
            return Err(AuthnRequestError::RelayStateTooLong);
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| AuthnRequestError::ParameterMalformed { name: "RelayState" })?;
        Ok(Some(text))
    }

    /// `None` if neither algorithm nor signature is there; half of it is an error.
    pub(super) fn signature(&self) -> Result<Option<QuerySignature>, AuthnRequestError> {
        let (algorithm, value) = match (self.decoded("SigAlg")?, self.decoded("Signature")?) {
            (None, None) => return Ok(None),
            (None, Some(_)) => return Err(AuthnRequestError::ParameterMissing { name: "SigAlg" }),
            (Some(_), None) => {
                return Err(AuthnRequestError::ParameterMissing { name: "Signature" });
            }
            (Some(algorithm), Some(value)) => (algorithm, value),
        };
        let mut signed = Vec::new();
        for name in ["SAMLRequest", "RelayState", "SigAlg"] {
            if let Some(raw) = self.raw(name) {
                if !signed.is_empty() {
                    signed.push(b'&');
                }
                signed.extend_from_slice(name.as_bytes());
                signed.push(b'=');
                signed.extend_from_slice(raw);
            }
        }
        Ok(Some(QuerySignature {
            algorithm: String::from_utf8(algorithm)
                .map_err(|_| AuthnRequestError::ParameterMalformed { name: "SigAlg" })?,
            value: from_base64(&value, "Signature")?,
            signed,
        }))
    }

    fn required(&self, name: &'static str) -> Result<Vec<u8>, AuthnRequestError> {
        self.decoded(name)?
            .ok_or(AuthnRequestError::ParameterMissing { name })
    }

    fn decoded(&self, name: &'static str) -> Result<Option<Vec<u8>>, AuthnRequestError> {
        self.raw(name)
            .map(|raw| percent_decoded(raw).ok_or(AuthnRequestError::ParameterMalformed { name }))
            .transpose()
    }

    fn raw(&self, name: &str) -> Option<&'a [u8]> {
        NAMES
            .iter()
            .position(|n| *n == name)
            .and_then(|index| self.raw[index])
    }
}

/// `application/x-www-form-urlencoded`; `None` if a `%` is not followed by two hexadecimal digits.
pub(crate) fn percent_decoded(raw: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw.iter();
    while let Some(&c) = rest.next() {
        out.push(match c {
            b'+' => b' ',
            b'%' => hex(*rest.next()?)? << 4 | hex(*rest.next()?)?,
            c => c,
        });
    }
    Some(out)
}

fn hex(c: u8) -> Option<u8> {
    char::from(c)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// Base64 with line breaks, which some encoders put in.
fn from_base64(text: &[u8], name: &'static str) -> Result<Vec<u8>, AuthnRequestError> {
    let text: Vec<u8> = text
        .iter()
        .copied()
        .filter(|c| !c.is_ascii_whitespace())
        .collect();
    STANDARD
        .decode(text)
        .map_err(|_| AuthnRequestError::NotBase64 { name })
}
