//! Signed notes (c2sp.org/signed-note): a text, and lines that sign it.
//!
//! ```text
//! text of one or more lines
//!
//! — NAME BASE64(key id, signature)
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::key::VerifierKey;

/// What a line with a signature begins with: an em dash and a space.
const SIGNATURE_BEGIN: &str = "\u{2014} ";
/// Most bytes of a note that is read: a checkpoint has two hundred, and each witness adds a hundred and fifty.
pub(crate) const NOTE_BYTES_MAX: usize = 16 << 10;
/// Most signatures of a note: the box's, and those of some witnesses.
const SIGNATURES_MAX: usize = 32;

/// A text with its signatures. That there are some does not say that they are right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// One line below a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Whose.
    pub name: String,
    /// The first bytes of a hash of the name and the key.
    pub key_id: u32,
    /// What the kind of key makes of the text.
    pub bytes: Vec<u8>,
}

/// These bytes are no note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a signed note")]
pub struct NoteError;

impl Note {
    /// A note that nobody has signed yet. The text ends with a line end, and has no empty line.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self { text, signatures: Vec::new() }
    }

    /// Reads a note.
    ///
    /// # Errors
    /// [`NoteError`].
    pub fn read(text: &str) -> Result<Self, NoteError> {
        Self::read_up_to(text, NOTE_BYTES_MAX)
    }

    /// Reads a note that may be longer than a checkpoint.
    ///
    /// # Errors
    /// [`NoteError`].
    pub fn read_up_to(text: &str, bytes_max: usize) -> Result<Self, NoteError> {
        let is_control = |c: char| c < ' ' && c != '\n';
        if text.len() > bytes_max || text.contains(is_control) {
            return Err(NoteError);
        }
        let (body, lines) = text.rsplit_once("\n\n").ok_or(NoteError)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError)?;
        let signatures: Result<Vec<_>, _> = lines.split('\n').map(Signature::read).collect();
        let signatures = signatures?;
        if signatures.len() > SIGNATURES_MAX {
            return Err(NoteError);
        }
        Ok(Self { text: format!("{body}\n"), signatures })
    }

    /// As it stands in files.
    #[must_use]
    pub fn write(&self) -> String {
        let lines: String = self.signatures.iter().map(Signature::write).collect();
        format!("{}\n{lines}", self.text)
    }

    /// What is signed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, right or wrong.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Adds a signature.
    #[must_use]
    pub fn with(mut self, signature: Signature) -> Self {
        self.signatures.push(signature);
        self
    }

    /// Whether this key has signed it.
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifierKey) -> bool {
        self.signatures.iter().any(|signature| key.accepts(&self.text, signature))
    }
}

impl Signature {
    fn read(line: &str) -> Result<Self, NoteError> {
        let (name, code) =
            line.strip_prefix(SIGNATURE_BEGIN).and_then(|rest| rest.split_once(' ')).ok_or(NoteError)?;
        let bytes = STANDARD.decode(code).map_err(|_| NoteError)?;
        let (key_id, bytes) = bytes.split_first_chunk().ok_or(NoteError)?;
        if !is_name(name) || bytes.is_empty() {
            return Err(NoteError);
        }
        Ok(Self { name: name.to_owned(), key_id: u32::from_be_bytes(*key_id), bytes: bytes.to_vec() })
    }

    fn write(&self) -> String {
        let bytes = [&self.key_id.to_be_bytes(), self.bytes.as_slice()].concat();
        format!("{SIGNATURE_BEGIN}{} {}\n", self.name, STANDARD.encode(bytes))
    }
}

/// Whether a text can be the name of a key.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('+') && !name.contains(char::is_whitespace)
}
