//! List sources and index files.
//!
//! Invariant: an index file is replaced as a whole or not at all, and never changed in place; that is what
//! makes mapping it sound.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use blocklist::{BuildError, Compiler, Event, Index, Oddity, OpenError, ROOT_FOLDER, Summary};
use memmap2::Mmap;

/// What UT1 calls the archive of all its lists.
const ARCHIVE_NAME: &str = "blacklists.tar.gz";
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
    let mut compiler = Compiler::new(report);
    let archive = find_archive(source).map_err(|error| source_error(source, error))?;
    match archive {
        None => read_directory(source, &mut compiler)?,
        Some(path) => {
            let archive = File::open(&path).map_err(|error| source_error(&path, error))?;
            blocklist::read_archive(archive, &mut compiler)?;
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

/// Writes a file beside `out`, makes it durable, and gives it the name in one step.
fn replace(out: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match out.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".index-")
        .permissions(fs::Permissions::from_mode(INDEX_MODE))
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(out)?;
    File::open(folder)?.sync_all()
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
    fn a_failed_build_keeps_the_index() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty");
        fs::create_dir(&empty).unwrap();
        let out = folder.path().join("index");
        fs::write(&out, "old").unwrap();
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
