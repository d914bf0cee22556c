//! Core: the whole cluster as one struct: what its rooms share.

use std::collections::BTreeMap;
use std::time::Instant;

use kurier_protocol::Str;

use super::broker::Broker;
use super::group_config::GroupConfig;
use super::settings::Settings;
use super::topic::Topic;
use crate::codecs::Codecs;
use crate::group::{Groups, Topics};
use crate::sabotage::Saboteur;
use crate::sessions::Sessions;
use crate::transaction::Transactions;

/// Brokers, topics, partitions, and what they hold.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) codecs: Codecs,
    pub(super) brokers: BTreeMap<i32, Broker>,
    /// Brokers that are paused, and since when nobody hears of them.
    pub(super) silent: BTreeMap<i32, Instant>,
    pub(super) topics: BTreeMap<Str, Topic>,
    /// The topics by what their names are in metrics.
    pub(super) metric_names: BTreeMap<String, Str>,
    pub(super) topics_made: u64,
    pub(super) sessions: BTreeMap<i32, Sessions>,
    /// When it was looked last for producers that were silent for long.
    pub(super) producers_seen: Option<Instant>,
    pub(super) next_producer_id: i64,
    pub(super) listeners: u32,
    pub(crate) groups: Groups,
    /// What single groups are set to.
    pub(super) group_configs: BTreeMap<Str, GroupConfig>,
    /// What groups know of the topics.
    pub(crate) group_topics: Topics,
    pub(crate) transactions: Transactions,
    pub(crate) saboteur: Saboteur,
    pub(super) members_named: u64,
    /// Who coordinates groups and transactional ids that do not stay where they belong.
    pub(super) coordinators: BTreeMap<Str, i32>,
    /// Grows with every change that a waiting request may wait for.
    pub(super) changes: u64,
}

impl State {
    /// A cluster of brokers 1 to `broker_count`, without topics.
    pub(crate) fn new(settings: Settings, broker_count: i32) -> Self {
        let brokers =
            (1..=broker_count).map(|id| (id, Broker::new(id, settings.spoken.clone()))).collect();
        Self {
            groups: Groups::new(settings.groups),
            group_configs: BTreeMap::new(),
            group_topics: Topics::default(),
            transactions: Transactions::new(settings.transactions, settings.transaction_rules()),
            saboteur: Saboteur::default(),
            members_named: 0,
            settings,
            codecs: Codecs::new(),
            brokers,
            silent: BTreeMap::new(),
            topics: BTreeMap::new(),
            metric_names: BTreeMap::new(),
            topics_made: 0,
            sessions: BTreeMap::new(),
            producers_seen: None,
            next_producer_id: 0,
            listeners: 1,
            coordinators: BTreeMap::new(),
            changes: 0,
        }
    }

    /// The part of a member's id that nobody has, in the form of a random UUID.
    pub(crate) fn new_member_name(&mut self) -> Str {
        self.members_named += 1;
        format!("00000000-0000-4000-8000-{:012x}", self.members_named).into()
    }

    /// A producer id that nobody has.
    pub(crate) fn new_producer_id(&mut self) -> i64 {
        let id = self.next_producer_id;
        self.next_producer_id += 1;
        id
    }

    /// A number that grows with every change that a waiting request may wait for.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// Something was written that a waiting request may wait for.
    pub(crate) fn push_change(&mut self) {
        self.changes += 1;
    }
}
