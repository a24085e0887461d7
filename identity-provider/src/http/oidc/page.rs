//! Our own pages around a request: who are you, shall you be signed out, and the form that takes an error back.

use super::answer::Fields;
use crate::{
    domain::connection::Connection,
    http::{fallback::assets, notice},
};
use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use standards::oidc::parameters::Parameters;

#[derive(Template)]
#[template(path = "oidc/identify.html")]
struct IdentifyPage<'a> {
    css: String,
    application: &'a str,
    action: &'a str,
    fields: Vec<(&'a str, &'a str)>,
    field: &'a str,
    hint: &'a str,
}

/// Asks who wants to sign in; the whole request travels along and is verified anew.
pub fn identify(
    action: &str,
    connection: &Connection,
    parameters: &Parameters,
    field: &str,
    hint: Option<&str>,
) -> Response {
    let page = IdentifyPage {
        css: assets::CHALLENGE_CSS.href(),
        application: connection.id.as_str(),
        action,
        fields: parameters.iter().collect(),
        field,
        hint: hint.unwrap_or_default(),
    };
    shown(page.render())
}

#[derive(Template)]
#[template(path = "oidc/sign_out.html")]
struct SignOutPage<'a> {
    css: String,
    application: &'a str,
    action: String,
    fields: Vec<(&'a str, &'a str)>,
}

/// Asks whether to sign out.
pub fn sign_out(connection: &Connection, parameters: &Parameters) -> Response {
    let page = SignOutPage {
        css: assets::CHALLENGE_CSS.href(),
        application: connection.id.as_str(),
        action: format!("/oidc/{}/logout/confirm", connection.id),
        fields: parameters.iter().collect(),
    };
    shown(page.render())
}

#[derive(Template)]
#[template(path = "complete.html")]
struct FormPage<'a> {
    css: String,
    application: &'a str,
    state: &'a str,
    action: &'a str,
    fields: Vec<(&'a str, &'a str)>,
}

/// An error for a client that wants its answers posted: a form with a button.
pub fn form(action: &str, fields: &Fields) -> Response {
    let page = FormPage {
        css: assets::CHALLENGE_CSS.href(),
        application: "the application",
        state: "declined",
        action,
        fields: fields.0.iter().map(|(n, v)| (*n, v.as_str())).collect(),
    };
    shown(page.render())
}

/// A page without script whose form goes to us or back to the client.
fn shown(html: askama::Result<String>) -> Response {
    const POLICY: HeaderValue = HeaderValue::from_static(
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self' https:; base-uri 'none'; \
         frame-ancestors 'none'",
    );
    match html {
        Ok(html) => ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page cannot be written");
            notice(
                StatusCode::INTERNAL_SERVER_ERROR,
                "That did not work",
                "Something failed on our side. Please try again.",
                "",
            )
        }
    }
}
