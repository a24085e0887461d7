//! Certificates of identity providers, uploaded before the provider that uses them.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{Fault, Resources};
use crate::clock::{Millis, format_iso};
use crate::der;
use crate::ids;

impl Resources {
    /// `POST /api/v1/idps/credentials/keys {"x5c":["MII…"]}`; the text comes back as it was sent.
    pub fn upload_key(&mut self, body: &Value, now: Millis) -> Result<String, Fault> {
        let x5c = match body.get("x5c").and_then(Value::as_array).map(Vec::as_slice) {
            Some([Value::String(one)]) if one.len() <= 16_384 => one,
            Some([]) | None => return Err(Fault::blank("x5c")),
            Some(_) => return Err(Fault::Malformed),
        };
        let compact: String = x5c.split_ascii_whitespace().collect();
        let broken = || Fault::invalid("x5c", "x5c: The certificate is not valid");
        let certificate = STANDARD.decode(compact).map_err(|_| broken())?;
        let parsed = der::certificate(&certificate).ok_or_else(broken)?;
        let Some((n, e)) = parsed.rsa else {
            return Err(Fault::invalid(
                "x5c",
                "x5c: The certificate's key must be RSA",
            ));
        };
        let thumbprint = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &certificate));
        let same = self
            .idp_keys
            .iter()
            .find(|(_, key)| key["x5t#S256"] == thumbprint.as_str());
        if let Some((kid, _)) = same {
            return Err(Fault::refused(
                409,
                "E0000096",
                format!("This certificate has already been uploaded with kid={kid}."),
            ));
        }
        let kid = ids::generate_uuid();
        let key = json!({
            "kty": "RSA",
            "created": format_iso(now),
            "lastUpdated": format_iso(now),
            "expiresAt": format_iso(parsed.not_after),
            "alg": "RSA",
            "kid": kid,
            "use": "sig",
            "x5c": [x5c],
            "x5t#S256": thumbprint,
            "e": URL_SAFE_NO_PAD.encode(e),
            "n": URL_SAFE_NO_PAD.encode(n),
        });
        self.idp_keys.insert(kid.clone(), key)?;
        Ok(kid)
    }

    pub fn delete_key(&mut self, kid: &str) -> Result<(), Fault> {
        let mut idps = self.idps.iter();
        if let Some((_, idp)) = idps.find(|(_, idp)| idp.kids().any(|used| used == kid)) {
            let cause = format!(
                "kid: The key is in use by the identity provider {}",
                idp.name()
            );
            return Err(Fault::invalid("kid", cause));
        }
        self.idp_keys.remove(kid).map(drop)
    }

    /// The certificate that a key identifier names, in DER.
    pub fn certificate(&self, kid: &str) -> Option<Vec<u8>> {
        let text = self.idp_keys.find(kid)?["x5c"][0].as_str()?;
        let compact: String = text.split_ascii_whitespace().collect();
        STANDARD.decode(compact).ok()
    }
}
