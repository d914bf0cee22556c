//! `doctor`: what is wrong between this machine and a cluster, and what to do about it.
//!
//! The prober fills in [`facts::Facts`], the rules turn them into findings without any I/O, the
//! report prints those. Each check has one place: its name in `finding.rs`, its rule and its fix in
//! the module of its kind.

pub(crate) mod finding;
pub(crate) mod facts;
mod told;
mod trust;
mod command;
mod by_topic;
mod reach;
mod cluster;
mod listeners;
mod topics;
mod rights;
mod defaults;
mod transactions;
mod clock;
mod rules;
pub(crate) mod report;
pub(crate) mod prober;

pub(crate) use rules::findings;
