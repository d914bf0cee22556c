//! Core: positions that a leader is asked about: whether its log has the record before them.

use std::sync::Arc;

use kurier_protocol::api::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};

use super::turn::Turn;
use crate::metadata::Leader;

/// A position that a leader is asked about.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) turn: Turn,
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) leader: Leader,
    pub(crate) offset: i64,
    /// Of the record before it.
    pub(crate) epoch: i32,
}

/// The question, for positions by topic. Consumers may ask it since version 3.
pub(crate) fn request(checks: &[Check]) -> OffsetForLeaderEpochRequest {
    let mut topics: Vec<OffsetForLeaderTopic> = Vec::new();
    for check in checks {
        let partition = OffsetForLeaderPartition {
            partition: check.partition,
            current_leader_epoch: check.leader.epoch,
            leader_epoch: check.epoch,
        };
        match topics.iter_mut().find(|topic| *topic.topic == *check.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(OffsetForLeaderTopic {
                topic: (&*check.topic).into(),
                partitions: vec![partition],
            }),
        }
    }
    OffsetForLeaderEpochRequest { replica_id: CONSUMER, topics }
}

/// What a client says where a follower would give its id.
const CONSUMER: i32 = -1;
