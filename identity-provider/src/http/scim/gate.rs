//! Who may come in, and in which format: address, token, media types. Nothing else of the request is looked at before.

use super::Refused;
use crate::{app::App, clock::Millis, http::client_of, keys};
use axum::{
    extract::{ConnectInfo, FromRequestParts, RawPathParams, Request, State},
    http::{HeaderMap, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::net::{IpAddr, SocketAddr};
use wire::id::ConnectionId;

/// A client with a good token, and the time of its request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The connection that the token is for.
    pub connection: ConnectionId,
    /// One time for all that the request does.
    pub now: Millis,
    /// The URL that ends in `/v2`.
    pub base: String,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Refused> {
        // Set by the gate, without which no route is reached.
        parts.extensions.get().cloned().ok_or(Refused::Internal)
    }
}

/// Lets good requests through.
pub async fn gate(
    State(app): State<App>,
    params: RawPathParams,
    mut request: Request,
    next: Next,
) -> Response {
    let name = params
        .iter()
        .find(|(name, _)| *name == "connection")
        .map(|(_, value)| value.to_owned());
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|c| c.0.ip());
    let from = client_of(&app, peer, request.headers());
    // A copy, because a body is nothing that several threads may look at.
    let headers = request.headers().clone();
    match admitted(&app, name.unwrap_or_default(), from, &headers).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refused) => refused.into_response(),
    }
}

async fn admitted(
    app: &App,
    name: String,
    from: IpAddr,
    headers: &HeaderMap,
) -> Result<Caller, Refused> {
    let now = app.now_ms();
    let guesses = app.limits.guesses();
    if !app.limits.allows_provisioning(from) || !guesses.allows(from, now) {
        return Err(Refused::TooMany);
    }
    // A connection that does not exist and a token that is not good look the same.
    let good = match (ConnectionId::new(name), bearer(headers)) {
        (Ok(connection), Some(token)) => {
            let hash = keys::hash(token.as_bytes());
            let found = app
                .store
                .present_scim_token(connection.as_str(), &hash, now)
                .await?;
            found.map(|_| connection)
        }
        _ => None,
    };
    let Some(connection) = good else {
        guesses.note_wrong(from, now);
        metrics::counter!("tacit_scim_tokens_refused_total").increment(1);
        return Err(Refused::Unauthorized);
    };
    if !accepts(headers) {
        return Err(Refused::NotAcceptable);
    }
    Ok(Caller {
        base: super::base_url(app, &connection),
        connection,
        now,
    })
}

/// The token of the one `Authorization` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim())
        .filter(|token| !token.is_empty() && token.len() <= 256)
}

/// Whether the client takes our one format. Who does not say takes everything; suffixes and qualities are not weighed.
fn accepts(headers: &HeaderMap) -> bool {
    let mut said = false;
    let ours = [
        "application/scim+json",
        "application/json",
        "application/*",
        "*/*",
    ];
    for line in headers.get_all(header::ACCEPT) {
        for range in line.to_str().unwrap_or_default().split(',') {
            let range = range.split(';').next().unwrap_or_default().trim();
            if ours.iter().any(|o| o.eq_ignore_ascii_case(range)) {
                return true;
            }
            said |= !range.is_empty();
        }
    }
    !said
}

/// Whether a body of this type is read: JSON in UTF-8, not compressed.
pub fn is_readable(headers: &HeaderMap) -> bool {
    crate::http::shell::is_utf8(headers, &["application/scim+json", "application/json"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(n, v): &(&'static str, &'static str)| {
            (HeaderName::from_static(n), HeaderValue::from_static(v))
        };
        let mut map = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            map.append(name, value);
        }
        map
    }

    #[test]
    fn one_bearer_token_is_taken() {
        let token = |pairs| bearer(&headers(pairs)).map(str::to_owned);
        assert_eq!(
            token(&[("authorization", "Bearer abc")]).as_deref(),
            Some("abc")
        );
        assert_eq!(
            token(&[("authorization", "bearer  abc ")]).as_deref(),
            Some("abc")
        );
        for pairs in [
            &[][..],
            &[("authorization", "abc")],
            &[("authorization", "Bearer ")],
            &[("authorization", "Basic abc")],
            &[
                ("authorization", "Bearer abc"),
                ("authorization", "Bearer abd"),
            ],
        ] {
            assert_eq!(token(pairs), None, "{pairs:?}");
        }
    }

    #[test]
    fn bodies_are_json_in_utf_8() {
        for (pairs, readable) in [
            (
                &[("content-type", "application/scim+json; charset=utf-8")][..],
                true,
            ),
            (&[("content-type", "Application/JSON")], true),
            (
                &[("content-type", "application/json; charset=\"UTF-8\"")],
                true,
            ),
            (
                &[("content-type", "application/json; charset=iso-8859-1")],
                false,
            ),
            (&[("content-type", "text/json")], false),
            (
                &[
                    ("content-type", "application/json"),
                    ("content-encoding", "gzip"),
                ],
                false,
            ),
            (&[], false),
        ] {
            assert_eq!(is_readable(&headers(pairs)), readable, "{pairs:?}");
        }
        assert!(accepts(&headers(&[(
            "accept",
            "text/html, application/*;q=0.1"
        )])));
        assert!(accepts(&headers(&[])));
        assert!(!accepts(&headers(&[("accept", "text/html")])));
    }
}
