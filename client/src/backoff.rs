//! How long to wait before the next try. *core*

use std::time::Duration;

/// Waits that double from the first to the longest, each up to 20 % shorter or longer (KIP-580).
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    attempts: u32,
}

impl Backoff {
    /// The chance that makes a wait neither shorter nor longer.
    pub const NO_JITTER: u64 = 200;
    /// What no wait comes to: nothing is tried in a loop that never rests.
    pub const AT_ONCE: Duration = Duration::from_millis(10);

    /// Waits between `first` and `max`. Nothing as the first one means no wait at all: then each
    /// is [`AT_ONCE`](Self::AT_ONCE).
    #[must_use]
    pub fn new(first: Duration, max: Duration) -> Self {
        match first.is_zero() {
            true => Self { first: Self::AT_ONCE, max: Self::AT_ONCE, attempts: 0 },
            false => Self { first, max: max.max(first), attempts: 0 },
        }
    }

    /// The next wait. `chance` is any number; it decides how much shorter or longer the wait is.
    #[must_use]
    pub fn next(&mut self, chance: u64) -> Duration {
        let doubled = self.first.saturating_mul(1 << self.attempts.min(DOUBLINGS_MAX));
        self.attempts = self.attempts.saturating_add(1);
        let permille = 800 + u32::try_from(chance % 401).unwrap_or(0);
        doubled.min(self.max).saturating_mul(permille) / 1000
    }

    /// Whether the next wait is the first one.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.attempts == 0
    }

    /// Begins again, after a success.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}

const DOUBLINGS_MAX: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_longest_and_begins_again() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(50), ms(1000));
        let mut next = || backoff.next(Backoff::NO_JITTER);
        let waits = [next(), next(), next(), next(), next(), next(), next()];
        assert_eq!(waits, [50, 100, 200, 400, 800, 1000, 1000].map(ms));
        backoff.reset();
        assert_eq!(backoff.next(200), ms(50));
    }

    #[test]
    fn jitter_stays_within_a_fifth() {
        for chance in 0..401 {
            let wait = Backoff::new(Duration::from_secs(1), Duration::from_secs(1)).next(chance);
            assert!((800..=1200).contains(&wait.as_millis()), "{wait:?}");
        }
    }

    #[test]
    fn no_wait_is_a_short_one_that_does_not_grow() {
        let mut backoff = Backoff::new(Duration::ZERO, Duration::from_secs(1));
        for _ in 0..20 {
            assert_eq!(backoff.next(Backoff::NO_JITTER), Backoff::AT_ONCE);
        }
    }

    #[test]
    fn never_overflows() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::MAX);
        for _ in 0..100 {
            let _ = backoff.next(400);
        }
        assert_eq!(backoff.next(200), Duration::from_secs(1 << DOUBLINGS_MAX));
    }
}
