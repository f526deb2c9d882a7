//! Making of an extract one file.

use std::io::Write;

use model::{ClockQuality, Selection, Timestamp};

use crate::bundle::leaves::Leaves;
use crate::bundle::manifest::{Manifest, PackedFile, Request};
use crate::bundle::name;
use crate::bundle::select::Extracted;
use crate::bundle::zip::{ZipError, ZipWriter};
use crate::checkpoint::Checkpoint;
use crate::hash::Hash;
use crate::key::SigningKey;
use crate::log::Log;
use crate::note::{NOTE_BYTES_MAX, Note};

/// An extract cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The archive says so.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// It would have more files than its manifest can name.
    #[error("it would have too many sealed files: take a shorter time")]
    Many,
    /// A name is the sign that stands for none.
    #[error("a room or a person named `-` cannot be asked for")]
    Name,
}

/// Where an extract comes from, and how that is shown.
#[derive(Clone, Copy, Debug)]
pub struct Pedigree<'p> {
    /// What signs it: the box's key.
    pub key: &'p SigningKey,
    /// The log of seals.
    pub log: &'p Log,
    /// What a witness has signed of it, where there is a copy.
    pub witnessed: Option<&'p str>,
}

/// An extract that is being packed.
pub struct Packer<'p, W> {
    archive: ZipWriter<W>,
    pedigree: Pedigree<'p>,
    manifest: Manifest,
}

impl<'p, W: Write> Packer<'p, W> {
    /// Packs the records, and what shows where they come from.
    ///
    /// # Errors
    /// [`PackError`].
    pub fn new(
        output: W,
        pedigree: Pedigree<'p>,
        extracted: &Extracted,
        (request, selection): (&Request, &Selection),
        (made, clock): (Timestamp, ClockQuality),
    ) -> Result<Self, PackError> {
        let is_none = |name: Option<&str>| name == Some("-");
        if is_none(selection.room.as_ref().map(model::RoomName::as_str))
            || is_none(selection.person.as_ref().map(model::PersonName::as_str))
        {
            return Err(PackError::Name);
        }
        let manifest = Manifest {
            version: Manifest::version_of(selection),
            log: pedigree.key.verifier().name().to_owned(),
            seals: pedigree.log.entries().len() as u64,
            made,
            clock,
            request: request.clone(),
            selection: selection.clone(),
            rows: extracted.rows,
            unsealed: extracted.unsealed,
            untimed: extracted.untimed,
            locked: 0,
            unreadable: 0,
            is_whole: false,
            deleted: extracted.deleted.clone(),
            from_segments: extracted.from_segments.clone(),
            files: Vec::new(),
        };
        let mut packer = Self { archive: ZipWriter::new(output), pedigree, manifest };
        packer.add(name::CSV, &extracted.text)?;
        packer.add(name::TABLE, &extracted.table)?;
        packer.add(name::KEY, format!("{}\n", pedigree.key.verifier()).as_bytes())?;
        packer.add_log()?;
        Ok(packer)
    }

    /// Says what is missing.
    pub fn note_missing(&mut self, locked: u64, unreadable: u64) {
        (self.manifest.locked, self.manifest.unreadable) = (locked, unreadable);
    }

    /// Adds a sealed file as it is. Whoever adds one adds all: of each of the extract's seals what is not deleted.
    ///
    /// # Errors
    /// [`PackError`].
    pub fn add_sealed(&mut self, file: &str, bytes: &[u8]) -> Result<(), PackError> {
        self.manifest.is_whole = true;
        self.add(&format!("{}{file}", name::SEALED), bytes)
    }

    /// Adds the cover, which says what all the rest is, signs the whole, and gives back what was written to.
    ///
    /// # Errors
    /// [`PackError`].
    pub fn finish(mut self, cover: impl FnOnce(&Manifest) -> String) -> Result<(W, Manifest), PackError> {
        let cover = cover(&self.manifest);
        self.add(name::COVER, cover.as_bytes())?;
        let text = self.manifest.to_string();
        let signature = self.pedigree.key.sign(&text, self.manifest.made);
        let note = Note::new(text).with(signature).write();
        if note.len() > MANIFEST_BYTES_MAX {
            return Err(PackError::Many);
        }
        self.archive.add(name::MANIFEST, note.as_bytes())?;
        Ok((self.archive.finish()?, self.manifest))
    }

    fn add_log(&mut self) -> Result<(), PackError> {
        let Pedigree { log, witnessed, .. } = self.pedigree;
        let Some(last) = log.entries().last() else { return Ok(()) };
        self.add(name::CHECKPOINT, last.note.write().as_bytes())?;
        self.add(name::LEAVES, Leaves::of(log).write().as_bytes())?;
        // Whoever put it there may have put anything.
        let witnessed = witnessed.filter(|text| text.len() <= NOTE_BYTES_MAX);
        let Some(note) = witnessed.and_then(|text| Note::read(text).ok()) else { return Ok(()) };
        let Ok(checkpoint) = Checkpoint::read(note.text()) else { return Ok(()) };
        let Some(growth) = log.tree().prove_growth(checkpoint.size) else { return Ok(()) };
        self.add(name::WITNESSED, note.write().as_bytes())?;
        self.add(name::GROWTH, write_hashes(&growth).as_bytes())
    }

    fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), PackError> {
        self.archive.add(name, bytes)?;
        let file = PackedFile { name: name.to_owned(), bytes: bytes.len() as u64, hash: Hash::of(bytes) };
        self.manifest.files.push(file);
        Ok(())
    }
}

/// Most bytes of a manifest that is read: some thousands of files.
pub(super) const MANIFEST_BYTES_MAX: usize = 2 << 20;

fn write_hashes(hashes: &[Hash]) -> String {
    hashes.iter().map(|hash| format!("{hash}\n")).collect()
}

/// Hashes, one a line.
pub(super) fn read_hashes(text: &str) -> Option<Vec<Hash>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    text.strip_suffix('\n')?.split('\n').map(|line| line.parse().ok()).collect()
}
