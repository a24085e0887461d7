//! The org's keys as a SAML service provider, and the certificate of its web servers.
//! They are made once and kept in the data folder, so that metadata stays valid.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair, RsaKeySize};

use crate::config::Config;
use crate::ids;
use crate::oidc::RequestSignature;

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("{path}: {source}")]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{0}: is not a valid key")]
    BadKey(PathBuf),
    #[error("{0}: is not a valid entity id")]
    BadEntityId(PathBuf),
    #[error("certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// Who the org is towards the identity provider.
pub struct ServiceProvider {
    pub entity_id: String,
    /// DER
    pub certificate: Vec<u8>,
    key: RsaKeyPair,
}

impl ServiceProvider {
    /// Loads key, certificate and entity id from the folder, or makes them there.
    pub fn load_or_generate(folder: &Path, config: &Config) -> Result<ServiceProvider, KeyError> {
        std::fs::create_dir_all(folder).map_err(io_error(folder))?;
        let (key_file, certificate_file, entity_file) = (
            folder.join("sp-key.pem"),
            folder.join("sp-certificate.pem"),
            folder.join("sp-entity-id"),
        );
        if !(key_file.exists() && certificate_file.exists() && entity_file.exists()) {
            let key = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048)?;
            let certificate = service_provider_certificate(config, &key)?;
            write_private(&key_file, &key.serialize_pem())?;
            write_private(&certificate_file, &certificate)?;
            write_private(&entity_file, &ids::generate_entity_id())?;
        }
        let der =
            pem_to_der(&read(&key_file)?).ok_or_else(|| KeyError::BadKey(key_file.clone()))?;
        let key = RsaKeyPair::from_pkcs8(&der).map_err(|_| KeyError::BadKey(key_file))?;
        let certificate =
            pem_to_der(&read(&certificate_file)?).ok_or(KeyError::BadKey(certificate_file))?;
        let entity_id = read(&entity_file)?.trim().to_owned();
        if !entity_id.starts_with("https://www.okta.com/saml2/service-provider/sp") {
            return Err(KeyError::BadEntityId(entity_file));
        }
        Ok(ServiceProvider {
            entity_id,
            certificate,
            key,
        })
    }

    /// RSA-SHA256 over the given octets, in base64.
    pub fn sign(&self, message: &[u8]) -> String {
        STANDARD.encode(self.sign_with(RequestSignature::Rs256, message))
    }

    /// PKCS #1 with the hash of the algorithm; SHA-256 where it is not one of RSA's.
    pub fn sign_with(&self, algorithm: RequestSignature, message: &[u8]) -> Vec<u8> {
        let encoding = match algorithm {
            RequestSignature::Rs384 => &RSA_PKCS1_SHA384,
            RequestSignature::Rs512 => &RSA_PKCS1_SHA512,
            _ => &RSA_PKCS1_SHA256,
        };
        let mut signature = vec![0; self.key.public_modulus_len()];
        // Invariant: the buffer has the modulus' length, the only way this call fails.
        self.key
            .sign(encoding, &SystemRandom::new(), message, &mut signature)
            .expect("the signature's buffer fits the key");
        signature
    }

    /// The public key as a JWK.
    pub fn jwk(&self) -> serde_json::Value {
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        // PKCS#1 of an RSA key with the exponent 65537 ends in the modulus, a header of two bytes, and the exponent.
        let der = self.key.public_key().as_ref();
        let (modulus, length) = (&der[..der.len() - 5], self.key.public_modulus_len());
        serde_json::json!({
            "kty": "RSA",
            "use": "sig",
            "n": URL_SAFE_NO_PAD.encode(&modulus[modulus.len() - length..]),
            "e": URL_SAFE_NO_PAD.encode(&der[der.len() - 3..]),
        })
    }

    /// The public key as the management API shows it, with its certificate.
    pub fn certified_jwk(&self, kid: &str) -> serde_json::Value {
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &self.certificate);
        let not_after = crate::der::certificate(&self.certificate).map(|parsed| parsed.not_after);
        let mut key = self.jwk();
        key["kid"] = kid.into();
        key["created"] = "2025-01-01T00:00:00.000Z".into();
        key["lastUpdated"] = "2025-01-01T00:00:00.000Z".into();
        key["expiresAt"] = not_after.map(crate::clock::format_iso).into();
        key["x5c"] = serde_json::json!([STANDARD.encode(&self.certificate)]);
        key["x5t#S256"] = URL_SAFE_NO_PAD.encode(digest).into();
        key
    }

    /// Lines of 76 characters, as Okta's metadata has them.
    pub fn certificate_base64(&self) -> String {
        let text = STANDARD.encode(&self.certificate);
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(76)
            .map(|line| std::str::from_utf8(line).unwrap_or_default())
            .collect();
        lines.join("\n")
    }
}

/// Certificate chain and key (PEM) of the two web servers: the configured files, or a
/// self-signed pair kept in the data folder.
pub fn load_or_generate_tls(folder: &Path, config: &Config) -> Result<(String, String), KeyError> {
    if let (Some(certificate), Some(key)) = (&config.tls_cert, &config.tls_key) {
        return Ok((read(certificate)?, read(key)?));
    }
    std::fs::create_dir_all(folder).map_err(io_error(folder))?;
    let (certificate_file, key_file) = (
        folder.join("tls-certificate.pem"),
        folder.join("tls-key.pem"),
    );
    if !(certificate_file.exists() && key_file.exists()) {
        let key = KeyPair::generate()?;
        let host = |origin: &str| {
            let host = origin.trim_start_matches("https://");
            host.split(':').next().unwrap_or_default().to_owned()
        };
        let names = vec![host(&config.org_origin), host(&config.app_origin)];
        let certificate = CertificateParams::new(names)?.self_signed(&key)?;
        write_private(&certificate_file, &certificate.pem())?;
        write_private(&key_file, &key.serialize_pem())?;
    }
    Ok((read(&certificate_file)?, read(&key_file)?))
}

fn service_provider_certificate(config: &Config, key: &KeyPair) -> Result<String, KeyError> {
    let email = DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]);
    let mut name = DistinguishedName::new();
    name.push(DnType::CountryName, "US");
    name.push(DnType::StateOrProvinceName, "California");
    name.push(DnType::LocalityName, "San Francisco");
    name.push(DnType::OrganizationName, "Okta");
    name.push(DnType::OrganizationalUnitName, "SSOProvider");
    name.push(DnType::CommonName, config.org_label());
    name.push(email, DnValue::Ia5String("info@okta.com".try_into()?));
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = name;
    params.not_before = rcgen::date_time_ymd(2025, 1, 1);
    params.not_after = rcgen::date_time_ymd(2035, 1, 1);
    Ok(params.self_signed(key)?.pem())
}

/// The bytes of the first PEM block.
pub fn pem_to_der(pem: &str) -> Option<Vec<u8>> {
    let mut body = String::new();
    let mut inside = false;
    for line in pem.lines() {
        if line.starts_with("-----BEGIN ") {
            inside = true;
        } else if line.starts_with("-----END ") && inside {
            return STANDARD.decode(body).ok();
        } else if inside {
            body.push_str(line.trim());
        }
    }
    None
}

fn read(path: &Path) -> Result<String, KeyError> {
    std::fs::read_to_string(path).map_err(io_error(path))
}

fn write_private(path: &Path, content: &str) -> Result<(), KeyError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(io_error(path))?;
    file.write_all(content.as_bytes()).map_err(io_error(path))
}

fn io_error(path: &Path) -> impl FnOnce(std::io::Error) -> KeyError {
    let path = path.to_owned();
    move |source| KeyError::Io { path, source }
}
