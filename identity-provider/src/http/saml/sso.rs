//! `/saml/{connection}/sso`: a request becomes a challenge, and the browser goes to its page.

use super::{SamlError, response, sso_url};
use crate::{
    app::App,
    domain::request::Asked,
    http::{
        Arrived, ClientAddress, Failed,
        challenge::{self, Sender},
        fallback::page::GoOnView,
        notice, shell,
    },
};
use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use standards::saml::authn_request::{
    AuthnRequest, AuthnRequestError, UnverifiedAuthnRequest, VerifyContext,
};
use wire::id::ConnectionId;

pub async fn get(
    State(app): State<App>,
    Path(connection): Path<String>,
    Arrived(now): Arrived,
    ClientAddress(from): ClientAddress,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let unverified =
        UnverifiedAuthnRequest::from_redirect_query(query.unwrap_or_default().as_bytes());
    let arriving = Arriving {
        app: &app,
        now,
        from,
        headers: &headers,
    };
    arriving.take(connection, unverified).await
}

pub async fn post(
    State(app): State<App>,
    Path(connection): Path<String>,
    Arrived(now): Arrived,
    ClientAddress(from): ClientAddress,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failed> {
    let unverified = UnverifiedAuthnRequest::from_post_body(&body);
    let arriving = Arriving {
        app: &app,
        now,
        from,
        headers: &headers,
    };
    arriving.take(connection, unverified).await
}

struct Arriving<'a> {
    app: &'a App,
    now: i64,
    from: std::net::IpAddr,
    headers: &'a HeaderMap,
}

impl Arriving<'_> {
    async fn take(
        &self,
        connection: String,
        unverified: Result<UnverifiedAuthnRequest, AuthnRequestError>,
    ) -> Result<Response, Failed> {
        let Ok(id) = ConnectionId::new(connection) else {
            return Ok(shell::not_found().await);
        };
        let Some(connection) = self.app.store.find_connection(&id).await? else {
            return Ok(shell::not_found().await);
        };
        let Some(sp) = self.app.saml.service_provider(&connection) else {
            return Ok(refused(&id, "this connection has no metadata yet"));
        };
        let destination = sso_url(self.app, &id);
        let context = VerifyContext::new(self.now, &destination);
        let request = match unverified.and_then(|u| u.verify(&sp, &context)) {
            Ok(request) => request,
            Err(error) => return Ok(refused(&id, &error.to_string())),
        };
        if request.is_passive() {
            return no_passive(self.app, &id, &request, self.now).await;
        }
        let sender = Sender {
            headers: self.headers,
            from: self.from,
            now: self.now,
        };
        let begun = challenge::begin(self.app, &connection, Asked::of_saml(&request), &sender);
        Ok(match begun.await? {
            Ok(response) => response,
            Err(reason) => refused(&id, reason.words()),
        })
    }
}

/// Whoever forbids us to show anything gets no answer of ours, and is told so where its metadata says (SAML core 3.4.1.1).
/// It costs a signature and nothing else: no row, no challenge, no cookie.
async fn no_passive(
    app: &App,
    connection: &ConnectionId,
    request: &AuthnRequest,
    now: i64,
) -> Result<Response, Failed> {
    let form = match response::no_passive(app, connection, request, now).await {
        Ok(form) => form,
        Err(SamlError::Store(error)) => return Err(error.into()),
        Err(error) => return Ok(refused(connection, &error.to_string())),
    };
    tracing::info!(%connection, "refused to answer passively");
    let view = GoOnView {
        action: form.action,
        fields: form.fields.into_iter().collect(),
    };
    let page = view
        .html()
        .map_err(|_| crate::store::StoreError::Corrupt("page"))?;
    Ok(shell::page_with_form(page.into_response()))
}

/// A request that cannot be answered: nothing goes to Okta, because nothing in it is trusted.
fn refused(connection: &ConnectionId, why: &str) -> Response {
    tracing::warn!(%connection, why, "refused a request");
    metrics::counter!("tacit_requests_refused_total", "connection" => connection.to_string())
        .increment(1);
    notice(
        StatusCode::BAD_REQUEST,
        "This sign-in cannot be answered",
        "Go back to the application and sign in again. If it happens again, tell your administrator what stands below.",
        why,
    )
}
