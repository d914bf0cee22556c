//! Drives [`kurier_fuzz::targets::decode_any`] with libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kurier_fuzz::targets::decode_any::decode_any(data));
