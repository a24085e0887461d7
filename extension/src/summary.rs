//! The extension's state in one sentence.

use wire::{id::UserName, reason::Reason, statement::Learning};

/// What the sentence is made of.
#[derive(Debug, Clone, Default)]
pub struct Facts<'a> {
    /// Whether there is a configuration.
    pub configured: bool,
    /// A policy that cannot be used.
    pub malformed_policy: bool,
    /// ms until a pause ends.
    pub pause_left_ms: Option<f64>,
    /// Why the host does not answer.
    pub host_fault: Option<Reason>,
    /// People whom this device belongs to.
    pub bound: &'a [UserName],
    /// Learning per bound person.
    pub learning: &'a [Learning],
    /// The person whose behaviour is being judged.
    pub current: Option<&'a UserName>,
}

/// The first thing that stands in the way, or that nothing does.
pub fn sentence(facts: &Facts<'_>) -> String {
    if let Some(left) = facts.pause_left_ms {
        return match crate::whole_ms(left).div_ceil(60_000) {
            m if m >= 2_880 => format!("Paused for {} more days.", m.div_ceil(1_440)),
            m if m >= 120 => format!("Paused for {} more hours.", m.div_ceil(60)),
            m if m >= 2 => format!("Paused for {m} more minutes."),
            _ => "Paused for one more minute.".into(),
        };
    }
    if facts.malformed_policy {
        return "Your organisation's policy for Tacit cannot be read, so Tacit does nothing."
            .into();
    }
    if let Some(reason) = facts.host_fault {
        return reason.words().into();
    }
    if !facts.configured {
        return Reason::NotConfigured.words().into();
    }
    let person = facts
        .current
        .or_else(|| facts.bound.first().filter(|_| facts.bound.len() == 1));
    let Some(person) = person.filter(|p| facts.bound.contains(p)) else {
        return match facts.bound {
            [] => "This browser is not enrolled yet: the next sign-in will do it.".into(),
            _ => "Tacit waits for a sign-in to know who is here.".into(),
        };
    };
    match facts.learning.iter().find(|l| l.user == *person) {
        Some(learning) if learning.mature => {
            format!("Tacit answers silently for {person} while the behaviour fits.")
        }
        Some(learning) => format!(
            "Tacit is learning how {person} types and moves the pointer: {} per cent.",
            learning.progress
        ),
        None => format!("Tacit is learning how {person} types and moves the pointer."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_obstacle_is_named() {
        let ann = [UserName::new("ann@acme.test").unwrap()];
        let learned = |mature| {
            [Learning {
                user: ann[0].clone(),
                progress: 40,
                mature,
                confirmations: 1,
            }]
        };
        let (young, old) = (learned(false), learned(true));
        let ready = Facts {
            configured: true,
            bound: &ann,
            learning: &old,
            ..Facts::default()
        };
        for (facts, part) in [
            (Facts::default(), "configuration"),
            (
                Facts {
                    malformed_policy: true,
                    ..Facts::default()
                },
                "cannot be read",
            ),
            (
                Facts {
                    host_fault: Some(Reason::HostMissing),
                    ..ready.clone()
                },
                "not installed",
            ),
            (
                Facts {
                    pause_left_ms: Some(1.0),
                    ..ready.clone()
                },
                "one more minute",
            ),
            (
                Facts {
                    pause_left_ms: Some(7_200_000.0),
                    ..ready.clone()
                },
                "2 more hours",
            ),
            (
                Facts {
                    bound: &[],
                    ..ready.clone()
                },
                "not enrolled",
            ),
            (
                Facts {
                    learning: &young,
                    ..ready.clone()
                },
                "40 per cent",
            ),
            (ready, "answers silently for ann@acme.test"),
        ] {
            let sentence = sentence(&facts);
            assert!(sentence.contains(part), "{sentence} / {part}");
            assert!(sentence.ends_with('.'), "{sentence}");
        }
    }
}
