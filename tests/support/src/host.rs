//! The native host of one browser profile: machine file, wrapper and native-messaging manifest.

use crate::keystore::Keystore;
use crate::{process, programs};
use anyhow::Result;
use serde_json::{Value, json};
use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A native host that a browser can start.
pub struct Host {
    /// Its machine file, wrapper and data.
    pub folder: PathBuf,
    wrapper: PathBuf,
}

impl Host {
    /// Writes everything the host needs below `folder`. `configuration` is what the extension gets from it.
    pub fn install(
        folder: &Path,
        extension_id: &str,
        keystore: &Keystore,
        configuration: &Value,
    ) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let data = folder.join("data");
        let machine = json!({
            "allowed_extensions": [extension_id],
            "keystore": keystore.name(),
            "allow_software": keystore.name() == "software",
            "data_dir": data,
            "log": "debug",
            "configuration": configuration,
        });
        let mut machine = machine;
        if let Some(tcti) = &keystore.tcti {
            machine["tcti"] = json!(tcti);
        }
        let file = folder.join("host.toml");
        std::fs::write(&file, toml::to_string(&machine)?)?;
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644))?;

        let wrapper = folder.join("tacit-host.sh");
        let mut script = String::from("#!/bin/sh\n");
        for (name, value) in &keystore.environment {
            writeln!(script, "export {name}='{value}'")?;
        }
        let program = programs::program("tacit-host")?;
        writeln!(
            script,
            "exec '{}' --config '{}' \"$@\"",
            program.display(),
            file.display()
        )?;
        std::fs::write(&wrapper, script)?;
        std::fs::set_permissions(&wrapper, PermissionsExt::from_mode(0o755))?;
        Ok(Self {
            folder: folder.to_owned(),
            wrapper,
        })
    }

    /// Registers it for the browser profile `user_data`.
    pub fn register(&self, user_data: &Path, extension_id: &str) -> Result<()> {
        let manifest = json!({
            "name": "com.tacit.host",
            "description": "Tacit host",
            "path": self.wrapper,
            "type": "stdio",
            "allowed_origins": [format!("chrome-extension://{extension_id}/")],
        });
        let folder = user_data.join("NativeMessagingHosts");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("com.tacit.host.json"), manifest.to_string())?;
        Ok(())
    }

    /// Takes the registration back.
    pub fn unregister(&self, user_data: &Path) -> Result<()> {
        std::fs::remove_dir_all(user_data.join("NativeMessagingHosts"))?;
        Ok(())
    }

    /// `tacit-host status --json`.
    pub fn status(&self) -> Result<Value> {
        let said = process::output(process::command(&self.wrapper).args(["status", "--json"]))?;
        Ok(serde_json::from_str(&said)?)
    }
}
