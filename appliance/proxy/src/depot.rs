//! What the box keeps of the workspaces, on its disk, and what is on its way there.
//!
//! The `cache` room decides what may be kept and served; here is the disk, and the transfers. One fill owns the way to the
//! server for all readers of a body: each byte is asked for once, every reader starts with the first one, and one that
//! jumps ahead gets a stream of its own. A transfer that is cut is gone on with where it stopped, under a strong
//! validator; parts of two versions never meet.
//!
//! Invariant: what is on the disk has a checksum, and is believed only with it: a file that is cut short, changed or left over
//! from a power cut is as good as none. Nothing is scanned before the first request is answered.

mod body;
mod catalogue;
mod disk;
mod entry;
mod files;
mod flight;
mod larder;
mod ledgers;
mod parts;
mod pins;
mod posted;
mod reader;
mod servers;
mod stock;

pub(crate) use body::{Body, Run, StreamNumber};
pub(crate) use entry::{Object, Succession};
pub(crate) use flight::{Boarding, Landing, Outcome, await_landing};
pub(crate) use larder::Larder;
pub(crate) use posted::Change;
pub(crate) use reader::{Fetch, Reader};
pub(crate) use stock::{Arrival, EntryHandle};
pub use stock::{Depot, DepotSettings};

#[cfg(test)]
mod tests;
