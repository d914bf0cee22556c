//! The Kerberos mechanism of GSS-API (RFC 4121), and SASL's GSSAPI (RFC 4752) on it. *Core.*
//!
//! | module | holds |
//! | --- | --- |
//! | `frame` | the frame around the first tokens |
//! | `context` | what both sides share in the end; wrapped messages |
//! | `initiator` | the client's half of setting it up |
//! | `acceptor` | the service's half |
//! | `client`, `server` | GSSAPI as SASL mechanism |

mod frame;
mod context;
mod initiator;
mod acceptor;
mod client;
mod server;

pub use client::{GssapiClient, GssapiHabits};
pub use server::GssapiServer;

#[cfg(test)]
mod tests;
