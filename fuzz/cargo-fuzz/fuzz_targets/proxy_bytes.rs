//! Drives `proxy_bytes` with libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kurier_fuzz::targets::proxy_bytes(data));
