//! What a diagnosis can find wrong: one list of codes for every doctor, so that a person, a help desk and a script speak of
//! the same fault. The sentence with the repair is written where the fault is seen.

use serde::{Deserialize, Serialize};

macro_rules! troubles {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        /// One fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Trouble { $( $(#[$doc])* #[serde(rename = $code)] $name, )* }

        impl Trouble {
            /// All of them, in the order of the chain.
            pub const ALL: &'static [Trouble] = &[$(Trouble::$name),*];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $(Trouble::$name => $code),* }
            }
        }
    };
}

troubles! {
    /// There is no machine configuration.
    ConfigurationMissing = "configuration_missing";
    /// It is there and cannot be read.
    ConfigurationUnreadable = "configuration_unreadable";
    /// Everybody on the machine could have written it.
    ConfigurationUnsafe = "configuration_unsafe";
    /// It is not what a configuration has to be.
    ConfigurationMalformed = "configuration_malformed";
    /// The person's data folder cannot be used.
    DataFolder = "data_folder";
    /// There is no TPM, enclave or the like.
    HardwareMissing = "hardware_missing";
    /// It is there, and this person or program may not use it.
    HardwareForbidden = "hardware_forbidden";
    /// Too many failed authorisations.
    HardwareLocked = "hardware_locked";
    /// Somebody set a password for its owner.
    HardwareOwned = "hardware_owned";
    /// The key store did not answer in time.
    KeystoreTimeout = "keystore_timeout";
    /// No secret store runs in this session.
    SecretStoreMissing = "secret_store_missing";
    /// It is locked.
    SecretStoreLocked = "secret_store_locked";
    /// Policy of this machine or of this build forbids the store.
    KeystoreNotAllowed = "keystore_not_allowed";
    /// None of the stores works.
    KeystoreNone = "keystore_none";
    /// The device key belongs to another machine, or the chip was cleared.
    KeyForeign = "key_foreign";
    /// The device key is damaged.
    KeyDamaged = "key_damaged";
    /// The key store failed in another way.
    KeystoreFailed = "keystore_failed";
    /// No browser that could start a host is installed.
    BrowserMissing = "browser_missing";
    /// The browser is confined and cannot start a host.
    BrowserConfined = "browser_confined";
    /// The browser finds no manifest of the host.
    ManifestMissing = "manifest_missing";
    /// It cannot be read, or is not ours.
    ManifestMalformed = "manifest_malformed";
    /// It does not allow the extension.
    ManifestOrigin = "manifest_origin";
    /// What it names does not start, or is another program.
    ManifestProgram = "manifest_program";
    /// What it names is another version of the host.
    HostVersion = "host_version";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_code_is_a_short_word_of_its_own_and_survives_the_wire() {
        let codes: HashSet<&str> = Trouble::ALL.iter().map(|trouble| trouble.code()).collect();
        assert_eq!(codes.len(), Trouble::ALL.len());
        for trouble in Trouble::ALL {
            let code = trouble.code();
            assert!(code.len() <= 32 && code.bytes().all(|c| c == b'_' || c.is_ascii_lowercase()));
            assert_eq!(serde_json::to_value(trouble).unwrap(), code);
        }
    }
}
