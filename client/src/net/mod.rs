//! Connections: one task each, which owns a socket and answers requests in order.

mod class;
mod address;
mod pool;
mod frames;
mod ranges;
mod throttle;
mod handshake;
mod login;
mod track;
mod authenticator;
mod in_flight;
mod last_look;
mod exchange;
mod typed;
mod queue;
mod standing;
mod dial;
mod session;
mod outage;
mod serving;
mod connection;
mod broker;
mod probe;
#[cfg(test)]
mod tests;

pub use address::Address;
pub(crate) use broker::{Connections, Peer, Route};
pub use class::Class;
pub(crate) use handshake::question;
pub use probe::{Contact, Probe, Stage, Step, Walk};
pub use ranges::Ranges;
pub(crate) use standing::Standing;
