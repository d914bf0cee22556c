//! Whole runs of clients and brokers in virtual time: one seed is one run.
//!
//! A seed picks the cluster, the settings of the clients, what they do and what goes wrong
//! (`plan.rs`). A run first lets all of it happen, then heals everything and demands progress, and
//! at last checks the history of what the clients saw (`run.rs`).
//!
//! ```sh
//! cargo test -p kurier-client --test simulation                     # 20 seeds
//! KURIER_SEEDS=200 cargo test -p kurier-client --test simulation    # 200
//! KURIER_SEED=17 cargo test -p kurier-client --test simulation every_run    # this one alone
//! ```

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod dice;
mod stage;
mod plan;
mod workload;
mod trouble;
mod numbers;
mod run;
mod seeds;
mod links;
mod idle;
