//! Core: one Fetch request, in whatever version it goes.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use kurier_protocol::Uuid;
use kurier_protocol::api::fetch::{FetchPartition, FetchRequest, FetchTopic, ForgottenTopic};

use super::config::ConsumerConfig;
use super::turn::Turn;
use crate::error::{Error, Standstill, Waiting};
use crate::offsets::Isolation;

/// A partition that is to be fetched.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) turn: Turn,
    pub(crate) topic: Arc<str>,
    pub(crate) topic_id: Uuid,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    /// The leader epoch of the record before the offset, for a leader to tell by it whether its log
    /// has that record (KIP-595); -1 if it is not to be asked.
    pub(crate) epoch: i32,
    /// A limit of its own.
    pub(crate) bytes_max: Option<i32>,
    /// Who has waited longest is the least.
    pub(crate) rank: i64,
}

impl Asked {
    /// The same, with so many bytes at most; a batch that is larger comes as whole as it would.
    pub(crate) fn within(self, portion: Option<usize>) -> Self {
        let bytes = |portion| i32::try_from(portion).unwrap_or(i32::MAX);
        Self { bytes_max: self.bytes_max.or_else(|| portion.map(bytes)), ..self }
    }
}

/// A partition that is to be fetched no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Forgotten {
    pub(crate) topic: Arc<str>,
    pub(crate) topic_id: Uuid,
    pub(crate) partition: i32,
}

/// Which request of which fetch session it is (KIP-227).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) id: i32,
    pub(crate) epoch: i32,
}

/// A request before its version is known.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    asked: Arc<[Asked]>,
    /// The slots of which the broker knew nothing.
    fresh: Arc<[usize]>,
    forgotten: Arc<[Forgotten]>,
    stamp: Stamp,
    versions: (i16, i16),
    wait_ms: i32,
    bytes_min: i32,
    bytes_max: i32,
    partition_bytes_max: i32,
    isolation_level: i8,
    rack: Arc<str>,
}

impl Plan {
    /// Orders the partitions by topic, in the order in which topics come first.
    pub(crate) fn new(
        config: &ConsumerConfig,
        stamp: Stamp,
        versions: RangeInclusive<i16>,
        mut asked: Vec<Asked>,
    ) -> Self {
        asked.sort_by_key(|one| one.rank);
        let mut ranks: BTreeMap<Arc<str>, usize> = BTreeMap::new();
        for one in &asked {
            if !ranks.contains_key(&one.topic) {
                ranks.insert(Arc::clone(&one.topic), ranks.len());
            }
        }
        if ranks.len() > 1 {
            asked.sort_by_key(|one| ranks.get(&one.topic).copied());
        }
        let number = |bytes: usize| i32::try_from(bytes).unwrap_or(i32::MAX);
        Self {
            asked: asked.into(),
            fresh: Arc::new([]),
            forgotten: Arc::new([]),
            stamp,
            versions: versions.into_inner(),
            wait_ms: i32::try_from(config.fetch_wait_max.as_millis()).unwrap_or(i32::MAX),
            bytes_min: number(config.fetch_bytes_min),
            bytes_max: number(config.fetch_bytes_max),
            partition_bytes_max: number(config.partition_bytes_max),
            isolation_level: match config.isolation {
                Isolation::ReadUncommitted => 0,
                Isolation::ReadCommitted => 1,
            },
            rack: config.rack.clone().unwrap_or_else(|| "".into()),
        }
    }

    /// The same, for an answer from this broker itself.
    pub(crate) fn without_rack(self) -> Self {
        Self { rack: "".into(), ..self }
    }

    /// The same, for an answer of so many bytes at most.
    pub(crate) fn limited_to(self, bytes: usize) -> Self {
        let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
        Self { bytes_max: self.bytes_max.min(bytes), ..self }
    }

    /// The same, where the broker waits so long at most.
    pub(crate) fn waiting(self, wait: Duration) -> Self {
        Self { wait_ms: i32::try_from(wait.as_millis()).unwrap_or(i32::MAX), ..self }
    }

    /// How long the broker may wait for records.
    pub(crate) fn wait_max(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.wait_ms).unwrap_or(0))
    }

    /// The same, with partitions that leave the session.
    pub(crate) fn without(self, mut forgotten: Vec<Forgotten>) -> Self {
        let key = |one: &Forgotten| (Arc::clone(&one.topic), one.topic_id, one.partition);
        forgotten.sort_by_key(key);
        Self { forgotten: forgotten.into(), ..self }
    }

    /// The same, where the broker knew nothing of these slots.
    pub(crate) fn telling(self, fresh: Vec<usize>) -> Self {
        Self { fresh: fresh.into(), ..self }
    }

    /// The slots of which the broker knew nothing, if it knew of others.
    pub(crate) fn fresh(&self) -> &[usize] {
        &self.fresh
    }

    /// The partitions that it names, in the order of the request.
    pub(crate) fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// Whether it names every partition that is wanted of the broker.
    pub(crate) fn is_full(&self) -> bool {
        self.stamp.epoch <= 0
    }

    /// In which versions it can go.
    pub(crate) fn versions(&self) -> RangeInclusive<i16> {
        self.versions.0..=self.versions.1
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
                last_fetched_epoch: if version >= EPOCHS_SINCE { one.epoch } else { -1 },
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
        let has_sessions = version >= SESSIONS_SINCE;
        FetchRequest {
            max_wait_ms: self.wait_ms,
            min_bytes: self.bytes_min,
            max_bytes: self.bytes_max,
            isolation_level: self.isolation_level,
            session_id: if has_sessions { self.stamp.id } else { 0 },
            session_epoch: if has_sessions { self.stamp.epoch } else { -1 },
            topics,
            forgotten_topics_data: self.forgotten_topics(),
            rack_id: (&*self.rack).into(),
            ..FetchRequest::default()
        }
    }

    fn forgotten_topics(&self) -> Vec<ForgottenTopic> {
        let mut topics: Vec<ForgottenTopic> = Vec::new();
        for one in &*self.forgotten {
            match topics.last_mut() {
                Some(topic) if *topic.topic == *one.topic && topic.topic_id == one.topic_id => {
                    topic.partitions.push(one.partition);
                }
                _ => topics.push(ForgottenTopic {
                    topic: (&*one.topic).into(),
                    topic_id: one.topic_id,
                    partitions: vec![one.partition],
                }),
            }
        }
        topics
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

/// The version of Fetch that has sessions first (KIP-227).
pub(crate) const SESSIONS_SINCE: i16 = 7;

/// The version of Fetch in which a leader compares what was fetched with its log (KIP-595).
const EPOCHS_SINCE: i16 = 12;

/// The version of Fetch that calls topics by their ids first (KIP-516).
pub(crate) const IDS_SINCE: i16 = 13;

/// The newest version of Fetch that this client speaks.
pub(crate) const VERSION_MAX: i16 = 18;

/// Less than this of a partition is not worth asking for.
const PARTITION_BYTES_LEAST: i32 = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(topic: &str, partition: i32, rank: i64) -> Asked {
        Asked {
            turn: Turn { slot: 0, generation: 0 },
            topic: topic.into(),
            topic_id: Uuid::ZERO,
            partition,
            offset: 5,
            leader_epoch: 2,
            epoch: 1,
            bytes_max: None,
            rank,
        }
    }

    fn plan(of: Vec<Asked>) -> Plan {
        Plan::new(&ConsumerConfig::default(), Stamp { id: 0, epoch: 0 }, 0..=12, of)
    }

    #[test]
    fn each_topic_stands_once_in_a_request() {
        let request = plan(vec![asked("a", 0, 1), asked("b", 0, 2), asked("b", 1, 0)]).request(12);
        let topics: Vec<_> =
            request.topics.iter().map(|t| (t.topic.to_string(), t.partitions.len())).collect();
        assert_eq!(topics, [("b".to_owned(), 2), ("a".to_owned(), 1)]);
    }

    #[test]
    fn each_topic_stands_once_among_those_that_leave() {
        let gone = |topic: &str, partition| {
            let Asked { topic, topic_id, partition, .. } = asked(topic, partition, 0);
            Forgotten { topic, topic_id, partition }
        };
        let plan = plan(vec![]).without(vec![gone("b", 1), gone("a", 0), gone("b", 0)]);
        let gone = plan.request(12).forgotten_topics_data;
        let gone: Vec<_> = gone.iter().map(|t| (t.topic.to_string(), &t.partitions[..])).collect();
        assert_eq!(gone, [("a".to_owned(), &[0][..]), ("b".to_owned(), &[0, 1][..])]);
    }

    #[test]
    fn a_leader_is_told_the_epoch_of_what_was_fetched_where_it_can_compare() {
        let told = |version| plan(vec![asked("t", 0, 0)]).request(version);
        let told = |version| told(version).topics[0].partitions[0].last_fetched_epoch;
        assert_eq!((told(11), told(12)), (-1, 1));
    }

    #[test]
    fn old_versions_share_the_limit_of_an_answer_among_its_partitions() {
        let limits = |version, count| {
            let of = (0..count).map(|p| asked("t", p, 0)).collect();
            let request = plan(of).request(version);
            request.topics[0].partitions[0].partition_max_bytes
        };
        assert_eq!((limits(2, 4), limits(3, 4)), (256 << 10, 1 << 20));
        assert_eq!(limits(2, 1000), 16 << 10);
    }
}
