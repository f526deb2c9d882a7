//! A commune of simulated boxes before a real hub: each has the real client, a log of its own, and no time to wait.

pub mod commune;
pub mod engines;
pub mod list;
pub mod meter;
pub mod nights;
pub mod template;
