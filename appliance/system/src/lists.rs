//! List sources and index files.
//!
//! Invariant: an index file that is mapped is never changed in place. [`build_index`] replaces files whole, and a
//! box maps a copy of its own ([`adopt_index`]): somebody who writes over the published file harms nobody.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use blocklist::{
    BuildError, Compiled, Compiler, Event, Index, Oddity, OpenError, ROOT_FOLDER, Summary, UNPACKED_BYTES_MAX,
};
use memmap2::Mmap;
use tempfile::{NamedTempFile, PersistError};

/// What UT1 calls the archive of all its lists.
const ARCHIVE_NAME: &str = "blacklists.tar.gz";
/// What the names of files that are being written begin with.
pub(crate) const TEMPORARY_PREFIX: &str = ".index-";
/// An index may be built by one user and read by another; a published list holds no secret.
const INDEX_MODE: u32 = 0o644;

/// Maps an index file, after reading all of it once to verify it: only the pages that lookups touch count
/// as memory of the process.
///
/// # Errors
/// [`OpenListError`] when there is no such file, or it is not a whole, unaltered index.
pub fn open_index(path: &Path) -> Result<Index, OpenListError> {
    let file_error = |source| OpenListError::File { path: path.to_owned(), source };
    let index_error = |source| OpenListError::Index { path: path.to_owned(), source };
    let file = File::open(path).map_err(file_error)?;
    let verified = blocklist::verify(&file).map_err(index_error)?;
    #[expect(unsafe_code, reason = "index files are replaced, never changed: what is mapped stays as it is")]
    let map = unsafe { Mmap::map(&file) }.map_err(file_error)?;
    Index::open_verified(map, &verified).map_err(index_error)
}

/// Copies the index at `path` to `kept`, verifying it on the way, and maps the copy. `kept` is replaced in one
/// step, and only by a whole, unaltered index: it is the last good one after any failure. A copy that is there
/// already is not made again.
///
/// # Errors
/// [`OpenListError`] as for [`open_index`], or when the copy cannot be written.
pub fn adopt_index(path: &Path, kept: &Path) -> Result<Index, OpenListError> {
    let file_error = |source| OpenListError::File { path: path.to_owned(), source };
    let original = File::open(path).map_err(file_error)?;
    let facts = original.metadata().map_err(file_error)?;
    let modified = facts.modified().map_err(file_error)?;
    let is_kept = fs::metadata(kept)
        .is_ok_and(|copy| copy.len() == facts.len() && copy.modified().is_ok_and(|at| at == modified));
    if is_kept {
        return open_index(kept);
    }
    let copy_error = |source| OpenListError::Copy { path: kept.to_owned(), source };
    let mut copy = temporary_beside(kept).map_err(copy_error)?;
    let tee = Tee { source: original, copy: copy.as_file_mut() };
    blocklist::verify(tee).map_err(|source| OpenListError::Index { path: path.to_owned(), source })?;
    copy.as_file().set_modified(modified).map_err(copy_error)?;
    publish(copy, kept).map_err(|error| copy_error(error.source))?;
    open_index(kept)
}

/// Copies what is read from `source`.
struct Tee<'f> {
    source: File,
    copy: &'f mut File,
}

impl Read for Tee<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.copy.write_all(buffer.get(..count).unwrap_or_default())?;
        Ok(count)
    }
}

/// Compiles the list at `source`, a UT1 directory, an archive, or the directory that UT1's archive lies in, and
/// puts the index at `out`: the file there is replaced in one step, and kept when anything fails.
///
/// # Errors
/// [`BuildListError`] when the source cannot be read, is no list, or the index cannot be written.
pub fn build_index(
    source: &Path,
    out: &Path,
    report: &mut dyn FnMut(Event<'_>),
) -> Result<Summary, BuildListError> {
    // Whoever is root could replace a device by a list.
    if fs::metadata(out).is_ok_and(|found| !found.is_file()) {
        let source =
            io::Error::new(io::ErrorKind::InvalidInput, "there is something that is no regular file");
        return Err(BuildListError::Write { path: out.to_owned(), source });
    }
    let mut compiler = Compiler::new(report);
    let archive = find_archive(source).map_err(|error| source_error(source, error))?;
    match archive {
        None => read_directory(source, &mut compiler)?,
        Some(path) => {
            let archive = File::open(&path).map_err(|error| source_error(&path, error))?;
            blocklist::read_archive(archive, UNPACKED_BYTES_MAX, &mut compiler)?;
        }
    }
    let compiled = compiler.finish()?;
    replace(out, &compiled.bytes).map_err(|source| BuildListError::Write { path: out.to_owned(), source })?;
    Ok(compiled.summary)
}

/// The archive that `source` is, or that a directory without lists of its own holds under the name that UT1
/// publishes it by. `None` for a directory of lists.
fn find_archive(source: &Path) -> io::Result<Option<PathBuf>> {
    if !fs::metadata(source)?.is_dir() {
        return Ok(Some(source.to_owned()));
    }
    let inside = source.join(ARCHIVE_NAME);
    let has_lists = source.join(ROOT_FOLDER).is_dir();
    Ok((inside.is_file() && !has_lists).then_some(inside))
}

/// Reads a directory that is the published `blacklists`, or holds it.
fn read_directory(source: &Path, compiler: &mut Compiler<'_>) -> Result<(), BuildListError> {
    let inner = source.join(ROOT_FOLDER);
    let root = if inner.is_dir() { inner } else { source.to_owned() };
    for (name, path) in sorted_entries(&root)? {
        let kind = fs::symlink_metadata(&path).map_err(|error| source_error(&path, error))?.file_type();
        if kind.is_symlink() {
            let target = fs::read_link(&path).map_err(|error| source_error(&path, error))?;
            compiler.add_alias(&name, &target.to_string_lossy())?;
        } else if kind.is_dir() {
            read_category(&name, &path, compiler)?;
        }
    }
    Ok(())
}

fn read_category(category: &str, folder: &Path, compiler: &mut Compiler<'_>) -> Result<(), BuildListError> {
    for (name, path) in sorted_entries(folder)? {
        let place = format!("{category}/{name}");
        // A pipe or a device would stop the build for ever.
        if fs::metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
            let file = File::open(&path).map_err(|error| source_error(&path, error))?;
            compiler.add_file(&place, file)?;
        } else {
            compiler.pass_over(&place, Oddity::Kind);
        }
    }
    Ok(())
}

/// Names and paths, in the order of the names, so that progress is shown in the order of the alphabet.
fn sorted_entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, BuildListError> {
    let read = || -> io::Result<Vec<_>> {
        fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path())))
            .collect()
    };
    let mut entries = read().map_err(|error| source_error(folder, error))?;
    entries.sort();
    Ok(entries)
}

/// Compiles archives, each of at most so many bytes unpacked, as one list, in memory.
pub(crate) fn compile_archives(
    archives: &[PathBuf],
    unpacked_bytes_max: u64,
    report: &mut dyn FnMut(Event<'_>),
) -> Result<Compiled, BuildListError> {
    let mut compiler = Compiler::new(report);
    for path in archives {
        let archive = File::open(path).map_err(|error| source_error(path, error))?;
        blocklist::read_archive(archive, unpacked_bytes_max, &mut compiler)?;
    }
    Ok(compiler.finish()?)
}

/// Writes an index that has no name yet.
pub(crate) fn write_temporary(folder: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = temporary_in(folder, INDEX_MODE)?;
    file.write_all(bytes)?;
    Ok(file)
}

/// Gives a file its name in one step, also when it is on another file system than `out`.
pub(crate) fn publish_across(file: NamedTempFile, out: &Path) -> io::Result<()> {
    let Err(error) = publish(file, out) else { return Ok(()) };
    let PublishError { source, file } = error;
    match (source.kind(), file) {
        (io::ErrorKind::CrossesDevices, Some(file)) => {
            let mut copy = temporary_beside(out)?;
            io::copy(&mut file.reopen()?, copy.as_file_mut())?;
            Ok(publish(copy, out)?)
        }
        _ => Err(source),
    }
}

/// Writes a file beside `out`, makes it durable, and gives it the name in one step.
pub(crate) fn replace(out: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_with_mode(out, bytes, INDEX_MODE)
}

/// The same for a file that others may read or may not.
pub(crate) fn replace_with_mode(out: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = temporary_in(folder_of(out), mode)?;
    give_to_owner_of(folder_of(out), file.as_file())?;
    file.write_all(bytes)?;
    Ok(publish(file, out)?)
}

/// Whoever works as root in the folder of a box that runs as a user of its own leaves it files that it can read.
pub(crate) fn give_to_owner_of(folder: &Path, file: &File) -> io::Result<()> {
    let (owner, made) = (fs::metadata(folder)?, file.metadata()?);
    let is_foreign = (owner.uid(), owner.gid()) != (made.uid(), made.gid());
    if is_foreign && nix::unistd::geteuid().is_root() {
        std::os::unix::fs::fchown(file, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(())
}

pub(crate) fn temporary_beside(out: &Path) -> io::Result<NamedTempFile> {
    temporary_in(folder_of(out), INDEX_MODE)
}

fn temporary_in(folder: &Path, mode: u32) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(TEMPORARY_PREFIX)
        .permissions(fs::Permissions::from_mode(mode))
        .tempfile_in(folder)
}

pub(crate) fn publish(file: NamedTempFile, out: &Path) -> Result<(), PublishError> {
    file.as_file().sync_all()?;
    file.persist(out)?;
    Ok(File::open(folder_of(out))?.sync_all()?)
}

/// Why a file did not get its name.
pub(crate) struct PublishError {
    source: io::Error,
    /// The file, where it is still there.
    file: Option<NamedTempFile>,
}

impl From<io::Error> for PublishError {
    fn from(source: io::Error) -> Self {
        Self { source, file: None }
    }
}

impl From<PersistError> for PublishError {
    fn from(error: PersistError) -> Self {
        Self { source: error.error, file: Some(error.file) }
    }
}

impl From<PublishError> for io::Error {
    fn from(error: PublishError) -> Self {
        error.source
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

fn source_error(path: &Path, source: io::Error) -> BuildListError {
    BuildListError::Source { path: path.to_owned(), source }
}

/// Why an index file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenListError {
    /// It cannot be opened.
    #[error("cannot open {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not a whole, unaltered index.
    #[error("cannot use {}", path.display())]
    Index {
        /// The file.
        path: PathBuf,
        /// Why.
        source: OpenError,
    },
    /// The box's own copy cannot be written.
    #[error("cannot write {}", path.display())]
    Copy {
        /// The copy.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Why there is no new index file.
#[derive(Debug, thiserror::Error)]
pub enum BuildListError {
    /// The source cannot be read.
    #[error("cannot read {}", path.display())]
    Source {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What was read is no list.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The index cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The index file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn write_list(root: &Path) {
        fs::create_dir_all(root.join("adult")).unwrap();
        fs::write(root.join("adult/domains"), "a.example\nb b.example\n").unwrap();
        fs::write(root.join("adult/usage"), "black\n").unwrap();
        fs::write(root.join("global_usage"), "NAME: adult\n").unwrap();
        symlink("adult", root.join("porn")).unwrap();
        symlink("/dev/null", root.join("adult/urls")).unwrap();
    }

    fn build(source: &Path, out: &Path) -> Result<(Summary, Vec<String>), BuildListError> {
        let mut events = Vec::new();
        let mut report = |event: Event<'_>| events.push(format!("{event:?}"));
        let summary = build_index(source, out, &mut report)?;
        Ok((summary, events))
    }

    #[test]
    fn a_folder_becomes_an_index() {
        let folder = tempfile::tempdir().unwrap();
        write_list(&folder.path().join("list/blacklists"));
        let out = folder.path().join("index");
        for source in ["list", "list/blacklists"] {
            let (summary, events) = build(&folder.path().join(source), &out).unwrap();
            assert_eq!((summary.domains, summary.rejected, summary.aliases), (1, 1, 1), "{source}");
            assert_eq!(events.len(), 3, "{events:?}");
        }
        let index = open_index(&out).unwrap();
        assert_eq!(index.category_id("porn"), index.category_id("adult"));
        let found = index.find(&"www.a.example".parse().unwrap()).unwrap();
        assert_eq!(found.line, "a.example");
        assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o7133, 0);
    }

    #[test]
    fn a_folder_that_holds_the_published_archive_is_a_source() {
        let folder = tempfile::tempdir().unwrap();
        let archive = File::create(folder.path().join(ARCHIVE_NAME)).unwrap();
        let mut tar = tar::Builder::new(archive);
        let mut header = tar::Header::new_gnu();
        header.set_size(10);
        tar.append_data(&mut header, "blacklists/adult/domains", &b"a.example\n"[..]).unwrap();
        tar.finish().unwrap();
        let (summary, _) = build(folder.path(), &folder.path().join("index")).unwrap();
        assert_eq!(summary.domains, 1);
    }

    #[test]
    fn an_adopted_index_outlives_what_happens_to_the_published_one() {
        let folder = tempfile::tempdir().unwrap();
        write_list(folder.path());
        let (out, kept) = (folder.path().join("index"), folder.path().join("kept"));
        build(folder.path(), &out).unwrap();
        let whole = fs::read(&out).unwrap();
        let index = adopt_index(&out, &kept).unwrap();
        // Written over in place and cut short, as `cp` does it.
        File::options().write(true).truncate(true).open(&out).unwrap().write_all(b"rubbish").unwrap();
        assert!(index.find(&"www.a.example".parse().unwrap()).is_some());
        assert!(matches!(adopt_index(&out, &kept), Err(OpenListError::Index { .. })));
        assert_eq!(fs::read(&kept).unwrap(), whole, "the last good one stays");
        assert!(open_index(&kept).is_ok());
    }

    #[test]
    fn a_failed_build_keeps_the_index() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty");
        fs::create_dir(&empty).unwrap();
        let out = folder.path().join("index");
        fs::write(&out, "old").unwrap();
        write_list(&folder.path().join("list"));
        assert!(build(&folder.path().join("list"), Path::new("/dev/null")).is_err());
        fs::remove_dir_all(folder.path().join("list")).unwrap();
        for source in [empty, folder.path().join("missing"), out.clone()] {
            assert!(build(&source, &out).is_err(), "{}", source.display());
            assert_eq!(fs::read_to_string(&out).unwrap(), "old");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "a temporary file is left");
    }

    #[test]
    fn an_altered_index_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        write_list(folder.path());
        let out = folder.path().join("index");
        build(folder.path(), &out).unwrap();
        let bytes = fs::read(&out).unwrap();
        let mut altered = bytes.clone();
        altered[bytes.len() / 2] ^= 1;
        for wrong in [&bytes[..bytes.len() - 1], &altered, b"", b"\n"] {
            fs::write(&out, wrong).unwrap();
            assert!(matches!(open_index(&out), Err(OpenListError::Index { .. })), "{} bytes", wrong.len());
        }
        assert!(matches!(open_index(&folder.path().join("none")), Err(OpenListError::File { .. })));
    }
}
