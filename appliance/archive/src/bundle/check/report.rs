//! What a verification of an extract finds, in words for people.

use std::fmt;

use crate::bundle::manifest::{Manifest, ManifestError};
use crate::bundle::zip::Unzipped;
use crate::key::VerifierKey;
use crate::table::TableError;

/// What is wrong, and where.
#[derive(Debug, thiserror::Error)]
pub enum BundleFinding {
    /// The file is no extract, or was damaged.
    #[error("the file: {0}")]
    Archive(#[from] Unzipped),
    /// It has no key.
    #[error("journal/key is missing or damaged: give the box's key with --key")]
    NoKey,
    /// It has another key.
    #[error("journal/key is not the key of this box")]
    OtherKey,
    /// It has no manifest.
    #[error("manifeste is missing or damaged")]
    NoManifest,
    /// The manifest is none.
    #[error("manifeste: {0}")]
    Manifest(#[from] ManifestError),
    /// The manifest is not signed by the box.
    #[error("manifeste: it is not signed by {0}: a wrong key, or it was changed")]
    Signature(String),
    /// A file was changed.
    #[error("{0} was changed: its bytes are not those that were signed")]
    Changed(String),
    /// The archive's checksum of a file was changed.
    #[error("the archive's checksum of {0} was changed")]
    Checksum(String),
    /// A file is gone.
    #[error("{0} is missing")]
    Missing(String),
    /// A file is there that the manifest does not name.
    #[error("{0} was added: the manifest does not name it")]
    Added(String),
    /// The files are not in their order.
    #[error("the files are not those of the manifest in their order")]
    Order,
    /// The checkpoint is none, or another.
    #[error("journal/checkpoint: {0}")]
    Checkpoint(&'static str),
    /// A seal's file is none.
    #[error("{0} is no seal with its proof")]
    Seal(String),
    /// A seal is not in the log.
    #[error("seal {0}: the log of the checkpoint does not have it")]
    Proof(u64),
    /// What a witness says.
    #[error("witness: {0}")]
    Witness(&'static str),
    /// The table cannot be read.
    #[error("extrait.parquet: {0}")]
    Table(#[from] TableError),
    /// There are more or fewer records than the manifest says.
    #[error("extrait.parquet: it has {found} records, the manifest says {expected}")]
    Rows {
        /// What the manifest says.
        expected: u64,
        /// What there is.
        found: u64,
    },
    /// Records are not in order, or one is there twice.
    #[error("extrait.parquet: record {0} is out of order")]
    Disorder(u64),
    /// A record belongs to none of the seals.
    #[error("extrait.parquet: {found} records belong to none of the seals, the manifest says {expected}")]
    Unsealed {
        /// What the manifest says.
        expected: u64,
        /// What there is.
        found: u64,
    },
    /// The text says something else than the table.
    #[error("extrait.csv: line {0} does not say what extrait.parquet says")]
    Text(usize),
    /// A sealed file is not the one that was sealed.
    #[error("{file} is not what seal {seal} has sealed")]
    Sealed {
        /// The seal.
        seal: u64,
        /// Its file.
        file: String,
    },
    /// A sealed file cannot be read.
    #[error("seal {seal}: its file cannot be read: {error}")]
    Unreadable {
        /// The seal.
        seal: u64,
        /// Why.
        error: String,
    },
    /// The extract leaves out what was sealed.
    #[error("seal {seal}: record {record} was sealed, was asked for, and is not in the extract")]
    Omitted {
        /// The seal.
        seal: u64,
        /// The record.
        record: u64,
    },
    /// The extract has what was never sealed.
    #[error("seal {seal}: record {record} of the extract is not what was sealed")]
    Invented {
        /// The seal.
        seal: u64,
        /// The record.
        record: u64,
    },
}

/// What is worth knowing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleRemark {
    /// Nobody said which key is right.
    #[error("the key is the extract's own. Compare it with the one that was written down, or give --key")]
    OwnKey,
    /// What a witness has signed.
    #[error("witness: seals and statements 1 to {0} are as witnessed")]
    Witnessed(u64),
    /// Records that were not sealed yet.
    #[error("{0} records were not sealed yet when the extract was made: only the box vouches for them")]
    Unsealed(u64),
    /// What nobody had a key for.
    #[error("{0} sealed files of that time were encrypted to others: nothing of them is in the extract")]
    Locked(u64),
    /// What the disk did not give back.
    #[error("{0} sealed files or segments of that time could not be read")]
    Unreadable(u64),
    /// Records between two seals of the extract.
    #[error(
        "records {0} to {1} are in none of the seals that are here: that they are of another time, or were deleted when theirs \
         was over, is the box's word"
    )]
    Gap(u64, u64),
    /// Records that were made without the time.
    #[error(
        "{0} records were made before the clock was set: they were chosen by what it showed, and others of the time that was \
         asked for may be missing"
    )]
    Untimed(u64),
    /// Records that were compared with what was sealed.
    #[error(
        "{seals} sealed files are here whole, and the extract is what they have: {rows} records, none left out of them. That \
         no other file belongs to the time that was asked for is the box's word"
    )]
    Compared {
        /// How many files.
        seals: u64,
        /// How many records.
        rows: u64,
    },
    /// Seals whose files are not here, or encrypted to others.
    #[error(
        "{0} sealed files are not here, or encrypted: that the records are all that was asked for, and as they were sealed, \
         is the box's word"
    )]
    Unseen(u64),
}

/// What a verification found.
#[derive(Debug, Default)]
pub struct BundleReport {
    /// What the extract says to be; `None` where it cannot be read.
    pub manifest: Option<Manifest>,
    /// The key that it was verified with.
    pub signer: Option<VerifierKey>,
    /// How many records it has.
    pub rows: u64,
    /// How many seals are in the log that it shows.
    pub seals: u64,
    /// What is wrong. None: nothing was changed.
    pub findings: Vec<BundleFinding>,
    /// What is worth knowing.
    pub remarks: Vec<BundleRemark>,
}

impl BundleReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.findings.is_empty()
    }
}

impl fmt::Display for BundleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { manifest, signer, rows, seals, findings, remarks } = self;
        if let Some(signer) = signer {
            writeln!(f, "key: {signer}")?;
        }
        if let Some(Manifest { request, .. }) = manifest {
            writeln!(f, "asked for by {}: {}, {}", request.author, request.purpose, request.detail)?;
        }
        remarks.iter().try_for_each(|remark| writeln!(f, "note: {remark}"))?;
        findings.iter().try_for_each(|finding| writeln!(f, "WRONG: {finding}"))?;
        writeln!(f, "{rows} records, from {seals} seals")?;
        match findings.len() {
            0 => writeln!(f, "verified: nothing was changed, removed or added"),
            number => writeln!(f, "NOT VERIFIED: {number} things are wrong"),
        }
    }
}
