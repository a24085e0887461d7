//! What every message of an agent has to prove before anything in it is looked at.

use crate::{
    app::App,
    clock::{Millis, SECOND, seconds},
    domain::{challenge::Challenge, device::Device},
    store::StoreError,
};
use serde::de::DeserializeOwned;
use standards::jose::{
    self,
    dpop::{self, DpopError, Expected},
};
use wire::{
    id::{DeviceId, Digest, Nonce, Thumbprint},
    jws::{self, JwsError},
    reason::Reason,
};

/// How far `iat` may be off, in seconds.
pub const CLOCK_OFF_S: i64 = 120;

/// What HTTP says about a call.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The header `DPoP`.
    pub proof: Option<&'a str>,
    /// The browser cookie.
    pub cookie: Option<&'a str>,
    /// The full URL as this server knows itself.
    pub url: &'a str,
}

/// Why an agent gets no answer.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// A fact about its message.
    #[error("{}", .0.words())]
    Refused(Reason),
    /// Ours to mend.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Reason> for AgentError {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason)
    }
}

/// The device that a statement names, and the statement's claims if its key signed them. This says who speaks, not that
/// what is said is fresh or meant for this challenge.
pub async fn verified_statement<T: DeserializeOwned>(
    app: &App,
    statement: &str,
    typ: &str,
) -> Result<(Device, T), AgentError> {
    let header = jws::parse_compact(statement, typ).map_err(refusal)?.header;
    let device = app
        .store
        .find_device(&DeviceId::of_key(&header.kid))
        .await?;
    let device = device.ok_or(Reason::NotEnrolled)?;
    let claims = jose::verify_statement(statement, typ, &device.key).map_err(refusal)?;
    Ok((device, claims))
}

/// What a malformed or wrongly signed statement is called.
pub fn refusal(error: JwsError) -> Reason {
    match error {
        JwsError::Signature => Reason::BadDeviceSignature,
        JwsError::TooLong
        | JwsError::Shape
        | JwsError::Header
        | JwsError::Type
        | JwsError::Claims => Reason::Malformed,
    }
}

/// Verifies the DPoP proof of a call about `ath` and uses it up. Returns the installation that made it.
pub async fn verified_proof(
    app: &App,
    call: &Call<'_>,
    ath: &Digest,
    nonce: Option<&Nonce>,
    now: Millis,
) -> Result<Thumbprint, AgentError> {
    let proof = call.proof.ok_or(Reason::BadInstallationProof)?;
    let expected = Expected {
        method: "POST",
        url: call.url,
        now: seconds(now),
        ath,
        nonce,
        max_skew_s: CLOCK_OFF_S,
    };
    let proof = dpop::verify(proof, &expected).map_err(|error| match error {
        DpopError::Expired | DpopError::NotYetValid => Reason::ClockOff,
        DpopError::Nonce | DpopError::NonceMissing => Reason::WrongNonce,
        _ => Reason::BadInstallationProof,
    })?;
    // Known until the proof's own time has left the window on either side.
    let forget_at = now + 3 * CLOCK_OFF_S * SECOND;
    let used = format!("{}.{}", proof.jkt(), proof.jti());
    if !app.store.note_once("dpop", &used, forget_at).await? {
        return Err(Reason::Replayed.into());
    }
    Ok(proof.jkt().clone())
}

/// Whether a statement's `iat` is further off than two minutes.
pub fn is_clock_off(iat: i64, now: Millis) -> bool {
    iat.abs_diff(seconds(now)) > CLOCK_OFF_S.unsigned_abs()
}

/// The challenge that a message names, if the call comes from the browser that was asked.
pub async fn challenge_of(
    app: &App,
    id: &wire::id::ChallengeId,
    cookie: Option<&str>,
) -> Result<Challenge, AgentError> {
    let challenge = app
        .store
        .find_challenge(id)
        .await?
        .ok_or(Reason::ChallengeUnknown)?;
    if !challenge.is_browser(cookie) {
        return Err(Reason::WrongBrowser.into());
    }
    Ok(challenge)
}
