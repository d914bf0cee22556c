//! `Picture`: the cluster as it was last seen.

use std::collections::BTreeMap;
use std::sync::Arc;

use kurier_protocol::{ApiKey, ErrorCode, Uuid};

use crate::error::{About, Cause, Error, means_forbidden};
use crate::net::Address;

/// The cluster as it was last seen. It never changes; a newer one takes its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// Grows with each picture; 0 while nothing is known.
    pub serial: u64,
    /// The cluster's id, if the brokers have told it.
    pub cluster_id: Option<String>,
    /// The broker to which changes of topics go.
    pub controller: Option<i32>,
    pub(super) brokers: BTreeMap<i32, BrokerAddress>,
    pub(super) topics: BTreeMap<Arc<str>, Arc<Topic>>,
    /// The ports of brokers that are said to be at one that there is not.
    pub(super) misplaced: BTreeMap<i32, i32>,
    /// What topics of a name there were before the one that has it, where there were any.
    pub(super) past: BTreeMap<Arc<str>, Past>,
}

/// Where a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerAddress {
    /// Host and port, as the broker advertises them.
    pub address: Address,
    /// Its rack, if it has one.
    pub rack: Option<String>,
}

/// A topic as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id; zero where the brokers have none (before 2.8).
    pub id: Uuid,
    /// What the brokers said of it instead of its partitions. Then those are of an earlier answer.
    pub error: ErrorCode,
    /// Whether it is one of Kafka's own.
    pub is_internal: bool,
    /// Its partitions, by index.
    pub partitions: Vec<Partition>,
}

/// The topics whose name another one has now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Past {
    /// Their ids, the last one last: a few.
    pub(super) ids: Vec<Uuid>,
    /// How many answers in a row have named one of them nevertheless.
    pub(super) named: u32,
}

/// A partition as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number within the topic.
    pub index: i32,
    /// What the brokers said of it; it may have a leader nevertheless.
    pub error: ErrorCode,
    /// Who serves it, if anyone.
    pub leader: Option<Leader>,
    /// The newest leader epoch heard of, also while there is no leader; -1 if there are none.
    pub leader_epoch: i32,
    /// The brokers that hold it.
    pub replicas: Vec<i32>,
    /// Those of them that have all of it.
    pub in_sync: Vec<i32>,
    /// Those of them that are down.
    pub offline: Vec<i32>,
}

/// Who serves a partition, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leader {
    /// The broker's id.
    pub broker: i32,
    /// Counts the leaders of the partition; -1 where brokers do not tell (before 2.1).
    pub epoch: i32,
}

impl Picture {
    /// Why a broker without an address cannot be connected to; any broker, if none is named.
    pub(crate) fn absence(&self, broker: Option<i32>) -> Error {
        let misplaced = match broker {
            Some(id) => self.misplaced.get_key_value(&id),
            None => self.misplaced.first_key_value(),
        };
        let nobody = if broker.is_some() { Cause::NoSuchBroker } else { Cause::NoBrokers };
        let cause = misplaced.map_or(nobody, |(_, port)| Cause::NoSuchPort(*port));
        match misplaced.map(|(id, _)| *id).or(broker) {
            Some(id) => Error::unreachable(format!("broker {id}"), cause),
            None => Error::unreachable("any broker", cause),
        }
    }

    /// A topic, with its error if it has one. None if it was never asked for.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(name)
    }

    /// A topic by its id.
    #[must_use]
    pub fn topic_by_id(&self, id: Uuid) -> Option<&Arc<Topic>> {
        self.topics.values().find(|topic| topic.id == id && id != Uuid::ZERO)
    }

    /// The topics, by name.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics.values()
    }

    /// How many partitions a topic has. None while it is not known, or has an error.
    #[must_use]
    pub fn partition_count(&self, topic: &str) -> Option<usize> {
        self.usable(topic).map(|topic| topic.partitions.len())
    }

    /// Who serves a partition, as far as is known.
    #[must_use]
    pub fn leader_of(&self, topic: &str, partition: i32) -> Option<Leader> {
        self.usable(topic)?.partition(partition)?.leader
    }

    /// What stands between a partition and its leader, where it has none.
    pub(crate) fn no_leader(&self, topic: &str, partition: i32) -> Error {
        let known = self.topics.get(topic);
        if let Some(missing) = known.filter(|known| !known.error.is_ok()) {
            return Error::broker(ApiKey::METADATA, missing.error, About::topic(topic));
        }
        let found = known.map(|known| (known, known.partition(partition)));
        if let Some((known, None)) = found {
            let count = known.partitions.len();
            return Error::UnknownTopic {
                topic: topic.into(),
                partition: Some((partition, count)),
            };
        }
        let said = found.and_then(|(_, partition)| partition).map(|partition| partition.error);
        let code = said.filter(|said| !said.is_ok()).unwrap_or(ErrorCode::LEADER_NOT_AVAILABLE);
        Error::broker(ApiKey::METADATA, code, About::partition(topic, partition))
    }

    /// Where a broker is.
    #[must_use]
    pub fn broker(&self, id: i32) -> Option<&BrokerAddress> {
        self.brokers.get(&id)
    }

    /// The brokers, by id.
    pub fn brokers(&self) -> impl Iterator<Item = (i32, &BrokerAddress)> {
        self.brokers.iter().map(|(id, broker)| (*id, broker))
    }

    /// A topic whose leaders can be asked. Those of one that may not be seen any more are what they
    /// were, and say at once which ACL misses.
    fn usable(&self, topic: &str) -> Option<&Arc<Topic>> {
        let is_usable = |error: ErrorCode| error.is_ok() || means_forbidden(error);
        self.topics.get(topic).filter(|topic| is_usable(topic.error))
    }
}

impl Topic {
    /// A partition by its number.
    #[must_use]
    pub fn partition(&self, index: i32) -> Option<&Partition> {
        let at = self.partitions.binary_search_by_key(&index, |p| p.index).ok()?;
        self.partitions.get(at)
    }

    /// Who serves a partition of this topic, whose name is given.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTopic`] if there is no such partition; LEADER_NOT_AVAILABLE if nobody does
    /// now.
    pub(crate) fn leader(&self, name: &str, index: i32) -> Result<Leader, Error> {
        let Some(known) = self.partition(index) else {
            let partition = Some((index, self.partitions.len()));
            return Err(Error::UnknownTopic { topic: name.into(), partition });
        };
        known.leader.ok_or_else(|| {
            let about = About::partition(name, index);
            Error::broker(ApiKey::METADATA, ErrorCode::LEADER_NOT_AVAILABLE, about)
        })
    }
}
