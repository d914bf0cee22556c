//! The built binary, run as a user runs it: against its own broker, and against what is no broker.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "helpers of tests may panic, and there is no simulated world around a process"
)]

mod bad_input;
#[cfg(target_os = "linux")]
mod bench;
#[cfg(unix)]
mod ends_in_time;
mod brokers;
#[cfg(unix)]
mod consume;
#[cfg(unix)]
mod port_file;
mod demo;
mod doctor;
#[cfg(unix)]
mod groups;
mod help;
mod process;
mod records;
mod topics;
mod verifiable;
mod wire;
