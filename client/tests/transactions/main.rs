//! What a client promises about transactions.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod world;
#[path = "../simulation/stage.rs"]
mod stage;
mod steps;
mod lost_answers;
mod questions;
mod producer;
mod seeds;
mod scenarios;
mod aborted;
mod late;
mod leaderless;
mod hidden;
mod closing;
mod refused;
mod shut_out;
mod old_brokers;
mod misuse;
