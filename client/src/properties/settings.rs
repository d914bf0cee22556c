//! `Properties`: all settings in one place.

use std::time::Duration;

use kurier_protocol::record::Compression;

use super::delivery::DeliveryNames;
use super::notes::Note;
use super::security::SecuritySettings;
use crate::config::ClientConfig;
use crate::consumer::ConsumerConfig;
use crate::group::GroupConfig;
use crate::producer::ProducerConfig;
use crate::transactional::TransactionSettings;

/// All settings of a client, its producers and its consumers, to be set by name.
///
/// Names are those of Kafka's Java client and of librdkafka, all of them. One that neither has is
/// an error that names the nearest ones.
#[derive(Clone, Debug, Default)]
pub struct Properties {
    /// Where the cluster can be found. Kafka: bootstrap.servers. Default: none.
    pub servers: Vec<String>,
    /// Settings that all parts share. Login and encryption are here if they are given by their
    /// types; [`client_config`](Self::client_config) has those that settings by name come to.
    pub client: ClientConfig,
    /// Settings of producers.
    pub producer: ProducerConfig,
    /// Settings of transactions.
    pub transactions: TransactionSettings,
    /// Settings of consumers.
    pub consumer: ConsumerConfig,
    /// The group that consumers are members of, if they subscribe. Kafka: group.id. Default: none.
    pub group_id: Option<String>,
    /// How consumers behave as members of a group.
    pub group: GroupConfig,
    /// How often what is marked would be committed, while it is not.
    pub(super) commit_interval: Option<Duration>,
    /// Levels in the order in which they were set, each with its codec unless it is for any. The
    /// last one that the codec in use can have counts.
    pub(super) levels: Vec<(Option<Compression>, i32)>,
    /// By which names the delivery and request timeouts were set.
    pub(super) delivery: DeliveryNames,
    /// The rack of the client, and whether producers prefer brokers in it.
    pub(super) rack: (Box<str>, bool),
    /// What was set and changes nothing.
    pub(super) notes: Vec<Note>,
    /// What a login and encryption follow from that were not given by their types.
    pub(super) security: SecuritySettings,
}
