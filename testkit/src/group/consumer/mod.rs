//! Core: a consumer group (KIP-848): the broker assigns, members follow heartbeat by heartbeat.

mod member;
mod members;
mod pattern;
mod group;
mod reconcile;
mod heartbeat;
mod offsets;
mod classic;

pub(crate) use classic::assignment;
pub(crate) use group::Consumer;
pub(crate) use heartbeat::check_assignor;
#[cfg(test)]
pub(crate) use member::ASKED as MEMBERS_ASKED;
pub(crate) use member::{ClassicMember, ConsumerMember, Place, Timers};
