//! A relying party that shares no code with the product: it builds its own requests and JWTs, and judges ID tokens by the
//! published keys itself.

use super::{
    Browser, ChallengePage, Reply, Server,
    browser::encoded,
    server::{ORIGIN, START},
};
use aws_lc_rs::{
    digest, hmac,
    rand::SystemRandom,
    rsa::{KeySize, PublicKeyComponents},
    signature::{
        ECDSA_P256_SHA256_FIXED, KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
        UnparsedPublicKey,
    },
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use standards::oidc::{
    client::{AuthMethod, Client},
    jwk::JwkSet,
    jwt::Alg,
};
use std::{
    collections::BTreeMap,
    sync::{LazyLock, OnceLock},
};
use tacit::{
    domain::{
        challenge::Factor,
        connection::{Connection, KeyStatus, Role, SigningKey},
        oidc::{OidcClient, Subject, secret_context},
        signing,
    },
    keys, random,
    store::oidc::SecretRow,
};
use wire::id::ConnectionId;

pub const CALLBACK: &str = "https://acme.okta-standin.test/oauth2/v1/authorize/callback";
pub const SECRET: &str = "a-secret-of-64-characters-a-secret-of-64-characters-a-secret-of-";

/// The RSA key of a relying party that signs.
pub static RP_KEY: LazyLock<RsaKeyPair> =
    LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());

pub struct Rp {
    pub name: &'static str,
    pub client_id: String,
}

/// What of a registration a test changes.
pub type Change = fn(&mut OidcClient);

impl Rp {
    /// A confidential client of role factor, as Okta is one.
    pub async fn okta(server: &Server) -> Self {
        Self::with(server, "okta", Role::Factor, |_| {}).await
    }

    pub async fn with(server: &Server, name: &'static str, role: Role, change: Change) -> Self {
        let id = ConnectionId::new(name).unwrap();
        let mut client = OidcClient {
            connection: id.clone(),
            client: Client {
                client_id: format!("client-of-{name}"),
                redirect_uris: vec![CALLBACK.into()],
                post_logout_redirect_uris: vec!["https://app.workplace.test/bye?from=tacit".into()],
                token_endpoint_auth_method: AuthMethod::ClientSecret,
                token_endpoint_auth_signing_alg: None,
                request_object_signing_alg: None,
                id_token_signed_response_alg: Alg::RS256,
                jwks: JwkSet::default(),
                require_pkce: false,
            },
            groups: Vec::new(),
            subject: Subject::Id,
            updated_at: START,
        };
        change(&mut client);
        client.client = client.client.checked().unwrap();
        let connection = Connection {
            id: id.clone(),
            role,
            okta_offers_choice: false,
            metadata: String::new(),
            updated_at: START,
        };
        let key = key_of(server, &client);
        let row = secret_row(
            server,
            &id,
            SECRET,
            client.client.computes_with_its_secret(),
        );
        let row = client.client.has_secret().then_some(&row);
        server
            .app
            .store
            .insert_oidc_connection(&connection, &key, &client, row)
            .await
            .unwrap();
        Self {
            name,
            client_id: client.client.client_id,
        }
    }

    pub fn id(&self) -> ConnectionId {
        ConnectionId::new(self.name).unwrap()
    }

    pub fn path(&self, path: &str) -> String {
        format!("/oidc/{}/{path}", self.name)
    }

    pub fn issuer(&self) -> String {
        format!("{ORIGIN}/oidc/{}", self.name)
    }

    /// What Okta sends (facts C), with a state and nonce of this moment.
    pub fn request(&self, login: &str) -> BTreeMap<&'static str, String> {
        let mut request = BTreeMap::from([
            ("client_id", self.client_id.clone()),
            ("redirect_uri", CALLBACK.into()),
            ("response_type", "code".into()),
            ("display", "page".into()),
            ("scope", "openid profile email".into()),
            ("state", random::token::<32>()),
            ("nonce", random::token::<24>()),
        ]);
        if !login.is_empty() {
            request.insert("login_hint", login.into());
        }
        request
    }

    pub async fn authorize(
        &self,
        server: &Server,
        browser: &Browser,
        request: &BTreeMap<&'static str, String>,
    ) -> Reply {
        let reply = browser
            .get(
                server,
                &format!("{}?{}", self.path("authorize"), form(request)),
            )
            .await;
        browser.keep(&reply);
        reply
    }

    /// Up to the challenge page.
    pub async fn start(
        &self,
        server: &Server,
        browser: &Browser,
        request: &BTreeMap<&'static str, String>,
    ) -> ChallengePage {
        let reply = self.authorize(server, browser, request).await;
        assert_eq!(reply.status, 303, "{}", reply.body);
        browser.open(server, reply.header("location")).await
    }

    /// The whole way to a code, silently.
    pub async fn code(
        &self,
        server: &Server,
        browser: &Browser,
        request: &BTreeMap<&'static str, String>,
    ) -> String {
        let page = self.start(server, browser, request).await;
        pass(server, &page, Factor::Passkey).await;
        let back = answer(&browser.outcome(server, &page).await);
        back["code"].clone()
    }

    /// A token request as Okta makes it.
    pub fn exchange(&self, code: &str) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("grant_type", "authorization_code".into()),
            ("code", code.into()),
            ("redirect_uri", CALLBACK.into()),
            ("client_id", self.client_id.clone()),
            ("client_secret", SECRET.into()),
        ])
    }

    pub async fn token(&self, server: &Server, fields: &BTreeMap<&'static str, String>) -> Reply {
        self.token_with(server, fields, &[]).await
    }

    pub async fn token_with(
        &self,
        server: &Server,
        fields: &BTreeMap<&'static str, String>,
        headers: &[(&str, &str)],
    ) -> Reply {
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend(headers);
        server.post(&self.path("token"), &all, form(fields)).await
    }

    pub async fn userinfo(&self, server: &Server, token: &str) -> Reply {
        let header = format!("Bearer {token}");
        server
            .get(&self.path("userinfo"), &[("authorization", &header)])
            .await
    }

    pub async fn jwks(&self, server: &Server) -> Vec<Value> {
        let reply = server.get(&self.path("jwks"), &[]).await;
        assert_eq!(reply.status, 200);
        reply.json()["keys"].as_array().unwrap().clone()
    }

    /// Header and claims of an ID token whose signature fits a published key.
    pub async fn judged(&self, server: &Server, token: &str) -> (Value, Value) {
        let (input, signature) = token.rsplit_once('.').unwrap();
        let (header, claims) = input.split_once('.').unwrap();
        let decoded = |part: &str| {
            serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        let (header, claims) = (decoded(header), decoded(claims));
        let keys = self.jwks(server).await;
        let key = keys
            .iter()
            .find(|k| k["kid"] == header["kid"])
            .expect("the key is published");
        assert_eq!((&key["alg"], &key["use"]), (&header["alg"], &json!("sig")));
        let bytes = |member: &str| {
            URL_SAFE_NO_PAD
                .decode(key[member].as_str().unwrap())
                .unwrap()
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        match header["alg"].as_str().unwrap() {
            "RS256" => {
                let key = PublicKeyComponents {
                    n: bytes("n"),
                    e: bytes("e"),
                };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, input.as_bytes(), &signature)
                    .unwrap();
            }
            "ES256" => {
                let point = [&[4][..], &bytes("x"), &bytes("y")].concat();
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                key.verify(input.as_bytes(), &signature).unwrap();
            }
            other => panic!("{other}"),
        }
        (header, claims)
    }
}

/// A person passes an ordinary factor of the challenge, behind the pages' back.
pub async fn pass(server: &Server, page: &ChallengePage, factor: Factor) {
    use tacit::domain::challenge::{Passed, Strength, pass_factor};
    let challenge = server
        .app
        .store
        .find_challenge(&page.challenge)
        .await
        .unwrap()
        .unwrap();
    let user = challenge.user.clone().unwrap();
    let strength = match factor {
        Factor::Passkey => Strength::PhishingResistant { hardware: false },
        _ => Strength::Ordinary,
    };
    let passed = pass_factor(
        &server.app,
        &challenge,
        &user,
        factor,
        strength,
        server.now(),
    )
    .await
    .unwrap();
    assert_eq!(passed, Passed::Allowed { bound: false });
}

/// The fields of an answer, in whatever way it travels; `to` is where it goes.
pub fn answer(outcome: &Value) -> BTreeMap<String, String> {
    match (outcome["location"].as_str(), outcome.get("form")) {
        (Some(location), None) => fields_of(location),
        (None, Some(form)) => {
            let mut fields: BTreeMap<String, String> =
                serde_json::from_value(form["fields"].clone()).unwrap();
            fields.insert("to".into(), form["action"].as_str().unwrap().into());
            fields
        }
        _ => panic!("{outcome}"),
    }
}

pub fn fields_of(location: &str) -> BTreeMap<String, String> {
    let (to, query) = location.split_once('?').unwrap();
    let mut fields: BTreeMap<String, String> = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect();
    fields.insert("to".into(), to.into());
    fields
}

fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let pair = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&pair).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(out).unwrap()
}

pub fn form(fields: &BTreeMap<&'static str, String>) -> String {
    let pairs: Vec<String> = fields
        .iter()
        .map(|(n, v)| format!("{n}={}", encoded(v)))
        .collect();
    pairs.join("&")
}

pub fn basic(client_id: &str, secret: &str) -> String {
    format!(
        "Basic {}",
        STANDARD.encode(format!("{}:{}", encoded(client_id), encoded(secret)))
    )
}

/// SHA-256 as base64url, computed here.
pub fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

pub fn jwt(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let input = format!("{}.{}", part(header), part(claims));
    let signature = sign(input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

pub fn hs(alg: &str, secret: &[u8], claims: &Value) -> String {
    let algorithm = match alg {
        "HS256" => hmac::HMAC_SHA256,
        "HS384" => hmac::HMAC_SHA384,
        _ => hmac::HMAC_SHA512,
    };
    jwt(&json!({ "alg": alg, "typ": "JWT" }), claims, |input| {
        hmac::sign(&hmac::Key::new(algorithm, secret), input)
            .as_ref()
            .to_vec()
    })
}

pub fn rs256(key: &RsaKeyPair, header: &Value, claims: &Value) -> String {
    jwt(header, claims, |input| {
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            input,
            &mut signature,
        )
        .unwrap();
        signature
    })
}

/// The public half of [`RP_KEY`] as a JWK.
pub fn rp_jwks() -> JwkSet {
    // PKCS#1 of an RSA-2048 key with the exponent 65537: two headers, a zero, the modulus, a header, the exponent.
    let der = RP_KEY.public_key().as_ref();
    let (n, e) = (&der[der.len() - 261..der.len() - 5], &der[der.len() - 3..]);
    assert_eq!((n.len(), e), (256, &[1, 0, 1][..]));
    let (n, e) = (URL_SAFE_NO_PAD.encode(n), URL_SAFE_NO_PAD.encode(e));
    let text = json!({ "keys": [{ "kty": "RSA", "kid": "rp-1", "use": "sig", "n": n, "e": e }] })
        .to_string();
    JwkSet::parse(&text).unwrap()
}

pub fn secret_row(server: &Server, id: &ConnectionId, text: &str, in_the_clear: bool) -> SecretRow {
    SecretRow {
        id: random::id(server.now()),
        hash: keys::hash(text.as_bytes()),
        sealed: match in_the_clear {
            true => server.app.master.seal(&secret_context(id), text.as_bytes()),
            false => String::new(),
        },
        created_at: server.now(),
    }
}

/// One RSA key for all connections named `okta`; everything else is quick enough to make.
fn key_of(server: &Server, client: &OidcClient) -> SigningKey {
    static OKTA: OnceLock<SigningKey> = OnceLock::new();
    let rsa =
        || signing::generate(&server.app, &client.connection, KeyStatus::Current, START).unwrap();
    match (
        client.client.id_token_signed_response_alg,
        client.connection.as_str(),
    ) {
        (Alg::ES256, _) => {
            signing::generate_elliptic(&server.app, &client.connection, KeyStatus::Current, START)
                .unwrap()
        }
        (_, "okta") => OKTA.get_or_init(rsa).clone(),
        _ => rsa(),
    }
}
