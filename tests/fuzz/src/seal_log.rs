//! The reading of a log of seals, and of the notes and checkpoints in it.

use archive::{Checkpoint, Log, Note};

/// Reads `data` as a log, and as a note: what is read is written as it was read.
///
/// # Panics
/// When it is not.
pub fn run(data: &[u8]) {
    let (log, error) = Log::read(data);
    let end = error.map_or(data.len(), |error| error.offset);
    assert_eq!(log.to_string().as_bytes(), data.get(..end).unwrap_or_default());
    let tree = log.tree();
    assert_eq!(tree.size(), log.entries().len() as u64);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(note) = Note::read(text) else { return };
    assert_eq!(note.write(), text);
    if let Ok(checkpoint) = Checkpoint::read(note.text()) {
        assert!(note.text().starts_with(&checkpoint.write()), "{checkpoint:?}");
    }
}
