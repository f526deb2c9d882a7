//! libFuzzer's entry for [`fuzz::cache_record`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::cache_record::run(data));
