//! JWTs that the org signs: request objects and client assertions.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::RequestSignature;
use crate::keys::ServiceProvider;

pub fn sign(
    signature: RequestSignature,
    secret: &str,
    sp: &ServiceProvider,
    claims: &Value,
) -> String {
    let name = match signature {
        RequestSignature::Hs256 => "HS256",
        RequestSignature::Hs384 => "HS384",
        RequestSignature::Hs512 => "HS512",
        RequestSignature::Rs256 => "RS256",
        RequestSignature::Rs384 => "RS384",
        RequestSignature::Rs512 => "RS512",
    };
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let input = format!(
        "{}.{}",
        part(&json!({ "alg": name, "typ": "JWT" })),
        part(claims)
    );
    let hash = match signature {
        RequestSignature::Hs256 => hmac::HMAC_SHA256,
        RequestSignature::Hs384 => hmac::HMAC_SHA384,
        RequestSignature::Hs512 => hmac::HMAC_SHA512,
        RequestSignature::Rs256 | RequestSignature::Rs384 | RequestSignature::Rs512 => {
            let signature = sp.sign_with(signature, input.as_bytes());
            return format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));
        }
    };
    let signature = hmac::sign(&hmac::Key::new(hash, secret.as_bytes()), input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}
