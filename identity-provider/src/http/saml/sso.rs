//! `/saml/{connection}/sso`: a request becomes a challenge, and the browser goes to its page.

use super::sso_url;
use crate::{
    app::App,
    domain::request::{self, Received, Visitor},
    http::{
        Arrived, ClientAddress, Failed, browser_cookie, fallback::page::OpenedElsewhereView,
        notice, set_browser_cookie, shell,
    },
};
use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use standards::saml::authn_request::{AuthnRequestError, UnverifiedAuthnRequest, VerifyContext};
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
    let asked = Asked {
        app: &app,
        now,
        from,
        headers: &headers,
    };
    asked.take(connection, unverified).await
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
    let asked = Asked {
        app: &app,
        now,
        from,
        headers: &headers,
    };
    asked.take(connection, unverified).await
}

struct Asked<'a> {
    app: &'a App,
    now: i64,
    from: std::net::IpAddr,
    headers: &'a HeaderMap,
}

impl Asked<'_> {
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
        let agent = self
            .headers
            .get(header::USER_AGENT)
            .and_then(|v| v.to_str().ok());
        let visitor = Visitor {
            cookie: browser_cookie(self.headers),
            place: self.from.to_string(),
            agent: agent.unwrap_or_default().into(),
        };
        Ok(
            match request::receive(self.app, &connection, &request, &visitor, self.now).await? {
                Received::Here(challenge, cookie) => {
                    let mut response =
                        Redirect::to(&format!("/challenge/{}", challenge.id)).into_response();
                    set_browser_cookie(&cookie, &mut response);
                    response
                }
                Received::Elsewhere(challenge) => {
                    request::note_elsewhere(self.app, &challenge, &visitor.place, self.now).await?;
                    let page = OpenedElsewhereView::of(&challenge, self.now).html();
                    let page = page.map_err(|_| crate::store::StoreError::Corrupt("page"))?;
                    crate::http::challenge_page(
                        &challenge,
                        (StatusCode::FORBIDDEN, page).into_response(),
                    )
                }
                Received::Refused(reason) => refused(&id, reason.words()),
            },
        )
    }
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
