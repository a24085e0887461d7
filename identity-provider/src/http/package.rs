//! `/extension/update.xml` and `/extension/tacit.crx`: what `cargo xtask dist` made, for the browsers that a policy told to
//! install it from here. Public, as every extension store is: the file is signed, and its id is the hash of the key.

use super::shell;
use crate::app::App;
use axum::{
    Router,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use std::path::Path;

/// Bytes of a packed extension; ours has 0.4 MB.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/extension/update.xml", get(update_manifest))
        .route("/extension/tacit.crx", get(packed))
}

async fn update_manifest(State(app): State<App>) -> Response {
    let folder = app.settings.extension.as_deref();
    file(folder, "update.xml", "text/xml; charset=utf-8").await
}

async fn packed(State(app): State<App>) -> Response {
    let folder = app.settings.extension.as_deref();
    file(folder, "tacit.crx", "application/x-chrome-extension").await
}

async fn file(folder: Option<&Path>, name: &str, kind: &'static str) -> Response {
    let Some(folder) = folder else {
        return shell::not_found().await;
    };
    let path = folder.join(name);
    let read = async {
        let length = tokio::fs::metadata(&path).await?.len();
        if length > LARGEST {
            return Err(std::io::Error::other(format!(
                "{length} bytes are no packed extension of ours"
            )));
        }
        tokio::fs::read(&path).await
    };
    match read.await {
        Ok(bytes) => ([(header::CONTENT_TYPE, kind)], bytes).into_response(),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the packed extension cannot be read");
            shell::not_found().await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;

    #[tokio::test]
    async fn browsers_get_the_packed_extension_and_nothing_where_there_is_none() {
        let folder = std::env::temp_dir().join(format!("tacit-package-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("update.xml"), "<gupdate/>").unwrap();
        let there = file(Some(&folder), "update.xml", "text/xml; charset=utf-8").await;
        assert_eq!(there.status(), StatusCode::OK);
        assert_eq!(
            there.headers()[header::CONTENT_TYPE],
            "text/xml; charset=utf-8"
        );
        for (folder, name) in [(Some(folder.as_path()), "tacit.crx"), (None, "update.xml")] {
            let answer = file(folder, name, "text/xml").await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{name}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
