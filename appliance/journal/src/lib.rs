//! The access log: one record per access and per act on the rules, durable within a second, readable after any
//! power cut.
//!
//! [`open`] gives the two ends: a [`Journal`] where doors record from any thread without waiting for the disk,
//! and a [`Writer`] that one thread drives to make the records durable. [`search`] reads them; [`harvest`] reads
//! them for whoever keeps them in another form.
//!
//! Invariant: pure. Segments are kept by a [`Storage`]; time is an argument; threads belong to whoever drives
//! the writer.
//! Invariant: a record is accepted only when there is room reserved on the disk for it.

mod clock;
mod codes;
mod entry;
mod fold;
mod format;
mod found;
mod harvest;
mod journal;
mod person;
mod queue;
mod reader;
mod recovery;
mod search;
mod segment;
mod sequence;
#[cfg(any(test, feature = "simulation"))]
pub mod simulation;
mod storage;
mod writer;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod laws;

pub use clock::{ClockTie, Reckoning};
pub use fold::FOLD_WINDOW_MS;
pub use found::{Ended, Found, FoundAct};
pub use harvest::{
    HarvestError, Harvested, Late, News, SegmentInfo, Tally, harvest, inspect, is_segment, may_end,
    may_repeat_since, read_clock_ties, read_late,
};
pub use journal::{Journal, Recorded, Unrecorded, open};
pub use person::FoundPersonAct;
pub use queue::STALL_MAX;
pub use reader::{Damage, DamageKind};
pub use recovery::Recovery;
pub use search::{Hit, Kind, Query, SearchError, Summary, search, search_reckoned};
pub use sequence::Sequence;
pub use storage::{Active, Floor, Listed, SegmentId, Source, Storage};
pub use writer::{CommitError, Writer};
