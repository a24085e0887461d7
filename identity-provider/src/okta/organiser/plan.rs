//! From what shall be, what is, and what the record says we made: what to do. Nothing here does anything.

mod decide;

use super::{
    compare::{Difference, shown},
    object::{Key, Kind, Object},
    ours::Ours,
    snapshot::Snapshot,
};
use decide::decide;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt::Write as _};

/// What the record says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The org's id; empty while it is only intended.
    pub id: String,
    /// Intended and not yet known to be made: the program ended in between, or is still at it.
    pub is_intended: bool,
    /// It was there before us.
    pub is_adopted: bool,
    /// Fingerprint of the secret that was sent; empty if there is none.
    pub secret: String,
    /// When the intention was written.
    pub intended_at: crate::clock::Millis,
    /// When it was made; 0 while intended.
    pub made_at: crate::clock::Millis,
}

/// What is to be done about an object.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// It is not there.
    Create {
        /// We made it once, and somebody deleted it.
        again: bool,
    },
    /// It is ours and differs.
    Change(Vec<Difference>),
    /// It is as it shall be.
    Leave,
    /// We made it, and ended before we could note that down.
    Resume,
    /// It was there before us, and is taken over.
    Adopt(Vec<Difference>),
    /// It cannot be done.
    Blocked(Refusal),
    /// It must not be done yet.
    Held(Refusal),
    /// This org has no such thing.
    NotHere(Refusal),
}

/// Why something is not done, and what would have to be done first.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Refusal {
    /// Why.
    pub why: String,
    /// What helps.
    pub repair: String,
}

impl Refusal {
    /// Of two sentences.
    pub fn new(why: impl Into<String>, repair: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            repair: repair.into(),
        }
    }
}

impl Action {
    /// The stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Change(_) => "change",
            Self::Leave => "leave",
            Self::Resume => "resume",
            Self::Adopt(_) => "adopt",
            Self::Blocked(_) => "blocked",
            Self::Held(_) => "held",
            Self::NotHere(_) => "not_here",
        }
    }

    /// Whether `apply` would do something.
    pub const fn is_work(&self) -> bool {
        matches!(
            self,
            Self::Create { .. } | Self::Change(_) | Self::Resume | Self::Adopt(_)
        )
    }

    /// Where it differs.
    pub fn differences(&self) -> &[Difference] {
        match self {
            Self::Change(differences) | Self::Adopt(differences) => differences,
            _ => &[],
        }
    }

    /// Why it is not done.
    pub const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Blocked(refusal) | Self::Held(refusal) | Self::NotHere(refusal) => Some(refusal),
            _ => None,
        }
    }
}

/// What is to be done about one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// As it shall be, with references.
    pub object: Object,
    /// The org's id, if it is there.
    pub id: Option<String>,
    /// What to do.
    pub action: Action,
}

/// What is to be done, in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
    /// What the record has and the file has no more.
    pub orphans: Vec<Key>,
}

/// What a plan is made from.
pub struct Input<'a> {
    /// What shall be.
    pub objects: Vec<Object>,
    /// What is.
    pub snapshot: &'a Snapshot,
    /// What we made.
    pub records: &'a BTreeMap<Key, Record>,
    /// Our own side.
    pub ours: &'a Ours,
    /// Fingerprints of the secrets that would be sent.
    pub secrets: &'a BTreeMap<Key, String>,
    /// Why routing rules must wait.
    pub holds: &'a BTreeMap<Key, Refusal>,
    /// Whether what was there before us is taken over.
    pub adopts: bool,
}

impl Plan {
    /// Decides.
    pub fn of(input: Input<'_>) -> Self {
        let mut ids: BTreeMap<Key, String> = BTreeMap::new();
        let mut steps = Vec::new();
        let orphans = input
            .records
            .keys()
            .filter(|key| !key.kind.is_ours() && !input.objects.iter().any(|o| o.key == **key))
            // A certificate that was rolled over is nobody's business: the org keeps it until it is destroyed.
            .filter(|key| key.kind != Kind::Certificate)
            .cloned()
            .collect();
        for object in &input.objects {
            let (action, id) = decide(object, &input, &ids);
            if let Some(id) = &id {
                ids.insert(object.key.clone(), id.clone());
            }
            steps.push(Step {
                object: object.clone(),
                id,
                action,
            });
        }
        Self { steps, orphans }
    }

    /// Whether there is nothing to do and nothing that waits.
    pub fn is_done(&self) -> bool {
        self.steps
            .iter()
            .all(|s| matches!(s.action, Action::Leave | Action::NotHere(_)))
    }

    /// Steps of which this holds.
    pub fn count(&self, is: impl Fn(&Action) -> bool) -> usize {
        self.steps.iter().filter(|step| is(&step.action)).count()
    }

    /// The step of this object.
    pub fn step(&self, key: &Key) -> Option<&Step> {
        self.steps.iter().find(|step| step.object.key == *key)
    }

    /// For people.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for step in &self.steps {
            let sign = match &step.action {
                Action::Create { .. } => '+',
                Action::Change(_) => '~',
                Action::Leave => '=',
                Action::Resume | Action::Adopt(_) => '>',
                Action::Blocked(_) => '!',
                Action::Held(_) | Action::NotHere(_) => '-',
            };
            let again = match step.action {
                Action::Create { again: true } => "  (somebody deleted it in the org)",
                _ => "",
            };
            // A String takes whatever is written to it.
            let _ = writeln!(
                out,
                "{sign} {:<8} {}{again}",
                step.action.code(),
                step.object.key
            );
            for d in step.action.differences() {
                let _ = writeln!(
                    out,
                    "             {}: {} -> {}",
                    d.at,
                    short(&d.is),
                    short(&d.shall)
                );
            }
            if let Some(refusal) = step.action.refusal() {
                let _ = writeln!(out, "             {}", clean(&refusal.why));
                let _ = writeln!(out, "             repair: {}", clean(&refusal.repair));
            }
        }
        for key in &self.orphans {
            let _ = writeln!(
                out,
                "= leave    {key}  (no longer in the file; `tacit okta destroy` removes it)"
            );
        }
        out + &self.summary() + "\n"
    }

    /// `2 to create, 1 to change, 3 to leave`, or that there is nothing to do.
    pub fn summary(&self) -> String {
        if self.is_done() {
            return "nothing to do".into();
        }
        let mut parts = Vec::new();
        for (what, n) in [
            (
                "to create",
                self.count(|a| matches!(a, Action::Create { .. })),
            ),
            ("to change", self.count(|a| matches!(a, Action::Change(_)))),
            (
                "to take over",
                self.count(|a| matches!(a, Action::Adopt(_) | Action::Resume)),
            ),
            (
                "to leave",
                self.count(|a| matches!(a, Action::Leave)) + self.orphans.len(),
            ),
            ("held back", self.count(|a| matches!(a, Action::Held(_)))),
            (
                "not for this org",
                self.count(|a| matches!(a, Action::NotHere(_))),
            ),
            ("blocked", self.count(|a| matches!(a, Action::Blocked(_)))),
        ] {
            if n > 0 {
                parts.push(format!("{n} {what}"));
            }
        }
        parts.join(", ")
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let steps: Vec<Value> = self
            .steps
            .iter()
            .map(|step| {
                json!({
                    "action": step.action.code(),
                    "kind": step.object.key.kind.code(),
                    "name": step.object.key.name,
                    "id": step.id,
                    "differences": step.action.differences(),
                    "refusal": step.action.refusal(),
                })
            })
            .collect();
        let orphans: Vec<Value> = self
            .orphans
            .iter()
            .map(|k| json!({ "kind": k.kind.code(), "name": k.name }))
            .collect();
        json!({ "steps": steps, "no_longer_in_the_file": orphans, "summary": self.summary(), "done": self.is_done() })
    }
}

/// What the org calls itself towards an identity provider of SAML, and where answers go.
pub fn service_provider_of(idp: &Value) -> Value {
    let at = |pointer: &str| idp.pointer(pointer).cloned().unwrap_or(Value::Null);
    json!({ "entity_id": at("/protocol/credentials/trust/audience"), "acs_url": at("/_links/acs/href") })
}

/// A value on one line.
fn short(value: &Value) -> String {
    let text = match shown(value) {
        Value::Null => "(nothing)".to_owned(),
        Value::String(text) => clean(&text),
        other => clean(&other.to_string()),
    };
    match text.char_indices().nth(100) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

/// On one line, and nothing that a terminal would obey: it may be the org's.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests;
