//! `/oidc/{connection}/authorize`: a request becomes a challenge, and the browser goes to its page.

use super::{
    answer::{self, Fields},
    find, issuer, page, url,
};
use crate::{
    app::App,
    clock::{Millis, seconds},
    domain::{
        connection::{Connection, Role},
        oidc::{self, OidcClient},
    },
    http::{
        Arrived, ClientAddress, Failed,
        challenge::{self, Sender},
        notice, shell,
    },
};
use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use standards::oidc::{
    authorization_request::{
        self, AuthorizationError, AuthorizationRequest, Back, Context, Refusal,
    },
    parameters::Parameters,
};
use std::net::IpAddr;

/// What our own page adds when the person typed who they are. Never part of the client's request.
const TYPED: &str = "tacit_subject";

pub async fn get(
    State(app): State<App>,
    Path(connection): Path<String>,
    Arrived(now): Arrived,
    ClientAddress(from): ClientAddress,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let octets = query.unwrap_or_default().into_bytes();
    Arriving {
        app: &app,
        now,
        from,
        headers: &headers,
    }
    .take(&connection, &octets)
    .await
}

pub async fn post(
    State(app): State<App>,
    Path(connection): Path<String>,
    Arrived(now): Arrived,
    ClientAddress(from): ClientAddress,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failed> {
    let Ok(body) = body else {
        return Ok(refused(&connection, "the request is too long"));
    };
    Arriving {
        app: &app,
        now,
        from,
        headers: &headers,
    }
    .take(&connection, &body)
    .await
}

struct Arriving<'a> {
    app: &'a App,
    now: Millis,
    from: IpAddr,
    headers: &'a HeaderMap,
}

impl Arriving<'_> {
    async fn take(&self, connection: &str, octets: &[u8]) -> Result<Response, Failed> {
        let Some((connection, client)) = find(self.app, connection).await? else {
            return Ok(shell::not_found().await);
        };
        let mut parameters = match Parameters::parse(octets) {
            Ok(parameters) => parameters,
            Err(error) => return Ok(refused(connection.id.as_str(), &error.to_string())),
        };
        let typed = parameters.take(TYPED);
        match self.verify(&parameters, &client).await? {
            Ok(request) => {
                self.begin(&connection, &client, request, &parameters, typed)
                    .await
            }
            Err(Refusal::Page(error)) => Ok(refused(connection.id.as_str(), &error.to_string())),
            Err(Refusal::Back(back)) => self.back(&connection, &back),
        }
    }

    async fn verify(
        &self,
        parameters: &Parameters,
        client: &OidcClient,
    ) -> Result<Result<AuthorizationRequest, Refusal>, Failed> {
        let (issuer, endpoint) = (
            issuer(self.app, &client.connection),
            url(self.app, &client.connection, "authorize"),
        );
        let token = url(self.app, &client.connection, "token");
        // Okta does not say which of these its request objects name; all three are ours alone.
        let audiences = [issuer.as_str(), endpoint.as_str(), token.as_str()];
        let secrets = oidc::open_secrets(self.app, &client.connection).await?;
        Ok(oidc::with_keys(&client.client, &secrets, |keys| {
            let context = Context::new(seconds(self.now), &audiences, keys);
            authorization_request::verify(parameters, &client.client, &context)
        }))
    }

    async fn begin(
        &self,
        connection: &Connection,
        client: &OidcClient,
        request: AuthorizationRequest,
        parameters: &Parameters,
        typed: Option<String>,
    ) -> Result<Response, Failed> {
        let hint = match self.hinted(client, &request).await? {
            Ok(hint) => hint,
            Err(error) => return self.back(connection, &Back::of(&request, error)),
        };
        let must_ask = hint.is_none() || (request.select_account && connection.role == Role::Sso);
        let subject = match (must_ask, typed, hint) {
            (false, _, Some(hint)) => hint,
            (true, Some(typed), _) => typed.trim().to_owned(),
            // Okta knows whom it asks about; only a person of an application can be asked who they are.
            (_, _, hint) if connection.role == Role::Sso => {
                let action = url(self.app, &connection.id, "authorize");
                return Ok(page::identify(
                    &action,
                    connection,
                    parameters,
                    TYPED,
                    hint.as_deref(),
                ));
            }
            _ => {
                return self.back(
                    connection,
                    &Back::of(&request, AuthorizationError::NoSubject),
                );
            }
        };
        let application = oidc::application_name(connection);
        let asked = oidc::asked(request, &subject, &application);
        let sender = Sender {
            headers: self.headers,
            from: self.from,
            now: self.now,
        };
        let begun = challenge::begin(self.app, connection, asked, &sender).await?;
        Ok(begun.unwrap_or_else(|reason| refused(connection.id.as_str(), reason.words())))
    }

    /// Who the request says should sign in: by name, or by an ID token of ours, and not both for two people.
    async fn hinted(
        &self,
        client: &OidcClient,
        request: &AuthorizationRequest,
    ) -> Result<Result<Option<String>, AuthorizationError>, Failed> {
        let Some(text) = &request.id_token_hint else {
            return Ok(Ok(request.login_hint.clone()));
        };
        let Some(user) = answer::person_of_hint(self.app, client, text).await? else {
            return Ok(Err(AuthorizationError::Malformed("id_token_hint")));
        };
        let Some(name) = &request.login_hint else {
            return Ok(Ok(Some(user.login.to_string())));
        };
        let named = self.app.store.find_user_by_name(name).await?;
        Ok(match named.is_some_and(|named| named.id == user.id) {
            true => Ok(Some(name.clone())),
            false => Err(AuthorizationError::LoginRequired),
        })
    }

    /// An error that the client is told, at a redirect URI of its own.
    fn back(&self, connection: &Connection, back: &Back) -> Result<Response, Failed> {
        note(connection.id.as_str(), &back.error.to_string());
        let fields = Fields::error(
            back.error.code(),
            &back.error.to_string(),
            back.state.as_deref(),
            &issuer(self.app, &connection.id),
        );
        Ok(match back.response_mode {
            authorization_request::ResponseMode::Query => {
                answer::redirect(&fields.location(&back.redirect_uri))
            }
            authorization_request::ResponseMode::FormPost => {
                page::form(&back.redirect_uri, &fields)
            }
        })
    }
}

/// A request that cannot be answered: nothing goes anywhere, because nothing in it is trusted.
fn refused(connection: &str, why: &str) -> Response {
    note(connection, why);
    notice(
        StatusCode::BAD_REQUEST,
        "This sign-in cannot be answered",
        "Go back to the application and sign in again. If it happens again, tell your administrator what stands below.",
        why,
    )
}

fn note(connection: &str, why: &str) {
    tracing::warn!(connection, why, "refused a request");
    metrics::counter!("tacit_requests_refused_total", "connection" => connection.to_owned())
        .increment(1);
}
