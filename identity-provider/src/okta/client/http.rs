//! One exchange with the org: https, no redirect, bounded time and size; and what its answer says.

use super::{Error, Options, Path, Refusal, error::words};
use crate::clock::{Millis, SECOND};
use reqwest::{
    Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{borrow::Cow, error::Error as _, sync::Arc, time::Duration};
use wire::id::Origin;
use zeroize::Zeroizing;

const CONNECT: Duration = Duration::from_secs(10);
/// A header that is kept, in bytes.
const REQUEST_ID: usize = 80;
/// A nonce for proofs of possession, in bytes.
const NONCE: usize = 512;
/// `Link` headers that are looked at.
const LINKS: usize = 16;

/// What is to be sent.
pub(super) struct Call<'a> {
    pub method: Method,
    pub path: &'a Path,
    pub body: Body<'a>,
    pub accept: &'static str,
    pub is_authorized: bool,
    pub repeat: Repeat,
    /// Of possession, where no access token goes with it.
    pub proof: Option<String>,
}

/// Whether the org may get the same call twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It is idempotent.
    Harmless,
    /// Another one would have another effect.
    Never,
}

pub(super) enum Body<'a> {
    None,
    Typed(&'static str, Cow<'a, [u8]>),
}

impl Body<'_> {
    pub fn json(value: &(impl Serialize + ?Sized)) -> Self {
        // Our own types have string keys only, so this cannot fail.
        let bytes = serde_json::to_vec(value).unwrap_or_default();
        Self::Typed("application/json", Cow::Owned(bytes))
    }
}

impl<'a> Call<'a> {
    /// Of the method's own idempotence (RFC 9110, section 9.2.2).
    pub fn new(method: Method, path: &'a Path) -> Self {
        let repeat = match method.is_idempotent() {
            true => Repeat::Harmless,
            false => Repeat::Never,
        };
        Self {
            method,
            path,
            body: Body::None,
            accept: "application/json",
            is_authorized: true,
            repeat,
            proof: None,
        }
    }
}

/// What a call shows who we are with.
pub(super) struct Authorization {
    /// `SSWS`, `Bearer` or `DPoP`.
    pub scheme: &'static str,
    pub secret: Zeroizing<String>,
    /// Goes with `DPoP`.
    pub proof: Option<String>,
}

/// What came back, whole.
pub(super) struct Answer {
    pub body: Vec<u8>,
    pub request_id: String,
    pub links: Vec<String>,
    /// What the next proof of possession has to hold.
    pub dpop_nonce: Option<String>,
    rate: Option<Rate>,
    error: Option<Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rate {
    remaining: u32,
    /// By our clock.
    until: Millis,
}

impl Answer {
    /// Itself, if it is a success.
    pub fn accepted(mut self) -> Result<Self, Error> {
        match self.error.take() {
            None => Ok(self),
            Some(error) => Err(error),
        }
    }

    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // The position only: the text would be the org's data.
            tracing::debug!(
                line = error.line(),
                column = error.column(),
                "an answer of Okta's has another shape"
            );
            Error::Malformed("JSON of the expected shape")
        })
    }

    /// When this endpoint may be called again, if this was the last call of the minute.
    pub fn is_used_up_until(&self) -> Option<Millis> {
        self.rate
            .filter(|rate| rate.remaining == 0)
            .map(|rate| rate.until)
    }
}

/// Speaks to one origin.
pub(super) struct Exchange {
    http: reqwest::Client,
    org: Origin,
    body: usize,
}

impl Exchange {
    pub fn new(options: &Options) -> Result<Self, Error> {
        if !options.org.as_str().starts_with("https://") {
            return Err(Error::Tls(
                "the org's address has to begin with https://".into(),
            ));
        }
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(options.ca.as_deref())?)
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            // Attempts are counted by the caller alone.
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT.min(options.bounds.exchange))
            .timeout(options.bounds.exchange)
            .pool_max_idle_per_host(8)
            .user_agent(concat!("tacit/", env!("CARGO_PKG_VERSION")));
        if !options.addresses.is_empty() {
            builder = builder.no_proxy();
        }
        for (host, address) in &options.addresses {
            builder = builder.resolve(host, *address);
        }
        Ok(Self {
            http: builder.build().map_err(|e| Error::Tls(chain(&e)))?,
            org: options.org.clone(),
            body: options.bounds.body,
        })
    }

    pub fn org(&self) -> &Origin {
        &self.org
    }

    /// Sends and reads. `Ok` is an answer, whatever it says. `now`: by our clock.
    pub async fn make(
        &self,
        call: &Call<'_>,
        authorization: Option<&Authorization>,
        now: Millis,
    ) -> Result<Answer, Error> {
        let url = format!("{}{}", self.org, call.path);
        let mut request = self
            .http
            .request(call.method.clone(), url)
            .header(ACCEPT, call.accept);
        if let Some(authorization) = authorization {
            let Authorization { scheme, secret, .. } = authorization;
            let line = Zeroizing::new(format!("{scheme} {}", secret.as_str()));
            let mut value = HeaderValue::from_str(&line).map_err(|_| {
                Error::Value("the credential has characters that no header can carry")
            })?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let proof = call
            .proof
            .as_ref()
            .or(authorization.and_then(|a| a.proof.as_ref()));
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        request = match &call.body {
            Body::Typed(kind, bytes) => request.header(CONTENT_TYPE, *kind).body(bytes.to_vec()),
            // Okta answers 411 to a POST or PUT that does not say that it has no body.
            Body::None if call.method == Method::POST || call.method == Method::PUT => {
                request.header(CONTENT_LENGTH, "0").body(Vec::new())
            }
            Body::None => request,
        };
        let mut response = request.send().await.map_err(|e| failure(&e))?;
        let status = response.status();
        let headers = response.headers().clone();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| failure(&e))? {
            if body.len() + chunk.len() > self.body {
                return Err(Error::TooLarge(self.body));
            }
            body.extend_from_slice(&chunk);
        }
        let request_id = text(&headers, "x-okta-request-id")
            .map(|id| words(&id.chars().take(REQUEST_ID).collect::<String>(), None))
            .unwrap_or_else(|| "unknown".into());
        let rate = rate(&headers, now);
        let secret = authorization.map(|a| a.secret.as_str());
        let error = match status.as_u16() {
            200..300 => None,
            300..400 => Some(Error::Redirected),
            429 => Some(Error::RateLimited {
                until: rate.map_or(now, |r| r.until),
                request_id: request_id.clone(),
            }),
            400 if super::security_events::refusal(&body).is_some() => {
                super::security_events::refusal(&body)
            }
            other => Some(Error::Refused(Box::new(Refusal::of(
                other,
                &body,
                request_id.clone(),
                secret,
            )))),
        };
        let links = headers
            .get_all("link")
            .iter()
            .filter_map(|v| v.to_str().ok())
            .take(LINKS)
            .map(str::to_owned)
            .collect();
        let dpop_nonce = text(&headers, "dpop-nonce")
            .filter(|nonce| nonce.len() <= NONCE)
            .map(str::to_owned);
        Ok(Answer {
            dpop_nonce,
            body,
            request_id,
            links,
            rate,
            error,
        })
    }
}

/// Our one provider, the machine's roots and, if given, the org's own.
fn tls(ca: Option<&[u8]>) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = ca {
        let mut added = 0;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate =
                certificate.map_err(|_| Error::Tls("the CA's file is not PEM".into()))?;
            roots
                .add(certificate)
                .map_err(|e| Error::Tls(e.to_string()))?;
            added += 1;
        }
        if added == 0 {
            return Err(Error::Tls("the CA's file holds no certificate".into()));
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::Tls(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

/// `X-Rate-Limit-*`, or `Retry-After`. The org's own `Date` tells how long that is, whatever our clocks differ by.
fn rate(headers: &HeaderMap, now: Millis) -> Option<Rate> {
    let number = |name| text(headers, name)?.trim().parse::<i64>().ok();
    let wait_s = match (number("x-rate-limit-reset"), number("retry-after")) {
        (Some(reset_s), _) => {
            let theirs = text(headers, "date").and_then(http_date);
            reset_s.saturating_sub(theirs.unwrap_or(now.div_euclid(SECOND)))
        }
        (None, Some(after_s)) => after_s,
        (None, None) => return None,
    };
    Some(Rate {
        remaining: number("x-rate-limit-remaining")
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(u32::MAX),
        // A day is more than any limit of Okta's.
        until: now + wait_s.clamp(0, 86_400) * SECOND,
    })
}

/// `Tue, 01 Dec 2026 00:40:46 GMT` in seconds since 1970.
fn http_date(text: &str) -> Option<i64> {
    let at = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(at.timestamp().as_second())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// What a failed exchange tells about the org having seen it. The URL stays out: a name in it is somebody's.
fn failure(error: &reqwest::Error) -> Error {
    if error.is_timeout() && !error.is_connect() {
        Error::Timeout
    } else if error.is_connect() {
        Error::NoConnection(chain(error))
    } else {
        Error::Unreachable(chain(error))
    }
}

/// The causes of an error, without its own words, which quote the URL.
fn chain(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        causes.push(deeper.to_string());
        cause = deeper.source();
    }
    words(&causes.join(": "), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate_of(pairs: &[(&'static str, &'static str)]) -> Option<(u32, Millis)> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        rate(&headers, 1_796_085_600_500).map(|r| (r.remaining, r.until - 1_796_085_600_500))
    }

    #[test]
    fn a_rate_limit_is_told_by_the_orgs_clock() {
        let date = ("date", "Tue, 01 Dec 2026 00:40:46 GMT");
        assert_eq!(http_date(date.1), Some(1_796_085_646));
        for (pairs, expected) in [
            (&[][..], None),
            (
                &[
                    ("x-rate-limit-remaining", "0"),
                    ("x-rate-limit-reset", "1796085660"),
                    date,
                ],
                Some((0, 14_000)),
            ),
            // Without a date by ours, which is 46 seconds behind here.
            (
                &[
                    ("x-rate-limit-remaining", "7"),
                    ("x-rate-limit-reset", "1796085660"),
                ],
                Some((7, 60_000)),
            ),
            (&[("retry-after", "3")], Some((u32::MAX, 3_000))),
            (&[("x-rate-limit-reset", "0"), date], Some((u32::MAX, 0))),
            (
                &[("x-rate-limit-reset", "9223372036854775807"), date],
                Some((u32::MAX, 86_400_000)),
            ),
            (&[("x-rate-limit-reset", "soon")], None),
        ] {
            assert_eq!(rate_of(pairs), expected, "{pairs:?}");
        }
    }
}
