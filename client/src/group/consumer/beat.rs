//! ConsumerGroupHeartbeat of a member: all at first, then what has changed. *core*

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kurier_protocol::api::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, TopicPartitions,
};
use kurier_protocol::{Str, Uuid};

/// What a member wants to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// These topics, in order.
    Topics(Vec<Arc<str>>),
    /// Those whose names match, as the coordinator reads the pattern (RE2).
    Pattern(Arc<str>),
}

/// What a coordinator was told of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) interest: Interest,
    /// What it holds, as far as the coordinator can know.
    pub(super) owned: BTreeSet<(Uuid, i32)>,
}

/// A heartbeat.
#[derive(Clone, Debug)]
pub(crate) struct Beat {
    pub(crate) number: u64,
    pub(super) sent: Instant,
    pub(crate) timeout: Duration,
    pub(super) group: Str,
    pub(super) id: Str,
    pub(super) epoch: i32,
    pub(super) instance: Option<Str>,
    pub(super) rack: Option<Str>,
    pub(super) assignor: Option<Str>,
    pub(super) rebalance_timeout: Duration,
    pub(super) now: Told,
    /// What the coordinator knows; nothing, if that is not certain.
    pub(super) before: Option<Told>,
}

impl Beat {
    /// The same in every version. Before version 1 there are no patterns.
    pub(crate) fn request(&self) -> ConsumerGroupHeartbeatRequest {
        let base = ConsumerGroupHeartbeatRequest {
            group_id: self.group.clone(),
            member_id: self.id.clone(),
            member_epoch: self.epoch,
            instance_id: self.instance.clone(),
            ..Default::default()
        };
        if self.epoch < 0 {
            return base;
        }
        let is_whole = self.before.is_none();
        let before = self.before.as_ref();
        let was_pattern =
            before.is_some_and(|before| matches!(before.interest, Interest::Pattern(_)));
        let is_other = before.is_none_or(|before| before.interest != self.now.interest);
        let (names, pattern) = match &self.now.interest {
            _ if !is_other => (None, None),
            Interest::Topics(topics) => {
                let names = topics.iter().map(|topic| (&**topic).into()).collect();
                (Some(names), was_pattern.then(Str::default))
            }
            Interest::Pattern(pattern) => (Some(Vec::new()), Some((&**pattern).into())),
        };
        let owns_other = before.is_none_or(|before| before.owned != self.now.owned);
        let whole = |value: &Option<Str>| value.clone().filter(|_| is_whole);
        let timeout = i32::try_from(self.rebalance_timeout.as_millis()).unwrap_or(i32::MAX);
        ConsumerGroupHeartbeatRequest {
            rack_id: whole(&self.rack),
            server_assignor: whole(&self.assignor),
            rebalance_timeout_ms: if is_whole { timeout } else { -1 },
            subscribed_topic_names: names,
            subscribed_topic_regex: pattern,
            topic_partitions: owns_other.then(|| by_topic(&self.now.owned)),
            ..base
        }
    }
}

fn by_topic(owned: &BTreeSet<(Uuid, i32)>) -> Vec<TopicPartitions> {
    let mut topics: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in owned {
        topics.entry(*topic).or_default().push(*partition);
    }
    let topic = |(topic_id, partitions)| TopicPartitions { topic_id, partitions };
    topics.into_iter().map(topic).collect()
}
