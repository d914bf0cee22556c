//! A Kafka cluster in memory, for tests.
//!
//! [`TestCluster`] answers like Kafka: it keeps real record batches, assigns offsets, waits in
//! fetches as long as they ask, honours their limits, and speaks the versions of the release that
//! it pretends to be. Clients in the same process reach it through a network in memory, in virtual
//! time if tokio's clock is paused; clients in any language through TCP. Leaders move, brokers die
//! and come back, and [`Fault`]s make chosen requests fail.
//!
//! ```
//! use kurier_protocol::api::metadata::MetadataRequest;
//! use kurier_protocol::{ApiKey, ErrorCode, frame};
//! use kurier_testkit::{Fault, TestCluster};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = TestCluster::builder().brokers(3).topic("orders", 6).build();
//! assert_eq!(cluster.bootstrap()[0], "broker-1:9092");
//!
//! // A client gets the cluster's network from its environment ..
//! let env = cluster.env(1);
//! let address = env.net().resolve("broker-1", 9092).await?[0];
//! let mut stream = env.net().connect(address).await?;
//! let request = frame::request(&MetadataRequest::default(), 12, 1, None)?;
//! stream.write_all(&request.to_bytes()).await?;
//! assert!(stream.read_i32().await? > 0);
//!
//! // .. and the test sees what it did, and breaks things.
//! assert_eq!(cluster.requests()[0].api, ApiKey::METADATA);
//! cluster.fault(Fault::on(ApiKey::PRODUCE).answer(ErrorCode::NOT_LEADER_OR_FOLLOWER));
//! cluster.kill_broker(2);
//! assert_ne!(cluster.leader("orders", 1), Some(2));
//! # Ok(())
//! # }
//! ```
//!
//! Served are producing and fetching with transactions, topics, groups, and what clients ask about
//! them: ApiVersions names it all. Replicas have what their leader has, until a test holds them
//! back ([`TestCluster::hold_follower`]) or out ([`TestCluster::set_in_sync`]).
//!
//! The network in memory may be slow, cut or half open: see [`net::Network`].
//!
//! What a run has shown can be checked, whichever client and brokers it was of: see [`history`].
//! Tests in other languages start it as `kurier broker`: `docs/kafka-in-your-tests.md` has a
//! program in Java, Python, Go, C and for a shell, and one in Rust with the client beside it.
//!
//! With [`Builder::tls`] and [`Builder::sasl`] the brokers speak TLS and ask who is there, in
//! memory as well as over TCP.

mod limits;
mod isolation;
pub mod history;
mod error;
mod clock;
mod codecs;
mod kept;
mod epochs;
mod deadlines;
mod pattern;
mod log;
mod config_kind;
mod topic_config;
mod group;
mod transaction;
mod producer_state;
mod seal;
mod sabotage;
mod compaction;
mod produced;
mod sessions;
mod fault;
mod recorder;
mod sasl;
mod state;
mod handle;
mod doctored;
#[cfg(feature = "tls")]
mod der;
#[cfg(feature = "tls")]
mod certificate;
#[cfg(feature = "tls")]
mod tls;
mod security;
mod entrance;
mod login;
mod invariants;
#[doc(hidden)]
pub mod bare;
mod frames;
mod shared;
mod server;
pub mod net;
mod tcp;
mod peer;
mod planted;
mod cluster;
mod replication;
mod upkeep;
mod topology;
mod observation;
mod builder;

pub use builder::Builder;
pub use cluster::TestCluster;
pub use error::{Error, ListenError};
pub use fault::{Connections, Fault, Requests};
pub use isolation::Isolation;
pub use peer::Peer;
pub use planted::PlantedFault;
pub use recorder::{Counters, RecordedRequest};
pub use sabotage::Sabotage;
pub use sasl::{SaslMechanism, SaslMechanismError};
pub use tcp::TcpCluster;
#[cfg(feature = "tls")]
pub use tls::{ClientAuth, ClientCertificate};
