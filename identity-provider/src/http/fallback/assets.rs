//! The files that a browser loads as they are, compiled in. Each has one address that carries the hash of its content
//! (`/pages/challenge.js?v=…`), so that a browser may keep it for ever; without the hash it is asked for again each time.

use aws_lc_rs::digest;
use axum::{
    Router,
    extract::{OriginalUri, RawQuery},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use std::sync::OnceLock;

/// One file.
#[derive(Debug)]
pub struct Asset {
    path: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
    hash: OnceLock<String>,
}

macro_rules! assets {
    ($($(#[$doc:meta])* $name:ident = $path:literal, $media_type:expr;)*) => {
        $($(#[$doc])* pub static $name: Asset = Asset {
            path: $path,
            media_type: $media_type,
            bytes: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../www", $path)),
            hash: OnceLock::new(),
        };)*

        /// All of them.
        static ALL: &[&Asset] = &[$(&$name),*];
    };
}

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

assets! {
    /// Script of the challenge page.
    CHALLENGE_JS = "/pages/challenge.js", JS;
    /// Script of the page whose form leaves by itself.
    GO_ON_JS = "/pages/go_on.js", JS;
    /// Style of the challenge page and of the notices.
    CHALLENGE_CSS = "/pages/challenge.css", CSS;
    /// What the challenge page needs besides where scripts are off.
    NOSCRIPT_CSS = "/pages/noscript.css", CSS;
    /// What stands beside a page's title in a tab.
    ICON = "/pages/icon.svg", SVG;
    /// Script of the console.
    CONSOLE_JS = "/console/console.js", JS;
    /// Style of the console.
    CONSOLE_CSS = "/console/console.css", CSS;
    /// htmx.
    HTMX_JS = "/console/vendor/htmx.min.js", JS;
    /// Its licence.
    HTMX_LICENCE = "/console/vendor/htmx.LICENSE", TEXT;
    /// uPlot.
    UPLOT_JS = "/console/vendor/uPlot.iife.min.js", JS;
    /// Its style.
    UPLOT_CSS = "/console/vendor/uPlot.min.css", CSS;
    /// Its licence.
    UPLOT_LICENCE = "/console/vendor/uPlot.LICENSE", TEXT;
}

/// Routes of all files, for any state.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    ALL.iter().fold(Router::new(), |router, asset| {
        router.route(asset.path, get(serve))
    })
}

impl Asset {
    /// Its address with the hash of its content.
    pub fn href(&self) -> String {
        format!("{}?v={}", self.path, self.hash())
    }

    fn hash(&self) -> &str {
        self.hash.get_or_init(|| {
            let digest = digest::digest(&digest::SHA256, self.bytes);
            wire::b64::encode(&digest.as_ref()[..15])
        })
    }
}

async fn serve(
    OriginalUri(uri): OriginalUri,
    RawQuery(query): RawQuery,
    request: HeaderMap,
) -> Response {
    let Some(asset) = ALL.iter().find(|asset| asset.path == uri.path()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let etag = format!("\"{}\"", asset.hash());
    let is_addressed_by_hash =
        query.as_deref().and_then(|q| q.strip_prefix("v=")) == Some(asset.hash());
    let caching = match is_addressed_by_hash {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let is_known = request
        .get(header::IF_NONE_MATCH)
        .is_some_and(|held| held.as_bytes() == etag.as_bytes());
    let mut response = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => asset.bytes.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(asset.media_type),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    // Invariant: base64url in quotes is a header value.
    headers.insert(
        header::ETAG,
        HeaderValue::from_str(&etag).expect("an ETag is visible ASCII"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{body::Body, http::Request};
    use tower::ServiceExt;

    async fn fetch(path: &str, held: Option<&str>) -> Response {
        let mut request = Request::get(path);
        if let Some(held) = held {
            request = request.header(header::IF_NONE_MATCH, held);
        }
        routes::<()>()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn the_address_with_the_hash_is_kept_and_the_bare_one_is_asked_for_again() {
        let kept = fetch(&CHALLENGE_JS.href(), None).await;
        assert_eq!(kept.status(), StatusCode::OK);
        assert_eq!(kept.headers()[header::CONTENT_TYPE], JS);
        assert!(
            kept.headers()[header::CACHE_CONTROL]
                .to_str()
                .unwrap()
                .contains("immutable")
        );
        for path in ["/pages/challenge.js", "/pages/challenge.js?v=older"] {
            let asked = fetch(path, None).await;
            assert_eq!(asked.headers()[header::CACHE_CONTROL], "no-cache", "{path}");
            let etag = asked.headers()[header::ETAG].to_str().unwrap().to_owned();
            assert_eq!(
                fetch(path, Some(&etag)).await.status(),
                StatusCode::NOT_MODIFIED
            );
        }
    }

    #[test]
    fn our_own_script_stays_small() {
        let bytes: usize = [&CHALLENGE_JS, &CONSOLE_JS]
            .iter()
            .map(|asset| asset.bytes.len())
            .sum();
        assert!(bytes <= 15 * 1024, "{bytes} bytes");
    }
}
