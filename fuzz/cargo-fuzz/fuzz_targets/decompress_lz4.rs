//! Drives `decompress_lz4` with libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kurier_fuzz::targets::decompress_lz4(data));
