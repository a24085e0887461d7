//! `/oidc/{connection}/logout` (OpenID Connect RP-Initiated Logout 1.0): ends sign-ins, which is to say that their access
//! tokens stop working; a session of ours does not exist.
//!
//! With an ID token as hint, the sign-in that it names ends, whoever brings it. Without one the person is asked on a page of
//! ours, so that no other site can end their sign-ins.

use super::{answer::redirect, discovery::published, find, issuer, page};
use crate::{
    app::App,
    clock::Millis,
    domain::{connection::Connection, oidc::OidcClient},
    http::{Arrived, Failed, browser_cookie, is_same_origin, notice, shell},
    keys,
    store::Store,
};
use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use standards::oidc::{
    logout::{self, LogoutRequest},
    parameters::Parameters,
};
use wire::id::ChallengeId;

pub async fn get(
    State(app): State<App>,
    Path(connection): Path<String>,
    Arrived(now): Arrived,
    RawQuery(query): RawQuery,
) -> Result<Response, Failed> {
    take(&app, &connection, query.unwrap_or_default().as_bytes(), now).await
}

pub async fn post(
    State(app): State<App>,
    Path(connection): Path<String>,
    Arrived(now): Arrived,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failed> {
    match body {
        Ok(body) => take(&app, &connection, &body, now).await,
        Err(_) => Ok(refused("the request is too long")),
    }
}

async fn take(app: &App, connection: &str, octets: &[u8], now: Millis) -> Result<Response, Failed> {
    let Some((connection, client)) = find(app, connection).await? else {
        return Ok(shell::not_found().await);
    };
    let (request, parameters) = match read(app, &client, octets).await? {
        Ok(read) => read,
        Err(why) => return Ok(refused(&why)),
    };
    let Some(hint) = &request.hint else {
        return Ok(page::sign_out(&connection, &parameters));
    };
    if let Ok(id) = ChallengeId::new(hint.sid()) {
        let mut write = app.store.write().await?;
        Store::revoke_oidc_tokens_of(&mut write, &id, now).await?;
        write
            .commit()
            .await
            .map_err(crate::store::StoreError::from)?;
    }
    Ok(onward(&request))
}

/// The button of our own page.
pub async fn confirm(
    State(app): State<App>,
    Path(connection): Path<String>,
    Arrived(now): Arrived,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failed> {
    if !is_same_origin(&headers, &app.settings.origin) {
        return Ok(refused("only our own page can confirm that"));
    }
    let Some((Connection { id, .. }, client)) = find(&app, &connection).await? else {
        return Ok(shell::not_found().await);
    };
    let Ok(body) = body else {
        return Ok(refused("the request is too long"));
    };
    let request = match read(&app, &client, &body).await? {
        Ok((request, _)) => request,
        Err(why) => return Ok(refused(&why)),
    };
    if let Some(cookie) = browser_cookie(&headers) {
        app.store
            .revoke_oidc_tokens_in(&keys::hash(cookie.as_bytes()), &id, now)
            .await?;
    }
    Ok(onward(&request))
}

async fn read(
    app: &App,
    client: &OidcClient,
    octets: &[u8],
) -> Result<Result<(LogoutRequest, Parameters), String>, Failed> {
    let parameters = match Parameters::parse(octets) {
        Ok(parameters) => parameters,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let ours = published(app, &client.connection, 0).await?;
    let issuer = issuer(app, &client.connection);
    Ok(
        match logout::verify(&parameters, &client.client, &issuer, &ours) {
            Ok(request) => Ok((request, parameters)),
            Err(error) => Err(error.to_string()),
        },
    )
}

fn onward(request: &LogoutRequest) -> Response {
    match &request.onward {
        Some(onward) => redirect(onward),
        None => notice(
            StatusCode::OK,
            "You are signed out",
            "You can close this page.",
            "",
        ),
    }
}

fn refused(why: &str) -> Response {
    notice(
        StatusCode::BAD_REQUEST,
        "That sign-out cannot be done",
        "Sign out in the application itself. If it happens again, tell your administrator what stands below.",
        why,
    )
}
