//! Kafka frames that are right, or wrong in exactly one way; and targets that take any bytes.
//!
//! * [`arbitrary()`] builds a frame of any request from the protocol's tables, [`frame`] has the
//!   same for responses. [`mutate`] changes it: what the frame holds but not how it is framed, or
//!   one thing of its framing. They serve any Kafka code; nothing of Kurier needs to run.
//! * [`wire`] sends such frames to a broker and tells what became of them.
//! * [`targets::ALL`] names functions that take any bytes and panic when a promise is broken.
//!   libFuzzer drives them from the workspace in `cargo-fuzz/`; plain `cargo test` replays the
//!   files in `corpus/TARGET/`, then as many inputs as `KURIER_FUZZ_ITERATIONS` says, which come
//!   from [`random::Random`] with a fixed seed: the same run every time, with no tool but cargo.
//!
//! ```
//! use arbitrary::Unstructured;
//! use kurier_fuzz::mutate::{Mutation, mutate};
//! use kurier_protocol::ApiKey;
//!
//! let mut u = Unstructured::new(&[0x5a; 200]);
//! let frame = kurier_fuzz::arbitrary(ApiKey::METADATA, 12, &mut u)?;
//! let bytes = frame.to_bytes();
//! assert_eq!(bytes[4..8], [0, 3, 0, 12]);
//! let cut = mutate(&frame, Mutation::Truncated, &mut u)?.expect("a body that can be cut");
//! assert!(cut.len() < bytes.len());
//! # Ok::<(), arbitrary::Error>(())
//! ```

pub mod half;
pub mod random;
pub mod message;
pub mod layout;
pub mod frame;
pub mod mutate;
pub mod batch;
pub mod reached;
pub mod targets;
pub mod replay;
pub mod wire;

pub use frame::arbitrary;

/// The examples of the guide.
#[cfg(doctest)]
#[doc = include_str!("../../docs/fuzzing.md")]
mod guide {}
