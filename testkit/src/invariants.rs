//! Core: what holds of a cluster at any time, whatever its clients send.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use kurier_protocol::Str;

use crate::group::{Consumer, Group, Kind};
use crate::log::Log;
use crate::state::{Partition, State};

/// What was seen of each partition when it was looked at last: none of it goes back.
#[derive(Debug, Default)]
pub(crate) struct Marks(BTreeMap<(Str, i32), Mark>);

#[derive(Clone, Copy, Debug)]
struct Mark {
    start: i64,
    high_watermark: i64,
    end: i64,
    epoch: i32,
}

impl Marks {
    /// A partition lost records, or was made anew.
    pub(crate) fn forget(&mut self, topic: &str, partition: i32) {
        self.0.remove(&(topic.into(), partition));
    }

    /// Checks everything that can be seen.
    ///
    /// # Panics
    ///
    /// When something does not hold.
    pub(crate) fn check(&mut self, state: &State, now: Instant) {
        assert!(state.deadline().is_none_or(|due| due > now), "something due was left lying");
        let mut seen = BTreeMap::new();
        for (name, topic) in state.topics() {
            for (number, partition) in topic.numbered() {
                check_partition(partition, |broker| state.is_alive(broker));
                let mark = Mark {
                    start: partition.log.start(),
                    high_watermark: partition.high_watermark(),
                    end: partition.log.end(),
                    epoch: partition.leader_epoch,
                };
                if let Some(before) = self.0.get(&(name.clone(), number)) {
                    assert!(mark.follows(before), "{name}-{number}: {before:?}, then {mark:?}");
                }
                seen.insert((name.clone(), number), mark);
            }
        }
        self.0 = seen;
        for (id, group) in state.groups.iter() {
            check_group(id, group);
        }
    }
}

impl Mark {
    /// Only a new leader may lack what its predecessor had.
    fn follows(&self, before: &Self) -> bool {
        let has_all = self.end >= before.end && self.high_watermark >= before.high_watermark;
        self.start >= before.start
            && self.epoch >= before.epoch
            && (has_all || self.epoch > before.epoch)
    }
}

fn check_partition(partition: &Partition, is_alive: impl Fn(i32) -> bool) {
    let Partition { replicas, in_sync, leader, log, .. } = partition;
    assert!(!in_sync.is_empty() && in_sync.iter().all(|id| replicas.contains(id)), "{in_sync:?}");
    assert!(leader.is_none_or(|id| in_sync.contains(&id) && is_alive(id)), "leader {leader:?}");
    let stable = partition.last_stable();
    let order = [0, log.start(), stable, partition.high_watermark(), log.end()];
    let what = "start, last stable offset, high watermark and end of a log";
    assert!(order.is_sorted(), "{what}: {order:?}");
    check_batches(log);
}

/// Batches follow each other, with gaps where records were compacted away, and what lies before the
/// log's start is gone.
fn check_batches(log: &Log) {
    let mut next = 0;
    for stored in log.batches() {
        let (first, last) = (stored.base_offset, stored.batch.last_offset());
        assert!(next <= first && first <= last, "{first} to {last} comes before {next}");
        assert!(last >= log.start(), "{first} to {last} in a log from {}", log.start());
        next = last + 1;
    }
    assert!(next <= log.end(), "{next} is beyond the end {}", log.end());
}

fn check_group(id: &Str, group: &Group) {
    let name = group.state_name();
    assert_eq!(group.is_empty(), name == "Empty", "group {id} is {name}");
    match &group.kind {
        Kind::Classic(classic) => {
            // A rebalance may wait for members that were promised an id, or for the first ones.
            let has_members = classic.members().next().is_some();
            let is_right = match name {
                "Empty" => !has_members,
                "PreparingRebalance" => classic.deadline().is_some(),
                _ => has_members && classic.deadline().is_some(),
            };
            assert!(is_right, "group {id} is {name}, with members: {has_members}");
        }
        Kind::Consumer(consumer) => check_consumer(id, consumer),
    }
}

/// Nobody has what another member has, and nobody is ahead of the group.
fn check_consumer(id: &Str, consumer: &Consumer) {
    let mut taken = BTreeSet::new();
    assert!(consumer.assignment_epoch <= consumer.epoch, "group {id}");
    for (name, member, _) in consumer.members() {
        let epoch = member.place.epoch;
        assert!(epoch <= consumer.epoch, "{name} of group {id} is at {epoch}");
        for (topic, partitions) in &member.place.assigned {
            for partition in partitions.keys() {
                let is_free = taken.insert((*topic, *partition));
                assert!(is_free, "{name} of group {id} has what another member has");
            }
        }
    }
}
