//! Drives `batch_v0_v1` with libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kurier_fuzz::targets::batch_v0_v1(data));
