//! Sealed journals: what becomes of a day of records so that it is evidence.
//!
//! Invariant: pure. Bytes come in and go out; time is an argument; files belong to the system room.

mod apart;
mod audit;
mod belief;
mod bounds;
mod bundle;
mod checkpoint;
mod crypt;
mod filter;
mod finding;
mod frames;
mod hash;
mod key;
mod leaf;
mod lines;
mod log;
mod note;
mod overview;
mod pieces;
mod reading;
mod retention;
mod row;
mod scrutiny;
mod seal;
mod search;
mod sieve;
mod statement;
mod table;
mod term;
mod tree;
mod verify;
mod witness;
mod words;

#[cfg(test)]
mod laws;

pub use apart::{Part, join_apart, write_apart};
pub use belief::{Belief, CONFIRMATION_DAYS, Doubt, LEAP_DAYS_MAX, check_vouched};
pub use bounds::{Bounds, Chronicle};
pub use bundle::{
    BundleFinding, BundleRemark, BundleReport, BundleTrust, Extract, ExtractError, Extracted, Manifest,
    ManifestError, PackError, PackedFile, Packer, Pedigree, ROWS_MAX, Request, is_selected, is_unreadable,
    query, verify_bundle,
};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use crypt::{CryptError, Identity, ReaderKey, decrypt, encrypt};
pub use filter::Filter;
pub use finding::{Finding, Remark};
pub use hash::{Hash, HashError, Hasher};
pub use key::{KeyError, SigningKey, Use, VerifierKey};
pub use leaf::Leaf;
pub use log::{Entry, LOG_BYTES_MAX, Log, LogError, LogErrorKind};
pub use note::{Note, NoteError, Signature};
pub use overview::{ClassDay, DEVICES_MIN, Overview};
pub use pieces::FileBytes;
pub use reading::Sealed;
pub use retention::{DAYS_MAX, Field, FieldError, Retention, RetentionError};
pub use row::Row;
pub use scrutiny::{Flaw, Scrutiny, scrutinise};
pub use seal::{Form, Seal, SealError, SealedFile, Tail, file_name, part_name};
pub use search::{FoundAnywhere, Searched, reads_plain_seals, seals_that_may_have, search, search_signed};
pub use statement::{
    Approval, Device, Expiry, Fact, Hold, Lift, Policy, Promptness, Readers, State, Statement, Term, Unsealed,
};
pub use table::{GroupFlaw, Table, TableError, write_table};
pub use term::{Due, SETTLED_DAYS, after, due, list_due, promptness, settled};
pub use tree::{Tree, has_leaf, is_growth};
pub use verify::{Report, Trust, Vault, check_tails, verify};
pub use witness::{WitnessError, Witnessed, cosign};
