//! Fuzz targets: functions that take any bytes and panic when a promise is broken.
//!
//! [`targets::ALL`] names them. libFuzzer drives them from the workspace in `cargo-fuzz/`; plain
//! `cargo test` replays the files in `corpus/TARGET/` and then as many inputs as the environment
//! variable `KURIER_FUZZ_ITERATIONS` says, which come from [`random::Random`] with a fixed seed:
//! the same run every time, with no tool but cargo.

pub mod random;
pub mod arbitrary;
pub mod targets;
pub mod replay;
