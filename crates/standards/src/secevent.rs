//! Security Event Tokens (RFC 8417) that a Shared Signals transmitter pushes (RFC 8935), in the shape that Okta takes: the
//! subject stands within the event.

use crate::oidc::jwt::Alg;
use serde::Serialize;
use serde_json::{Value, json};
use wire::jws;

/// The `typ` of the header, and the media type without `application/`.
pub const TYP: &str = "secevent+jwt";
/// CAEP: somebody's sessions are over.
pub const SESSION_REVOKED: &str =
    "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
/// Okta's own: how likely it is that an account is somebody else's.
pub const USER_RISK_CHANGE: &str =
    "https://schemas.okta.com/secevent/okta/event-type/user-risk-change";

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Every session of the person should end.
    SessionRevoked,
    /// The person's risk went up to high.
    UserRiskHigh,
}

impl Event {
    /// Its URI.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::SessionRevoked => SESSION_REVOKED,
            Self::UserRiskHigh => USER_RISK_CHANGE,
        }
    }
}

/// One token about one event.
#[derive(Debug, Clone, Copy)]
pub struct SecurityEvent<'a> {
    /// Who says so; the transmitter's issuer.
    pub issuer: &'a str,
    /// Who is told; the org's URL.
    pub audience: &'a str,
    /// Its name: sent again, it is the same event.
    pub jti: &'a str,
    /// When the token was made, in seconds since 1970.
    pub issued_at: i64,
    /// When it happened, in seconds since 1970.
    pub happened_at: i64,
    /// Whom it is about.
    pub email: &'a str,
    /// What happened.
    pub event: Event,
    /// Why, in words for an administrator.
    pub reason: &'a str,
}

impl SecurityEvent<'_> {
    /// The text to sign by the key `kid`.
    pub fn signing_input(&self, alg: Alg, kid: &str) -> String {
        #[derive(Serialize)]
        struct Header<'a> {
            alg: Alg,
            typ: &'static str,
            kid: &'a str,
        }
        let header = Header { alg, typ: TYP, kid };
        jws::signing_input(&header, &self.claims())
    }

    fn claims(&self) -> Value {
        let mut event = json!({
            "event_timestamp": self.happened_at,
            "subject": { "user": { "format": "email", "email": self.email } },
            "initiating_entity": "policy",
            "reason_admin": { "en": self.reason },
        });
        if self.event == Event::UserRiskHigh {
            event["current_level"] = "high".into();
            event["previous_level"] = "low".into();
        }
        json!({
            "iss": self.issuer,
            "aud": self.audience,
            "jti": self.jti,
            "iat": self.issued_at,
            "events": { self.event.uri(): event },
        })
    }
}

/// What a receiver reads about a transmitter: `/.well-known/ssf-configuration` (Shared Signals Framework 1.0, section 7.1).
pub fn transmitter_metadata(issuer: &str, jwks_uri: &str) -> Value {
    json!({
        "spec_version": "1_0",
        "issuer": issuer,
        "jwks_uri": jwks_uri,
        "delivery_methods_supported": ["urn:ietf:rfc:8935"],
        "critical_subject_members": ["user"],
        "default_subjects": "NONE",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::b64;

    fn read(event: Event) -> (Value, Value) {
        let token = SecurityEvent {
            issuer: "https://login.acme.test/ssf/acme",
            audience: "https://acme.okta.test",
            jti: "0193",
            issued_at: 1_767_225_601,
            happened_at: 1_767_225_600,
            email: "alice@acme.test",
            event,
            reason: "behaviour mismatch",
        };
        let input = token.signing_input(Alg::RS256, "k1");
        let (header, claims) = input.split_once('.').unwrap();
        let json = |part| serde_json::from_slice(&b64::decode(part).unwrap()).unwrap();
        (json(header), json(claims))
    }

    #[test]
    fn a_change_of_risk_is_what_oktas_sample_shows() {
        let (header, claims) = read(Event::UserRiskHigh);
        assert_eq!(
            header,
            json!({ "alg": "RS256", "typ": "secevent+jwt", "kid": "k1" })
        );
        let expected = json!({
            "iss": "https://login.acme.test/ssf/acme", "aud": "https://acme.okta.test", "jti": "0193", "iat": 1_767_225_601,
            "events": { "https://schemas.okta.com/secevent/okta/event-type/user-risk-change": {
                "event_timestamp": 1_767_225_600, "current_level": "high", "previous_level": "low",
                "initiating_entity": "policy", "reason_admin": { "en": "behaviour mismatch" },
                "subject": { "user": { "format": "email", "email": "alice@acme.test" } } } },
        });
        assert_eq!(claims, expected);
    }

    #[test]
    fn a_revoked_session_has_no_levels() {
        let (_, claims) = read(Event::SessionRevoked);
        let event = &claims["events"][SESSION_REVOKED];
        assert_eq!(event["subject"]["user"]["email"], "alice@acme.test");
        assert!(event.get("current_level").is_none());
    }
}
