//! `POST /agent/confirmations`: whether an ordinary factor passed in this browser, and whether that bound the device.

use super::{Answered, answered, call, parse};
use crate::{
    app::App,
    clock::{MINUTE, Millis},
    domain::{agent, enrolment},
    http::Arrived,
};
use axum::{body::Bytes, extract::State, http::HeaderMap};
use standards::jose;
use wire::{
    reason::Reason,
    server::{CONFIRMATIONS, ConfirmationRequest, ConfirmationResponse},
    version::V,
};

/// A worker that was asleep may ask a little later.
const WITHIN: Millis = 10 * MINUTE;

pub async fn post(
    State(app): State<App>,
    Arrived(now): Arrived,
    headers: HeaderMap,
    body: Bytes,
) -> Answered<ConfirmationResponse> {
    let request: ConfirmationRequest = parse(&body)?;
    let url = app.url(CONFIRMATIONS);
    let call = call(&headers, &url);
    let challenge = agent::challenge_of(&app, &request.challenge, call.cookie).await?;
    let installation = agent::verified_proof(&app, &call, &jose::digest(&body), None, now).await?;
    let device = app
        .store
        .find_device(&request.device)
        .await?
        .ok_or(Reason::NotEnrolled)?;
    if app
        .store
        .find_installation(&device.id, &installation)
        .await?
        .is_none()
    {
        return Err(Reason::BadInstallationProof.into());
    }
    if device.revoked_at != 0 {
        return Err(Reason::DeviceRevoked.into());
    }
    let passed = challenge.passed_at.is_some_and(|at| now - at <= WITHIN);
    let user = enrolment::active(&app, &challenge)
        .await?
        .filter(|_| passed);
    let bound = match &user {
        Some(user) => app
            .store
            .find_binding(&device.id, &installation, &user.id)
            .await?
            .is_some(),
        None => false,
    };
    answered(ConfirmationResponse {
        v: V,
        confirmed: user.map(|u| u.login),
        bound,
    })
}
