//! The folder that an export fills: files with their sums, written as they come.
//!
//! Invariant: `SHA256SUMS` is there once all of it is, and on the disk: an export that was cut has none.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use archive::Hash;
use hub::blobs::{Blobs, Kind, Place};
use hub::register::RegisterError;
use model::{LIBRARY_FILE_BYTES_MAX, RELEASE_FILE_BYTES_MAX};
use replication::limits::{FILE_BYTES_MAX, SNAPSHOT_BYTES_MAX};
use ring::digest::{self, SHA256};
use serde_json::Value;
use system::machine;

/// What is exported tells of schools and people.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
const SUMS_FILE: &str = "SHA256SUMS";
/// The same while it is written.
const SUMS_PART_FILE: &str = "SHA256SUMS.part";
/// Files in a row that cannot be read, and end an export: nobody answers any more, and each takes its time.
const UNREADABLE_MAX: u32 = 100;

/// A folder that is filled.
pub(super) struct Export {
    root: PathBuf,
    sums: BufWriter<File>,
    /// Files that were written.
    pub(super) files: u64,
    /// Their bytes.
    pub(super) bytes: u64,
    /// What is missing or damaged among the hub's files.
    pub(super) flaws: Vec<String>,
    unreadable: u32,
}

/// What became of a file of the hub's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is in the export.
    Whole,
    /// It is not, and among the flaws.
    Flawed,
    /// Its time was over meanwhile, and it is gone as it should be.
    Over,
}

/// A file of JSON, a document a line, that is written as it comes.
pub(super) struct Lines {
    name: String,
    out: BufWriter<File>,
    digest: digest::Context,
    bytes: u64,
}

impl Export {
    /// Into a folder that is empty, or is not there yet.
    pub(super) fn begin(root: &Path) -> anyhow::Result<Self> {
        let is_empty = !root.exists() || fs::read_dir(root)?.next().is_none();
        ensure!(is_empty, "{} is not empty: give a folder that is", root.display());
        make_folder(root)?;
        let sums = BufWriter::new(create(&root.join(SUMS_PART_FILE))?);
        Ok(Self { root: root.to_owned(), sums, files: 0, bytes: 0, flaws: Vec::new(), unreadable: 0 })
    }

    pub(super) fn write(&mut self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.prepare(name)?;
        create(&path)?.write_all(bytes).with_context(|| path.display().to_string())?;
        self.note(name, digest::digest(&SHA256, bytes), bytes.len() as u64)
    }

    /// Writes a file of the hub's as it is called in the export. One that cannot be read, or is another one, keeps no other from coming; where it is
    /// gone, the register is asked once more whether it `is_noted`.
    pub(super) fn take(
        &mut self,
        blobs: &dyn Blobs,
        (place, name): (Place, &str),
        is_noted: impl Fn() -> Result<bool, RegisterError>,
    ) -> anyhow::Result<Taken> {
        let bytes_max = match place.kind {
            Kind::Sealed => FILE_BYTES_MAX,
            Kind::State => SNAPSHOT_BYTES_MAX,
            Kind::Release => RELEASE_FILE_BYTES_MAX,
            Kind::Library => LIBRARY_FILE_BYTES_MAX,
        };
        let read = blobs.read(place, bytes_max);
        self.unreadable = if read.is_err() { self.unreadable + 1 } else { 0 };
        match read {
            Ok(Some(bytes)) if Hash::of(&bytes) == place.hash => {
                self.write(name, &bytes)?;
                return Ok(Taken::Whole);
            }
            Ok(Some(_)) => self.flaws.push(format!("{name}: it is not what was sent")),
            Ok(None) if !is_noted()? => return Ok(Taken::Over),
            Ok(None) => self.flaws.push(format!("{name}: it is gone")),
            Err(error) if self.unreadable >= UNREADABLE_MAX => {
                bail!("nothing can be read of the hub's files any more: {name}: {error}")
            }
            Err(error) => self.flaws.push(format!("{name}: {error}")),
        }
        Ok(Taken::Flawed)
    }

    /// Begins a file of lines.
    pub(super) fn open_lines(&self, name: &str) -> anyhow::Result<Lines> {
        let out = BufWriter::new(create(&self.prepare(name)?)?);
        Ok(Lines { name: name.to_owned(), out, digest: digest::Context::new(&SHA256), bytes: 0 })
    }

    /// Ends it.
    pub(super) fn close(&mut self, lines: Lines) -> anyhow::Result<()> {
        let Lines { name, mut out, digest, bytes } = lines;
        out.flush().with_context(|| name.clone())?;
        self.note(&name, digest.finish(), bytes)
    }

    /// All lines of a file that are there already.
    pub(super) fn write_lines(
        &mut self,
        name: &str,
        lines: impl Iterator<Item = Value>,
    ) -> anyhow::Result<()> {
        let mut open = self.open_lines(name)?;
        for line in lines {
            open.add(&line)?;
        }
        self.close(open)
    }

    /// Puts the sums in their place, once everything is on the disk.
    pub(super) fn end(&mut self) -> anyhow::Result<()> {
        self.sums.flush().context(SUMS_FILE)?;
        let sync = || machine::sync_disk(&self.root).with_context(|| self.root.display().to_string());
        sync()?;
        fs::rename(self.root.join(SUMS_PART_FILE), self.root.join(SUMS_FILE)).context(SUMS_FILE)?;
        sync()
    }

    fn prepare(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.root.join(name);
        path.parent().map(make_folder).transpose()?;
        Ok(path)
    }

    fn note(&mut self, name: &str, digest: digest::Digest, bytes: u64) -> anyhow::Result<()> {
        let digits: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(self.sums, "{digits}  {name}").context(SUMS_FILE)?;
        self.files += 1;
        self.bytes += bytes;
        Ok(())
    }
}

impl Lines {
    pub(super) fn add(&mut self, line: &Value) -> anyhow::Result<()> {
        let text = format!("{line}\n");
        self.digest.update(text.as_bytes());
        self.bytes += text.len() as u64;
        self.out.write_all(text.as_bytes()).with_context(|| self.name.clone())
    }
}

fn make_folder(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(path)
        .with_context(|| format!("cannot make the folder {}", path.display()))
}

fn create(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path);
    file.with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use hub::blobs::folder::BlobFolder;
    use hub::register::BoxId;

    use super::*;

    #[test]
    fn one_file_that_fails_keeps_no_other_from_coming() {
        let folder = tempfile::tempdir().unwrap();
        let (files, out) = (folder.path().join("files"), folder.path().join("out"));
        let blobs = BlobFolder::new(&files);
        let put = |text: &[u8]| {
            let place = Place::sealed(BoxId(1), Hash::of(text));
            blobs.append(place, 0, text.len() as u64, text).unwrap();
            place
        };
        let at = |place: Place| files.join("1").join(place.hash.to_string());
        let places = [put(b"damaged"), put(b"unreadable"), put(b"gone"), put(b"over"), put(b"whole")];
        fs::write(at(places[0]), "another").unwrap();
        for place in &places[1..4] {
            fs::remove_file(at(*place)).unwrap();
        }
        fs::create_dir(at(places[1])).unwrap();
        let mut export = Export::begin(&out).unwrap();
        let mut take = |place: Place, is_noted: bool| {
            let name = place.hash.to_string();
            export.take(&blobs, (place, &name), || Ok(is_noted)).unwrap()
        };
        assert_eq!(take(places[0], true), Taken::Flawed);
        assert_eq!(take(places[1], true), Taken::Flawed);
        assert_eq!(take(places[2], true), Taken::Flawed);
        assert_eq!(take(places[3], false), Taken::Over);
        assert_eq!(take(places[4], true), Taken::Whole);
        assert_eq!((export.flaws.len(), export.files, export.bytes), (3, 1, 5));
        let mut lines = export.open_lines("under/a.jsonl").unwrap();
        lines.add(&Value::from(1)).unwrap();
        lines.add(&Value::from("b")).unwrap();
        export.close(lines).unwrap();
        assert!(!out.join(SUMS_FILE).exists(), "it is not whole yet");
        export.end().unwrap();
        assert_eq!(fs::read_to_string(out.join("under/a.jsonl")).unwrap(), "1\n\"b\"\n");
        let sum: String = digest::digest(&SHA256, b"1\n\"b\"\n")
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let sums = fs::read_to_string(out.join(SUMS_FILE)).unwrap();
        assert!(sums.lines().count() == 2 && sums.ends_with(&format!("{sum}  under/a.jsonl\n")), "{sums}");
        assert!(Export::begin(&out).is_err(), "it is not empty");
    }
}
