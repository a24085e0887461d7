//! `POST /agent/heartbeats`.

use super::{Answered, answered, call, parse};
use crate::{
    app::App,
    clock::SECOND,
    domain::{agent, enrolment},
    http::Arrived,
};
use axum::{body::Bytes, extract::State, http::HeaderMap};
use standards::jose;
use wire::{
    reason::Reason,
    server::{DeviceResponse, HEARTBEATS, HeartbeatRequest},
    statement::{HEARTBEAT_TYP, Heartbeat},
};

pub async fn post(
    State(app): State<App>,
    Arrived(now): Arrived,
    headers: HeaderMap,
    body: Bytes,
) -> Answered<DeviceResponse> {
    let request: HeartbeatRequest = parse(&body)?;
    let url = app.url(HEARTBEATS);
    let (device, beat) =
        agent::verified_statement::<Heartbeat>(&app, &request.statement, HEARTBEAT_TYP).await?;
    let ath = jose::digest(request.statement.as_bytes());
    let installation = agent::verified_proof(&app, &call(&headers, &url), &ath, None, now).await?;
    if beat.iss != device.id {
        return Err(Reason::BadDeviceSignature.into());
    }
    let registered = app
        .store
        .find_installation(&device.id, &installation)
        .await?
        .is_some();
    if beat.cnf.jkt != installation || !registered {
        return Err(Reason::BadInstallationProof.into());
    }
    if beat.aud != app.settings.origin {
        return Err(Reason::WrongOrigin.into());
    }
    if agent::is_clock_off(beat.iat, now) {
        return Err(Reason::ClockOff.into());
    }
    let is_token = beat
        .jti
        .bytes()
        .all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_');
    if !(22..=64).contains(&beat.jti.len()) || !is_token {
        return Err(Reason::Malformed.into());
    }
    let forget_at = now + 3 * agent::CLOCK_OFF_S * SECOND;
    if !app
        .store
        .note_once(
            "heartbeat",
            &format!("{}.{}", device.id, beat.jti),
            forget_at,
        )
        .await?
    {
        return Err(Reason::Replayed.into());
    }
    answered(enrolment::heartbeat(&app, device, &beat, now).await?)
}
