//! Core: what a member waits for, and when it has done so for long enough to say it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::error::Error;

/// What a member waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// A place in the group.
    Place,
    /// A good answer to a heartbeat, from when the next one was due.
    Word,
    /// The names of topics that the coordinator names by their ids.
    Names,
    /// Where partitions begin that it was given.
    Start,
}

/// What is waited for, and what stands in the way.
#[derive(Debug)]
pub(crate) struct Silence {
    /// How long is waited before it is told, again and again.
    limit: Duration,
    waits: BTreeMap<Need, Wait>,
}

#[derive(Debug)]
struct Wait {
    since: Instant,
    tell_at: Instant,
    last: Option<Error>,
}

/// A wait that is to be told.
#[derive(Debug)]
pub(crate) struct Overdue {
    pub(crate) need: Need,
    pub(crate) after: Duration,
    /// What stood in the way the last time, if anything did.
    pub(crate) last: Option<Error>,
}

impl Silence {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, waits: BTreeMap::new() }
    }

    /// These are waited for now, and nothing else: some since they came last, the others since they
    /// are waited for.
    pub(crate) fn handle_needs(&mut self, now: Instant, needs: &[(Need, Option<Instant>)]) {
        self.waits.retain(|need, _| needs.iter().any(|(of, _)| of == need));
        for (need, came) in needs {
            let fresh = || {
                let since = came.unwrap_or(now);
                Wait { since, tell_at: since + self.limit, last: None }
            };
            let wait = self.waits.entry(*need).or_insert_with(fresh);
            if came.is_some_and(|came| came > wait.since) {
                *wait = fresh();
            }
        }
    }

    /// This stands in the way of the first of these that is waited for.
    pub(crate) fn handle_trouble(&mut self, needs: &[Need], error: Error) {
        if let Some(need) = needs.iter().find(|need| self.waits.contains_key(need))
            && let Some(wait) = self.waits.get_mut(need)
        {
            wait.last = Some(error);
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.waits.values().map(|wait| wait.tell_at).min()
    }

    /// What is to be told now, one after the other.
    pub(crate) fn poll_overdue(&mut self, now: Instant) -> Option<Overdue> {
        let (need, wait) = self.waits.iter_mut().find(|(_, wait)| wait.tell_at <= now)?;
        wait.tell_at = now + self.limit;
        Some(Overdue { need: *need, after: now - wait.since, last: wait.last.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Waiting;

    const S: Duration = Duration::from_secs(1);

    fn start() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn told(silence: &mut Silence, now: Instant) -> Vec<(Need, Duration, bool)> {
        let next = || silence.poll_overdue(now);
        let shown = |of: Overdue| (of.need, of.after, of.last.is_some());
        std::iter::from_fn(next).map(shown).collect()
    }

    #[test]
    fn a_wait_is_told_at_its_limit_and_again_after_as_long() {
        let (start, mut silence) = (start(), Silence::new(10 * S));
        silence.handle_needs(start, &[(Need::Start, None)]);
        silence.handle_needs(start + 4 * S, &[(Need::Start, None), (Need::Place, None)]);
        assert_eq!(silence.deadline(), Some(start + 10 * S));
        assert_eq!(told(&mut silence, start + 9 * S), []);
        assert_eq!(told(&mut silence, start + 10 * S), [(Need::Start, 10 * S, false)]);
        assert_eq!(told(&mut silence, start + 14 * S), [(Need::Place, 10 * S, false)]);
        let error = Error::timed_out(Waiting::BufferSpace, S);
        silence.handle_trouble(&[Need::Word, Need::Start], error);
        assert_eq!(told(&mut silence, start + 20 * S), [(Need::Start, 20 * S, true)]);
        silence.handle_needs(start + 21 * S, &[(Need::Place, None)]);
        assert_eq!(silence.deadline(), Some(start + 24 * S), "what has come is not waited for");
    }

    #[test]
    fn what_comes_again_and_again_is_waited_for_since_it_came_last() {
        let (start, mut silence) = (start(), Silence::new(10 * S));
        silence.handle_needs(start + S, &[(Need::Word, Some(start))]);
        silence.handle_trouble(&[Need::Word], Error::timed_out(Waiting::BufferSpace, S));
        assert_eq!(silence.deadline(), Some(start + 10 * S));
        silence.handle_needs(start + 9 * S, &[(Need::Word, Some(start + 8 * S))]);
        assert_eq!(told(&mut silence, start + 17 * S), []);
        assert_eq!(told(&mut silence, start + 18 * S), [(Need::Word, 10 * S, false)]);
    }
}
