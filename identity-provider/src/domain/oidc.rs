//! OpenID Provider: what a connection's client is, what its requests come down to, and what its tokens say.
//!
//! The ceremony is the one of SAML: a verified request becomes a challenge, and whatever decides the challenge decides this.
//! There is no session of ours behind it. Each request is a fresh challenge, so `auth_time` is always of this moment, every
//! `max_age` is kept, and `prompt=none` finds nobody signed in.

mod claims;
mod exchange;
mod registration;

pub use claims::{ACR_VALUES, acr_of, person_claims, subject_of};
pub use exchange::{Refused, Tokens, exchange};
pub use registration::{generate_key, generate_secret};

use crate::{
    app::App,
    clock::{HOUR, MINUTE, Millis, SECOND},
    domain::{
        challenge::{Challenge, Echo},
        connection::Connection,
        request::{Asked, application_of},
        user::{User, UserStatus},
    },
    keys,
    store::StoreError,
};
use serde::{Deserialize, Serialize};
use standards::oidc::{
    authorization_request::{AuthorizationRequest, ResponseMode},
    client::Client,
    jwt::Keys,
};
use wire::id::{ChallengeId, ConnectionId, UserName};
use zeroize::Zeroizing;

/// How long a code is good for: the way through the browser and one call.
pub const CODE_LIFETIME: Millis = MINUTE;
/// How long an access token is good for. Its only use is `userinfo`, right after the sign-in.
pub const TOKEN_LIFETIME: Millis = 10 * MINUTE;
/// How long an ID token is good for: until the client has read it.
pub const ID_TOKEN_LIFETIME: Millis = 5 * MINUTE;
/// How long a retired key stays published.
pub const KEY_LINGERS: Millis = HOUR;

/// A connection that speaks OpenID Connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcClient {
    /// Which one; part of its URLs.
    pub connection: ConnectionId,
    /// What was registered.
    pub client: Client,
    /// Who may enter: people in one of these groups; everybody if there is none.
    pub groups: Vec<String>,
    /// What `sub` is.
    pub subject: Subject,
    /// Last change.
    pub updated_at: Millis,
}

/// What `sub` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Our own name of the person: the same for ever.
    Id,
    /// The login, for relying parties that match people by `sub`. A renamed person is somebody else to them.
    Login,
}

impl Subject {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Login => "login",
        }
    }

    /// The kind of this name.
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Id, Self::Login]
            .into_iter()
            .find(|s| s.code() == code)
    }
}

/// What an answer has to repeat of its authorization request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OidcEcho {
    /// Digest of the whole request, and of the name that the person typed where the request had none.
    pub request_id: String,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// How it travels.
    pub response_mode: ResponseMode,
    /// Unchanged.
    pub state: Option<String>,
    /// For the ID token.
    pub nonce: Option<String>,
    /// Asked for and known.
    pub scope: String,
    /// PKCE by S256.
    pub code_challenge: Option<String>,
    /// Okta's application context: names and values.
    pub application: Vec<(String, String)>,
}

/// What a verified request asks, of the person that it names or that the person named themselves.
pub fn asked(request: AuthorizationRequest, subject: &str, application: &str) -> Asked {
    let request_id =
        standards::jose::digest(format!("{}\n{subject}", request.request_id).as_bytes());
    Asked {
        subject: UserName::new(subject).ok(),
        application: match application_of(&request.application) {
            name if name.is_empty() => application.into(),
            name => name,
        },
        echo: Echo::Oidc(Box::new(OidcEcho {
            request_id: request_id.to_string(),
            redirect_uri: request.redirect_uri,
            response_mode: request.response_mode,
            state: request.state,
            nonce: request.nonce,
            scope: request.scope,
            code_challenge: request.code_challenge,
            application: request.application,
        })),
    }
}

/// Whether `user` may enter the application: active, and in one of its groups.
pub async fn may_enter(app: &App, client: &OidcClient, user: &User) -> Result<bool, StoreError> {
    if user.status != UserStatus::Active {
        return Ok(false);
    }
    if client.groups.is_empty() {
        return Ok(true);
    }
    let groups = app.store.groups_of(&user.id).await?;
    Ok(groups.iter().any(|group| client.groups.contains(group)))
}

/// The person of an allowed challenge, as they are now.
pub async fn person_of(app: &App, challenge: &Challenge) -> Result<Option<User>, StoreError> {
    match &challenge.user {
        Some(id) => app.store.find_user(id).await,
        None => Ok(None),
    }
}

/// The code of a challenge. It follows from the challenge and the master key, so that however often the page asks for the
/// way on, and whichever process answers, there is one code; without the master key nobody can know it.
pub fn code_of(app: &App, challenge: &ChallengeId) -> String {
    app.master
        .code_hash("oidc authorization code", challenge.as_str())
}

/// Where a secret that is kept in the clear belongs; sealed for one connection, it opens for no other.
pub fn secret_context(connection: &ConnectionId) -> String {
    format!("oidc client secret of {connection}")
}

/// The secrets of a connection that HMACs may have been computed with, in the clear.
pub async fn open_secrets(
    app: &App,
    connection: &ConnectionId,
) -> Result<Vec<Zeroizing<String>>, StoreError> {
    let context = secret_context(connection);
    let rows = app.store.oidc_secrets_of(connection).await?;
    let open = rows
        .iter()
        .filter_map(|row| app.master.open(&context, &row.sealed));
    Ok(open
        .filter_map(|bytes| String::from_utf8(bytes.to_vec()).ok())
        .map(Zeroizing::new)
        .collect())
}

/// Calls `then` with what the client signs with.
pub fn with_keys<T>(
    client: &Client,
    secrets: &[Zeroizing<String>],
    then: impl FnOnce(Keys<'_>) -> T,
) -> T {
    let secrets: Vec<&str> = secrets.iter().map(|secret| secret.as_str()).collect();
    then(Keys {
        secrets: &secrets,
        set: Some(&client.jwks),
    })
}

/// Whether `text` is a secret of the connection that is in force.
pub async fn is_secret(
    app: &App,
    connection: &ConnectionId,
    text: &str,
) -> Result<bool, StoreError> {
    let hash = keys::hash(text.as_bytes());
    let rows = app.store.oidc_secrets_of(connection).await?;
    Ok(rows.iter().any(|row| keys::same(&row.hash, &hash)))
}

/// The name under which an application without context is shown.
pub fn application_name(connection: &Connection) -> String {
    match connection.role {
        // Okta is the client, and what lies behind it only Okta knows.
        crate::domain::connection::Role::Factor => String::new(),
        crate::domain::connection::Role::Sso => connection.id.to_string(),
    }
}

/// How far a client's clock may be off when a replay is forgotten.
pub(crate) const FORGET_SLACK: Millis = SECOND;
