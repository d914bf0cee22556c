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
    /// When enough waited last for the reader of one of its partitions, which was let go for that.
    pub(crate) full_since: Option<Instant>,
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

    /// How long the broker may wait for records, if this is the usual. A partition that is full is
    /// asked for again only with the next fetch, so that one comes soon: after a quarter of the
    /// time that the partition has been full by now. What its reader still has by then lasts
    /// longer, so it waits for no quiet partition; and one that nobody reads costs few requests.
    pub(crate) fn wait(&self, now: Instant, usual: Duration) -> Duration {
        let so_far = |since| now.saturating_duration_since(since) / 4;
        self.full_since.map_or(usual, |since| so_far(since).max(WAIT_LEAST).min(usual))
    }

    /// Lets no fetch go for a while.
    pub(crate) fn hold(&mut self, now: Instant, wait: Duration) {
        self.hold_until = Some(now + wait);
    }
}

/// A broker may wait for records so long at least, unless less is usual.
const WAIT_LEAST: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_waits_less_while_a_partition_has_just_become_full() {
        let (start, mut seat) = (tokio::time::Instant::now().into_std(), Seat::default());
        let ms = Duration::from_millis;
        let wait = |seat: &Seat, after: u64| seat.wait(start + ms(after), ms(500));
        assert_eq!(wait(&seat, 0), ms(500));
        seat.full_since = Some(start);
        assert_eq!([0, 80, 400, 9_000].map(|after| wait(&seat, after)), [5, 20, 100, 500].map(ms));
        assert_eq!(seat.wait(start, ms(2)), ms(2));
    }
}
