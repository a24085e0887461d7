//! `POST /agent/devices`: whoever has the organisation's token registers a device, which is bound to nobody.

use super::{Answered, answered, call, parse};
use crate::{
    app::App,
    domain::{agent, enrolment},
    http::{Arrived, ClientAddress},
    keys,
};
use axum::{body::Bytes, extract::State, http::HeaderMap};
use standards::jose;
use wire::{
    limits,
    reason::Reason,
    server::{DEVICES, DeviceResponse, RegisterRequest},
};

pub async fn post(
    State(app): State<App>,
    Arrived(now): Arrived,
    ClientAddress(from): ClientAddress,
    headers: HeaderMap,
    body: Bytes,
) -> Answered<DeviceResponse> {
    if !app.limits.allows_registration(from) {
        return Err(Reason::RateLimited.into());
    }
    let request: RegisterRequest = parse(&body)?;
    let hash = keys::hash(request.token.as_bytes());
    if app
        .store
        .find_token("enrolment", &hash, now)
        .await?
        .is_none()
    {
        return Err(Reason::ServerRefused.into());
    }
    let registration = jose::verify_registration(&request.statement).map_err(agent::refusal)?;
    let url = app.url(DEVICES);
    let ath = jose::digest(request.statement.as_bytes());
    let installation = agent::verified_proof(&app, &call(&headers, &url), &ath, None, now).await?;
    if registration.cnf.jkt != installation {
        return Err(Reason::BadInstallationProof.into());
    }
    if registration.aud != app.settings.origin {
        return Err(Reason::WrongOrigin.into());
    }
    if agent::is_clock_off(registration.iat, now) {
        return Err(Reason::ClockOff.into());
    }
    let email = request.profile_email.unwrap_or_default();
    if email.len() > limits::USER_NAME {
        return Err(Reason::Malformed.into());
    }
    answered(enrolment::register(&app, &registration, &email, now).await??)
}
