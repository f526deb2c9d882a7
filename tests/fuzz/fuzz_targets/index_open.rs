//! libFuzzer's entry for [`fuzz::index_open`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::index_open::run(data));
