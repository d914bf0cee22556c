//! Time as the cluster is told it, and the wall clock of a simulation.

use std::time::{Duration, Instant};

use kurier_env::Wall;

/// A moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// For waiting.
    pub(crate) instant: Instant,
    /// For people: milliseconds since 1970.
    pub(crate) millis: i64,
}

/// The moment that comes so long after another one. Nobody waits longer than a century:
/// `Duration::MAX` stands for never, and no clock shows when that is over.
pub(crate) fn later(than: Instant, by: Duration) -> Instant {
    than + by.min(CENTURY)
}

/// A wall clock that starts at a fixed date and goes with tokio's clock, which tests pause.
#[derive(Debug)]
pub(crate) struct PausableWall {
    start: tokio::time::Instant,
}

impl PausableWall {
    /// A clock that shows [`EPOCH_MILLIS`] now.
    pub(crate) fn new() -> Self {
        Self { start: tokio::time::Instant::now() }
    }
}

impl Wall for PausableWall {
    fn millis(&self) -> i64 {
        let since = i64::try_from(self.start.elapsed().as_millis()).unwrap_or(i64::MAX);
        EPOCH_MILLIS.saturating_add(since)
    }
}

const CENTURY: Duration = Duration::from_secs(36_525 * 24 * 3600);

/// What a simulation's wall clock shows at its start: a day in January 2027.
pub(crate) const EPOCH_MILLIS: i64 = 1_800_000_000_000;
