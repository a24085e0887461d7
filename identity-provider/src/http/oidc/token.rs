//! `POST /oidc/{connection}/token`: tokens for a code.

use super::{error, failed, find, issuer, signer::SignerError, url};
use crate::{
    app::App,
    clock::{Millis, seconds},
    domain::{
        connection::Connection,
        oidc::{self, FORGET_SLACK, OidcClient, TOKEN_LIFETIME, Tokens},
    },
    http::Arrived,
    keys,
    store::StoreError,
};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use standards::oidc::{
    ErrorCode,
    client::AuthMethod,
    client_assertion,
    id_token::compact,
    parameters::Parameters,
    token_request::{Credentials, TokenRequest},
};

pub async fn post(
    State(app): State<App>,
    Path(connection): Path<String>,
    Arrived(now): Arrived,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let asking = Asking {
        app: &app,
        now,
        headers: &headers,
    };
    let outcome = match body {
        Ok(body) => asking.tokens(&connection, &body).await,
        Err(_) => Err(TokenError::Request("the request is too long".into())),
    };
    outcome.unwrap_or_else(|refused| asking.refuse(&connection, &refused))
}

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
enum TokenError {
    #[error("there is no such issuer")]
    NoIssuer,
    #[error("{0}")]
    Request(String),
    #[error(transparent)]
    Read(#[from] standards::oidc::token_request::TokenRequestError),
    #[error("the client did not show that it is itself: {0}")]
    Client(String),
    #[error(transparent)]
    Grant(#[from] oidc::Refused),
    #[error(transparent)]
    Signer(#[from] SignerError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

struct Asking<'a> {
    app: &'a App,
    now: Millis,
    headers: &'a HeaderMap,
}

impl Asking<'_> {
    async fn tokens(&self, connection: &str, body: &[u8]) -> Result<Response, TokenError> {
        let (connection, client) = find(self.app, connection)
            .await?
            .ok_or(TokenError::NoIssuer)?;
        if !is_form(self.headers) {
            return Err(TokenError::Request(
                "the body has to be application/x-www-form-urlencoded".into(),
            ));
        }
        let parameters = Parameters::parse(body).map_err(|e| TokenError::Request(e.to_string()))?;
        let request = TokenRequest::read(&parameters, self.authorization()?)?;
        self.authenticate(&client, &request.credentials).await?;
        let tokens = oidc::exchange(self.app, &client, &request, self.now).await??;
        self.signed(&connection, &client, &tokens).await
    }

    fn authorization(&self) -> Result<Option<&str>, TokenError> {
        let mut all = self.headers.get_all(header::AUTHORIZATION).iter();
        match (all.next(), all.next()) {
            (None, _) => Ok(None),
            (Some(one), None) => match one.to_str() {
                Ok(one) => Ok(Some(one)),
                Err(_) => {
                    Err(standards::oidc::token_request::TokenRequestError::Authorization.into())
                }
            },
            _ => Err(standards::oidc::token_request::TokenRequestError::SeveralCredentials.into()),
        }
    }

    /// Whether the client is `client`, shown in the way that was registered and in no other.
    async fn authenticate(
        &self,
        client: &OidcClient,
        credentials: &Credentials,
    ) -> Result<(), TokenError> {
        let refuse = |why: &str| Err(TokenError::Client(why.into()));
        let registered = client.client.token_endpoint_auth_method;
        let (named, shown) = match (credentials, registered) {
            (Credentials::Secret { client_id, secret }, AuthMethod::ClientSecret) => {
                let is_secret = oidc::is_secret(self.app, &client.connection, secret).await?;
                (Some(client_id), is_secret)
            }
            (
                Credentials::Assertion { jwt, client_id },
                AuthMethod::ClientSecretJwt | AuthMethod::PrivateKeyJwt,
            ) => {
                self.check_assertion(client, jwt).await?;
                (client_id.as_ref(), true)
            }
            (Credentials::Public { client_id }, AuthMethod::None) => (Some(client_id), true),
            _ => return refuse("this is not the way that is registered for it"),
        };
        match named.is_none_or(|named| *named == client.client.client_id) {
            false => refuse("another client's client_id"),
            true if shown => Ok(()),
            true => refuse("the secret is not right"),
        }
    }

    async fn check_assertion(&self, client: &OidcClient, jwt: &str) -> Result<(), TokenError> {
        let (issuer, endpoint) = (
            issuer(self.app, &client.connection),
            url(self.app, &client.connection, "token"),
        );
        let secrets = oidc::open_secrets(self.app, &client.connection).await?;
        let verified = oidc::with_keys(&client.client, &secrets, |keys| {
            client_assertion::verify(
                jwt,
                &client.client,
                &[&issuer, &endpoint],
                keys,
                seconds(self.now),
            )
        });
        let assertion = verified.map_err(|e| TokenError::Client(e.to_string()))?;
        // A jti is one client's own, and as long as the client likes: its hash is what is kept.
        let value = keys::hash(format!("{}\n{}", client.connection, assertion.jti()).as_bytes());
        let forget_at = assertion.forget_at_s() * 1_000 + FORGET_SLACK;
        match self
            .app
            .store
            .note_once("oidc_client_assertion", &value, forget_at)
            .await?
        {
            true => Ok(()),
            false => Err(TokenError::Client("the assertion came before".into())),
        }
    }

    async fn signed(
        &self,
        connection: &Connection,
        client: &OidcClient,
        tokens: &Tokens,
    ) -> Result<Response, TokenError> {
        let signer = self.app.oidc.signer(self.app, &connection.id).await?;
        let issuer = issuer(self.app, &connection.id);
        let input = tokens.signing_input(client, connection, &issuer, signer.alg(), &signer.kid);
        let signature = signer
            .sign(input.as_bytes())
            .ok_or_else(|| SignerError::Sign(signer.kid.clone()))?;
        let body = json!({
            "access_token": tokens.access_token,
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFETIME / 1_000,
            "scope": tokens.scope,
            "id_token": compact(&input, &signature),
        });
        metrics::counter!("tacit_oidc_tokens_total", "connection" => connection.id.to_string())
            .increment(1);
        // RFC 6749 section 5.1 wants both; the first is what every answer of ours carries.
        Ok(([(header::PRAGMA, "no-cache")], Json(body)).into_response())
    }

    fn refuse(&self, connection: &str, refused: &TokenError) -> Response {
        let code = match refused {
            TokenError::NoIssuer => {
                return (
                    StatusCode::NOT_FOUND,
                    Json(json!({ "error": "invalid_request" })),
                )
                    .into_response();
            }
            TokenError::Signer(_) | TokenError::Store(_) => return failed(refused),
            TokenError::Request(_) => ErrorCode::InvalidRequest,
            TokenError::Read(cause) => cause.code(),
            TokenError::Client(_) => ErrorCode::InvalidClient,
            TokenError::Grant(_) => ErrorCode::InvalidGrant,
        };
        tracing::warn!(connection, why = %refused, "refused a token request");
        metrics::counter!("tacit_requests_refused_total", "connection" => connection.to_owned())
            .increment(1);
        let mut response = error(code, &refused.to_string());
        if code == ErrorCode::InvalidClient && self.headers.contains_key(header::AUTHORIZATION) {
            const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"token\"");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, BASIC);
        }
        response
    }
}

/// Whether the body is said to be a form; a charset beside it may only be UTF-8.
pub fn is_form(headers: &HeaderMap) -> bool {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let mut parts = value
        .split(';')
        .map(|part| part.trim().to_ascii_lowercase());
    let is_form = parts
        .next()
        .is_some_and(|kind| kind == "application/x-www-form-urlencoded");
    is_form
        && parts.all(|part| {
            part.is_empty() || matches!(part.trim_start_matches("charset="), "utf-8" | "\"utf-8\"")
        })
}
