//! Drives `fetch_partition` with libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kurier_fuzz::targets::fetch_partition(data));
