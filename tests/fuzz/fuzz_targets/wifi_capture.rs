//! libFuzzer's entry for [`fuzz::wifi_capture`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::wifi_capture::run(data));
