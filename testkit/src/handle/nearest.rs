//! Core: which follower a client shall read from, as it is nearer than the leader (KIP-392).

use kurier_protocol::api::fetch::{FetchPartition, FetchRequest};
use kurier_protocol::release::Release;

use super::api::Context;
use crate::state::{Partition, State};

/// The follower in the client's rack that a leader sends it to; `None` if the client may stay.
/// Kafka: `RackAwareReplicaSelector`, if `replica.selector.class` names it.
pub(super) fn follower(
    state: &State,
    context: &Context,
    request: &FetchRequest,
    (partition, wanted): (&Partition, &FetchPartition),
) -> Option<i32> {
    let leads = partition.leader == Some(context.broker);
    let has_selector = state.settings.has_rack_selector && state.settings.release >= Release::V2_4;
    if !leads || !has_selector || request.rack_id.is_empty() {
        return None;
    }
    let is_near = |id: i32| state.rack(id).is_some_and(|rack| rack == request.rack_id);
    if is_near(context.broker) {
        return None;
    }
    let has_offset = |id: &i32| partition.end_at(*id) >= wanted.fetch_offset;
    let near = partition.in_sync.iter().copied().filter(|&id| is_near(id) && state.is_alive(id));
    // The one that has most; of several the one with the highest id.
    near.filter(has_offset).max_by_key(|&id| (partition.end_at(id), id))
}
