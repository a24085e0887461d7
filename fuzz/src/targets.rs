//! The targets: a name, good messages to begin with, words to put in, and a function from bytes to an outcome.

use crate::{event_hook, messages, oidc, okta, scim};
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};
use standards::{
    jose::{self, dpop},
    saml::{
        authn_request::{AuthnRequest, AuthnRequestError, UnverifiedAuthnRequest},
        certificate::Certificate,
        metadata::ServiceProvider,
    },
};
use std::{fmt::Debug, sync::LazyLock};
use wire::{
    capture, host,
    jws::{self, Jwk},
    limits,
    statement::{Answer, REGISTRATION_TYP},
    version::{Refusal, parse, parse_bounded},
};

/// One thing to throw bytes at.
pub struct Target {
    pub name: &'static str,
    pub seeds: fn() -> Vec<Vec<u8>>,
    pub words: &'static [&'static str],
    /// Two inputs with the same outcome went the same way, as far as anybody can see from outside.
    pub run: fn(&[u8]) -> String,
}

const XML: &[&str] = &[
    "<",
    ">",
    "/>",
    "&",
    "&lt;",
    "&#13;",
    "&#x0;",
    "\"",
    "'",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE a>",
    "<?a?>",
    " xmlns=\"\"",
    " xmlns:saml2=\"urn:b\"",
    " xml:id=\"a\"",
    " ID=\"a\"",
    "<saml2:NameID>",
    "</saml2:NameID>",
    "<ds:Object>",
    "<ec:InclusiveNamespaces PrefixList=\"xs #default\"/>",
    "\u{feff}",
    "\u{0}",
    "true",
    "2.0",
];

pub static TARGETS: &[Target] = &[
    Target {
        name: "oidc_authorization",
        seeds: oidc::authorization_seeds,
        words: oidc::WORDS,
        run: oidc::authorization,
    },
    Target {
        name: "oidc_token",
        seeds: oidc::token_seeds,
        words: oidc::WORDS,
        run: oidc::token,
    },
    Target {
        name: "authn_request_post",
        seeds: posted_seeds,
        words: XML,
        run: authn_request_post,
    },
    Target {
        name: "authn_request_redirect",
        seeds: redirected_seeds,
        words: QUERY,
        run: authn_request_redirect,
    },
    Target {
        name: "authn_request_unsigned",
        seeds: || vec![okta::request().into()],
        words: XML,
        run: authn_request_unsigned,
    },
    Target {
        name: "metadata",
        seeds: metadata_seeds,
        words: XML,
        run: metadata,
    },
    Target {
        name: "certificate",
        seeds: certificate_seeds,
        words: &["\u{30}\u{7f}", "\u{2}\u{1}"],
        run: certificate,
    },
    Target {
        name: "jws",
        seeds: jws_seeds,
        words: JSON,
        run: jws,
    },
    Target {
        name: "dpop",
        seeds: dpop_seeds,
        words: JSON,
        run: dpop,
    },
    Target {
        name: "capture_events",
        seeds: capture_seeds,
        words: JSON,
        run: capture_events,
    },
    Target {
        name: "host_frame",
        seeds: host_seeds,
        words: JSON,
        run: host_frame,
    },
    Target {
        name: "host_frames",
        seeds: messages::frame_seeds,
        words: &["\u{0}\u{0}\u{0}\u{0}", "\u{1}\u{0}\u{0}\u{0}x", "\u{7f}"],
        run: messages::frames,
    },
    Target {
        name: "page_messages",
        seeds: messages::page_seeds,
        words: JSON,
        run: messages::page,
    },
    Target {
        name: "server_messages",
        seeds: messages::server_seeds,
        words: JSON,
        run: messages::server,
    },
    Target {
        name: "engine_state",
        seeds: messages::state_seeds,
        words: &["\u{0}\u{0}", "\u{7f}\u{7f}", "\u{1}"],
        run: messages::state,
    },
    Target {
        name: "scim_filter",
        seeds: scim::filter_seeds,
        words: scim::WORDS,
        run: scim::filter,
    },
    Target {
        name: "scim_patch",
        seeds: scim::patch_seeds,
        words: scim::WORDS,
        run: scim::patch,
    },
    Target {
        name: "event_hook",
        seeds: event_hook::seeds,
        words: event_hook::WORDS,
        run: event_hook::run,
    },
];

const QUERY: &[&str] = &[
    "&",
    "=",
    "%",
    "%41",
    "+",
    "SAMLRequest=",
    "SAML%52equest=",
    "RelayState=",
    "SigAlg=",
    "Signature=",
    "SAMLEncoding=",
];
const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\u0000",
    "null",
    "true",
    "-1",
    "1e999",
    "0.1",
    "18446744073709551616",
    "\"v\":1",
    "\"type\":",
    ".",
    "=",
    "[[[[[[[[",
    "[0,5120.4,65]",
];

/// What the signed request says; a changed copy must not say anything else.
static GOOD: LazyLock<AuthnRequest> = LazyLock::new(|| {
    okta::receive_post(&okta::posted(&okta::signed(&okta::request()))).expect("the seed is good")
});

fn posted_seeds() -> Vec<Vec<u8>> {
    vec![
        okta::signed(&okta::request()).into(),
        okta::request().into(),
    ]
}

fn authn_request_post(xml: &[u8]) -> String {
    let base64 = okta::percent(STANDARD.encode(xml).as_bytes());
    judged(received(UnverifiedAuthnRequest::from_post_body(
        format!("SAMLRequest={base64}&RelayState=opaque%2Bstate").as_bytes(),
    )))
}

fn redirected_seeds() -> Vec<Vec<u8>> {
    vec![okta::redirected(&okta::request())]
}

fn authn_request_redirect(query: &[u8]) -> String {
    judged(received(UnverifiedAuthnRequest::from_redirect_query(query)))
}

/// Without a signature, where the metadata asks for none: reaches what is read after it.
fn authn_request_unsigned(xml: &[u8]) -> String {
    static SP: LazyLock<ServiceProvider> = LazyLock::new(okta::unsigned_service_provider);
    let base64 = okta::percent(STANDARD.encode(xml).as_bytes());
    let read = UnverifiedAuthnRequest::from_post_body(format!("SAMLRequest={base64}").as_bytes())
        .and_then(|unverified| unverified.verify(&SP, &okta::context()));
    outcome(&read.map(|_| ()))
}

fn received(
    unverified: Result<UnverifiedAuthnRequest, AuthnRequestError>,
) -> Result<AuthnRequest, AuthnRequestError> {
    static SP: LazyLock<ServiceProvider> = LazyLock::new(okta::service_provider);
    unverified?.verify(&SP, &okta::context())
}

fn judged(read: Result<AuthnRequest, impl Debug>) -> String {
    if let Ok(read) = &read {
        assert_eq!(
            read, &*GOOD,
            "a changed request was taken for the signed one"
        );
    }
    outcome(&read.map(|_| ()))
}

fn metadata_seeds() -> Vec<Vec<u8>> {
    let real = include_bytes!("../../crates/standards/fixtures/real-okta-sp-metadata.xml");
    vec![real.to_vec(), okta::metadata(true).into()]
}

fn metadata(xml: &[u8]) -> String {
    let read = ServiceProvider::parse(xml);
    if let Ok(sp) = &read {
        assert!(sp.default_acs().starts_with("https://"));
    }
    outcome(&read.map(|_| ()))
}

fn certificate_seeds() -> Vec<Vec<u8>> {
    [okta::SP_CERTIFICATE, okta::IDP_CERTIFICATE]
        .map(|pem| okta::certificate(pem).der().to_vec())
        .into()
}

fn certificate(der: &[u8]) -> String {
    outcome(&Certificate::from_der(der).map(|c| c.verifies_rsa_sha256(b"message", &[1; 256])))
}

/// A device's key that is the same in every process, so that runs repeat.
static KEY: LazyLock<EcdsaKeyPair> = LazyLock::new(|| {
    let pkcs8 = STANDARD
        .decode(okta::base64_of(include_str!(
            "../test-only-keys/device.key.pem"
        )))
        .expect("a test key is PEM");
    EcdsaKeyPair::from_pkcs8(
        &ECDSA_P256_SHA256_FIXED_SIGNING,
        &pkcs8,
        &SystemRandom::new(),
    )
    .expect("a test key is P-256")
});

fn jwk() -> Jwk {
    Jwk::from_point(KEY.public_key().as_ref()).expect("a P-256 key is a point")
}

fn signed(header: &Value, claims: &Value) -> Vec<u8> {
    let input = jws::signing_input(header, claims);
    let signature = KEY
        .sign(&SystemRandom::new(), input.as_bytes())
        .expect("signing works");
    jws::compact(&input, signature.as_ref()).into_bytes()
}

fn jws_seeds() -> Vec<Vec<u8>> {
    let id = jose::thumbprint(&jwk()).expect("a point has a thumbprint");
    let posture = json!({"platform": "linux", "os_version": null, "disk_encrypted": null, "screen_lock": null,
        "screen_locked": null, "unlock_age_ms": null});
    let claims = json!({"iss": id, "aud": "https://login.tacit.test", "iat": 1, "cnf": {"jkt": id}, "jwk": jwk(),
        "protection_class": "hardware", "os_account": "ann", "posture": posture});
    vec![signed(
        &json!({"alg": "ES256", "typ": REGISTRATION_TYP, "kid": id}),
        &claims,
    )]
}

/// A statement as text; then the bytes as the claims of one that is signed, so that the claims are reached as well.
fn jws(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let registration = jose::verify_registration(&text);
    if registration.is_ok() {
        assert!(
            jws_claims(&text) == jws_claims(&String::from_utf8_lossy(&jws_seeds()[0])),
            "changed claims were taken for signed ones"
        );
    }
    let answer: Result<Answer, _> = serde_json::from_slice(bytes);
    format!("{:?} {}", registration.map(|_| ()), answer.is_ok())
}

fn jws_claims(text: &str) -> Option<String> {
    Some(text.split('.').nth(1)?.to_owned())
}

fn dpop_seeds() -> Vec<Vec<u8>> {
    let claims = json!({"jti": "0123456789abcdefghijkl", "htm": "POST", "htu": "https://a.test", "iat": 0, "ath": jose::digest(b"")});
    let proof = signed(
        &json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": jwk()}),
        &claims,
    );
    vec![proof, serde_json::to_vec(&claims).expect("JSON is JSON")]
}

fn dpop(bytes: &[u8]) -> String {
    let ath = jose::digest(b"");
    let expected = dpop::Expected::new("POST", "https://a.test", 0, &ath);
    let as_text = dpop::verify(&String::from_utf8_lossy(bytes), &expected).map(|_| ());
    // The bytes as claims under a good signature.
    let header = json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": jwk()});
    let input = format!(
        "{}.{}",
        wire::b64::encode(&serde_json::to_vec(&header).expect("JSON is JSON")),
        wire::b64::encode(bytes)
    );
    let signature = KEY
        .sign(&SystemRandom::new(), input.as_bytes())
        .expect("signing works");
    let as_claims = dpop::verify(&jws::compact(&input, signature.as_ref()), &expected).map(|_| ());
    format!("{as_text:?} {as_claims:?}")
}

fn capture_seeds() -> Vec<Vec<u8>> {
    vec![
        br#"{"v":1,"type":"events","origin":1760000000000.0,"untrusted":0,"withheld":0,"events":[[0,5120.4,65],[1,5204.1,65],[2,5301.0,410,220,0],[3,1,2,3,0],[4,1,2,3,0],[5,1,-2,3],[6,1,1],[7,1,0],[8,1,65535]]}"#.to_vec(),
    ]
}

fn capture_events(bytes: &[u8]) -> String {
    let read = parse_bounded::<capture::Events>(bytes, limits::PAGE_MESSAGE);
    if let Ok(events) = &read {
        let again = serde_json::to_vec(events).expect("what was read can be written");
        // Not assert_eq: serde_json may read a number one unit in the last place off.
        let again = parse_bounded::<capture::Events>(&again, usize::MAX);
        assert!(again.is_ok(), "what was read and written is refused");
    }
    kind(&read.map(|_| ()))
}

fn host_seeds() -> Vec<Vec<u8>> {
    [
        r#"{"v":1,"id":7,"body":{"type":"hello","extension":"0.1.0"}}"#,
        r#"{"v":1,"id":8,"body":{"type":"status"}}"#,
        r#"{"v":1,"id":9,"body":{"type":"seal","user":"ann@acme.test","plain":"AAAA"}}"#,
        r#"{"v":1,"id":10,"body":{"type":"refused","fault":"not_bound","message":"a"}}"#,
        r#"{"v":1,"id":11,"body":{"type":"answer","origin":"https://a.test","challenge":"c","nonce":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","req":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","subject":"ann@acme.test","installation":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","provenance":{"broken_by":null,"age_ms":1,"entered_from":null},"presence":{"screen_locked":false,"input_age_ms":1,"unlock_age_ms":null},"evidence":{"verdict":"genuine","llr":1.5,"keys":1,"pointer_ms":1,"age_ms":1,"model":1,"template":null,"progress":100,"automation":[],"moved_by":[]}}}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

fn host_frame(bytes: &[u8]) -> String {
    let request = parse::<host::Request>(bytes);
    if let Ok(request) = &request {
        let again = serde_json::to_vec(request).expect("what was read can be written");
        let again = parse_bounded::<host::Request>(&again, usize::MAX);
        assert!(again.is_ok(), "what was read and written is refused");
    }
    format!(
        "{} {}",
        kind(&request.map(|_| ())),
        kind(&parse::<host::Response>(bytes).map(|_| ()))
    )
}

fn outcome(result: &impl Debug) -> String {
    format!("{result:?}")
}

/// Which refusal, and the first words of it: what follows quotes the input, and there is no end of that.
fn kind(result: &Result<(), Refusal>) -> String {
    match result {
        Err(Refusal::Malformed { what, .. }) => {
            let words = what.split(" at line ").next().unwrap_or_default();
            words
                .split(['`', '"', ',', '-', '.'])
                .next()
                .unwrap_or_default()
                .to_owned()
        }
        other => outcome(&other.as_ref().map_err(std::mem::discriminant)),
    }
}
