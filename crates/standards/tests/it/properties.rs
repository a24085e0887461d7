//! Nothing panics, and nothing that was changed is taken for what was signed.

use crate::{
    okta::{
        self, posted, receive_post, receive_redirect, redirected, request, service_provider, signed,
    },
    statements::Key,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::{prelude::*, sample::Index};
use serde_json::json;
use standards::{
    jose::{self, dpop},
    saml::{authn_request::UnverifiedAuthnRequest, metadata::ServiceProvider},
};
use std::sync::LazyLock;
use wire::statement::HEARTBEAT_TYP;

static POSTED: LazyLock<String> = LazyLock::new(|| signed(&request()));
static REDIRECTED: LazyLock<Vec<u8>> = LazyLock::new(|| redirected(&request()));
static KEY: LazyLock<Key> = LazyLock::new(Key::generate);
static STATEMENT: LazyLock<String> =
    LazyLock::new(|| KEY.sign(&KEY.header(HEARTBEAT_TYP), &json!({"n": 1})));

fn changed(bytes: &[u8], at: Index, by: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = at.index(bytes.len());
    bytes[at] ^= by;
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = receive_redirect(&bytes);
        let _ = receive_post(&bytes);
        let _ = receive_post(&[b"SAMLRequest=", okta::percent(STANDARD.encode(&bytes).as_bytes()).as_bytes()].concat());
        let _ = receive_redirect(&[b"SAMLRequest=", okta::percent(STANDARD.encode(&bytes).as_bytes()).as_bytes()].concat());
        let _ = ServiceProvider::parse(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        let ath = jose::digest(b"");
        let _ = dpop::verify(&text, &dpop::Expected::new("POST", "https://a.test", 0, &ath));
        let _ = jose::verify_registration(&text);
    }

    #[test]
    fn no_splice_of_xml_makes_a_parser_panic(
        from in any::<Index>(), to in any::<Index>(),
        splice in "[<>/&;:='\"!?\\-\\[\\]#x0-9a-cA-C{} \\n]{0,24}",
    ) {
        let text = POSTED.as_str();
        let (a, b) = (from.index(text.len()), to.index(text.len()));
        let spliced = [&text[..a.min(b)], &splice, &text[a.max(b)..]].concat();
        let _ = receive_post(&posted(&spliced));
        let _ = ServiceProvider::parse(spliced.as_bytes());
    }

    /// What canonical XML or the encoding does not see may change; what is read may not.
    #[test]
    fn one_changed_byte_of_a_posted_request_is_refused_or_changes_nothing(at in any::<Index>(), by in 1..=255u8) {
        let good = receive_post(&posted(&POSTED)).unwrap();
        let spoiled = changed(POSTED.as_bytes(), at, by);
        let body = format!("SAMLRequest={}&RelayState=opaque%2Bstate", okta::percent(STANDARD.encode(spoiled).as_bytes()));
        if let Ok(read) = receive_post(body.as_bytes()) {
            prop_assert_eq!(read, good);
        }
    }

    #[test]
    fn one_changed_byte_of_a_redirected_request_is_refused_or_changes_nothing(at in any::<Index>(), by in 1..=255u8) {
        let good = receive_redirect(&REDIRECTED).unwrap();
        if let Ok(read) = receive_redirect(&changed(&REDIRECTED, at, by)) {
            prop_assert_eq!(read, good);
        }
    }

    #[test]
    fn one_changed_byte_of_a_statement_is_refused(at in any::<Index>(), by in 1..=255u8) {
        if let Ok(spoiled) = String::from_utf8(changed(STATEMENT.as_bytes(), at, by)) {
            prop_assert!(jose::verify_statement::<serde_json::Value>(&spoiled, HEARTBEAT_TYP, &KEY.jwk()).is_err());
        }
    }
}

/// A signature of the Redirect binding covers everything: swapping it between two good requests never fits.
#[test]
fn the_signature_of_one_request_does_not_fit_another() {
    let first = String::from_utf8(REDIRECTED.clone()).unwrap();
    let second = String::from_utf8(redirected(&request().replace("alice", "bob"))).unwrap();
    let cut = |text: &str| {
        text.rsplit_once("&Signature=")
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap()
    };
    let mixed = format!("{}&Signature={}", cut(&second).0, cut(&first).1);
    let refused = UnverifiedAuthnRequest::from_redirect_query(mixed.as_bytes())
        .unwrap()
        .verify(&service_provider(), &okta::context());
    assert!(refused.is_err());
}
