//! libFuzzer's entry for [`fuzz::ent_servers`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::ent_servers::run(data));
