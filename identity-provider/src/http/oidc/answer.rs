//! The way back to the client: a code for an allowed challenge, an error for any other.

use super::{discovery::published, issuer};
use crate::{
    app::App,
    clock::Millis,
    domain::{
        challenge::{Challenge, State},
        oidc::{self, CODE_LIFETIME, OidcClient, OidcEcho, may_enter, person_of},
        user::{User, UserId},
    },
    http::{challenge::Onward, saml::Form},
    keys,
    store::StoreError,
};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use standards::oidc::{
    ErrorCode,
    authorization_request::{ResponseMode, location},
    id_token::Hint,
};
use std::{borrow::Cow, collections::BTreeMap};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// Not decided.
    #[error("the challenge is not decided")]
    Undecided,
    /// The connection went away.
    #[error("the connection has no client any more")]
    NoClient,
    /// It was taken from the registration since.
    #[error("the redirect URI is not registered any more")]
    Unregistered,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes the way on from a decided challenge. Asked again, it gives the same code.
pub async fn respond(
    app: &App,
    challenge: &Challenge,
    echo: &OidcEcho,
    now: Millis,
) -> Result<Onward, OidcError> {
    let client = app.store.find_oidc_client(&challenge.connection).await?;
    let client = client.ok_or(OidcError::NoClient)?;
    if !client.client.redirects_to(&echo.redirect_uri) {
        return Err(OidcError::Unregistered);
    }
    let issuer = issuer(app, &challenge.connection);
    let state = echo.state.as_deref();
    let fields = match challenge.state {
        State::Waiting | State::StepUp => return Err(OidcError::Undecided),
        State::Declined => Fields::error(
            ErrorCode::AccessDenied,
            "left to the other factors",
            state,
            &issuer,
        ),
        State::Allowed => match admitted(app, &client, challenge).await? {
            Some(_) => {
                let code = oidc::code_of(app, &challenge.id);
                let hash = keys::hash(code.as_bytes());
                let expires_at = now + CODE_LIFETIME;
                app.store
                    .insert_oidc_code(&hash, &client.connection, &challenge.id, expires_at)
                    .await?;
                Fields::code(code, state, &issuer)
            }
            None => {
                note_outsider(app, challenge, now).await?;
                Fields::error(ErrorCode::AccessDenied, NOT_ASSIGNED, state, &issuer)
            }
        },
    };
    Ok(match echo.response_mode {
        ResponseMode::Query => Onward::Location(fields.location(&echo.redirect_uri)),
        ResponseMode::FormPost => Onward::Form(Form {
            action: echo.redirect_uri.clone(),
            fields: fields.0,
        }),
    })
}

const NOT_ASSIGNED: &str = "this person is not assigned to the application: an administrator has to add them to one of its groups";

async fn admitted(
    app: &App,
    client: &OidcClient,
    challenge: &Challenge,
) -> Result<Option<User>, StoreError> {
    let Some(user) = person_of(app, challenge).await? else {
        return Ok(None);
    };
    Ok(may_enter(app, client, &user).await?.then_some(user))
}

async fn note_outsider(app: &App, challenge: &Challenge, now: Millis) -> Result<(), StoreError> {
    let known = format!("{} not assigned", challenge.id);
    if app
        .store
        .note_once("oidc_not_assigned", &known, challenge.expires_at.max(now))
        .await?
    {
        tracing::warn!(challenge = %challenge.id, connection = %challenge.connection, "not assigned to the application");
        let detail = "signed in, but in none of the application's groups";
        app.store
            .insert_event(now, "oidc_not_assigned", "person", challenge, detail)
            .await?;
    }
    Ok(())
}

/// What goes back to the client, by name.
#[derive(Debug, Clone)]
pub struct Fields(pub BTreeMap<&'static str, String>);

impl Fields {
    fn code(code: String, state: Option<&str>, issuer: &str) -> Self {
        Self::with(BTreeMap::from([("code", code)]), state, issuer)
    }

    /// An error (RFC 6749 section 4.1.2.1).
    pub fn error(code: ErrorCode, description: &str, state: Option<&str>, issuer: &str) -> Self {
        let fields = BTreeMap::from([
            ("error", code.code().to_owned()),
            ("error_description", described(description)),
        ]);
        Self::with(fields, state, issuer)
    }

    /// `iss` in every answer, so that a client of many issuers cannot be made to mix them up (RFC 9207).
    fn with(mut fields: BTreeMap<&'static str, String>, state: Option<&str>, issuer: &str) -> Self {
        fields.insert("iss", issuer.to_owned());
        if let Some(state) = state {
            fields.insert("state", state.to_owned());
        }
        Self(fields)
    }

    /// The redirect URI with them.
    pub fn location(&self, redirect_uri: &str) -> String {
        let fields: Vec<(&str, Cow<'_, str>)> = self
            .0
            .iter()
            .map(|(name, value)| (*name, Cow::Borrowed(value.as_str())))
            .collect();
        location(redirect_uri, &fields)
    }
}

/// The characters that RFC 6749 allows in a description.
fn described(text: &str) -> String {
    let allowed = |c: &char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
    text.chars().filter(allowed).collect()
}

/// 303 to somewhere else.
pub fn redirect(to: &str) -> Response {
    match HeaderValue::from_str(to) {
        Ok(to) => (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response(),
        // Invariant: registered URIs are ASCII and what is added is form-encoded, so this is never reached.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The person of an ID token of ours that came back as a hint; none if it is not ours, or the person is gone.
pub async fn person_of_hint(
    app: &App,
    client: &OidcClient,
    text: &str,
) -> Result<Option<User>, StoreError> {
    let issuer = issuer(app, &client.connection);
    let ours = published(app, &client.connection, 0).await?;
    let alg = client.client.id_token_signed_response_alg;
    let Ok(hint) = Hint::verify(text, &issuer, &client.client.client_id, alg, &ours) else {
        return Ok(None);
    };
    match client.subject {
        oidc::Subject::Id => {
            app.store
                .find_user(&UserId::from_row_text(hint.sub().into()))
                .await
        }
        oidc::Subject::Login => app.store.find_user_by_name(hint.sub()).await,
    }
}
