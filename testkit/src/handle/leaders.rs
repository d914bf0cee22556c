//! Core: what an answer says about leaders that have moved (KIP-951): who leads now, and where.

use std::collections::BTreeSet;

use kurier_protocol::{ErrorCode, Str};

use super::api::Context;
use crate::state::{Partition, State};

/// A broker that an answer names as a leader.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) node_id: i32,
    pub(super) host: Str,
    pub(super) port: i32,
    pub(super) rack: Option<Str>,
}

/// The leader and its epoch, -1 for none, if a refusal is one that comes with the new leader.
pub(super) fn current(partition: Option<&Partition>, code: ErrorCode) -> Option<(i32, i32)> {
    let moved = [ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::FENCED_LEADER_EPOCH];
    let partition = partition.filter(|_| moved.contains(&code))?;
    Some((partition.leader.unwrap_or(-1), partition.leader_epoch))
}

/// Where those of the leaders listen that run.
pub(super) fn endpoints(
    leaders: impl IntoIterator<Item = i32>,
    state: &State,
    context: &Context,
) -> Vec<Endpoint> {
    let leaders: BTreeSet<i32> = leaders.into_iter().filter(|id| *id >= 0).collect();
    if leaders.is_empty() {
        return Vec::new();
    }
    let named = state.brokers_at(context.listener).filter(|(id, _)| leaders.contains(id));
    let endpoints = named.map(|(node_id, address)| Endpoint {
        node_id,
        host: Str::from(&address.host),
        port: address.port.into(),
        rack: state.rack(node_id),
    });
    endpoints.collect()
}
