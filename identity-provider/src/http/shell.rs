//! What surrounds every request: who asks, how often, under which name it is logged, and what goes wrong.

use super::fallback::page::NoticeView;
use crate::{app::App, clock::Millis, domain::challenge::Challenge, random, store::StoreError};
use axum::{
    body::{Body, to_bytes},
    extract::{ConnectInfo, FromRequestParts, MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use standards::saml::authn_request::PARAMETERS_BYTES;
use std::{
    any::Any,
    convert::Infallible,
    error::Error,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Instant,
};
use tracing::Instrument;
use wire::id::Origin;

/// The cookie that identifies the browser. `SameSite=None`, because Okta posts to us from its own site.
const BROWSER_COOKIE: &str = "__Host-browser";
const BROWSER_COOKIE_SECONDS: u32 = 400 * 24 * 3600;
/// Longer than the limit that any endpoint has of its own.
const BODY: usize = 128 * 1024;
/// The same where requests come by POST.
const SAML_BODY: usize = 2 * PARAMETERS_BYTES;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Where a request came from. Behind a declared proxy that is what the proxy says, otherwise the connection itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl FromRequestParts<App> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|c| c.0.ip());
        Ok(Self(client_of(app, peer, &parts.headers)))
    }
}

/// When the request arrived, by the server's clock: one time for all that it does.
#[derive(Debug, Clone, Copy)]
pub struct Arrived(pub Millis);

impl FromRequestParts<App> for Arrived {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self(app.now_ms()))
    }
}

/// Whether a body is of one of these types, in UTF-8 as far as it says, and not compressed.
pub fn is_utf8(headers: &HeaderMap, kinds: &[&str]) -> bool {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok());
    let encoding = text(header::CONTENT_ENCODING).unwrap_or("identity");
    let mut parts = text(header::CONTENT_TYPE)
        .unwrap_or_default()
        .split(';')
        .map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let is_utf8 = parts
        .filter_map(|p| p.split_once('='))
        .all(|(name, value)| {
            !name.trim().eq_ignore_ascii_case("charset")
                || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        });
    encoding.trim().eq_ignore_ascii_case("identity")
        && kinds.iter().any(|k| k.eq_ignore_ascii_case(kind))
        && is_utf8
}

/// The last address of `X-Forwarded-For` that is not a declared proxy, where the peer is one.
pub fn client_of(app: &App, peer: Option<IpAddr>, headers: &HeaderMap) -> IpAddr {
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ip| ip.to_canonical());
    forwarded_for(peer, &app.settings.trusted_proxies, headers)
}

fn forwarded_for(peer: IpAddr, proxies: &[IpAddr], headers: &HeaderMap) -> IpAddr {
    if !proxies.contains(&peer) {
        return peer;
    }
    let forwarded = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|v| v.to_str().ok());
    let addresses: Vec<&str> = forwarded
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .collect();
    let parsed = addresses
        .iter()
        .rev()
        .map_while(|a| a.parse::<IpAddr>().ok());
    parsed
        .map(|ip| ip.to_canonical())
        .find(|ip| !proxies.contains(ip))
        .unwrap_or(peer)
}

/// The value of one cookie; none if the browser sent it twice.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok());
    let pairs = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(n, _)| *n == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

/// The cookie that identifies the browser.
pub fn browser_cookie(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, BROWSER_COOKIE)
}

/// Sets that cookie.
pub fn set_browser_cookie(value: &str, response: &mut Response) {
    let cookie = format!(
        "{BROWSER_COOKIE}={value}; Path=/; Max-Age={BROWSER_COOKIE_SECONDS}; Secure; HttpOnly; SameSite=None"
    );
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// Whether a page of ours asks: the browser says so itself, and no page can make it say so.
pub fn is_same_origin(headers: &HeaderMap, origin: &Origin) -> bool {
    let value = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    match (value("sec-fetch-site"), value("origin")) {
        (Some(site), None) => site == "same-origin",
        (Some(site), Some(from)) => site == "same-origin" && from == origin.as_str(),
        // Browsers without Sec-Fetch-Site send Origin with every POST.
        (None, Some(from)) => from == origin.as_str(),
        (None, None) => false,
    }
}

/// Lets a page of a challenge load our own files, talk to us, and send its form to Okta. Chromium holds the redirects that
/// follow the form against `form-action` as well, and they end at applications that only Okta knows: hence every https URL.
pub fn challenge_page(_: &Challenge, response: Response) -> Response {
    page_with_form(response)
}

/// As [`challenge_page`], for a page whose form leaves by itself and belongs to no challenge.
pub fn page_with_form(mut response: Response) -> Response {
    const POLICY: HeaderValue = HeaderValue::from_static(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action 'self' https:; base-uri 'none'; frame-ancestors 'none'",
    );
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

/// A page that only says something.
pub fn notice(status: StatusCode, title: &str, text: &str, reference: &str) -> Response {
    const POLICY: HeaderValue = HeaderValue::from_static(
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    let view = NoticeView {
        title: title.into(),
        text: text.into(),
        reference: reference.into(),
    };
    let mut response = match view.html() {
        Ok(html) => (status, html).into_response(),
        Err(_) => (status, text.to_owned()).into_response(),
    };
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

/// A failure of ours: logged once, told without its cause.
#[derive(Debug)]
pub struct Failed(pub StoreError);

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        tracing::error!(error = %self.0, "request failed");
        if self.0.is_busy() {
            return busy();
        }
        notice(
            StatusCode::INTERNAL_SERVER_ERROR,
            "That did not work",
            "Something failed on our side. Please try again.",
            "",
        )
    }
}

/// Names the request, limits its sender, measures it. Neither query nor body is ever logged.
pub async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = random::id(app.now_ms());
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|c| c.0.ip());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str)
        .to_owned();
    let span = tracing::info_span!("request", id, method = %request.method(), route);
    // Provisioning has a limit of its own, and errors of its own.
    let is_provisioning = request.uri().path().starts_with("/scim/");
    let mut response = match is_provisioning
        || app
            .limits
            .allows_request(client_of(&app, peer, request.headers()))
    {
        true => admit(&app, request, next).instrument(span.clone()).await,
        false => too_many(),
    };
    let status = response.status();
    if let Some(seconds) = retry_after(status) {
        let seconds = HeaderValue::from_static(seconds);
        response
            .headers_mut()
            .entry(header::RETRY_AFTER)
            .or_insert(seconds);
    }
    span.in_scope(|| {
        tracing::debug!(
            status = status.as_u16(),
            ms = began.elapsed().as_millis(),
            "answered"
        )
    });
    let class = match status.as_u16() / 100 {
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        5 => "5xx",
        _ => "other",
    };
    metrics::counter!("tacit_responses_total", "route" => route, "status" => class).increment(1);
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Takes the whole body in, within its time, and only then a place among the requests that are worked on: whoever sends
/// slowly holds none.
async fn admit(app: &App, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    // Whoever may send more shows a token or a secret before any of it is read.
    let is_known_first = path.starts_with("/scim/") || path.starts_with("/okta/");
    let body = match is_known_first {
        true => Ok(Ok(body)),
        false => {
            let most = if path.starts_with("/saml/") {
                SAML_BODY
            } else {
                BODY
            };
            let whole = to_bytes(body, most);
            let whole = tokio::time::timeout(app.limits.body_time(), whole).await;
            whole.map(|whole| whole.map(Body::from))
        }
    };
    let body = match body {
        Ok(Ok(body)) => body,
        // The limit is the only error that has a source of this name.
        Ok(Err(error)) => {
            let is_long = error
                .source()
                .is_some_and(|s| s.to_string().contains("length limit"));
            return match is_long {
                true => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
                false => StatusCode::BAD_REQUEST.into_response(),
            };
        }
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    let Some(slot) = app.limits.admit() else {
        metrics::counter!("tacit_requests_shed_total").increment(1);
        return busy();
    };
    let mut request = Request::from_parts(parts, body);
    request.extensions_mut().insert(slot.clone());
    let response = next.run(request).await;
    drop(slot);
    response
}

/// How long a client should wait that is told to come back.
fn retry_after(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Some("60"),
        StatusCode::SERVICE_UNAVAILABLE => Some("2"),
        _ => None,
    }
}

fn busy() -> Response {
    notice(
        StatusCode::SERVICE_UNAVAILABLE,
        "Too much at once",
        "The server is busy. Wait a few seconds and try again.",
        "",
    )
}

fn too_many() -> Response {
    notice(
        StatusCode::TOO_MANY_REQUESTS,
        "Too many requests",
        "Wait a little and try again.",
        "",
    )
}

/// No such page.
pub async fn not_found() -> Response {
    notice(
        StatusCode::NOT_FOUND,
        "Not found",
        "There is nothing at this address.",
        "",
    )
}

/// A handler panicked: this request ends, nothing else does.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer hands the box over"
)]
pub fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let what = cause
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| cause.downcast_ref::<String>().map(String::as_str));
    tracing::error!(what, "a handler panicked");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)))
            .collect()
    }

    #[test]
    fn a_cookie_that_came_twice_is_none() {
        assert_eq!(
            browser_cookie(&headers(&[("cookie", "a=b; __Host-browser=x")])),
            Some("x")
        );
        assert_eq!(
            browser_cookie(&headers(&[(
                "cookie",
                "__Host-browser=x; __Host-browser=y"
            )])),
            None
        );
        assert_eq!(
            browser_cookie(&headers(&[("cookie", "x__Host-browser=x")])),
            None
        );
    }

    #[test]
    fn only_declared_proxies_say_where_a_request_came_from() {
        let [proxy, inner, client] =
            [[10, 0, 0, 1], [10, 0, 0, 2], [198, 51, 100, 7]].map(IpAddr::from);
        let of = |peer, line| {
            forwarded_for(
                peer,
                &[proxy, inner],
                &headers(&[("x-forwarded-for", line)]),
            )
        };
        assert_eq!(of(proxy, "198.51.100.7"), client);
        assert_eq!(
            of(proxy, "203.0.113.9, 198.51.100.7, 10.0.0.2"),
            client,
            "what the client wrote itself is not believed"
        );
        assert_eq!(of(client, "203.0.113.9"), client, "no proxy");
        assert_eq!(of(proxy, "198.51.100.7, nonsense"), proxy);
        assert_eq!(of(proxy, ""), proxy);
    }

    #[test]
    fn only_our_own_pages_are_same_origin() {
        let ours = Origin::new("https://login.acme.test").unwrap();
        for (pairs, same) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("origin", "https://login.acme.test"),
                ],
                true,
            ),
            (&[("origin", "https://login.acme.test")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "https://login.acme.test"),
                ],
                false,
            ),
            (
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("origin", "https://evil.test"),
                ],
                false,
            ),
            (&[("sec-fetch-site", "none")], false),
            (&[("origin", "null")], false),
            (&[], false),
        ] {
            assert_eq!(is_same_origin(&headers(pairs), &ours), same, "{pairs:?}");
        }
    }
}
