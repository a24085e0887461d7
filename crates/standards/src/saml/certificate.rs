//! An X.509 certificate as SAML uses it: a wrapper around a public key that metadata vouches for.
//!
//! ```
//! use standards::saml::certificate::{Certificate, CertificateError};
//! assert_eq!(Certificate::from_base64("AAAA"), Err(CertificateError::NotACertificate));
//! ```

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use x509_parser::{
    oid_registry::OID_PKCS1_RSAENCRYPTION,
    prelude::{FromDer, X509Certificate},
};

/// One certificate, in bytes of DER.
pub const CERTIFICATE_BYTES: usize = 8 * 1024;

/// A certificate with an RSA key. Trust comes from the metadata that names it; its issuer and validity are not looked at
/// when a signature is verified (SAML metadata interoperability profile 2.5), the dates are for reports.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    public_key: Vec<u8>,
    not_after_ms: i64,
}

/// Why bytes are not a certificate to verify with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Over [`CERTIFICATE_BYTES`].
    #[error("longer than {CERTIFICATE_BYTES} bytes")]
    TooLong,
    /// Not base64 text.
    #[error("not base64")]
    NotBase64,
    /// Not one DER certificate.
    #[error("not an X.509 certificate")]
    NotACertificate,
    /// A key of another kind.
    #[error("the key is not RSA")]
    NotRsa,
    /// An RSA key under 2048 or over 8192 bits.
    #[error("an RSA key of {bits} bits: 2048 to 8192 are accepted")]
    KeySize {
        /// Bits of the modulus.
        bits: usize,
    },
}

impl Certificate {
    /// From DER.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > CERTIFICATE_BYTES {
            return Err(CertificateError::TooLong);
        }
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|_| CertificateError::NotACertificate)?;
        if !rest.is_empty() {
            return Err(CertificateError::NotACertificate);
        }
        let key = certificate.public_key();
        if key.algorithm.algorithm != OID_PKCS1_RSAENCRYPTION {
            return Err(CertificateError::NotRsa);
        }
        let x509_parser::public_key::PublicKey::RSA(rsa) =
            key.parsed().map_err(|_| CertificateError::NotRsa)?
        else {
            return Err(CertificateError::NotRsa);
        };
        let bits = rsa.key_size();
        if !(2048..=8192).contains(&bits) {
            return Err(CertificateError::KeySize { bits });
        }
        Ok(Self {
            der: der.to_vec(),
            public_key: key.subject_public_key.data.to_vec(),
            not_after_ms: certificate
                .validity()
                .not_after
                .timestamp()
                .saturating_mul(1000),
        })
    }

    /// From the base64 text of an `X509Certificate` element; white space is skipped.
    pub fn from_base64(text: &str) -> Result<Self, CertificateError> {
        if text.len() > CERTIFICATE_BYTES * 2 {
            return Err(CertificateError::TooLong);
        }
        let text: String = text.split_ascii_whitespace().collect();
        Self::from_der(
            &STANDARD
                .decode(text)
                .map_err(|_| CertificateError::NotBase64)?,
        )
    }

    /// The DER bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// When it ends, in ms since 1970. A report's business: an expired certificate in metadata still verifies.
    pub fn not_after_ms(&self) -> i64 {
        self.not_after_ms
    }

    /// Whether `signature` over `message` is RSASSA-PKCS1-v1_5 with SHA-256 by this certificate's key.
    pub fn verifies_rsa_sha256(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.public_key)
            .verify(message, signature)
            .is_ok()
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate({} bytes)", self.der.len())
    }
}
