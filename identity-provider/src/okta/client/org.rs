//! What an org says of itself to anybody: `/.well-known/okta-organization`.

use super::{Client, Error, Path, http::Call};
use reqwest::Method;
use serde::{Deserialize, Serialize};

/// Which engine signs people in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pipeline {
    /// Classic Engine.
    #[serde(rename = "v1")]
    Classic,
    /// Identity Engine.
    #[serde(rename = "idx")]
    Identity,
}

/// An org.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// `00o…`
    pub id: String,
    /// Which engine it has; what can be configured differs.
    pub pipeline: Pipeline,
    /// Its switches, as far as it tells them.
    #[serde(default)]
    pub settings: OrganizationSettings,
}

/// What an org tells of its switches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OrganizationSettings {
    /// Identity Threat Protection: user risk and security events need it.
    pub itp_enabled: bool,
}

impl Client {
    /// Asks the org who it is. Needs no credential, and sends none.
    pub async fn organization(&self) -> Result<Organization, Error> {
        let path = Path::new(&[".well-known", "okta-organization"])?;
        let call = Call {
            is_authorized: false,
            ..Call::new(Method::GET, &path)
        };
        self.call(&call).await?.json()
    }
}
