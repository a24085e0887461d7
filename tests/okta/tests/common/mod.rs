//! What the tests share: an org without a network, browsers with cookies, and an identity
//! provider that signs whatever it is told to.

#![expect(
    dead_code,
    reason = "each test binary uses another part of this module"
)]

pub mod identity_provider;
pub mod key;
pub mod receiver;
pub mod sso;

use std::collections::HashMap;
use std::path::PathBuf;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use okta_stand_in::{Clock, Config, Idp, Pipeline};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

pub const ORG: &str = "https://acme.okta-standin.test";
pub const APP: &str = "https://app.workplace.test";
pub const PASSWORD: &str = "correct horse battery staple";
pub const START: i64 = 1_767_225_600_000;

pub struct Stand {
    pub config: Config,
    pub clock: Clock,
    pub data: TempDir,
    org: Router,
    application: Router,
}

impl Stand {
    /// An org of the example configuration, changed by `change`.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Stand {
        let mut config = Config::from_toml(okta_stand_in::EXAMPLE).unwrap();
        config.idp.as_mut().unwrap().certificate =
            Some(test_only_key("identity-provider.cert.pem"));
        change(&mut config);
        let clock = Clock::manual(START);
        let data = tempfile::tempdir().unwrap();
        // RSA keys take long to make; all tests share one pair.
        copy_service_provider_keys(data.path());
        let (org, application) = okta_stand_in::routers(config.clone(), data.path(), clock.clone())
            .await
            .unwrap();
        Stand {
            config,
            clock,
            data,
            org,
            application,
        }
    }

    pub async fn classic() -> Stand {
        Stand::with(|_| {}).await
    }

    /// Ann has enrolled already.
    pub async fn enrolled(pipeline: Pipeline) -> Stand {
        Stand::with(|config| {
            config.pipeline = pipeline;
            config.users[0].enrolled = true;
        })
        .await
    }

    /// The configuration's identity provider.
    pub fn idp(&self) -> &Idp {
        self.config.idp.as_ref().unwrap()
    }

    pub fn acs_url(&self) -> String {
        self.idp().acs_url(&self.config)
    }

    pub fn entity_id(&self) -> String {
        std::fs::read_to_string(self.data.path().join("sp-entity-id")).unwrap()
    }

    pub async fn log(&self) -> Vec<Value> {
        let page = Browser::new().api(self, "/api/v1/logs?limit=1000").await;
        page.json().as_array().unwrap().clone()
    }

    /// The newest event of a type.
    pub async fn last_event(&self, event_type: &str) -> Value {
        let log = self.log().await;
        log.into_iter()
            .rev()
            .find(|event| event["eventType"] == event_type)
            .unwrap_or(Value::Null)
    }
}

pub fn test_only_key(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/test-only-keys")
        .join(name)
}

fn copy_service_provider_keys(to: &std::path::Path) {
    for name in ["sp-key.pem", "sp-certificate.pem", "sp-entity-id"] {
        std::fs::copy(test_only_key(name), to.join(name)).unwrap();
    }
}

/// Cookies per origin, redirects followed by hand or to the end.
#[derive(Default)]
pub struct Browser {
    cookies: HashMap<(String, String), String>,
}

#[derive(Debug)]
pub struct Page {
    pub status: StatusCode,
    pub location: Option<String>,
    pub headers: HeaderMap,
    pub links: Vec<String>,
    pub content_type: String,
    pub body: String,
    pub url: String,
}

impl Page {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// The value of a hidden input.
    pub fn field(&self, name: &str) -> String {
        let (_, rest) = self
            .body
            .split_once(&format!("name=\"{name}\" value=\""))
            .expect(name);
        unescape(rest.split('"').next().unwrap())
    }

    pub fn state_token(&self) -> String {
        let (_, rest) = self
            .body
            .split_once("data-state-token=\"")
            .expect("a sign-in page");
        rest.split('"').next().unwrap().to_owned()
    }
}

impl Browser {
    pub fn new() -> Browser {
        Browser::default()
    }

    pub async fn get(&mut self, stand: &Stand, url: &str) -> Page {
        self.send(stand, Method::GET, url, &[], String::new()).await
    }

    /// Follows redirects while they stay on the two sites.
    pub async fn visit(&mut self, stand: &Stand, url: &str) -> Page {
        let page = self.get(stand, url).await;
        self.follow(stand, page).await
    }

    pub async fn follow(&mut self, stand: &Stand, mut page: Page) -> Page {
        for _ in 0..10 {
            let Some(to) = &page.location else {
                return page;
            };
            if !to.starts_with(ORG) && !to.starts_with(APP) {
                return page;
            }
            let to = to.clone();
            page = self.get(stand, &to).await;
        }
        panic!("too many redirects: {page:?}");
    }

    pub async fn post_json(&mut self, stand: &Stand, path: &str, body: Value) -> Page {
        let headers = [(header::CONTENT_TYPE, "application/json")];
        self.send(
            stand,
            Method::POST,
            &format!("{ORG}{path}"),
            &headers,
            body.to_string(),
        )
        .await
    }

    pub async fn post_form(&mut self, stand: &Stand, url: &str, fields: &[(&str, &str)]) -> Page {
        let headers = [(header::CONTENT_TYPE, "application/x-www-form-urlencoded")];
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.send(stand, Method::POST, url, &headers, body).await
    }

    /// With the org's API token.
    pub async fn api(&mut self, stand: &Stand, path: &str) -> Page {
        let token = format!("SSWS {}", stand.config.api_token);
        let headers = [(header::AUTHORIZATION, token.as_str())];
        self.send(
            stand,
            Method::GET,
            &format!("{ORG}{path}"),
            &headers,
            String::new(),
        )
        .await
    }

    /// A call to the management API with the org's token; `Value::Null` is no body.
    pub async fn call(&mut self, stand: &Stand, method: &str, path: &str, body: Value) -> Page {
        let token = format!("SSWS {}", stand.config.api_token);
        self.call_as(stand, &token, method, path, body).await
    }

    pub async fn call_as(
        &mut self,
        stand: &Stand,
        authorization: &str,
        method: &str,
        path: &str,
        body: Value,
    ) -> Page {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let length = body.len().to_string();
        let headers = [
            (header::AUTHORIZATION, authorization),
            (header::CONTENT_TYPE, "application/json"),
            (header::CONTENT_LENGTH, length.as_str()),
        ];
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.send(stand, method, &format!("{ORG}{path}"), &headers, body)
            .await
    }

    /// The same, which has to succeed.
    pub async fn made(&mut self, stand: &Stand, method: &str, path: &str, body: Value) -> Value {
        let page = self.call(stand, method, path, body).await;
        assert!(page.status.is_success(), "{method} {path}: {page:?}");
        serde_json::from_str(&page.body).unwrap_or(Value::Null)
    }

    /// The same, which has to fail: status and E-code.
    pub async fn refused(
        &mut self,
        stand: &Stand,
        method: &str,
        path: &str,
        body: Value,
    ) -> (u16, String) {
        let page = self.call(stand, method, path, body).await;
        let code = page.json()["errorCode"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        (page.status.as_u16(), code)
    }

    pub async fn send(
        &mut self,
        stand: &Stand,
        method: Method,
        url: &str,
        headers: &[(header::HeaderName, &str)],
        body: String,
    ) -> Page {
        let origin: String = url.split('/').take(3).collect::<Vec<_>>().join("/");
        let router = match origin.as_str() {
            ORG => stand.org.clone(),
            APP => stand.application.clone(),
            other => panic!("{other} is not part of the stand-in"),
        };
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .filter(|((of, _), _)| *of == origin)
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        let mut request = Request::builder().method(method).uri(&url[origin.len()..]);
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let response = router
            .oneshot(request.body(Body::from(body)).unwrap())
            .await
            .unwrap();
        self.keep_cookies(&origin, &response);
        let (parts, body) = response.into_parts();
        let header_text = |name| {
            parts
                .headers
                .get(name)
                .and_then(|v| v.to_str().ok())
                .map(str::to_owned)
        };
        let location = header_text(header::LOCATION).map(|to| {
            if to.starts_with('/') {
                format!("{origin}{to}")
            } else {
                to
            }
        });
        let links = parts.headers.get_all(header::LINK).iter();
        let links = links
            .map(|link| link.to_str().unwrap().to_owned())
            .collect();
        let content_type = header_text(header::CONTENT_TYPE).unwrap_or_default();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Page {
            status: parts.status,
            location,
            headers: parts.headers.clone(),
            links,
            content_type,
            body,
            url: url.to_owned(),
        }
    }

    fn keep_cookies(&mut self, origin: &str, response: &axum::response::Response) {
        for value in response.headers().get_all(header::SET_COOKIE) {
            let value = value.to_str().unwrap();
            let (name, rest) = value.split_once('=').unwrap();
            let key = (origin.to_owned(), name.to_owned());
            assert!(value.contains("; Secure; HttpOnly; SameSite="), "{value}");
            if value.contains("Max-Age=0") {
                self.cookies.remove(&key);
            } else {
                self.cookies
                    .insert(key, rest.split(';').next().unwrap().to_owned());
            }
        }
    }

    // --- what people do ---

    /// From the application to the org's sign-in page.
    pub async fn start(&mut self, stand: &Stand) -> Page {
        let page = self.visit(stand, &format!("{APP}/login")).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        page
    }

    /// Classic: user name and password.
    pub async fn password(&mut self, stand: &Stand, login: &str) -> Value {
        let page = self.start(stand).await;
        let from_uri = page
            .body
            .split_once("data-from-uri=\"")
            .unwrap()
            .1
            .split('"')
            .next()
            .unwrap();
        let body =
            json!({ "username": login, "password": PASSWORD, "relayState": unescape(from_uri) });
        let page = self.post_json(stand, "/api/v1/authn", body).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        page.json()
    }

    /// Classic, enrolled: as far as the link to the identity provider.
    pub async fn challenge(&mut self, stand: &Stand, login: &str) -> Value {
        let body = self.password(stand, login).await;
        assert_eq!(body["status"], "MFA_REQUIRED", "{body}");
        let verify = path(&body["_embedded"]["factors"][0]["_links"]["verify"]["href"]);
        let page = self
            .post_json(stand, &verify, json!({ "stateToken": body["stateToken"] }))
            .await;
        page.json()
    }

    /// Classic, enrolled: the AuthnRequest's form.
    pub async fn leave_for_idp(&mut self, stand: &Stand, login: &str) -> identity_provider::Sent {
        let body = self.challenge(stand, login).await;
        let page = self
            .get(stand, body["_links"]["next"]["href"].as_str().unwrap())
            .await;
        identity_provider::Sent::from_post(&page)
    }

    pub async fn return_from_idp(
        &mut self,
        stand: &Stand,
        sent: &identity_provider::Sent,
        saml_response: &str,
    ) -> Page {
        let fields = [
            ("SAMLResponse", saml_response),
            ("RelayState", &sent.relay_state),
        ];
        self.post_form(stand, &stand.acs_url(), &fields).await
    }

    pub async fn session(&mut self, stand: &Stand) -> Page {
        self.get(stand, &format!("{ORG}/api/v1/sessions/me")).await
    }
}

pub fn path(href: &Value) -> String {
    href.as_str().unwrap().strip_prefix(ORG).unwrap().to_owned()
}

pub fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}
