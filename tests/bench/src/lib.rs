//! Benchmarks beside the peers.

pub mod dns;
pub mod ent;
pub mod figures;
pub mod gate;
pub mod hub;
pub mod journal;
pub mod listed;
pub mod lists;
pub mod machine;
pub mod process;
pub mod sandbox;

pub use harness::random;
