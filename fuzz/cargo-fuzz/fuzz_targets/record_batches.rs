//! Drives [`kurier_fuzz::targets::record_batches`] with libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kurier_fuzz::targets::record_batches::record_batches(
    data
));
