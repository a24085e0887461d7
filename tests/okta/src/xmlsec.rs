//! XML signatures, checked by `xmlsec1` (libxml2) in a process of its own.
//!
//! Another implementation than the product's on purpose: a fault in one canonicalizer
//! must not be hidden by the same fault in the other.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::{NamedTempFile, TempDir};
use tokio::process::Command;

use crate::keys::pem_to_der;
use crate::xml::ns;

#[derive(Debug, thiserror::Error)]
pub enum XmlsecError {
    #[error("xmlsec1 cannot be started: {0} (Debian: apt-get install xmlsec1)")]
    Missing(std::io::Error),
    #[error("xmlsec1 did not finish in time")]
    Timeout,
    #[error("temporary file: {0}")]
    Io(#[from] std::io::Error),
    #[error("{0}: {1}")]
    Unreadable(PathBuf, std::io::Error),
    #[error("{0}: holds no PEM certificate")]
    NoCertificate(PathBuf),
    #[error("{0}: holds more than two certificates")]
    TooManyCertificates(PathBuf),
}

/// Verifies with pinned certificates only; keys inside a document are never used.
#[derive(Debug)]
pub struct Xmlsec {
    folder: TempDir,
    /// xmlsec1 1.3 looks a key up by its name unless it is told otherwise.
    lax_key_search: bool,
}

impl Xmlsec {
    pub async fn new() -> Result<Xmlsec, XmlsecError> {
        let version = Command::new("xmlsec1")
            .arg("--version")
            .output()
            .await
            .map_err(XmlsecError::Missing)?;
        let lax_key_search = needs_lax_key_search(&String::from_utf8_lossy(&version.stdout));
        Ok(Xmlsec {
            folder: tempfile::tempdir()?,
            lax_key_search,
        })
    }

    /// Whether the document's first signature verifies under one of the certificates (DER).
    /// The caller has made sure that there is exactly one, and reads only what it covers.
    pub async fn verify(
        &self,
        document: &str,
        certificates: &[Vec<u8>],
    ) -> Result<bool, XmlsecError> {
        let file = self.written(document)?;
        for certificate in certificates {
            let pem = format!(
                "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
                STANDARD.encode(certificate)
            );
            let certificate = self.written(&pem)?;
            if self.verify_under(file.path(), certificate.path()).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn written(&self, text: &str) -> Result<NamedTempFile, XmlsecError> {
        let mut file = NamedTempFile::new_in(self.folder.path())?;
        file.write_all(text.as_bytes())?;
        file.flush()?;
        Ok(file)
    }

    async fn verify_under(&self, document: &Path, certificate: &Path) -> Result<bool, XmlsecError> {
        let mut command = Command::new("xmlsec1");
        command
            .arg("--verify")
            .args(["--id-attr:ID", &format!("{}:Response", ns::PROTOCOL)])
            .args(["--id-attr:ID", &format!("{}:Assertion", ns::ASSERTION)])
            .args(["--enabled-reference-uris", "same-doc"])
            // Only names: a key or certificate inside the document is not even looked at.
            .args(["--enabled-key-data", "key-name"]);
        if self.lax_key_search {
            command.arg("--lax-key-search");
        }
        let mut child = command
            .arg("--pubkey-cert-pem")
            .arg(certificate)
            .arg(document)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(XmlsecError::Missing)?;
        let status = tokio::time::timeout(TIME_LIMIT, child.wait())
            .await
            .map_err(|_| XmlsecError::Timeout)??;
        Ok(status.success())
    }
}

/// The certificates of a PEM file in DER: one, or two for the time of a roll-over.
pub fn read_certificates(path: &Path) -> Result<Vec<Vec<u8>>, XmlsecError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| XmlsecError::Unreadable(path.to_owned(), error))?;
    let pems = split_certificates(&text);
    let certificates: Vec<Vec<u8>> = pems.iter().filter_map(|pem| pem_to_der(pem)).collect();
    match certificates.len() {
        0 => Err(XmlsecError::NoCertificate(path.to_owned())),
        1 | 2 => Ok(certificates),
        _ => Err(XmlsecError::TooManyCertificates(path.to_owned())),
    }
}

const TIME_LIMIT: Duration = Duration::from_secs(10);

fn needs_lax_key_search(version: &str) -> bool {
    let Some(number) = version.split_whitespace().nth(1) else {
        return false;
    };
    let mut parts = number
        .split('.')
        .map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (1, 3)
}

fn split_certificates(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut current: Option<String> = None;
    for line in text.lines().map(str::trim) {
        if line == "-----BEGIN CERTIFICATE-----" {
            current = Some(String::new());
        }
        if let Some(pem) = &mut current {
            pem.push_str(line);
            pem.push('\n');
            if line == "-----END CERTIFICATE-----" {
                found.extend(current.take());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_of_the_newer_xmlsec_is_used_only_there() {
        assert!(!needs_lax_key_search("xmlsec1 1.2.37 (openssl)"));
        assert!(needs_lax_key_search("xmlsec1 1.3.7 (openssl)"));
        assert!(!needs_lax_key_search("something else"));
    }
}
