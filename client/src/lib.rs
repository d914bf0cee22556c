//! A Kafka client without C: producer, consumer and admin for any broker since 0.10.
//!
//! [`Client`] finds the cluster; a [`Producer`], a [`Consumer`] and everything else is made from
//! it. Settings have types and defaults ([`config`], [`producer`], [`consumer`]), and can be given
//! by the names that other clients have for them ([`properties`]).
//!
//! * [`Producer::send`] waits for the broker; [`Producer::enqueue`] waits for space in the buffer
//!   only, and [`Producer::try_enqueue`] for nothing: it gives the record back.
//! * [`Producer::send_all`] sends many and says which were not delivered.
//! * [`Producer::flush`] waits until all that was enqueued has an outcome; [`Producer::close`] does
//!   so and ends the producer, and [`Producer::close_within`] gives up after a time.
//! * [`Client::transactional_producer`] writes records and a group's offsets together or not at all
//!   ([`transactional`]; docs/transactions.md says what comes after each error).
//! * [`consumer`] has groups too: their members divide topics among themselves.
//! * [`Client::session`] reads as a member of a group, and writes what is made of it exactly once
//!   ([`session`]).
//!
//! ```
//! use kurier_client::{Client, Compression, Record, Start, Stop};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let cluster = kurier_testkit::TestCluster::builder().topic("orders", 1).build();
//! # let (bootstrap, env) = (cluster.bootstrap(), cluster.env(1));
//! let client = Client::builder(bootstrap).client_id("app").env(env).connect().await?;
//!
//! let producer = client.producer().compression(Compression::Zstd).build().await?;
//! let ack = producer.send(Record::to("orders").key("k").value("v")).await?;
//! assert_eq!((ack.partition, ack.offset), (0, 0));
//! producer.close().await?;
//!
//! let orders = client.consumer().topics(["orders"], Start::Earliest);
//! let mut consumer = orders.stop(Stop::End).start()?;
//! while let Some(batch) = consumer.next().await.transpose()? {
//!     for record in batch.records() {
//!         assert_eq!(record?.value, Some(&b"v"[..]));
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod sync;
pub mod error;
pub mod backoff;
pub mod security;
pub mod config;
pub mod metrics;
#[cfg(test)]
#[path = "tests/scripted.rs"]
mod scripted;
pub mod net;
pub mod metadata;
mod cluster;
mod retries;
mod coordination;
mod routing;
mod features;
pub mod offsets;
pub mod transactions;
pub mod admin;
pub mod producer;
pub mod transactional;
pub mod group;
pub mod consumer;
pub mod session;
pub mod properties;
mod client;

pub use admin::NewTopic;
pub use client::{Client, ClientBuilder};
pub use consumer::{Consumer, FetchedBatch, Start, Stop};
pub use error::Error;
pub use kurier_protocol::record::Compression;
pub use producer::{Acks, Delivery, Producer, Record, RecordMetadata};
pub use routing::Target;

/// The example of the README, which must compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}

/// What these pages have in Rust, which must compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/consumer.md")]
#[doc = include_str!("../../docs/transactions.md")]
mod pages {}

/// What the page has in Rust, which must run.
#[cfg(doctest)]
#[doc = include_str!("../../docs/kafka-in-your-tests.md")]
mod kafka_in_your_tests {}
