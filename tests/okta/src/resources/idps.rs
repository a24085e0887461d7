//! Identity providers, SAML2 and OIDC: checked and completed as Okta gives them back.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Fault, Resources, date, default_at, https_url, initial_status, text};
use crate::clock::Millis;
use crate::ids;
use crate::oidc::Settings;

#[derive(Debug)]
pub struct IdpRow {
    /// As shown, without id, dates, status and links.
    pub body: Value,
    pub status: &'static str,
    pub created: Millis,
    pub last_updated: Millis,
    /// Not part of the public API: an administrator clicks it.
    pub usage: Usage,
    /// By user: who the provider says they are.
    pub links: BTreeMap<String, UserLink>,
    /// What the API has no member for.
    pub extras: Extras,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    Sso,
    Factor,
}

impl Usage {
    pub fn name(self) -> &'static str {
        match self {
            Usage::Sso => "SSO_ONLY",
            Usage::Factor => "FACTOR_ONLY",
        }
    }
}

#[derive(Debug, Clone)]
pub struct UserLink {
    pub external_id: String,
    pub created: Millis,
    pub last_updated: Millis,
}

#[derive(Debug, Clone)]
pub struct Extras {
    pub application_context_namespace: String,
    /// Where and how a seeded provider is reached.
    pub oidc: Option<Settings>,
}

impl Default for Extras {
    fn default() -> Extras {
        Extras {
            application_context_namespace: "urn:okta:saml:2.0:extensions".to_owned(),
            oidc: None,
        }
    }
}

impl IdpRow {
    pub fn name(&self) -> &str {
        self.text("/name")
    }

    pub fn kind(&self) -> &str {
        self.text("/type")
    }

    pub fn is_active(&self) -> bool {
        self.status == "ACTIVE"
    }

    pub fn text(&self, pointer: &str) -> &str {
        self.body
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The keys that its signatures may be made with.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        let trust = &self.body["protocol"]["credentials"]["trust"];
        let more = trust["additionalKids"].as_array().into_iter().flatten();
        std::iter::once(&trust["kid"])
            .chain(more)
            .filter_map(Value::as_str)
    }
}

impl Resources {
    pub fn create_idp(&mut self, body: &Value, now: Millis) -> Result<String, Fault> {
        let audience = ids::generate_entity_id();
        let complete = self.complete_idp(body, None, &audience)?;
        let id = ids::generate_id("0oa");
        let row = IdpRow {
            body: complete,
            status: initial_status(body)?,
            created: now,
            last_updated: now,
            usage: Usage::Sso,
            links: BTreeMap::new(),
            extras: Extras::default(),
        };
        self.idps.insert(id.clone(), row)?;
        Ok(id)
    }

    pub fn replace_idp(&mut self, id: &str, body: &Value, now: Millis) -> Result<(), Fault> {
        let row = self.idps.row(id)?;
        if body["type"] != row.body["type"] {
            return Err(Fault::invalid(
                "type",
                "type: The type of an identity provider cannot be changed",
            ));
        }
        let audience = row.text("/protocol/credentials/trust/audience").to_owned();
        let complete = self.complete_idp(body, Some(id), &audience)?;
        let row = self.idps.row_mut(id)?;
        row.body = complete;
        row.last_updated = now;
        Ok(())
    }

    pub fn set_idp_status(
        &mut self,
        id: &str,
        status: &'static str,
        now: Millis,
    ) -> Result<(), Fault> {
        let row = self.idps.row_mut(id)?;
        row.status = status;
        row.last_updated = now;
        Ok(())
    }

    /// The administrator's click "Factor only" or "SSO only".
    pub fn set_idp_usage(&mut self, id: &str, usage: Usage, now: Millis) -> Result<(), Fault> {
        let row = self.idps.row_mut(id)?;
        row.usage = usage;
        row.last_updated = now;
        Ok(())
    }

    pub fn delete_idp(&mut self, id: &str) -> Result<(), Fault> {
        self.idps.row(id)?;
        let mut authenticators = self.authenticators.iter();
        let uses = |row: &Value| {
            row.pointer("/provider/configuration/idpId")
                .is_some_and(|used| used == id)
        };
        if let Some((_, row)) = authenticators.find(|(_, row)| uses(row)) {
            let name = row["name"].as_str().unwrap_or_default();
            return Err(Fault::invalid(
                "idp",
                format!("idp: The identity provider is used by the authenticator {name}"),
            ));
        }
        self.idps.remove(id).map(drop)
    }

    pub fn idp_body(&self, id: &str, row: &IdpRow) -> Value {
        let mut body = row.body.clone();
        body["id"] = json!(id);
        body["status"] = json!(row.status);
        body["created"] = date(Some(row.created));
        body["lastUpdated"] = date(Some(row.last_updated));
        let path = |end: &str| format!("/api/v1/idps/{id}{end}");
        body["_links"] = if row.kind() == "OIDC" {
            let query = "client_id={clientId}&response_type={responseType}&response_mode={responseMode}\
                         &scope={scopes}&redirect_uri={redirectUri}&state={state}&nonce={nonce}";
            json!({
                "authorize": { "href": self.url(&format!("/oauth2/v1/authorize?idp={id}&{query}")), "templated": true,
                               "hints": { "allow": ["GET"] } },
                "clientRedirectUri": self.link("/oauth2/v1/authorize/callback", &["POST"]),
            })
        } else {
            let mut metadata = self.link(&path("/metadata.xml"), &["GET"]);
            metadata["type"] = json!("application/xml");
            let mut acs = self.link(&format!("/sso/saml2/{id}"), &["POST"]);
            acs["type"] = json!("application/xml");
            let operation = if row.is_active() {
                "deactivate"
            } else {
                "activate"
            };
            let mut links = json!({ "metadata": metadata, "acs": acs, "users": self.link(&path("/users"), &["GET"]) });
            links[operation] = self.link(&path(&format!("/lifecycle/{operation}")), &["POST"]);
            links
        };
        body
    }

    pub fn idp_user_body(&self, idp: &str, user: &str, link: &UserLink) -> Value {
        json!({
            "id": user,
            "externalId": link.external_id,
            "created": date(Some(link.created)),
            "lastUpdated": date(Some(link.last_updated)),
            "profile": {},
            "_links": {
                "self": self.link(&format!("/api/v1/idps/{idp}/users/{user}"), &["GET", "DELETE"]),
                "idp": { "href": self.url(&format!("/api/v1/idps/{idp}")) },
                "user": { "href": self.url(&format!("/api/v1/users/{user}")) },
            },
        })
    }

    fn complete_idp(&self, sent: &Value, id: Option<&str>, audience: &str) -> Result<Value, Fault> {
        let name = text(sent, "name", 100)?;
        let mut others = self.idps.iter();
        if others.any(|(other, row)| Some(other) != id && row.name() == name) {
            return Err(Fault::taken("name"));
        }
        let kind = text(sent, "type", 40)?;
        if sent["protocol"]["type"] != kind {
            return Err(Fault::invalid(
                "protocol.type",
                "protocol.type: must be the type of the identity provider",
            ));
        }
        let mut out = json!({ "name": name, "type": kind });
        match kind {
            "SAML2" => out["protocol"] = self.complete_saml(&sent["protocol"], audience)?,
            "OIDC" => {
                out["protocol"] = complete_oidc(&sent["protocol"])?;
                out["issuerMode"] = json!(sent["issuerMode"].as_str().unwrap_or("ORG_URL"));
            }
            _ => {
                let cause = "type: the stand-in knows the types SAML2 and OIDC";
                return Err(Fault::invalid("type", cause));
            }
        }
        out["policy"] = complete_policy(&sent["policy"])?;
        Ok(out)
    }

    fn complete_saml(&self, sent: &Value, audience: &str) -> Result<Value, Fault> {
        let url = https_url(sent, "endpoints.sso.url")?;
        let binding = one_of(
            sent,
            "endpoints.sso.binding",
            &["HTTP-POST", "HTTP-REDIRECT"],
            "HTTP-POST",
        )?;
        let acs = one_of(sent, "endpoints.acs.type", &["INSTANCE", "ORG"], "INSTANCE")?;
        let issuer = text(sent, "credentials.trust.issuer", 1024)?;
        let mut out = json!({
            "type": "SAML2",
            "endpoints": {
                "sso": { "url": url, "binding": binding, "destination": sent["endpoints"]["sso"]["destination"].as_str().unwrap_or(url) },
                "acs": { "binding": "HTTP-POST", "type": acs },
            },
            "algorithms": {
                "request": signature(sent, "request", &["REQUEST", "NONE"], "REQUEST")?,
                "response": signature(sent, "response", &["RESPONSE", "TOKEN", "ANY"], "ANY")?,
            },
            "settings": {
                "nameFormat": sent["settings"]["nameFormat"].as_str()
                    .unwrap_or("urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"),
                "honorPersistentNameId": sent["settings"]["honorPersistentNameId"].as_bool().unwrap_or(true),
            },
            "credentials": {
                "trust": { "issuer": issuer, "audience": audience, "revocation": null, "revocationCacheLifetime": 0 },
                "signing": { "kid": self.signing_kid },
            },
        });
        for name in ["sendApplicationContext", "participateSlo"] {
            if let Some(flag) = sent["settings"][name].as_bool() {
                out["settings"][name] = json!(flag);
            }
        }
        let trust = &sent["credentials"]["trust"];
        let kid = trust["kid"].as_str().ok_or_else(|| Fault::blank("kid"))?;
        let more = match &trust["additionalKids"] {
            Value::Null => Vec::new(),
            Value::Array(list) if list.len() <= 2 => {
                list.iter().filter_map(Value::as_str).collect()
            }
            _ => {
                return Err(Fault::invalid(
                    "additionalKids",
                    "additionalKids: at most two",
                ));
            }
        };
        for kid in std::iter::once(&kid).chain(&more) {
            if self.idp_keys.find(kid).is_none() {
                return Err(Fault::invalid(
                    "kid",
                    format!("kid: The key {kid} does not exist"),
                ));
            }
        }
        out["credentials"]["trust"]["kid"] = json!(kid);
        if !more.is_empty() {
            out["credentials"]["trust"]["additionalKids"] = json!(more);
        }
        if let Some(relay_state) = sent.get("relayState").filter(|sent| sent.is_object()) {
            out["relayState"] = relay_state.clone();
        }
        Ok(out)
    }
}

fn complete_oidc(sent: &Value) -> Result<Value, Fault> {
    let mut out = json!({
        "type": "OIDC",
        "endpoints": {
            "authorization": { "url": https_url(sent, "endpoints.authorization.url")?, "binding": "HTTP-REDIRECT" },
            "token": { "url": https_url(sent, "endpoints.token.url")?, "binding": "HTTP-POST" },
            "jwks": { "url": https_url(sent, "endpoints.jwks.url")?, "binding": "HTTP-REDIRECT" },
        },
        "settings": { "nameFormat": null },
        "issuer": { "url": https_url(sent, "issuer.url")? },
        "credentials": { "client": { "client_id": text(sent, "credentials.client.client_id", 1024)? } },
    });
    for name in ["userInfo", "slo"] {
        if sent["endpoints"][name]
            .get("url")
            .is_some_and(|url| !url.is_null())
        {
            let url = sent["endpoints"][name]["url"].as_str().unwrap_or_default();
            if !super::is_url(url, "https://") {
                return Err(Fault::invalid("url", "url: The field must be a valid URL"));
            }
            out["endpoints"][name] = json!({ "url": url, "binding": "HTTP-REDIRECT" });
        }
    }
    let client = &sent["credentials"]["client"];
    let method = client["token_endpoint_auth_method"].as_str();
    match method {
        Some("private_key_jwt") => {}
        None | Some("client_secret_post" | "client_secret_basic") => {
            out["credentials"]["client"]["client_secret"] =
                json!(text(sent, "credentials.client.client_secret", 1024)?);
        }
        Some(_) => {
            return Err(Fault::invalid(
                "token_endpoint_auth_method",
                "token_endpoint_auth_method: is not supported",
            ));
        }
    }
    if let Some(method) = method {
        out["credentials"]["client"]["token_endpoint_auth_method"] = json!(method);
    }
    if let Some(required) = client["pkce_required"].as_bool() {
        out["credentials"]["client"]["pkce_required"] = json!(required);
    }
    for name in ["sendApplicationContext", "participateSlo"] {
        if let Some(flag) = sent["settings"][name].as_bool() {
            out["settings"][name] = json!(flag);
        }
    }
    let signature = &sent["algorithms"]["request"]["signature"];
    match signature["algorithm"].as_str() {
        Some(algorithm) if OIDC_ALGORITHMS.contains(&algorithm) => {
            let scope = one_of(signature, "scope", &["REQUEST", "NONE"], "REQUEST")?;
            out["algorithms"] =
                json!({ "request": { "signature": { "algorithm": algorithm, "scope": scope } } });
        }
        // Recorded: an algorithm of SAML's is taken and forgotten.
        None | Some("SHA-1" | "SHA-256") => {}
        Some(_) => {
            return Err(Fault::invalid(
                "algorithm",
                format!("algorithm: must be one of {}", OIDC_ALGORITHMS.join(", ")),
            ));
        }
    }
    let scopes = match sent["scopes"].as_array() {
        Some(list) if !list.is_empty() && list.len() <= 20 => list,
        _ => return Err(Fault::blank("scopes")),
    };
    if !scopes.iter().all(Value::is_string) || !scopes.contains(&json!("openid")) {
        return Err(Fault::invalid("scopes", "scopes: must hold openid"));
    }
    out["scopes"] = json!(scopes);
    Ok(out)
}

fn complete_policy(sent: &Value) -> Result<Value, Fault> {
    let mut out = if sent.is_object() {
        sent.clone()
    } else {
        json!({})
    };
    if let Some(policy) = out.as_object_mut() {
        policy.retain(|name, _| POLICY.contains(&name.as_str()));
    }
    one_of(
        sent,
        "provisioning.action",
        &["AUTO", "CALLOUT", "DISABLED"],
        "DISABLED",
    )?;
    one_of(sent, "accountLink.action", &["AUTO", "DISABLED"], "AUTO")?;
    one_of(
        sent,
        "subject.matchType",
        &["USERNAME", "EMAIL", "USERNAME_OR_EMAIL", "CUSTOM_ATTRIBUTE"],
        "USERNAME",
    )?;
    if let Some(skew) = sent.get("maxClockSkew").filter(|sent| !sent.is_null())
        && skew.as_u64().is_none_or(|skew| skew > 86_400_000)
    {
        return Err(Fault::invalid(
            "maxClockSkew",
            "maxClockSkew: must be a number of milliseconds",
        ));
    }
    for (path, value) in [
        (&["provisioning", "action"][..], json!("DISABLED")),
        (&["provisioning", "profileMaster"], json!(false)),
        (&["provisioning", "groups", "action"], json!("NONE")),
        (
            &["provisioning", "conditions", "deprovisioned", "action"],
            json!("NONE"),
        ),
        (
            &["provisioning", "conditions", "suspended", "action"],
            json!("NONE"),
        ),
        (&["accountLink", "action"], json!("AUTO")),
        (&["accountLink", "filter"], Value::Null),
        (
            &["subject", "userNameTemplate", "template"],
            json!("idpuser.email"),
        ),
        (&["subject", "filter"], Value::Null),
        (&["subject", "matchType"], json!("USERNAME")),
        (&["subject", "matchAttribute"], Value::Null),
        (&["maxClockSkew"], json!(0)),
        (&["trustClaims"], json!(false)),
        (&["transformedUsernameMatchingEnabled"], json!(false)),
    ] {
        default_at(&mut out, path, value);
    }
    Ok(out)
}

fn signature(sent: &Value, which: &str, scopes: &[&str], scope: &str) -> Result<Value, Fault> {
    let sent = &sent["algorithms"][which]["signature"];
    Ok(json!({ "signature": {
        "algorithm": one_of(sent, "algorithm", &["SHA-256", "SHA-1"], "SHA-256")?,
        "scope": one_of(sent, "scope", scopes, scope)?,
    } }))
}

/// A member that has to be one of these words, if it is there.
pub fn one_of(sent: &Value, member: &str, words: &[&str], default: &str) -> Result<String, Fault> {
    match sent.pointer(&format!("/{}", member.replace('.', "/"))) {
        None | Some(Value::Null) => Ok(default.to_owned()),
        Some(Value::String(word)) if words.contains(&word.as_str()) => Ok(word.clone()),
        Some(Value::String(_)) => Err(Fault::invalid(
            member,
            format!("{member}: must be one of {}", words.join(", ")),
        )),
        Some(_) => Err(Fault::Malformed),
    }
}

const OIDC_ALGORITHMS: [&str; 6] = ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512"];

const POLICY: [&str; 6] = [
    "provisioning",
    "accountLink",
    "subject",
    "maxClockSkew",
    "trustClaims",
    "mapAMRClaims",
];
