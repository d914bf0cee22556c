//! What can be wrong with the description of a cluster, and with its ports.

use std::io;

use kurier_protocol::release::ReleaseError;

/// Why a cluster cannot be as it was described.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The release is not one that is known.
    #[error("{release:?} is {source}")]
    Release {
        /// What was given.
        release: String,
        /// What would have been right.
        source: ReleaseError,
    },
    /// A cluster has 1 to 1000 brokers.
    #[error("{0} brokers make no cluster; 1 to {max} do", max = crate::limits::BROKERS_MAX)]
    BrokerCount(u32),
    /// Something was said of a broker that the cluster has not.
    #[error("the cluster has no broker {0}")]
    NoSuchBroker(i32),
    /// A setting that Kafka has a name for cannot be as it was set.
    #[error("{name} {problem}")]
    Config {
        /// Its name.
        name: String,
        /// What is wrong with the name or the value.
        problem: String,
    },
    /// TLS or SASL cannot be as it was set.
    #[error("{0}")]
    Security(String),
    /// A topic cannot be created.
    #[error("topic {topic:?} cannot be created: {reason}")]
    Topic {
        /// Its name.
        topic: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Why no clients can come to a broker over TCP.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen at {address}: {source}")]
pub struct ListenError {
    /// Where the broker was to listen, as `host:port`.
    pub address: String,
    /// What the system says.
    pub source: io::Error,
}
