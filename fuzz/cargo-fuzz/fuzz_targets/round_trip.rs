//! Drives `round_trip` with libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kurier_fuzz::targets::round_trip(data));
