//! What every sign-in reads and hardly anybody changes, kept for a moment. A change by this process is seen at once, one by
//! another process after [`KEPT`].

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How long a value is believed.
const KEPT: Duration = Duration::from_millis(200);
/// Values of one kind; there are a handful of connections.
const MOST: usize = 256;

/// Values by key, none of them older than [`KEPT`].
pub(super) struct Recent<T>(Mutex<State<T>>);

struct State<T> {
    values: HashMap<String, (Instant, T)>,
    /// Counts changes: a value that was read before one is not put in after it.
    changes: u64,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::new(State {
            values: HashMap::new(),
            changes: 0,
        }))
    }
}

impl<T> fmt::Debug for Recent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recent(..)")
    }
}

/// Taken before a value is read from the database.
#[derive(Clone, Copy)]
pub(super) struct Ticket(u64);

impl<T: Clone> Recent<T> {
    /// The value, or the ticket with which to [`Self::put`] it.
    pub(super) fn find(&self, key: &str) -> Result<T, Ticket> {
        let state = self.lock();
        match state.values.get(key) {
            Some((read_at, value)) if read_at.elapsed() < KEPT => Ok(value.clone()),
            _ => Err(Ticket(state.changes)),
        }
    }

    /// Keeps a value that was read under `ticket`.
    pub(super) fn put(&self, ticket: Ticket, key: &str, value: &T) {
        let mut state = self.lock();
        if state.changes != ticket.0 {
            return;
        }
        if state.values.len() >= MOST {
            state.values.clear();
        }
        state
            .values
            .insert(key.to_owned(), (Instant::now(), value.clone()));
    }

    /// Something has changed.
    pub(super) fn forget(&self) {
        let mut state = self.lock();
        state.values.clear();
        state.changes += 1;
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Values are put in whole, so a panic elsewhere cannot have left half of one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_was_read_before_a_change_is_not_kept_after_it() {
        let recent = Recent::default();
        let ticket = recent.find("a").unwrap_err();
        recent.put(ticket, "a", &1);
        assert_eq!(recent.find("a").ok(), Some(1));
        let ticket = recent.find("b").unwrap_err();
        recent.forget();
        recent.put(ticket, "b", &1);
        assert!(recent.find("a").is_err() && recent.find("b").is_err());
    }

    #[test]
    fn a_value_is_believed_for_a_moment_only() {
        let recent = Recent::default();
        let ticket = recent.find("a").unwrap_err();
        recent.put(ticket, "a", &1);
        let old = Instant::now().checked_sub(KEPT).unwrap();
        recent.lock().values.get_mut("a").unwrap().0 = old;
        assert!(recent.find("a").is_err());
    }
}
