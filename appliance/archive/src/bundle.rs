//! An extract of the journal for somebody else: one file that proves itself.
//!
//! ```text
//! couverture.html                 what it is, who asked for it, why: to be printed
//! extrait.csv, extrait.parquet    the records
//! journal/key                     what the box's signatures are verified with
//! journal/checkpoint              the state of the log of seals, signed by the box
//! journal/leaves                  all seals and statements of that log: which it could have come from, and that none is left out
//! journal/witnessed, growth       what a witness has signed, and that the log grew from it
//! scelles/seal-N.parquet[.age]    the sealed files themselves, where somebody wants them
//! manifeste                       all that, with its hashes, signed by the box
//! ```
//! The file is a ZIP archive in which nothing is compressed and every byte has one value that is right.

mod check;
mod csv;
mod leaves;
mod manifest;
mod packer;
mod select;
pub(crate) mod zip;
pub use check::{BundleFinding, BundleRemark, BundleReport, BundleTrust, verify_bundle};
pub use manifest::{Manifest, ManifestError, PackedFile, Request};
pub use packer::{PackError, Packer, Pedigree};
pub use select::{Extract, ExtractError, Extracted, ROWS_MAX, is_selected, is_unreadable, query};

/// The names of what every bundle has.
pub(crate) mod name {
    pub(crate) const COVER: &str = "couverture.html";
    pub(crate) const CSV: &str = "extrait.csv";
    pub(crate) const TABLE: &str = "extrait.parquet";
    pub(crate) const KEY: &str = "journal/key";
    pub(crate) const CHECKPOINT: &str = "journal/checkpoint";
    pub(crate) const WITNESSED: &str = "journal/witnessed";
    pub(crate) const GROWTH: &str = "journal/growth";
    pub(crate) const MANIFEST: &str = "manifeste";
    pub(crate) const LEAVES: &str = "journal/leaves";
    /// Before the number of a seal, in extracts of the first version.
    pub(crate) const SEAL: &str = "journal/seal-";
    /// Before the name of a sealed file.
    pub(crate) const SEALED: &str = "scelles/";
}
