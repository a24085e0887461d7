//! What each table of the file comes down to.

use super::{Key, Kind, Object, Secret, callback, reference};
use crate::okta::organiser::{
    file::{
        Access, Bindings, Idp, Matching, OidcSide, Protocol, SamlSide, SubjectName, Usage, Wanted,
    },
    ours::Ours,
};
use serde_json::{Value, json};

/// Everything that the file wants, in the order in which it is made.
pub fn objects(wanted: &Wanted, ours: &Ours) -> Vec<Object> {
    let mut all = Vec::new();
    let group_ids = |names: &[String]| -> Vec<Value> {
        names
            .iter()
            .map(|name| reference(&Key::new(Kind::Group, name)))
            .collect()
    };
    for idp in &wanted.idps {
        all.push(Object::new(
            Kind::Connection,
            idp.connection.as_str(),
            connection(wanted, idp),
        ));
    }
    for group in &wanted.groups {
        let mut body = json!({ "profile": { "name": group.name } });
        if let Some(description) = &group.description {
            body["profile"]["description"] = description.as_str().into();
        }
        all.push(Object {
            existing: group.existing,
            ..Object::new(Kind::Group, &group.name, body)
        });
    }
    for attribute in &wanted.attributes {
        let mut body = json!({
            "title": attribute.title,
            "type": attribute.value_type.code(),
            "permissions": [{ "principal": "SELF", "action": "READ_ONLY" }],
        });
        if let Some(description) = &attribute.description {
            body["description"] = description.as_str().into();
        }
        all.push(Object::new(Kind::Attribute, &attribute.name, body));
    }
    for origin in &wanted.origins {
        let scopes = [("CORS", origin.cors), ("REDIRECT", origin.redirect)];
        let scopes: Vec<Value> = scopes
            .iter()
            .filter(|s| s.1)
            .map(|s| json!({ "type": s.0 }))
            .collect();
        let address = origin.origin.as_deref().unwrap_or(&ours.origin);
        let body = json!({ "name": origin.name, "origin": address, "scopes": scopes });
        all.push(Object::new(Kind::Origin, &origin.name, body));
    }
    for idp in &wanted.idps {
        let body = match &idp.protocol {
            Protocol::Saml(side) => {
                let certificates = certificates(idp, ours);
                let keys: Vec<Value> = certificates.iter().map(|c| reference(&c.key)).collect();
                all.extend(certificates);
                saml_idp(idp, side, &keys, ours)
            }
            Protocol::Oidc(side) => oidc_idp(idp, side, ours),
        };
        all.push(Object::new(Kind::Idp, &idp.name, body));
    }
    for idp in &wanted.idps {
        if let Protocol::Saml(_) = idp.protocol {
            all.push(Object {
                parent: Some(Key::new(Kind::Idp, &idp.name)),
                ..Object::new(Kind::Metadata, idp.connection.as_str(), json!({}))
            });
        }
    }
    for authenticator in &wanted.authenticators {
        let idp = reference(&Key::new(Kind::Idp, &authenticator.idp));
        let body = json!({
            "key": "external_idp",
            "name": authenticator.name,
            "provider": { "type": "CLAIMS", "configuration": { "idpId": idp } },
        });
        all.push(Object::new(Kind::Authenticator, &authenticator.name, body));
    }
    for policy in &wanted.policies {
        let mut body = json!({
            "type": "OKTA_SIGN_ON",
            "name": policy.name,
            "conditions": { "people": { "groups": { "include": group_ids(&policy.groups) } } },
        });
        if let Some(description) = &policy.description {
            body["description"] = description.as_str().into();
        }
        if let Some(priority) = policy.priority {
            body["priority"] = priority.into();
        }
        all.push(Object::new(Kind::Policy, &policy.name, body));
        let mut signon = json!({
            "access": "ALLOW",
            "requireFactor": policy.requires_factor,
            "session": {
                "maxSessionIdleMinutes": policy.session_idle,
                "maxSessionLifetimeMinutes": policy.session_lifetime,
                "usePersistentCookie": false,
            },
        });
        if policy.requires_factor {
            signon["factorPromptMode"] = policy.prompt.code().into();
        }
        let body = json!({
            "type": "SIGN_ON",
            "name": policy.name,
            "conditions": { "network": { "connection": "ANYWHERE" }, "authContext": { "authType": "ANY" } },
            "actions": { "signon": signon },
        });
        all.push(Object {
            parent: Some(Key::new(Kind::Policy, &policy.name)),
            ..Object::new(Kind::PolicyRule, &policy.name, body)
        });
    }
    for app in &wanted.apps {
        let mut settings = json!({
            "redirect_uris": app.redirect_uris,
            "response_types": ["code"],
            "grant_types": ["authorization_code"],
            "application_type": "web",
        });
        if !app.post_logout_redirect_uris.is_empty() {
            settings["post_logout_redirect_uris"] = json!(app.post_logout_redirect_uris);
        }
        if let Some(uri) = &app.initiate_login_uri {
            settings["initiate_login_uri"] = uri.as_str().into();
        }
        let body = json!({
            "name": "oidc_client",
            "label": app.name,
            "signOnMode": "OPENID_CONNECT",
            "credentials": { "oauthClient": { "token_endpoint_auth_method": "client_secret_basic", "pkce_required": true } },
            "settings": { "oauthClient": settings },
        });
        all.push(Object::new(Kind::App, &app.name, body));
        for group in &app.groups {
            let id = reference(&Key::new(Kind::Group, group));
            all.push(Object {
                parent: Some(Key::new(Kind::App, &app.name)),
                known_as: group.clone(),
                ..Object::new(
                    Kind::Assignment,
                    &format!("{} / {group}", app.name),
                    json!({ "id": id }),
                )
            });
        }
    }
    let own = wanted
        .run_time
        .as_ref()
        .map(|run_time| run_time.connection.as_str())
        .unwrap_or_default();
    if let Some(run_time) = &wanted.run_time {
        let group = |name: &Option<String>| match name {
            Some(name) => reference(&Key::new(Kind::Group, name)),
            None => Value::Null,
        };
        let body = json!({
            "org": wanted.org.url,
            "group": group(&run_time.keeps_group),
            "attribute": run_time.keeps_attribute,
            "watched_group": group(&run_time.watches_group),
            "on_takeover": run_time.on_takeover,
        });
        let source = match (&run_time.token, &wanted.org.access) {
            (Some(token), _) | (None, Access::Token(token)) => token,
            (None, Access::ServiceApp { key, .. }) => key,
        };
        all.push(Object {
            secret: Some(("/credential", Secret::Named(source.clone()))),
            ..Object::new(Kind::Link, own, body)
        });
    }
    for hook in &wanted.hooks {
        let (url, secret) = match &hook.receiver {
            Some((url, source)) => (url.clone(), Secret::Named(source.clone())),
            None => (ours.event_hook_url(own), Secret::OfReceiver(own.to_owned())),
        };
        let body = json!({
            "name": hook.name,
            "events": { "type": "EVENT_TYPE", "items": hook.events },
            "channel": {
                "type": "HTTP",
                "version": "1.0.0",
                "config": { "uri": url, "authScheme": { "type": "HEADER", "key": "Authorization" } },
            },
        });
        all.push(Object {
            secret: Some(("/channel/config/authScheme/value", secret)),
            ..Object::new(Kind::Hook, &hook.name, body)
        });
    }
    for signals in &wanted.signals {
        let url = signals
            .well_known_url
            .clone()
            .unwrap_or_else(|| ours.ssf_configuration_url(own));
        let body =
            json!({ "name": signals.name, "type": "okta", "settings": { "well_known_url": url } });
        all.push(Object::new(Kind::Signals, &signals.name, body));
    }
    for route in &wanted.routes {
        let patterns: Vec<Value> = route
            .patterns
            .iter()
            .map(|p| json!({ "matchType": p.op.code(), "value": p.value }))
            .collect();
        let mut identifier = json!({ "type": "IDENTIFIER", "patterns": patterns });
        if let Some(attribute) = &route.attribute {
            identifier["type"] = "ATTRIBUTE".into();
            identifier["attribute"] = attribute.as_str().into();
        }
        let kind = match wanted.idp(&route.idp).map(|idp| &idp.protocol) {
            Some(Protocol::Oidc(_)) => "OIDC",
            _ => "SAML2",
        };
        let idp = reference(&Key::new(Kind::Idp, &route.idp));
        let mut body = json!({
            "type": "IDP_DISCOVERY",
            "name": route.name,
            "conditions": { "network": { "connection": "ANYWHERE" }, "userIdentifier": identifier },
            "actions": { "idp": { "providers": [{ "type": kind, "id": idp }], "idpSelectionType": "SPECIFIC" } },
        });
        if let Some(priority) = route.priority {
            body["priority"] = priority.into();
        }
        all.push(Object::new(Kind::Route, &route.name, body));
    }
    // Stable: within a kind the file's own order stays.
    all.sort_by_key(|object| object.key.kind);
    all
}

/// Our own side as the identity provider needs it.
fn connection(wanted: &Wanted, idp: &Idp) -> Value {
    let mut body = json!({
        "protocol": "saml",
        "role": match idp.usage { Usage::Factor => "factor", Usage::Sso => "sso" },
        "okta_offers_choice": idp.okta_offers_choice,
    });
    if let Protocol::Oidc(side) = &idp.protocol {
        body["protocol"] = "oidc".into();
        body["redirect_uris"] = json!([callback(wanted)]);
        body["request_object"] = json!(side.request_signature);
        body["require_pkce"] = side.pkce.into();
        body["subject"] = match side.subject {
            SubjectName::Id => "id".into(),
            SubjectName::Login => "login".into(),
        };
        body["groups"] = json!(side.groups);
    }
    body
}

/// The certificates of a connection: the one that signs, then the announced one. One to come if it is not made yet.
fn certificates(idp: &Idp, ours: &Ours) -> Vec<Object> {
    let name = idp.connection.as_str();
    let known = ours.certificates(name);
    if known.is_empty() {
        let x5c = reference(&Key::new(Kind::Connection, name));
        let key = format!("{name}/to come");
        return vec![Object::new(
            Kind::Certificate,
            &key,
            json!({ "x5c": [x5c] }),
        )];
    }
    known
        .iter()
        .map(|certificate| Object {
            known_as: certificate.thumbprint.clone(),
            ..Object::new(
                Kind::Certificate,
                &format!("{name}/{}", certificate.thumbprint),
                json!({ "x5c": [certificate.base64] }),
            )
        })
        .collect()
}

fn saml_idp(idp: &Idp, side: &SamlSide, keys: &[Value], ours: &Ours) -> Value {
    let name = idp.connection.as_str();
    let sso_url = ours.sso_url(name);
    let binding = match side.binding {
        Bindings::Post => "HTTP-POST",
        Bindings::Redirect => "HTTP-REDIRECT",
    };
    let mut settings = json!({ "nameFormat": side.name_format });
    if side.sends_application_context {
        settings["sendApplicationContext"] = true.into();
    }
    let (kid, additional) = keys
        .split_first()
        .map_or((Value::Null, &[][..]), |(k, a)| (k.clone(), a));
    json!({
        "type": "SAML2",
        "name": idp.name,
        "protocol": {
            "type": "SAML2",
            "endpoints": {
                "sso": { "url": sso_url, "binding": binding, "destination": sso_url },
                "acs": { "binding": "HTTP-POST", "type": "INSTANCE" },
            },
            "algorithms": {
                "request": { "signature": { "algorithm": "SHA-256", "scope": "REQUEST" } },
                "response": { "signature": { "algorithm": "SHA-256", "scope": side.signature_scope } },
            },
            "settings": settings,
            "credentials": { "trust": { "issuer": ours.saml_issuer(name), "kid": kid, "additionalKids": additional } },
        },
        "policy": idp_policy(idp),
    })
}

fn oidc_idp(idp: &Idp, side: &OidcSide, ours: &Ours) -> Value {
    let name = idp.connection.as_str();
    let at = |path: &str| ours.oidc_url(name, path);
    let client_id = match ours.client_id(name) {
        Some(id) => Value::from(id),
        None => reference(&Key::new(Kind::Connection, name)),
    };
    let signature = match side.request_signature {
        Some(algorithm) => json!({ "algorithm": algorithm, "scope": "REQUEST" }),
        // Okta wants an algorithm even where nothing is signed.
        None => json!({ "algorithm": "HS256", "scope": "NONE" }),
    };
    let mut endpoints = json!({
        "authorization": { "url": at("authorize"), "binding": "HTTP-REDIRECT" },
        "token": { "url": at("token"), "binding": "HTTP-POST" },
        "jwks": { "url": at("jwks"), "binding": "HTTP-REDIRECT" },
    });
    if side.userinfo {
        endpoints["userInfo"] = json!({ "url": at("userinfo"), "binding": "HTTP-REDIRECT" });
    }
    json!({
        "type": "OIDC",
        "name": idp.name,
        "protocol": {
            "type": "OIDC",
            "endpoints": endpoints,
            "algorithms": { "request": { "signature": signature } },
            "scopes": side.scopes,
            "issuer": { "url": ours.oidc_issuer(name) },
            "credentials": { "client": { "client_id": client_id, "pkce_required": side.pkce } },
        },
        "policy": idp_policy(idp),
    })
}

fn idp_policy(idp: &Idp) -> Value {
    let (kind, attribute) = match &idp.matching {
        Matching::Username => ("USERNAME", None),
        Matching::Email => ("EMAIL", None),
        Matching::UsernameOrEmail => ("USERNAME_OR_EMAIL", None),
        Matching::Attribute(name) => ("CUSTOM_ATTRIBUTE", Some(name.as_str())),
    };
    let mut subject =
        json!({ "userNameTemplate": { "template": idp.username }, "matchType": kind });
    if let Some(attribute) = attribute {
        subject["matchAttribute"] = attribute.into();
    }
    json!({
        "provisioning": {
            "action": match idp.creates_users { true => "AUTO", false => "DISABLED" },
            "profileMaster": false,
            "groups": { "action": "NONE" },
        },
        "accountLink": { "action": "AUTO" },
        "subject": subject,
        "maxClockSkew": idp.max_clock_skew,
        "trustClaims": idp.trusts_claims,
    })
}
