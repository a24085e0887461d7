//! `application/x-www-form-urlencoded` parameters of a query or a body, each at most once.
//!
//! ```
//! use standards::oidc::parameters::Parameters;
//! let parameters = Parameters::parse(b"scope=openid&state=a+b&state=c&prompt=").unwrap();
//! assert_eq!(parameters.value("scope"), Some("openid"));
//! assert_eq!((parameters.value("state"), parameters.repeated()), (None, Some("state")));
//! assert_eq!(parameters.value("prompt"), None, "without a value it counts as left out (RFC 6749 section 3.1)");
//! ```

use crate::saml::binding::percent_decoded;
use std::collections::{BTreeMap, BTreeSet};

/// One query or body, in bytes; a request object by a long RSA key fits well.
pub const PARAMETERS_BYTES: usize = 32 * 1024;
/// Parameters in it.
pub const PARAMETERS: usize = 64;

/// Why nothing of it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParametersError {
    /// Over [`PARAMETERS_BYTES`].
    #[error("the parameters are longer than {PARAMETERS_BYTES} bytes")]
    TooLong,
    /// Over [`PARAMETERS`].
    #[error("there are more than {PARAMETERS} parameters")]
    TooMany,
    /// A `%` without two hexadecimal digits, or bytes that are not UTF-8.
    #[error("a parameter is not form-encoded UTF-8")]
    Malformed,
}

/// Decoded parameters by name. A name that came twice has no value at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameters {
    values: BTreeMap<String, String>,
    repeated: BTreeSet<String>,
}

impl Parameters {
    /// Decodes `octets`.
    pub fn parse(octets: &[u8]) -> Result<Self, ParametersError> {
        if octets.len() > PARAMETERS_BYTES {
            return Err(ParametersError::TooLong);
        }
        let mut found = Self::default();
        let pairs = octets.split(|&c| c == b'&').filter(|pair| !pair.is_empty());
        for (count, pair) in pairs.enumerate() {
            if count == PARAMETERS {
                return Err(ParametersError::TooMany);
            }
            let at = pair.iter().position(|&c| c == b'=').unwrap_or(pair.len());
            let (name, value) = (&pair[..at], pair.get(at + 1..).unwrap_or_default());
            found.add(decoded(name)?, decoded(value)?);
        }
        Ok(found)
    }

    fn add(&mut self, name: String, value: String) {
        if self.repeated.contains(&name) {
            return;
        }
        match self.values.remove(&name) {
            Some(_) => self.repeated.insert(name),
            None => self.values.insert(name, value).is_none(),
        };
    }

    /// The value of `name`; none if it is missing, empty, or came twice.
    pub fn value(&self, name: &str) -> Option<&str> {
        let value = self.values.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// Takes the value of `name` out; also if it came twice, and then it is nothing.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.repeated.remove(name);
        self.values.remove(name).filter(|value| !value.is_empty())
    }

    /// A name that came twice, if any did.
    pub fn repeated(&self) -> Option<&str> {
        self.repeated.iter().next().map(String::as_str)
    }

    /// All names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// From the members of a verified request object (RFC 9101 section 4): texts and numbers, nothing nested. The members
    /// that belong to the JWT itself are left out.
    pub(super) fn of_claims(claims: &serde_json::Map<String, serde_json::Value>) -> Option<Self> {
        const OF_THE_JWT: [&str; 6] = ["iss", "aud", "exp", "iat", "nbf", "jti"];
        let mut found = Self::default();
        for (name, value) in claims {
            let text = match value {
                _ if OF_THE_JWT.contains(&name.as_str()) => continue,
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Number(number) => number.to_string(),
                serde_json::Value::Bool(truth) => truth.to_string(),
                serde_json::Value::Null => continue,
                // `claims` is an object, and a request for claims is voluntary: nothing else that nests is known.
                _ if name == "claims" => continue,
                _ => return None,
            };
            if found.values.len() == PARAMETERS {
                return None;
            }
            found.add(name.clone(), text);
        }
        Some(found)
    }
}

fn decoded(raw: &[u8]) -> Result<String, ParametersError> {
    percent_decoded(raw)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or(ParametersError::Malformed)
}
