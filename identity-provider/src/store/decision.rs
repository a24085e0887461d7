//! The audit trail: decisions and everything else that somebody may have to answer for. Rows are only ever added.

use super::{Result, Store, Write, json};
use crate::{clock::Millis, domain::challenge::Challenge, random};
use sqlx::{FromRow, Row, any::AnyRow};
use wire::{reason::Reason, server::Outcome};

/// One decision with its reasons.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Decision {
    /// Its name.
    pub id: String,
    /// When.
    pub at: Millis,
    /// About which challenge.
    pub challenge: String,
    /// Through which connection.
    pub connection: String,
    /// Okta's id of the request.
    pub request_id: String,
    /// Our id of the person; empty if there is none of that name.
    #[serde(skip)]
    pub user_id: String,
    /// The name as asked for.
    pub user: String,
    /// The device that answered; empty if none did.
    pub device: String,
    /// The browser profile's key.
    pub installation: String,
    /// What was decided: `allow`, `step_up`, `decline`, `observe`.
    pub outcome: String,
    /// Codes of the reasons.
    pub reasons: Vec<String>,
    /// What passed: `silent`, `passkey`, `totp`, `code`; empty if nothing did.
    pub factor: String,
    /// How the device key is kept; empty if none answered.
    pub protection_class: String,
    /// What the engine said; empty if it was not asked.
    pub verdict: String,
    /// Log-likelihood ratio; 0 without a verdict.
    pub llr: f64,
    /// JSON of the signed claims that were looked at; empty if there are none.
    #[serde(skip)]
    pub evidence: String,
    /// JSON of [`crate::domain::answer::Question`]; empty if policy was not asked.
    #[serde(skip)]
    pub facts: String,
    /// The policy rule that matched.
    pub rule: String,
    /// From the request to the decision.
    pub challenge_ms: i64,
    /// The policy in force; 0 if none was asked.
    pub policy_version: i64,
}

impl Decision {
    /// About `challenge`, with nothing known of an answer.
    pub fn of(challenge: &Challenge, outcome: Outcome, reasons: &[Reason], now: Millis) -> Self {
        Self {
            id: random::id(now),
            at: now,
            challenge: challenge.id.to_string(),
            connection: challenge.connection.to_string(),
            request_id: challenge.request.id().to_owned(),
            user_id: user_of(challenge),
            user: challenge.subject.to_string(),
            device: String::new(),
            installation: String::new(),
            outcome: outcome.code().into(),
            reasons: reasons.iter().map(|r| r.code().into()).collect(),
            factor: String::new(),
            protection_class: String::new(),
            verdict: String::new(),
            llr: 0.0,
            evidence: String::new(),
            facts: String::new(),
            rule: String::new(),
            challenge_ms: now - challenge.created_at,
            policy_version: 0,
        }
    }

    /// How far the device's clock was ahead of ours, in seconds; none if no device answered.
    pub fn clock_off_s(&self) -> Option<i64> {
        let evidence: serde_json::Value = serde_json::from_str(&self.evidence).ok()?;
        Some(evidence["iat"].as_i64()? - crate::clock::seconds(self.at))
    }

    /// Whether an ordinary factor decided it, which no policy does.
    pub fn is_by_factor(&self) -> bool {
        !self.factor.is_empty() && self.factor != "silent"
    }
}

/// Something else that happened.
#[derive(Debug, Clone, PartialEq, Eq, FromRow, serde::Serialize)]
pub struct Event {
    /// Its name.
    pub id: String,
    /// When.
    pub at: Millis,
    /// `code_issued`, `bound`, `device_revoked`, …
    pub kind: String,
    /// Who did it.
    pub actor: String,
    /// Whom it concerns.
    pub user_id: String,
    /// Which device.
    pub device_id: String,
    /// Which challenge.
    pub challenge_id: String,
    /// In words.
    pub detail: String,
}

impl Event {
    /// About a challenge, its person and its candidate device.
    pub fn about(challenge: &Challenge, at: Millis, kind: &str, actor: &str, detail: &str) -> Self {
        let candidate = challenge.candidate.as_ref();
        Self {
            user_id: user_of(challenge),
            device_id: candidate.map_or_else(String::new, |c| c.device.to_string()),
            challenge_id: challenge.id.to_string(),
            ..Self::by_administrator(at, kind, actor, detail)
        }
    }

    /// About nobody in particular.
    pub fn by_administrator(at: Millis, kind: &str, actor: &str, detail: &str) -> Self {
        Self {
            id: random::id(at),
            at,
            kind: kind.into(),
            actor: actor.into(),
            user_id: String::new(),
            device_id: String::new(),
            challenge_id: String::new(),
            detail: detail.into(),
        }
    }
}

/// Our id of the person; empty if there is none of that name.
fn user_of(challenge: &Challenge) -> String {
    let user = challenge.user.as_ref();
    user.map_or_else(String::new, |user| user.as_str().into())
}

impl FromRow<'_, AnyRow> for Decision {
    fn from_row(row: &AnyRow) -> std::result::Result<Self, sqlx::Error> {
        let reasons: String = row.try_get("reasons")?;
        Ok(Self {
            id: row.try_get("id")?,
            at: row.try_get("at")?,
            challenge: row.try_get("challenge_id")?,
            connection: row.try_get("connection_id")?,
            request_id: row.try_get("request_id")?,
            user_id: row.try_get("user_id")?,
            user: row.try_get("login")?,
            device: row.try_get("device_id")?,
            installation: row.try_get("installation")?,
            outcome: row.try_get("outcome")?,
            reasons: serde_json::from_str(&reasons).map_err(|e| sqlx::Error::Decode(e.into()))?,
            factor: row.try_get("factor")?,
            protection_class: row.try_get("protection_class")?,
            verdict: row.try_get("verdict")?,
            llr: row.try_get("llr")?,
            evidence: row.try_get("evidence")?,
            rule: row.try_get("rule")?,
            challenge_ms: row.try_get("challenge_ms")?,
            policy_version: row.try_get("policy_version")?,
            facts: row.try_get("facts")?,
        })
    }
}

macro_rules! columns {
    () => {
        "id, at, challenge_id, connection_id, request_id, user_id, login, device_id, installation, outcome, reasons, \
         factor, protection_class, verdict, llr, evidence, rule, challenge_ms, policy_version, facts"
    };
}

impl Store {
    /// Adds a decision.
    pub async fn insert_decision(write: &mut Write<'_>, d: &Decision) -> Result<()> {
        sqlx::query(concat!(
            "INSERT INTO decisions (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)"
        ))
        .bind(&d.id)
        .bind(d.at)
        .bind(&d.challenge)
        .bind(&d.connection)
        .bind(&d.request_id)
        .bind(&d.user_id)
        .bind(&d.user)
        .bind(&d.device)
        .bind(&d.installation)
        .bind(&d.outcome)
        .bind(json(&d.reasons))
        .bind(&d.factor)
        .bind(&d.protection_class)
        .bind(&d.verdict)
        .bind(d.llr)
        .bind(&d.evidence)
        .bind(&d.rule)
        .bind(d.challenge_ms)
        .bind(d.policy_version)
        .bind(&d.facts)
        .execute(&mut **write)
        .await?;
        Ok(())
    }

    /// Decisions after the one of this time and id, oldest first, at most `most`; an empty id includes all of that time.
    pub async fn decisions_after(&self, at: Millis, id: &str, most: i64) -> Result<Vec<Decision>> {
        let rows = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM decisions WHERE at > $1 OR (at = $1 AND id > $2) ORDER BY at, id LIMIT $3"
        ))
        .bind(at)
        .bind(id)
        .bind(most)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// The latest decisions, newest first.
    pub async fn latest_decisions(&self, most: i64) -> Result<Vec<Decision>> {
        let rows = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM decisions ORDER BY at DESC, id DESC LIMIT $1"
        ))
        .bind(most)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// All decisions about a challenge, in their order.
    pub async fn decisions_of(&self, challenge: &str) -> Result<Vec<Decision>> {
        let rows = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM decisions WHERE challenge_id = $1 ORDER BY at, id"
        ))
        .bind(challenge)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// Notes something about a challenge.
    pub async fn insert_event(
        &self,
        at: Millis,
        kind: &str,
        actor: &str,
        challenge: &Challenge,
        detail: &str,
    ) -> Result<()> {
        self.append_event(&Event::about(challenge, at, kind, actor, detail))
            .await
    }

    /// Notes something that an administrator did.
    pub async fn insert_admin_event(
        &self,
        at: Millis,
        kind: &str,
        actor: &str,
        detail: &str,
    ) -> Result<()> {
        self.append_event(&Event::by_administrator(at, kind, actor, detail))
            .await
    }

    /// Notes anything.
    pub async fn append_event(&self, event: &Event) -> Result<()> {
        let mut write = self.write().await?;
        Self::append_event_in(&mut write, event).await?;
        write.commit().await?;
        Ok(())
    }

    /// Notes anything within the caller's transaction.
    pub async fn append_event_in(write: &mut Write<'_>, event: &Event) -> Result<()> {
        sqlx::query(
            "INSERT INTO events (id, at, kind, actor, user_id, device_id, challenge_id, detail) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&event.id)
        .bind(event.at)
        .bind(&event.kind)
        .bind(&event.actor)
        .bind(&event.user_id)
        .bind(&event.device_id)
        .bind(&event.challenge_id)
        .bind(&event.detail)
        .execute(&mut **write)
        .await?;
        Ok(())
    }

    /// Events since `since`, oldest first, at most `most`.
    pub async fn events_since(&self, since: Millis, most: i64) -> Result<Vec<Event>> {
        let rows = sqlx::query_as(
            "SELECT id, at, kind, actor, user_id, device_id, challenge_id, detail FROM events WHERE at >= $1 ORDER BY at, id LIMIT $2",
        )
        .bind(since)
        .bind(most)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }
}
