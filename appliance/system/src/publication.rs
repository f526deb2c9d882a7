//! A mirror's folder: an archive of lists as any web server can serve it, with the differences that lead to it.
//!
//! Invariant: every file is replaced in one step, the sheet last. Whoever reads between two of them finds an archive that does
//! not fit its checksum yet, and asks again.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use blocklist::{ContentSum, DifferenceSheet, UNPACKED_BYTES_MAX, make_difference};
use memmap2::Mmap;

use crate::lists::{self, TEMPORARY_PREFIX};
use crate::mirror::{CHECKSUMS_NAME, SHEET_EXTENSION, map, unpack};
use crate::updates::WHOLE_ARCHIVE;

/// States of the archive that differences lead from: a box that was off for so many changes of it fetches the whole once.
const STATES_MAX: usize = 14;
/// The folder of earlier states, within the mirror's. Web servers show no hidden files.
const STATES_FOLDER: &str = ".states";
/// Held by whoever publishes, so that two programs do it one after the other.
const LOCK_FILE: &str = ".lock";
/// Bytes read at a time.
const BUFFER_BYTES: usize = 64 * 1024;

/// What was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Whether it is another archive than the one before.
    pub is_new: bool,
    /// The differences that lead to it, the one from the newest state first: each file with its size in bytes.
    pub differences: Vec<(String, u64)>,
}

/// Publishes the archive in the mirror's folder: the archive, its checksum, and the differences from the states that were
/// published here before. Takes some seconds for each of them, and as much memory as two unpacked lists.
///
/// # Errors
/// [`PublicationError`]; what was published before stays.
pub fn publish_archive(archive: &Path, folder: &Path) -> Result<Published, PublicationError> {
    let read = |source| PublicationError::Read { path: archive.to_owned(), source };
    let write = |source| PublicationError::Write { path: folder.to_owned(), source };
    fs::create_dir_all(folder.join(STATES_FOLDER)).map_err(write)?;
    let lock = File::options().create(true).append(true).open(folder.join(LOCK_FILE));
    let _lock = lock.and_then(|file| file.lock().map(|()| file)).map_err(write)?;
    let folder = Folder { path: folder.to_owned() };
    folder.clear().map_err(write)?;
    let new = State::open(archive, &folder).map_err(read)?;
    let is_new = folder.states().map_err(write)?.last().is_none_or(|last| last.name != new.name());
    if is_new {
        folder.remember(archive, &new).map_err(write)?;
    }
    let differences = folder.make_differences(&new).map_err(write)?;
    folder.publish(archive, &new, &differences).map_err(write)?;
    let differences = differences.into_iter().map(|made| (made.file, made.bytes)).collect();
    Ok(Published { is_new, differences })
}

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum PublicationError {
    /// The archive cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The archive.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// An archive, unpacked.
struct State {
    content: ContentSum,
    bytes: Mmap,
}

impl State {
    fn open(archive: &Path, folder: &Folder) -> io::Result<Self> {
        let mut unpacked = lists::temporary_beside(&folder.path.join(WHOLE_ARCHIVE))?.into_file();
        let content = unpack(&File::open(archive)?, UNPACKED_BYTES_MAX, &mut unpacked)?;
        Ok(Self { content, bytes: map(&unpacked)? })
    }

    fn name(&self) -> String {
        name_of(self.content)
    }
}

/// Enough of a sum to tell the states of one mirror apart.
fn name_of(content: ContentSum) -> String {
    content.to_hex().chars().take(16).collect()
}

/// An archive that was published before.
struct Earlier {
    name: String,
    path: PathBuf,
}

struct Made {
    from: ContentSum,
    file: String,
    bytes: u64,
}

struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Removes what a publication that was killed left.
    fn clear(&self) -> io::Result<()> {
        for folder in [self.path.clone(), self.path.join(STATES_FOLDER)] {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_name().to_string_lossy().starts_with(TEMPORARY_PREFIX) {
                    fs::remove_file(entry.path())?;
                }
            }
        }
        Ok(())
    }

    /// The earlier states, the oldest first: files `NUMBER-NAME.tar.gz`.
    fn states(&self) -> io::Result<Vec<Earlier>> {
        let mut states = Vec::new();
        for entry in fs::read_dir(self.path.join(STATES_FOLDER))? {
            let path = entry?.path();
            let stem = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".tar.gz"));
            let numbered = stem.and_then(|stem| stem.split_once('-'));
            if let Some((number, name)) =
                numbered.and_then(|(number, name)| Some((number.parse::<u64>().ok()?, name)))
            {
                let name = name.to_owned();
                states.push((number, Earlier { name, path }));
            }
        }
        states.sort_by_key(|(number, _)| *number);
        Ok(states.into_iter().map(|(_, state)| state).collect())
    }

    /// Keeps the new state for differences to come, and forgets the oldest.
    fn remember(&self, archive: &Path, new: &State) -> io::Result<()> {
        let states = self.states()?;
        let number = states.last().and_then(|last| {
            let name = last.path.file_name()?.to_str()?;
            name.split_once('-')?.0.parse::<u64>().ok()
        });
        let name = format!("{}-{}.tar.gz", number.map_or(0, |number| number + 1), new.name());
        copy(archive, &self.path.join(STATES_FOLDER).join(name))?;
        // The new one is among those that differences lead to, not from.
        let too_many = (states.len() + 1).saturating_sub(STATES_MAX + 1);
        for state in states.iter().take(too_many) {
            fs::remove_file(&state.path)?;
        }
        Ok(())
    }

    /// The differences from all earlier states to this one. One that is here already is not made again.
    fn make_differences(&self, new: &State) -> io::Result<Vec<Made>> {
        let mut made = Vec::new();
        for earlier in self.states()?.into_iter().rev().filter(|earlier| earlier.name != new.name()) {
            let old = match State::open(&earlier.path, self) {
                Ok(old) if old.name() == earlier.name => old,
                // What a disk did not keep is forgotten: the boxes that have it fetch the whole.
                Ok(_) => {
                    fs::remove_file(&earlier.path)?;
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, "{} cannot be read", earlier.path.display());
                    continue;
                }
            };
            let file = format!("{WHOLE_ARCHIVE}.{}-{}.zst", earlier.name, new.name());
            let path = self.path.join(&file);
            if !path.exists() {
                let mut difference = lists::temporary_beside(&path)?;
                match make_difference(&old.bytes, &new.bytes, &mut difference) {
                    Err(error) if error.kind() == io::ErrorKind::FileTooLarge => continue,
                    done => done?,
                }
                lists::publish(difference, &path)?;
            }
            made.push(Made { from: old.content, file, bytes: fs::metadata(&path)?.len() });
        }
        Ok(made)
    }

    fn publish(&self, archive: &Path, new: &State, differences: &[Made]) -> io::Result<()> {
        let md5 = checksum(archive)?;
        copy(archive, &self.path.join(WHOLE_ARCHIVE))?;
        let digits: String = md5.iter().map(|byte| format!("{byte:02x}")).collect();
        lists::replace(&self.path.join(CHECKSUMS_NAME), format!("{digits}  {WHOLE_ARCHIVE}\n").as_bytes())?;
        let sheet = DifferenceSheet::new(md5, new.content);
        let sheet = differences.iter().fold(sheet, |sheet, made| sheet.with(made.from, &made.file));
        let bytes = sheet.to_bytes().map_err(io::Error::other)?;
        lists::replace(&self.path.join(format!("{WHOLE_ARCHIVE}{SHEET_EXTENSION}")), &bytes)?;
        self.remove_others(differences)
    }

    /// Removes differences that lead to what is no longer published.
    fn remove_others(&self, differences: &[Made]) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let is_difference = name.starts_with(WHOLE_ARCHIVE) && name.ends_with(".zst");
            if is_difference && !differences.iter().any(|made| made.file == name) {
                fs::remove_file(self.path.join(&name))?;
            }
        }
        Ok(())
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut copy = lists::temporary_beside(to)?;
    io::copy(&mut File::open(from)?, &mut copy)?;
    Ok(lists::publish(copy, to)?)
}

fn checksum(path: &Path) -> io::Result<[u8; 16]> {
    let mut file = BufReader::with_capacity(BUFFER_BYTES, File::open(path)?);
    let mut sum = md5::Context::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = file.read(&mut buffer)?;
        let Some(chunk) = buffer.get(..count).filter(|chunk| !chunk.is_empty()) else { break };
        sum.consume(chunk);
    }
    Ok(sum.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::server::{Fault, HASTY, Served, Server};
    use crate::mirror::{FetchError, Fetched, Mirror, Shelf};

    /// An archive with these names.
    fn archive(names: std::ops::Range<usize>) -> Vec<u8> {
        let lines: String =
            names.map(|number| format!("site-{}.example\n", number * 7_919 % 1_000_003)).collect();
        let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut tar = tar::Builder::new(gzip);
        let mut header = tar::Header::new_gnu();
        header.set_size(lines.len() as u64);
        tar.append_data(&mut header, "blacklists/adult/domains", lines.as_bytes()).unwrap();
        tar.into_inner().unwrap().finish().unwrap()
    }

    fn content(archive: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        flate2::read::MultiGzDecoder::new(archive).read_to_end(&mut bytes).unwrap();
        bytes
    }

    /// A hub's mirror and a box.
    struct Bench {
        folder: tempfile::TempDir,
        server: Server,
        shelf: Shelf,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("box")).unwrap();
            let shelf = Shelf::new(&folder.path().join("box"), WHOLE_ARCHIVE);
            Self { folder, server: Server::start(), shelf }
        }

        fn mirror(&self) -> PathBuf {
            self.folder.path().join("mirror")
        }

        fn publish(&self, names: std::ops::Range<usize>) -> Published {
            let path = self.folder.path().join("new.tar.gz");
            fs::write(&path, archive(names)).unwrap();
            let published = publish_archive(&path, &self.mirror()).unwrap();
            self.serve();
            published
        }

        /// Serves the folder as it is.
        fn serve(&self) {
            self.server.script.lock().unwrap().files.clear();
            for entry in fs::read_dir(self.mirror()).unwrap().map(Result::unwrap) {
                if entry.metadata().unwrap().is_file() {
                    let name = entry.file_name().into_string().unwrap();
                    // What is named by its content never changes.
                    let etag = name.ends_with(".zst").then_some("\"never another\"");
                    let file = Served { body: fs::read(entry.path()).unwrap(), etag };
                    self.server.script.lock().unwrap().files.insert(name, file);
                }
            }
        }

        fn fetch(&self) -> Result<Fetched, FetchError> {
            Mirror::new(self.server.url(), &[], HASTY).fetch(&self.shelf, &mut |_| {})
        }

        /// What was asked for since the last time: the names of files.
        fn asked(&self) -> Vec<String> {
            let requests = self.server.take_requests();
            let paths = requests.iter().filter_map(|head| head.split(' ').nth(1));
            paths.map(|path| path.trim_start_matches("/lists/").to_owned()).collect()
        }

        fn has(&self, names: std::ops::Range<usize>) -> bool {
            content(&fs::read(self.shelf.file()).unwrap()) == content(&archive(names))
        }
    }

    #[test]
    fn a_box_follows_by_differences() {
        let bench = Bench::new();
        assert_eq!(bench.publish(0..20_000), Published { is_new: true, differences: vec![] });
        assert_eq!(bench.fetch().unwrap(), Fetched::New);
        assert_eq!(bench.asked(), [WHOLE_ARCHIVE]);
        assert_eq!(bench.fetch().unwrap(), Fetched::Unchanged);
        assert_eq!(bench.asked(), ["blacklists.tar.gz.differences"]);
        for step in 1..4 {
            let published = bench.publish(step * 10..20_000 + step);
            let (file, bytes) = &published.differences[0];
            assert!(published.is_new && *bytes < 2_000, "{published:?}");
            assert_eq!(published.differences.len(), step);
            assert_eq!(bench.fetch().unwrap(), Fetched::New);
            assert!(bench.has(step * 10..20_000 + step));
            assert_eq!(bench.asked(), ["blacklists.tar.gz.differences", file.as_str()]);
            assert_eq!(bench.fetch().unwrap(), Fetched::Unchanged);
            assert_eq!(bench.asked(), ["blacklists.tar.gz.differences"]);
        }
        let files: Vec<_> =
            fs::read_dir(bench.folder.path().join("box")).unwrap().map(Result::unwrap).collect();
        assert_eq!(files.len(), 2, "the archive and where it is from: {files:?}");
    }

    #[test]
    fn a_box_that_was_away_follows_from_an_old_state_and_after_too_long_it_fetches_the_whole() {
        let bench = Bench::new();
        bench.publish(0..2_000);
        bench.fetch().unwrap();
        for step in 1..=STATES_MAX {
            bench.publish(step..2_000);
        }
        bench.asked();
        let oldest = fs::read(bench.shelf.file()).unwrap();
        assert_eq!(bench.fetch().unwrap(), Fetched::New);
        assert!(bench.has(STATES_MAX..2_000));
        assert!(!bench.asked().contains(&WHOLE_ARCHIVE.to_owned()));
        fs::remove_file(bench.shelf.file()).unwrap();
        fs::write(bench.shelf.file(), oldest).unwrap();
        let published = bench.publish(STATES_MAX + 1..2_000);
        assert_eq!(published.differences.len(), STATES_MAX);
        assert_eq!(bench.fetch().unwrap(), Fetched::New);
        assert!(bench.has(STATES_MAX + 1..2_000));
        assert!(bench.asked().contains(&WHOLE_ARCHIVE.to_owned()), "what is here is not what was fetched");
    }

    #[test]
    fn a_difference_that_is_damaged_or_leads_elsewhere_harms_nobody() {
        let spoil: [fn(&mut Vec<u8>); 4] = [
            |bytes| bytes.truncate(bytes.len() / 2),
            Vec::clear,
            |bytes| *bytes = b"<html>not found</html>".to_vec(),
            |bytes| {
                let from = content(&archive(0..5_000));
                let mut other = Vec::new();
                make_difference(&from, &content(&archive(1..4_000)), &mut other).unwrap();
                *bytes = other;
            },
        ];
        for (number, spoil) in spoil.into_iter().enumerate() {
            let bench = Bench::new();
            bench.publish(0..5_000);
            bench.fetch().unwrap();
            let file = bench.publish(2..5_000).differences[0].0.clone();
            spoil(&mut bench.server.script.lock().unwrap().files.get_mut(&file).unwrap().body);
            assert_eq!(bench.fetch().unwrap(), Fetched::New, "{number}");
            assert!(bench.has(2..5_000), "{number}");
            assert_eq!(fs::read_dir(bench.folder.path().join("box")).unwrap().count(), 2, "{number}");
        }
    }

    #[test]
    fn a_line_that_drops_within_a_difference_fetches_no_whole_archive() {
        let bench = Bench::new();
        bench.publish(0..5_000);
        bench.fetch().unwrap();
        bench.publish(2..5_000);
        bench.asked();
        // The sheet comes, then the line drops.
        bench.server.fail([Fault::Cut(usize::MAX), Fault::Cut(10), Fault::Cut(0)]);
        assert!(matches!(bench.fetch(), Err(FetchError::Cut(_))));
        assert!(!bench.asked().contains(&WHOLE_ARCHIVE.to_owned()));
        assert_eq!(bench.fetch().unwrap(), Fetched::New);
        assert!(bench.has(2..5_000));
        let requests = bench.server.take_requests();
        assert!(requests.last().unwrap().to_lowercase().contains("range: bytes=10-"), "{requests:?}");
        assert!(!requests.iter().any(|head| head.starts_with("GET /lists/blacklists.tar.gz HTTP")));
    }

    #[test]
    fn a_difference_of_which_nothing_more_comes_is_not_waited_for() {
        let bench = Bench::new();
        bench.publish(0..5_000);
        bench.fetch().unwrap();
        bench.publish(2..5_000);
        // The same byte each night: the disk of the mirror, say.
        bench.server.fail([Fault::Cut(usize::MAX), Fault::Cut(10), Fault::Cut(0)]);
        assert!(matches!(bench.fetch(), Err(FetchError::Cut(_))));
        bench.server.fail([Fault::Cut(usize::MAX), Fault::Cut(0)]);
        bench.asked();
        assert_eq!(bench.fetch().unwrap(), Fetched::New);
        assert!(bench.has(2..5_000) && bench.asked().contains(&WHOLE_ARCHIVE.to_owned()));
    }

    #[test]
    fn a_sheet_that_was_left_behind_freezes_no_list() {
        let bench = Bench::new();
        bench.publish(0..3_000);
        bench.fetch().unwrap();
        // Somebody copies another archive over it, as from UT1.
        let other = archive(5..3_000);
        let sums = format!("{:x}  {WHOLE_ARCHIVE}\n", md5::compute(&other));
        fs::write(bench.mirror().join(WHOLE_ARCHIVE), other).unwrap();
        fs::write(bench.mirror().join(CHECKSUMS_NAME), sums).unwrap();
        bench.serve();
        assert_eq!(bench.fetch().unwrap(), Fetched::New);
        assert!(bench.has(5..3_000));
    }

    #[test]
    fn what_is_only_packed_anew_is_not_fetched() {
        let bench = Bench::new();
        bench.publish(0..3_000);
        bench.fetch().unwrap();
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        io::Write::write_all(&mut packed, &content(&archive(0..3_000))).unwrap();
        let path = bench.folder.path().join("packed.tar.gz");
        fs::write(&path, packed.finish().unwrap()).unwrap();
        assert!(!publish_archive(&path, &bench.mirror()).unwrap().is_new);
        bench.serve();
        bench.asked();
        for _ in 0..2 {
            assert_eq!(bench.fetch().unwrap(), Fetched::Unchanged);
            assert_eq!(bench.asked(), ["blacklists.tar.gz.differences"]);
        }
    }

    #[test]
    fn publishing_the_same_again_changes_nothing() {
        let bench = Bench::new();
        bench.publish(0..3_000);
        let first = bench.publish(1..3_000);
        let second = bench.publish(1..3_000);
        assert_eq!(second, Published { is_new: false, ..first });
        assert_eq!(fs::read_dir(bench.mirror().join(STATES_FOLDER)).unwrap().count(), 2);
        // A state that the disk did not keep leads nowhere.
        let oldest = fs::read_dir(bench.mirror().join(STATES_FOLDER)).unwrap().map(Result::unwrap);
        let oldest =
            oldest.into_iter().find(|entry| entry.file_name().to_string_lossy().starts_with("0-")).unwrap();
        fs::write(oldest.path(), archive(7..9)).unwrap();
        assert_eq!(bench.publish(1..3_000).differences, []);
    }

    #[test]
    fn two_publish_one_after_the_other() {
        let bench = Bench::new();
        bench.publish(0..2_000);
        let publish = |step: usize| {
            let path = bench.folder.path().join(format!("{step}.tar.gz"));
            fs::write(&path, archive(step..2_000)).unwrap();
            publish_archive(&path, &bench.mirror()).unwrap().differences.len()
        };
        let publish = &publish;
        let mut published: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (1..4).map(|step| scope.spawn(move || publish(step))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        published.sort_unstable();
        assert_eq!(published, [1, 2, 3], "each has differences from all before it");
    }

    #[test]
    fn no_archive_publishes_nothing() {
        let bench = Bench::new();
        bench.publish(0..10);
        let path = bench.folder.path().join("broken.tar.gz");
        let whole = archive(0..3_000);
        for bytes in [&b"<html>"[..], &whole[..whole.len() / 2], b""] {
            fs::write(&path, bytes).unwrap();
            assert!(matches!(publish_archive(&path, &bench.mirror()), Err(PublicationError::Read { .. })));
        }
        assert_eq!(bench.fetch().unwrap(), Fetched::New);
        assert!(bench.has(0..10));
    }
}
