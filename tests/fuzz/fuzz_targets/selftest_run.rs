//! libFuzzer's entry for [`fuzz::selftest_run`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::selftest_run::run(data));
