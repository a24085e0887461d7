//! OpenID Connect as a provider speaks it: Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0, with OAuth 2.0 (RFC 6749,
//! 6750, 7636), request objects (RFC 9101) and the issuer in the answer (RFC 9207). Code flow only.
//!
//! # Who could cheat, and how
//!
//! Anybody can send a browser to the authorization endpoint, and anybody can call the token endpoint. Each line is a test,
//! here (`tests/it/oidc_*`) or, where the database decides, of the identity provider (`tests/it/oidc_*`).
//!
//! **Authorization request** ([`authorization_request`]).
//! - *Open redirect*: a `redirect_uri` of his own, or one that only resembles a registered one (prefix, case, port, dot
//!   segments, user info, trailing slash). Compared byte for byte; until it is, errors are a page of ours and nothing
//!   leaves the server.
//! - *Another's client*: each connection is an issuer of its own with one client; another `client_id` is a page of ours.
//! - *Duplicated parameters*, so that two readers see two values: any name twice is refused.
//! - *Response mode abuse* (fragment, or a mode smuggled beside a signed request): only `query` and `form_post`, and where
//!   a request object is, only its own members count.
//! - *Unsigned where signed is agreed*, `alg: none`, `HS256` under the text of a public key, another HMAC key, `kid`, `jku`,
//!   `x5u` or `jwk` that point at a key of his: the algorithm is the one that was registered and it picks the kind of key;
//!   keys come from the registration only, and nothing is ever fetched.
//! - *Stale or replayed request object*: `exp`, `nbf`, `iat` against our clock; the same request is the same challenge, and
//!   that belongs to one browser and gives one code.
//! - *Request object for another audience or from another issuer*: `aud` and `iss` are demanded.
//! - *PKCE downgrade*: `plain`, a challenge without method, none at all by a public client, a verifier where no challenge
//!   was, none where one was.
//! - *Code injection*: a request with neither `nonce` nor `code_challenge` is refused, because nothing would tie its code
//!   to it.
//! - *Oversize*: length, count and depth of everything are bounded before it is read.
//!
//! **Token request** ([`token_request`]).
//! - *Code of another client, another redirect URI, another verifier, twice, late*: the code's own record decides; a second
//!   use revokes what the first gave, and a wrong one uses the code up.
//! - *Two ways to authenticate at once*, a way that was not registered, a wrong secret: `invalid_client`.
//! - *Client assertion* that is replayed, stale, immortal, for another audience, by another client, or not signed as
//!   registered ([`client_assertion`]).
//!
//! **Answers.** *Mixed-up issuer*: `iss` in every answer to the browser, and an issuer of its own per connection, so that a
//! token of one connection is worthless at another. **Logout** ([`logout`]). *CSRF*: without a token of ours as hint the
//! person is asked; a hint ends only the sign-in that it names. *Open redirect*: registered URIs only, byte for byte.

pub mod authorization_request;
pub mod client;
pub mod client_assertion;
pub mod discovery;
pub mod id_token;
pub mod jwk;
pub mod jwt;
pub mod logout;
pub mod parameters;
pub mod pkce;
mod time;
pub mod token_request;

/// The error codes of RFC 6749, OpenID Connect Core and RFC 6750 that we answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// A parameter is missing, twice, or malformed.
    InvalidRequest,
    /// The client is not who it says.
    InvalidClient,
    /// The code is unknown, used, late, or another's.
    InvalidGrant,
    /// No such grant here.
    UnsupportedGrantType,
    /// Only `code`.
    UnsupportedResponseType,
    /// `openid` is missing.
    InvalidScope,
    /// The person, or policy, said no.
    AccessDenied,
    /// `prompt=none`, and nothing is remembered.
    LoginRequired,
    /// The request object does not hold.
    InvalidRequestObject,
    /// This client registered no way to sign requests.
    RequestNotSupported,
    /// Requests by reference are not fetched.
    RequestUriNotSupported,
    /// Clients are registered by an administrator.
    RegistrationNotSupported,
    /// The access token is unknown, late or revoked.
    InvalidToken,
    /// Something of ours failed.
    ServerError,
}

impl ErrorCode {
    /// As it is written.
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::AccessDenied => "access_denied",
            Self::LoginRequired => "login_required",
            Self::InvalidRequestObject => "invalid_request_object",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::InvalidToken => "invalid_token",
            Self::ServerError => "server_error",
        }
    }
}
