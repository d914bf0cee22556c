//! Drives `batch_v2` with libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kurier_fuzz::targets::batch_v2(data));
