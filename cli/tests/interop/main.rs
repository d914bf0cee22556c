//! Kurier beside programs of other people: real brokers of every release, kcat, Java's tools, and
//! client libraries in Java, Python and Go.
//!
//! Chosen by two variables, since none of these programs can be expected on a machine:
//! `KURIER_REAL_BROKERS` lists releases of Apache Kafka (Java and Maven are needed), and
//! `KURIER_FOREIGN_CLIENTS` lists clients to try on `kurier broker`: `kcat`, `java`, `python`, `go`
//! and `c`; Python and Go with the libraries that `ci/foreign-client` gets, C with librdkafka.
//! What a variable asks for must be there: then a test fails, it is never skipped.
//! `KURIER_BIN` is the `kurier` to test, else the one that cargo has built.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]
#![expect(clippy::disallowed_methods, reason = "other people's programs keep real time")]

mod run;
mod release;
mod record;
mod segment;
mod kurier;
mod tools;
mod library;
mod real_broker;
mod embedded_broker;
mod real_brokers;
mod groups;
mod transactions;
mod verifiable;
mod sessions;
mod round;
mod foreign_clients;
mod documented;
mod logins;
mod renewals;
mod security;
mod java_files;
mod mistakes;
mod answers;
mod proxy;
mod faults;
mod doctor;
