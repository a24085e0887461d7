//! Extension and host in one, with software keys: everything that a real one sends, and whatever a false one would.

use super::{
    Browser, ChallengePage, Reply, Server,
    server::{ORIGIN, TOKEN},
};
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde::Serialize;
use serde_json::json;
use standards::jose;
use tacit::{clock::seconds, random};
use wire::{
    dpop,
    id::{DeviceId, Nonce, Origin, Thumbprint, UserName},
    jws::{self, Alg, Jwk},
    reason::Reason,
    server::{ANSWERS, BINDINGS, CONFIRMATIONS, DEVICES, FAILURES, HEARTBEATS},
    statement::{
        ANSWER_TYP, Answer, BINDING_TYP, Binding, Confirmation, Evidence, HEARTBEAT_TYP, Heartbeat,
        Learning, Posture, Presence, ProtectionClass, Provenance, REGISTRATION_TYP, Registration,
        Verdict,
    },
};

/// A P-256 key.
pub struct Key {
    pkcs8: Vec<u8>,
    pair: EcdsaKeyPair,
    pub jwk: Jwk,
    pub thumbprint: Thumbprint,
}

impl Key {
    pub fn generate() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self::of(pair.to_pkcs8v1().unwrap().as_ref())
    }

    /// The private scalar, as PKCS#8 has it.
    pub fn secret(&self) -> &[u8] {
        // A version, the algorithm's two names, and the octet string around an ECPrivateKey come before it.
        &self.pkcs8[36..68]
    }

    /// The same key for another agent: two browser profiles share the device's.
    pub fn again(&self) -> Self {
        Self::of(&self.pkcs8)
    }

    fn of(pkcs8: &[u8]) -> Self {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).unwrap();
        let jwk = Jwk::from_point(pair.public_key().as_ref()).unwrap();
        let thumbprint = jose::thumbprint(&jwk).unwrap();
        Self {
            pkcs8: pkcs8.into(),
            pair,
            jwk,
            thumbprint,
        }
    }

    pub fn sign(&self, header: &impl Serialize, claims: &impl Serialize) -> String {
        let input = jws::signing_input(header, claims);
        let signature = self
            .pair
            .sign(&SystemRandom::new(), input.as_bytes())
            .unwrap();
        jws::compact(&input, signature.as_ref())
    }

    pub fn statement(&self, typ: &str, claims: &impl Serialize) -> String {
        self.sign(
            &jws::Header {
                alg: Alg::ES256,
                typ: typ.into(),
                kid: self.thumbprint.clone(),
            },
            claims,
        )
    }
}

pub struct Agent {
    pub device: Key,
    pub installation: Key,
}

impl Agent {
    pub fn new() -> Self {
        Self {
            device: Key::generate(),
            installation: Key::generate(),
        }
    }

    pub fn device_id(&self) -> DeviceId {
        DeviceId::of_key(&self.device.thumbprint)
    }

    /// An agent that is registered and bound to Ann.
    pub async fn enrolled(server: &Server) -> Self {
        Self::enrolled_for(server, &server.ann).await
    }

    pub async fn enrolled_for(server: &Server, user: &tacit::domain::user::User) -> Self {
        let agent = Self::new();
        let reply = agent.register(server, TOKEN).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        agent.bind(server, user).await;
        agent
    }

    /// Binds behind the ceremony's back, for tests of something else.
    pub async fn bind(&self, server: &Server, user: &tacit::domain::user::User) {
        use tacit::domain::{challenge::Candidate, enrolment};
        let browser = Browser::default();
        let page = browser.start(server, user.login.as_str()).await;
        let challenge = server
            .app
            .store
            .find_challenge(&page.challenge)
            .await
            .unwrap()
            .unwrap();
        let candidate = Candidate {
            device: self.device_id(),
            installation: self.installation.thumbprint.clone(),
        };
        let bound = enrolment::bind(
            &server.app,
            &challenge,
            &candidate,
            &user.id,
            enrolment::How::Code,
            server.now(),
        )
        .await;
        assert!(bound.unwrap());
    }

    pub fn registration(&self, server: &Server) -> Registration {
        self.registration_at(server.now())
    }

    pub fn registration_at(&self, now: tacit::clock::Millis) -> Registration {
        Registration {
            iss: self.device_id(),
            aud: origin(),
            iat: seconds(now),
            cnf: self.confirmation(),
            jwk: self.device.jwk.clone(),
            protection_class: ProtectionClass::Hardware,
            os_account: "ann".into(),
            posture: posture(),
        }
    }

    pub async fn register(&self, server: &Server, token: &str) -> Reply {
        self.register_as(server, token, &self.registration(server), None)
            .await
    }

    pub async fn register_as(
        &self,
        server: &Server,
        token: &str,
        registration: &Registration,
        email: Option<&str>,
    ) -> Reply {
        let statement = self.device.statement(REGISTRATION_TYP, registration);
        let body =
            json!({ "v": 1, "token": token, "statement": statement, "profile_email": email })
                .to_string();
        let proof = self.proof(server, DEVICES, statement.as_bytes(), None);
        self.post(server, DEVICES, None, &proof, body).await
    }

    /// The answer of an agent that saw this person at work in this tab a moment ago.
    pub fn answer(&self, server: &Server, page: &ChallengePage) -> Answer {
        Answer {
            iss: self.device_id(),
            sub: page.subject.clone(),
            aud: origin(),
            nonce: page.nonce.clone(),
            jti: page.challenge.clone(),
            req: page.req.clone(),
            iat: seconds(server.now()),
            cnf: self.confirmation(),
            provenance: Provenance {
                broken_by: None,
                age_ms: Some(1_200),
                entered_from: None,
            },
            presence: Presence {
                screen_locked: Some(false),
                input_age_ms: Some(800),
                unlock_age_ms: None,
            },
            evidence: Evidence {
                verdict: Verdict::Genuine,
                llr: 9.5,
                keys: 240,
                pointer_ms: 9_000,
                age_ms: Some(900),
                model: 1,
                template: Some(jose::digest(b"template")),
                progress: 100,
                automation: Vec::new(),
                moved_by: vec!["hold".into()],
            },
            protection_class: ProtectionClass::Hardware,
        }
    }

    pub async fn send(&self, server: &Server, browser: &Browser, answer: &Answer) -> Reply {
        let statement = self.device.statement(ANSWER_TYP, answer);
        self.send_statement(server, browser, &statement, &answer.nonce)
            .await
    }

    pub async fn send_statement(
        &self,
        server: &Server,
        browser: &Browser,
        statement: &str,
        nonce: &Nonce,
    ) -> Reply {
        let proof = self.proof(server, ANSWERS, statement.as_bytes(), Some(nonce));
        self.send_with(server, browser, statement, &proof).await
    }

    pub async fn send_with(
        &self,
        server: &Server,
        browser: &Browser,
        statement: &str,
        proof: &str,
    ) -> Reply {
        let body = json!({ "v": 1, "statement": statement }).to_string();
        self.post(server, ANSWERS, Some(browser), proof, body).await
    }

    /// Answers a challenge as it should be answered.
    pub async fn answers(
        &self,
        server: &Server,
        browser: &Browser,
        page: &ChallengePage,
    ) -> serde_json::Value {
        let reply = self.send(server, browser, &self.answer(server, page)).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json()
    }

    pub async fn fail(
        &self,
        server: &Server,
        browser: &Browser,
        page: &ChallengePage,
        reason: Reason,
    ) -> Reply {
        let body =
            json!({ "v": 1, "challenge": page.challenge, "nonce": page.nonce, "reason": reason })
                .to_string();
        let proof = self.proof(server, FAILURES, body.as_bytes(), Some(&page.nonce));
        self.post(server, FAILURES, Some(browser), &proof, body)
            .await
    }

    pub fn offer(&self, server: &Server, page: &ChallengePage) -> Binding {
        Binding {
            iss: self.device_id(),
            aud: origin(),
            nonce: page.nonce.clone(),
            jti: page.challenge.clone(),
            req: page.req.clone(),
            iat: seconds(server.now()),
            cnf: self.confirmation(),
            provenance: Provenance {
                broken_by: None,
                age_ms: Some(1_200),
                entered_from: None,
            },
            protection_class: ProtectionClass::Hardware,
            os_account: "ann".into(),
        }
    }

    pub async fn offers(&self, server: &Server, browser: &Browser, offer: &Binding) -> Reply {
        let statement = self.device.statement(BINDING_TYP, offer);
        let body = json!({ "v": 1, "statement": statement }).to_string();
        let proof = self.proof(server, BINDINGS, statement.as_bytes(), Some(&offer.nonce));
        self.post(server, BINDINGS, Some(browser), &proof, body)
            .await
    }

    pub fn heartbeat(&self, server: &Server, learning: Vec<Learning>) -> Heartbeat {
        Heartbeat {
            iss: self.device_id(),
            aud: origin(),
            iat: seconds(server.now()),
            jti: random::token::<16>(),
            cnf: self.confirmation(),
            protection_class: ProtectionClass::Hardware,
            extension: "0.1.0".into(),
            host: "0.1.0".into(),
            learning,
            posture: posture(),
        }
    }

    pub async fn beats(&self, server: &Server, beat: &Heartbeat) -> Reply {
        let statement = self.device.statement(HEARTBEAT_TYP, beat);
        let body = json!({ "v": 1, "statement": statement }).to_string();
        let proof = self.proof(server, HEARTBEATS, statement.as_bytes(), None);
        self.post(server, HEARTBEATS, None, &proof, body).await
    }

    pub async fn asks_for_confirmation(
        &self,
        server: &Server,
        browser: &Browser,
        page: &ChallengePage,
    ) -> Reply {
        let body =
            json!({ "v": 1, "device": self.device_id(), "challenge": page.challenge }).to_string();
        let proof = self.proof(server, CONFIRMATIONS, body.as_bytes(), None);
        self.post(server, CONFIRMATIONS, Some(browser), &proof, body)
            .await
    }

    pub fn proof(
        &self,
        server: &Server,
        path: &str,
        about: &[u8],
        nonce: Option<&Nonce>,
    ) -> String {
        self.proof_with(&self.claims(server, path, about, nonce))
    }

    pub fn claims(
        &self,
        server: &Server,
        path: &str,
        about: &[u8],
        nonce: Option<&Nonce>,
    ) -> dpop::Claims {
        dpop::Claims {
            jti: random::token::<16>(),
            htm: "POST".into(),
            htu: format!("{ORIGIN}{path}"),
            iat: seconds(server.now()),
            ath: jose::digest(about).to_string(),
            nonce: nonce.cloned(),
        }
    }

    pub fn proof_with(&self, claims: &dpop::Claims) -> String {
        let header = dpop::Header {
            alg: Alg::ES256,
            typ: dpop::TYP.into(),
            jwk: self.installation.jwk.clone(),
        };
        self.installation.sign(&header, claims)
    }

    pub async fn post(
        &self,
        server: &Server,
        path: &str,
        browser: Option<&Browser>,
        proof: &str,
        body: String,
    ) -> Reply {
        let cookie = browser.map(Browser::cookie).unwrap_or_default();
        let mut headers = vec![("content-type", "application/json"), ("dpop", proof)];
        if !cookie.is_empty() {
            headers.push(("cookie", &cookie));
        }
        server.post(path, &headers, body).await
    }

    pub fn confirmation(&self) -> Confirmation {
        Confirmation {
            jkt: self.installation.thumbprint.clone(),
        }
    }
}

pub fn origin() -> Origin {
    Origin::new(ORIGIN).unwrap()
}

pub fn name(login: &str) -> UserName {
    UserName::new(login).unwrap()
}

fn posture() -> Posture {
    Posture {
        platform: "linux".into(),
        ..Posture::default()
    }
}
