//! libFuzzer's entry for [`fuzz::session_ledger`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::session_ledger::run(data));
