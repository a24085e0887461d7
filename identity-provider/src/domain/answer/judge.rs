//! From a verified answer to a decision, as a pure function.

use super::SLACK;
use crate::{
    clock::{MINUTE, Millis},
    domain::{
        agent,
        challenge::{Factor, State},
        connection::Role,
        device::Norm,
        policy::{Agent, Facts, Policy, Then},
    },
};
use serde::{Deserialize, Serialize};
use wire::{
    reason::Reason,
    server::Outcome,
    statement::{Answer, ProtectionClass, Verdict},
};

/// A trusted event on an Okta page of the tab is at most so old.
pub const PROVEN_WITHIN_MS: u32 = 120_000;
/// Trusted input anywhere in the browser is at most so old.
pub const PRESENT_WITHIN_MS: u32 = 30_000;
/// Evidence is at most so old.
pub const EVIDENCE_WITHIN_MS: u32 = 120_000;
/// "Moments ago" for an unlock of the computer.
pub const UNLOCKED_WITHIN_MS: u32 = 300_000;
/// An unclear answer may be judged again after so much new evidence.
pub const UNSURE_AGAIN_AFTER: Millis = MINUTE;

/// What is decided about an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The decision.
    pub outcome: Outcome,
    /// Why.
    pub reasons: Vec<Reason>,
    /// What the chooser offers unless it is allowed.
    pub factors: Vec<Factor>,
    /// The policy rule that matched.
    pub rule: Option<String>,
}

impl Judgement {
    /// Where the challenge goes.
    pub fn state(&self) -> State {
        match self.outcome {
            Outcome::Allow => State::Allowed,
            Outcome::Decline => State::Declined,
            Outcome::StepUp | Outcome::Observe => State::StepUp,
        }
    }
}

impl Judgement {
    /// Where we are the only factor, one that a look-alike page can relay is not enough.
    pub fn for_role(mut self, role: Role) -> Self {
        if role == Role::Sso {
            self.factors.retain(|factor| factor.resists_an_impostor());
            if self.factors.is_empty() {
                self.factors = impostor_proof();
            }
        }
        self
    }
}

/// What there is when nothing else is left.
fn impostor_proof() -> Vec<Factor> {
    Factor::ALL
        .into_iter()
        .filter(|factor| factor.resists_an_impostor())
        .collect()
}

/// What stands in the way of a silent answer whatever policy says.
pub fn blockers(answer: &Answer, norm: &Norm, role: Role, now: Millis) -> Vec<Reason> {
    let mut found = Vec::new();
    if role == Role::Sso {
        found.push(Reason::RoleSso);
    }
    if agent::is_clock_off(answer.iat, now) {
        found.push(Reason::ClockOff);
    }
    match (answer.provenance.broken_by, answer.provenance.age_ms) {
        (Some(reason), _) => found.push(reason),
        (None, Some(age)) if age <= PROVEN_WITHIN_MS => {}
        (None, _) => found.push(Reason::StartedElsewhere),
    }
    if answer.presence.screen_locked == Some(true) {
        found.push(Reason::ScreenLocked);
    }
    // That nobody can tell whether the screen is locked is no proof that it is not.
    let present = answer
        .presence
        .input_age_ms
        .is_some_and(|age| age <= PRESENT_WITHIN_MS);
    if !present || answer.presence.screen_locked.is_none() {
        found.push(Reason::NobodyPresent);
    }
    if norm.silence_off.is_some() {
        found.push(Reason::SilenceSwitchedOff);
    }
    let age = answer.evidence.age_ms;
    if is_judged(answer.evidence.verdict) && age.is_none_or(|age| age > EVIDENCE_WITHIN_MS) {
        found.push(Reason::StaleEvidence);
    }
    if norm.unsure_at != 0 && is_judged(answer.evidence.verdict) {
        let newest = now - age.map_or(0, Millis::from);
        if newest + SLACK < norm.unsure_at + UNSURE_AGAIN_AFTER {
            found.push(Reason::TooSoon);
        }
    }
    found
}

/// What policy is asked about one challenge; recorded with the decision, so that it can be asked again under another policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// What is known.
    pub facts: Facts,
    /// What stands in the way of a silent answer whatever policy says.
    pub blockers: Vec<Reason>,
    /// The behaviour was somebody else's or a program's before this challenge.
    pub is_suspected: bool,
    /// A refusal lets the person choose another of Okta's factors.
    pub okta_offers_choice: bool,
}

/// Asks policy, and lets nothing pass that has a blocker or lacks what `allow` always needs.
pub fn judge(policy: &Policy, question: &Question) -> Judgement {
    let Question {
        facts, blockers, ..
    } = question;
    let ruling = policy.rule_on(facts);
    let is_suspected = question.is_suspected
        || matches!(facts.verdict, Some(Verdict::Impostor | Verdict::Automated));
    let good = good_reason(facts).filter(|_| blockers.is_empty() && !is_suspected);
    let is_due = ruling.prompt.is_some_and(|prompt| !prompt.is_met(facts));
    let (outcome, reasons) = match (ruling.then, good) {
        (Then::Allow, Some(_)) if is_due => (Outcome::StepUp, vec![Reason::PromptDue]),
        (Then::Allow, Some(reason)) => (Outcome::Allow, vec![reason]),
        (Then::Decline, _) if question.okta_offers_choice && !is_suspected => (
            Outcome::Decline,
            with(Reason::PolicyDecline, good, facts, blockers),
        ),
        (Then::Observe, _) => (
            Outcome::Observe,
            with(Reason::PolicyObserve, good, facts, blockers),
        ),
        _ => (Outcome::StepUp, step_up_reasons(policy, facts, blockers)),
    };
    let mut factors: Vec<Factor> = ruling.factors.to_vec();
    if is_suspected {
        factors.retain(|f| f.resists_an_impostor());
    }
    if factors.is_empty() {
        factors = impostor_proof();
    }
    Judgement {
        outcome,
        reasons,
        factors,
        rule: ruling.rule.map(Into::into),
    }
}

/// The reason to allow, if there is any: what no policy can do without, however it came to be in force.
fn good_reason(facts: &Facts) -> Option<Reason> {
    if facts.agent != Agent::Proven || !facts.provenance {
        return None;
    }
    match facts.verdict {
        Some(Verdict::Genuine) => Some(Reason::Genuine),
        Some(Verdict::NoEvidence) if facts.after_unlock => Some(Reason::AfterUnlock),
        _ => None,
    }
}

fn step_up_reasons(policy: &Policy, facts: &Facts, blockers: &[Reason]) -> Vec<Reason> {
    let mut reasons = blockers.to_vec();
    reasons.extend(facts.verdict.and_then(against));
    if reasons.is_empty() {
        let better = Facts {
            protection_class: Some(ProtectionClass::Hardware),
            ..facts.clone()
        };
        let by_class = policy.rule_on(&better).then == Then::Allow;
        reasons.push(if by_class {
            Reason::ProtectionClassTooLow
        } else {
            Reason::PolicyStepUp
        });
    }
    reasons
}

/// `first`, and what would have been decided without it: the reason to allow, or what speaks against that.
fn with(first: Reason, good: Option<Reason>, facts: &Facts, blockers: &[Reason]) -> Vec<Reason> {
    let mut reasons = vec![first];
    match good {
        Some(reason) => reasons.push(reason),
        None => {
            reasons.extend(blockers);
            reasons.extend(facts.verdict.and_then(against));
        }
    }
    reasons
}

fn against(verdict: Verdict) -> Option<Reason> {
    match verdict {
        Verdict::Genuine => None,
        Verdict::Unsure => Some(Reason::Unsure),
        Verdict::Impostor => Some(Reason::Impostor),
        Verdict::Learning => Some(Reason::Learning),
        Verdict::Automated => Some(Reason::Automated),
        Verdict::NoEvidence => Some(Reason::NoEvidence),
    }
}

/// Whether the verdict could lead to a silent answer now or after a minute, so that the age of what it rests on matters.
const fn is_judged(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Genuine | Verdict::Unsure)
}
