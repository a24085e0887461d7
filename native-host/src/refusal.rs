//! A refusal: which kind, and one sentence for the person or administrator who has to mend it.

use crate::bindings::BindingError;
use crate::data::DataError;
use crate::keystore::KeystoreError;
use crate::sealing::NotUnsealed;
use crate::settings::SettingsError;
use crate::statements::SignError;
use wire::host::{Fault, ResponseBody};
use wire::limits;
use wire::version;

/// What the host answers instead of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which kind.
    pub fault: Fault,
    /// One sentence; no secrets.
    pub message: String,
}

impl Refusal {
    /// A refusal in these words.
    pub fn new(fault: Fault, message: impl Into<String>) -> Self {
        let mut message = message.into();
        message.truncate(message.floor_char_boundary(limits::TEXT));
        Self { fault, message }
    }

    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::new(Fault::Malformed, message)
    }
}

impl From<Refusal> for ResponseBody {
    fn from(refusal: Refusal) -> Self {
        Self::Refused {
            fault: refusal.fault,
            message: refusal.message,
        }
    }
}

impl From<version::Refusal> for Refusal {
    fn from(refusal: version::Refusal) -> Self {
        let fault = match refusal {
            version::Refusal::Version { .. } => Fault::Version,
            _ => Fault::Malformed,
        };
        Self::new(fault, refusal.to_string())
    }
}

impl From<&SettingsError> for Refusal {
    fn from(error: &SettingsError) -> Self {
        Self::new(Fault::NotConfigured, error.to_string())
    }
}

impl From<KeystoreError> for Refusal {
    fn from(error: KeystoreError) -> Self {
        let fault = match error {
            KeystoreError::Data(_) => Fault::Storage,
            _ => Fault::Keystore,
        };
        Self::new(fault, error.to_string())
    }
}

impl From<SignError> for Refusal {
    fn from(error: SignError) -> Self {
        match error {
            SignError::TooLong => Self::malformed(error.to_string()),
            SignError::Keystore(error) => error.into(),
        }
    }
}

impl From<BindingError> for Refusal {
    fn from(error: BindingError) -> Self {
        Self::new(Fault::Storage, error.to_string())
    }
}

impl From<DataError> for Refusal {
    fn from(error: DataError) -> Self {
        Self::new(Fault::Storage, error.to_string())
    }
}

impl From<NotUnsealed> for Refusal {
    fn from(error: NotUnsealed) -> Self {
        Self::new(Fault::NotUnsealed, error.to_string())
    }
}
