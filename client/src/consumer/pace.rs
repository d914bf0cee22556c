//! Core: whether the user is at work on what it was given, and since when.

use std::collections::BTreeMap;
use std::time::Instant;

/// Whether the user is at work. It is from the end of a call of `next` to the begin of the next
/// one. Where each partition has a reader, each of them is for itself.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    at_work_since: BTreeMap<Who, Instant>,
    /// Whose next call somebody waits for.
    awaited: Option<Who>,
}

/// The number of a reader.
pub(crate) type Who = u64;

/// Who reads all partitions, or makes readers of them.
pub(crate) const ALL: Who = 0;

impl Pace {
    /// Somebody asks for more, or is gone. Says whether that is waited for.
    pub(crate) fn rest(&mut self, who: Who) -> bool {
        self.at_work_since.remove(&who);
        self.awaited.take_if(|awaited| *awaited == who).is_some()
    }

    /// Somebody does not wait any more.
    pub(crate) fn work(&mut self, who: Who, now: Instant) {
        self.at_work_since.insert(who, now);
    }

    /// Somebody has something to take, as is seen now, and is at work elsewhere since that was seen
    /// first; or has nothing to take.
    pub(crate) fn leaves_lying(&mut self, who: Who, seen: Option<Instant>) {
        match seen {
            Some(now) => {
                self.at_work_since.entry(who).or_insert(now);
            }
            None => {
                self.at_work_since.remove(&who);
            }
        }
    }

    /// Somebody waits for who has been at work for longest to ask for more. Says whether nobody is
    /// at work.
    pub(crate) fn await_rest(&mut self) -> bool {
        let at_work = self.at_work_since.iter();
        self.awaited = at_work.min_by_key(|(_, since)| **since).map(|(who, _)| *who);
        self.awaited.is_none()
    }

    /// Since when the user has been at work, if it is: of several, who has been for longest.
    pub(crate) fn at_work_since(&self) -> Option<Instant> {
        self.at_work_since.values().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn of_several_the_one_that_works_for_longest_counts() {
        let (start, mut pace) = (tokio::time::Instant::now().into_std(), Pace::default());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(pace.await_rest() && pace.at_work_since().is_none());
        pace.work(1, at(1));
        pace.work(2, at(2));
        assert!(!pace.await_rest());
        assert!(!pace.rest(2), "another one is waited for");
        pace.work(2, at(3));
        assert_eq!(pace.at_work_since(), Some(at(1)));
        assert!(pace.rest(1) && !pace.rest(1));
        assert_eq!(pace.at_work_since(), Some(at(3)));
    }
}
