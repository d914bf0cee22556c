//! Core: the whole cluster as one struct with one owner. It learns the time from its caller.

mod spoken;
mod broker;
mod settings;
mod foreign_config;
mod broker_config;
mod group_config;
mod lag;
mod partition;
mod topic;
mod name;
mod whole;
mod coordinators;
mod brokers;
mod silence;
mod groups;
mod topics;
mod partitions;
mod time;

pub(crate) use broker::{Address, Advertised, ListenerId};
pub(crate) use broker_config::{broker_config_kind, broker_config_names, is_unseen};
pub(crate) use group_config::GroupConfig;
pub(crate) use name::check_topic_name;
pub(crate) use partition::{Partition, Role};
pub(crate) use settings::{BROKER_SESSION, Ids, Settings, UPKEEP_INTERVAL};
pub(crate) use spoken::Spoken;
pub(crate) use topic::{NewTopic, Topic};
pub(crate) use whole::State;
