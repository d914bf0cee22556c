//! Core: a member of a group whose partitions the coordinator divides (KIP-848).
//!
//! There is one request, the heartbeat, and no barrier: the coordinator tells each member by itself
//! what it shall hold, the member gives up the rest and says so, and takes what is free at once.
//! The member's epoch says how far it has come.

mod beat;
mod life;
mod reconcile;
mod answer;
#[cfg(test)]
mod tests;

pub(crate) use self::life::{Action, Beat, Interest, Modern};
