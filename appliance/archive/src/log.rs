//! The log of seals: each with the checkpoint that signed it, one after the other, in one text.
//!
//! ```text
//! seal, as its leaf is hashed
//! (empty line)
//! checkpoint
//! (empty line)
//! signatures
//! (empty line)
//! ```

use std::fmt;

use model::Timestamp;

use crate::checkpoint::Checkpoint;
use crate::key::SigningKey;
use crate::note::Note;
use crate::seal::{Seal, SealError};
use crate::tree::Tree;

/// Most bytes of a log that is read: ten seals a day for seventeen years.
pub const LOG_BYTES_MAX: usize = 64 << 20;
/// Between the parts of an entry, and after it.
const BREAK: &str = "\n\n";

/// A seal, and the note that signs the log up to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The seal.
    pub seal: Seal,
    /// The signed checkpoint.
    pub note: Note,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither a seal nor a checkpoint has an empty line.
        writeln!(f, "{}\n{}", self.seal, self.note.write())
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

    /// The seals, oldest first.
    pub fn seals(&self) -> impl DoubleEndedIterator<Item = &Seal> + ExactSizeIterator {
        self.entries.iter().map(|entry| &entry.seal)
    }

    /// The last seal.
    #[must_use]
    pub fn last(&self) -> Option<&Seal> {
        self.entries.last().map(|entry| &entry.seal)
    }

    /// The number of the last record that is sealed; 0 where none is.
    #[must_use]
    pub fn through(&self) -> u64 {
        self.last().map_or(0, |seal| seal.sequences.1)
    }

    /// The number of the next seal.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.last().map_or(1, |seal| seal.number.saturating_add(1))
    }

    /// The tree of its leaves.
    #[must_use]
    pub fn tree(&self) -> Tree {
        let mut tree = Tree::default();
        self.seals().for_each(|seal| tree.push(&seal.to_string()));
        tree
    }

    /// Adds a seal, numbered and linked, and signs the log with it.
    pub fn append(&mut self, seal: Seal, key: &SigningKey) {
        let previous = self.last().map(Seal::leaf_hash);
        let seal = Seal { number: self.next_number(), previous, ..seal };
        let mut tree = self.tree();
        tree.push(&seal.to_string());
        let checkpoint =
            Checkpoint { origin: key.verifier().name().to_owned(), size: tree.size(), root: tree.root() };
        let text = checkpoint.write();
        let signature = key.sign(&text, Timestamp::from_unix_ms(0));
        self.entries.push(Entry { seal, note: Note::new(text).with(signature) });
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.iter().try_for_each(|entry| entry.fmt(f))
    }
}

fn read_entry(text: &str) -> Result<(Entry, &str), LogErrorKind> {
    let (seal, rest) = text.split_once(BREAK).ok_or(LogErrorKind::Cut)?;
    let checkpoint_bytes = rest.find(BREAK).ok_or(LogErrorKind::Cut)? + BREAK.len();
    let signed = rest.get(checkpoint_bytes..).and_then(|signatures| signatures.find(BREAK));
    let note_bytes = checkpoint_bytes + signed.ok_or(LogErrorKind::Cut)? + 1;
    let (note, after) = rest.split_at_checked(note_bytes).ok_or(LogErrorKind::Cut)?;
    let seal = format!("{seal}\n").parse()?;
    let note = Note::read(note).map_err(|_| LogErrorKind::Note)?;
    Ok((Entry { seal, note }, after.strip_prefix('\n').ok_or(LogErrorKind::Cut)?))
}
