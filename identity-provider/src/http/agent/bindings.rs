//! `POST /agent/bindings`: the browser of a challenge offers its device.

use super::{Answered, answered, call, parse};
use crate::{
    app::App,
    domain::{
        agent,
        enrolment::{self, Offered},
    },
    http::Arrived,
};
use axum::{body::Bytes, extract::State, http::HeaderMap};
use standards::jose;
use wire::{
    reason::Reason,
    server::{BINDINGS, BindRequest, BindResponse},
    statement::{BINDING_TYP, Binding},
    version::V,
};

pub async fn post(
    State(app): State<App>,
    Arrived(now): Arrived,
    headers: HeaderMap,
    body: Bytes,
) -> Answered<BindResponse> {
    let request: BindRequest = parse(&body)?;
    let url = app.url(BINDINGS);
    let call = call(&headers, &url);
    let (device, offer) =
        agent::verified_statement::<Binding>(&app, &request.statement, BINDING_TYP).await?;
    let challenge = agent::challenge_of(&app, &offer.jti, call.cookie).await?;
    let ath = jose::digest(request.statement.as_bytes());
    let installation =
        agent::verified_proof(&app, &call, &ath, Some(&challenge.nonce), now).await?;
    if offer.iss != device.id {
        return Err(Reason::BadDeviceSignature.into());
    }
    // An installation that never registered is none of this device's.
    let registered = app
        .store
        .find_installation(&device.id, &installation)
        .await?
        .is_some();
    if offer.cnf.jkt != installation || !registered {
        return Err(Reason::BadInstallationProof.into());
    }
    if offer.aud != app.settings.origin {
        return Err(Reason::WrongOrigin.into());
    }
    if offer.nonce != challenge.nonce || offer.req != challenge.req {
        return Err(Reason::WrongNonce.into());
    }
    if agent::is_clock_off(offer.iat, now) {
        return Err(Reason::ClockOff.into());
    }
    if !challenge.is_open(now) {
        return Err(Reason::ChallengeClosed.into());
    }
    let (user, reasons) = match enrolment::offer(&app, &challenge, &device, &offer, now).await? {
        Offered::Bound(user) => (Some(user), Vec::new()),
        Offered::Waits(reasons) => (None, reasons),
        Offered::Refused(reason) => return Err(reason.into()),
    };
    // Bound or not, this challenge is not answered silently: nobody needs to wait for that.
    crate::domain::answer::not_enrolled(&app, &challenge, now).await?;
    answered(BindResponse {
        v: V,
        user,
        reasons,
    })
}
