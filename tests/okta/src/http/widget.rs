//! Okta's own Sign-In Widget instead of the stand-in's page, where the configuration names its `dist` folder.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use axum::extract::{self, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::error::PageError;
use super::pages::{self, SignIn};
use crate::config::{Config, Pipeline};
use crate::org::Org;
use crate::xml::escape_html;

/// `GET /widget/{path}`: a file of the package, by the kinds that a page loads.
pub async fn asset(
    State(org): State<Arc<Org>>,
    extract::Path(path): extract::Path<String>,
) -> Result<Response, PageError> {
    let folder = org.config.widget.as_ref().ok_or(PageError::not_found())?;
    let file = inside(folder, &path).ok_or(PageError::not_found())?;
    let kind = kind_of(&file).ok_or(PageError::not_found())?;
    let content = tokio::fs::read(&file)
        .await
        .map_err(|_| PageError::not_found())?;
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "max-age=3600"),
    ];
    Ok((headers, content).into_response())
}

/// The page that starts it. Its styles are written by script, which the policy has to let pass; scripts are files alone.
pub fn sign_in(config: &Config, shown: &SignIn<'_>) -> String {
    let pipeline = match config.pipeline {
        Pipeline::Classic => "classic",
        Pipeline::Oie => "oie",
    };
    let body = format!(
        "<link rel=\"stylesheet\" href=\"/widget/css/okta-sign-in.min.css\">\
         <div id=\"okta-login-container\" data-pipeline=\"{pipeline}\" data-from-uri=\"{}\" data-state-token=\"{}\" \
         data-skip-verify=\"{}\" data-identifier-first=\"{}\" data-org-name=\"{}\"></div>\
         <script src=\"/widget/js/okta-sign-in.min.js\" defer></script><script src=\"/assets/widget.js\" defer></script>",
        escape_html(shown.from_uri),
        escape_html(shown.state_token.unwrap_or_default()),
        shown.skips_verify,
        shown.asks_name_first,
        escape_html(&config.org_name),
    );
    pages::page(&format!("{} - Sign In", config.org_name), "org", &body)
}

/// Headers of that page. The widget goes to an identity provider by submitting a form, so forms may go anywhere.
pub fn headers() -> [(header::HeaderName, &'static str); 1] {
    let policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; \
                  img-src 'self' data:; font-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";
    [(header::CONTENT_SECURITY_POLICY, policy)]
}

/// Names of files below `folder` only: nothing that climbs, nothing absolute.
fn inside(folder: &Path, path: &str) -> Option<PathBuf> {
    let relative = Path::new(path);
    let is_plain = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    (is_plain && path.len() <= 200).then(|| folder.join(relative))
}

fn kind_of(file: &Path) -> Option<&'static str> {
    Some(match file.extension()?.to_str()? {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "gif" => "image/gif",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_package_are_served() {
        let folder = Path::new("/widget");
        assert_eq!(
            inside(folder, "js/a.js"),
            Some(PathBuf::from("/widget/js/a.js"))
        );
        for path in ["../secret.js", "/etc/passwd", "js/../../secret.js"] {
            assert_eq!(inside(folder, path), None, "{path}");
        }
        assert_eq!(kind_of(Path::new("a.pem")), None);
    }
}
