//! Benchmarks beside the peers.

pub mod lists;
pub mod random;
