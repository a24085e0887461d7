//! When a person last passed an ordinary factor, in a browser and on a device.

use super::{Result, Store, Write};
use crate::{clock::Millis, domain::user::UserId};
use wire::id::DeviceId;

/// Nothing older matters: the longest lifetime that a policy may name is a year.
const KEPT: Millis = 366 * crate::clock::DAY;

/// When it last was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Prompts {
    /// In the browser that was asked.
    pub browser: Option<Millis>,
    /// On the device that answered.
    pub device: Option<Millis>,
}

impl Store {
    /// The person has just passed an ordinary factor in the browser of this cookie hash and, if it is known, on this device.
    pub async fn note_prompt(
        write: &mut Write<'_>,
        user: &UserId,
        browser: &str,
        device: Option<&DeviceId>,
        now: Millis,
    ) -> Result<()> {
        let device = device.map(|device| ("device", device.as_str()));
        for (kind, value) in [Some(("browser", browser)), device].into_iter().flatten() {
            sqlx::query(
                "INSERT INTO prompts (user_id, kind, value, passed_at) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (user_id, kind, value) DO UPDATE SET passed_at = excluded.passed_at",
            )
            .bind(user.as_str())
            .bind(kind)
            .bind(value)
            .bind(now)
            .execute(&mut **write)
            .await?;
        }
        Ok(())
    }

    /// When the person last passed an ordinary factor here.
    pub async fn find_prompts(
        &self,
        user: &UserId,
        browser: &str,
        device: &DeviceId,
    ) -> Result<Prompts> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT kind, passed_at FROM prompts WHERE user_id = $1 \
             AND ((kind = 'browser' AND value = $2) OR (kind = 'device' AND value = $3))",
        )
        .bind(user.as_str())
        .bind(browser)
        .bind(device.as_str())
        .fetch_all(&self.pool)
        .await?;
        let of = |kind: &str| {
            let mut found = rows.iter().filter(|(k, _)| k == kind);
            found.next().map(|(_, at)| *at)
        };
        Ok(Prompts {
            browser: of("browser"),
            device: of("device"),
        })
    }

    /// Forgets what no policy may look at any more.
    pub(super) async fn sweep_prompts(&self, now: Millis) -> Result<u64> {
        let mut write = self.one().await?;
        let done = sqlx::query("DELETE FROM prompts WHERE passed_at < $1")
            .bind(now - KEPT)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(done.rows_affected())
    }
}
