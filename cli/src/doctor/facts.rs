//! Core: what was found out about a cluster, and what could not be.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use kurier_client::Acks;
use kurier_client::error::Cause;
use kurier_client::net::{Address, Step};
use kurier_protocol::release::Release;
use kurier_protocol::{ApiKey, ErrorCode};

/// A fact, or why it is not known.
pub(crate) type Known<T> = Result<T, Unknown>;

/// Why a fact is not known, as half a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unknown(pub(crate) Cow<'static, str>);

impl Unknown {
    /// Nothing was heard of it before the time was over, or a signal came.
    pub(crate) const TIME: Self = Self::of("the doctor ended before this was answered");
    /// There is nobody to ask.
    pub(crate) const NOBODY: Self = Self::of("no broker could be asked");
    /// Settings were asked for, and the answer has none.
    pub(crate) const EMPTY: Self = Self::of(
        "the answer to DescribeConfigs is empty: the user lacks the right to it \
         (DescribeConfigs), or the broker's release is old",
    );

    pub(crate) const fn of(why: &'static str) -> Self {
        Self(Cow::Borrowed(why))
    }

    pub(crate) fn new(why: impl Into<Cow<'static, str>>) -> Self {
        Self(why.into())
    }
}

/// What the client is, and what it is to do.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) encrypts: bool,
    /// Whether a certificate must be for the host that was connected to.
    pub(crate) checks_host_names: bool,
    /// The mechanism, if there is to be a login.
    pub(crate) mechanism: Option<&'static str>,
    /// The word for what the login shows to whoever listens on an unencrypted network, if
    /// anything.
    pub(crate) shows: Option<&'static str>,
    /// As whom, if that is known beforehand.
    pub(crate) user: Option<String>,
    /// The file of its settings, as it was named.
    pub(crate) config_file: Option<String>,
    pub(crate) acks: Acks,
    /// Kafka: transaction.timeout.ms.
    pub(crate) transaction_timeout_ms: i64,
    /// Whether transactions are meant: something of them is set.
    pub(crate) wants_transactions: bool,
    pub(crate) topics: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) transactional_ids: Vec<String>,
    /// How long all of it may take.
    pub(crate) limit: Duration,
}

/// All of it.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) client: Client,
    /// The bootstrap servers.
    pub(crate) servers: Vec<Server>,
    /// What the first server that answered says.
    pub(crate) cluster: Known<Cluster>,
    /// The brokers that it names, by id.
    pub(crate) listeners: Vec<Listener>,
    /// Brokers that are registered and not served by (4.0).
    pub(crate) fenced: Known<Vec<i32>>,
    /// Those that are named, else all that the user may see.
    pub(crate) topics: Known<Vec<Topic>>,
    /// The settings of topics, by their names.
    pub(crate) topic_settings: BTreeMap<String, Known<Settings>>,
    /// The settings of the first broker that told them.
    pub(crate) broker_settings: Known<Settings>,
    pub(crate) groups: Vec<Group>,
    pub(crate) transactional_ids: Vec<TransactionalId>,
    /// This machine's time, in seconds since 1970.
    pub(crate) now: u64,
    /// By how many seconds the clock of Kerberos' KDCs is ahead; 0 if they do not mind.
    pub(crate) kdc_clock_offset: i64,
    /// None if no topic was given to find it out by.
    pub(crate) clock: Option<Known<Clock>>,
    /// What was asked and not answered as it should be.
    pub(crate) unanswered: Vec<Unanswered>,
    pub(crate) end: End,
}

impl Facts {
    /// Nothing is known yet.
    pub(crate) fn new(client: Client, servers: impl IntoIterator<Item = Address>) -> Self {
        let servers = servers.into_iter().map(|address| Server::new(Way::new(address)));
        let group = |id: &String| Group { id: id.clone(), rights: Err(Unknown::TIME) };
        let transactional =
            |id: &String| TransactionalId { id: id.clone(), rights: Err(Unknown::TIME) };
        Self {
            servers: servers.collect(),
            cluster: Err(Unknown::TIME),
            listeners: Vec::new(),
            fenced: Err(Unknown::TIME),
            topics: Err(Unknown::TIME),
            topic_settings: BTreeMap::new(),
            broker_settings: Err(Unknown::TIME),
            groups: client.groups.iter().map(group).collect(),
            transactional_ids: client.transactional_ids.iter().map(transactional).collect(),
            now: 0,
            kdc_clock_offset: 0,
            clock: None,
            unanswered: Vec::new(),
            end: End::Whole,
            client,
        }
    }

    /// How many brokers run, as the cluster says.
    pub(crate) fn broker_count(&self) -> Option<usize> {
        self.cluster.as_ref().ok().map(|cluster| cluster.brokers.len())
    }

    /// The release that a broker shows, if any does.
    pub(crate) fn release(&self) -> Option<Release> {
        let met = self.servers.iter().filter_map(|server| server.way.met.as_ref());
        met.filter_map(|met| met.release).next()
    }
}

/// A bootstrap server.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) way: Way,
    /// What it says of the cluster.
    pub(crate) cluster: Known<Cluster>,
}

impl Server {
    pub(crate) fn new(way: Way) -> Self {
        Self { way, cluster: Err(Unknown::TIME) }
    }
}

/// The way to a host and port.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) to: Address,
    /// None while the resolver has not answered.
    pub(crate) resolved: Option<Result<Vec<SocketAddr>, Cause>>,
    /// The addresses that were tried, up to the first that leads there.
    pub(crate) tried: Vec<(SocketAddr, Vec<Step>)>,
    /// Who is there.
    pub(crate) met: Option<Met>,
    /// When the first of the certificates ends that were shown there: seconds since 1970.
    pub(crate) certificate_end: Option<u64>,
}

impl Way {
    pub(crate) fn new(to: Address) -> Self {
        Self { to, resolved: None, tried: Vec::new(), met: None, certificate_end: None }
    }
}

/// A broker that answered.
#[derive(Clone, Debug)]
pub(crate) struct Met {
    /// None if it shows no release that is known.
    pub(crate) release: Option<Release>,
    /// The features that are switched on, with their levels.
    pub(crate) features: Vec<(String, i16)>,
}

/// A cluster, as a broker describes it.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    /// None before 0.10.1.
    pub(crate) id: Option<String>,
    pub(crate) controller: Option<i32>,
    /// The brokers that run, and where they say that they are.
    pub(crate) brokers: BTreeMap<i32, Address>,
    /// The ports of brokers that say they are at one that there is not.
    pub(crate) impossible: BTreeMap<i32, i32>,
}

/// A question that was not answered as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unanswered {
    /// Who was asked.
    pub(crate) at: SocketAddr,
    pub(crate) api: ApiKey,
    pub(crate) why: Unknown,
}

/// How the looking ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With everything.
    Whole,
    /// With the time.
    Time,
    /// With a signal.
    Signal,
}

/// An address that a broker advertises.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    pub(crate) broker: i32,
    pub(crate) way: Way,
    /// The cluster of whoever is there.
    pub(crate) cluster_id: Known<Option<String>>,
    /// Whether it is the broker that it should be; else who it says that it is.
    pub(crate) is_it: Known<Result<(), String>>,
}

impl Listener {
    pub(crate) fn new(broker: i32, address: Address) -> Self {
        let (cluster_id, is_it) = (Err(Unknown::TIME), Err(Unknown::TIME));
        Self { broker, way: Way::new(address), cluster_id, is_it }
    }
}

/// A topic, as the metadata has it.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) error: ErrorCode,
    pub(crate) is_internal: bool,
    pub(crate) partitions: Vec<Partition>,
    /// What the user may do with it.
    pub(crate) operations: Known<Operations>,
}

impl Topic {
    /// On how many brokers each partition is, or is to be.
    pub(crate) fn replication(&self) -> usize {
        self.partitions.iter().map(|partition| partition.replicas.len()).min().unwrap_or(0)
    }
}

/// A partition, as the metadata has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Partition {
    pub(crate) index: i32,
    pub(crate) leader: Option<i32>,
    pub(crate) replicas: Vec<i32>,
    pub(crate) in_sync: Vec<i32>,
}

/// What a user may do: bit n is Kafka's AclOperation n (KIP-430).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operations(pub(crate) i32);

/// An operation, by Kafka's number of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Read = 3,
    Write = 4,
    Describe = 8,
}

impl Operation {
    /// Kafka's word for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Read => "Read",
            Self::Write => "Write",
            Self::Describe => "Describe",
        }
    }
}

impl Operations {
    /// Those that may be done.
    #[cfg(test)]
    pub(crate) fn of(allowed: &[Operation]) -> Self {
        Self(allowed.iter().fold(0, |bits, one| bits | 1 << *one as i32))
    }

    /// Whether this one may be done.
    pub(crate) fn allow(self, one: Operation) -> bool {
        self.0 & (1 << one as i32) != 0
    }
}

/// Settings, by name.
pub(crate) type Settings = BTreeMap<String, String>;

/// A setting among those that a broker told, or why it is not there.
pub(crate) fn told<'a>(settings: &'a Settings, name: &str) -> Known<&'a str> {
    match settings.get(name) {
        Some(value) => Ok(value),
        None if settings.is_empty() => Err(Unknown::EMPTY),
        None => Err(Unknown::new(format!(
            "the answer to DescribeConfigs leaves {name} out: the broker's release lacks it, or it \
             is hidden from this user"
        ))),
    }
}

/// A group, and what a user may do with it.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) id: String,
    pub(crate) rights: Known<Rights>,
}

/// A transactional id, and what a user may do with it.
#[derive(Clone, Debug)]
pub(crate) struct TransactionalId {
    pub(crate) id: String,
    pub(crate) rights: Known<Rights>,
}

/// What was answered to whom would use something that has a coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rights {
    /// It may be used. Perhaps there is more to say.
    Allowed(Option<String>),
    /// These operations are refused.
    Refused(Vec<Operation>),
    /// There is no coordinator, for this reason.
    NoCoordinator(ErrorCode),
}

/// This machine's clock beside a broker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    pub(crate) broker: i32,
    /// How far the broker's clock is ahead, in ms.
    pub(crate) ahead_ms: i64,
    /// How much that may be off, in ms.
    pub(crate) uncertain_ms: i64,
}
