//! Core: the replicas of a partition that do not follow its leader, and how far they came.

use std::collections::BTreeMap;

/// Where replicas stopped. All others have what the leader has.
#[derive(Debug, Default)]
pub(super) struct Lag {
    stopped: BTreeMap<i32, Stopped>,
}

#[derive(Clone, Copy, Debug)]
struct Stopped {
    /// The offset after its last record.
    end: i64,
    why: Why,
}

/// Why a replica does not follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Its broker does not run; it catches up when that starts again.
    Down,
    /// Its broker is paused; it catches up when that goes on.
    Silent,
    /// It counts as in sync, but fetches nothing.
    Held,
    /// It is kept out of the replicas in sync.
    Out,
}

impl Lag {
    /// The end of a replica's log, where the leader's ends at `leader_end`.
    pub(super) fn end_of(&self, replica: i32, leader_end: i64) -> i64 {
        self.stopped.get(&replica).map_or(leader_end, |stopped| stopped.end)
    }

    /// Whether a replica does not follow for this reason.
    pub(super) fn is(&self, replica: i32, why: Why) -> bool {
        self.stopped.get(&replica).is_some_and(|stopped| stopped.why == why)
    }

    /// Lets a replica stop where it is, if it follows.
    pub(super) fn silence(&mut self, replica: i32, leader_end: i64) {
        self.stopped.entry(replica).or_insert(Stopped { end: leader_end, why: Why::Silent });
    }

    /// Lets a replica stop where it is.
    pub(super) fn stop(&mut self, replica: i32, why: Why, leader_end: i64) {
        let end = self.end_of(replica, leader_end);
        self.stopped.insert(replica, Stopped { end, why });
    }

    /// Lets a replica catch up and follow.
    pub(super) fn follow(&mut self, replica: i32) {
        self.stopped.remove(&replica);
    }

    /// Lets those of these replicas follow that stopped for this reason.
    pub(super) fn follow_if(&mut self, replicas: &[i32], why: Why) {
        self.stopped.retain(|id, stopped| stopped.why != why || !replicas.contains(id));
    }

    /// Lets all replicas follow that stopped for this reason.
    pub(super) fn follow_all(&mut self, why: Why) {
        self.stopped.retain(|_, stopped| stopped.why != why);
    }

    /// The leader's log was cut: what others have beyond that is not the same any more.
    pub(super) fn truncate(&mut self, end: i64) {
        for stopped in self.stopped.values_mut() {
            stopped.end = stopped.end.min(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_stays_where_it_stopped_first() {
        let mut lag = Lag::default();
        assert_eq!(lag.end_of(2, 5), 5);
        lag.stop(2, Why::Held, 5);
        lag.stop(2, Why::Down, 9);
        assert_eq!((lag.end_of(2, 9), lag.is(2, Why::Down)), (5, true));
        lag.truncate(3);
        assert_eq!(lag.end_of(2, 9), 3);
        lag.follow_all(Why::Held);
        assert_eq!(lag.end_of(2, 9), 3);
        lag.silence(2, 9);
        assert!(lag.is(2, Why::Down), "who does not follow anyway has its reason");
        lag.follow(2);
        assert_eq!(lag.end_of(2, 9), 9);
    }
}
