//! Waiting for a condition with a deadline, never for a time.

use anyhow::{Result, bail};
use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_millis(25);

/// Asks `look` until it gives something, at most for `patience`.
pub fn until<T>(
    what: &str,
    patience: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            bail!("waited {} s for {what}", patience.as_secs_f32());
        }
        std::thread::sleep(STEP);
    }
}

/// The same for something that is asked asynchronously.
pub async fn until_async<T>(
    what: &str,
    patience: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            bail!("waited {} s for {what}", patience.as_secs_f32());
        }
        tokio::time::sleep(STEP).await;
    }
}
