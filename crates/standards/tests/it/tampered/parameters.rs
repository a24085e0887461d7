//! Parameters and bindings: pollution, what is covered by the signature of a query, bombs, and messages in the other
//! binding's clothes.

use super::{E, S, Tampered, X};
use crate::okta::{
    self, RSA_SHA256, deflated, posted, redirected, request, signed, with_query_signature,
};
use standards::saml::authn_request::RELAY_STATE_BYTES;

/// A query whose signature does not fit, or whose parameters are there twice.
pub fn of_signed_queries() -> Vec<Tampered> {
    let request_octets = deflated(request().as_bytes());
    let good = |relay: &str| format!("SAMLRequest={request_octets}{relay}&SigAlg={RSA_SHA256}");
    let text = |query: Vec<u8>| String::from_utf8(query).unwrap();
    let other_order = with_query_signature(&format!(
        "RelayState=a&SAMLRequest={request_octets}&SigAlg={RSA_SHA256}"
    ));
    let sha1 = good("").replace("xmldsig-more%23rsa-sha256", "xmldsig%23rsa-sha1");
    let signed_query = text(with_query_signature(&good("&RelayState=a")));
    let mut rows: Vec<_> = [
        (
            "signed in another order",
            text(other_order),
            E::Signature(S::Value),
        ),
        (
            "RelayState changed",
            signed_query.replace("RelayState=a", "RelayState=b"),
            E::Signature(S::Value),
        ),
        (
            "RelayState escaped otherwise",
            signed_query.replace("RelayState=a", "RelayState=%61"),
            E::Signature(S::Value),
        ),
        (
            "RelayState dropped",
            signed_query.replace("&RelayState=a", ""),
            E::Signature(S::Value),
        ),
        (
            "RelayState added",
            text(with_query_signature(&good(""))) + "&RelayState=a",
            E::Signature(S::Value),
        ),
        (
            "SHA-1",
            text(with_query_signature(&sha1)),
            E::Signature(S::Algorithm),
        ),
        (
            "no algorithm",
            signed_query.replace(&format!("&SigAlg={RSA_SHA256}"), ""),
            E::ParameterMissing { name: "SigAlg" },
        ),
        (
            "no signature",
            good(""),
            E::ParameterMissing { name: "Signature" },
        ),
        (
            "signature is not base64",
            good("") + "&Signature=***",
            E::NotBase64 { name: "Signature" },
        ),
        (
            "request twice",
            signed_query.clone() + "&SAMLRequest=a",
            E::ParameterRepeated {
                name: "SAMLRequest",
            },
        ),
        (
            "request twice, once in disguise",
            signed_query.clone() + "&SAML%52equest=a",
            E::ParameterRepeated {
                name: "SAMLRequest",
            },
        ),
        (
            "algorithm twice",
            signed_query.clone() + "&SigAlg=a",
            E::ParameterRepeated { name: "SigAlg" },
        ),
        (
            "signature twice",
            signed_query.clone() + "&Signature=a",
            E::ParameterRepeated { name: "Signature" },
        ),
        (
            "RelayState twice",
            signed_query.clone() + "&RelayState=a",
            E::ParameterRepeated { name: "RelayState" },
        ),
        (
            "other encoding",
            signed_query.clone() + "&SAMLEncoding=gzip",
            E::Encoding,
        ),
        (
            "by a stranger",
            good("")
                + "&Signature="
                + &okta::percent(
                    okta::base64(&okta::rsa_sha256(okta::STRANGER_KEY, good("").as_bytes()))
                        .as_bytes(),
                ),
            E::Signature(S::Value),
        ),
        (
            "HMAC",
            text(with_query_signature(
                &good("").replace("rsa-sha256", "hmac-sha256"),
            )),
            E::Signature(S::Algorithm),
        ),
        (
            "algorithm none",
            text(with_query_signature(&good("").replace(RSA_SHA256, "none"))),
            E::Signature(S::Algorithm),
        ),
        (
            "algorithm with a fragment more",
            text(with_query_signature(&(good("") + "%23"))),
            E::Signature(S::Algorithm),
        ),
    ]
    .into_iter()
    .map(|(sentence, query, expected)| Tampered::redirected(sentence, query.into(), expected))
    .collect();
    let embedded = redirected(&signed(&request()));
    rows.push(Tampered::redirected(
        "signature inside and in the query",
        embedded,
        E::Signature(S::Embedded),
    ));
    let unsigned = format!("SAMLRequest={request_octets}");
    rows.push(Tampered::redirected(
        "no signature",
        unsigned.into(),
        E::Signature(S::Missing),
    ));
    rows
}

/// What is refused before there is a document.
pub fn of_parameters() -> Vec<Tampered> {
    let bomb = deflated(&vec![b' '; 50_000_000]);
    let long_state = "a".repeat(RELAY_STATE_BYTES + 1);
    let good = deflated(request().as_bytes());
    let million = "a".repeat(1_000_000);
    let nested = deflated(&miniz_oxide::deflate::compress_to_vec(
        &vec![b' '; 50_000_000],
        9,
    ));
    let mut rows: Vec<_> = [
        (
            "nothing",
            String::new(),
            E::ParameterMissing {
                name: "SAMLRequest",
            },
        ),
        ("no value", "SAMLRequest".into(), E::NotDeflate),
        (
            "broken escape",
            "SAMLRequest=%4".into(),
            E::ParameterMalformed {
                name: "SAMLRequest",
            },
        ),
        (
            "not base64",
            "SAMLRequest=%21".into(),
            E::NotBase64 {
                name: "SAMLRequest",
            },
        ),
        ("not deflated", "SAMLRequest=////".into(), E::NotDeflate),
        (
            "deflate bomb",
            format!("SAMLRequest={bomb}"),
            E::InflatedTooLong,
        ),
        (
            "RelayState too long",
            format!("SAMLRequest={good}&RelayState={long_state}"),
            E::RelayStateTooLong,
        ),
        (
            "RelayState not UTF-8",
            format!("SAMLRequest={good}&RelayState=%ff"),
            E::ParameterMalformed { name: "RelayState" },
        ),
        (
            "oversize",
            format!("SAMLRequest={}", "a".repeat(200_000)),
            E::ParametersTooLong,
        ),
        (
            "RelayState of 1 MB",
            format!("SAMLRequest={good}&RelayState={million}"),
            E::ParametersTooLong,
        ),
        (
            "RelayState of 100 kB",
            format!("SAMLRequest={good}&RelayState={}", &million[..100_000]),
            E::RelayStateTooLong,
        ),
        (
            "deflated twice",
            format!("SAMLRequest={nested}"),
            E::Xml(X::NotUtf8),
        ),
        (
            "100,000 parameters, the request at both ends",
            format!(
                "SAMLRequest={good}{}&SAMLRequest={good}",
                "&".repeat(100_000)
            ),
            E::ParameterRepeated {
                name: "SAMLRequest",
            },
        ),
    ]
    .into_iter()
    .map(|(sentence, query, expected)| Tampered::redirected(sentence, query.into(), expected))
    .collect();
    let mut push = |sentence, body: Vec<u8>, expected| {
        rows.push(Tampered::posted(sentence, body, expected));
    };
    push(
        "a redirected message in a form",
        redirected(&request()),
        E::Xml(X::NotUtf8),
    );
    push(
        "the request twice in a form",
        [posted(&signed(&request())), b"&SAMLRequest=a".to_vec()].concat(),
        E::ParameterRepeated {
            name: "SAMLRequest",
        },
    );
    push(
        "a form of 10 MB",
        [b"SAMLRequest=".to_vec(), vec![b'A'; 10_000_000]].concat(),
        E::ParametersTooLong,
    );
    push(
        "a form without the request",
        b"SAMLResponse=PGEvPg==".to_vec(),
        E::ParameterMissing {
            name: "SAMLRequest",
        },
    );
    push("another document", posted("<a/>"), E::NotAnAuthnRequest);
    let form = String::from_utf8(posted(&signed(&request()))).unwrap();
    rows.push(Tampered::redirected(
        "a posted message in a query",
        form.into(),
        E::NotDeflate,
    ));
    rows
}
