//! libFuzzer's entry for [`fuzz::authority`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::authority::run(data));
