//! The brokers as a client meets them: frames over a connection, in memory and over TCP.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod peer;
mod long_poll;
mod connections;
mod freed;
mod faults;
mod network;
mod replicas;
mod script;
mod topology;
mod observation;
mod pause;
mod tcp;
mod groups;
mod sabotage;
mod login;
#[cfg(feature = "tls")]
mod tls;
