//! Finds out the facts: asks brokers, within a time, and decides nothing.

mod ledger;
mod contacts;
mod describe;
mod topics;
mod coordinators;
mod clock;
mod walk;

pub(crate) use ledger::Ledger;
pub(crate) use walk::{Prober, fill};
