//! Core: what is decided once for a cluster.

use std::time::Duration;

use kurier_env::{Chance, Purpose};
use kurier_protocol::Uuid;
use kurier_protocol::release::Release;

use super::broker::Advertised;
use super::spoken::Spoken;
use crate::group::GroupSettings;
use crate::transaction::{Rules, TransactionSettings};

/// What the cluster pretends to be, and its defaults.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The release that the brokers pretend to be.
    pub(crate) release: Release,
    /// The versions that they speak.
    pub(crate) spoken: Spoken,
    /// Whether a topic that is asked for is created. Kafka: auto.create.topics.enable.
    pub(crate) auto_create: bool,
    /// Kafka: num.partitions.
    pub(crate) partitions_default: i32,
    /// Kafka: default.replication.factor.
    pub(crate) replication_default: i16,
    /// Fetch sessions that a broker remembers. Kafka:
    /// max.incremental.fetch.session.cache.slots.
    pub(crate) fetch_sessions_max: usize,
    /// How long the controller waits for a broker that is silent. Kafka:
    /// broker.session.timeout.ms.
    pub(crate) broker_session: Duration,
    /// How long a connection may be idle before it is closed. Kafka: connections.max.idle.ms.
    pub(crate) connection_idle_max: Duration,
    /// Whether leaders send readers to a follower in their rack. Kafka: replica.selector.class.
    pub(crate) has_rack_selector: bool,
    /// How often `kurier broker` sees to the logs. Kafka: log.retention.check.interval.ms.
    pub(crate) upkeep_interval: Duration,
    /// Where clients who come over TCP are told to find the brokers. Kafka: advertised.listeners.
    pub(crate) advertised: Advertised,
    /// What Metadata calls the cluster, and what its topics' ids begin with.
    pub(crate) ids: Ids,
    pub(crate) groups: GroupSettings,
    pub(crate) transactions: TransactionSettings,
}

impl Settings {
    /// Whether the controllers are a quorum of their own, so that every broker takes requests for
    /// them. Before, only the controller itself did.
    pub(crate) fn is_kraft(&self) -> bool {
        self.release >= Release::V3_3
    }

    /// Whether the cluster has the transactions of KIP-890, which end with a new epoch.
    pub(crate) fn has_transactions_v2(&self) -> bool {
        self.release >= Release::V4_0
    }

    /// The rules by which the cluster aborts what takes too long.
    pub(crate) fn transaction_rules(&self) -> Rules {
        if self.has_transactions_v2() { Rules::V2 } else { Rules::V1 }
    }

    /// Whether the cluster has the consumer groups of KIP-848. Before 4.0 they were to be tried out
    /// and off.
    pub(crate) fn has_consumer_groups(&self) -> bool {
        self.release >= Release::V4_0
    }

    /// Whether leaders ask the coordinator before they take records of a transaction (KIP-890).
    pub(crate) fn verifies_transactions(&self) -> bool {
        self.release >= Release::V3_6
    }

    /// Whether a transaction ends without its partitions that have no leader in that moment: they
    /// get no marker, ever (KAFKA-20734).
    pub(crate) fn skips_partitions_without_leader(&self) -> bool {
        self.release >= Release::V4_3
    }

    /// Whether members of KIP-848's groups may commit as in an earlier epoch what they were given
    /// by then, in transactions too (KIP-1251).
    pub(crate) fn takes_earlier_epochs(&self) -> bool {
        self.release >= Release::V4_3
    }

    /// Whether a commit of offsets that is refused, as it is one of an earlier transaction, takes
    /// those of the open one away (KAFKA-17754).
    pub(crate) fn loses_offsets_to_late_ones(&self) -> bool {
        self.release < Release::V4_0
    }

    /// How long a partition remembers a silent producer: until 3.4 as long as a transactional id.
    pub(crate) fn producer_expiration(&self) -> Duration {
        match self.release >= Release::V3_4 {
            true => self.transactions.producer_expiration,
            false => self.transactions.id_expiration,
        }
    }

    /// The id of the topic that was created as the `made`th; zero where the release has no ids.
    pub(crate) fn topic_id(&self, made: u64) -> Uuid {
        if self.release < Release::V2_8 {
            return Uuid::ZERO;
        }
        self.ids.topic(made)
    }
}

/// The ids that a cluster gives to itself and to its topics.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    pub(crate) cluster: String,
    /// The first topic's; each further one has the number behind the former.
    topics: u128,
}

impl Ids {
    /// The same in each cluster.
    pub(crate) fn fixed() -> Self {
        let begin = |word: &[u8; 8]| u128::from(u64::from_be_bytes(*word)) << 64;
        Self::new(begin(b"kuriercl"), begin(b"kuriertp"))
    }

    /// Other ones than those of clusters whose chance is another.
    pub(crate) fn draw(chance: &dyn Chance) -> Self {
        // As Kafka's, they do not begin with a hyphen, which a program may take for an option.
        let half = || u128::from(chance.next(Purpose::Identity) >> 1);
        let id = || (half() << 64) | half();
        Self::new(id(), id())
    }

    fn new(cluster: u128, topics: u128) -> Self {
        Self { cluster: Uuid(cluster.to_be_bytes()).to_string(), topics }
    }

    fn topic(&self, made: u64) -> Uuid {
        Uuid(self.topics.wrapping_add(made.into()).to_be_bytes())
    }
}

/// Kafka's default of broker.session.timeout.ms.
pub(crate) const BROKER_SESSION: Duration = Duration::from_secs(9);
/// Kafka's default of log.retention.check.interval.ms.
pub(crate) const UPKEEP_INTERVAL: Duration = Duration::from_secs(300);
