//! What an administrator registered for a client, in the words of OpenID Connect Dynamic Client Registration 1.0 section 2
//! and RFC 8414. Clients do not register themselves.

use super::{jwk::JwkSet, jwt::Alg};
use serde::{Deserialize, Serialize};
use url::Url;

/// Registered URIs of one kind.
pub const URIS: usize = 32;
/// One URI, in bytes.
pub const URI_BYTES: usize = 1_000;
/// Parameters that an answer adds to a redirect URI, and that it therefore may not bring along.
const RESERVED: [&str; 7] = [
    "code",
    "state",
    "iss",
    "error",
    "error_description",
    "error_uri",
    "session_state",
];

/// One registered client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its name here.
    pub client_id: String,
    /// Where answers may go, byte for byte.
    pub redirect_uris: Vec<String>,
    /// Where a logout may lead, byte for byte.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// How it shows that it is itself.
    pub token_endpoint_auth_method: AuthMethod,
    /// The algorithm of its assertions, for the two methods that have some.
    #[serde(default)]
    pub token_endpoint_auth_signing_alg: Option<Alg>,
    /// The algorithm of its request objects; once there is one, a request without is refused.
    #[serde(default)]
    pub request_object_signing_alg: Option<Alg>,
    /// The algorithm of its ID tokens: RS256 or ES256.
    pub id_token_signed_response_alg: Alg,
    /// Its public keys; never fetched from anywhere.
    #[serde(default)]
    pub jwks: JwkSet,
    /// Whether it has to use PKCE although it has a secret.
    #[serde(default)]
    pub require_pkce: bool,
}

/// How a client shows that it is itself (OpenID Connect Core section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// A secret, in the body or in the `Authorization` header.
    ClientSecret,
    /// An assertion by the secret.
    ClientSecretJwt,
    /// An assertion by a private key.
    PrivateKeyJwt,
    /// Not at all: a public client, held by PKCE.
    None,
}

/// Why a registration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// There has to be one.
    #[error("a client needs a redirect URI")]
    NoRedirectUri,
    /// Over [`URIS`].
    #[error("more than {URIS} URIs of one kind")]
    TooMany,
    /// Not a URI that an answer may go to.
    #[error("{0}: {1}")]
    Uri(String, &'static str),
    /// An algorithm that the client has nothing to sign with.
    #[error("{} needs {needs}", alg.name())]
    Algorithm {
        /// The algorithm.
        alg: Alg,
        /// What is missing.
        needs: &'static str,
    },
    /// Only two are made.
    #[error("ID tokens are signed RS256 or ES256, not {}", .0.name())]
    IdTokenAlgorithm(Alg),
}

impl Client {
    /// Refuses what would be unsafe or could never work.
    pub fn checked(self) -> Result<Self, ClientError> {
        if self.redirect_uris.is_empty() {
            return Err(ClientError::NoRedirectUri);
        }
        let lists = [&self.redirect_uris, &self.post_logout_redirect_uris];
        if lists.iter().any(|list| list.len() > URIS) {
            return Err(ClientError::TooMany);
        }
        for uri in lists.into_iter().flatten() {
            check_uri(uri, self.is_public()).map_err(|why| ClientError::Uri(uri.clone(), why))?;
        }
        if !matches!(self.id_token_signed_response_alg, Alg::RS256 | Alg::ES256) {
            return Err(ClientError::IdTokenAlgorithm(
                self.id_token_signed_response_alg,
            ));
        }
        self.check_algorithms()?;
        Ok(self)
    }

    fn check_algorithms(&self) -> Result<(), ClientError> {
        let assertion = self.token_endpoint_auth_signing_alg;
        match (self.token_endpoint_auth_method, assertion) {
            (AuthMethod::ClientSecretJwt, Some(alg)) if !alg.is_symmetric() => {
                return Err(ClientError::Algorithm {
                    alg,
                    needs: "--client-auth private-key-jwt",
                });
            }
            (AuthMethod::PrivateKeyJwt, Some(alg)) if alg.is_symmetric() => {
                return Err(ClientError::Algorithm {
                    alg,
                    needs: "--client-auth client-secret-jwt",
                });
            }
            _ => {}
        }
        for alg in [assertion, self.request_object_signing_alg]
            .into_iter()
            .flatten()
        {
            if alg.is_symmetric() && !self.has_secret() {
                return Err(ClientError::Algorithm {
                    alg,
                    needs: "a client with a secret",
                });
            }
            if !alg.is_symmetric() && self.jwks.keys.is_empty() {
                return Err(ClientError::Algorithm {
                    alg,
                    needs: "the client's public keys: --client-jwks FILE",
                });
            }
        }
        Ok(())
    }

    /// Whether it cannot keep a secret.
    pub const fn is_public(&self) -> bool {
        matches!(self.token_endpoint_auth_method, AuthMethod::None)
    }

    /// Whether it has a secret.
    pub const fn has_secret(&self) -> bool {
        matches!(
            self.token_endpoint_auth_method,
            AuthMethod::ClientSecret | AuthMethod::ClientSecretJwt
        )
    }

    /// Whether its secret has to be known in the clear, to compute with it, and not only as a hash.
    pub fn computes_with_its_secret(&self) -> bool {
        let by_secret = self
            .request_object_signing_alg
            .is_some_and(Alg::is_symmetric);
        by_secret || self.token_endpoint_auth_method == AuthMethod::ClientSecretJwt
    }

    /// The algorithm of its assertions, if it makes any.
    pub fn assertion_alg(&self) -> Option<Alg> {
        match self.token_endpoint_auth_method {
            AuthMethod::ClientSecretJwt => {
                Some(self.token_endpoint_auth_signing_alg.unwrap_or(Alg::HS256))
            }
            AuthMethod::PrivateKeyJwt => {
                Some(self.token_endpoint_auth_signing_alg.unwrap_or(Alg::RS256))
            }
            AuthMethod::ClientSecret | AuthMethod::None => None,
        }
    }

    /// Whether answers may go to `uri`.
    pub fn redirects_to(&self, uri: &str) -> bool {
        self.redirect_uris
            .iter()
            .any(|registered| registered == uri)
    }
}

/// RFC 6749 section 3.1.2, RFC 8252 section 7.3, RFC 9700 section 2.6: absolute, no fragment, https; plain http only to this
/// machine itself and only for clients that live on it.
fn check_uri(uri: &str, is_public: bool) -> Result<(), &'static str> {
    let plain = |c: u8| c.is_ascii_graphic() && !b"\"'<>\\^`{|}*".contains(&c);
    if uri.len() > URI_BYTES {
        return Err("it is too long");
    }
    if !uri.bytes().all(plain) {
        return Err("it has characters that a URI does not have, or a wildcard");
    }
    let url = Url::parse(uri).map_err(|_| "it is no absolute URI")?;
    if url.fragment().is_some() {
        return Err("it has a fragment");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it has user information");
    }
    if url
        .query_pairs()
        .any(|(name, _)| RESERVED.contains(&name.as_ref()))
    {
        return Err("its query has a parameter that an answer adds");
    }
    let is_loopback = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback && is_public => Ok(()),
        _ => Err("it is not https (http only to this machine, for a client without secret)"),
    }
}
