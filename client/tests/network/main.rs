//! What a client promises about its connections, and about what it knows of the cluster, on a
//! network that is whole or not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../polls/mod.rs"]
mod polls;
mod scale;
mod recovery;
mod endings;
mod outages;
mod leaders;
mod coordinators;
mod sleepers;
mod throttling;
mod responsive;
mod unknown_codes;
mod rights;
mod stillness;
mod versions;
mod clocks;
mod dropped;
mod under_way;
mod sessions;
mod fetching;
