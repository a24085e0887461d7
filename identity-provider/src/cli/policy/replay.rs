//! `tacit policy replay`: what recorded decisions would have been under another policy.

use super::super::open;
use crate::{
    app::App,
    clock::{DAY, HOUR, Millis, rfc3339},
    domain::{
        answer::{Question, judge},
        policy::Policy,
    },
    store::decision::Decision,
};
use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;
use std::{collections::BTreeMap, path::PathBuf};

/// Rows read at once.
const PAGE: i64 = 1_000;
/// Changes that are listed; all are counted.
const LISTED: usize = 1_000;

#[derive(Debug, Args)]
pub struct Replay {
    /// The other policy.
    #[arg(required_unless_present = "version")]
    file: Option<PathBuf>,
    /// One of the versions that were in force, instead of a file.
    #[arg(long, conflicts_with = "file")]
    version: Option<i64>,
    /// From when on: `30d`, `12h`, or a day such as 2026-11-01 (UTC).
    #[arg(long, default_value = "30d")]
    since: String,
    #[arg(long)]
    json: bool,
}

/// What came out.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Report {
    since: Millis,
    /// Decisions in that time.
    decisions: u64,
    /// Of those: put to the other policy.
    replayed: u64,
    /// Of those: somebody passed an ordinary factor, which no policy decides.
    by_factor: u64,
    /// Of those: recorded without what policy was asked.
    unrecorded: u64,
    /// How many were decided how.
    was: BTreeMap<String, u64>,
    /// How many would have been.
    would_be: BTreeMap<String, u64>,
    /// `step_up -> allow`: how many.
    moves: BTreeMap<String, u64>,
    /// The first of them.
    changes: Vec<Change>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Change {
    id: String,
    at: Millis,
    user: String,
    connection: String,
    was: String,
    would_be: String,
    rule_was: String,
    rule: String,
    reasons: Vec<&'static str>,
}

impl Replay {
    pub async fn run(self, app: &App) -> anyhow::Result<()> {
        let policy = Policy::parse(&self.text(app).await?)
            .context("this is not a policy that could be in force")?;
        let mut report = Report {
            since: since(&self.since, app.now_ms())?,
            ..Report::default()
        };
        let (mut at, mut last) = (report.since, String::new());
        loop {
            let rows = app.store.decisions_after(at, &last, PAGE).await?;
            let Some(end) = rows.last() else { break };
            (at, last) = (end.at, end.id.clone());
            rows.iter().for_each(|row| report.take(&policy, row));
        }
        match self.json {
            true => open::print_json(&report),
            false => {
                report.print();
                Ok(())
            }
        }
    }

    async fn text(&self, app: &App) -> anyhow::Result<String> {
        match (&self.file, self.version) {
            (Some(file), _) => {
                std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))
            }
            (None, Some(version)) => {
                let row = app.store.find_policy(version).await?;
                Ok(row
                    .with_context(|| {
                        format!("there is no version {version}: `tacit policy history` lists them")
                    })?
                    .text)
            }
            (None, None) => bail!("name a file or a --version"),
        }
    }
}

impl Report {
    fn take(&mut self, policy: &Policy, row: &Decision) {
        self.decisions += 1;
        if row.is_by_factor() {
            self.by_factor += 1;
            return;
        }
        let Ok(question) = serde_json::from_str::<Question>(&row.facts) else {
            self.unrecorded += 1;
            return;
        };
        self.replayed += 1;
        let judgement = judge(policy, &question);
        let would_be = judgement.outcome.code();
        *self.was.entry(row.outcome.clone()).or_default() += 1;
        *self.would_be.entry(would_be.into()).or_default() += 1;
        if row.outcome == would_be {
            return;
        }
        let step = format!("{} -> {would_be}", row.outcome);
        *self.moves.entry(step).or_default() += 1;
        if self.changes.len() < LISTED {
            self.changes.push(Change {
                id: row.id.clone(),
                at: row.at,
                user: row.user.clone(),
                connection: row.connection.clone(),
                was: row.outcome.clone(),
                would_be: would_be.into(),
                rule_was: row.rule.clone(),
                rule: judgement.rule.unwrap_or_default(),
                reasons: judgement.reasons.iter().map(|r| r.code()).collect(),
            });
        }
    }

    fn print(&self) {
        println!(
            "{} decisions since {}: {} replayed, {} by an ordinary factor, {} without a record of what policy was asked",
            self.decisions,
            rfc3339(self.since),
            self.replayed,
            self.by_factor,
            self.unrecorded
        );
        for outcome in ["allow", "step_up", "decline", "observe"] {
            let count = |of: &BTreeMap<String, u64>| of.get(outcome).copied().unwrap_or(0);
            println!(
                "{outcome:>8}  was {:>8}  would be {:>8}",
                count(&self.was),
                count(&self.would_be)
            );
        }
        for (step, n) in &self.moves {
            println!("{n:>8}  {step}");
        }
        for change in &self.changes {
            println!(
                "{}  {}  {}  {} ({:?}) -> {} ({:?})  {}",
                rfc3339(change.at),
                change.user,
                change.connection,
                change.was,
                change.rule_was,
                change.would_be,
                change.rule,
                change.reasons.join(", ")
            );
        }
        let moved: u64 = self.moves.values().sum();
        if moved > LISTED as u64 {
            println!("… and {} more", moved - LISTED as u64);
        }
    }
}

fn since(text: &str, now: Millis) -> anyhow::Result<Millis> {
    let wrong =
        || format!("{text:?} is neither a time such as 30d or 12h nor a day such as 2026-11-01");
    let ago = |n: &str, unit: Millis| {
        let n: u32 = n.parse().ok()?;
        now.checked_sub(unit.checked_mul(Millis::from(n))?)
    };
    let at = match (text.strip_suffix('d'), text.strip_suffix('h')) {
        (Some(days), _) => ago(days, DAY),
        (None, Some(hours)) => ago(hours, HOUR),
        (None, None) => {
            let day: Option<jiff::civil::Date> = text.parse().ok();
            day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok())
                .map(|midnight| midnight.timestamp().as_millisecond())
        }
    };
    at.with_context(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_in_days_hours_or_as_a_day() {
        for (text, at) in [
            ("0d", Some(40 * DAY)),
            ("30d", Some(10 * DAY)),
            ("12h", Some(40 * DAY - 12 * HOUR)),
            ("1970-01-03", Some(2 * DAY)),
            ("30", None),
            ("-1d", None),
            ("99999999999d", None),
            ("2026-13-01", None),
            ("", None),
        ] {
            assert_eq!(since(text, 40 * DAY).ok(), at, "{text}");
        }
    }
}
