//! Fuzz targets: one for each reader of bytes that Préau does not control.
//!
//! A target is a function that must not panic, whatever it is given, and that checks the laws of its reader
//! with assertions. `cargo test -p fuzz` replays every file of `corpus/<target>/` and variants of it;
//! `cargo fuzz run <target> --features libfuzzer` looks for new ones, with a nightly toolchain or, on a
//! stable one, `RUSTC_BOOTSTRAP=1`. What crashes a target goes into the corpus once it is repaired; `found-*` are inputs
//! of such runs that reach what no other file reaches, a few of each, so that the replay stays quick.
//!
//! A new target is a module here, a line in [`TARGETS`], a file in `fuzz_targets/` with its `[[bin]]`, and a
//! first corpus.

pub mod authority;
pub mod cache_record;
pub mod client_hello;
pub mod dns_query;
pub mod ent_servers;
pub mod extract;
pub mod http_head;
pub mod hub_message;
pub mod index_open;
pub mod journal_segment;
pub mod list_difference;
pub mod packet;
pub mod seal_key;
pub mod seal_log;
pub mod sealed_table;
pub mod selftest_run;
pub mod session_ledger;
pub mod ut1_lines;
pub mod wifi_capture;

/// A target: takes one input.
pub type Target = fn(&[u8]);

/// All targets by their names, which are also those of their corpus directories.
pub const TARGETS: &[(&str, Target)] = &[
    ("authority", authority::run),
    ("cache_record", cache_record::run),
    ("client_hello", client_hello::run),
    ("dns_query", dns_query::run),
    ("ent_servers", ent_servers::run),
    ("extract", extract::run),
    ("http_head", http_head::run),
    ("hub_message", hub_message::run),
    ("index_open", index_open::run),
    ("journal_segment", journal_segment::run),
    ("list_difference", list_difference::run),
    ("packet", packet::run),
    ("selftest_run", selftest_run::run),
    ("seal_key", seal_key::run),
    ("seal_log", seal_log::run),
    ("sealed_table", sealed_table::run),
    ("session_ledger", session_ledger::run),
    ("ut1_lines", ut1_lines::run),
    ("wifi_capture", wifi_capture::run),
];

#[cfg(test)]
mod replay;
