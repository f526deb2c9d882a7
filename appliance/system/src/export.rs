//! An extract of the journal, as one file for somebody else: from a data folder, or a copy of one that has the box's key.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use access::Instant;
use archive::{
    Extract, ExtractError, FoundAnywhere, Identity, Manifest, PackError, Packer, Pedigree, Request, Seal,
    Searched, is_unreadable, query,
};
use journal::{Listed, SearchError};
use model::Selection;

use crate::erasing;
use crate::seal_key::{self, SealKeyError};
use crate::sealing::key_path;
use crate::segments::Directory;
use crate::vault::{Folder, LogFileError};

/// Who saw which site is for nobody else on the machine.
const FILE_MODE: u32 = 0o600;

/// What is taken out of the journal.
#[derive(Debug)]
pub struct Export<'e> {
    /// The data folder.
    pub data: &'e Path,
    /// Who asks, and why.
    pub request: &'e Request,
    /// For what.
    pub selection: &'e Selection,
    /// Keys of readers, for sealed days.
    pub identities: &'e [Identity],
    /// Whether the sealed files go along as they are.
    pub is_whole: bool,
    /// Most records.
    pub rows_max: u64,
}

/// An extract cannot be made. What was written of it is no extract.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] SealKeyError),
    /// There is no key.
    #[error("{} is not here: extracts are signed with the box's key, on the box", .0.display())]
    NoKey(PathBuf),
    /// The log is another key's.
    #[error("the log of seals is not signed by the box's key")]
    OtherKey,
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogFileError),
    /// The journal cannot be searched.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// The records cannot be written.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// The extract cannot be packed.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// A sealed file cannot be read.
    #[error("seal {seal} cannot be added")]
    Sealed {
        /// Which.
        seal: u64,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("{} cannot be written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Writes an extract. `cover` is the page for people, of what is said of the extract and of the key that verifies it.
///
/// # Errors
/// [`ExportError`].
pub fn export<W: Write>(
    export: &Export<'_>,
    now: Instant,
    output: W,
    cover: impl FnOnce(&Manifest, &str) -> String,
) -> Result<(W, Manifest), ExportError> {
    let path = key_path(export.data);
    let key = seal_key::find(&path)?.ok_or(ExportError::NoKey(path))?;
    let folder = Folder::new(export.data);
    // The segments first: the child that seals may move some of them into the log meanwhile.
    let directory = Directory::new(export.data);
    let segments = Listed::new(&directory).map_err(SearchError::List)?;
    let log = folder.read_log()?;
    if log.entries().last().is_some_and(|last| !last.note.is_signed_by(key.verifier())) {
        return Err(ExportError::OtherKey);
    }
    let mut extract = Extract::new(export.selection, &log, export.rows_max)?;
    let (mut failure, mut unreadable) = (None, 0);
    let tables = folder.tables(&log, export.identities);
    let read = |seal: &Seal| tables.open(seal).map_err(Into::into);
    let found = |found: FoundAnywhere| {
        unreadable += u64::from(is_unreadable(&found));
        let FoundAnywhere::Hit(hit) = found else { return ControlFlow::Continue(()) };
        match extract.push(&hit) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        }
    };
    let searched: Searched = archive::search_signed(&log, read, &segments, &query(export.selection), found)?;
    if let Some(error) = failure {
        return Err(error.into());
    }
    extract.note_segments(&searched);
    let extracted = extract.finish()?;
    let witnessed = folder.read_witnessed().ok().flatten();
    let pedigree = Pedigree { key: &key, log: &log, witnessed: witnessed.as_deref() };
    let (asked, made) = ((export.request, export.selection), (now.at, now.quality));
    let mut packer = Packer::new(output, pedigree, &extracted, asked, made)?;
    packer.note_missing(searched.seals_locked as u64, unreadable);
    if export.is_whole {
        for seal in log.seals().filter(|seal| extracted.seals.contains(&seal.number)) {
            let files = tables.read_files(seal);
            let files = files.map_err(|source| ExportError::Sealed { seal: seal.number, source })?;
            for (name, bytes) in files {
                packer.add_sealed(&name, &bytes)?;
            }
        }
    }
    Ok(packer.finish(|manifest| cover(manifest, &key.verifier().to_string()))?)
}

/// Writes an extract as a file that is there whole or not at all. Nothing is put in the place of another file.
///
/// # Errors
/// [`ExportError`].
pub fn export_file(
    what: &Export<'_>,
    now: Instant,
    path: &Path,
    cover: impl FnOnce(&Manifest, &str) -> String,
) -> Result<Manifest, ExportError> {
    let failed = |source: io::Error| ExportError::File { path: path.to_owned(), source };
    if path.exists() {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    let part = part_of(path);
    let mut options = OpenOptions::new();
    // What a killed process left goes first; a file or a link of somebody else is not written into.
    erasing::erase(&part).map_err(failed)?;
    let file = options.write(true).create_new(true).mode(FILE_MODE).open(&part).map_err(failed)?;
    let written = export(what, now, BufWriter::new(file), cover).and_then(|(output, manifest)| {
        let file = output.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().and_then(|()| fs::rename(&part, path)).map_err(failed)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(manifest)
    });
    if written.is_err() {
        // On a full disk half an extract helps nobody.
        erasing::erase(&part).ok();
    }
    written
}

/// The name of an extract that is being written.
fn part_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".part");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests;
