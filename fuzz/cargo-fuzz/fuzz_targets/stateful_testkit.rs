//! Drives `stateful_testkit` with libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kurier_fuzz::targets::stateful_testkit(data));
