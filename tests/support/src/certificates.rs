//! A CA that lives as long as one run, and the certificates it signs.

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use std::path::{Path, PathBuf};

/// The CA.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

/// Files of one server certificate.
pub struct Certificate {
    /// The chain, PEM.
    pub chain: PathBuf,
    /// The key, PKCS#8 PEM.
    pub key: PathBuf,
}

impl Authority {
    /// Makes a CA that keeps its files in `folder`.
    pub fn generate(folder: &Path) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
            .distinguished_name
            .push(DnType::CommonName, "Tacit test authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        std::fs::create_dir_all(folder)?;
        Ok(Self {
            issuer,
            folder: folder.to_owned(),
        })
    }

    /// The CA's certificate.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// The CA's certificate as the browser policy `CACertificates` wants it.
    pub fn base64_der(&self) -> String {
        STANDARD.encode(self.issuer.der())
    }

    /// Signs a certificate for `host`. It also names 127.0.0.1, for clients that have no host rules.
    pub fn certify(&self, host: &str) -> Result<Certificate> {
        self.certify_many(&[host])
    }

    /// The same for several names of one program.
    pub fn certify_many(&self, hosts: &[&str]) -> Result<Certificate> {
        let key = KeyPair::generate()?;
        let names: Vec<String> = hosts
            .iter()
            .chain(&["127.0.0.1"])
            .map(|&name| name.to_owned())
            .collect();
        let host = &names[0];
        let mut params = CertificateParams::new(names.clone())?;
        params
            .distinguished_name
            .push(DnType::CommonName, host.as_str());
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let files = Certificate {
            chain: self.folder.join(format!("{host}.crt")),
            key: self.folder.join(format!("{host}.key")),
        };
        std::fs::write(&files.chain, certificate.pem() + &self.pem())
            .context("writing a certificate")?;
        std::fs::write(&files.key, key.serialize_pem()).context("writing a key")?;
        Ok(files)
    }
}
