//! Passkeys: WebAuthn with user verification required, by webauthn-rs. Options and answers are JSON of the standard,
//! states are JSON of the library that stays on the server and serves once.

use crate::domain::{challenge::Strength, user::UserId};
use webauthn_rs::prelude::{
    CredentialID, Passkey, PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Url, Uuid, Webauthn, WebauthnBuilder, WebauthnError,
};
use wire::id::{Origin, UserName};

/// Bytes of an authenticator's answer, as JSON; attestation statements are not asked for, so this is plenty.
pub const ANSWER: usize = 8 * 1024;

/// Why a passkey was not made or not accepted.
#[derive(Debug, thiserror::Error)]
pub enum PasskeyError {
    /// The server's origin has no host that WebAuthn could name.
    #[error("the server's origin is no relying party")]
    Origin,
    /// Not the JSON of an authenticator's answer.
    #[error("the authenticator's answer is malformed")]
    Malformed,
    /// The stored state or credential is not the library's.
    #[error("the stored passkey state cannot be read")]
    Corrupt,
    /// The answer does not hold.
    #[error("the authenticator's answer was refused: {0}")]
    Refused(WebauthnError),
}

/// The relying party.
#[derive(Debug)]
pub struct Passkeys(Webauthn);

/// One half of an exchange: what the browser gets, and what the server keeps until its answer.
#[derive(Debug)]
pub struct Started {
    /// Options for `navigator.credentials`, as JSON.
    pub options: serde_json::Value,
    /// For the server only.
    pub state: String,
}

/// A passkey as stored.
#[derive(Debug, PartialEq, Eq)]
pub struct Stored {
    /// base64url.
    pub credential_id: String,
    /// JSON of the library.
    pub credential: String,
}

impl Passkeys {
    /// The relying party of the server at `origin`.
    pub fn new(origin: &Origin) -> Result<Self, PasskeyError> {
        let url = Url::parse(origin.as_str()).map_err(|_| PasskeyError::Origin)?;
        let host = url.host_str().ok_or(PasskeyError::Origin)?;
        let built = WebauthnBuilder::new(host, &url).and_then(|b| b.rp_name("Tacit").build());
        built.map(Self).map_err(|_| PasskeyError::Origin)
    }

    /// Begins the making of a passkey for a person who has `existing` ones.
    pub fn start_registration(
        &self,
        user: &UserId,
        login: &UserName,
        existing: &[String],
    ) -> Result<Started, PasskeyError> {
        let id = Uuid::parse_str(user.as_str()).map_err(|_| PasskeyError::Corrupt)?;
        let exclude = existing
            .iter()
            .map(|json| parse(json).map(|passkey| passkey.cred_id().clone()))
            .collect::<Result<_, _>>()?;
        let (options, state) = self
            .0
            .start_passkey_registration(id, login.as_str(), login.as_str(), Some(exclude))
            .map_err(PasskeyError::Refused)?;
        Ok(Started {
            options: to_value(&options)?,
            state: to_text(&state)?,
        })
    }

    /// Checks the browser's answer to [`Self::start_registration`].
    pub fn finish_registration(&self, state: &str, answer: &str) -> Result<Stored, PasskeyError> {
        let state: PasskeyRegistration =
            serde_json::from_str(state).map_err(|_| PasskeyError::Corrupt)?;
        let answer: RegisterPublicKeyCredential = bounded(answer)?;
        let passkey = self
            .0
            .finish_passkey_registration(&answer, &state)
            .map_err(PasskeyError::Refused)?;
        stored(&passkey)
    }

    /// Asks for one of `passkeys`. Who has none is asked for `decoy`, so that the options tell nobody who has one.
    pub fn start_authentication(
        &self,
        passkeys: &[String],
        decoy: [u8; 32],
    ) -> Result<Started, PasskeyError> {
        let passkeys: Vec<Passkey> = passkeys
            .iter()
            .map(|json| parse(json))
            .collect::<Result<_, _>>()?;
        let (options, state) = self
            .0
            .start_passkey_authentication(&passkeys)
            .map_err(PasskeyError::Refused)?;
        let mut options = to_value(&options)?;
        if let Some(allowed) = options["publicKey"]["allowCredentials"].as_array_mut()
            && allowed.is_empty()
        {
            allowed
                .push(serde_json::json!({ "type": "public-key", "id": wire::b64::encode(&decoy) }));
        }
        Ok(Started {
            options,
            state: to_text(&state)?,
        })
    }

    /// Checks the browser's answer to [`Self::start_authentication`] against the person's `passkeys`; gives the one that
    /// was used, as it is to be stored from now on, and what it proves.
    pub fn finish_authentication(
        &self,
        state: &str,
        passkeys: &[String],
        answer: &str,
    ) -> Result<(Stored, Strength), PasskeyError> {
        let state: PasskeyAuthentication =
            serde_json::from_str(state).map_err(|_| PasskeyError::Corrupt)?;
        let answer: PublicKeyCredential = bounded(answer)?;
        let result = self
            .0
            .finish_passkey_authentication(&answer, &state)
            .map_err(PasskeyError::Refused)?;
        for json in passkeys {
            let mut passkey = parse(json)?;
            if passkey.update_credential(&result).is_some() {
                // A key that may be copied to other devices is no hardware key, however it is kept.
                let strength = Strength::PhishingResistant {
                    hardware: !result.backup_eligible(),
                };
                return Ok((stored(&passkey)?, strength));
            }
        }
        // The passkey went away between the two halves.
        Err(PasskeyError::Refused(WebauthnError::CredentialNotFound))
    }
}

fn bounded<T: serde::de::DeserializeOwned>(answer: &str) -> Result<T, PasskeyError> {
    if answer.len() > ANSWER {
        return Err(PasskeyError::Malformed);
    }
    serde_json::from_str(answer).map_err(|_| PasskeyError::Malformed)
}

fn parse(json: &str) -> Result<Passkey, PasskeyError> {
    serde_json::from_str(json).map_err(|_| PasskeyError::Corrupt)
}

fn stored(passkey: &Passkey) -> Result<Stored, PasskeyError> {
    let id: &CredentialID = passkey.cred_id();
    Ok(Stored {
        credential_id: wire::b64::encode(id.as_slice()),
        credential: to_text(passkey)?,
    })
}

fn to_value(options: &impl serde::Serialize) -> Result<serde_json::Value, PasskeyError> {
    serde_json::to_value(options).map_err(|_| PasskeyError::Corrupt)
}

fn to_text(state: &impl serde::Serialize) -> Result<String, PasskeyError> {
    serde_json::to_string(state).map_err(|_| PasskeyError::Corrupt)
}

#[cfg(test)]
pub(crate) mod authenticator;
#[cfg(test)]
mod tests;
