//! `/scim/{connection}/v2`: people and groups, pushed by an Okta org in either of its dialects (RFC 7644).
//!
//! Catalogue apps change with PATCH, wizard apps with GET and PUT. Every answer, also to nonsense, has the body that the RFC
//! prescribes. Lists are paged; bodies, depth, filters and operations are bounded.

mod discovery;
mod gate;
mod groups;
mod refused;
mod request;
mod users;

use refused::Refused;

use crate::{
    app::App,
    clock::{Millis, SECOND},
    store::StoreError,
};
use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::Value;
use standards::scim::MEDIA_TYPE;
use std::collections::BTreeMap;
use wire::id::ConnectionId;

/// The routes.
pub fn routes(app: &App) -> Router<App> {
    let routes = Router::new()
        .route("/Users", get(users::list).post(users::create))
        .route("/Users/.search", post(users::search))
        .route(
            "/Users/{id}",
            get(users::read)
                .put(users::replace)
                .patch(users::patch)
                .delete(users::delete),
        )
        .route("/Groups", get(groups::list).post(groups::create))
        .route("/Groups/.search", post(groups::search))
        .route(
            "/Groups/{id}",
            get(groups::read)
                .put(groups::replace)
                .patch(groups::patch)
                .delete(groups::delete),
        )
        .route("/ServiceProviderConfig", get(discovery::config))
        .route("/Schemas", get(discovery::schemas))
        .route("/Schemas/{id}", get(discovery::schema))
        .route("/ResourceTypes", get(discovery::resource_types))
        .route("/ResourceTypes/{id}", get(discovery::resource_type))
        // What ServiceProviderConfig says is not supported (RFC 7644, sections 3.4.3, 3.7 and 3.11).
        .route("/Bulk", post(discovery::not_implemented))
        .route("/.search", post(discovery::not_implemented))
        .route("/Me", axum::routing::any(discovery::not_implemented))
        .method_not_allowed_fallback(discovery::method_not_allowed)
        .fallback(discovery::nothing_here)
        .layer(middleware::from_fn_with_state(app.clone(), gate::gate));
    Router::new().nest("/scim/{connection}/v2", routes)
}

/// The URL that an administrator gives to Okta.
pub fn base_url(app: &App, connection: &ConnectionId) -> String {
    app.url(&format!("/scim/{connection}/v2"))
}

/// Tells metrics how long each connection's last good token will be.
pub async fn report_tokens(app: &App) -> Result<(), StoreError> {
    let now = app.now_ms();
    let mut last: BTreeMap<String, Millis> = BTreeMap::new();
    for token in app.store.list_tokens().await? {
        if token.purpose == "scim" {
            let left = if token.is_good(now) {
                token.expires_at - now
            } else {
                0
            };
            let entry = last.entry(token.connection).or_default();
            *entry = left.max(*entry);
        }
    }
    for (connection, left) in last {
        let seconds = i32::try_from(left / SECOND).unwrap_or(i32::MAX);
        metrics::gauge!("tacit_scim_token_seconds_left", "connection" => connection)
            .set(f64::from(seconds));
    }
    Ok(())
}

type Answered = Result<Response, Refused>;

/// A resource or a list.
fn answer(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, body.to_string()).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

/// The same with its entity tag and place.
fn resource(status: StatusCode, version: &str, location: &str, body: &Value) -> Response {
    let mut response = answer(status, body);
    let headers = response.headers_mut();
    for (name, text) in [
        (header::ETAG, standards::scim::etag::weak(version)),
        (header::LOCATION, location.to_owned()),
    ] {
        // Our own numbers, ids and origin: always a header's value.
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    }
    response
}
