//! libFuzzer's entry for [`fuzz::journal_segment`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::journal_segment::run(data));
