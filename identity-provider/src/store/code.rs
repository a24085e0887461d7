//! Help-desk codes. Only their keyed hash is stored.

use super::{Result, Store};
use crate::{clock::Millis, domain::code::Purpose};
use wire::id::ChallengeId;

/// A code as it is issued.
#[derive(Debug, Clone)]
pub struct CodeRow {
    /// Its name in the records.
    pub id: String,
    /// The one challenge it is for.
    pub challenge: ChallengeId,
    /// The one thing it is for.
    pub purpose: Purpose,
    /// [`crate::keys::MasterKey::code_hash`].
    pub hash: String,
    /// Who issued it.
    pub issued_by: String,
    /// When.
    pub created_at: Millis,
    /// Until when it is good.
    pub expires_at: Millis,
}

impl Store {
    /// Remembers a code. An earlier unused one for the same challenge and purpose is void from now on.
    pub async fn insert_code(&self, code: &CodeRow) -> Result<()> {
        let mut write = self.write().await?;
        sqlx::query("UPDATE help_desk_codes SET used_at = -1 WHERE challenge_id = $1 AND purpose = $2 AND used_at = 0")
            .bind(code.challenge.as_str())
            .bind(code.purpose.code())
            .execute(&mut *write)
            .await?;
        sqlx::query(
            "INSERT INTO help_desk_codes (id, challenge_id, purpose, hash, issued_by, created_at, expires_at, used_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, 0)",
        )
        .bind(&code.id)
        .bind(code.challenge.as_str())
        .bind(code.purpose.code())
        .bind(&code.hash)
        .bind(&code.issued_by)
        .bind(code.created_at)
        .bind(code.expires_at)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }

    /// Uses up the code of this challenge with this hash, and tells what it is for and who issued it. Once only.
    pub async fn use_code(
        &self,
        challenge: &ChallengeId,
        hash: &str,
        now: Millis,
    ) -> Result<Option<(Purpose, String)>> {
        let mut write = self.one().await?;
        let used: Option<(String, String)> = sqlx::query_as(
            "UPDATE help_desk_codes SET used_at = $3 WHERE challenge_id = $1 AND hash = $2 AND used_at = 0 \
             AND expires_at > $3 RETURNING purpose, issued_by",
        )
        .bind(challenge.as_str())
        .bind(hash)
        .bind(now)
        .fetch_optional(&mut *write)
        .await?;
        write.commit().await?;
        Ok(used.and_then(|(purpose, issuer)| Some((Purpose::from_code(&purpose)?, issuer))))
    }

    /// Counts a try at the codes of a challenge before it is judged; `false` once `most` were made.
    pub async fn count_code_attempt(&self, challenge: &ChallengeId, most: i64) -> Result<bool> {
        let mut write = self.one().await?;
        let done = sqlx::query("UPDATE challenges SET code_attempts = code_attempts + 1 WHERE id = $1 AND code_attempts < $2")
            .bind(challenge.as_str())
            .bind(most)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(done.rows_affected() == 1)
    }
}
