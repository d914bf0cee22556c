//! Where a record goes: what the partitioner says, and how the partitions stand.

use std::sync::Arc;

use kurier_env::Purpose;

use super::accumulator::Partition;
use super::adaptive::{choose, remainder};
use super::enqueue::{Obstacle, Shared};
use super::partitioner::{Place, Sticky, Unplaced};
use super::record::Record;
use super::topics::Topic;
use crate::error::Error;
use crate::metadata::{self, Picture};

impl Shared {
    /// Where a record shall go: what it says itself, or the partitioner does, which may be the
    /// user's and is asked once a record.
    #[inline(always)]
    pub(super) fn place(&self, topic: &Topic, record: &Record<'_>) -> Place {
        record.partition.map_or_else(|| self.choose(topic, record), Place::At)
    }

    /// The partition that a record of this place goes to.
    pub(super) fn partition<'t>(
        &self,
        topic: &'t Topic,
        place: Place,
        bytes: usize,
    ) -> Result<&'t Arc<Partition>, Obstacle> {
        self.at(topic, place, bytes).ok_or_else(|| self.no_partition(topic, place))
    }

    /// The same; none if there is no such partition.
    #[inline(always)]
    pub(super) fn at<'t>(
        &self,
        topic: &'t Topic,
        place: Place,
        bytes: usize,
    ) -> Option<&'t Arc<Partition>> {
        let partitions = topic.partitions();
        let index = match place {
            Place::At(index) => usize::try_from(index).unwrap_or(usize::MAX),
            Place::Sticky => self.sticky(topic, bytes),
            Place::Random => self.random(topic),
            Place::Next => self.next(topic),
        };
        partitions.get(index).or_else(|| match place {
            // It had more of them when that one was chosen.
            Place::Sticky => {
                topic.turns.turn_to(0);
                partitions.get(0)
            }
            _ => None,
        })
    }

    /// What the partitioner says.
    fn choose(&self, topic: &Topic, record: &Record<'_>) -> Place {
        self.config.partitioner.place(&Unplaced {
            topic: &topic.name,
            key: record.key,
            value: record.value,
            headers: record.all_headers(),
            partition_count: i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX),
        })
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
            let next = Standing::new(self, topic).choose(self.chance());
            topic.turns.turn_to(next.unwrap_or(current));
        }
        topic.turns.sticky()
    }

    /// Chooses the first partition for records that are spread.
    pub(super) fn begin(&self, topic: &Topic) {
        let first = Standing::new(self, topic).choose(self.chance());
        topic.turns.turn_to(first.unwrap_or_default());
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

    fn chance(&self) -> u64 {
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
        Obstacle::failed(Error::UnknownTopic { topic: (&*topic.name).into(), partition })
    }
}

/// How the partitions of a topic stand at this moment, for whoever chooses one.
struct Standing<'a> {
    topic: &'a Topic,
    sticky: &'a Sticky,
    picture: Arc<Picture>,
    seen: Option<Arc<metadata::Topic>>,
    /// The brokers that let batches wait too long.
    slow: Vec<i32>,
}

impl<'a> Standing<'a> {
    fn new(shared: &'a Shared, topic: &'a Topic) -> Self {
        let sticky = shared.config.partitioner.sticky();
        let picture = shared.cluster.picture();
        let seen = picture.topic(&topic.name).cloned();
        let mut standing = Self { topic, sticky, picture, seen, slow: Vec::new() };
        if sticky.adaptive && !sticky.availability_timeout.is_zero() {
            let patience = sticky.availability_timeout + shared.config.linger;
            let patience = i64::try_from(patience.as_millis()).unwrap_or(i64::MAX);
            standing.find_slow(shared.cluster.env().wall_millis().saturating_sub(patience));
        }
        standing
    }

    /// Notes the leaders of partitions whose oldest batch was opened before a time.
    fn find_slow(&mut self, before: i64) {
        let is_late = |(_, partition): &(usize, &Arc<Partition>)| {
            partition.queue().oldest.is_some_and(|opened| opened < before)
        };
        let late = self.topic.partitions().iter().enumerate().filter(is_late);
        self.slow = late.filter_map(|(index, _)| self.leader(index)).collect();
    }

    /// The next partition for records that are spread; none if no partition has a leader. Brokers
    /// of other racks are chosen if none of this rack can be, and slow ones if all are slow.
    fn choose(&self, chance: u64) -> Option<usize> {
        let of = |is_wanted: &dyn Fn(i32) -> bool| {
            let count = self.topic.partitions().len();
            choose(count, chance, |index| self.load(index, is_wanted))
        };
        let is_quick = |broker| !self.slow.contains(&broker);
        let rack = self.sticky.rack.as_deref();
        rack.and_then(|rack| of(&|broker| is_quick(broker) && self.is_in(broker, rack)))
            .or_else(|| of(&is_quick))
            .or_else(|| of(&|_| true))
    }

    /// How much waits for a partition whose leader is wanted.
    fn load(&self, index: usize, is_wanted: &dyn Fn(i32) -> bool) -> Option<u32> {
        if !is_wanted(self.leader(index)?) {
            return None;
        }
        let queued = |partition: &Arc<Partition>| partition.queue().batches;
        let partition = self.topic.partitions().get(index).filter(|_| self.sticky.adaptive);
        Some(partition.map_or(0, queued))
    }

    fn leader(&self, index: usize) -> Option<i32> {
        let (seen, number) = (self.seen.as_ref()?, index_of(index));
        // They lie in order, nearly always without a gap.
        let at_its_place = seen.partitions.get(index).filter(|known| known.index == number);
        Some(at_its_place.or_else(|| seen.partition(number))?.leader?.broker)
    }

    fn is_in(&self, broker: i32, rack: &str) -> bool {
        self.picture.broker(broker).is_some_and(|known| known.rack.as_deref() == Some(rack))
    }
}

fn index_of(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}
