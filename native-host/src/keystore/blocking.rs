//! Calls of a platform's store that may take long or hang: on a thread of their own, with a deadline, because a
//! browser's other requests must not wait for them.

use super::KeystoreError;
use std::time::Duration;
use tokio::time::timeout;

/// Runs `work` and waits for it at most so long; `store` is for the error.
pub(super) async fn within<T: Send + 'static>(
    patience: Duration,
    store: &'static str,
    work: impl FnOnce() -> Result<T, KeystoreError> + Send + 'static,
) -> Result<T, KeystoreError> {
    match timeout(patience, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(done)) => done,
        _ => Err(KeystoreError::StoreTimeout(store)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn a_store_that_hangs_is_not_waited_for() {
        let (release, hang) = mpsc::channel::<()>();
        let work = move || {
            let _ = hang.recv();
            Ok(())
        };
        let error = within(Duration::from_millis(20), "CNG", work).await;
        assert!(matches!(error, Err(KeystoreError::StoreTimeout("CNG"))));
        drop(release);
        let done = within(Duration::from_secs(20), "CNG", || Ok(7)).await;
        assert_eq!(done.unwrap(), 7);
    }
}
