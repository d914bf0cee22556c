//! Finds out the facts: asks brokers, within a time, and decides nothing.

mod contacts;
mod describe;
mod topics;
mod coordinators;
mod clock;
mod walk;

pub(crate) use walk::{Prober, fill};
