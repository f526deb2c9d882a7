//! libFuzzer's entry for [`fuzz::list_difference`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::list_difference::run(data));
