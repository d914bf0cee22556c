//! Drives `batch_round_trip` with libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kurier_fuzz::targets::batch_round_trip(data));
