//! `kurier verifiable`: what Kafka's system tests run, with the same lines of JSON.

mod event;
mod pace;
mod report;
pub(crate) mod producer;
pub(crate) mod consumer;
