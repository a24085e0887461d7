//! The first rows: what every org has, and what the configuration file names.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::apps::AppRow;
use super::groups::{GroupRow, Kind as GroupKind};
use super::idps::{Extras, IdpRow, Usage};
use super::policies::{Kind, PolicyRow};
use super::rules::{LAST, RuleRow};
use super::users::{Status, UserRow};
use super::{Fault, Resources};
use crate::clock::{Millis, format_iso};
use crate::config::{Binding, Config, Idp, SignatureScope, User};
use crate::ids;
use crate::keys::ServiceProvider;
use crate::oidc::{ClientAuth, RequestSignature, Settings};

pub fn fill(
    resources: &mut Resources,
    config: &Config,
    sp: &ServiceProvider,
    certificates: &[Vec<u8>],
    now: Millis,
) -> Result<(), Fault> {
    let everyone = GroupRow::new(
        "Everyone",
        Some("All users in your organization"),
        GroupKind::BuiltIn,
        now,
    );
    resources.groups.insert(resources.everyone(), everyone)?;
    for user in &config.users {
        add_user(resources, user, now)?;
    }
    add_policies(resources, now)?;
    for (key, kind, name, status, settings) in AUTHENTICATORS {
        let mut row = json!({ "type": kind, "key": key, "status": status, "name": name,
                              "created": format_iso(now), "lastUpdated": format_iso(now) });
        if let Some(allowed_for) = settings {
            row["settings"] = match allowed_for {
                "" => json!({}),
                _ => json!({ "allowedFor": allowed_for }),
            };
        }
        resources
            .authenticators
            .insert(ids::derive_id("aut", key), row)?;
    }
    add_application(resources, config, now)?;
    if let Some(idp) = &config.idp {
        add_factor(resources, idp, sp, certificates, now)?;
    }
    Ok(())
}

fn add_user(resources: &mut Resources, user: &User, now: Millis) -> Result<(), Fault> {
    let profile: Map<String, Value> = [
        ("login", &user.login),
        ("email", &user.login),
        ("firstName", &user.first_name),
        ("lastName", &user.last_name),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), json!(value)))
    .collect();
    let row = UserRow {
        status: Status::Active,
        created: now,
        activated: Some(now),
        status_changed: Some(now),
        last_login: None,
        last_updated: now,
        password_changed: Some(now),
        profile,
        password: Some(ids::hash(&user.password)),
        recovery_question: None,
        risk: None,
    };
    let id = ids::derive_id("00u", &user.login);
    resources.users.insert(id.clone(), row)?;
    for name in &user.groups {
        let group = ids::derive_id("00g", name);
        if resources.groups.find(&group).is_none() {
            resources.groups.insert(
                group.clone(),
                GroupRow::new(name, None, GroupKind::Okta, now),
            )?;
        }
        resources.groups.row_mut(&group)?.members.insert(id.clone());
    }
    Ok(())
}

/// Okta's own policies, each with the rule that matches always.
fn add_policies(resources: &mut Resources, now: Millis) -> Result<(), Fault> {
    let everyone = json!({ "people": { "groups": { "include": [resources.everyone()] } } });
    let sign_on = json!({ "signon": { "access": "ALLOW", "requireFactor": false, "primaryFactor": "PASSWORD_IDP_ANY_FACTOR",
        "rememberDeviceByDefault": false,
        "session": { "usePersistentCookie": false, "maxSessionIdleMinutes": 120, "maxSessionLifetimeMinutes": 0 } } });
    let access = |mode: &str| {
        json!({ "appSignOn": { "access": "ALLOW",
        "verificationMethod": { "factorMode": mode, "type": "ASSURANCE", "reauthenticateIn": "PT12H", "constraints": [] },
        "keepMeSignedIn": { "postAuth": "NOT_ALLOWED" } } })
    };
    for (kind, name, description, is_system, rule, actions) in [
        (
            Kind::SignOn,
            "Default Policy",
            "The default policy applies in all situations if no other policy applies.",
            true,
            "Default Rule",
            sign_on,
        ),
        (
            Kind::MfaEnroll,
            "Default Policy",
            "The default policy applies in all situations if no other policy applies.",
            true,
            "Default Rule",
            json!({ "enroll": { "self": "CHALLENGE" } }),
        ),
        (
            Kind::Password,
            "Default Policy",
            "The default policy applies in all situations if no other policy applies.",
            true,
            "Default Rule",
            json!({ "passwordChange": { "access": "ALLOW" }, "selfServicePasswordReset": { "access": "ALLOW" },
                 "selfServiceUnlock": { "access": "DENY" } }),
        ),
        (
            Kind::IdpDiscovery,
            "Idp Discovery Policy",
            "The default IdP Discovery Policy",
            true,
            "Default Rule",
            json!({ "idp": { "providers": [{ "type": "OKTA" }], "idpSelectionType": "SPECIFIC" } }),
        ),
        (
            Kind::AccessPolicy,
            "Any two factors",
            "Require two factors to access.",
            true,
            "Catch-all Rule",
            access("2FA"),
        ),
        (
            Kind::AccessPolicy,
            "Password only",
            "Require a password only.",
            false,
            "Catch-all Rule",
            access("1FA"),
        ),
    ] {
        let mut policy = PolicyRow::new(kind, name, is_system, now);
        policy.description = Some(description.to_owned());
        if matches!(kind, Kind::SignOn | Kind::MfaEnroll | Kind::Password) {
            policy.conditions = everyone.clone();
        }
        if kind == Kind::MfaEnroll {
            policy.settings = json!({ "type": "AUTHENTICATORS", "authenticators": [
                { "key": "okta_password", "enroll": { "self": "REQUIRED" } },
                { "key": "okta_email", "enroll": { "self": "OPTIONAL" } }] });
        }
        let of = format!("{} {name} {rule}", kind.name());
        let prefix = if kind == Kind::AccessPolicy {
            "rul"
        } else {
            "0pr"
        };
        let priority = if kind == Kind::AccessPolicy { LAST } else { 1 };
        policy.rules.insert(
            ids::derive_id(prefix, &of),
            RuleRow::last(rule, priority, actions, now),
        )?;
        resources
            .policies
            .insert(ids::derive_id(kind.id_prefix(), &of), policy)?;
    }
    Ok(())
}

/// The application at the other origin; a password is enough for it as far as its own policy goes.
fn add_application(resources: &mut Resources, config: &Config, now: Millis) -> Result<(), Fault> {
    let id = ids::derive_id("0oa", &config.app_name);
    let slug: String = config
        .app_name
        .to_lowercase()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let mut policies = resources.policies_of(Kind::AccessPolicy).into_iter();
    let policy = policies
        .find(|(_, row)| !row.is_system)
        .map(|(id, _)| id.to_owned())
        .unwrap_or_default();
    let row = AppRow {
        body: json!({ "name": slug, "label": config.app_name, "signOnMode": "SAML_2_0", "features": [],
            "accessibility": { "selfService": false, "errorRedirectUrl": null, "loginRedirectUrl": null },
            "visibility": { "autoLaunch": false, "autoSubmitToolbar": false, "hide": { "iOS": false, "web": false }, "appLinks": {} },
            "credentials": { "userNameTemplate": { "template": "${source.login}", "type": "BUILT_IN" },
                             "signing": { "kid": resources.signing_kid } },
            "universalLogout": null,
            "settings": { "app": {}, "manualProvisioning": false, "implicitAssignment": true } }),
        status: "ACTIVE",
        created: now,
        last_updated: now,
        access_policy: policy,
        assignments: BTreeMap::new(),
        provisioning: None,
        pushed_groups: BTreeMap::new(),
        groups: std::collections::BTreeSet::new(),
        grants: Vec::new(),
    };
    resources.apps.insert(id, row)
}

/// The configuration's identity provider, as if an administrator had set it up as a factor that everybody needs.
fn add_factor(
    resources: &mut Resources,
    idp: &Idp,
    sp: &ServiceProvider,
    certificates: &[Vec<u8>],
    now: Millis,
) -> Result<(), Fault> {
    let mut kids = Vec::new();
    for certificate in certificates {
        match resources.upload_key(&json!({ "x5c": [STANDARD.encode(certificate)] }), now) {
            Ok(kid) => kids.push(kid),
            // An elliptic key, say: no signature will verify under it.
            Err(fault) => {
                tracing::warn!(%fault, "a certificate of the identity provider cannot be used")
            }
        }
    }
    let (kind, protocol) = match &idp.oidc {
        Some(settings) => ("OIDC", oidc_protocol(idp, settings)),
        None => (
            "SAML2",
            saml_protocol(idp, sp, &kids, &resources.signing_kid),
        ),
    };
    let row = IdpRow {
        body: json!({ "name": idp.name, "type": kind, "protocol": protocol, "policy": {
            "provisioning": { "action": "DISABLED", "profileMaster": false, "groups": { "action": "NONE" },
                "conditions": { "deprovisioned": { "action": "NONE" }, "suspended": { "action": "NONE" } } },
            "accountLink": { "filter": null, "action": "AUTO" },
            "subject": { "userNameTemplate": { "template": "idpuser.subjectNameId" }, "filter": null,
                         "matchType": "USERNAME", "matchAttribute": null },
            "maxClockSkew": idp.max_clock_skew_ms, "trustClaims": idp.trust_claims,
            "transformedUsernameMatchingEnabled": false } }),
        status: "ACTIVE",
        created: now,
        last_updated: now,
        usage: Usage::Factor,
        links: BTreeMap::new(),
        extras: Extras {
            application_context_namespace: idp.application_context_namespace.clone(),
            oidc: idp.oidc.clone(),
        },
    };
    resources.idps.insert(idp.id.clone(), row)?;
    let authenticator = json!({ "type": "federated", "key": "external_idp", "status": "ACTIVE", "name": idp.name,
        "created": format_iso(now), "lastUpdated": format_iso(now),
        "provider": { "type": "CLAIMS", "configuration": { "idpId": idp.id } } });
    resources
        .authenticators
        .insert(ids::derive_id("aut", &idp.id), authenticator)?;
    let policy = json!({ "type": "OKTA_SIGN_ON", "name": format!("{} for everyone", idp.name),
        "conditions": { "people": { "groups": { "include": [resources.everyone()] } } } });
    let policy = resources.create_policy(&policy, true, now)?;
    let rule = json!({ "name": "Require the factor", "type": "SIGN_ON",
        "actions": { "signon": { "access": "ALLOW", "requireFactor": true, "factorPromptMode": "ALWAYS" } } });
    resources.create_rule(&policy, &rule, true, now).map(drop)
}

fn saml_protocol(idp: &Idp, sp: &ServiceProvider, kids: &[String], signing_kid: &str) -> Value {
    let mut out = json!({
        "type": "SAML2",
        "endpoints": {
            "sso": { "url": idp.sso_url, "destination": idp.sso_url, "binding": match idp.request_binding {
                Binding::Post => "HTTP-POST", Binding::Redirect => "HTTP-REDIRECT" } },
            "acs": { "binding": "HTTP-POST", "type": "INSTANCE" },
        },
        "algorithms": {
            "request": { "signature": { "algorithm": "SHA-256", "scope": if idp.sign_requests { "REQUEST" } else { "NONE" } } },
            "response": { "signature": { "algorithm": "SHA-256", "scope": match idp.response_signature_scope {
                SignatureScope::Any => "ANY", SignatureScope::Response => "RESPONSE", SignatureScope::Token => "TOKEN" } } },
        },
        "settings": { "nameFormat": "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified", "honorPersistentNameId": true },
        "credentials": {
            "trust": { "issuer": idp.issuer, "audience": sp.entity_id, "revocation": null, "revocationCacheLifetime": 0 },
            "signing": { "kid": signing_kid },
        },
    });
    if idp.send_application_context {
        out["settings"]["sendApplicationContext"] = json!(true);
    }
    if let Some((first, more)) = kids.split_first() {
        out["credentials"]["trust"]["kid"] = json!(first);
        if !more.is_empty() {
            out["credentials"]["trust"]["additionalKids"] = json!(more);
        }
    }
    out
}

fn oidc_protocol(idp: &Idp, settings: &Settings) -> Value {
    let mut client =
        json!({ "client_id": settings.client_id, "pkce_required": settings.pkce_required });
    match settings.client_auth {
        ClientAuth::PrivateKeyJwt => {
            client["token_endpoint_auth_method"] = json!("private_key_jwt")
        }
        ClientAuth::ClientSecretBasic => {
            client["token_endpoint_auth_method"] = json!("client_secret_basic")
        }
        ClientAuth::ClientSecretPost => {}
    }
    if settings.client_auth != ClientAuth::PrivateKeyJwt || !settings.client_secret.is_empty() {
        client["client_secret"] = json!(settings.client_secret);
    }
    let mut out = json!({
        "type": "OIDC",
        "endpoints": {
            "authorization": { "url": settings.authorization_endpoint, "binding": "HTTP-REDIRECT" },
            "token": { "url": settings.token_endpoint, "binding": "HTTP-POST" },
            "jwks": { "url": settings.jwks_endpoint, "binding": "HTTP-REDIRECT" },
        },
        "settings": { "nameFormat": null },
        "scopes": settings.scopes,
        "issuer": { "url": settings.issuer },
        "credentials": { "client": client },
    });
    if let Some(userinfo) = &settings.userinfo_endpoint {
        out["endpoints"]["userInfo"] = json!({ "url": userinfo, "binding": "HTTP-REDIRECT" });
    }
    if let Some(signature) = settings.request_signature {
        let name = match signature {
            RequestSignature::Hs256 => "HS256",
            RequestSignature::Hs384 => "HS384",
            RequestSignature::Hs512 => "HS512",
            RequestSignature::Rs256 => "RS256",
            RequestSignature::Rs384 => "RS384",
            RequestSignature::Rs512 => "RS512",
        };
        out["algorithms"] =
            json!({ "request": { "signature": { "algorithm": name, "scope": "REQUEST" } } });
    }
    if idp.send_application_context {
        out["settings"]["sendApplicationContext"] = json!(true);
    }
    out
}

type Seed = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
);

/// Key, type, name, status, and what it is allowed for.
const AUTHENTICATORS: [Seed; 7] = [
    ("okta_password", "password", "Password", "ACTIVE", None),
    ("okta_email", "email", "Email", "ACTIVE", Some("recovery")),
    (
        "security_question",
        "security_question",
        "Security Question",
        "ACTIVE",
        Some("recovery"),
    ),
    ("phone_number", "phone", "Phone", "INACTIVE", Some("any")),
    ("okta_verify", "app", "Okta Verify", "INACTIVE", None),
    (
        "google_otp",
        "app",
        "Google Authenticator",
        "INACTIVE",
        Some(""),
    ),
    (
        "webauthn",
        "security_key",
        "Security Key or Biometric",
        "INACTIVE",
        None,
    ),
];
