//! Members of groups, against the cluster in memory: one file per promise.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../polls/mod.rs"]
mod polls;
#[path = "../polls/seeds.rs"]
mod seeds;
mod world;
mod commits_cover_what_was_marked;
mod commits_race;
mod members_share;
mod partitions_are_given_up;
mod members_come_back;
mod protocols_and_topics;
mod sessions;
mod each_partition_has_a_reader;
mod members_are_dropped;
mod logs_change;
mod nobody_waits_in_silence;
