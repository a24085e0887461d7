//! Which of the configured places a URL belongs to.

use wire::{config::Configuration, id::Origin};

/// The places that matter to a sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sites {
    /// The Tacit server.
    pub server: Origin,
    /// The Okta org under all its names.
    pub okta: Vec<Origin>,
}

/// Where a document lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Place {
    /// The Okta org.
    Okta,
    /// The Tacit server.
    Server,
    /// Anywhere else.
    Elsewhere,
}

impl Sites {
    /// The places that `configuration` names.
    pub fn of(configuration: &Configuration) -> Self {
        Self {
            server: configuration.server_origin.clone(),
            okta: configuration.okta_origins.clone(),
        }
    }

    /// The place of a URL.
    pub fn place(&self, url: &str) -> Place {
        origin_of(url).map_or(Place::Elsewhere, |origin| self.place_of_origin(&origin))
    }

    /// The place of a serialised origin; `null` is elsewhere.
    pub fn place_of_origin(&self, origin: &str) -> Place {
        if self.server.as_str() == origin {
            Place::Server
        } else if self.okta.iter().any(|okta| okta.as_str() == origin) {
            Place::Okta
        } else {
            Place::Elsewhere
        }
    }

    /// Whether a URL carries a sign-in that may have begun somewhere else: a state token of Okta's, one of the paths
    /// that resume a transaction, or our own sign-on address as somewhere to go on to. Encodings are taken off, because a
    /// token may be wrapped in a return address.
    pub fn resumes_a_sign_in(&self, url: &str) -> bool {
        let host = self.server.as_str().split_once("://").map_or("", |s| s.1);
        let mut text = after_authority(url).to_ascii_lowercase();
        for _ in 0..ENCODINGS {
            let ours = ["saml", "oidc"]
                .iter()
                .any(|path| text.contains(&format!("{host}/{path}/")));
            if ours || MARKS.iter().any(|mark| text.contains(mark)) {
                return true;
            }
            let decoded = percent_decoded(&text).to_ascii_lowercase();
            if decoded == text {
                return false;
            }
            text = decoded;
        }
        // Encoded more often than anybody does in good faith.
        true
    }
}

/// The origin of a URL as the browser serialises it; `None` for `about:`, `data:` and the like.
pub fn origin_of(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    if scheme != "https" && scheme != "http" {
        return None;
    }
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?;
    (!host.is_empty()).then(|| format!("{scheme}://{host}"))
}

/// The host name of a URL, without port.
pub fn host_of(url: &str) -> Option<String> {
    let origin = origin_of(url)?;
    let host = origin.split_once("://")?.1;
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    Some(host.to_owned())
}

/// Whether `host` is one of `excluded` or below one of them.
pub fn is_excluded(host: &str, excluded: &[String]) -> bool {
    excluded.iter().any(|site| {
        let site = site.trim_start_matches("*.");
        host.strip_suffix(site)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

fn after_authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find(['/', '?', '#']).map_or("", |at| &rest[at..])
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = |at: usize| bytes.get(at).and_then(|c| (*c as char).to_digit(16));
        match (bytes[i], hex(i + 1), hex(i + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                i += 3;
            }
            (other, ..) => {
                out.push(other);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What only a running transaction carries; lower case.
const MARKS: &[&str] = &[
    "statetoken",
    "state_token",
    "statehandle",
    "/sso/idps/",
    "/idp/idx/",
    "/signin/verify/",
    // Opens a running transaction in any browser: the page after an enrolment or a refusal.
    "/signin/refresh-auth-state/",
];
const ENCODINGS: usize = 5;

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn sites() -> Sites {
        Sites {
            server: Origin::new("https://login.tacit-idp.test").unwrap(),
            okta: vec![
                Origin::new("https://acme.okta-standin.test").unwrap(),
                Origin::new("https://id.acme.test").unwrap(),
            ],
        }
    }

    #[test]
    fn an_origin_is_what_stands_behind_the_user_name() {
        for (url, origin) in [
            ("https://a.test", Some("https://a.test")),
            ("https://a.test/x?y#z", Some("https://a.test")),
            ("https://a.test?x", Some("https://a.test")),
            ("https://a.test:8443/", Some("https://a.test:8443")),
            (
                "https://acme.okta-standin.test@evil.test/",
                Some("https://evil.test"),
            ),
            ("https://evil.test\\@a.test/", Some("https://evil.test")),
            ("about:blank", None),
            ("data:text/html,https://a.test", None),
            ("chrome-extension://abc/x", None),
            ("https://", None),
        ] {
            assert_eq!(origin_of(url).as_deref(), origin, "{url}");
        }
    }

    #[test]
    fn tokens_are_found_under_any_encoding() {
        let sites = sites();
        for url in [
            "https://o.test/login/step-up/redirect?stateToken=00x",
            "https://o.test/?STATETOKEN=00x",
            "https://o.test/?fromURI=%2Flogin%3Fstate%54oken%3D00x",
            "https://o.test/?fromURI=%252Flogin%253FstateToken%253D00x",
            "https://o.test/sso/idps/0oa1",
            "https://o.test/idp/idx/introspect",
            "https://o.test/signin/verify/generic_saml/custom",
            "https://o.test/signin/refresh-auth-state/00xabc",
            "https://o.test/#stateHandle=02x",
            "https://o.test/?fromURI=https%3A%2F%2Flogin.tacit-idp.test%2Fsaml%2Fc%2Fsso",
            "https://o.test/?a=%2525252525252525252541",
        ] {
            assert!(sites.resumes_a_sign_in(url), "{url}");
        }
        for url in [
            "https://o.test/",
            "https://statetoken.test/",
            "https://o.test/app/workplace/0oa1/sso/saml?SAMLRequest=x&RelayState=y%20z",
            "https://o.test/login/login.htm?fromURI=%2Fapp%2Fx%2Fsso%2Fsaml",
            "https://o.test/oauth2/v1/authorize?state=abc&redirect_uri=https%3A%2F%2Flogin.tacit-idp.test%2Fconsole",
        ] {
            assert!(!sites.resumes_a_sign_in(url), "{url}");
        }
    }

    #[test]
    fn an_excluded_site_covers_its_sub_domains_and_nothing_else() {
        let excluded = ["health.test".to_owned(), "*.bank.test".to_owned()];
        for (host, is) in [
            ("health.test", true),
            ("my.health.test", true),
            ("unhealth.test", false),
            ("bank.test", true),
            ("a.bank.test", true),
            ("test", false),
        ] {
            assert_eq!(is_excluded(host, &excluded), is, "{host}");
        }
    }
}
