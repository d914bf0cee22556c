//! What a client measures, by the names that Java's clients have for it.
//!
//! Tasks record into meters, once a request or a batch and never for a record; a snapshot reads
//! all of them by the rows of `table/`, which is documentation and code in one. Nothing is global:
//! each [`Client`](crate::Client) has metrics of its own.

mod window;
mod meter;
mod client;
mod connection;
mod producer;
mod consumer;
mod group;
mod row;
mod table;
mod snapshot;
mod prometheus;
mod registry;
mod reference;

pub(crate) use connection::{ConnectionMeter, Node, OpenConnection, Role};
pub(crate) use consumer::{Catch, Extent, FetchMeter, ReadMeter};
pub(crate) use group::{Errand, GroupMeter};
pub(crate) use producer::{BatchSizes, Buffer, Produce, ProducerMeter, Wait};
pub use registry::Metrics;
pub use row::Unit;
pub use snapshot::{Metric, Snapshot, Value};

#[cfg(test)]
mod tests;
