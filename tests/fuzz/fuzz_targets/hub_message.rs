//! libFuzzer's entry for [`fuzz::hub_message`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::hub_message::run(data));
