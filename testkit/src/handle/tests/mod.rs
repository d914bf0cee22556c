//! The handlers, tried without a network: a request goes in as bytes, an answer comes out.

mod bench;
mod versions;
mod topics;
mod produce;
mod fetch;
mod fetch_versions;
mod replicas;
mod racks;
mod upkeep;
mod offsets;
mod damage;
mod groups;
mod group_offsets;
mod sizes;
mod group_time;
mod migration;
mod transactions;
mod consumer_groups;
mod configs;
mod group_configs;
mod upgrade;
mod group_damage;
