//! HTTP: one file per endpoint or family of endpoints; the router; and what all of them share.

pub mod agent;
pub mod challenge;
pub mod console;
pub mod fallback;
pub mod health;
pub mod oidc;
pub mod okta;
pub mod package;
pub mod saml;
pub mod scim;
mod shell;

pub use shell::{
    Arrived, ClientAddress, Failed, browser_cookie, challenge_page, client_of, cookie,
    is_same_origin, notice, set_browser_cookie,
};

use crate::app::App;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware,
};
use std::time::Duration;
use tower_http::{
    catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer, timeout::TimeoutLayer,
};

/// A body that no endpoint states its own limit for.
const BODY: usize = 16 * 1024;
/// The longest that any request may take; the long poll ends far earlier.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The whole server.
pub fn router(app: App) -> Router {
    let routes = Router::new()
        .merge(health::routes())
        .merge(package::routes())
        .merge(saml::routes())
        .merge(oidc::routes())
        .merge(scim::routes(&app))
        .merge(okta::routes())
        .merge(challenge::routes())
        .merge(agent::routes())
        .merge(fallback::routes())
        .merge(console::routes())
        .fallback(shell::not_found)
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn_with_state(app.clone(), shell::guard));
    let routes = security_headers()
        .into_iter()
        .fold(routes, |routes, layer| routes.layer(layer))
        .layer(CatchPanicLayer::custom(shell::panicked))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            TIMEOUT,
        ));
    routes.with_state(app)
}

/// What every answer carries unless its handler says something stricter.
fn security_headers() -> Vec<SetResponseHeaderLayer<HeaderValue>> {
    const HEADERS: [(HeaderName, &str); 7] = [
        (
            header::STRICT_TRANSPORT_SECURITY,
            "max-age=63072000; includeSubDomains",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        (header::CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
    ];
    let layer = |(name, value)| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    HEADERS.into_iter().map(layer).collect()
}
