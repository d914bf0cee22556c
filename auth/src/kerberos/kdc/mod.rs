//! A small KDC for tests: one realm, a few principals, whatever a client may meet. *Core.*
//!
//! It is not a KDC for use: it keeps no record of requests that it has seen, and checks no policy.

mod codec;
mod database;
mod answers;

pub use answers::Kdc;

#[cfg(test)]
mod tests;
