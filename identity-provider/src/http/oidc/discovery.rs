//! What a client reads about us: `/.well-known/openid-configuration` and `/jwks`.

use super::{KEPT, find, issuer, url};
use crate::{
    app::App,
    clock::Millis,
    domain::oidc::{ACR_VALUES, KEY_LINGERS},
    http::{Arrived, Failed, shell},
    store::StoreError,
};
use axum::{
    Json,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use standards::oidc::{
    discovery::{Endpoints, ProviderMetadata},
    jwk::{Jwk, JwkSet},
};
use wire::id::ConnectionId;

pub async fn configuration(
    State(app): State<App>,
    Path(connection): Path<String>,
) -> Result<Response, Failed> {
    let Some((connection, client)) = find(&app, &connection).await? else {
        return Ok(shell::not_found().await);
    };
    let at = |path| url(&app, &connection.id, path);
    let endpoints = Endpoints {
        issuer: &issuer(&app, &connection.id),
        authorization: &at("authorize"),
        token: &at("token"),
        userinfo: &at("userinfo"),
        jwks: &at("jwks"),
        end_session: &at("logout"),
    };
    let metadata = ProviderMetadata::of(&client.client, &endpoints, &ACR_VALUES);
    Ok(([(header::CACHE_CONTROL, KEPT)], Json(metadata)).into_response())
}

pub async fn jwks(
    State(app): State<App>,
    Path(connection): Path<String>,
    Arrived(now): Arrived,
) -> Result<Response, Failed> {
    let Some((connection, _)) = find(&app, &connection).await? else {
        return Ok(shell::not_found().await);
    };
    let set = published(&app, &connection.id, now - KEY_LINGERS).await?;
    Ok(([(header::CACHE_CONTROL, KEPT)], Json(set)).into_response())
}

/// The public keys of a connection: current, announced, and retired after `since`.
pub async fn published(
    app: &App,
    connection: &ConnectionId,
    since: Millis,
) -> Result<JwkSet, StoreError> {
    let keys = app.store.published_keys_of(connection, since).await?;
    let keys = keys
        .iter()
        .filter_map(|key| Jwk::of_certificate(&key.certificate, &key.id));
    Ok(JwkSet {
        keys: keys.collect(),
    })
}
