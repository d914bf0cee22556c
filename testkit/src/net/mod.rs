//! The network in memory: streams between clients and brokers, and what is wrong with them.
//!
//! [`TestCluster::network`](crate::TestCluster::network) gives a [`Network`]; its documentation
//! says how time and chance act.

mod link;
mod wire;
mod names;
mod event;
mod connection;
mod fabric;
mod stream;
mod memory;
mod network;

pub use event::{Event, What};
pub use link::{Blocked, Connects, Latency, Side, Way};
pub use names::Answer;
pub use network::Network;

pub(crate) use fabric::Fabric;
pub(crate) use memory::MemoryNet;
