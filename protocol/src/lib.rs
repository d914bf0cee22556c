//! Every Kafka message, in every version since 0.10, and the record batches inside them.
//!
//! This crate does no I/O: bytes in, values out, and back.
//!
//! * [`api`] has a file for each API: the structs of its request and its response, and what each
//!   field means. [`data`] has those that lie inside other messages and in records.
//! * [`encode`] and [`decode`] turn a typed message into bytes and back; [`frame`] adds header and
//!   length. [`value`] does it for messages that are chosen at run time, `json` (a feature) for
//!   Kafka's JSON form.
//! * [`record`] reads and writes record batches.
//! * [`release`] says what brokers of each release speak, [`ErrorCode`] what they answer.
//!
//! ```
//! use kurier_protocol::api::metadata::{MetadataRequest, MetadataRequestTopic};
//! use kurier_protocol::{Bytes, decode, frame};
//!
//! let topic = MetadataRequestTopic { name: Some("orders".into()), ..Default::default() };
//! let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
//! let bytes: Bytes = frame::request(&request, 12, 7, Some("me"))?.to_bytes();
//!
//! let (header, body) = frame::open_request(&bytes.slice(4..))?;
//! assert_eq!((header.request_api_key, header.correlation_id), (3, 7));
//! assert_eq!(decode::<MetadataRequest>(&body, 12)?, request);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Versions
//!
//! One struct serves all versions of a message: it has every field that any of them has. A field
//! that the chosen version lacks reads as its default. Writing refuses it, unless it holds its
//! default or is *ignorable*: then it is left out. The docs of each field say which versions have
//! it. `..Default::default()` fills in what a caller does not care about.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `gzip`, `snappy`, `lz4`, `zstd` | yes | the codec, in Rust; without it batches are refused |
//! | `zstd-c` | no | zstd through the C library, in place of the one in Rust; runs a C compiler |
//! | `json` | no | Kafka's JSON form of any message, and the lines of `kurier wire` |
//!
//! # What bytes can cost
//!
//! No bytes make this crate panic, recurse deeper than its tables, or allocate beyond a bound.
//! Each limit has a name:
//!
//! | what | limit | beyond it |
//! | --- | --- | --- |
//! | frame | [`FRAME_BYTES_MAX`], and what its reader allows | [`frame::length`] fails |
//! | request frame | [`REQUEST_BYTES_MAX_DEFAULT`] of brokers | they close the connection |
//! | string | [`STRING_BYTES_MAX`] | refused, read and written |
//! | bytes, records | [`LENGTH_MAX`], and the bytes that are left | refused; they are slices |
//! | array | as many elements as bytes are left | refused |
//! | array, room ahead | [`ELEMENTS_RESERVED_MAX`] | grows as elements come |
//! | nesting | [`STRUCT_NESTING_MAX`], by the tables | cannot be |
//! | memory | [`MEMORY_PER_BYTE_MAX`] times the message | cannot be |
//! | decompressed batch | [`DECOMPRESSED_BYTES_MAX_DEFAULT`] | refused |
//! | its ratio | [`DECOMPRESSED_RATIO_MAX_DEFAULT`] | refused |
//! | ratio not asked | [`DECOMPRESSED_BYTES_FREE`] | the ratio counts |
//! | buffer kept by a [`Compressor`] | [`COMPRESS_BUFFER_BYTES_MAX`] | freed |
//! | buffer kept by a [`Decompressor`] | [`DECOMPRESS_BUFFER_BYTES_MAX`] | freed |
//! | message sets | [`MESSAGE_SET_NESTING_MAX`] in each other | refused |
//! | records of a row | [`ROW_RECORDS_MAX`](limits::ROW_RECORDS_MAX) | refused |
//! | records, headers | the bytes that are there | refused, not counted ahead |
//!
//! [`record::DecompressLimits`] sets other limits for a batch than the defaults.
//!
//! [`Compressor`]: record::Compressor
//! [`Decompressor`]: record::Decompressor
//! [`COMPRESS_BUFFER_BYTES_MAX`]: limits::COMPRESS_BUFFER_BYTES_MAX
//! [`DECOMPRESS_BUFFER_BYTES_MAX`]: limits::DECOMPRESS_BUFFER_BYTES_MAX
//! [`DECOMPRESSED_BYTES_FREE`]: limits::DECOMPRESSED_BYTES_FREE
//! [`DECOMPRESSED_BYTES_MAX_DEFAULT`]: limits::DECOMPRESSED_BYTES_MAX_DEFAULT
//! [`DECOMPRESSED_RATIO_MAX_DEFAULT`]: limits::DECOMPRESSED_RATIO_MAX_DEFAULT
//! [`ELEMENTS_RESERVED_MAX`]: limits::ELEMENTS_RESERVED_MAX
//! [`FRAME_BYTES_MAX`]: limits::FRAME_BYTES_MAX
//! [`LENGTH_MAX`]: limits::LENGTH_MAX
//! [`MEMORY_PER_BYTE_MAX`]: limits::MEMORY_PER_BYTE_MAX
//! [`MESSAGE_SET_NESTING_MAX`]: limits::MESSAGE_SET_NESTING_MAX
//! [`REQUEST_BYTES_MAX_DEFAULT`]: limits::REQUEST_BYTES_MAX_DEFAULT
//! [`STRING_BYTES_MAX`]: limits::STRING_BYTES_MAX
//! [`STRUCT_NESTING_MAX`]: limits::STRUCT_NESTING_MAX

#[macro_use]
mod table;
pub mod limits;
pub mod nearest;
pub mod error;
pub mod wire;
pub mod schema;
pub mod api_key;
pub mod error_code;
pub mod release;
pub mod message;
pub mod header;
mod info;
pub mod data;
pub mod api;
pub mod frame;
pub mod value;
pub mod record;
#[cfg(feature = "json")]
pub mod json;
#[cfg(feature = "json")]
pub mod rows;

pub use api_key::ApiKey;
pub use bytes::Bytes;
pub use error::{DecodeError, EncodeError};
pub use error_code::ErrorCode;
pub use message::{Message, Request, decode, encode};
pub use wire::{Records, Str, Uuid};
