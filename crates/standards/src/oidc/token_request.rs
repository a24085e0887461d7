//! The token request (RFC 6749 section 4.1.3, OpenID Connect Core section 3.1.3.1): what it says, before anything of it is
//! believed.

use super::{ErrorCode, client_assertion, parameters::Parameters};
use crate::saml::binding::percent_decoded;
use base64::{Engine, engine::general_purpose::STANDARD};

/// An `Authorization` header, in bytes.
pub const AUTHORIZATION_BYTES: usize = 2_048;

/// What a client sends to have tokens for its code.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// How the client says that it is itself.
    pub credentials: Credentials,
    /// The code.
    pub code: String,
    /// The redirect URI of the authorization request, again.
    pub redirect_uri: Option<String>,
    /// PKCE's.
    pub code_verifier: Option<String>,
}

/// How the client says that it is itself.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// By its secret, in the body or in the header.
    Secret {
        /// Its name.
        client_id: String,
        /// Its secret.
        secret: String,
    },
    /// By an assertion.
    Assertion {
        /// The JWT.
        jwt: String,
        /// Its name, if it is said beside the assertion.
        client_id: Option<String>,
    },
    /// Not at all.
    Public {
        /// Its name.
        client_id: String,
    },
}

impl std::fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenRequest(..)")
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// Why a token request cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRequestError {
    /// Two values would be two requests.
    #[error("a parameter came twice")]
    Repeated,
    /// There has to be one.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// Not `authorization_code`.
    #[error("grant_type has to be authorization_code")]
    GrantType,
    /// More than one way at once (RFC 6749 section 2.3).
    #[error("the client shows itself in more than one way at once")]
    SeveralCredentials,
    /// Not `Basic` with a form-encoded name and secret.
    #[error("the Authorization header is not HTTP Basic of a client_id and a secret")]
    Authorization,
    /// Neither client_id nor credentials.
    #[error("the client does not say who it is")]
    NoClient,
    /// An assertion of another type.
    #[error("client_assertion_type has to be {}", client_assertion::TYPE)]
    AssertionType,
}

impl TokenRequestError {
    /// For the client.
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::GrantType => ErrorCode::UnsupportedGrantType,
            Self::Authorization | Self::NoClient | Self::AssertionType => ErrorCode::InvalidClient,
            _ => ErrorCode::InvalidRequest,
        }
    }
}

impl TokenRequest {
    /// Reads `parameters` of the body and the `Authorization` header.
    pub fn read(
        parameters: &Parameters,
        authorization: Option<&str>,
    ) -> Result<Self, TokenRequestError> {
        use TokenRequestError as E;
        if parameters.repeated().is_some() {
            return Err(E::Repeated);
        }
        let value = |name| parameters.value(name);
        let grant_type = value("grant_type").ok_or(E::Missing("grant_type"))?;
        if grant_type != "authorization_code" {
            return Err(E::GrantType);
        }
        Ok(Self {
            credentials: credentials(parameters, authorization)?,
            code: value("code").ok_or(E::Missing("code"))?.into(),
            redirect_uri: value("redirect_uri").map(Into::into),
            code_verifier: value("code_verifier").map(Into::into),
        })
    }
}

fn credentials(
    parameters: &Parameters,
    authorization: Option<&str>,
) -> Result<Credentials, TokenRequestError> {
    use TokenRequestError as E;
    let value = |name| parameters.value(name).map(str::to_owned);
    let client_id = value("client_id");
    match (
        authorization,
        value("client_secret"),
        value("client_assertion"),
    ) {
        (None, None, None) => {
            let client_id = client_id.ok_or(E::NoClient)?;
            Ok(Credentials::Public { client_id })
        }
        (None, Some(secret), None) => {
            let client_id = client_id.ok_or(E::NoClient)?;
            Ok(Credentials::Secret { client_id, secret })
        }
        (None, None, Some(jwt)) => match parameters.value("client_assertion_type") {
            Some(client_assertion::TYPE) => Ok(Credentials::Assertion { jwt, client_id }),
            _ => Err(E::AssertionType),
        },
        (Some(header), None, None) => {
            let (named, secret) = basic(header).ok_or(E::Authorization)?;
            match client_id.is_none_or(|id| id == named) {
                true => Ok(Credentials::Secret {
                    client_id: named,
                    secret,
                }),
                false => Err(E::SeveralCredentials),
            }
        }
        _ => Err(E::SeveralCredentials),
    }
}

/// RFC 6749 section 2.3.1: name and secret are form-encoded before they are joined and encoded as base64.
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, text) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || header.len() > AUTHORIZATION_BYTES {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok()?;
    let (name, secret) = pair.split_once(':')?;
    let decoded =
        |part: &str| percent_decoded(part.as_bytes()).and_then(|b| String::from_utf8(b).ok());
    Some((decoded(name)?, decoded(secret)?))
}
