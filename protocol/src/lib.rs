//! Every Kafka message, in every version since 0.10, and the record batches inside them.
//!
//! This crate does no I/O: bytes in, values out, and back.

pub mod record;

pub use bytes::Bytes;
