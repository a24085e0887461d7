//! Where the configuration comes from: managed storage, else the host's machine file.
//!
//! The browser reads managed storage as `{}` both when there is no policy and while it is not loaded yet. So empty means
//! unknown: the machine file counts meanwhile, and what was last known bridges the first moments of a worker.

use serde::{Deserialize, Serialize};
use wire::config::Configuration;

/// What is known from each source.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sources {
    /// Managed storage.
    pub managed: Managed,
    /// The host's machine file.
    pub machine: Machine,
    /// What the last worker went by.
    pub remembered: Option<Configuration>,
}

/// What managed storage holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Managed {
    /// `{}`: no policy, or not loaded yet.
    #[default]
    Empty,
    /// A policy.
    Policy(Configuration),
    /// A policy that cannot be used; the sentence says why.
    Malformed(String),
}

/// What the host has.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Machine {
    /// Not asked yet, or no answer.
    #[default]
    Unknown,
    /// There is no machine file, or none with a configuration.
    Absent,
    /// A machine file.
    File(Configuration),
}

/// Which source won.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// Managed storage.
    Policy,
    /// The host's machine file.
    MachineFile,
    /// What the last worker went by.
    Remembered,
}

impl Managed {
    /// Reads the JSON text of everything in managed storage, as the browser serialises it.
    pub fn parse(json: &str) -> Self {
        if !json.starts_with('{') || json.len() <= "{}".len() {
            return Self::Empty;
        }
        match serde_json::from_slice(json.as_bytes()) {
            Ok(configuration) => Self::Policy(configuration),
            Err(error) => Self::Malformed(error.to_string()),
        }
    }
}

impl Sources {
    /// The configuration in force and where it comes from; `None` while there is none.
    ///
    /// A malformed policy is not replaced by the machine file: the administrator meant something else.
    pub fn in_force(&self) -> Option<(&Configuration, Source)> {
        match (&self.managed, &self.machine, &self.remembered) {
            (Managed::Policy(configuration), ..) => Some((configuration, Source::Policy)),
            (Managed::Malformed(_), ..) => None,
            (Managed::Empty, Machine::File(configuration), _) => {
                Some((configuration, Source::MachineFile))
            }
            (Managed::Empty, Machine::Unknown, Some(configuration)) => {
                Some((configuration, Source::Remembered))
            }
            (Managed::Empty, Machine::Unknown, None) | (Managed::Empty, Machine::Absent, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(server: &str) -> Configuration {
        serde_json::from_value(serde_json::json!({
            "server_origin": server,
            "okta_origins": ["https://acme.okta.com"],
        }))
        .unwrap()
    }

    fn check(sources: Sources, expected: Option<(&str, Source)>) {
        let found = sources
            .in_force()
            .map(|(configuration, source)| (configuration.server_origin.as_str(), source));
        assert_eq!(found, expected, "{sources:?}");
    }

    #[test]
    fn policy_wins_then_the_machine_file_then_memory() {
        let [policy, file, memory] = [
            "https://policy.test",
            "https://file.test",
            "https://memory.test",
        ]
        .map(configuration);
        let all = Sources {
            managed: Managed::Policy(policy),
            machine: Machine::File(file),
            remembered: Some(memory),
        };
        check(all.clone(), Some(("https://policy.test", Source::Policy)));
        let without_policy = Sources {
            managed: Managed::Empty,
            ..all.clone()
        };
        let file = ("https://file.test", Source::MachineFile);
        check(without_policy.clone(), Some(file));
        let not_asked_yet = Sources {
            machine: Machine::Unknown,
            ..without_policy.clone()
        };
        let memory = ("https://memory.test", Source::Remembered);
        check(not_asked_yet, Some(memory));
        let taken_away = Sources {
            machine: Machine::Absent,
            ..without_policy
        };
        check(taken_away, None);
        let broken = Sources {
            managed: Managed::Malformed("x".into()),
            ..all
        };
        check(broken, None);
        check(Sources::default(), None);
    }

    #[test]
    fn empty_managed_storage_is_unknown_and_a_bad_policy_says_what_is_wrong() {
        assert_eq!(Managed::parse("{}"), Managed::Empty);
        assert_eq!(Managed::parse("null"), Managed::Empty);
        let bad = Managed::parse(r#"{"server_origin":"https://a.test/","okta_origins":[]}"#);
        assert!(matches!(bad, Managed::Malformed(_)));
        let unknown =
            Managed::parse(r#"{"server_origin":"https://a.test","okta_origins":[],"x":1}"#);
        let Managed::Malformed(what) = unknown else {
            panic!("{unknown:?}");
        };
        assert!(what.contains("unknown field"), "{what}");
        let good = Managed::parse(r#"{"server_origin":"https://a.test","okta_origins":[]}"#);
        assert!(matches!(good, Managed::Policy(_)));
    }
}
