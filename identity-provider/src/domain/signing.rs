//! Making a connection's signing key: RSA, because Okta demands it of SAML and expects it of ID tokens, or P-256 for ES256;
//! with a certificate that only carries the public key.

use crate::{
    app::App,
    clock::Millis,
    domain::connection::{KeyStatus, SigningKey},
    random,
};
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256,
    SignatureAlgorithm,
};
use wire::id::ConnectionId;
use zeroize::Zeroizing;

/// Years after which the certificate has to be rolled over.
const YEARS: i32 = 10;

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// The library could not make a key.
    #[error("an RSA key could not be made")]
    Key,
    /// The certificate could not be written.
    #[error("the certificate could not be made: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// A new RSA-2048 key for `connection`, sealed under the master key.
pub fn generate(
    app: &App,
    connection: &ConnectionId,
    status: KeyStatus,
    now: Millis,
) -> Result<SigningKey, SigningKeyError> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| SigningKeyError::Key)?;
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| SigningKeyError::Key)?;
    let pkcs8 = Zeroizing::new(pkcs8.as_ref().to_vec());
    sealed(app, connection, status, &pkcs8, &PKCS_RSA_SHA256, now)
}

/// A new P-256 key for `connection`, sealed under the master key: for ID tokens by ES256.
pub fn generate_elliptic(
    app: &App,
    connection: &ConnectionId,
    status: KeyStatus,
    now: Millis,
) -> Result<SigningKey, SigningKeyError> {
    let pair = rcgen::KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let pkcs8 = Zeroizing::new(pair.serialize_der());
    sealed(
        app,
        connection,
        status,
        &pkcs8,
        &PKCS_ECDSA_P256_SHA256,
        now,
    )
}

fn sealed(
    app: &App,
    connection: &ConnectionId,
    status: KeyStatus,
    pkcs8: &[u8],
    algorithm: &'static SignatureAlgorithm,
    now: Millis,
) -> Result<SigningKey, SigningKeyError> {
    Ok(SigningKey {
        id: random::id(now),
        status,
        certificate: certificate(app, connection, pkcs8, algorithm, now)?,
        sealed_key: app.master.seal(&key_context(connection.as_str()), pkcs8),
        created_at: now,
    })
}

/// Where a signing key belongs; sealed for one connection, it opens for no other.
pub fn key_context(connection: &str) -> String {
    format!("signing key of {connection}")
}

fn certificate(
    app: &App,
    connection: &ConnectionId,
    pkcs8: &[u8],
    algorithm: &'static SignatureAlgorithm,
    now: Millis,
) -> Result<Vec<u8>, SigningKeyError> {
    let der = rustls::pki_types::PrivatePkcs8KeyDer::from(pkcs8);
    let key = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der, algorithm)?;
    let host = app.settings.origin.as_str().trim_start_matches("https://");
    let mut name = DistinguishedName::new();
    name.push(
        DnType::CommonName,
        format!("{connection} {host}")
            .chars()
            .take(64)
            .collect::<String>(),
    );
    name.push(DnType::OrganizationName, "Tacit");
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    let (year, month, day) = date(now);
    params.not_before = rcgen::date_time_ymd(year, month, 1);
    params.not_after = rcgen::date_time_ymd(year + YEARS, month, day.min(28));
    Ok(params.self_signed(&key)?.der().to_vec())
}

fn date(now: Millis) -> (i32, u8, u8) {
    let text = crate::clock::rfc3339(now);
    let part = |range: std::ops::Range<usize>| text.get(range).and_then(|t| t.parse::<i32>().ok());
    let small = |range| part(range).and_then(|n| u8::try_from(n).ok()).unwrap_or(1);
    (part(0..4).unwrap_or(2026), small(5..7), small(8..10))
}
