//! Every Kafka message, in every version since 0.10, and the record batches inside them.
//!
//! This crate does no I/O: bytes in, values out, and back.

#[macro_use]
mod table;
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
mod base64;
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
