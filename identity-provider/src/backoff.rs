//! How long to wait before trying again.

use crate::clock::Millis;

/// Twice as long each time, a quarter more or less, so that what failed together does not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// After the first attempt, in ms.
    pub first: Millis,
    /// However many attempts there were, in ms.
    pub longest: Millis,
}

impl Backoff {
    /// After so many attempts; `chance` is 0 to 999.
    pub fn pause(&self, attempts: i64, chance: u16) -> Millis {
        let doubled = u32::try_from(attempts.clamp(1, 16) - 1).unwrap_or(0);
        let pause = (self.first << doubled).min(self.longest);
        pause * 3 / 4 + pause * Millis::from(chance) / 2_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{HOUR, SECOND};

    #[test]
    fn pauses_double_up_to_the_longest_and_differ() {
        let backoff = Backoff {
            first: 30 * SECOND,
            longest: 2 * HOUR,
        };
        for (attempts, chance, ms) in [
            (1, 0, 22_500),
            (1, 500, 30_000),
            (1, 999, 37_485),
            (2, 500, 60_000),
            (8, 500, 3_840_000),
            (9, 500, 2 * HOUR),
            (16, 500, 2 * HOUR),
            (i64::MAX, 999, 8_996_400),
            (0, 500, 30_000),
        ] {
            assert_eq!(backoff.pause(attempts, chance), ms, "{attempts} {chance}");
        }
    }
}
