//! One rule: its conditions, what follows, and what makes it unsafe.

mod hours;

pub use hours::Hours;

use super::PolicyError;
use crate::{
    clock::{HOUR, Millis},
    domain::challenge::Factor,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use wire::statement::{ProtectionClass, Verdict};

/// One rule.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Goes into decisions.
    pub name: String,
    /// Conditions; all have to hold. None always hold.
    #[serde(default)]
    pub when: Condition,
    /// What follows.
    pub then: Then,
    /// What a step-up offers; any factor if absent.
    #[serde(default)]
    pub factors: Option<Vec<Factor>>,
    /// How often an `allow` wants an ordinary factor nevertheless; never if absent.
    #[serde(default)]
    pub prompt: Option<Prompt>,
}

/// How often somebody who would be answered silently has to pass an ordinary factor. It only ever asks for more: a factor
/// that was passed before does not stand in for behaviour that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "every", rename_all = "snake_case", deny_unknown_fields)]
pub enum Prompt {
    /// Each time.
    Time,
    /// Unless one was passed in this browser within so many hours.
    Session {
        /// 1 to 8760.
        hours: u16,
    },
    /// Unless one was passed on this device within so many hours, in whatever browser.
    Device {
        /// 1 to 8760.
        hours: u16,
    },
}

/// The longest lifetime of a prompt: a year.
const PROMPT_HOURS: u16 = 8_760;

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Answers silently.
    Allow,
    /// Asks for an ordinary factor.
    StepUp,
    /// Leaves it to Okta's other factors.
    Decline,
    /// Records what would have been decided, and asks for an ordinary factor.
    Observe,
}

/// Conditions. A list holds if the fact is in it; a fact that is unknown is in no list.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Condition {
    /// The person is in one of these groups.
    pub group: Option<Vec<String>>,
    /// The connection is one of these.
    pub connection: Option<Vec<String>>,
    /// The application, as Okta names it, is one of these.
    pub application: Option<Vec<String>>,
    /// The agent's part.
    pub agent: Option<Vec<Agent>>,
    /// Whether this person started the sign-in in this tab.
    pub provenance: Option<bool>,
    /// What the engine says.
    pub verdict: Option<Vec<Verdict>>,
    /// Whether the template is mature.
    pub learning: Option<LearningState>,
    /// The device key is kept at least so well.
    pub protection_class: Option<ProtectionClass>,
    /// The newest evidence is at most so old.
    pub evidence_age_s: Option<u32>,
    /// There is no evidence, and the computer was unlocked at most five minutes ago.
    pub after_unlock: Option<bool>,
    /// The operating system: `linux`, `windows`, `macos`.
    pub platform: Option<Vec<String>>,
    /// The browser's address is in one of these networks: `["10.0.0.0/8", "2001:db8::/32"]`. Behind a proxy the address is
    /// what the proxies that the settings trust say, and nobody else.
    pub network: Option<Vec<IpNet>>,
    /// Days and hours.
    pub time: Option<Hours>,
}

/// How far the agent came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Agent {
    /// Answered, and everything about keys and bindings was right.
    Proven,
    /// Answered wrongly, or said that it cannot.
    Failed,
    /// Did not answer.
    Absent,
}

/// Whether the template is mature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LearningState {
    /// Not yet.
    Learning,
    /// It is.
    Mature,
}

/// What is known of a challenge when policy is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Groups of the person.
    pub groups: Vec<String>,
    /// The connection.
    pub connection: String,
    /// The application; empty if Okta did not say.
    pub application: String,
    /// The agent's part.
    pub agent: Agent,
    /// Whether this person started the sign-in in this tab.
    pub provenance: bool,
    /// What the engine says, if an answer came.
    pub verdict: Option<Verdict>,
    /// Age of the newest evidence.
    pub evidence_age_ms: Option<u32>,
    /// Whether the template is mature.
    pub learning: Option<LearningState>,
    /// How the device key is kept.
    pub protection_class: Option<ProtectionClass>,
    /// There is no evidence, and the computer was unlocked at most five minutes ago.
    pub after_unlock: bool,
    /// The operating system.
    pub platform: String,
    /// The address of the browser that brought the request.
    pub address: Option<IpAddr>,
    /// When policy is asked.
    pub at: Millis,
    /// How long ago the person passed an ordinary factor in this browser.
    pub session_prompt_ms: Option<Millis>,
    /// How long ago the person passed one on this device.
    pub device_prompt_ms: Option<Millis>,
}

impl Condition {
    /// Whether all conditions hold.
    pub fn holds(&self, facts: &Facts) -> bool {
        let listed = |list: &Option<Vec<String>>, fact: &str| {
            list.as_ref().is_none_or(|l| l.iter().any(|x| x == fact))
        };
        listed(&self.connection, &facts.connection)
            && listed(&self.application, &facts.application)
            && listed(&self.platform, &facts.platform)
            && self
                .group
                .as_ref()
                .is_none_or(|l| l.iter().any(|g| facts.groups.contains(g)))
            && self.agent.as_ref().is_none_or(|l| l.contains(&facts.agent))
            && self.provenance.is_none_or(|p| p == facts.provenance)
            && self
                .verdict
                .as_ref()
                .is_none_or(|l| facts.verdict.is_some_and(|v| l.contains(&v)))
            && self.learning.is_none_or(|l| facts.learning == Some(l))
            && self
                .protection_class
                .is_none_or(|least| facts.protection_class.is_some_and(|c| c >= least))
            && self.evidence_age_s.is_none_or(|most| {
                facts
                    .evidence_age_ms
                    .is_some_and(|age| u64::from(age) <= u64::from(most) * 1_000)
            })
            && self.after_unlock.is_none_or(|a| a == facts.after_unlock)
            && self.network.as_ref().is_none_or(|l| {
                facts
                    .address
                    .is_some_and(|address| l.iter().any(|network| network.contains(&address)))
            })
            && self
                .time
                .as_ref()
                .is_none_or(|hours| hours.hold_at(facts.at))
    }
}

impl Prompt {
    /// Whether an ordinary factor was passed recently enough.
    pub fn is_met(self, facts: &Facts) -> bool {
        let (passed, hours) = match self {
            Self::Time => return false,
            Self::Session { hours } => (facts.session_prompt_ms, hours),
            Self::Device { hours } => (facts.device_prompt_ms, hours),
        };
        passed.is_some_and(|ms| (0..=Millis::from(hours) * HOUR).contains(&ms))
    }

    const fn is_sane(self) -> bool {
        match self {
            Self::Time => true,
            Self::Session { hours } | Self::Device { hours } => 1 <= hours && hours <= PROMPT_HOURS,
        }
    }
}

impl Rule {
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        let name = || self.name.clone();
        match (self.then, &self.factors) {
            (Then::StepUp | Then::Observe, Some(factors)) if factors.is_empty() => {
                return Err(PolicyError::NoFactor(name()));
            }
            (Then::Allow | Then::Decline, Some(_)) => {
                return Err(PolicyError::FactorsUnused(name()));
            }
            _ => {}
        }
        match self.prompt {
            Some(_) if self.then != Then::Allow => return Err(PolicyError::PromptUnused(name())),
            Some(prompt) if !prompt.is_sane() => return Err(PolicyError::PromptHours(name())),
            _ => {}
        }
        if self.then != Then::Allow {
            return Ok(());
        }
        let verdicts = self.when.verdict.as_deref();
        let after_unlock = self.when.after_unlock == Some(true);
        if self.when.agent.as_deref() != Some(&[Agent::Proven]) {
            return Err(PolicyError::AllowsUnproven(name()));
        }
        if self.when.provenance != Some(true) {
            return Err(PolicyError::AllowsTransplanted(name()));
        }
        match verdicts {
            Some([Verdict::Genuine]) => Ok(()),
            None | Some([Verdict::NoEvidence]) if after_unlock => Ok(()),
            Some(_) if after_unlock => Err(PolicyError::AllowsAgainstVerdict(name())),
            _ => Err(PolicyError::AllowsUnjudged(name())),
        }
    }

    pub(super) fn offered(&self) -> &[Factor] {
        self.factors.as_deref().unwrap_or(&Factor::ALL)
    }
}
