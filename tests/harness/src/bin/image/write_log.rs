//! What a machine wrote to its disk, write by write: the log of QEMU's `blklogwrites`, in the format of the kernel's dm-log-writes
//! (drivers/md/dm-log-writes.c). All numbers are little-endian.
//!
//! ```text
//! sector 0     magic (8 bytes), version (8), number of entries (8), size of a sector (4)
//! each entry   one sector: first sector (8), sectors (8), flags (8), bytes of a mark (8); then the data, in whole sectors
//! ```
//!
//! An entry is written when the disk has carried out what it is about: what comes after a flush was not safe by it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use harness::random::Random;
use nix::fcntl::{FallocateFlags, fallocate};

const MAGIC: u64 = 0x006a_7366_7773_6872;
const VERSION: u64 = 1;
const HEADER_BYTES: usize = 28;
const ENTRY_BYTES: usize = 32;
const FLUSH: u64 = 1;
const FUA: u64 = 2;
const DISCARD: u64 = 4;
const MARK: u64 = 8;
/// Sizes of sectors that disks have; each is a power of two.
const SECTOR_BYTES: [u32; 2] = [512, 4_096];
/// So much of a write is in memory at once: whole sectors.
const PIECE_BYTES: usize = 1 << 20;

/// A log, of which the entries are known and the data are read where they are needed.
pub(crate) struct WriteLog {
    file: File,
    entries: Vec<Entry>,
}

/// What a machine had its disk do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    /// Keep bytes; `is_safe` when they are to be on the disk at once.
    Write { place: Span, data: u64, is_safe: bool },
    /// Forget bytes: they are zeros from then on.
    Discard(Span),
    /// Have on the disk all that was written.
    Flush,
    /// Nothing: somebody left a word in the log.
    Mark,
}

/// Bytes of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) start: u64,
    pub(crate) bytes: u64,
}

impl Span {
    /// Where it ends: the first byte behind it.
    pub(crate) fn end(self) -> u64 {
        self.start.saturating_add(self.bytes)
    }

    /// What two have in common, if anything.
    pub(crate) fn shared(self, other: Self) -> Option<Self> {
        let start = self.start.max(other.start);
        let bytes = self.end().min(other.end()).checked_sub(start).filter(|bytes| *bytes > 0)?;
        Some(Self { start, bytes })
    }
}

/// What takes a machine's writes: a disk, or a part of one.
pub(crate) trait Disk {
    /// Keeps bytes.
    fn write(&mut self, start: u64, bytes: &[u8]) -> Result<()>;
    /// Makes zeros of bytes.
    fn forget(&mut self, span: Span) -> Result<()>;
}

impl Disk for &File {
    fn write(&mut self, start: u64, bytes: &[u8]) -> Result<()> {
        Ok(self.write_all_at(bytes, start)?)
    }

    fn forget(&mut self, span: Span) -> Result<()> {
        forget(self, span)
    }
}

/// How many writes a power cut took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Toll {
    /// Those that no flush had made safe.
    pub(crate) unsafe_writes: usize,
    /// Those of them that are lost.
    pub(crate) lost: usize,
}

impl WriteLog {
    /// Reads where everything is.
    ///
    /// # Errors
    /// The file cannot be read, is no log, or ends before its last entry does.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("no log at {}", path.display()))?;
        let (count, sector_bytes) = read_header(&file)?;
        let end = file.metadata()?.len();
        let (mut entries, mut at) = (Vec::new(), u64::from(sector_bytes));
        for number in 0..count {
            let (entry, next) = read_entry(&file, at, u64::from(sector_bytes))
                .with_context(|| format!("entry {number} of {count} in {}", path.display()))?;
            ensure!(next <= end, "{} ends in entry {number} of {count}", path.display());
            entries.push(entry);
            at = next;
        }
        Ok(Self { file, entries })
    }

    /// How many entries a log had at its last flush. It may grow meanwhile.
    ///
    /// # Errors
    /// As [`WriteLog::open`].
    pub(crate) fn count(path: &Path) -> Result<u64> {
        Ok(read_header(&File::open(path)?)?.0)
    }

    /// How many entries it has.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entry after the last flush among the first `point` entries: all before it is safe.
    pub(crate) fn safe_until(&self, point: usize) -> usize {
        let before = self.entries.get(..point).unwrap_or(&self.entries);
        before.iter().rposition(|entry| *entry == Entry::Flush).map_or(0, |flush| flush + 1)
    }

    /// Whether an entry is a flush.
    pub(crate) fn is_flush(&self, number: usize) -> bool {
        self.entries.get(number) == Some(&Entry::Flush)
    }

    /// Whether an entry has bytes.
    pub(crate) fn is_write(&self, number: usize) -> bool {
        matches!(self.entries.get(number), Some(Entry::Write { .. }))
    }

    /// Which bytes an entry changes.
    pub(crate) fn span(&self, number: usize) -> Option<Span> {
        match self.entries.get(number)? {
            Entry::Write { place, .. } | Entry::Discard(place) => Some(*place),
            Entry::Flush | Entry::Mark => None,
        }
    }

    /// Carries out the entries from `start` up to `end` on a disk.
    ///
    /// # Errors
    /// The log cannot be read, or the disk not written.
    pub(crate) fn replay(&self, start: usize, end: usize, mut disk: impl Disk) -> Result<()> {
        let entries = self.entries.get(start..end).context("entries that the log does not have")?;
        entries.iter().try_for_each(|entry| self.carry_out(*entry, &mut disk))
    }

    /// What no flush had made safe at `point`: the numbers of entries. What was to be on the disk at once is none of it.
    ///
    /// # Errors
    /// There are not so many entries.
    pub(crate) fn unsafe_at(&self, point: usize) -> Result<Vec<usize>> {
        let first = self.safe_until(point);
        let entries = self.entries.get(first..point).context("a point behind the log")?;
        let is_at_stake = |entry: &Entry| match entry {
            Entry::Write { is_safe, .. } => !is_safe,
            Entry::Discard(_) => true,
            Entry::Flush | Entry::Mark => false,
        };
        let entries = (first..).zip(entries).filter(|(_, entry)| is_at_stake(entry));
        Ok(entries.map(|(number, _)| number).collect())
    }

    /// What a cut at `point` takes by chance: half of what no flush had made safe.
    ///
    /// # Errors
    /// As [`WriteLog::unsafe_at`].
    pub(crate) fn draw_lost(&self, point: usize, seed: u64) -> Result<BTreeSet<usize>> {
        let mut chance = Random::new(seed.wrapping_add(point as u64));
        let unsafe_writes = self.unsafe_at(point)?;
        Ok(unsafe_writes.into_iter().filter(|_| chance.draw() & 1 == 0).collect())
    }

    /// Carries out what no flush had made safe at `point`, without what is lost.
    ///
    /// # Errors
    /// As [`WriteLog::replay`].
    pub(crate) fn replay_without(
        &self,
        lost: &BTreeSet<usize>,
        point: usize,
        mut disk: impl Disk,
    ) -> Result<Toll> {
        let unsafe_writes = self.unsafe_at(point)?;
        let toll = Toll {
            unsafe_writes: unsafe_writes.len(),
            lost: unsafe_writes.iter().filter(|number| lost.contains(number)).count(),
        };
        let rest = (self.safe_until(point)..point).filter(|number| !lost.contains(number));
        for number in rest {
            self.replay(number, number + 1, Borrowed(&mut disk))?;
        }
        Ok(toll)
    }

    fn carry_out(&self, entry: Entry, disk: &mut impl Disk) -> Result<()> {
        match entry {
            Entry::Write { place, data, .. } => self.copy(data, disk, place),
            Entry::Discard(place) => disk.forget(place),
            Entry::Flush | Entry::Mark => Ok(()),
        }
    }

    /// Copies from a place of the log to a place of the disk, in whole sectors.
    fn copy(&self, at: u64, to: &mut impl Disk, Span { start, bytes }: Span) -> Result<()> {
        let mut buffer = vec![0; usize::try_from(bytes).map_or(PIECE_BYTES, |all| all.min(PIECE_BYTES))];
        let mut done = 0;
        while done < bytes {
            let count = usize::try_from(bytes - done).map_or(buffer.len(), |left| left.min(buffer.len()));
            let part = buffer.get_mut(..count).unwrap_or_default();
            self.file.read_exact_at(part, at + done)?;
            to.write(start + done, part)?;
            done += count as u64;
        }
        Ok(())
    }
}

/// A disk that is used once more.
pub(crate) struct Borrowed<'d, D>(pub(crate) &'d mut D);

impl<D: Disk> Disk for Borrowed<'_, D> {
    fn write(&mut self, start: u64, bytes: &[u8]) -> Result<()> {
        self.0.write(start, bytes)
    }

    fn forget(&mut self, span: Span) -> Result<()> {
        self.0.forget(span)
    }
}

/// The number of entries, and the size of a sector.
fn read_header(file: &File) -> Result<(u64, u32)> {
    let mut header = [0; HEADER_BYTES];
    file.read_exact_at(&mut header, 0).context("no whole header")?;
    let mut rest = &header[..];
    let (magic, version, count) = (number(&mut rest)?, number(&mut rest)?, number(&mut rest)?);
    ensure!(magic == MAGIC && version == VERSION, "no log of writes: {magic:x}, version {version}");
    let mut sector_bytes = [0; 4];
    rest.read_exact(&mut sector_bytes)?;
    let sector_bytes = u32::from_le_bytes(sector_bytes);
    ensure!(SECTOR_BYTES.contains(&sector_bytes), "sectors of {sector_bytes} bytes");
    Ok((count, sector_bytes))
}

/// The entry at a place of the log, and where the next one is.
fn read_entry(file: &File, at: u64, sector_bytes: u64) -> Result<(Entry, u64)> {
    let mut entry = [0; ENTRY_BYTES];
    file.read_exact_at(&mut entry, at).context("no whole entry")?;
    let mut rest = &entry[..];
    let (sector, sectors, flags) = (number(&mut rest)?, number(&mut rest)?, number(&mut rest)?);
    let mark_bytes = number(&mut rest)?;
    ensure!(flags & !(FLUSH | FUA | DISCARD | MARK) == 0, "flags {flags:x}");
    let bytes_of = |sectors: u64| sectors.checked_mul(sector_bytes).context("more than a disk has");
    let (start, bytes) = (bytes_of(sector)?, bytes_of(sectors)?);
    let place = Span { start, bytes };
    let data = at + sector_bytes;
    let behind = |bytes: u64| data.checked_add(bytes).context("more than a disk has");
    Ok(if flags & MARK != 0 {
        let padded = mark_bytes.checked_next_multiple_of(sector_bytes).context("too long a mark")?;
        (Entry::Mark, behind(padded)?)
    } else if flags & FLUSH != 0 {
        // The kernel's target writes such entries, QEMU does not.
        ensure!(bytes == 0, "a flush with data");
        (Entry::Flush, data)
    } else if flags & DISCARD != 0 {
        (Entry::Discard(place), data)
    } else {
        (Entry::Write { place, data, is_safe: flags & FUA != 0 }, behind(bytes)?)
    })
}

fn number(bytes: &mut &[u8]) -> io::Result<u64> {
    let mut number = [0; 8];
    bytes.read_exact(&mut number)?;
    Ok(u64::from_le_bytes(number))
}

/// Makes zeros of bytes, which then take no room.
pub(crate) fn forget(disk: &File, Span { start, bytes }: Span) -> Result<()> {
    if bytes == 0 {
        return Ok(());
    }
    let how = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    Ok(fallocate(disk, how, start.try_into()?, bytes.try_into()?)?)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    const SECTOR: usize = 512;
    /// Sectors of the disk of these tests.
    const DISK_SECTORS: usize = 16;

    /// What a machine may do: its sectors have one letter each.
    #[derive(Clone, Debug)]
    pub(crate) enum Deed {
        Write { sector: usize, letters: Vec<u8>, is_safe: bool },
        Discard { sector: usize, sectors: usize },
        Flush,
    }

    /// The disk, by the letter of each sector, and what each sector may have after a cut: its letter at the last flush, or any since.
    struct Model {
        disk: [u8; DISK_SECTORS],
        possible: [BTreeSet<u8>; DISK_SECTORS],
    }

    impl Model {
        fn of(deeds: &[Deed]) -> Self {
            let mut model =
                Self { disk: [0; DISK_SECTORS], possible: [(); DISK_SECTORS].map(|()| [0].into()) };
            for deed in deeds {
                match deed {
                    Deed::Write { sector, letters, is_safe } => {
                        for (at, letter) in letters.iter().enumerate() {
                            model.set(sector + at, *letter, *is_safe);
                        }
                    }
                    Deed::Discard { sector, sectors } => {
                        for at in *sector..sector + sectors {
                            model.set(at, 0, false);
                        }
                    }
                    Deed::Flush => {
                        for (letters, letter) in model.possible.iter_mut().zip(model.disk) {
                            *letters = [letter].into();
                        }
                    }
                }
            }
            model
        }

        fn set(&mut self, sector: usize, letter: u8, is_safe: bool) {
            self.disk[sector] = letter;
            if is_safe {
                self.possible[sector].clear();
            }
            self.possible[sector].insert(letter);
        }
    }

    fn deed() -> impl Strategy<Value = Deed> {
        let span = (0..DISK_SECTORS - 4, 1..=4_usize);
        prop_oneof![
            4 => (0..DISK_SECTORS - 4, prop::collection::vec(1..=255_u8, 1..=4), prop::bool::weighted(0.2))
                .prop_map(|(sector, letters, is_safe)| Deed::Write { sector, letters, is_safe }),
            1 => span.prop_map(|(sector, sectors)| Deed::Discard { sector, sectors }),
            1 => Just(Deed::Flush),
        ]
    }

    fn entry(sector: usize, sectors: usize, flags: u64, mark_bytes: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = [sector as u64, sectors as u64, flags, mark_bytes as u64]
            .iter()
            .flat_map(|n| n.to_le_bytes())
            .collect();
        bytes.resize(SECTOR, 0);
        bytes
    }

    fn header(count: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> =
            [MAGIC, VERSION, count as u64].iter().flat_map(|n| n.to_le_bytes()).collect();
        bytes.extend(512_u32.to_le_bytes());
        bytes.resize(SECTOR, 0);
        bytes
    }

    fn write(deeds: &[Deed]) -> Vec<u8> {
        let mut log = header(deeds.len());
        for deed in deeds {
            match deed {
                Deed::Write { sector, letters, is_safe } => {
                    log.extend(entry(*sector, letters.len(), if *is_safe { FUA } else { 0 }, 0));
                    log.extend(letters.iter().flat_map(|letter| [*letter; SECTOR]));
                }
                Deed::Discard { sector, sectors } => log.extend(entry(*sector, *sectors, DISCARD, 0)),
                Deed::Flush => log.extend(entry(0, 0, FLUSH, 0)),
            }
        }
        log
    }

    fn open(bytes: &[u8]) -> Result<WriteLog> {
        let file = tempfile::NamedTempFile::new()?;
        fs::write(file.path(), bytes)?;
        WriteLog::open(file.path())
    }

    /// The log of a machine that did this.
    pub(crate) fn log_of(deeds: &[Deed]) -> WriteLog {
        open(&write(deeds)).unwrap()
    }

    fn disk() -> File {
        let disk = tempfile::tempfile().unwrap();
        disk.set_len((DISK_SECTORS * SECTOR) as u64).unwrap();
        disk
    }

    /// The letter of each sector.
    fn letters(disk: &File) -> Vec<u8> {
        let mut bytes = vec![0; DISK_SECTORS * SECTOR];
        disk.read_exact_at(&mut bytes, 0).unwrap();
        let sectors = bytes.chunks(SECTOR).map(|sector| {
            assert!(sector.iter().all(|byte| *byte == sector[0]), "a torn sector");
            sector[0]
        });
        sectors.collect()
    }

    proptest! {
        /// All of the log is the disk, in one go or in two.
        #[test]
        fn a_whole_log_is_the_disk(deeds in prop::collection::vec(deed(), 0..40), cut in 0..40_usize) {
            let log = open(&write(&deeds)).unwrap();
            prop_assert_eq!(log.len(), deeds.len());
            let (disk, cut) = (disk(), cut.min(log.len()));
            log.replay(0, cut, &disk).unwrap();
            prop_assert_eq!(letters(&disk), Model::of(&deeds[..cut]).disk);
            log.replay(cut, log.len(), &disk).unwrap();
            prop_assert_eq!(letters(&disk), Model::of(&deeds).disk);
        }

        /// After a cut each sector has what the last flush made safe, or something that was written to it since.
        #[test]
        fn a_cut_takes_nothing_that_was_safe(
            deeds in prop::collection::vec(deed(), 0..40),
            cut in 0..40_usize,
            seed: u64,
        ) {
            let log = open(&write(&deeds)).unwrap();
            let cut = cut.min(log.len());
            let after = || {
                let disk = disk();
                log.replay(0, log.safe_until(cut), &disk).unwrap();
                let lost = log.draw_lost(cut, seed).unwrap();
                let toll = log.replay_without(&lost, cut, &disk).unwrap();
                assert_eq!(toll.lost, lost.len());
                (letters(&disk), toll)
            };
            let (found, toll) = after();
            prop_assert_eq!(&(found.clone(), toll), &after(), "the same seed takes the same");
            prop_assert!(toll.lost <= toll.unsafe_writes);
            let model = Model::of(&deeds[..cut]);
            for (letter, possible) in found.iter().zip(&model.possible) {
                prop_assert!(possible.contains(letter), "{} is none of {:?}", letter, possible);
            }
            if toll.lost == 0 {
                prop_assert_eq!(found, model.disk);
            }
        }

        /// Where it ends too early, or anything is there, it is an error and no end of the program.
        #[test]
        fn a_log_that_ends_early_is_refused(deeds in prop::collection::vec(deed(), 1..10), cut: prop::sample::Index) {
            let bytes = write(&deeds);
            prop_assert!(open(&bytes[..cut.index(bytes.len())]).is_err());
        }

        #[test]
        fn any_bytes_end_in_a_result(bytes in prop::collection::vec(any::<u8>(), 0..2_048), count in 0..9_usize) {
            let _read = open(&bytes);
            let _read = open(&[header(count), bytes].concat());
        }
    }

    #[test]
    fn half_of_what_was_not_safe_is_lost() {
        let deeds: Vec<Deed> =
            (0..1_000).map(|_| Deed::Write { sector: 0, letters: vec![1], is_safe: false }).collect();
        let log = open(&write(&deeds)).unwrap();
        let toll = log.replay_without(&log.draw_lost(1_000, 7).unwrap(), 1_000, &disk()).unwrap();
        assert_eq!(toll.unsafe_writes, 1_000);
        assert!((400..600).contains(&toll.lost), "{toll:?}");
    }

    #[test]
    fn marks_are_passed_over_and_strange_flags_are_not() {
        let mark = [entry(0, 0, MARK, 5), b"begun".to_vec(), vec![0; SECTOR - 5]].concat();
        let written = [entry(3, 1, 0, 0), vec![9; SECTOR]].concat();
        let log = open(&[header(2), mark, written].concat()).unwrap();
        let disk = disk();
        log.replay(0, 2, &disk).unwrap();
        assert_eq!(letters(&disk)[3], 9);
        assert!(open(&[header(1), entry(0, 0, 16, 0)].concat()).is_err());
        assert!(open(&[header(1), entry(0, 1, FLUSH, 0), vec![1; SECTOR]].concat()).is_err());
        assert!(open(&[header(1), entry(usize::MAX, 1, DISCARD, 0)].concat()).is_err());
        assert!(log.replay(0, 3, &disk).is_err() && log.draw_lost(3, 0).is_err());
    }
}
