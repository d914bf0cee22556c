//! `kurier verifiable`: what Kafka's system tests run, with the same lines of JSON.

mod event;
mod pace;
mod report;
mod progress;
pub(crate) mod producer;
pub(crate) mod consumer;
pub(crate) mod copier;
