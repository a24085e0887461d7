//! Faults on demand: what an administrator of the stand-in asks for, so that a product meets them.

use std::time::Duration;

use serde::Deserialize;

/// One kind of trouble for the next so many requests that fit.
#[derive(Debug, Clone, Deserialize)]
pub struct Trouble {
    /// `GET`, …; left out, any.
    pub method: Option<String>,
    /// The beginning of the path.
    #[serde(default)]
    pub path: String,
    #[serde(default = "once")]
    pub times: u32,
    #[serde(flatten)]
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Kind {
    /// Answers so without doing anything.
    Status { status: u16 },
    /// 429 E0000047 with a reset so many seconds ahead.
    RateLimit {
        #[serde(default = "one_second")]
        reset_seconds: u32,
    },
    /// Does what was asked and answers so all the same: the caller cannot know that it took effect.
    LostAnswer { status: u16 },
    /// Waits before it does anything.
    Delay { milliseconds: u64 },
    /// Does what was asked, but the answer takes so long.
    LateAnswer { milliseconds: u64 },
}

/// What goes wrong with deliveries of events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Deliveries {
    /// So many of the next deliveries are sent twice.
    pub duplicate: u32,
    /// So many of the next deliveries wait until a later one has been sent.
    pub reorder: u32,
}

#[derive(Debug, Default)]
pub struct Faults {
    troubles: Vec<Trouble>,
    pub deliveries: Deliveries,
}

impl Faults {
    pub fn add(&mut self, trouble: Trouble) -> Result<(), &'static str> {
        if self.troubles.len() >= MOST_TROUBLES {
            return Err("too many faults wait already");
        }
        let (status, wait) = match &trouble.kind {
            Kind::Status { status } | Kind::LostAnswer { status } => (*status, 0),
            Kind::Delay { milliseconds } | Kind::LateAnswer { milliseconds } => {
                (500, *milliseconds)
            }
            Kind::RateLimit { .. } => (429, 0),
        };
        if !(400..=599).contains(&status) || wait > LONGEST_WAIT {
            return Err("status must be from 400 to 599, milliseconds at most 120000");
        }
        self.troubles.push(trouble);
        Ok(())
    }

    /// How many troubles wait.
    pub fn waiting(&self) -> usize {
        self.troubles.len()
    }

    pub fn clear(&mut self) {
        *self = Faults::default();
    }

    /// The trouble that this request meets, which is then one less.
    pub fn meet(&mut self, method: &str, path: &str) -> Option<Kind> {
        let at = self.troubles.iter().position(|trouble| {
            trouble
                .method
                .as_deref()
                .is_none_or(|wanted| wanted == method)
                && path.starts_with(&trouble.path)
        })?;
        let trouble = &mut self.troubles[at];
        trouble.times = trouble.times.saturating_sub(1);
        let kind = trouble.kind.clone();
        if trouble.times == 0 {
            self.troubles.remove(at);
        }
        Some(kind)
    }

    /// Whether the next delivery is sent twice, and whether it has to wait.
    pub fn meet_delivery(&mut self) -> (bool, bool) {
        let take = |count: &mut u32| {
            let is_due = *count > 0;
            *count = count.saturating_sub(1);
            is_due
        };
        (
            take(&mut self.deliveries.duplicate),
            take(&mut self.deliveries.reorder),
        )
    }
}

impl Kind {
    pub fn delay(&self) -> Option<Duration> {
        match self {
            Kind::Delay { milliseconds } | Kind::LateAnswer { milliseconds } => {
                Some(Duration::from_millis(*milliseconds))
            }
            _ => None,
        }
    }
}

fn once() -> u32 {
    1
}

fn one_second() -> u32 {
    1
}

const MOST_TROUBLES: usize = 100;
const LONGEST_WAIT: u64 = 120_000;
