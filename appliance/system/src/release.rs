//! Releases of the machine's system: which one runs, which waits for a start, which failed here and why; and putting one into
//! the slot that does not run. systemd-sysupdate writes and verifies, the boot loader counts
//! (docs/decisions/0037-health-and-return.md).
//!
//! It works as root, by the order of a user that it trusts for nothing but a version.
//! Invariant: what is handed on was opened before it was looked at, and follows no link; what failed here is never put in again.

mod boot_folder;
mod entry;
mod install;
mod look;
mod memory;
mod programs;
mod report;
mod source;

pub use install::{InstallError, install};
pub use look::{LookError, Places, look};
pub use programs::{ProgramError, last_words, restart, write};
pub use report::{FailedRelease, RefusedOrder, ReleaseReport};
pub use source::{Source, SourceError};
