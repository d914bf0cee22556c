//! Drives `decode_response` with libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kurier_fuzz::targets::decode_response(data));
