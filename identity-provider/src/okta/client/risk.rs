//! `/api/v1/users/{id}/risk` (Identity Threat Protection).

use super::{Client, Error, Json, users::users};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The longest reason, in characters.
pub const RISK_REASON: usize = 500;

/// How likely the org should think it that a user's account is somebody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RiskLevel {
    /// As usual.
    Low,
    /// Somewhat.
    Medium,
    /// Very.
    High,
}

impl Client {
    /// Sets a user's risk. `reason`: letters, digits, spaces, hyphens, commas and full stops.
    pub async fn set_risk(&self, user: &str, level: RiskLevel, reason: &str) -> Result<(), Error> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || " -,.".contains(c);
        if reason.is_empty() || reason.len() > RISK_REASON || !reason.chars().all(is_allowed) {
            return Err(Error::Value(
                "a risk's reason has 1 to 500 letters, digits, spaces, hyphens, commas or full stops",
            ));
        }
        let body = json!({ "riskLevel": level, "riskReason": reason });
        self.replace::<Json>(&users(&[user, "risk"])?, &body)
            .await
            .map(|_| ())
    }

    /// A user's risk; `None` if the org keeps none.
    pub async fn risk(&self, user: &str) -> Result<Option<RiskLevel>, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Risk {
            risk_level: RiskLevel,
        }
        let found: Option<Json> = self.find(&users(&[user, "risk"])?).await?;
        let risk = found.map(|json| serde_json::from_value::<Risk>(json.into()));
        // A level of another name ("NONE") is no level.
        Ok(risk.and_then(Result::ok).map(|risk| risk.risk_level))
    }
}
