//! What the console shows, read in a few bounded queries.

use super::{Result, Store};
use crate::clock::{HOUR, Millis};
use sqlx::FromRow;

/// Rows of one list on the console.
pub const ROWS: i64 = 25;

/// How the challenges that began in one hour ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HourCounts {
    /// Answered silently.
    pub silent: i64,
    /// An ordinary factor was asked for.
    pub step_up: i64,
    /// Left to Okta.
    pub declined: i64,
}

/// Silent challenge times, in ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Median.
    pub p50: i64,
    /// 95 of 100 were as quick or quicker.
    pub p95: i64,
}

/// A device as the console lists it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct DeviceLine {
    /// Thumbprint.
    pub id: String,
    /// `pending` or `bound`.
    pub status: String,
    /// 0 = stands.
    pub revoked_at: Millis,
    /// How its key is kept.
    pub protection_class: String,
    /// JSON of [`wire::statement::Posture`].
    pub posture: String,
    /// Extension version; empty until a heartbeat.
    pub extension: String,
    /// Host version; empty until a heartbeat.
    pub host: String,
    /// Last sign of life.
    pub last_seen: Millis,
}

/// What a device has learned of a person.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct PersonLine {
    /// The person.
    pub login: String,
    /// The device.
    pub device_id: String,
    /// Per cent.
    pub progress: i64,
    /// 1 = mature.
    pub mature: i64,
    /// Confirmed windows.
    pub confirmations: i64,
    /// 0 = silence is on.
    pub silence_off_at: Millis,
    /// Code of the reason; empty while silence is on.
    pub silence_off_reason: String,
}

/// Something that was added to an account or taken from it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ChangeLine {
    /// The event.
    pub id: String,
    /// When.
    pub at: Millis,
    /// `bound`, `factor_added` or `device_revoked`.
    pub kind: String,
    /// The person; empty if it concerns several.
    pub login: String,
    /// The device; may be empty.
    pub device_id: String,
    /// Who did it.
    pub actor: String,
}

macro_rules! silent {
    ($columns:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM decisions WHERE at >= $1 AND outcome = 'allow' AND factor = 'silent'"
        )
    };
}

impl Store {
    /// Counts per hour, `hours` of them up to the one that `now` is in, with the start of each.
    pub async fn count_by_hour(
        &self,
        hours: i64,
        now: Millis,
    ) -> Result<Vec<(Millis, HourCounts)>> {
        let first = now.div_euclid(HOUR) - hours + 1;
        // `silent` beats `decline` beats `step_up`: what a challenge came to in the end, whatever was recorded on the way.
        // A challenge that an ordinary factor passed was a step-up.
        let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
            "SELECT hour, ended, CAST(count(*) AS BIGINT) FROM (SELECT CAST(min(at) / 3600000 AS BIGINT) AS hour, \
             CAST(max(CASE WHEN outcome = 'allow' AND factor = 'silent' THEN 3 WHEN outcome = 'decline' THEN 2 ELSE 1 END) \
             AS BIGINT) AS ended FROM decisions WHERE at >= $1 GROUP BY challenge_id) AS e GROUP BY hour, ended",
        )
        .bind(first * HOUR)
        .fetch_all(&self.pool)
        .await?;
        let mut counts: Vec<_> = (first..first + hours)
            .map(|hour| (hour * HOUR, HourCounts::default()))
            .collect();
        for (hour, ended, n) in rows {
            let Some((_, at)) = usize::try_from(hour - first)
                .ok()
                .and_then(|i| counts.get_mut(i))
            else {
                continue;
            };
            match ended {
                3 => at.silent += n,
                2 => at.declined += n,
                _ => at.step_up += n,
            }
        }
        Ok(counts)
    }

    /// Challenge times of the silent answers since `since`; `None` if there were none.
    pub async fn silent_times(&self, since: Millis) -> Result<Option<Times>> {
        let n: i64 = sqlx::query_scalar(silent!("CAST(count(*) AS BIGINT)"))
            .bind(since)
            .fetch_one(&self.pool)
            .await?;
        if n == 0 {
            return Ok(None);
        }
        Ok(Some(Times {
            p50: self.silent_time(since, rank(n, 50)).await?,
            p95: self.silent_time(since, rank(n, 95)).await?,
        }))
    }

    async fn silent_time(&self, since: Millis, offset: i64) -> Result<i64> {
        let time: Option<i64> = sqlx::query_scalar(concat!(
            silent!("challenge_ms"),
            " ORDER BY challenge_ms LIMIT 1 OFFSET $2"
        ))
        .bind(since)
        .bind(offset)
        .fetch_optional(&self.pool)
        .await?;
        // A row may have been swept away between the two queries.
        Ok(time.unwrap_or(0))
    }

    /// The devices that were seen last.
    pub async fn latest_devices(&self) -> Result<Vec<DeviceLine>> {
        let rows = sqlx::query_as(
            "SELECT id, status, revoked_at, protection_class, posture, extension, host, last_seen FROM devices \
             ORDER BY last_seen DESC, id LIMIT $1",
        )
        .bind(ROWS)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// What was added to accounts and taken from them, the latest first: what notices tell of.
    pub async fn latest_changes(&self) -> Result<Vec<ChangeLine>> {
        let rows = sqlx::query_as(
            "SELECT e.id, e.at, e.kind, COALESCE(u.login, '') AS login, e.device_id, e.actor FROM events e \
             LEFT JOIN users u ON u.id = e.user_id WHERE e.kind IN ('bound', 'factor_added', 'device_revoked') \
             ORDER BY e.at DESC, e.id DESC LIMIT $1",
        )
        .bind(ROWS)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// People with the devices that are bound to them, by login.
    pub async fn bound_people(&self) -> Result<Vec<PersonLine>> {
        let rows = sqlx::query_as(
            "SELECT DISTINCT u.login, b.device_id, COALESCE(n.progress, 0) AS progress, COALESCE(n.mature, 0) AS mature, \
             COALESCE(n.confirmations, 0) AS confirmations, COALESCE(n.silence_off_at, 0) AS silence_off_at, \
             COALESCE(n.silence_off_reason, '') AS silence_off_reason \
             FROM bindings b JOIN users u ON u.id = b.user_id \
             LEFT JOIN norms n ON n.user_id = b.user_id AND n.device_id = b.device_id \
             WHERE b.revoked_at = 0 ORDER BY u.login, b.device_id LIMIT $1",
        )
        .bind(ROWS)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// The administrator of a session that has neither ended nor lain idle since `idle_since`. Unlike
    /// [`Store::touch_admin_session`] this is no use of it: a page that polls by itself keeps nobody signed in.
    pub async fn find_admin_session(
        &self,
        hash: &str,
        idle_since: Millis,
        now: Millis,
    ) -> Result<Option<String>> {
        let admin = sqlx::query_scalar("SELECT admin FROM admin_sessions WHERE hash = $1 AND expires_at > $3 AND last_seen >= $2")
            .bind(hash)
            .bind(idle_since)
            .bind(now)
            .fetch_optional(&self.pool)
            .await?;
        Ok(admin)
    }
}

/// Nearest rank: the offset of the value that `percent` of `n` sorted values do not exceed.
fn rank(n: i64, percent: i64) -> i64 {
    (n * percent + 99) / 100 - 1
}

#[cfg(test)]
mod tests {
    use super::rank;

    #[test]
    fn ranks_are_the_nearest() {
        for (n, percent, offset) in [
            (1, 50, 0),
            (1, 95, 0),
            (2, 50, 0),
            (3, 50, 1),
            (20, 95, 18),
            (21, 95, 19),
            (100, 95, 94),
        ] {
            assert_eq!(rank(n, percent), offset, "{percent} % of {n}");
        }
    }
}
