//! `/api/v1/policies`: policies of all types and their rules, routing rules among them.

use super::{Client, Error, Json, Path};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a policy is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PolicyType {
    /// Sign-on to the org (Classic), global session (Identity Engine).
    OktaSignOn,
    /// Which factors people enrol.
    MfaEnroll,
    /// Passwords.
    Password,
    /// Routing rules: which identity provider a sign-in goes to. There is exactly one.
    IdpDiscovery,
    /// Sign-on to applications (Identity Engine).
    AccessPolicy,
    /// Registration.
    ProfileEnrollment,
    /// During a session (Identity Engine).
    PostAuthSession,
    /// What a risk brings with it (Identity Engine).
    EntityRisk,
}

impl PolicyType {
    /// As the API spells it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::OktaSignOn => "OKTA_SIGN_ON",
            Self::MfaEnroll => "MFA_ENROLL",
            Self::Password => "PASSWORD",
            Self::IdpDiscovery => "IDP_DISCOVERY",
            Self::AccessPolicy => "ACCESS_POLICY",
            Self::ProfileEnrollment => "PROFILE_ENROLLMENT",
            Self::PostAuthSession => "POST_AUTH_SESSION",
            Self::EntityRisk => "ENTITY_RISK",
        }
    }
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// `00p…`
    pub id: String,
    /// As the API spells it.
    #[serde(rename = "type")]
    pub kind: String,
    /// Shown to administrators.
    pub name: String,
    /// `ACTIVE` or `INACTIVE`.
    #[serde(default)]
    pub status: String,
    /// The org's own; cannot be deleted.
    #[serde(default)]
    pub system: bool,
    /// 1 is asked first.
    #[serde(default)]
    pub priority: Option<u32>,
    /// For whom.
    #[serde(default)]
    pub conditions: Value,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Json,
}

/// A rule of a policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// `0pr…` or `rul…`
    pub id: String,
    /// As the API spells it; some answers leave it out.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Shown to administrators.
    pub name: String,
    /// `ACTIVE` or `INACTIVE`.
    #[serde(default)]
    pub status: String,
    /// The last one, which always holds.
    #[serde(default)]
    pub system: bool,
    /// 1 is asked first.
    #[serde(default)]
    pub priority: Option<u32>,
    /// When.
    #[serde(default)]
    pub conditions: Value,
    /// Then.
    #[serde(default)]
    pub actions: Value,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Json,
}

impl Client {
    /// The policies of one type.
    pub async fn policies(&self, kind: PolicyType) -> Result<Vec<Policy>, Error> {
        self.list(&policies(&[])?.with("type", kind.code())).await
    }

    /// The policy of this id.
    pub async fn policy(&self, id: &str) -> Result<Option<Policy>, Error> {
        self.find(&policies(&[id])?).await
    }

    /// A new policy.
    pub async fn create_policy(&self, body: &Value) -> Result<Policy, Error> {
        self.create(&policies(&[])?, body).await
    }

    /// Replaces a policy as a whole.
    pub async fn replace_policy(&self, id: &str, body: &Value) -> Result<Policy, Error> {
        self.replace(&policies(&[id])?, body).await
    }

    /// Deletes a policy with its rules; `false` if there is none.
    pub async fn delete_policy(&self, id: &str) -> Result<bool, Error> {
        self.delete(&policies(&[id])?).await
    }

    /// A policy's rules.
    pub async fn rules(&self, policy: &str) -> Result<Vec<Rule>, Error> {
        self.list(&policies(&[policy, "rules"])?).await
    }

    /// A new rule.
    pub async fn create_rule(&self, policy: &str, body: &Value) -> Result<Rule, Error> {
        self.create(&policies(&[policy, "rules"])?, body).await
    }

    /// Replaces a rule as a whole.
    pub async fn replace_rule(
        &self,
        policy: &str,
        rule: &str,
        body: &Value,
    ) -> Result<Rule, Error> {
        self.replace(&policies(&[policy, "rules", rule])?, body)
            .await
    }

    /// Deletes a rule; `false` if there is none.
    pub async fn delete_rule(&self, policy: &str, rule: &str) -> Result<bool, Error> {
        self.delete(&policies(&[policy, "rules", rule])?).await
    }

    /// Lets a rule count.
    pub async fn activate_rule(&self, policy: &str, rule: &str) -> Result<(), Error> {
        self.lifecycle(&policies(&[policy, "rules", rule])?, "activate")
            .await
    }

    /// Passes a rule by.
    pub async fn deactivate_rule(&self, policy: &str, rule: &str) -> Result<(), Error> {
        self.lifecycle(&policies(&[policy, "rules", rule])?, "deactivate")
            .await
    }
}

fn policies(rest: &[&str]) -> Result<Path, Error> {
    Path::new(&["api", "v1", "policies"])?.then(rest)
}
