//! Record batches: what a Produce request and a Fetch answer carry, in all three formats.
//!
//! Reading splits batches off in place ([`RecordBatches`]), tells what a batch says of itself
//! without decoding ([`RecordBatch`]), opens it ([`RecordBatch::open`]: checksum compared,
//! decompressed within limits) and lends its records out ([`OpenBatch::records`]). Writing
//! appends records to the final buffer ([`BatchWriter`]) and seals it once.
//!
//! ```
//! use bytes::BytesMut;
//! use kurier_protocol::record::{
//!     BatchWriter, DecompressLimits, Magic, RecordBatches, RecordParts, Seal,
//! };
//!
//! let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 1_700_000_000_000);
//! let timestamp = 1_700_000_000_005;
//! writer.append(&RecordParts { timestamp, value: Some(b"hello"), ..RecordParts::default() })?;
//! let records = writer.seal(&Seal::default())?;
//!
//! for batch in RecordBatches::new(records) {
//!     let batch = batch?.open(&DecompressLimits::default())?;
//!     for record in batch.records() {
//!         let record = record?;
//!         assert_eq!((record.offset, record.timestamp), (0, timestamp));
//!         assert_eq!(record.value, Some(&b"hello"[..]));
//!     }
//! }
//! # Ok::<(), kurier_protocol::record::RecordError>(())
//! ```

mod kind;
mod error;
mod layout;
mod varint;
mod parts;
mod compression;
mod batch;
mod legacy;
mod records;
mod owned;
mod open;
mod encode;
mod writer;
mod stamp;
mod convert;
pub mod control;
mod aborted;
#[cfg(test)]
mod tests;

pub use self::aborted::{AbortedTransactions, Fate, committed};
pub use self::batch::{RecordBatch, RecordBatches};
pub use self::compression::{Compressor, DecompressLimits, Decompressor};
pub use self::convert::convert;
pub use self::error::RecordError;
pub use self::kind::{Compression, Magic, TimestampType, UnknownCompression};
pub use self::open::OpenBatch;
pub use self::owned::Record;
pub use self::parts::{Header, RecordParts};
pub use self::records::{Headers, RecordRef, Records};
pub use self::stamp::{ProducerStamp, Stamp, Stamped, stamp, stamp_producer};
pub use self::writer::{BatchWriter, Seal};
