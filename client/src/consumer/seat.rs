//! Core: one connection to a broker as the fetcher sees it: its session, and the fetch that is on
//! its way.

use std::collections::BTreeSet;
use std::mem;
use std::time::{Duration, Instant};

use super::lane::Lane;
use super::plan::Plan;
use super::session::Session;

/// One connection on which records are fetched.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    pub(crate) session: Session,
    /// The fetch that is on its way. Until its answer is there, the session stays as it is.
    pub(crate) flight: Option<u64>,
    /// Slots to look at once the answer is there.
    pub(crate) pending: BTreeSet<usize>,
    /// Slots of which records should be there, as far as was told.
    pub(crate) lacking: BTreeSet<usize>,
    pub(crate) heed: Heed,
    /// Until when fetches do not say where this client is, so that they are not sent elsewhere.
    pub(crate) is_near_until: Option<Instant>,
    /// No fetch before this, as the broker does not wait for records itself.
    pub(crate) hold_until: Option<Instant>,
    /// No fetch before this, unless the fetch beside is answered sooner: some of its partitions
    /// come over with that.
    pub(crate) expects_until: Option<Instant>,
    /// When enough waited last for the reader of one of its partitions, which was let go for that.
    pub(crate) full_since: Option<Instant>,
}

/// A fetch without an answer yet.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) lane: Lane,
    pub(crate) plan: Plan,
    pub(crate) launched_at: Instant,
    /// When the silence of one of its partitions has lasted for long.
    pub(crate) alarm_at: Instant,
}

/// Of which partitions a session has told anything, so that none is left out for ever: an answer
/// names only what has news, and who is never named looks like one that never has any.
#[derive(Debug, Default)]
pub(crate) struct Heed {
    /// Since when: the session, or the last time that all had been named.
    since: Option<Instant>,
    named: BTreeSet<usize>,
}

impl Heed {
    /// An answer to a request that names everything. Since when nothing was heard of a slot that it
    /// leaves out, where that is longer ago.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        seen: &BTreeSet<usize>,
    ) -> impl Fn(usize) -> Option<Instant> + use<> {
        let before = mem::replace(self, Self { since: Some(now), named: seen.clone() });
        move |slot| before.since.filter(|_| !before.named.contains(&slot))
    }

    /// An answer that names only what has news, and these slots were new to the broker. Says
    /// whether all are to be named again: after so long, or where one that was new is not there.
    pub(crate) fn go_on(
        &mut self,
        (now, age_max): (Instant, Duration),
        (seen, fresh): (&BTreeSet<usize>, &[usize]),
        mut wanted: impl Iterator<Item = usize>,
    ) -> bool {
        self.named.extend(seen.iter().chain(fresh));
        let is_old = now.saturating_duration_since(*self.since.get_or_insert(now)) >= age_max;
        let has_silent = is_old && !wanted.all(|slot| self.named.contains(&slot));
        if is_old && !has_silent {
            *self = Self { since: Some(now), named: BTreeSet::new() };
        }
        has_silent || fresh.iter().any(|slot| !seen.contains(slot))
    }
}

impl Seat {
    pub(crate) fn on(lane: Lane) -> Self {
        let session = if lane.is_aside { Session::single() } else { Session::default() };
        Self { session, ..Self::default() }
    }

    /// Whether nothing is on its way, and nothing will be of itself.
    pub(crate) fn is_idle(&self) -> bool {
        self.flight.is_none() && self.session.is_empty()
    }

    /// Whether some of what is on its way is to be looked at once the answer is there.
    pub(crate) fn has_news(&self) -> bool {
        self.flight.is_some() && !self.pending.is_empty()
    }

    /// Whether a fetch may go now, if anything is wanted.
    pub(crate) fn is_free(&self) -> bool {
        self.flight.is_none() && self.hold_until.is_none() && self.expects_until.is_none()
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
    fn who_is_never_named_makes_all_be_named_again() {
        let (start, mut heed) = (tokio::time::Instant::now().into_std(), Heed::default());
        let (age_max, at) = (Duration::from_secs(30), |s| start + Duration::from_secs(s));
        let set = |slots: &[usize]| slots.iter().copied().collect::<BTreeSet<_>>();
        let go_on = |heed: &mut Heed, s, seen: &[usize], fresh: &[usize]| {
            heed.go_on((at(s), age_max), (&set(seen), fresh), [0, 1].into_iter())
        };
        assert_eq!(heed.begin(start, &set(&[0, 1]))(1), None);
        // All were named in this time, and it begins anew.
        assert!(!go_on(&mut heed, 30, &[], &[]));
        assert!(!go_on(&mut heed, 59, &[0], &[]));
        assert!(go_on(&mut heed, 60, &[0], &[]));
        let silent_since = heed.begin(at(61), &set(&[0]));
        assert_eq!((silent_since(0), silent_since(1)), (None, Some(at(30))));
        // One that is new to the broker is named at once.
        assert!(!go_on(&mut heed, 62, &[1], &[1]));
        assert!(go_on(&mut heed, 63, &[], &[1]));
    }

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
