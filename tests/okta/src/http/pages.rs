//! The HTML of both sites. Each page says that this is a stand-in and not Okta.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::error::PageError;
use crate::config::{Config, Pipeline};
use crate::party::Party;
use crate::xml::escape_html;

/// Headers of a page whose forms may go to `form_action`.
pub fn headers(form_action: &str) -> [(header::HeaderName, String); 1] {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
         base-uri 'none'; frame-ancestors 'none'; form-action {form_action}"
    );
    [(header::CONTENT_SECURITY_POLICY, policy)]
}

pub async fn asset(Path(name): Path<String>) -> Response {
    let (kind, content) = match name.as_str() {
        "stand-in.css" => (
            "text/css; charset=utf-8",
            include_str!("../../pages/stand-in.css"),
        ),
        "sign-in.js" => (
            "text/javascript; charset=utf-8",
            include_str!("../../pages/sign-in.js"),
        ),
        "post.js" => (
            "text/javascript; charset=utf-8",
            include_str!("../../pages/post.js"),
        ),
        _ => return PageError::not_found().into_response(),
    };
    (
        [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "max-age=60"),
        ],
        content,
    )
        .into_response()
}

/// What the sign-in page's script has to know.
pub struct SignIn<'a> {
    pub from_uri: &'a str,
    pub state_token: Option<&'a str>,
    pub skips_verify: bool,
    pub idp_name: &'a str,
    /// Whether a name may belong to an identity provider, so that no password is asked for before it is known.
    pub asks_name_first: bool,
}

/// The sign-in page: its script does everything through the JSON endpoints.
pub fn sign_in(config: &Config, shown: &SignIn<'_>) -> String {
    let pipeline = match config.pipeline {
        Pipeline::Classic => "classic",
        Pipeline::Oie => "oie",
    };
    let body = format!(
        "<main id=\"okta-sign-in\" data-pipeline=\"{pipeline}\" data-from-uri=\"{}\" data-state-token=\"{}\" \
         data-skip-verify=\"{}\" data-org-name=\"{}\" data-idp-name=\"{}\" data-identifier-first=\"{}\">\
         <noscript>This page needs JavaScript.</noscript></main>\
         <script src=\"/assets/sign-in.js\" defer></script>",
        escape_html(shown.from_uri),
        escape_html(shown.state_token.unwrap_or_default()),
        shown.skips_verify,
        escape_html(&config.org_name),
        escape_html(shown.idp_name),
        shown.asks_name_first,
    );
    page(&format!("{} - Sign In", config.org_name), "org", &body)
}

/// The AuthnRequest on its way, by the POST binding.
pub fn auto_post(config: &Config, party: &Party, saml_request: &str, relay_state: &str) -> String {
    let body = format!(
        "<main><h1>Taking you to {}</h1><form id=\"appForm\" method=\"POST\" action=\"{}\">\
         <input type=\"hidden\" name=\"SAMLRequest\" value=\"{}\">\
         <input type=\"hidden\" name=\"RelayState\" value=\"{}\">\
         <button type=\"submit\">Continue</button></form></main><script src=\"/assets/post.js\" defer></script>",
        escape_html(&party.name),
        escape_html(&party.sso_url),
        escape_html(saml_request),
        escape_html(relay_state),
    );
    page(&format!("{} - Redirecting", config.org_name), "org", &body)
}

pub fn user_home(config: &Config, login: &str, app_path: &str) -> String {
    let body = format!(
        "<main><h1>{}</h1><p>Signed in as <strong id=\"okta-user\">{}</strong></p>\
         <p><a class=\"button\" id=\"open-application\" href=\"{}\">Open {}</a></p>\
         <p><a id=\"sign-out\" href=\"/login/signout\">Sign out</a></p></main>",
        escape_html(&config.org_name),
        escape_html(login),
        escape_html(app_path),
        escape_html(&config.app_name),
    );
    page(&format!("{} - Home", config.org_name), "org", &body)
}

pub fn application(config: &Config, login: Option<&str>) -> String {
    let name = escape_html(&config.app_name);
    let body = match login {
        Some(login) => format!(
            "<main><h1>{name}</h1><p id=\"signed-in\">{}</p><p>Signed in through {}.</p>\
             <p><a id=\"sign-out\" href=\"/logout\">Sign out</a></p></main>",
            escape_html(login),
            escape_html(&config.org_name),
        ),
        None => format!(
            "<main><h1>{name}</h1><p>Nobody is signed in.</p>\
             <p><a class=\"button\" id=\"sign-in\" href=\"/login\">Sign in with {}</a></p></main>",
            escape_html(&config.org_name),
        ),
    };
    page(&config.app_name, "application", &body)
}

pub fn error(status: StatusCode, code: &str, text: &str) -> String {
    let body = format!(
        "<main><h1>{} {}</h1><div id=\"okta-error\" role=\"alert\">{}</div>\
         <p id=\"okta-error-code\">Error Code: {}</p><p><a href=\"/\">Go to Homepage</a></p></main>",
        status.as_u16(),
        escape_html(status.canonical_reason().unwrap_or("Error")),
        escape_html(text),
        escape_html(code),
    );
    page("Error", "org", &body)
}

fn page(title: &str, site: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{}</title>\
         <link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"/assets/stand-in.css\"></head>\
         <body class=\"{site}\">{body}\
         <footer>A stand-in for tests and demonstrations. This is not Okta.</footer></body></html>",
        escape_html(title)
    )
}
