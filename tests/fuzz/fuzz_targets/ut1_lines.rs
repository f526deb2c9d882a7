//! libFuzzer's entry for [`fuzz::ut1_lines`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::ut1_lines::run(data));
