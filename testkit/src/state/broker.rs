//! Core: a broker and the addresses at which it is reached.

use std::collections::BTreeMap;
use std::fmt;

use kurier_protocol::Str;

use super::spoken::Spoken;

/// One broker.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) is_alive: bool,
    /// Where it stands. Kafka: broker.rack.
    pub(crate) rack: Option<Str>,
    /// Where it listens, by listener: a client learns the address that it can use itself.
    pub(crate) addresses: BTreeMap<ListenerId, Address>,
    /// The versions that it speaks.
    pub(crate) spoken: Spoken,
}

impl Broker {
    /// A running broker that listens in memory.
    pub(crate) fn new(id: i32, spoken: Spoken) -> Self {
        let address = Address { host: format!("broker-{id}"), port: MEMORY_PORT };
        let addresses = [(ListenerId::MEMORY, address)].into();
        Self { is_alive: true, rack: None, addresses, spoken }
    }
}

/// A way to reach the brokers: in memory, or a set of TCP ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ListenerId(pub(crate) u32);

impl ListenerId {
    /// The network in memory.
    pub(crate) const MEMORY: Self = Self(0);
}

/// A host and a port as clients are told them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// What clients are told in place of where the brokers listen, as far as it is said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Advertised {
    pub(crate) host: Option<String>,
    /// That of the first broker; the others have those after it.
    pub(crate) port: Option<u16>,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// The port of every broker in memory.
pub(crate) const MEMORY_PORT: u16 = 9092;
