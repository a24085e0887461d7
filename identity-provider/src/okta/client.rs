//! A client of Okta's management API.
//!
//! ```text
//! Client ─ call ─▶ retry, rate limit, token ─▶ http: one exchange, bounded ─▶ org
//!    ▲
//!  users, groups, schemas, idps, policies, origins, authenticators, hooks, security_events, risk, revocation, logs
//! ```
//!
//! It speaks https to one origin only, follows no redirect and no link elsewhere, and reads bounded bodies and lists.
//! What is idempotent is tried again after timeouts and 5xx; what is not is tried again only where the org cannot have
//! done it (429, 401 with a stale token, no connection). No error holds a token.

mod authenticators;
mod dpop;
mod error;
mod groups;
mod hooks;
mod http;
mod idps;
mod logs;
mod org;
mod origins;
mod page;
mod path;
mod policies;
mod revocation;
mod risk;
mod schemas;
mod security_events;
mod token;
mod users;

pub use authenticators::Authenticator;
pub use error::{Error, ErrorCode, Kind, Refusal};
pub use groups::Group;
pub use hooks::EventHook;
pub use idps::{IdentityProvider, IdpKey};
pub use logs::{LogEvent, LogQuery};
pub use org::{Organization, Pipeline};
pub use origins::TrustedOrigin;
pub use path::Path;
pub use policies::{Policy, PolicyType, Rule};
pub use revocation::Subject;
pub use risk::{RISK_REASON, RiskLevel};
pub use schemas::UserSchema;
pub use security_events::SecurityEventsProvider;
pub use token::{ServiceApp, ServiceAppError};
pub use users::{Lifecycle, User, UserStatus};

use crate::{
    backoff::Backoff,
    clock::{Clock, Millis, SECOND},
    random,
};
use http::{Answer, Authorization, Body, Call, Exchange, Repeat};
use reqwest::Method;
use serde::{Serialize, de::DeserializeOwned};
use std::{collections::BTreeMap, fmt, net::SocketAddr, time::Duration};
use token::TokenCache;
use wire::id::Origin;
use zeroize::Zeroizing;

/// A resource as JSON, for what has no type of its own here.
pub type Json = serde_json::Map<String, serde_json::Value>;

/// How this client shows who it is.
#[derive(Clone)]
pub enum Credential {
    /// An API token (`SSWS`), with the rights of whoever made it.
    Token(Zeroizing<String>),
    /// An OAuth service application with its own key: `client_credentials` by `private_key_jwt`.
    ServiceApp(ServiceApp),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token(..)",
            Self::ServiceApp(_) => "ServiceApp(..)",
        })
    }
}

/// What one call may take and try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// One exchange, from connecting to the last byte.
    pub exchange: Duration,
    /// Exchanges for one call.
    pub attempts: u32,
    /// Between attempts.
    pub backoff: Backoff,
    /// The longest wait for a rate limit to end; a longer one is [`Error::RateLimited`].
    pub patience_ms: Millis,
    /// Bytes of one answer.
    pub body: usize,
    /// Pages of one list.
    pub pages: usize,
    /// Items of one list.
    pub items: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            exchange: Duration::from_secs(30),
            attempts: 5,
            backoff: Backoff {
                first: SECOND / 2,
                longest: 20 * SECOND,
            },
            // Okta's limits are per minute.
            patience_ms: 65 * SECOND,
            body: 8 * 1024 * 1024,
            pages: 1_000,
            items: 200_000,
        }
    }
}

/// Where an org is and how to speak to it.
#[derive(Debug, Clone)]
pub struct Options {
    /// `https://acme.okta.com`, or a custom domain of the org.
    pub org: Origin,
    /// Who we are there.
    pub credential: Credential,
    /// PEM certificates that are trusted besides the machine's own.
    pub ca: Option<Vec<u8>>,
    /// Hosts whose address is not asked of DNS. With any, proxies of the environment are passed by.
    pub addresses: BTreeMap<String, SocketAddr>,
    /// What calls may take.
    pub bounds: Bounds,
}

impl Options {
    /// With the machine's certificates, DNS and the usual bounds.
    pub fn new(org: Origin, credential: Credential) -> Self {
        Self {
            org,
            credential,
            ca: None,
            addresses: BTreeMap::new(),
            bounds: Bounds::default(),
        }
    }
}

/// A client of one org.
pub struct Client {
    exchange: Exchange,
    credential: Credential,
    tokens: TokenCache,
    bounds: Bounds,
    clock: Clock,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("org", &self.exchange.org())
            .field("credential", &self.credential)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Sets TLS up. Nothing is connected yet.
    pub fn new(options: Options, clock: Clock) -> Result<Self, Error> {
        Ok(Self {
            exchange: Exchange::new(&options)?,
            credential: options.credential,
            tokens: TokenCache::default(),
            bounds: options.bounds,
            clock,
        })
    }

    /// The org's origin.
    pub fn org(&self) -> &Origin {
        self.exchange.org()
    }

    /// Reads one resource.
    pub async fn get<T: DeserializeOwned>(&self, path: &Path) -> Result<T, Error> {
        self.call(&Call::new(Method::GET, path)).await?.json()
    }

    /// Reads one resource; `None` if the org knows none of this name.
    pub async fn find<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>, Error> {
        found(self.get(path).await)
    }

    /// Reads a document that is not JSON.
    pub async fn text(&self, path: &Path, accept: &'static str) -> Result<String, Error> {
        let answer = self
            .call(&Call {
                accept,
                ..Call::new(Method::GET, path)
            })
            .await?;
        String::from_utf8(answer.body).map_err(|_| Error::Malformed("UTF-8"))
    }

    /// Creates something. Never sent twice where the first may have been obeyed: after [`Error::Timeout`],
    /// [`Error::Unreachable`] or a 5xx the caller has to look whether it exists.
    pub async fn create<T: DeserializeOwned>(
        &self,
        path: &Path,
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, Error> {
        self.call(&Call {
            body: Body::json(body),
            ..Call::new(Method::POST, path)
        })
        .await?
        .json()
    }

    /// POSTs what may be said twice without another effect, such as a partial update.
    pub async fn update<T: DeserializeOwned>(
        &self,
        path: &Path,
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, Error> {
        self.call(&Call {
            body: Body::json(body),
            repeat: Repeat::Harmless,
            ..Call::new(Method::POST, path)
        })
        .await?
        .json()
    }

    /// Replaces a resource as a whole.
    pub async fn replace<T: DeserializeOwned>(
        &self,
        path: &Path,
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, Error> {
        self.call(&Call {
            body: Body::json(body),
            ..Call::new(Method::PUT, path)
        })
        .await?
        .json()
    }

    /// Deletes; `false` if there was nothing of this name (any more).
    pub async fn delete(&self, path: &Path) -> Result<bool, Error> {
        let done = self.call(&Call::new(Method::DELETE, path)).await;
        Ok(found(done)?.is_some())
    }

    /// A state transition of a resource: `…/lifecycle/{verb}`. Said twice, it leads to the same state.
    pub async fn lifecycle(&self, resource: &Path, verb: &str) -> Result<(), Error> {
        let path = resource.then(&["lifecycle", verb])?;
        let call = Call {
            repeat: Repeat::Harmless,
            ..Call::new(Method::POST, &path)
        };
        self.call(&call).await.map(|_| ())
    }

    /// Makes the call, with what patience and idempotence allow.
    async fn call(&self, call: &Call<'_>) -> Result<Answer, Error> {
        let (mut attempt, mut is_renewed) = (0, false);
        loop {
            attempt += 1;
            let error = match self.attempt(call).await {
                Ok(answer) => match answer.accepted() {
                    Ok(answer) => return Ok(answer),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            // A token may be revoked before its time; a fresh one shows whether that was it.
            if error.kind() == Some(Kind::TokenInvalid) && call.is_authorized && !is_renewed {
                is_renewed = true;
                if self.tokens.forget().await {
                    continue;
                }
            }
            let is_worth_it =
                error.was_not_obeyed() || (error.is_temporary() && call.repeat == Repeat::Harmless);
            if !is_worth_it || attempt >= self.bounds.attempts {
                return Err(error);
            }
            let pause = self.pause(&error, attempt)?;
            tracing::debug!(%error, attempt, pause, "a call to Okta is tried again");
            tokio::time::sleep(millis(pause)).await;
        }
    }

    /// How long to wait before the next attempt; the error itself if that is too long.
    fn pause(&self, error: &Error, attempt: u32) -> Result<Millis, Error> {
        let chance = random::below(1_000);
        let pause = self.bounds.backoff.pause(i64::from(attempt), chance);
        let Some(until) = error.retry_at() else {
            return Ok(pause);
        };
        let wait = until - self.clock.now_ms();
        if wait > self.bounds.patience_ms {
            return Err(error.clone());
        }
        // All who wait for the same minute to end would come at its first instant.
        Ok(wait.max(0) + pause.min(2 * SECOND))
    }

    async fn attempt(&self, call: &Call<'_>) -> Result<Answer, Error> {
        let now = self.clock.now_ms();
        let authorization = match (&self.credential, call.is_authorized) {
            (_, false) => None,
            (Credential::Token(token), true) => Some(Authorization {
                scheme: "SSWS",
                secret: token.clone(),
                proof: None,
            }),
            (Credential::ServiceApp(app), true) => {
                let tokens = &self.tokens;
                Some(tokens.authorization(&self.exchange, app, call, now).await?)
            }
        };
        let answer = self
            .exchange
            .make(call, authorization.as_ref(), now)
            .await?;
        if authorization.is_some_and(|a| a.proof.is_some()) {
            self.tokens.keep_nonce(&answer).await;
        }
        Ok(answer)
    }

    /// Waits until the limit that `answer` says is used up starts anew, so that the next page is not refused.
    async fn wait_if_used_up(&self, answer: &Answer) -> Result<(), Error> {
        if let Some(until) = answer.is_used_up_until() {
            let error = Error::RateLimited {
                until,
                request_id: answer.request_id.clone(),
            };
            tokio::time::sleep(millis(self.pause(&error, 1)?)).await;
        }
        Ok(())
    }
}

fn found<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(it) => Ok(Some(it)),
        Err(error) if error.kind() == Some(Kind::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

fn millis(ms: Millis) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
