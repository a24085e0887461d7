//! Challenges. Every move is one conditional UPDATE, so of many at once one wins.

use super::{Result, Store, StoreError, Write, corrupt, from_json, id, json};
use crate::{
    clock::Millis,
    domain::{
        challenge::{Candidate, Challenge, Factor, State},
        user::UserId,
    },
};
use sqlx::{FromRow, Row, any::AnyRow};
use wire::{
    id::{ChallengeId, ConnectionId, DeviceId, Digest, Nonce, Thumbprint, UserName},
    reason::Reason,
};

macro_rules! columns {
    () => {
        "id, connection_id, request, req, subject, user_id, browser, nonce, nonce_used, state, reasons, allowed_factors, \
         fallback_at, factor, amr, passed_at, matching, place, agent, application, device_id, installation, \
         answered_by, created_at, expires_at, decided_at"
    };
}

fn some(at: Millis) -> Option<Millis> {
    (at != 0).then_some(at)
}

impl FromRow<'_, AnyRow> for Challenge {
    fn from_row(row: &AnyRow) -> std::result::Result<Self, sqlx::Error> {
        let text = |column: &'static str| row.try_get::<String, _>(column);
        let user = text("user_id")?;
        let candidate = match text("device_id")?.is_empty() {
            true => None,
            false => Some(Candidate {
                device: id::<DeviceId>(row, "device_id")?,
                installation: id::<Thumbprint>(row, "installation")?,
            }),
        };
        let list = |column: &'static str| -> std::result::Result<Vec<String>, sqlx::Error> {
            from_json(&text(column)?, column).map_err(|_| corrupt(column))
        };
        Ok(Self {
            id: id::<ChallengeId>(row, "id")?,
            connection: id::<ConnectionId>(row, "connection_id")?,
            request: from_json(&text("request")?, "request").map_err(|_| corrupt("request"))?,
            req: id::<Digest>(row, "req")?,
            subject: id::<UserName>(row, "subject")?,
            user: (!user.is_empty()).then(|| UserId::from_row_text(user)),
            browser: text("browser")?,
            nonce: id::<Nonce>(row, "nonce")?,
            nonce_used: row.try_get::<i64, _>("nonce_used")? != 0,
            state: State::from_code(&text("state")?).ok_or_else(|| corrupt("state"))?,
            reasons: list("reasons")?
                .iter()
                .filter_map(|c| Reason::from_code(c))
                .collect(),
            allowed_factors: list("allowed_factors")?
                .iter()
                .filter_map(|c| Factor::from_code(c))
                .collect(),
            fallback_at: some(row.try_get("fallback_at")?),
            factor: text("factor")?,
            amr: list("amr")?,
            passed_at: some(row.try_get("passed_at")?),
            matching: text("matching")?,
            place: text("place")?,
            agent: text("agent")?,
            application: text("application")?,
            candidate,
            answered_by: match text("answered_by")?.is_empty() {
                true => None,
                false => Some(id::<DeviceId>(row, "answered_by")?),
            },
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
            decided_at: row.try_get("decided_at")?,
        })
    }
}

/// What became of an answer.
#[derive(Debug, Clone)]
pub struct Scored<'a> {
    /// Whose it was.
    pub device: &'a DeviceId,
    /// Where the challenge stands now.
    pub state: State,
    /// Why.
    pub reasons: &'a [Reason],
    /// What the chooser may offer.
    pub factors: &'a [Factor],
    /// Methods for the Response.
    pub amr: &'a [String],
}

impl Store {
    /// Adds a challenge; [`StoreError::Conflict`] if its request is known already.
    pub async fn insert_challenge(&self, c: &Challenge) -> Result<()> {
        let mut write = self.one().await?;
        let inserted = sqlx::query(
            "INSERT INTO challenges (id, connection_id, request_id, request, req, subject, user_id, browser, nonce, \
             nonce_used, state, reasons, allowed_factors, fallback_at, factor, amr, passed_at, matching, place, agent, \
             application, device_id, installation, answered_by, code_attempts, created_at, expires_at, decided_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $11, $12, 0, '', '[]', 0, $13, $14, $15, $16, '', '', '', \
             0, $17, $18, 0)",
        )
        .bind(c.id.as_str())
        .bind(c.connection.as_str())
        .bind(c.request.id())
        .bind(json(&c.request))
        .bind(c.req.as_str())
        .bind(c.subject.as_str())
        .bind(c.user.as_ref().map_or("", UserId::as_str))
        .bind(&c.browser)
        .bind(c.nonce.as_str())
        .bind(c.state.code())
        .bind(json(&c.reasons))
        .bind(json(&c.allowed_factors))
        .bind(&c.matching)
        .bind(&c.place)
        .bind(&c.agent)
        .bind(&c.application)
        .bind(c.created_at)
        .bind(c.expires_at)
        .execute(&mut *write)
        .await
        .map_err(StoreError::from);
        // Committed even if nothing was inserted: the row that stood in the way may share this turn's batch, and whoever
        // is told of a conflict looks for it next.
        write.commit().await?;
        inserted.map(|_| ())
    }

    /// The challenge of this id.
    pub async fn find_challenge(&self, id: &ChallengeId) -> Result<Option<Challenge>> {
        let found = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM challenges WHERE id = $1"
        ))
        .bind(id.as_str())
        .fetch_optional(&self.pool)
        .await?;
        Ok(found)
    }

    /// The challenge that was made of this request.
    pub async fn find_challenge_of_request(
        &self,
        connection: &ConnectionId,
        request_id: &str,
    ) -> Result<Option<Challenge>> {
        let found = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM challenges WHERE connection_id = $1 AND request_id = $2"
        ))
        .bind(connection.as_str())
        .bind(request_id)
        .fetch_optional(&self.pool)
        .await?;
        Ok(found)
    }

    /// Open challenges that show this number. More than one means that the help desk has to ask for another.
    pub async fn find_challenges_matching(
        &self,
        matching: &str,
        now: Millis,
    ) -> Result<Vec<Challenge>> {
        let found = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM challenges WHERE matching = $1 AND expires_at > $2 AND state IN ('waiting', 'step_up') LIMIT 2"
        ))
        .bind(matching)
        .bind(now)
        .fetch_all(&self.pool)
        .await?;
        Ok(found)
    }

    /// Uses the nonce up and writes down what became of the answer, in one UPDATE: of many at once exactly one gets `true`,
    /// and none once a fallback has begun.
    pub async fn score_answer(
        write: &mut Write<'_>,
        id: &ChallengeId,
        nonce: &Nonce,
        scored: &Scored<'_>,
        now: Millis,
    ) -> Result<bool> {
        let factor = if scored.state == State::Allowed {
            "silent"
        } else {
            ""
        };
        let done = sqlx::query(
            "UPDATE challenges SET nonce_used = 1, answered_by = $3, state = $4, reasons = $5, allowed_factors = $6, amr = $7, \
             factor = $8, decided_at = $9 WHERE id = $1 AND nonce = $2 AND nonce_used = 0 AND fallback_at = 0 \
             AND state IN ('waiting', 'step_up') AND expires_at > $9",
        )
        .bind(id.as_str())
        .bind(nonce.as_str())
        .bind(scored.device.as_str())
        .bind(scored.state.code())
        .bind(json(&scored.reasons))
        .bind(json(&scored.factors))
        .bind(json(&scored.amr))
        .bind(factor)
        .bind(now)
        .execute(&mut **write)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Stops waiting: no answer came or will come. A late one still counts. `false` if it was not waiting any more.
    pub async fn stop_waiting(
        write: &mut Write<'_>,
        id: &ChallengeId,
        state: State,
        reasons: &[Reason],
        factors: &[Factor],
        now: Millis,
    ) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE challenges SET state = $2, reasons = $3, allowed_factors = $4, decided_at = $5 \
             WHERE id = $1 AND state = 'waiting' AND nonce_used = 0",
        )
        .bind(id.as_str())
        .bind(state.code())
        .bind(json(&reasons))
        .bind(json(&factors))
        .bind(now)
        .execute(&mut **write)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Notes that an ordinary factor was begun; `false` if the challenge is decided or expired.
    pub async fn begin_fallback(&self, id: &ChallengeId, now: Millis) -> Result<bool> {
        let mut write = self.one().await?;
        let done = sqlx::query(
            "UPDATE challenges SET fallback_at = CASE WHEN fallback_at = 0 THEN $2 ELSE fallback_at END, state = 'step_up' \
             WHERE id = $1 AND state IN ('waiting', 'step_up') AND expires_at > $2",
        )
        .bind(id.as_str())
        .bind(now)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Allows the challenge because an ordinary factor passed; once only.
    pub async fn allow_by_factor(
        write: &mut Write<'_>,
        id: &ChallengeId,
        factor: Factor,
        amr: &[String],
        reasons: &[Reason],
        now: Millis,
    ) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE challenges SET state = 'allowed', factor = $2, amr = $3, reasons = $4, decided_at = $5, passed_at = $5, \
             fallback_at = CASE WHEN fallback_at = 0 THEN $5 ELSE fallback_at END \
             WHERE id = $1 AND state IN ('waiting', 'step_up') AND expires_at > $5",
        )
        .bind(id.as_str())
        .bind(factor.code())
        .bind(json(&amr))
        .bind(json(&reasons))
        .bind(now)
        .execute(&mut **write)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Remembers which device this browser offers for binding: the first one, or the same again.
    pub async fn offer_candidate(
        &self,
        id: &ChallengeId,
        candidate: &Candidate,
        now: Millis,
    ) -> Result<bool> {
        let mut write = self.one().await?;
        let done = sqlx::query(
            "UPDATE challenges SET device_id = $2, installation = $3 WHERE id = $1 AND expires_at > $4 \
             AND (device_id = '' OR (device_id = $2 AND installation = $3))",
        )
        .bind(id.as_str())
        .bind(candidate.device.as_str())
        .bind(candidate.installation.as_str())
        .bind(now)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(done.rows_affected() == 1)
    }
}
