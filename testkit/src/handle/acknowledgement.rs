//! Core: a Produce request whose records are appended, and which waits until all replicas in sync
//! have them.

use std::time::{Duration, Instant};

use kurier_protocol::api::produce::{
    LeaderIdAndEpoch, PartitionProduceResponse, ProduceRequest, ProduceResponse,
};
use kurier_protocol::{ErrorCode, Str};

use super::api::Context;
use super::leaders;
use crate::state::State;

/// What a request will be answered, and what it waits for.
#[derive(Debug, Default)]
pub(super) struct Unacknowledged {
    /// What it will be answered if nothing goes wrong.
    pub(super) response: ProduceResponse,
    pub(super) owed: Vec<Owed>,
}

/// Records of a request that not all replicas in sync have.
#[derive(Clone, Debug)]
pub(super) struct Owed {
    pub(super) topic: Str,
    pub(super) partition: i32,
    /// The offset up to which the replicas must come.
    pub(super) until: i64,
    /// Its place in the answer: topic, partition.
    pub(super) at: (usize, usize),
}

impl Unacknowledged {
    /// Looks which replicas have come far enough: `None` if nothing is owed any more, else until
    /// when it is waited for.
    pub(super) fn settle(
        &mut self,
        request: &ProduceRequest,
        state: &State,
        context: &Context,
    ) -> Option<Instant> {
        let Self { response, owed } = self;
        owed.retain(|owed| settle(state, context, owed, response).is_none());
        if owed.is_empty() {
            return None;
        }
        let wait = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
        let until = context.since + wait;
        if context.now.instant < until && !context.is_last_call {
            return Some(until);
        }
        for owed in owed.drain(..) {
            set_error(response, &owed, ErrorCode::REQUEST_TIMED_OUT);
        }
        None
    }
}

/// Looks whether all replicas in sync have what is owed, and writes into the answer if that will
/// not be known; `None` as long as it is open.
fn settle(
    state: &State,
    context: &Context,
    owed: &Owed,
    response: &mut ProduceResponse,
) -> Option<()> {
    let topic = state.topic(&owed.topic);
    let found = topic.and_then(|found| Some((found, found.partition(owed.partition)?)));
    let code = match found {
        None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        Some((_, partition)) if partition.leader != Some(context.broker) => {
            ErrorCode::NOT_LEADER_OR_FOLLOWER
        }
        Some((_, partition)) if partition.high_watermark() < owed.until => return None,
        // They were enough when the records came.
        Some((topic, partition))
            if partition.in_sync.len() < partition.in_sync_min(&topic.config) =>
        {
            ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
        }
        Some(_) => return Some(()),
    };
    set_error(response, owed, code);
    let partition = partition_mut(response, owed)?;
    partition.current_leader = current_leader(state, context, (&owed.topic, owed.partition), code);
    Some(())
}

/// Says that it is not known whether records that were appended will stay. They keep their offset.
fn set_error(response: &mut ProduceResponse, owed: &Owed, code: ErrorCode) {
    if let Some(partition) = partition_mut(response, owed) {
        partition.error_code = code;
    }
}

fn partition_mut<'a>(
    response: &'a mut ProduceResponse,
    owed: &Owed,
) -> Option<&'a mut PartitionProduceResponse> {
    response.responses.get_mut(owed.at.0)?.partition_responses.get_mut(owed.at.1)
}

/// The new leader, where a refusal comes with it.
pub(super) fn current_leader(
    state: &State,
    context: &Context,
    (topic, index): (&str, i32),
    code: ErrorCode,
) -> LeaderIdAndEpoch {
    let current = leaders::current(state.partition(topic, index), code);
    let told = current.filter(|_| context.version >= 10);
    told.map_or_else(LeaderIdAndEpoch::default, |(leader_id, leader_epoch)| LeaderIdAndEpoch {
        leader_id,
        leader_epoch,
    })
}
