//! libFuzzer's entry for [`fuzz::seal_log`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::seal_log::run(data));
