//! libFuzzer's entry for [`fuzz::extract`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::extract::run(data));
