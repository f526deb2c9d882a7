//! What a verification of an extract finds, in words for people.

use std::fmt;

use model::{Selection, Timestamp};

use crate::bundle::csv::tell_time;
use crate::bundle::manifest::{Manifest, ManifestError};
use crate::bundle::zip::Unzipped;
use crate::key::VerifierKey;
use crate::retention::Field;
use crate::table::{GroupFlaw, TableError};

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
    /// The page for people does not say what is signed.
    #[error("couverture.html does not say what the manifest says: only what stands here is signed")]
    Cover,
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
    /// A leaf is none, or of another place.
    #[error("journal/leaves: entry {0} is damaged, or belongs elsewhere")]
    Leaf(u64),
    /// The leaves are not those of the log.
    #[error(
        "journal/leaves: it is not the log of the checkpoint: a seal or a statement is missing, added or changed"
    )]
    Root,
    /// The records of the seals do not follow each other.
    #[error("journal/leaves: records are missing before entry {0}: a seal is hidden, or the log has a gap")]
    Gap(u64),
    /// The manifest names other deleted parts than the log.
    #[error("manifeste: the deleted parts that it names are not those of journal/leaves")]
    Deleted,
    /// What a witness says.
    #[error("witness: {0}")]
    Witness(&'static str),
    /// The table cannot be read.
    #[error("extrait.parquet: {0}")]
    Table(#[from] TableError),
    /// The table says of its own rows what is not so: other programs go by that.
    #[error("extrait.parquet: {0}")]
    Flaw(#[from] GroupFlaw),
    /// There are more or fewer records than the manifest says.
    #[error("extrait.parquet: it has {found} records, the manifest says {expected}")]
    Rows {
        /// What the manifest says.
        expected: u64,
        /// What there is.
        found: u64,
    },
    /// A record is of another time, device or whatever was asked for.
    #[error("extrait.parquet: record {0} is not of what the manifest says to be asked for")]
    Outside(u64),
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
    /// There are more or fewer records without the time than the manifest says.
    #[error(
        "extrait.parquet: of {found} records nobody knows when they were made, the manifest says {expected}"
    )]
    Untimed {
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
    /// A sealed file is not there.
    #[error("seal {seal}: it may have something that was asked for, and {file} is left out")]
    LeftOut {
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
    /// It lists the seals that it comes from, and not the others.
    #[error(
        "the extract is of version 1: that no seal belongs to the time that was asked for but those that it lists is the \
         box's word"
    )]
    Listed,
    /// The log does not go on beyond the time that was asked for.
    #[error(
        "no seal here is of after the time that was asked for: what was recorded after number {0} is the box's word"
    )]
    OpenEnd(u64),
    /// Parts that were deleted when their time was over.
    #[error("seal {seal}: {field} was deleted when its time was over: nothing of it is in the extract")]
    Deleted {
        /// The seal.
        seal: u64,
        /// What it had.
        field: Field,
    },
    /// Of an extract of the first version: records that were made without the time.
    #[error(
        "{0} records were made before the clock was set: they were chosen by what it showed, and others of the time that was \
         asked for may be missing"
    )]
    Unset(u64),
    /// Records that were made nobody knows when.
    #[error(
        "when {0} records were made is not known: between the times in the columns earliest and latest, as far as there are \
         any. They may be of the time that was asked for"
    )]
    Untimed(u64),
    /// Records whose true time does not follow from what is here.
    #[error(
        "when {0} records were made whose clock did not know the time, and so whether they are of the time that was asked for, \
         is the box's word: what says it is not here"
    )]
    Unsettled(u64),
    /// Records that were compared with what was sealed.
    #[error(
        "{seals} sealed days are here whole, and were compared row by row with the extract: {rows} records are as they were sealed"
    )]
    Compared {
        /// How many seals.
        seals: u64,
        /// How many records.
        rows: u64,
    },
    /// There is nothing else.
    #[error(
        "none of these days' records is left out, and by the log no other can have anything of what was asked for"
    )]
    Complete,
    /// What was said of records after they were sealed.
    #[error(
        "what {0} records say of their end, their bytes or their repeats was noted after they were sealed: it stands in other \
         sealed days, and is the box's word"
    )]
    Later(u64),
    /// Days of which nobody can be found any more.
    #[error(
        "of {0} days who it was is deleted: a device, a room or a person that was asked for is not found there, whatever it did"
    )]
    Nameless(u64),
    /// Nobody has noted that it was made.
    #[error(
        "no reading of the box's journal has it on record (reading -): it was made on a copy, or past the box"
    )]
    Unrecorded,
    /// Seals whose files are not here, or encrypted to others.
    #[error(
        "{0} sealed days are not here, or encrypted: that the records are all that was asked for, and as they were sealed, \
         is the box's word"
    )]
    Unseen(u64),
    /// Entries of the log that are not shown, and that no seal follows.
    #[error(
        "{0} entries at the end of the log are hidden, as holds are: that none of them is a seal with something of what was asked \
         for is the box's word"
    )]
    HiddenEnd(u64),
}

/// Most findings that are printed: more say no more.
const FINDINGS_TOLD_MAX: usize = 100;

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
    /// The page for people, to be compared with what is signed; `None` where it cannot be read.
    pub cover: Option<String>,
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
        let Self { manifest, signer, rows, seals, cover: _, findings, remarks } = self;
        if let Some(signer) = signer {
            writeln!(f, "key: {signer}")?;
        }
        if let Some(manifest) = manifest {
            tell_manifest(f, manifest)?;
        }
        remarks.iter().try_for_each(|remark| writeln!(f, "note: {remark}"))?;
        findings.iter().take(FINDINGS_TOLD_MAX).try_for_each(|finding| writeln!(f, "WRONG: {finding}"))?;
        if let Some(more) = findings.len().checked_sub(FINDINGS_TOLD_MAX).filter(|more| *more > 0) {
            writeln!(f, "WRONG: and {more} things more")?;
        }
        writeln!(f, "{rows} records, from {seals} seals")?;
        match findings.len() {
            0 if remarks.contains(&BundleRemark::OwnKey) => {
                writeln!(
                    f,
                    "CONSISTENT, BUT NOT VERIFIED: anybody can make that with a key of her own. Give the box's key with --key"
                )
            }
            0 => writeln!(f, "verified: nothing was changed, removed or added"),
            number => writeln!(f, "NOT VERIFIED: {number} things are wrong"),
        }
    }
}

/// What was asked for, by whom, as it is signed: a cover on paper may say something else.
fn tell_manifest(f: &mut fmt::Formatter<'_>, manifest: &Manifest) -> fmt::Result {
    let Manifest { request, selection, made, clock, .. } = manifest;
    let Selection { from, to, device, room, lesson, person, host, category, verdict, with_people } =
        selection;
    let time = |at: &Option<Timestamp>| at.map(|at| tell_time(at.unix_ms()));
    let asked = [
        ("from", time(from)),
        ("to", time(to)),
        ("device", device.as_ref().map(ToString::to_string)),
        ("room", room.as_ref().map(ToString::to_string)),
        ("lesson", lesson.map(|lesson| lesson.to_string())),
        ("person", person.as_ref().map(ToString::to_string)),
        ("host", host.as_ref().map(ToString::to_string)),
        ("category", category.as_ref().map(ToString::to_string)),
        ("verdict", verdict.map(|verdict| verdict.to_string())),
        ("names of people", Some(if *with_people { "yes" } else { "no" }.to_owned())),
        ("reading", Some(request.reading.map_or_else(|| "none on record".to_owned(), |id| id.to_string()))),
    ];
    let asked: Vec<_> =
        asked.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?))).collect();
    writeln!(f, "asked for by {}: {}, {}", request.author, request.purpose, request.detail)?;
    writeln!(f, "asked for: {}", asked.join(", "))?;
    writeln!(f, "made {} by a clock that was {clock}", tell_time(made.unix_ms()))
}
