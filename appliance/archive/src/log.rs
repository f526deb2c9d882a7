//! The log of seals, and of what is stated about them: each leaf with the checkpoint that signed it, one after the other,
//! in one text.
//!
//! ```text
//! seal or statement, as the leaf is hashed
//! (empty line)
//! checkpoint
//! (empty line)
//! signatures
//! (empty line)
//! ```

use std::collections::BTreeMap;
use std::fmt;

use model::{ClockQuality, Timestamp};

use crate::checkpoint::Checkpoint;
use crate::key::SigningKey;
use crate::leaf::Leaf;
use crate::note::Note;
use crate::retention::{Field, Retention};
use crate::seal::{Seal, SealError};
use crate::statement::{Approval, Expiry, Fact, Hold, Policy, Readers, Statement};
use crate::tree::Tree;

/// Most bytes of a log that is read: ten seals a day for seventeen years.
pub const LOG_BYTES_MAX: usize = 64 << 20;
/// Between the parts of an entry, and after it.
const BREAK: &str = "\n\n";

/// A leaf, and the note that signs the log up to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The seal or the statement.
    pub leaf: Leaf,
    /// The signed checkpoint.
    pub note: Note,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither a leaf nor a checkpoint has an empty line.
        writeln!(f, "{}\n{}", self.leaf, self.note.write())
    }
}

/// Where a log goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset} on: {kind}")]
pub struct LogError {
    /// Where the entry begins that is wrong.
    pub offset: usize,
    /// What is wrong with it.
    pub kind: LogErrorKind,
}

/// What can be wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogErrorKind {
    /// It ends before its end.
    #[error("the log is cut off")]
    Cut,
    /// Its seal is none.
    #[error("a seal is damaged: {0}")]
    Seal(#[from] SealError),
    /// Its note is none.
    #[error("a signed checkpoint is damaged")]
    Note,
    /// It is not text.
    #[error("there is no text")]
    Text,
    /// It is longer than any log.
    #[error("the log is too long")]
    Length,
}

/// A log as far as it can be read. Whether it is right is for [`verify`](crate::verify()) to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    entries: Vec<Entry>,
}

impl Log {
    /// Reads as many entries as are whole, and tells what follows them.
    #[must_use]
    pub fn read(bytes: &[u8]) -> (Self, Option<LogError>) {
        if bytes.len() > LOG_BYTES_MAX {
            return (Self::default(), Some(LogError { offset: LOG_BYTES_MAX, kind: LogErrorKind::Length }));
        }
        // What is no text to its end is damaged there; a letter whose last bytes are missing is cut off.
        let (text, strange) = match std::str::from_utf8(bytes) {
            Ok(text) => (text, None),
            Err(error) => {
                let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let kind = if error.error_len().is_some() { LogErrorKind::Text } else { LogErrorKind::Cut };
                (std::str::from_utf8(valid).unwrap_or_default(), Some(kind))
            }
        };
        let mut entries = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            match read_entry(rest) {
                Ok((entry, after)) => {
                    entries.push(entry);
                    rest = after;
                }
                Err(kind) => {
                    let kind = if strange == Some(LogErrorKind::Text) { LogErrorKind::Text } else { kind };
                    let offset = text.len() - rest.len();
                    return (Self { entries }, Some(LogError { offset, kind }));
                }
            }
        }
        let error = strange.map(|kind| LogError { offset: text.len(), kind });
        (Self { entries }, error)
    }

    /// The entries, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The leaves, oldest first.
    pub fn leaves(&self) -> impl DoubleEndedIterator<Item = &Leaf> + ExactSizeIterator + Clone {
        self.entries.iter().map(|entry| &entry.leaf)
    }

    /// The seals, oldest first.
    pub fn seals(&self) -> impl DoubleEndedIterator<Item = &Seal> {
        self.leaves().filter_map(Leaf::seal)
    }

    /// The statements, oldest first.
    pub fn statements(&self) -> impl DoubleEndedIterator<Item = &Statement> {
        self.leaves().filter_map(Leaf::statement)
    }

    /// The last seal.
    #[must_use]
    pub fn last(&self) -> Option<&Seal> {
        self.seals().next_back()
    }

    /// The number of the last record that is sealed, or was deleted unsealed; 0 where none is.
    #[must_use]
    pub fn through(&self) -> u64 {
        self.leaves().rev().find_map(Leaf::sequences).map_or(0, |(_, through)| through)
    }

    /// The last segment that is sealed, or was deleted unsealed; 0 where none is.
    #[must_use]
    pub fn through_segment(&self) -> u64 {
        // One that was passed over is deleted long after others were sealed.
        self.leaves().filter_map(Leaf::last_segment).max().unwrap_or(0)
    }

    /// The seal that has all that there was of a segment: none of those that the disk did not give back to their end.
    #[must_use]
    pub fn seal_of(&self, segment: u64) -> Option<&Seal> {
        let has =
            |seal: &&Seal| seal.unreadable == 0 && (seal.segments.0..=seal.segments.1).contains(&segment);
        self.seals().rev().find(has)
    }

    /// Whether a segment is sealed with all that it had, or was deleted unsealed. What came later may be sealed without it: then it
    /// could not be read, and was passed over.
    #[must_use]
    pub fn accounts_for(&self, segment: u64) -> bool {
        let is_it = |statement: &Statement| match &statement.fact {
            Fact::Unsealed(unsealed) => unsealed.segment == segment,
            Fact::Expiry(_)
            | Fact::Hold(_)
            | Fact::Lift(_)
            | Fact::Policy(_)
            | Fact::Approval(_)
            | Fact::Readers(_)
            | Fact::Clock => false,
        };
        self.seal_of(segment).is_some() || self.statements().any(is_it)
    }

    /// Whether a record with a number from `first` to `last` may be in no sealed file: it comes after all, or there were fewer records
    /// than numbers when those about it were sealed.
    #[must_use]
    pub fn may_lack(&self, first: u64, last: u64) -> bool {
        let is_about = |seal: &Seal| seal.sequences.0 < last && first <= seal.sequences.1;
        last > self.through() || self.seals().any(|seal| is_about(seal) && seal.missing() > 0)
    }

    /// The number of the next entry.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.entries.last().map_or(1, |entry| entry.leaf.number().saturating_add(1))
    }

    /// The files that are deleted, by seal and kind of field, with the statement of each.
    #[must_use]
    pub fn expiries(&self) -> BTreeMap<(u64, Field), (&Statement, &Expiry)> {
        expiries(self.statements())
    }

    /// The holds that are in force, by their numbers.
    #[must_use]
    pub fn holds(&self) -> BTreeMap<u64, (&Statement, &Hold)> {
        let mut holds = BTreeMap::new();
        for statement in self.statements() {
            match &statement.fact {
                Fact::Hold(hold) => {
                    holds.insert(statement.number, (statement, hold));
                }
                Fact::Lift(lift) => {
                    holds.remove(&lift.hold);
                }
                Fact::Expiry(_)
                | Fact::Unsealed(_)
                | Fact::Policy(_)
                | Fact::Approval(_)
                | Fact::Readers(_)
                | Fact::Clock => {}
            }
        }
        holds
    }

    /// How long what is kept, as it was decided last.
    #[must_use]
    pub fn retention(&self) -> Retention {
        self.policy().map(|policy| policy.retention).unwrap_or_default()
    }

    /// The same, with who has decided; `None` where nobody has.
    #[must_use]
    pub fn policy(&self) -> Option<&Policy> {
        self.statements().rev().find_map(Statement::policy)
    }

    /// The entry with the numbers in force; `None` where nobody has decided.
    #[must_use]
    pub fn policy_entry(&self) -> Option<&Statement> {
        self.statements().rev().find(|statement| statement.policy().is_some())
    }

    /// Who has put her name to the numbers in force, the last first.
    pub fn approvals(&self) -> impl Iterator<Item = (&Statement, &Approval)> {
        let policy = self.policy_entry().map(|entry| entry.number);
        let approvals = self.statements().rev().filter_map(|statement| match &statement.fact {
            Fact::Approval(approval) => Some((statement, approval)),
            Fact::Expiry(_)
            | Fact::Unsealed(_)
            | Fact::Hold(_)
            | Fact::Lift(_)
            | Fact::Policy(_)
            | Fact::Readers(_)
            | Fact::Clock => None,
        });
        approvals.filter(move |(_, approval)| approval.policy == policy)
    }

    /// To whom files are sealed, as it was stated last; `None` where it never was.
    #[must_use]
    pub fn readers(&self) -> Option<&Readers> {
        self.readers_entry().and_then(|statement| match &statement.fact {
            Fact::Readers(readers) => Some(readers),
            Fact::Expiry(_)
            | Fact::Unsealed(_)
            | Fact::Hold(_)
            | Fact::Lift(_)
            | Fact::Policy(_)
            | Fact::Approval(_)
            | Fact::Clock => None,
        })
    }

    /// The entry that says so.
    #[must_use]
    pub fn readers_entry(&self) -> Option<&Statement> {
        self.statements().rev().find(|statement| matches!(statement.fact, Fact::Readers(_)))
    }

    /// For how many days a file of a seal is kept where this is decided now: a later number makes none longer.
    #[must_use]
    pub fn days_kept(&self, seal: u64, field: Field, decided: &Retention) -> u32 {
        let before = self.statements().take_while(|statement| statement.number < seal);
        let at_seal = before.filter_map(Statement::policy).last().map(|policy| policy.retention);
        decided.days(field).min(at_seal.unwrap_or_default().days(field))
    }

    /// The tree of its leaves.
    #[must_use]
    pub fn tree(&self) -> Tree {
        let mut tree = Tree::default();
        self.leaves().for_each(|leaf| tree.push(&leaf.to_string()));
        tree
    }

    /// Adds a seal, numbered and linked, and signs the log with it.
    pub fn append(&mut self, seal: Seal, key: &SigningKey) {
        self.push(seal.into(), key);
    }

    /// Adds a statement in the same way.
    pub fn state(&mut self, (at, clock): (Timestamp, ClockQuality), fact: Fact, key: &SigningKey) {
        let statement = Statement { number: 1, previous: None, at, clock, fact };
        self.push(Leaf::Statement(statement), key);
    }

    fn push(&mut self, leaf: Leaf, key: &SigningKey) {
        let previous = self.entries.last().map(|entry| entry.leaf.hash());
        let leaf = leaf.placed(self.next_number(), previous);
        let mut tree = self.tree();
        tree.push(&leaf.to_string());
        let checkpoint =
            Checkpoint { origin: key.verifier().name().to_owned(), size: tree.size(), root: tree.root() };
        let text = checkpoint.write();
        let signature = key.sign(&text, Timestamp::from_unix_ms(0));
        self.entries.push(Entry { leaf, note: Note::new(text).with(signature) });
    }
}

/// The files that these statements say to be deleted.
pub(crate) fn expiries<'s>(
    statements: impl Iterator<Item = &'s Statement>,
) -> BTreeMap<(u64, Field), (&'s Statement, &'s Expiry)> {
    let expiries = statements.filter_map(|statement| match &statement.fact {
        Fact::Expiry(expiry) => Some(((expiry.seal, expiry.field), (statement, expiry))),
        Fact::Unsealed(_)
        | Fact::Hold(_)
        | Fact::Lift(_)
        | Fact::Policy(_)
        | Fact::Approval(_)
        | Fact::Readers(_)
        | Fact::Clock => None,
    });
    expiries.collect()
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.iter().try_for_each(|entry| entry.fmt(f))
    }
}

fn read_entry(text: &str) -> Result<(Entry, &str), LogErrorKind> {
    let (leaf, rest) = text.split_once(BREAK).ok_or(LogErrorKind::Cut)?;
    let checkpoint_bytes = rest.find(BREAK).ok_or(LogErrorKind::Cut)? + BREAK.len();
    let signed = rest.get(checkpoint_bytes..).and_then(|signatures| signatures.find(BREAK));
    let note_bytes = checkpoint_bytes + signed.ok_or(LogErrorKind::Cut)? + 1;
    let (note, after) = rest.split_at_checked(note_bytes).ok_or(LogErrorKind::Cut)?;
    let leaf = format!("{leaf}\n").parse()?;
    let note = Note::read(note).map_err(|_| LogErrorKind::Note)?;
    Ok((Entry { leaf, note }, after.strip_prefix('\n').ok_or(LogErrorKind::Cut)?))
}
