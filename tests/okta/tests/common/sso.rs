//! A SAML provider made through the API, of usage "SSO only".

use okta_stand_in::Pipeline;
use serde_json::{Value, json};

use super::identity_provider::{ResponseSpec, Sent, Signed};
use super::{APP, Browser, ORG, Page, START, Stand, test_only_key};

/// An org with a SAML provider that signs people in.
pub struct Sso {
    pub stand: Stand,
    pub admin: Browser,
    pub id: String,
    pub audience: String,
}

impl Sso {
    /// Without a factor.
    pub async fn new(pipeline: Pipeline, change: impl FnOnce(&mut Value)) -> Sso {
        let stand = Stand::with(|config| {
            config.idp = None;
            config.pipeline = pipeline;
        });
        Sso::at(stand.await, change).await
    }

    pub async fn at(stand: Stand, change: impl FnOnce(&mut Value)) -> Sso {
        let mut admin = Browser::new();
        let keys = admin
            .made(&stand, "GET", "/api/v1/idps/credentials/keys", Value::Null)
            .await;
        let kid = match keys[0]["kid"].as_str() {
            Some(kid) => kid.to_owned(),
            None => {
                let pem =
                    std::fs::read_to_string(test_only_key("identity-provider.cert.pem")).unwrap();
                let text: String = pem
                    .lines()
                    .filter(|line| !line.starts_with("-----"))
                    .collect();
                let key = admin
                    .made(
                        &stand,
                        "POST",
                        "/api/v1/idps/credentials/keys",
                        json!({ "x5c": [text] }),
                    )
                    .await;
                key["kid"].as_str().unwrap().to_owned()
            }
        };
        let mut body = json!({ "type": "SAML2", "name": "Gateway", "protocol": { "type": "SAML2",
            "endpoints": { "sso": { "url": "https://gw.test/sso", "binding": "HTTP-POST" } },
            "credentials": { "trust": { "issuer": "https://gw.test/metadata", "kid": kid } } },
            "policy": { "subject": { "userNameTemplate": { "template": "idpuser.subjectNameId" } }, "maxClockSkew": 120_000 } });
        change(&mut body);
        let made = admin.made(&stand, "POST", "/api/v1/idps", body).await;
        Sso {
            id: made["id"].as_str().unwrap().to_owned(),
            audience: made["protocol"]["credentials"]["trust"]["audience"]
                .as_str()
                .unwrap()
                .to_owned(),
            stand,
            admin,
        }
    }

    pub fn acs(&self) -> String {
        format!("{ORG}/sso/saml2/{}", self.id)
    }

    pub async fn route(&mut self, condition: Value) {
        let policies = self
            .admin
            .made(
                &self.stand,
                "GET",
                "/api/v1/policies?type=IDP_DISCOVERY",
                Value::Null,
            )
            .await;
        let path = format!(
            "/api/v1/policies/{}/rules",
            policies[0]["id"].as_str().unwrap()
        );
        let rule = json!({ "type": "IDP_DISCOVERY", "name": "Route", "priority": 1, "conditions": { "userIdentifier": condition },
                           "actions": { "idp": { "providers": [{ "type": "SAML2", "id": self.id }] } } });
        self.admin.made(&self.stand, "POST", &path, rule).await;
    }

    /// What a good answer says; an empty request is none.
    pub fn spec(&self, request: &str, name_id: &str) -> ResponseSpec {
        ResponseSpec {
            issuer: "https://gw.test/metadata".to_owned(),
            assertion_issuer: "https://gw.test/metadata".to_owned(),
            destination: self.acs(),
            recipient: self.acs(),
            audience: self.audience.clone(),
            in_response_to: request.to_owned(),
            subject_in_response_to: request.to_owned(),
            name_id: name_id.to_owned(),
            issued_at: START,
            not_before: START - 60_000,
            not_on_or_after: START + 300_000,
            subject_not_on_or_after: START + 300_000,
            method: "urn:oasis:names:tc:SAML:2.0:cm:bearer".to_owned(),
            version: "2.0".to_owned(),
            amr: Vec::new(),
            attributes: Vec::new(),
            status: "urn:oasis:names:tc:SAML:2.0:status:Success".to_owned(),
            signed: Signed::Response,
            transform: "http://www.w3.org/2001/10/xml-exc-c14n#".to_owned(),
            digest: "http://www.w3.org/2001/04/xmlenc#sha256".to_owned(),
            signature_method: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256".to_owned(),
            key: "identity-provider.pem".to_owned(),
            embeds_key: false,
            prologue: String::new(),
        }
    }

    /// Classic: the page asks whose name it is, and the browser goes there.
    pub async fn leave(&self, browser: &mut Browser, login: &str) -> Sent {
        let path = self.finger(browser, login).await["href"]
            .as_str()
            .unwrap()
            .replace('#', login);
        Sent::from_post(&browser.get(&self.stand, &path).await)
    }

    pub async fn finger(&self, browser: &mut Browser, login: &str) -> Value {
        let page = browser.start(&self.stand).await;
        assert!(
            page.body.contains("data-identifier-first=\"true\""),
            "{page:?}"
        );
        let context = page.url.split_once("fromURI=").unwrap().1;
        let path = format!(
            "{ORG}/.well-known/webfinger?resource=okta:acct:{login}&requestContext={context}"
        );
        browser.get(&self.stand, &path).await.json()["links"][0].clone()
    }

    pub async fn answer(
        &self,
        browser: &mut Browser,
        relay_state: &str,
        response: &ResponseSpec,
    ) -> Page {
        let fields = [
            ("SAMLResponse", response.sign()),
            ("RelayState", relay_state.to_owned()),
        ];
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        browser
            .post_form(&self.stand, &response.destination.clone(), &fields)
            .await
    }
}

pub fn suffix() -> Value {
    json!({ "type": "IDENTIFIER", "patterns": [{ "matchType": "SUFFIX", "value": "acme.test" }] })
}

pub fn is_signed_in(page: &Page, login: &str) -> bool {
    page.url.starts_with(APP)
        && page
            .body
            .contains(&format!("<p id=\"signed-in\">{login}</p>"))
}
