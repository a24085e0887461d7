//! `/oidc/{connection}/userinfo` (OpenID Connect Core section 5.3, RFC 6750): what the token's scope opens of its person,
//! as they are now.

use super::{failed, find};
use crate::{
    app::App,
    clock::Millis,
    domain::oidc::{may_enter, person_claims, subject_of},
    http::{Arrived, shell},
    keys,
    store::StoreError,
};
use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;

pub async fn get(
    State(app): State<App>,
    Path(connection): Path<String>,
    Arrived(now): Arrived,
    headers: HeaderMap,
) -> Response {
    match told(&app, &connection, &headers, now).await {
        Ok(Told::Claims(claims)) => Json(claims).into_response(),
        Ok(Told::NoToken) => challenge("Bearer realm=\"userinfo\""),
        Ok(Told::BadToken) => challenge(
            "Bearer realm=\"userinfo\", error=\"invalid_token\", error_description=\"the access token is unknown, expired or revoked\"",
        ),
        Ok(Told::NoIssuer) => shell::not_found().await,
        Err(error) => failed(&error),
    }
}

enum Told {
    Claims(Value),
    NoToken,
    BadToken,
    NoIssuer,
}

async fn told(
    app: &App,
    connection: &str,
    headers: &HeaderMap,
    now: Millis,
) -> Result<Told, StoreError> {
    let Some((connection, client)) = find(app, connection).await? else {
        return Ok(Told::NoIssuer);
    };
    let Some(token) = bearer(headers) else {
        return Ok(Told::NoToken);
    };
    let hash = keys::hash(token.as_bytes());
    let Some(token) = app
        .store
        .find_oidc_token(&hash, &connection.id, now)
        .await?
    else {
        return Ok(Told::BadToken);
    };
    let user = app.store.find_user(&token.user).await?;
    let challenge = app.store.find_challenge(&token.challenge).await?;
    let (Some(user), Some(challenge)) = (user, challenge) else {
        return Ok(Told::BadToken);
    };
    if !may_enter(app, &client, &user).await? {
        return Ok(Told::BadToken);
    }
    let mut claims = person_claims(&token.scope, &user, &challenge, connection.role);
    claims.insert("sub".into(), subject_of(&client, &user).into());
    Ok(Told::Claims(claims.into_iter().collect()))
}

/// The token of the `Authorization` header, where RFC 6750 wants it; never of a URL.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(one), None) = (all.next(), all.next()) else {
        return None;
    };
    let (scheme, token) = one.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn challenge(value: &'static str) -> Response {
    let value = HeaderValue::from_static(value);
    (
        StatusCode::UNAUTHORIZED,
        [(header::WWW_AUTHENTICATE, value)],
    )
        .into_response()
}
