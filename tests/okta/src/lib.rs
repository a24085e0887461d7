//! A stand-in of an Okta org, for Tacit's tests and demo.
//!
//! It shares no code with the product and checks XML signatures with another
//! implementation (`xmlsec1`), so that one mistake cannot hide itself on both sides.
//! It is an org with users, groups, policies and password sign-in, any number of SAML 2.0 and
//! OpenID Connect identity providers, and one application at another origin. The configuration file
//! gives the first rows; the rest is made through the management API. Without `[idp]` the org is empty.
//!
//! # What it models
//!
//! - Both pipelines, `classic` (`/api/v1/authn…`) and `oie` (`/idp/idx/…`), with the bodies
//!   that Okta's sign-in widget expects of the IdP factor. The first sign-in enrols
//!   (Set up → Enroll → identity provider → Finish); later ones verify, with or without
//!   the verify page (`skip_verify`).
//! - The AuthnRequest by POST (enveloped signature) or Redirect (signature over the query's
//!   octets), with `Subject/NameID` and `ForceAuthn="true"`; a new ID and relay state for
//!   each trip, each good once and for five minutes after the password.
//! - A Response validator as strict as Okta is known to be (the `response` module), with
//!   Okta's error texts where they are public, the page `GENERAL_NONSUCCESS`, and both System Log events.
//! - The management API (`/api/v1/…`) with SSWS and scoped bearer tokens, E-codes, paging, rate limits: users, groups,
//!   the user schema, identity providers and their keys, policies and rules, trusted origins, authenticators, event
//!   hooks, security-events providers, apps and assignments, risk, the System Log. Recordings of real orgs are replayed
//!   against it (`tests/vcr.rs`).
//! - Sign-in by identity provider: routing rules by name and by attribute, WebFinger, links and just-in-time accounts,
//!   and sign-on policies that decide whether a factor follows.
//! - `/oauth2/v1/token` for service apps, the receiver of security event tokens, global token revocation.
//! - Events to event hooks, and the org as a SCIM client in both of Okta's dialects.
//!
//! What an administrator can only click in Okta's console (*Factor only*, the skip-verify switch, a SCIM connection) is
//! under `/stand-in/admin/`, and so are faults on demand and the journal of management requests.
//!
//! # State tokens are not bound to a browser
//!
//! This is the assumption against which the product is tested. Nobody outside Okta knows
//! that a transaction is bound to the browser that began it, so the stand-in takes the worst
//! case: *who knows the state token owns the transaction.*
//!
//! - `/sso/idps/{id}?stateToken=…` and `/signin/refresh-auth-state/…` open the transaction
//!   in any browser, without a cookie.
//! - The ACS completes the transaction that RelayState and InResponseTo name, whichever
//!   browser brings the Response. That browser gets a session.
//! - After that, whoever holds the state token (`POST /api/v1/authn {stateToken}`,
//!   `/idp/idx/introspect`, `/login/token/redirect`) gets a session too, once.
//!
//! So an attacker who knows a password signs in up to the factor, sends the link with the
//! state token to the victim, and has a session as soon as the victim's browser answers.
//! `tests/transplant.rs` holds this: it succeeds here, and only the product can prevent it.
//!
//! # What it leaves out
//!
//! Encrypted assertions, a GET at the ACS, regular expressions in routing rules and username filters, group rules,
//! inline hooks, brands, domains, and Duo. Networks, devices and risk are stored in rules but not evaluated. The last leg
//! to the application is a one-time code instead of Okta's own assertion.
//!
//! ```no_run
//! # async fn example() -> Result<(), okta_stand_in::StartError> {
//! let config = okta_stand_in::Config::default();
//! let running = okta_stand_in::serve(config, std::path::Path::new("data"), okta_stand_in::Clock::System).await?;
//! println!("{}", running.org_address);
//! running.shutdown().await;
//! # Ok(()) }
//! ```

mod authn_request;
mod clock;
mod config;
mod deliveries;
mod der;
mod faults;
mod filter;
mod http;
mod ids;
mod jws;
mod keys;
mod limits;
mod metadata;
mod oidc;
mod org;
mod outbound;
mod party;
mod rate;
mod resources;
mod response;
mod server;
mod sign_on;
mod state;
mod system_log;
mod tokens;
mod transaction;
mod xml;
mod xmlsec;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use clock::{Clock, Millis, format_iso};
pub use config::{
    Binding, Config, ConfigError, EXAMPLE, Idp, Network, Pipeline, SignatureScope, User,
};
pub use keys::KeyError;
pub use oidc::{ClientAuth, ContextNames, RequestSignature, Settings as OidcSettings};
pub use org::StartError;
pub use server::{Peer, Running};
pub use xmlsec::XmlsecError;

/// Listens where the configuration says and serves both sites over TLS.
pub async fn serve(config: Config, data: &Path, clock: Clock) -> Result<Running, StartError> {
    let listen = async |address: SocketAddr| {
        TcpListener::bind(address)
            .await
            .map_err(|source| StartError::Listen { address, source })
    };
    let (org, app) = (
        listen(config.listen_org).await?,
        listen(config.listen_app).await?,
    );
    serve_on(config, data, clock, org, app).await
}

/// The same on listeners that exist already, which is how tests take free ports first.
pub async fn serve_on(
    config: Config,
    data: &Path,
    clock: Clock,
    org_listener: TcpListener,
    app_listener: TcpListener,
) -> Result<Running, StartError> {
    let (certificates, key) = keys::load_or_generate_tls(data, &config)?;
    let tls = Arc::new(server::tls_config(&certificates, &key)?);
    let (org_router, app_router) = routers(config, data, clock).await?;
    let (stop, stopped) = watch::channel(false);
    let mut tasks = Vec::new();
    let mut addresses = Vec::new();
    for (listener, router) in [(org_listener, org_router), (app_listener, app_router)] {
        let address = listener.local_addr();
        let address = address.map_err(|error| StartError::Tls(error.to_string()))?;
        let listener = server::TlsListener::new(listener, Arc::clone(&tls))
            .map_err(|source| StartError::Listen { address, source })?;
        addresses.push(address);
        let mut stopped = stopped.clone();
        tasks.push(tokio::spawn(async move {
            let service = router.into_make_service_with_connect_info::<Peer>();
            let shutdown = async move {
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            if let Err(error) = axum::serve(listener, service)
                .with_graceful_shutdown(shutdown)
                .await
            {
                tracing::error!(%error, "a listener ended");
            }
        }));
    }
    Ok(Running {
        org_address: addresses[0],
        application_address: addresses[1],
        stop,
        tasks,
    })
}

/// The org and the application as routers, without a network: for tests.
pub async fn routers(
    config: Config,
    data: &Path,
    clock: Clock,
) -> Result<(Router, Router), StartError> {
    let org = org::Org::new(config, data, clock).await?;
    Ok((
        http::org_router(Arc::clone(&org)),
        http::application_router(org),
    ))
}

/// The service provider's metadata; makes the keys if there are none yet.
pub fn metadata_xml(config: &Config, data: &Path) -> Result<String, KeyError> {
    let sp = keys::ServiceProvider::load_or_generate(data, config)?;
    let idp = config.idp.clone().unwrap_or_default();
    let towards = metadata::Towards {
        entity_id: &sp.entity_id,
        acs_url: &idp.acs_url(config),
        sign_requests: idp.sign_requests,
        name: &idp.name,
    };
    Ok(metadata::build(config, &sp, &towards))
}
