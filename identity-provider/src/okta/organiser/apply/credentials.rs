//! Where the credentials of an application go.

use crate::okta::organiser::{Error, Organiser, Result, plan::Refusal};
use serde_json::Value;
use zeroize::Zeroizing;

/// The file into which an application's client id and secret go: opened before the application is made, so that the secret,
/// which the org shows once, has somewhere to go.
pub(super) struct Credentials {
    path: std::path::PathBuf,
    file: std::fs::File,
}

impl Credentials {
    pub fn prepare(organiser: &Organiser, app: &str) -> Result<Self> {
        let named = organiser
            .wanted
            .apps
            .iter()
            .find(|a| a.name == app)
            .map(|a| a.credentials_file.clone());
        let path = organiser.folder.join(named.unwrap_or_default());
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&path) {
            Ok(file) => Ok(Self { path, file }),
            Err(error) => Err(Error::Credentials(path, error)),
        }
    }

    /// Why the application cannot use what was written, if so: the org shows no secret.
    pub fn write(mut self, made: &Value) -> Result<Option<Refusal>> {
        use std::io::Write as _;
        let at = |name: &str| {
            made.pointer("/credentials/oauthClient")?
                .get(name)?
                .as_str()
        };
        let (id, secret) = (
            at("client_id").unwrap_or_default(),
            at("client_secret").unwrap_or_default(),
        );
        let text = Zeroizing::new(format!(
            "client_id = \"{id}\"\nclient_secret = \"{secret}\"\n"
        ));
        let path = self.path.clone();
        self.file
            .write_all(text.as_bytes())
            .map_err(|error| Error::Credentials(path.clone(), error))?;
        Ok(secret.is_empty().then(|| {
            Refusal::new(
                "the org does not show the client's secret again",
                format!(
                    "make a new one in Applications > General > Client Credentials, and put it into {}",
                    path.display()
                ),
            )
        }))
    }
}
