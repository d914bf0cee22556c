//! Core: a consumer group (KIP-848): the broker assigns, members follow heartbeat by heartbeat.

mod member;
mod pattern;
mod group;
mod reconcile;
mod heartbeat;
mod offsets;
mod classic;

pub(crate) use classic::assignment;
pub(crate) use group::Consumer;
pub(crate) use heartbeat::check_assignor;
pub(crate) use member::{ClassicMember, ConsumerMember, Place, Timers};
