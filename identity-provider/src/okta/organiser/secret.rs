//! Where a secret is, never what it is.

use crate::keys::{self, MasterKey};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The largest secret: a private key in PEM is smaller.
const SECRET: u64 = 16 * 1024;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// The environment variable of this name.
    Env(String),
    /// This file, relative to the TOML file.
    File(PathBuf),
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is missing or empty.
    #[error("the environment variable {0} is not set, or empty")]
    Env(String),
    /// The file cannot be read.
    #[error("the secret's file {0}: {1}")]
    File(PathBuf, std::io::Error),
    /// It is nobody's secret any more.
    #[error("the secret's file {0} may be read by others: chmod 600 it")]
    Readable(PathBuf),
    /// It is empty, or too large to be one.
    #[error("the secret's file {0} is empty, or larger than {SECRET} bytes")]
    Size(PathBuf),
}

impl SecretSource {
    /// The secret itself, without the space around it. `folder` is the TOML file's.
    pub fn read(&self, folder: &Path) -> Result<Zeroizing<String>, SecretError> {
        let text = match self {
            Self::Env(name) => {
                Zeroizing::new(std::env::var(name).map_err(|_| SecretError::Env(name.clone()))?)
            }
            Self::File(path) => {
                let path = folder.join(path);
                let failed = |e| SecretError::File(path.clone(), e);
                if keys::is_readable_by_others(&path).map_err(failed)? {
                    return Err(SecretError::Readable(path));
                }
                if std::fs::metadata(&path).map_err(failed)?.len() > SECRET {
                    return Err(SecretError::Size(path));
                }
                Zeroizing::new(std::fs::read_to_string(&path).map_err(failed)?)
            }
        };
        match (text.trim(), self) {
            ("", Self::Env(name)) => Err(SecretError::Env(name.clone())),
            ("", Self::File(path)) => Err(SecretError::Size(path.clone())),
            (text, _) => Ok(Zeroizing::new(text.to_owned())),
        }
    }

    /// `$NAME`, or the file's name: what may be shown.
    pub fn shown(&self) -> String {
        match self {
            Self::Env(name) => format!("${name}"),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// Whether a line of text holds something of the shape of a secret: an Okta API token, a signed JWT, a private key.
pub fn looks_like_one(line: &str) -> bool {
    if line.contains("PRIVATE KEY") || line.contains("SSWS ") {
        return true;
    }
    line.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
        .any(|word| {
            let is_token = word.len() >= 40 && word.starts_with("00") && !word.contains('.');
            let is_jwt = word.starts_with("eyJ") && word.matches('.').count() == 2;
            is_token || is_jwt
        })
}

/// What the record keeps of a secret, so that a change is seen: a digest under the master key, worthless without it.
pub fn fingerprint(master: &MasterKey, secret: &str) -> String {
    master.code_hash("okta organiser secret", secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_recognised_and_ids_are_not() {
        for (line, expected) in [
            (
                "token = \"00abcdefghijklmnopqrstuvwxyz0123456789ABCD\"",
                true,
            ),
            ("# 00abcdefghijklmnopqrstuvwxyz0123456789ABCD", true),
            (concat!("x = \"-----BEGIN PRIVATE ", "KEY-----\""), true),
            ("description = \"SSWS 00abc\"", true),
            ("x = \"eyJhbGciOiJI.eyJpc3Mi.c2ln\"", true),
            ("id = \"00onkw1sbuAh3Q06I1d7\"", false),
            ("url = \"https://acme.okta.com\"", false),
            ("description = \"00 people, eyJ\"", false),
        ] {
            assert_eq!(looks_like_one(line), expected, "{line}");
        }
    }

    #[test]
    fn a_secret_comes_from_a_file_beside_the_toml_file_and_neither_empty_nor_huge() {
        let folder = tempfile::tempdir().unwrap();
        let source = SecretSource::File("secret".into());
        assert!(matches!(
            source.read(folder.path()),
            Err(SecretError::File(..))
        ));
        let write = |text: &str| {
            use std::os::unix::fs::PermissionsExt as _;
            let path = folder.path().join("secret");
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            path
        };
        write(" \n");
        assert!(matches!(
            source.read(folder.path()),
            Err(SecretError::Size(_))
        ));
        let path = write("s3cret\n");
        assert_eq!(source.read(folder.path()).unwrap().as_str(), "s3cret");
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(&path, open).unwrap();
        assert!(matches!(
            source.read(folder.path()),
            Err(SecretError::Readable(_))
        ));
        write(&"x".repeat(20_000));
        assert!(matches!(
            source.read(folder.path()),
            Err(SecretError::Size(_))
        ));
        let missing = SecretSource::Env("TACIT_NO_SUCH_VARIABLE".into()).read(folder.path());
        assert!(
            missing
                .unwrap_err()
                .to_string()
                .contains("TACIT_NO_SUCH_VARIABLE")
        );
    }
}
