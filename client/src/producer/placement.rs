//! Where a record goes: what the partitioner says, and how the partitions stand.

use std::sync::Arc;

use kurier_env::Purpose;

use super::accumulator::Partition;
use super::adaptive::{choose, remainder};
use super::enqueue::{Obstacle, Shared};
use super::partitioner::{Place, Unplaced};
use super::record::Record;
use super::topics::Topic;
use crate::error::Error;
use crate::metadata;

impl Shared {
    /// The partition that a record goes to, and why there.
    #[inline]
    pub(super) fn partition<'t>(
        &self,
        topic: &'t Topic,
        record: &Record<'_>,
        bytes: usize,
    ) -> Result<(&'t Arc<Partition>, Place), Obstacle> {
        let partitions = topic.partitions();
        let place = match record.partition {
            Some(given) => Place::At(given),
            None => self.config.partitioner.place(&Unplaced {
                topic: &topic.name,
                key: record.key,
                value: record.value,
                headers: &record.headers,
                partition_count: i32::try_from(partitions.len()).unwrap_or(i32::MAX),
            }),
        };
        let index = match place {
            Place::At(index) => usize::try_from(index).unwrap_or(usize::MAX),
            Place::Sticky => self.sticky(topic, bytes),
            Place::Random => self.random(topic),
            Place::Next => self.next(topic),
        };
        let found = partitions.get(index).map(|partition| (partition, place));
        found.ok_or_else(|| self.no_partition(topic, place))
    }

    #[inline]
    fn sticky(&self, topic: &Topic, bytes: usize) -> usize {
        let got = topic.turns.bytes();
        if got < self.config.batch_bytes_max || topic.partitions().len() < 2 {
            return topic.turns.sticky();
        }
        self.turn(topic, got, bytes)
    }

    /// Turns from a partition that got enough; not as long as its batch has room, or half of a
    /// batch would linger there.
    #[cold]
    fn turn(&self, topic: &Topic, got: usize, bytes: usize) -> usize {
        let (current, most) = (topic.turns.sticky(), self.config.batch_bytes_max);
        let has_room = |partition: &Arc<Partition>| partition.has_room(bytes, most);
        let may_stay = got < most.saturating_mul(2);
        if may_stay && topic.partitions().get(current).is_some_and(has_room) {
            return current;
        }
        if topic.turns.end(got) {
            let standing = Standing::new(self, topic);
            topic.turns.turn_to(standing.choose(self.chance()).unwrap_or(current));
        }
        topic.turns.sticky()
    }

    fn random(&self, topic: &Topic) -> usize {
        let picture = self.cluster.picture();
        let count = topic.partitions().len();
        let any = remainder(self.chance(), count);
        if picture.leader_of(&topic.name, index_of(any)).is_some() {
            return any;
        }
        let has_leader = |index| picture.leader_of(&topic.name, index_of(index)).map(|_| 0);
        choose(count, self.chance(), has_leader).unwrap_or(any)
    }

    /// The first partition of the round from here on that has a leader; if none has, the first.
    fn next(&self, topic: &Topic) -> usize {
        let picture = self.cluster.picture();
        let count = topic.partitions().len();
        let first = topic.turns.next() % count.max(1);
        let mut round = (first..count).chain(0..first);
        let has_leader = |index: &usize| picture.leader_of(&topic.name, index_of(*index)).is_some();
        round.find(has_leader).unwrap_or(first)
    }

    pub(super) fn chance(&self) -> u64 {
        self.cluster.env().chance(Purpose::Partition)
    }

    #[cold]
    fn no_partition(&self, topic: &Topic, place: Place) -> Obstacle {
        // It may have been added a moment ago.
        self.cluster.refresh();
        let partition = match place {
            Place::At(given) => Some((given, topic.partitions().len())),
            _ => None,
        };
        Obstacle::Failed(Error::UnknownTopic { topic: (&*topic.name).into(), partition })
    }
}

/// How the partitions of a topic stand at this moment, for whoever chooses one.
struct Standing<'a> {
    topic: &'a Topic,
    is_adaptive: bool,
    seen: Option<Arc<metadata::Topic>>,
    /// The brokers that let batches wait too long.
    slow: Vec<i32>,
}

impl<'a> Standing<'a> {
    fn new(shared: &Shared, topic: &'a Topic) -> Self {
        let sticky = shared.config.partitioner.sticky();
        let seen = shared.cluster.picture().topic(&topic.name).cloned();
        let mut standing = Self { topic, is_adaptive: sticky.adaptive, seen, slow: Vec::new() };
        if sticky.adaptive && !sticky.availability_timeout.is_zero() {
            let patience = sticky.availability_timeout + shared.config.linger;
            let patience = i64::try_from(patience.as_millis()).unwrap_or(i64::MAX);
            standing.find_slow(shared.cluster.env().wall_millis().saturating_sub(patience));
        }
        standing
    }

    /// Notes the leaders of partitions whose oldest batch was opened before a time.
    fn find_slow(&mut self, before: i64) {
        let is_late = |partition: &&Arc<Partition>| {
            partition.queue().oldest.is_some_and(|opened| opened < before)
        };
        let late = self.topic.partitions().iter().filter(is_late);
        self.slow = late.filter_map(|partition| self.leader(partition.index)).collect();
    }

    fn leader(&self, index: i32) -> Option<i32> {
        Some(self.seen.as_ref()?.partition(index)?.leader?.broker)
    }

    /// The next partition for records that are spread; none if no partition has a leader. Slow
    /// brokers get some if all are slow.
    fn choose(&self, chance: u64) -> Option<usize> {
        let load = |index: usize, may_be_slow: bool| {
            let leader = self.leader(index_of(index))?;
            if !may_be_slow && self.slow.contains(&leader) {
                return None;
            }
            let queue = self.is_adaptive.then(|| self.topic.partitions().get(index));
            Some(queue.flatten().map_or(0, |partition| partition.queue().batches))
        };
        let count = self.topic.partitions().len();
        choose(count, chance, |index| load(index, false))
            .or_else(|| choose(count, chance, |index| load(index, true)))
    }
}

fn index_of(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}
