//! Policy v1: an ordered list of rules in TOML. The first rule whose conditions all hold decides; none means step up.
//!
//! ```
//! use tacit::domain::policy::Policy;
//! let policy = Policy::parse(tacit::domain::policy::SHIPPED).unwrap();
//! assert_eq!(policy.patience_ms, 1_500);
//! ```

mod rules;

pub use rules::{Agent, Condition, Facts, Hours, LearningState, Prompt, Rule, Then};

use super::challenge::Factor;
use crate::store::{Store, StoreError};
use serde::Deserialize;
use std::sync::{Arc, Mutex, PoisonError};

/// What is in force until an administrator sets another.
pub const SHIPPED: &str = include_str!("policy/shipped.toml");
/// One policy, in bytes.
pub const BYTES: usize = 64 * 1024;
/// Rules of one policy.
pub const RULES: usize = 200;

/// A policy that may be used.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// How long the page waits for a silent answer.
    pub patience_ms: u32,
    rules: Vec<Rule>,
}

/// Why a text is not a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Over [`BYTES`].
    #[error("the policy is longer than {BYTES} bytes")]
    TooLong,
    /// Not TOML of this shape.
    #[error("{0}")]
    Shape(String),
    /// A format that this version does not know.
    #[error("format {0} is not known: this version reads format 1")]
    Format(u32),
    /// Over [`RULES`].
    #[error("there are more than {RULES} rules")]
    TooManyRules,
    /// Patience outside what makes sense.
    #[error("patience_ms has to be between 200 and 10000")]
    Patience,
    /// Two rules of one name: a decision could not say which.
    #[error("two rules are called {0:?}")]
    NameTwice(String),
    /// `allow` for an answer whose key was not proven.
    #[error("rule {0:?} allows without `agent = [\"proven\"]`")]
    AllowsUnproven(String),
    /// `allow` for a sign-in that anybody may have started.
    #[error("rule {0:?} allows without `provenance = true`")]
    AllowsTransplanted(String),
    /// `allow` without `verdict = ["genuine"]` or an explicit `after_unlock = true`.
    #[error("rule {0:?} allows without `verdict = [\"genuine\"]` or `after_unlock = true`")]
    AllowsUnjudged(String),
    /// `after_unlock` together with a verdict that speaks against it.
    #[error("rule {0:?} allows after an unlock for a verdict other than genuine or no_evidence")]
    AllowsAgainstVerdict(String),
    /// A step-up without a factor would be a lock-out.
    #[error("rule {0:?} steps up to no factor")]
    NoFactor(String),
    /// Factors where they mean nothing.
    #[error("rule {0:?} names factors, but does not step up")]
    FactorsUnused(String),
    /// A prompt where it means nothing.
    #[error("rule {0:?} has a prompt, but does not allow")]
    PromptUnused(String),
    /// A prompt that would never or always be due.
    #[error("rule {0:?}: hours of a prompt have to be between 1 and 8760")]
    PromptHours(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    #[serde(default = "patience")]
    patience_ms: u32,
    #[serde(default, rename = "rule")]
    rules: Vec<Rule>,
}

const fn patience() -> u32 {
    1_500
}

/// What the policy says about some facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ruling<'a> {
    /// What to do.
    pub then: Then,
    /// Which factors to offer when it comes to that.
    pub factors: &'a [Factor],
    /// The rule that matched.
    pub rule: Option<&'a str>,
    /// How often it wants an ordinary factor nevertheless.
    pub prompt: Option<Prompt>,
}

impl Policy {
    /// Parses and checks a policy; an unsafe one is refused here, and not when somebody signs in.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        if text.len() > BYTES {
            return Err(PolicyError::TooLong);
        }
        let file: File = toml::from_str(text).map_err(|e| PolicyError::Shape(e.to_string()))?;
        if file.format != 1 {
            return Err(PolicyError::Format(file.format));
        }
        if file.rules.len() > RULES {
            return Err(PolicyError::TooManyRules);
        }
        if !(200..=10_000).contains(&file.patience_ms) {
            return Err(PolicyError::Patience);
        }
        for (i, rule) in file.rules.iter().enumerate() {
            if file.rules[..i]
                .iter()
                .any(|earlier| earlier.name == rule.name)
            {
                return Err(PolicyError::NameTwice(rule.name.clone()));
            }
            rule.check()?;
        }
        Ok(Self {
            patience_ms: file.patience_ms,
            rules: file.rules,
        })
    }

    /// The first rule that fits. Without one: step up, to any factor.
    pub fn rule_on(&self, facts: &Facts) -> Ruling<'_> {
        match self.rules.iter().find(|rule| rule.when.holds(facts)) {
            Some(rule) => Ruling {
                then: rule.then,
                factors: rule.offered(),
                rule: Some(&rule.name),
                prompt: rule.prompt,
            },
            None => Ruling {
                then: Then::StepUp,
                factors: &Factor::ALL,
                rule: None,
                prompt: None,
            },
        }
    }
}

/// The policy in force, parsed once per version.
#[derive(Debug, Default)]
pub struct PolicyCache(Mutex<Option<(i64, Arc<Policy>)>>);

impl PolicyCache {
    /// The policy in force and its version. One that cannot be read any more allows nothing: an empty one steps up.
    pub async fn current(&self, store: &Store) -> Result<(i64, Arc<Policy>), StoreError> {
        let version = store.policy_version().await?.unwrap_or(0);
        if let Some((known, policy)) = self.lock().as_ref()
            && *known == version
        {
            return Ok((version, policy.clone()));
        }
        let text = store
            .find_policy(version)
            .await?
            .map_or_else(|| SHIPPED.into(), |row| row.text);
        let policy = Policy::parse(&text).unwrap_or_else(|error| {
            tracing::error!(version, %error, "the stored policy cannot be read: everything steps up");
            Policy { patience_ms: patience(), rules: Vec::new() }
        });
        let policy = Arc::new(policy);
        *self.lock() = Some((version, policy.clone()));
        Ok((version, policy))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(i64, Arc<Policy>)>> {
        // The value is replaced as a whole, so a panic elsewhere cannot have left half of one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
