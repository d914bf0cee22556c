//! SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677): each side proves that it knows the
//! password, and nobody says it.
//!
//! ```text
//! client                                      server
//! Start      --n=user,r=nonce-->              Start
//! Asked      <--r=both nonces,s=salt,i=n--    Challenged   (no such user: refused)
//! Proved     --c=biws,r=both nonces,p=proof-> Done         (wrong proof: refused)
//! Done       <--v=server's signature--
//! ```
//!
//! The client's second step and [`ScramCredential::derive`] compute thousands of hashes: they take
//! milliseconds to a second, and belong off the reactor.
//!
//! Passwords and names are the bytes of their UTF-8, as Kafka has it: there is no SASLprep, which
//! would lock out users whose password it changes. Names and passwords that are empty or hold a
//! NUL are refused. There is no channel binding, as Kafka offers none.

mod hash;
mod text;
mod credential;
mod client;
mod server;
#[cfg(test)]
mod tests;

pub use client::ScramClient;
pub use credential::{ScramCredential, salted_password};
pub use hash::ScramHash;
pub use server::{ScramLogin, ScramServer};

use std::ops::RangeInclusive;

/// How many iterations a client accepts: fewer make guessing cheap, more make the client stand
/// still.
pub const SCRAM_ITERATIONS: RangeInclusive<u32> = text::ITERATIONS;

/// Random bytes in a nonce.
pub const SCRAM_NONCE_BYTES: usize = text::NONCE_BYTES;
