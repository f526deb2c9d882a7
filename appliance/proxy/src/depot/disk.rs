//! The files: a record for each key, a body for each response.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cache::{Kept, Key, Sealing, TARGETS, read_record, write_record};
use nix::fcntl::{FallocateFlags, fallocate};

use super::ledgers::KEPT;

/// Only the box reads what is kept.
const FOLDER_MODE: u32 = 0o700;
pub(super) const FILE_MODE: u32 = 0o600;
/// The folder of the ledgers, beside those of the first bytes.
const LEDGERS: &str = "ledgers";
/// How long a part waits for somebody to go on with it: a lesson is prepared for the next days.
const PARTS_KEPT: Duration = Duration::from_secs(8 * 24 * 60 * 60);
/// Longest record that is read, as `cache` writes it.
const RECORD_BYTES_MAX: u64 = 2 << 20;

/// The folder, with one folder in it for each first byte of a name.
pub(super) struct Disk {
    folder: PathBuf,
}

/// What a walk through the folder found.
pub(super) struct Found {
    pub(super) name: u128,
    /// Where there is a record.
    pub(super) key: Option<Key>,
    pub(super) kept: Vec<Kept>,
    /// What is not there whole.
    pub(super) parts: Vec<Kept>,
    /// Bytes of a file that each has to be authorised for.
    pub(super) secret_bytes: u64,
}

impl Disk {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(FOLDER_MODE);
        for first in 0..=u8::MAX {
            builder.create(folder.join(format!("{first:02x}")))?;
        }
        builder.create(folder.join(LEDGERS))?;
        Ok(Self { folder: folder.to_owned() })
    }

    pub(super) fn ledgers(&self) -> PathBuf {
        self.folder.join(LEDGERS)
    }

    /// The record of a name, where there is one that can be read.
    pub(super) fn read(&self, name: u128) -> Option<(Key, Vec<Kept>)> {
        Self::read_file(&self.record(name))
    }

    /// The same of what is not there whole.
    pub(super) fn read_parts(&self, name: u128) -> Option<(Key, Vec<Kept>)> {
        Self::read_file(&self.parts(name))
    }

    fn read_file(path: &Path) -> Option<(Key, Vec<Kept>)> {
        let length = fs::metadata(path).ok()?.len();
        let bytes = if length <= RECORD_BYTES_MAX { fs::read(path).ok()? } else { vec![] };
        match read_record(&bytes, &TARGETS) {
            Ok(read) => Some(read),
            Err(damage) => {
                tracing::info!(%damage, "something that was kept of a workspace is thrown away");
                drop(fs::remove_file(path));
                None
            }
        }
    }

    /// Replaces the record of a name in one step. Nothing waits for the disk: after a power cut the checksum tells.
    pub(super) fn write(&self, name: u128, key: &Key, kept: &[Kept]) -> io::Result<()> {
        Self::write_file(&self.record(name), key, kept)
    }

    /// Replaces the record of what is not there whole; none of nothing.
    pub(super) fn write_parts(&self, name: u128, key: &Key, parts: &[Kept]) -> io::Result<()> {
        let path = self.parts(name);
        match parts {
            [] => drop(fs::remove_file(&path)),
            parts => Self::write_file(&path, key, parts)?,
        }
        Ok(())
    }

    fn write_file(path: &Path, key: &Key, kept: &[Kept]) -> io::Result<()> {
        let draft = path.with_extension("draft");
        drop(fs::remove_file(&draft));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&draft)?;
        file.write_all(&write_record(key, kept))?;
        fs::rename(&draft, path)
    }

    /// A new file for a body. Where its length is known its room is taken now: a disk that is full says so before anybody waits
    /// for the body.
    pub(super) fn create(&self, name: u128, body: u64, length: Option<u64>) -> io::Result<File> {
        let path = self.body(name, body);
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(FILE_MODE).open(&path)?;
        take_room(&file, length.map_or(0, file_bytes)).inspect_err(|_| drop(fs::remove_file(&path)))?;
        Ok(file)
    }

    /// A new file of so many bytes that each has to be authorised for.
    pub(super) fn create_secret(&self, name: u128, bytes: u64) -> io::Result<File> {
        let path = self.secret(name);
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(FILE_MODE).open(&path)?;
        take_room(&file, bytes).inspect_err(|_| drop(fs::remove_file(&path)))?;
        Ok(file)
    }

    /// Such a file, where it is there.
    pub(super) fn find_secret(&self, name: u128, bytes: u64) -> Option<File> {
        let file = OpenOptions::new().read(true).write(true).open(self.secret(name)).ok()?;
        (file.metadata().ok()?.len() >= bytes).then_some(file)
    }

    /// Notes that such a file is granted anew: it goes by that.
    pub(super) fn renew_secret(&self, name: u128, at: SystemTime) -> io::Result<()> {
        OpenOptions::new().write(true).open(self.secret(name))?.set_modified(at)
    }

    /// The file of a body that is there whole; a damaged piece of it may be written again.
    pub(super) fn find(&self, name: u128, body: u64, length: u64) -> Option<File> {
        let file = OpenOptions::new().read(true).write(true).open(self.body(name, body)).ok()?;
        (file.metadata().ok()?.len() >= file_bytes(length)).then_some(file)
    }

    pub(super) fn remove_body(&self, name: u128, body: u64) {
        drop(fs::remove_file(self.body(name, body)));
    }

    /// Removes the record and the bodies that it names, and the file of this name that each has to be authorised for.
    pub(super) fn remove(&self, name: u128) {
        drop(fs::remove_file(self.secret(name)));
        let [kept, parts] = [self.read(name), self.read_parts(name)]
            .map(|read| read.map(|(_, kept)| kept).unwrap_or_default());
        self.remove_record(name);
        drop(fs::remove_file(self.parts(name)));
        for Kept { body, .. } in kept.into_iter().chain(parts) {
            self.remove_body(name, body);
        }
    }

    /// Removes the record alone.
    pub(super) fn remove_record(&self, name: u128) {
        drop(fs::remove_file(self.record(name)));
    }

    /// Walks through one of the 256 folders: tells what is kept there, and clears away what is not: bodies that no record names,
    /// older than this start, parts that nobody has gone on with for long, drafts, and files that were granted so long ago that nobody may read them any more.
    pub(super) fn walk(&self, first: u8, start: SystemTime, mut tell: impl FnMut(Found)) -> io::Result<()> {
        let folder = self.folder.join(format!("{first:02x}"));
        let mut named = std::collections::HashSet::new();
        let mut bodies = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("record") => {
                    let Ok(name) = u128::from_str_radix(&stem, 16) else { continue };
                    let Some((key, kept)) = self.read(name) else { continue };
                    named.extend(kept.iter().map(|kept| body_stem(name, kept.body)));
                    let parts = self.read_parts(name).map(|(_, parts)| parts).unwrap_or_default();
                    tell(Found { name, key: Some(key), kept, parts, secret_bytes: 0 });
                }
                Some("parts") => {
                    let Ok(name) = u128::from_str_radix(&stem, 16) else { continue };
                    if start.checked_sub(PARTS_KEPT).is_some_and(|end| is_older(&path, end)) {
                        drop(fs::remove_file(&path));
                        continue;
                    }
                    let Some((key, parts)) = self.read_parts(name) else { continue };
                    named.extend(parts.iter().map(|part| body_stem(name, part.body)));
                    // Otherwise it is told with the record.
                    if !self.record(name).exists() {
                        tell(Found { name, key: Some(key), kept: vec![], parts, secret_bytes: 0 });
                    }
                }
                Some("secret") => {
                    let Ok(name) = u128::from_str_radix(&stem, 16) else { continue };
                    let is_over = start.checked_sub(KEPT).is_some_and(|end| is_older(&path, end));
                    if is_over {
                        drop(fs::remove_file(&path));
                    } else {
                        let secret_bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
                        tell(Found { name, key: None, kept: vec![], parts: vec![], secret_bytes });
                    }
                }
                Some("body") => bodies.push((stem, path)),
                Some(_) | None if is_older(&path, start) => drop(fs::remove_file(&path)),
                Some(_) | None => {}
            }
        }
        for (_, path) in bodies.iter().filter(|(stem, path)| !named.contains(stem) && is_older(path, start)) {
            drop(fs::remove_file(path));
        }
        Ok(())
    }

    fn record(&self, name: u128) -> PathBuf {
        self.place(name).join(format!("{name:032x}.record"))
    }

    fn parts(&self, name: u128) -> PathBuf {
        self.place(name).join(format!("{name:032x}.parts"))
    }

    fn secret(&self, name: u128) -> PathBuf {
        self.place(name).join(format!("{name:032x}.secret"))
    }

    fn body(&self, name: u128, body: u64) -> PathBuf {
        self.place(name).join(format!("{}.body", body_stem(name, body)))
    }

    fn place(&self, name: u128) -> PathBuf {
        let [first, ..] = name.to_be_bytes();
        self.folder.join(format!("{first:02x}"))
    }
}

fn body_stem(name: u128, body: u64) -> String {
    format!("{name:032x}-{body:016x}")
}

/// Takes the room of a file now.
fn take_room(file: &File, bytes: u64) -> io::Result<()> {
    if bytes > 0 {
        let bytes = i64::try_from(bytes).map_err(io::Error::other)?;
        fallocate(file.as_fd(), FallocateFlags::empty(), 0, bytes)?;
    }
    Ok(())
}

/// Bytes of the file of a body of this length: its blocks and their checksums.
pub(super) fn file_bytes(length: u64) -> u64 {
    Sealing::Checked.file_bytes(length)
}

fn is_older(path: &Path, than: SystemTime) -> bool {
    fs::metadata(path).and_then(|metadata| metadata.modified()).is_ok_and(|modified| modified < than)
}
