//! Core: one broker as the fetcher sees it: its session, and the fetch that is on its way to it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::plan::Plan;
use super::session::Session;

/// One broker of which records are fetched.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    pub(crate) session: Session,
    /// The fetch that is on its way. Until its answer is there, the session stays as it is.
    pub(crate) flight: Option<u64>,
    /// Slots to look at once the answer is there.
    pub(crate) pending: BTreeSet<usize>,
    /// Slots of which records should be there, as far as was told.
    pub(crate) lacking: BTreeSet<usize>,
    /// Until when fetches do not say where this client is, so that they are not sent elsewhere.
    pub(crate) is_near_until: Option<Instant>,
    /// No fetch before this, as the broker does not wait for records itself.
    pub(crate) hold_until: Option<Instant>,
}

/// A fetch without an answer yet.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) broker: i32,
    pub(crate) plan: Plan,
    pub(crate) launched_at: Instant,
    /// When the silence of one of its partitions has lasted for long.
    pub(crate) alarm_at: Instant,
}

impl Seat {
    /// Whether a fetch may go now, if anything is wanted.
    pub(crate) fn is_free(&self) -> bool {
        self.flight.is_none() && self.hold_until.is_none()
    }

    /// Lets no fetch go for a while.
    pub(crate) fn hold(&mut self, now: Instant, wait: Duration) {
        self.hold_until = Some(now + wait);
    }
}
