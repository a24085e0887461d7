//! Shared Signals from us to an org: each connection is a transmitter of its own, with the connection's signing keys.

use crate::{
    app::App, clock::seconds, domain::okta::OktaOrg, http::oidc::SignerError,
    store::okta::ActionRow,
};
use standards::{
    oidc::jwt::Alg,
    secevent::{Event, SecurityEvent},
};
use wire::id::ConnectionId;

/// What an administrator of the org reads there.
const REASON: &str =
    "Tacit noticed that somebody else was at the keyboard of a device of this person";

/// Why no event can be signed.
#[derive(Debug, thiserror::Error)]
pub enum TransmitterError {
    /// The signing key.
    #[error(transparent)]
    Key(#[from] SignerError),
    /// The key is none that Okta takes for events.
    #[error("Okta takes security events by RS256 only, and this connection's key signs with {0}")]
    Algorithm(&'static str),
    /// The library refused.
    #[error("the signing key does not sign")]
    Sign,
}

/// Who speaks: the `iss` of the events of a connection.
pub fn issuer(app: &App, connection: &ConnectionId) -> String {
    app.url(&format!("/ssf/{connection}"))
}

/// Where the transmitter describes itself; what the org is told when the transmitter is registered there.
pub fn well_known_url(app: &App, connection: &ConnectionId) -> String {
    format!("{}/.well-known/ssf-configuration", issuer(app, connection))
}

/// Where its keys are.
pub fn jwks_url(app: &App, connection: &ConnectionId) -> String {
    format!("{}/jwks", issuer(app, connection))
}

/// A signed event for an action. Its `jti` is the action's name: signed again, it is the same event.
pub async fn sign(
    app: &App,
    org: &OktaOrg,
    action: &ActionRow,
    event: Event,
    email: &str,
) -> Result<String, TransmitterError> {
    let signer = app.oidc.signer(app, &org.connection).await?;
    if signer.alg() != Alg::RS256 {
        return Err(TransmitterError::Algorithm(signer.alg().name()));
    }
    let token = SecurityEvent {
        issuer: &issuer(app, &org.connection),
        audience: org.org.as_str(),
        jti: &action.id,
        issued_at: seconds(app.now_ms()),
        happened_at: seconds(action.created_at),
        email,
        event,
        reason: REASON,
    };
    let input = token.signing_input(signer.alg(), &signer.kid);
    let signature = signer
        .sign(input.as_bytes())
        .ok_or(TransmitterError::Sign)?;
    Ok(wire::jws::compact(&input, &signature))
}
