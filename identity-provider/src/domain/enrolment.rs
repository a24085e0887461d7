//! How a device and a browser profile come to answer for a person.

use crate::{
    app::App,
    clock::{DAY, Millis},
    domain::{
        challenge::{Candidate, Challenge},
        device::{Binding, Device},
        notice::{self, Notice},
        user::{User, UserId},
    },
    random,
    store::{Store, StoreError, decision::Event},
};
use std::collections::BTreeMap;
use wire::{
    id::{DeviceId, Thumbprint, UserName},
    reason::Reason,
    server::{DeviceResponse, DeviceStatus},
    statement,
    version::V,
};

/// How long after a binding no further factor may be added.
pub const HOLD: Millis = DAY;
/// When the next heartbeat is wanted.
pub const HEARTBEAT_EVERY: Millis = 6 * crate::clock::HOUR;

/// How a binding came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// First use in a roll-out window.
    Rollout,
    /// A help-desk code.
    Code,
}

impl How {
    const fn code(self) -> &'static str {
        match self {
            Self::Rollout => "rollout",
            Self::Code => "code",
        }
    }

    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Rollout => "first use during a roll-out",
            Self::Code => "a code of the help desk",
        }
    }
}

/// Takes in a device that proved to have its key; it is pending until somebody is bound to it.
pub async fn register(
    app: &App,
    registration: &statement::Registration,
    profile_email: &str,
    now: Millis,
) -> Result<Result<DeviceResponse, Reason>, StoreError> {
    let known = app.store.find_device(&registration.iss).await?;
    // A key that is known stays where it was made, whatever is said of it later.
    let recorded = known.as_ref().map(|known| known.protection_class);
    let said = registration.protection_class;
    let device = Device {
        id: registration.iss.clone(),
        key: registration.jwk.clone(),
        bound: false,
        revoked_at: 0,
        protection_class: recorded.map_or(said, |recorded| recorded.min(said)),
        os_account: bounded(&registration.os_account),
        profile_email: bounded(profile_email),
        posture: registration.posture.clone(),
        extension: String::new(),
        host: String::new(),
        registered_at: now,
        last_seen: now,
    };
    if let Some(known) = known
        && known.is_expired(now)
    {
        app.store.expire_bindings(&device.id, now).await?;
    }
    let installation = &registration.cnf.jkt;
    if !app.store.put_device(&device, installation, now).await? {
        return Ok(Err(Reason::DeviceRevoked));
    }
    tracing::info!(device = %device.id, class = device.protection_class.code(), "device registered");
    Ok(Ok(
        state_of(&app.store, &device.id, installation, now).await?
    ))
}

/// A sign of life of a known device and installation.
pub async fn heartbeat(
    app: &App,
    device: Device,
    beat: &statement::Heartbeat,
    now: Millis,
) -> Result<DeviceResponse, StoreError> {
    let installation = &beat.cnf.jkt;
    if device.revoked_at == 0 {
        if device.is_expired(now) {
            app.store.expire_bindings(&device.id, now).await?;
        }
        let id = device.id.clone();
        let seen = Device {
            protection_class: device.protection_class.min(beat.protection_class),
            posture: beat.posture.clone(),
            extension: bounded(&beat.extension),
            host: bounded(&beat.host),
            ..device
        };
        app.store.touch_device(&seen, installation, now).await?;
        for learning in beat.learning.iter().take(wire::limits::LIST) {
            if let Some(user) = app.store.find_user_by_name(learning.user.as_str()).await? {
                app.store.put_learning(&user.id, &id, learning, now).await?;
            }
        }
    }
    state_of(&app.store, &beat.iss, installation, now).await
}

async fn state_of(
    store: &Store,
    device: &DeviceId,
    installation: &Thumbprint,
    now: Millis,
) -> Result<DeviceResponse, StoreError> {
    let status = match store.find_device(device).await? {
        Some(device) => device.status(now),
        None => DeviceStatus::Pending,
    };
    Ok(DeviceResponse {
        v: V,
        device: device.clone(),
        status,
        users: match status {
            DeviceStatus::Revoked => Vec::new(),
            _ => store.logins_bound_to(device, installation).await?,
        },
        wipe: store.logins_to_wipe(device).await?,
        next_heartbeat_ms: u32::try_from(HEARTBEAT_EVERY).unwrap_or(u32::MAX),
    })
}

/// What becomes of a device that a challenge's browser offers for binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offered {
    /// Bound at once.
    Bound(UserName),
    /// Waits for a supervised factor of this challenge.
    Waits(Vec<Reason>),
    /// Not even that.
    Refused(Reason),
}

/// Looks at a verified offer: binds at once inside a roll-out window, else remembers the candidate.
pub async fn offer(
    app: &App,
    challenge: &Challenge,
    device: &Device,
    offer: &statement::Binding,
    now: Millis,
) -> Result<Offered, StoreError> {
    if !offer.provenance.is_proven() {
        return Ok(Offered::Refused(
            offer
                .provenance
                .broken_by
                .unwrap_or(Reason::StartedElsewhere),
        ));
    }
    if let Some(reason) = device.refusal(now) {
        return Ok(Offered::Refused(reason));
    }
    let candidate = Candidate {
        device: device.id.clone(),
        installation: offer.cnf.jkt.clone(),
    };
    if !app
        .store
        .offer_candidate(&challenge.id, &candidate, now)
        .await?
    {
        return Ok(Offered::Refused(Reason::ChallengeClosed));
    }
    let Some(user) = active(app, challenge).await? else {
        return Ok(Offered::Waits(vec![Reason::NotEnrolled]));
    };
    if let Some(_bound) = app
        .store
        .find_binding(&candidate.device, &candidate.installation, &user.id)
        .await?
    {
        return Ok(Offered::Bound(user.login));
    }
    if is_first_use(
        app,
        &user,
        device,
        &offer.os_account,
        &candidate.installation,
        now,
    )
    .await?
        && bind(app, challenge, &candidate, &user.id, How::Rollout, now).await?
    {
        return Ok(Offered::Bound(user.login));
    }
    Ok(Offered::Waits(vec![Reason::NotEnrolled]))
}

/// Whether a roll-out window makes this the person's device: an open window for one of the person's groups, the person's
/// first device ever, nobody else's device, and one corroboration.
async fn is_first_use(
    app: &App,
    user: &User,
    device: &Device,
    os_account: &str,
    installation: &Thumbprint,
    now: Millis,
) -> Result<bool, StoreError> {
    let store = &app.store;
    let window = store.open_rollout_for(&user.id, now).await?;
    if window.is_none()
        || store.has_used_rollout(&user.id).await?
        || !store.bindings_of_user(&user.id).await?.is_empty()
        || !store.bindings_of_device(&device.id).await?.is_empty()
    {
        return Ok(false);
    }
    let login = user.login.as_str();
    let email = store
        .find_installation(&device.id, installation)
        .await?
        .unwrap_or_default();
    let is_login = |name: &str| !name.is_empty() && name.eq_ignore_ascii_case(login);
    Ok(is_login(&email)
        || is_login(os_account)
        || store.is_preregistered(&device.id, &user.id).await?)
}

/// Binds `candidate` to `user`; `false` if a roll-out use was no first one after all, or the device went in between.
pub async fn bind(
    app: &App,
    challenge: &Challenge,
    candidate: &Candidate,
    user: &UserId,
    how: How,
    now: Millis,
) -> Result<bool, StoreError> {
    let window = match how {
        How::Code => None,
        How::Rollout => app.store.open_rollout_for(user, now).await?,
    };
    let binding = Binding {
        id: random::id(now),
        device: candidate.device.clone(),
        installation: candidate.installation.clone(),
        user: user.clone(),
        how: how.code().into(),
        created_at: now,
        revoked_at: 0,
    };
    let person = app.store.find_user(user).await?;
    let device = app.store.find_device(&candidate.device).await?;
    let mut write = app.store.write().await?;
    if how == How::Rollout {
        let Some(window) = window else {
            return Ok(false);
        };
        match Store::insert_rollout_use(&mut write, user, &window.id, &candidate.device, now).await
        {
            Ok(()) => {}
            Err(StoreError::Conflict) => return Ok(false),
            Err(other) => return Err(other),
        }
    }
    if !Store::insert_binding(&mut write, &binding).await? {
        return Ok(false);
    }
    Store::hold_additions(&mut write, user, now + HOLD).await?;
    let detail = format!("device {}", candidate.device);
    let event = Event::about(challenge, now, "bound", how.code(), &detail);
    Store::append_event_in(&mut write, &event).await?;
    if let (Some(person), Some(device)) = (&person, &device) {
        let notice = Notice::bound(challenge, device, how, now);
        notice::queue(app, &mut write, person, &notice, now).await?;
    }
    write.commit().await?;
    metrics::counter!("tacit_bindings_total", "how" => how.code()).increment(1);
    tracing::info!(challenge = %challenge.id, device = %candidate.device, how = how.code(), "device bound");
    Ok(true)
}

/// Takes a device back and tells everybody for whom it answered. `false` if there is none of this id that stands.
pub async fn revoke(
    app: &App,
    id: &DeviceId,
    actor: &str,
    now: Millis,
) -> Result<bool, StoreError> {
    let mut people = BTreeMap::new();
    for binding in app.store.bindings_of_device(id).await? {
        if binding.revoked_at == 0
            && let Some(user) = app.store.find_user(&binding.user).await?
        {
            people.insert(user.id.clone(), user);
        }
    }
    let device = app.store.find_device(id).await?;
    let mut write = app.store.write().await?;
    if !Store::revoke_device(&mut write, id, now).await? {
        return Ok(false);
    }
    let mut names = people.keys();
    let event = Event {
        // Of several people none is named here; the notices go to all of them.
        user_id: match (names.next(), names.next()) {
            (Some(only), None) => only.to_string(),
            _ => String::new(),
        },
        device_id: id.to_string(),
        ..Event::by_administrator(now, "device_revoked", actor, id.as_str())
    };
    Store::append_event_in(&mut write, &event).await?;
    if let Some(device) = &device {
        let notice = Notice::device_revoked(device, now);
        for person in people.values() {
            notice::queue(app, &mut write, person, &notice, now).await?;
        }
    }
    write.commit().await?;
    Ok(true)
}

/// Whether the person may set up another factor now. A first one is held as well (docs/adr/0008): whoever got a device bound
/// by deceit must not turn it into something that outlives the device before the notices have been read, and a help-desk
/// code for one sign-in is on offer meanwhile.
pub const fn may_add_factor(user: &User, now: Millis) -> bool {
    now >= user.additions_held_until
}

/// The challenge's person, if there is one who may sign in.
pub async fn active(app: &App, challenge: &Challenge) -> Result<Option<User>, StoreError> {
    let Some(id) = &challenge.user else {
        return Ok(None);
    };
    let user = app.store.find_user(id).await?;
    Ok(user.filter(|u| u.status == crate::domain::user::UserStatus::Active))
}

/// Free text of a statement, cut to what a row takes.
fn bounded(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(wire::limits::USER_NAME / 4)
        .collect()
}
