//! `GET /saml/{connection}/metadata`.

use super::{issuer, sso_url};
use crate::{
    app::App,
    http::{Failed, shell},
};
use axum::{
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use standards::saml::metadata::{IdentityProvider, ServiceProvider};
use wire::id::ConnectionId;

pub async fn get(
    State(app): State<App>,
    Path(connection): Path<String>,
) -> Result<Response, Failed> {
    let Ok(id) = ConnectionId::new(connection) else {
        return Ok(shell::not_found().await);
    };
    let Some(connection) = app.store.find_connection(&id).await? else {
        return Ok(shell::not_found().await);
    };
    let keys = app.store.signing_keys_of(&id).await?;
    let certificates: Vec<&[u8]> = keys.iter().map(|k| k.certificate.as_slice()).collect();
    let sp = ServiceProvider::parse(connection.metadata.as_bytes());
    let (entity_id, sso_url) = (issuer(&app, &id), sso_url(&app, &id));
    let provider = IdentityProvider {
        entity_id: &entity_id,
        sso_url: &sso_url,
        signing_certificates: &certificates,
        want_authn_requests_signed: sp.is_ok_and(|sp| sp.authn_requests_signed()),
    };
    Ok(match provider.to_xml() {
        Ok(xml) => (
            [(header::CONTENT_TYPE, "application/samlmetadata+xml")],
            xml,
        )
            .into_response(),
        Err(error) => {
            tracing::error!(connection = %id, %error, "metadata cannot be written");
            shell::not_found().await
        }
    })
}
