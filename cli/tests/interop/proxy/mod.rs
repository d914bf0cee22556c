//! A proxy in front of a broker, whose connections are slow, cut, silent or refused when a test
//! says so; all that is left to chance follows from a seed. On loopback only.
//!
//! `weather.rs` says what connections meet, `course.rs` is the core that decides what becomes of
//! the bytes of one direction, and `relay.rs` moves them.

mod weather;
mod course;
mod relay;
mod tests;

pub(crate) use relay::Proxy;
pub(crate) use weather::{Cut, End, Flow, Lane, Weather};
