//! RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0): what a request says.

use super::{
    authorization_request::{STATE_BYTES, location},
    client::Client,
    id_token::Hint,
    jwk::JwkSet,
    parameters::Parameters,
};
use std::borrow::Cow;

/// A logout request whose parts fit together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogoutRequest {
    /// Whose sign-in shall end; without it the person has to be asked.
    pub hint: Option<Hint>,
    /// Where to go afterwards: a registered URI, with `state`.
    pub onward: Option<String>,
}

/// Why a logout request is refused. All of these are a page of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LogoutError {
    /// Two values would be two requests.
    #[error("a parameter came twice")]
    Repeated,
    /// Another connection's client.
    #[error("client_id is not this connection's client")]
    ClientId,
    /// Not ours, or not for this client.
    #[error("id_token_hint is not an ID token that was given to this client")]
    Hint,
    /// Not registered byte for byte.
    #[error(
        "post_logout_redirect_uri is not registered for this client (it is compared byte for byte)"
    )]
    Redirect,
    /// Over its bound.
    #[error("state is too long")]
    State,
}

/// Reads a request for `issuer`, whose keys are `ours`.
pub fn verify(
    parameters: &Parameters,
    client: &Client,
    issuer: &str,
    ours: &JwkSet,
) -> Result<LogoutRequest, LogoutError> {
    if parameters.repeated().is_some() {
        return Err(LogoutError::Repeated);
    }
    if parameters
        .value("client_id")
        .is_some_and(|id| id != client.client_id)
    {
        return Err(LogoutError::ClientId);
    }
    let alg = client.id_token_signed_response_alg;
    let hint = parameters
        .value("id_token_hint")
        .map(|text| Hint::verify(text, issuer, &client.client_id, alg, ours))
        .transpose()
        .map_err(|_| LogoutError::Hint)?;
    let state = parameters.value("state");
    if state.is_some_and(|state| state.len() > STATE_BYTES) {
        return Err(LogoutError::State);
    }
    let onward = match parameters.value("post_logout_redirect_uri") {
        None => None,
        Some(uri)
            if client
                .post_logout_redirect_uris
                .iter()
                .any(|known| known == uri) =>
        {
            Some(match state {
                Some(state) => location(uri, &[("state", Cow::Borrowed(state))]),
                None => uri.to_owned(),
            })
        }
        Some(_) => return Err(LogoutError::Redirect),
    };
    Ok(LogoutRequest { hint, onward })
}
