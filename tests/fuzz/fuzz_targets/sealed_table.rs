//! libFuzzer's entry for [`fuzz::sealed_table`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::sealed_table::run(data));
