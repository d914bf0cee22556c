//! Core: a group of the classic protocol: who is in it, and how it comes to a generation.

mod phase;
mod group;
mod rebalance;
mod join;
mod sync;
mod life;
mod time;

pub(crate) use group::Classic;
