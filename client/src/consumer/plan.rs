//! Core: one Fetch request, in whatever version it goes, and whose answer is whose.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use kurier_protocol::Uuid;
use kurier_protocol::api::fetch::{FetchPartition, FetchRequest, FetchTopic};

use super::buffer::Turn;
use super::config::ConsumerConfig;
use crate::error::{Error, Standstill, Waiting};
use crate::offsets::Isolation;

/// A partition in a request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) turn: Turn,
    pub(crate) topic: Arc<str>,
    pub(crate) topic_id: Uuid,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    /// A limit of its own.
    pub(crate) bytes_max: Option<i32>,
}

/// A request before its version is known.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    asked: Arc<[Asked]>,
    wait_ms: i32,
    bytes_min: i32,
    bytes_max: i32,
    partition_bytes_max: i32,
    isolation_level: i8,
}

impl Plan {
    /// Orders the partitions by topic, in the order in which topics come first.
    pub(crate) fn new(config: &ConsumerConfig, mut asked: Vec<Asked>) -> Self {
        let mut ranks: BTreeMap<Arc<str>, usize> = BTreeMap::new();
        for one in &asked {
            let next = ranks.len();
            ranks.entry(Arc::clone(&one.topic)).or_insert(next);
        }
        asked.sort_by_key(|one| ranks.get(&one.topic).copied());
        let number = |bytes: usize| i32::try_from(bytes).unwrap_or(i32::MAX);
        Self {
            asked: asked.into(),
            wait_ms: i32::try_from(config.fetch_wait_max.as_millis()).unwrap_or(i32::MAX),
            bytes_min: number(config.fetch_bytes_min),
            bytes_max: number(config.fetch_bytes_max),
            partition_bytes_max: number(config.partition_bytes_max),
            isolation_level: match config.isolation {
                Isolation::ReadUncommitted => 0,
                Isolation::ReadCommitted => 1,
            },
        }
    }

    /// The partitions, in the order of the request.
    pub(crate) fn asked(&self) -> &Arc<[Asked]> {
        &self.asked
    }

    /// The partition that a part of the answer is about; nearly always it is the next one.
    pub(crate) fn find(
        &self,
        hint: &mut usize,
        topic: &str,
        topic_id: Uuid,
        partition: i32,
    ) -> Option<&Asked> {
        let is_it = |one: &Asked| {
            let is_named =
                if topic.is_empty() { one.topic_id == topic_id } else { *one.topic == *topic };
            is_named && one.partition == partition
        };
        if !self.asked.get(*hint).is_some_and(is_it) {
            *hint = self.asked.iter().position(is_it)?;
        }
        let found = self.asked.get(*hint);
        *hint += 1;
        found
    }

    /// From version 13 on topics go by id.
    pub(crate) fn versions(&self) -> RangeInclusive<i16> {
        let has_ids = self.asked.iter().all(|one| one.topic_id != Uuid::ZERO);
        0..=if has_ids { 18 } else { 12 }
    }

    /// The request in a version.
    pub(crate) fn request(&self, version: i16) -> FetchRequest {
        let mut topics: Vec<FetchTopic> = Vec::new();
        let usual = self.partition_limit(version);
        for one in &*self.asked {
            let partition = FetchPartition {
                partition: one.partition,
                current_leader_epoch: one.leader_epoch,
                fetch_offset: one.offset,
                partition_max_bytes: one.bytes_max.unwrap_or(usual),
                ..FetchPartition::default()
            };
            match topics.last_mut() {
                Some(topic) if *topic.topic == *one.topic => topic.partitions.push(partition),
                _ => topics.push(FetchTopic {
                    topic: (&*one.topic).into(),
                    topic_id: one.topic_id,
                    partitions: vec![partition],
                }),
            }
        }
        FetchRequest {
            max_wait_ms: self.wait_ms,
            min_bytes: self.bytes_min,
            max_bytes: self.bytes_max,
            isolation_level: self.isolation_level,
            topics,
            ..FetchRequest::default()
        }
    }

    /// Before version 3 an answer had no limit but the sum of its partitions'.
    fn partition_limit(&self, version: i16) -> i32 {
        if version >= WHOLE_BATCH_SINCE {
            return self.partition_bytes_max;
        }
        let count = i32::try_from(self.asked.len()).unwrap_or(i32::MAX).max(1);
        let share = (self.bytes_max / count).max(PARTITION_BYTES_LEAST);
        share.min(self.partition_bytes_max)
    }
}

/// What to say when a partition comes no further.
pub(crate) fn standing_still(
    asked: &Asked,
    broker: i32,
    standstill: Standstill,
    after: Duration,
) -> Error {
    let (topic, partition, offset) = ((&*asked.topic).into(), asked.partition, asked.offset);
    let what = Waiting::Records { topic, partition, offset, broker, standstill };
    Error::timed_out(what, after)
}

/// The version of Fetch since which the first batch comes whole, whatever the limits (KIP-74).
pub(crate) const WHOLE_BATCH_SINCE: i16 = 3;

/// Less than this of a partition is not worth asking for.
const PARTITION_BYTES_LEAST: i32 = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(topic: &str, partition: i32) -> Asked {
        Asked {
            turn: Turn { slot: 0, generation: 0 },
            topic: topic.into(),
            topic_id: Uuid::ZERO,
            partition,
            offset: 5,
            leader_epoch: 2,
            bytes_max: None,
        }
    }

    #[test]
    fn each_topic_stands_once_in_a_request() {
        let of = vec![asked("b", 1), asked("a", 0), asked("b", 0)];
        let plan = Plan::new(&ConsumerConfig::default(), of);
        let request = plan.request(12);
        let topics: Vec<_> =
            request.topics.iter().map(|t| (t.topic.to_string(), t.partitions.len())).collect();
        assert_eq!(topics, [("b".to_owned(), 2), ("a".to_owned(), 1)]);
        assert_eq!(plan.versions(), 0..=12);
    }

    #[test]
    fn old_versions_share_the_limit_of_an_answer_among_its_partitions() {
        let limits = |version, count| {
            let of = (0..count).map(|p| asked("t", p)).collect();
            let request = Plan::new(&ConsumerConfig::default(), of).request(version);
            request.topics[0].partitions[0].partition_max_bytes
        };
        assert_eq!((limits(2, 4), limits(3, 4)), (256 << 10, 1 << 20));
        assert_eq!(limits(2, 1000), 16 << 10);
    }
}
