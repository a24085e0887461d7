//! Registering the device, binding it to a person, and signs of life.

use super::{host, person, server, store, with};
use crate::{
    browser,
    challenge::{self, Registration},
    connection::{self, Wish},
    digest,
};
use server::Proof;
use wire::{
    host::{RequestBody, ResponseBody},
    id::{ChallengeId, DeviceId, Digest, Nonce, Origin, Thumbprint, UserName},
    jws::Jwk,
    reason::Reason,
    server::{
        BINDINGS, BindRequest, BindResponse, DEVICES, DeviceResponse, DeviceStatus, HEARTBEATS,
        HeartbeatRequest, RegisterRequest,
    },
    statement::Provenance,
    version::V,
};

/// The alarm that asks for a heartbeat.
pub const HEARTBEAT_ALARM: &str = "heartbeat";

/// The installation key's thumbprint and public half; makes the key if there is none. The same for a worker's life: what
/// the browser evicts meanwhile is noticed by the next worker.
pub async fn installation() -> Result<(Thumbprint, Jwk), Reason> {
    if let Some(known) = with(|w| w.installation.clone()).flatten() {
        return Ok(known);
    }
    let text = browser::installation_key().await;
    let jwk: Jwk = text
        .and_then(|text| serde_json::from_slice(text.as_bytes()).ok())
        .ok_or(Reason::KeystoreFailed)?;
    let thumbprint = digest::thumbprint(&jwk).ok_or(Reason::KeystoreFailed)?;
    with(|w| w.installation = Some((thumbprint.clone(), jwk.clone())));
    Ok((thumbprint, jwk))
}

/// Registers what is not registered, and sees to the alarm. Called whenever the worker wakes.
pub async fn keep_up() {
    let (configured, registered) = with(|w| {
        let configured = w.configuration().is_some();
        (configured, w.registration.clone())
    })
    .unwrap_or_default();
    if !configured {
        return;
    }
    if !browser::has_alarm(HEARTBEAT_ALARM).await {
        browser::set_alarm(HEARTBEAT_ALARM, FIRST_HEARTBEAT_MS).await;
    }
    match registered {
        None => drop(register(Wish::Routine).await),
        Some(registered) => {
            // The browser may have evicted the key: then this is another installation.
            if let Ok((installation, _)) = installation().await
                && (installation.as_str() != registered.installation
                    || with(|w| w.is_registered_elsewhere()) == Some(true))
            {
                let _ = register(Wish::Routine).await;
            }
        }
    }
}

/// Registers device and installation with the organisation's token, unless they are registered.
pub async fn register(wish: Wish) -> Result<DeviceId, Reason> {
    for _ in 0..100 {
        if with(|w| !std::mem::replace(&mut w.enrolling, true)) == Some(true) {
            let result = register_alone(wish).await;
            with(|w| w.enrolling = false);
            return result;
        }
        browser::sleep(50.0).await;
    }
    Err(Reason::HostFailed)
}

/// The server does not know the registration (any more).
pub async fn forget_registration() {
    with(|w| w.registration = None);
    let _ = browser::local_remove(store::REGISTRATION).await;
}

async fn register_alone(wish: Wish) -> Result<DeviceId, Reason> {
    let (installation, _) = installation().await?;
    let device = match host::request(wish, RequestBody::EnsureDeviceKey {}).await? {
        ResponseBody::DeviceKey { device, .. } => device,
        other => return Err(reason_of(other)),
    };
    let (configuration, known) =
        with(|w| (w.configuration().cloned(), w.registration.clone())).unwrap_or_default();
    let configuration = configuration.ok_or(Reason::NotConfigured)?;
    let server = configuration.server_origin.as_str();
    if !challenge::must_register(known.as_ref(), &device, installation.as_str(), server) {
        return Ok(device);
    }
    let token = configuration.enrolment_token.ok_or(Reason::NotEnrolled)?;
    let register = RequestBody::Register {
        installation: installation.clone(),
    };
    let statement = signed(host::request(wish, register).await?)?;
    let request = RegisterRequest {
        v: V,
        token,
        profile_email: browser::profile_email().await,
        statement: statement.clone(),
    };
    let response: DeviceResponse = server::post(DEVICES, &request, Proof::Statement(&statement))
        .await
        .map_err(|refused| refused.reason)?;
    let registration = Registration {
        device: device.clone(),
        installation: installation.into(),
        server: server.to_owned(),
    };
    with(|w| w.registration = Some(registration.clone()));
    store::keep(store::REGISTRATION, &registration).await;
    host::status_changed();
    apply(&response).await;
    Ok(device)
}

/// One signed sign of life.
pub async fn heartbeat() {
    let Ok(_) = register(Wish::Routine).await else {
        return;
    };
    let Ok((installation, _)) = installation().await else {
        return;
    };
    let learning = with(|w| w.learning.clone()).unwrap_or_default();
    let body = RequestBody::Heartbeat {
        installation,
        extension: browser::version(),
        learning,
    };
    let statement = match host::request(Wish::Routine, body).await.map(signed) {
        Ok(Ok(statement)) => statement,
        _ => return,
    };
    let request = HeartbeatRequest {
        v: V,
        statement: statement.clone(),
    };
    let response: Result<DeviceResponse, _> =
        server::post(HEARTBEATS, &request, Proof::Statement(&statement)).await;
    match response {
        Ok(response) => apply(&response).await,
        Err(refused)
            if matches!(
                refused.reason,
                Reason::NotEnrolled | Reason::BadInstallationProof
            ) =>
        {
            forget_registration().await;
            let _ = register(Wish::Routine).await;
        }
        Err(_) => {}
    }
}

/// What the challenge page's request is about.
pub struct Asked<'a> {
    /// The page's origin, from the browser.
    pub origin: Origin,
    /// The challenge.
    pub challenge: &'a ChallengeId,
    /// Its nonce.
    pub nonce: &'a Nonce,
    /// Its request digest.
    pub req: &'a Digest,
    /// Where the sign-in came from.
    pub provenance: Provenance,
}

/// Offers this device for the person of a challenge. The server binds at once, or remembers the offer.
pub async fn offer_binding(asked: Asked<'_>) -> Result<BindResponse, Reason> {
    register(Wish::Person).await?;
    let (installation, _) = installation().await?;
    let body = RequestBody::OfferBinding {
        origin: asked.origin,
        challenge: asked.challenge.clone(),
        nonce: asked.nonce.clone(),
        req: asked.req.clone(),
        installation,
        provenance: asked.provenance,
    };
    let statement = signed(host::request(Wish::Person, body).await?)?;
    let request = BindRequest {
        v: V,
        statement: statement.clone(),
    };
    let proof = Proof::StatementFor(&statement, asked.nonce);
    let response: BindResponse = server::post(BINDINGS, &request, proof)
        .await
        .map_err(|refused| refused.reason)?;
    if let Some(user) = &response.user {
        bound(user).await?;
    }
    Ok(response)
}

/// The server has bound this device and installation to `user`, who is here now.
pub async fn bound(user: &UserName) -> Result<(), Reason> {
    record(user).await?;
    person::hold(user).await;
    person::keep_new().await;
    Ok(())
}

/// The host writes its own record of a binding that the server made.
async fn record(user: &UserName) -> Result<(), Reason> {
    let known = host::status(Wish::Person).await?;
    if known.bindings.contains(user) {
        return Ok(());
    }
    let record = RequestBody::RecordBinding { user: user.clone() };
    match host::request(Wish::Person, record).await? {
        ResponseBody::Done {} => {
            host::status_changed();
            Ok(())
        }
        other => Err(reason_of(other)),
    }
}

/// Carries out what the server says about this device.
async fn apply(response: &DeviceResponse) {
    let next = f64::from(response.next_heartbeat_ms).clamp(30_000.0, LONGEST_HEARTBEAT_MS);
    browser::set_alarm(HEARTBEAT_ALARM, next).await;
    for user in &response.wipe {
        wipe(user).await;
    }
    for user in &response.users {
        // Bound meanwhile, by a help desk for example. If the host cannot write now, the next heartbeat says it again.
        let _ = record(user).await;
    }
    if response.status == DeviceStatus::Revoked {
        let stored = with(|w| w.person.stored()).unwrap_or_default();
        for stored in stored {
            wipe(&stored.user).await;
        }
    }
}

async fn wipe(user: &UserName) {
    person::forget(user).await;
    let remove = RequestBody::RemoveBinding { user: user.clone() };
    let _ = host::request(Wish::Routine, remove).await;
    host::status_changed();
}

/// The statement of a response, or why there is none.
pub fn signed(response: ResponseBody) -> Result<String, Reason> {
    match response {
        ResponseBody::Signed { statement } => Ok(statement),
        other => Err(reason_of(other)),
    }
}

fn reason_of(response: ResponseBody) -> Reason {
    match response {
        ResponseBody::Refused { fault, .. } => connection::reason_of_fault(fault),
        _ => Reason::HostFailed,
    }
}

const FIRST_HEARTBEAT_MS: f64 = 60_000.0;
const LONGEST_HEARTBEAT_MS: f64 = 86_400_000.0;
