//! libFuzzer's entry for [`fuzz::http_head`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::http_head::run(data));
