//! Clients and brokers in virtual time, with a network in memory that is not kind.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod links;
mod idle;
