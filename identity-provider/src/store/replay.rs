//! What must not be seen twice.

use super::{Result, Store, StoreError};
use crate::clock::Millis;

impl Store {
    /// Notes that `value` was seen; `false` if it had been. It stays known until `expires_at`.
    pub async fn note_once(&self, kind: &str, value: &str, expires_at: Millis) -> Result<bool> {
        let mut write = self.one().await?;
        let noted =
            sqlx::query("INSERT INTO replays (kind, value, expires_at) VALUES ($1, $2, $3)")
                .bind(kind)
                .bind(value)
                .bind(expires_at)
                .execute(&mut *write)
                .await
                .map_err(StoreError::from);
        match noted {
            Ok(_) => {
                write.commit().await?;
                Ok(true)
            }
            Err(StoreError::Conflict) => Ok(false),
            Err(other) => Err(other),
        }
    }
}
