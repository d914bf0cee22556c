//! `kurier verifiable`: what Kafka's system tests run, with the same lines of JSON.

mod event;
mod pace;
pub(crate) mod producer;
