use super::{
    Reply, Server,
    server::{ACS, ORIGIN, SP},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::sync::Mutex;
use tacit::{clock::rfc3339, random};
use wire::id::{ChallengeId, Digest, Nonce, UserName};

/// A browser with its one cookie.
#[derive(Default)]
pub struct Browser {
    cookie: Mutex<Option<String>>,
}

/// What the challenge page says of its challenge.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct ChallengePage {
    pub challenge: ChallengeId,
    pub nonce: Nonce,
    pub req: Digest,
    pub subject: UserName,
    #[serde(skip)]
    pub html: String,
}

impl Browser {
    /// Brings a request for `login` to the server, and opens the page it is sent to.
    pub async fn start(&self, server: &Server, login: &str) -> ChallengePage {
        let reply = self
            .bring(
                server,
                &request(server, &format!("id{}", random::digits(24)), login),
            )
            .await;
        self.open(server, reply.header("location")).await
    }

    /// Posts an AuthnRequest as Okta's page does.
    pub async fn bring(&self, server: &Server, xml: &str) -> Reply {
        self.bring_to(server, "acme", xml).await
    }

    /// The same to any connection.
    pub async fn bring_to(&self, server: &Server, connection: &str, xml: &str) -> Reply {
        let body = format!(
            "SAMLRequest={}&RelayState=relay%2Fstate",
            encoded(&STANDARD.encode(xml))
        );
        let mut headers = vec![
            ("content-type", "application/x-www-form-urlencoded"),
            ("user-agent", "Chromium of the test"),
        ];
        let cookie = self.cookie();
        headers.push(("cookie", &cookie));
        let path = format!("/saml/{connection}/sso");
        let reply = server.post(&path, &headers, body).await;
        self.keep(&reply);
        reply
    }

    pub async fn open(&self, server: &Server, path: &str) -> ChallengePage {
        let reply = self.get(server, path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        page_of(&reply)
    }

    pub async fn get(&self, server: &Server, path: &str) -> Reply {
        server
            .get(
                path,
                &[
                    ("cookie", &self.cookie()),
                    ("sec-fetch-site", "same-origin"),
                ],
            )
            .await
    }

    pub async fn outcome(&self, server: &Server, page: &ChallengePage) -> serde_json::Value {
        self.get(server, &format!("/challenge/{}/outcome", page.challenge))
            .await
            .json()
    }

    /// A form of our own page.
    pub async fn submit(&self, server: &Server, path: &str, body: String) -> Reply {
        let cookie = self.cookie();
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "application/json"),
            ("sec-fetch-site", "same-origin"),
            ("origin", ORIGIN),
            ("cookie", cookie.as_str()),
        ];
        server.post(path, &headers, body).await
    }

    pub fn cookie(&self) -> String {
        self.cookie
            .lock()
            .unwrap()
            .as_ref()
            .map_or_else(String::new, |c| format!("__Host-browser={c}"))
    }

    pub fn keep(&self, reply: &Reply) {
        let set = reply.header("set-cookie");
        if let Some(value) = set
            .strip_prefix("__Host-browser=")
            .and_then(|rest| rest.split(';').next())
        {
            *self.cookie.lock().unwrap() = Some(value.into());
        }
    }
}

pub fn page_of(reply: &Reply) -> ChallengePage {
    let (_, rest) = reply
        .body
        .split_once("name=\"tacit-challenge\" content=\"")
        .expect("the page names its challenge");
    let (content, _) = rest.split_once('"').unwrap();
    let text = content
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&amp;", "&")
        .replace("&#38;", "&");
    let mut page: ChallengePage =
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    page.html = reply.body.clone();
    page
}

/// What Okta sends.
pub fn request(server: &Server, id: &str, login: &str) -> String {
    format!(
        "<saml2p:AuthnRequest xmlns:saml2p=\"urn:oasis:names:tc:SAML:2.0:protocol\" AssertionConsumerServiceURL=\"{ACS}\" \
         Destination=\"{ORIGIN}/saml/acme/sso\" ForceAuthn=\"true\" ID=\"{id}\" IssueInstant=\"{}\" Version=\"2.0\">\
         <saml2:Issuer xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\">{SP}</saml2:Issuer>\
         <saml2:Subject xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\"><saml2:NameID>{login}</saml2:NameID></saml2:Subject>\
         <saml2p:NameIDPolicy Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified\"/></saml2p:AuthnRequest>",
        rfc3339(server.now())
    )
}

pub fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}
