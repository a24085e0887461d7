//! The System Log: events of Okta's shape, the newest ten thousand.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::clock::{Millis, format_iso};
use crate::filter::Filter;
use crate::ids;
use crate::state::Transaction;

/// Who sent the HTTP request.
#[derive(Debug, Clone)]
pub struct Client {
    pub ip: String,
    pub user_agent: String,
}

/// One event before it is written.
pub struct Event<'a> {
    pub kind: Kind,
    /// `Err` holds the reason.
    pub outcome: Result<(), &'a str>,
    pub login: &'a str,
    pub transaction: Option<&'a Transaction>,
    pub credential_type: Option<&'a str>,
    /// In our own words, into `debugContext.debugData.standInDetail`.
    pub detail: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    EvaluateSignOn,
    AuthViaMfa,
    AuthViaIdp,
    AuthViaInboundSaml,
    AuthViaSocial,
    FactorActivate,
    SessionStart,
    SessionEnd,
    Sso,
}

#[derive(Debug, Default)]
pub struct SystemLog {
    entries: VecDeque<Entry>,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    at: Millis,
    body: Value,
}

/// An event of the management API before it is written.
pub struct Change {
    pub event_type: &'static str,
    pub display_message: &'static str,
    pub actor: Value,
    pub targets: Vec<Value>,
    /// The reason, if it failed.
    pub failure: Option<String>,
    pub debug: Value,
}

/// The rows that an event of a sign-in names.
pub struct Entities {
    pub user: Value,
    pub idp: Value,
    pub authenticator: String,
    pub app: Value,
}

/// One page of the log, and the cursor for the next one, which exists always.
pub struct Page {
    pub events: Vec<Value>,
    pub next: u64,
}

/// What `GET /api/v1/logs` asks for.
#[derive(Debug, Default)]
pub struct Query {
    pub since: Option<Millis>,
    pub until: Option<Millis>,
    pub after: Option<u64>,
    pub filter: Option<Filter>,
    /// In lower case.
    pub words: Option<String>,
    pub newest_first: bool,
    pub limit: usize,
}

impl SystemLog {
    /// Returns what it has written.
    pub fn write(
        &mut self,
        event: &Event<'_>,
        entities: &Entities,
        client: &Client,
        now: Millis,
    ) -> Value {
        let body = body(event, entities, client, now);
        self.push(body.clone(), now);
        body
    }

    pub fn write_change(&mut self, change: Change, client: &Client, now: Millis) -> Value {
        let body = change.into_body(client, now);
        self.push(body.clone(), now);
        body
    }

    fn push(&mut self, body: Value, now: Millis) {
        let number = self.next;
        self.next += 1;
        if self.entries.len() >= MAX_ENTRIES {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry {
            number,
            at: now,
            body,
        });
    }

    pub fn page(&self, query: &Query) -> Page {
        let is_wanted = |entry: &&Entry| {
            query.since.is_none_or(|since| entry.at >= since)
                && query.until.is_none_or(|until| entry.at < until)
                && query
                    .filter
                    .as_ref()
                    .is_none_or(|filter| filter.fits(&entry.body))
                && query
                    .words
                    .as_ref()
                    .is_none_or(|words| entry.body.to_string().to_lowercase().contains(words))
                && query.after.is_none_or(|after| match query.newest_first {
                    true => entry.number < after,
                    false => entry.number >= after,
                })
        };
        let found: Vec<&Entry> = match query.newest_first {
            true => self
                .entries
                .iter()
                .rev()
                .filter(is_wanted)
                .take(query.limit)
                .collect(),
            false => self
                .entries
                .iter()
                .filter(is_wanted)
                .take(query.limit)
                .collect(),
        };
        let next = match (found.last(), query.newest_first) {
            (Some(last), false) => last.number + 1,
            (Some(last), true) => last.number,
            (None, _) => query.after.unwrap_or(self.next),
        };
        Page {
            events: found.into_iter().map(|entry| entry.body.clone()).collect(),
            next,
        }
    }
}

impl Kind {
    fn event_type(self) -> &'static str {
        match self {
            Kind::EvaluateSignOn => "policy.evaluate_sign_on",
            Kind::AuthViaMfa => "user.authentication.auth_via_mfa",
            Kind::AuthViaIdp => "user.authentication.auth_via_IDP",
            Kind::AuthViaInboundSaml => "user.authentication.auth_via_inbound_SAML",
            Kind::AuthViaSocial => "user.authentication.auth_via_social",
            Kind::FactorActivate => "user.mfa.factor.activate",
            Kind::SessionStart => "user.session.start",
            Kind::SessionEnd => "user.session.end",
            Kind::Sso => "user.authentication.sso",
        }
    }

    fn display_message(self) -> &'static str {
        match self {
            Kind::EvaluateSignOn => "Evaluation of sign-on policy",
            Kind::AuthViaMfa => "Authentication of user via MFA",
            Kind::AuthViaIdp => "Authenticate user via IDP",
            Kind::AuthViaInboundSaml => "Authenticate user via inbound SAML",
            Kind::AuthViaSocial => "Authenticate user via social login",
            Kind::FactorActivate => "Activate factor or authenticator enrollment method for user",
            Kind::SessionStart => "User login to Okta",
            Kind::SessionEnd => "User logout from Okta",
            Kind::Sso => "User single sign on to app",
        }
    }

    /// The older name that Okta still sends along.
    fn legacy_event_type(self) -> Option<&'static str> {
        match self {
            Kind::AuthViaMfa => Some("core.user.factor.attempt_success"),
            Kind::AuthViaIdp => Some("core.user_auth.idp.saml.login_success"),
            Kind::FactorActivate => Some("core.user.factor.activate"),
            Kind::SessionStart => Some("core.user_auth.login_success"),
            Kind::SessionEnd => Some("core.user_auth.logout_success"),
            Kind::Sso => Some("app.auth.sso"),
            Kind::EvaluateSignOn | Kind::AuthViaInboundSaml | Kind::AuthViaSocial => None,
        }
    }
}

fn body(event: &Event<'_>, entities: &Entities, client: &Client, now: Millis) -> Value {
    let (result, reason) = match (event.outcome, event.kind) {
        (Ok(()), Kind::EvaluateSignOn) => (
            "CHALLENGE",
            json!("Sign-on policy evaluation resulted in CHALLENGE"),
        ),
        (Ok(()), _) => ("SUCCESS", Value::Null),
        (Err(reason), _) => ("FAILURE", json!(reason)),
    };
    let legacy = event
        .kind
        .legacy_event_type()
        .map(|name| match event.outcome {
            Ok(()) => name.to_owned(),
            Err(_) => name.replace("_success", "_fail"),
        });
    json!({
        "uuid": ids::generate_uuid(),
        "published": format_iso(now),
        "eventType": event.kind.event_type(),
        "version": "0",
        "severity": if event.outcome.is_ok() { "INFO" } else { "WARN" },
        "legacyEventType": legacy,
        "displayMessage": event.kind.display_message(),
        "actor": entities.user,
        "client": client_body(client),
        "device": null,
        "authenticationContext": {
            "authenticationProvider": if event.credential_type == Some("ASSERTION") {
                "FEDERATION"
            } else {
                "OKTA_AUTHENTICATION_PROVIDER"
            },
            "credentialProvider": null,
            "credentialType": event.credential_type,
            "issuer": null,
            "interface": null,
            "authenticationStep": 0,
            "externalSessionId": event.transaction.map_or("unknown", |transaction| transaction.id.as_str()),
        },
        "securityContext": { "asNumber": null, "asOrg": null, "isp": null, "domain": null, "isProxy": null },
        "outcome": { "result": result, "reason": reason },
        "target": targets(event, entities),
        "transaction": {
            "type": "WEB",
            "id": event.transaction.map_or("unknown", |transaction| transaction.id.as_str()),
            "detail": {},
        },
        "debugContext": { "debugData": debug_data(event) },
        "request": { "ipChain": [{ "ip": client.ip, "geographicalContext": null, "version": "V4", "source": null }] },
    })
}

fn client_body(client: &Client) -> Value {
    json!({
        "userAgent": { "rawUserAgent": client.user_agent, "os": "Unknown", "browser": "UNKNOWN" },
        "zone": "null",
        "device": "Computer",
        "id": null,
        "ipAddress": client.ip,
        "geographicalContext": null,
    })
}

fn targets(event: &Event<'_>, entities: &Entities) -> Value {
    match event.kind {
        Kind::AuthViaIdp | Kind::AuthViaInboundSaml | Kind::AuthViaSocial => {
            json!([entities.idp, entities.user])
        }
        Kind::AuthViaMfa | Kind::FactorActivate => json!([
            entities.user,
            { "id": entities.authenticator, "type": "AuthenticatorEnrollment", "alternateId": "unknown",
              "displayName": entities.idp["displayName"], "detailEntry": null },
        ]),
        Kind::Sso => json!([entities.app, entities.user]),
        _ => Value::Null,
    }
}

impl Change {
    pub fn new(event_type: &'static str, display_message: &'static str, actor: Value) -> Change {
        Change {
            event_type,
            display_message,
            actor,
            targets: Vec::new(),
            failure: None,
            debug: json!({}),
        }
    }

    pub fn target(mut self, id: &str, kind: &str, alternate_id: &str, name: &str) -> Change {
        self.targets.push(
            json!({ "id": id, "type": kind, "alternateId": alternate_id, "displayName": name,
                                  "detailEntry": null }),
        );
        self
    }

    pub fn entity(mut self, entity: Value) -> Change {
        self.targets.push(entity);
        self
    }

    fn into_body(self, client: &Client, now: Millis) -> Value {
        json!({
            "uuid": ids::generate_uuid(),
            "published": format_iso(now),
            "eventType": self.event_type,
            "version": "0",
            "severity": if self.failure.is_none() { "INFO" } else { "WARN" },
            "legacyEventType": null,
            "displayMessage": self.display_message,
            "actor": self.actor,
            "client": client_body(client),
            "device": null,
            "authenticationContext": {
                "authenticationProvider": null, "credentialProvider": null, "credentialType": null, "issuer": null,
                "interface": null, "authenticationStep": 0, "externalSessionId": "unknown",
            },
            "securityContext": { "asNumber": null, "asOrg": null, "isp": null, "domain": null, "isProxy": null },
            "outcome": { "result": if self.failure.is_none() { "SUCCESS" } else { "FAILURE" }, "reason": self.failure },
            "target": self.targets,
            "transaction": { "type": "WEB", "id": ids::generate_transaction_id(), "detail": {} },
            "debugContext": { "debugData": self.debug },
            "request": { "ipChain": [
                { "ip": client.ip, "geographicalContext": null, "version": "V4", "source": null }] },
        })
    }
}

/// Okta's `debugData` has no fixed members. Ours carries what a timeline needs: the
/// AuthnRequest's ID, the transaction, and the moments of the sign-in in milliseconds.
fn debug_data(event: &Event<'_>) -> Value {
    let mut data = serde_json::Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            data.insert(name.to_owned(), value);
        }
    };
    if let Some(transaction) = event.transaction {
        put("transactionId", Some(json!(transaction.id)));
        put(
            "requestId",
            transaction.request_id.as_ref().map(|id| json!(id)),
        );
        put(
            "password_ok",
            transaction.marks.password_ok.map(|at| json!(at)),
        );
        put(
            "idp_redirect",
            transaction.marks.idp_redirect.map(|at| json!(at)),
        );
        put(
            "acs_received",
            transaction.marks.acs_received.map(|at| json!(at)),
        );
        put(
            "session_created",
            transaction.marks.session_created.map(|at| json!(at)),
        );
        put(
            "amr",
            (!transaction.amr.is_empty()).then(|| json!(transaction.amr.join(","))),
        );
    }
    put(
        "standInDetail",
        event.detail.as_ref().map(|detail| json!(detail)),
    );
    Value::Object(data)
}

const MAX_ENTRIES: usize = 10_000;
