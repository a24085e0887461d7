//! From a verified answer to a decision, as a pure function.

use super::SLACK;
use crate::{
    clock::{MINUTE, Millis},
    domain::{
        agent,
        challenge::{Factor, State},
        connection::Role,
        device::Norm,
        policy::{Facts, Policy, Then},
    },
};
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

/// Asks policy, and lets nothing pass that has a blocker or lacks what `allow` always needs.
pub fn judge(
    policy: &Policy,
    facts: &Facts,
    blockers: &[Reason],
    norm: &Norm,
    okta_offers_choice: bool,
) -> Judgement {
    let ruling = policy.rule_on(facts);
    let suspected = norm.silence_off.is_some()
        || matches!(facts.verdict, Some(Verdict::Impostor | Verdict::Automated));
    let (outcome, reasons) = match (ruling.then, good_reason(facts)) {
        (Then::Allow, Some(reason)) if blockers.is_empty() => (Outcome::Allow, vec![reason]),
        (Then::Decline, _) if okta_offers_choice && !suspected => (
            Outcome::Decline,
            with(Reason::PolicyDecline, facts, blockers),
        ),
        (Then::Observe, _) => (
            Outcome::Observe,
            with(Reason::PolicyObserve, facts, blockers),
        ),
        _ => (Outcome::StepUp, step_up_reasons(policy, facts, blockers)),
    };
    let mut factors: Vec<Factor> = ruling.factors.to_vec();
    if suspected {
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

/// The reason to allow, if there is any: what a policy cannot do without.
fn good_reason(facts: &Facts) -> Option<Reason> {
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

fn with(first: Reason, facts: &Facts, blockers: &[Reason]) -> Vec<Reason> {
    let mut reasons = vec![first];
    reasons.extend(blockers);
    reasons.extend(facts.verdict.map(|v| against(v).unwrap_or(Reason::Genuine)));
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
