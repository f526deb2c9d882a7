//! libFuzzer's entry for [`fuzz::seal_key`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::seal_key::run(data));
