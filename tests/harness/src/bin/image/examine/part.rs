//! A part of the disk as a file of its own, twice: as far as it is safe, and as a cut leaves it.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use nix::errno::Errno;
use nix::unistd::{Whence, lseek};

use super::volume::Key;
use crate::write_log::{Disk, Span, WriteLog, forget};

/// So much is compared and copied at once.
const PIECE_BYTES: usize = 1 << 20;
/// What is encrypted at once.
const SECTOR: u64 = 512;

/// Which writes are in a part: how many of those that are safe, and the numbers of the others. What has the same is the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct State {
    pub(crate) safe: usize,
    pub(crate) more: Vec<usize>,
}

/// The writes to an encrypted part, decrypted once for all.
pub(crate) struct Plain {
    file: File,
    span: Span,
    /// Where each entry's bytes are in the file, and in the part.
    places: BTreeMap<usize, (u64, Span)>,
}

impl Plain {
    /// Decrypts what the log has for that part of the disk.
    ///
    /// # Errors
    /// The log cannot be read, or this machine's disk is full.
    pub(crate) fn new(folder: &Path, log: &WriteLog, span: Span, key: &Key) -> Result<Self> {
        let file = tempfile::tempfile_in(folder)?;
        let (mut places, mut end) = (BTreeMap::new(), 0);
        for number in 0..log.len() {
            let Some(shared) = log.span(number).and_then(|all| all.shared(span)) else { continue };
            if log.is_write(number) {
                log.replay(
                    number,
                    number + 1,
                    Decrypted { file: &file, at: end, span: shared, base: span.start, key },
                )?;
                places.insert(number, (end, shared));
                end += shared.bytes;
            }
        }
        Ok(Self { file, span, places })
    }

    /// Carries out an entry on a file of the part.
    fn carry_out(&self, log: &WriteLog, number: usize, to: &File) -> Result<()> {
        let Some((at, shared)) = self.places.get(&number) else {
            return log.replay(number, number + 1, Window { file: to, span: self.span });
        };
        copy(&self.file, *at, to, Span { start: shared.start - self.span.start, bytes: shared.bytes })
    }
}

/// A file that takes the bytes of one write, decrypted, from a place on.
struct Decrypted<'d> {
    file: &'d File,
    at: u64,
    span: Span,
    /// Where the encrypted part begins: its sectors are counted from there.
    base: u64,
    key: &'d Key,
}

impl Disk for Decrypted<'_> {
    fn write(&mut self, start: u64, bytes: &[u8]) -> Result<()> {
        let Some((shared, bytes)) = within(self.span, start, bytes)? else { return Ok(()) };
        let mut bytes = bytes.to_vec();
        self.key.decrypt((shared.start - self.base) / SECTOR, &mut bytes);
        Ok(self.file.write_all_at(&bytes, self.at + shared.start - self.span.start)?)
    }

    fn forget(&mut self, _span: Span) -> Result<()> {
        Ok(())
    }
}

/// The part.
pub(crate) struct Part<'p> {
    span: Span,
    plain: Option<&'p Plain>,
    safe: File,
    safe_path: PathBuf,
    cut: File,
    cut_path: PathBuf,
    changes: usize,
}

impl<'p> Part<'p> {
    /// As the image has it; what is behind the image's end is empty. What is encrypted is kept decrypted: what is discarded there is
    /// zeros, which on the disk would be noise.
    ///
    /// # Errors
    /// The image cannot be read, or this machine's disk is full.
    pub(crate) fn new(
        folder: &Path,
        name: &str,
        image: &File,
        span: Span,
        plain: Option<&'p Plain>,
    ) -> Result<Self> {
        let [safe_path, cut_path] = ["safe", "cut"].map(|state| folder.join(format!("{name}.{state}")));
        let open = |path| -> Result<File> {
            let file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
            file.set_len(span.bytes)?;
            Ok(file)
        };
        let (safe, cut) = (open(&safe_path)?, open(&cut_path)?);
        if plain.is_none() {
            for data in used(image, span)? {
                let place = Span { start: data.start - span.start, bytes: data.bytes };
                copy(image, data.start, &safe, place)?;
                copy(image, data.start, &cut, place)?;
            }
        }
        Ok(Self { span, plain, safe, safe_path, cut, cut_path, changes: 0 })
    }

    pub(crate) fn span(&self) -> Span {
        self.span
    }

    /// The file with what is safe.
    pub(crate) fn safe(&self) -> &Path {
        &self.safe_path
    }

    /// How many of the writes that are safe went to it.
    pub(crate) fn changes(&self) -> usize {
        self.changes
    }

    /// Whether an entry changes anything of it.
    pub(crate) fn is_touched(&self, log: &WriteLog, number: usize) -> bool {
        log.span(number).and_then(|span| span.shared(self.span)).is_some()
    }

    /// Carries out an entry for good.
    ///
    /// # Errors
    /// The log cannot be read, or this machine's disk is full.
    pub(crate) fn keep(&mut self, log: &WriteLog, number: usize) -> Result<()> {
        if self.is_touched(log, number) {
            self.changes += 1;
            for file in [&self.safe, &self.cut] {
                self.carry_out(log, number, file)?;
            }
        }
        Ok(())
    }

    /// The state of it with these entries.
    pub(crate) fn state(&self, log: &WriteLog, more: &[usize]) -> State {
        let more = more.iter().copied().filter(|number| self.is_touched(log, *number));
        State { safe: self.changes, more: more.collect() }
    }

    /// Looks at it with these entries. `look` tells which bytes of the file it has written, and that is undone.
    ///
    /// # Errors
    /// The log cannot be read, or this machine's disk is full; or what `look` says.
    pub(crate) fn look<T>(
        &self,
        log: &WriteLog,
        state: &State,
        look: impl FnOnce(&Path) -> Result<(T, Vec<Span>)>,
    ) -> Result<Result<T>> {
        for number in &state.more {
            self.carry_out(log, *number, &self.cut)?;
        }
        match look(&self.cut_path) {
            Ok((found, mut changed)) => {
                let shared = state.more.iter().filter_map(|number| log.span(*number)?.shared(self.span));
                changed.extend(shared.map(|span| Span { start: span.start - self.span.start, ..span }));
                self.restore(changed)?;
                Ok(Ok(found))
            }
            // It is not known how far it came.
            Err(wrong) => {
                self.restore(self.used()?)?;
                Ok(Err(wrong))
            }
        }
    }

    /// Looks whether the cut is what is safe, as it has to be between two looks.
    ///
    /// # Errors
    /// It is not, or cannot be read.
    pub(crate) fn check(&self) -> Result<()> {
        let changed = self.restore(self.used()?)?;
        ensure!(changed == 0, "{changed} pieces of {} were not undone", self.cut_path.display());
        Ok(())
    }

    /// Where it has anything.
    fn used(&self) -> Result<Vec<Span>> {
        let whole = Span { start: 0, bytes: self.span.bytes };
        Ok([used(&self.safe, whole)?, used(&self.cut, whole)?].concat())
    }

    fn carry_out(&self, log: &WriteLog, number: usize, to: &File) -> Result<()> {
        match self.plain {
            Some(plain) => plain.carry_out(log, number, to),
            None => log.replay(number, number + 1, Window { file: to, span: self.span }),
        }
    }

    /// Makes the cut what is safe, in these places. What is alike is not written; says how many pieces were not.
    fn restore(&self, mut spans: Vec<Span>) -> Result<usize> {
        spans.sort_unstable();
        let (mut done, mut changed) = (0, 0);
        let (mut one, mut other) = (vec![0; PIECE_BYTES], vec![0; PIECE_BYTES]);
        for span in spans {
            done = done.max(span.start);
            while done < span.end() {
                let count =
                    usize::try_from(span.end() - done).map_or(PIECE_BYTES, |all| all.min(PIECE_BYTES));
                let (one, other) = (one.get_mut(..count), other.get_mut(..count));
                let (one, other) = (one.context("a piece")?, other.context("a piece")?);
                self.safe.read_exact_at(one, done)?;
                self.cut.read_exact_at(other, done)?;
                if one != other {
                    self.cut.write_all_at(one, done)?;
                    changed += 1;
                }
                done += count as u64;
            }
        }
        Ok(changed)
    }
}

/// A part of the disk, to be written to as the disk is.
struct Window<'f> {
    file: &'f File,
    span: Span,
}

impl Disk for Window<'_> {
    fn write(&mut self, start: u64, bytes: &[u8]) -> Result<()> {
        let Some((shared, bytes)) = within(self.span, start, bytes)? else { return Ok(()) };
        Ok(self.file.write_all_at(bytes, shared.start - self.span.start)?)
    }

    fn forget(&mut self, span: Span) -> Result<()> {
        let Some(shared) = self.span.shared(span) else { return Ok(()) };
        forget(self.file, Span { start: shared.start - self.span.start, bytes: shared.bytes })
    }
}

/// The part of a write that is within a span.
fn within(span: Span, start: u64, bytes: &[u8]) -> Result<Option<(Span, &[u8])>> {
    let Some(shared) = span.shared(Span { start, bytes: bytes.len() as u64 }) else { return Ok(None) };
    let skipped = usize::try_from(shared.start - start)?;
    let count = usize::try_from(shared.bytes)?;
    Ok(Some((shared, bytes.get(skipped..skipped + count).context("a write within itself")?)))
}

/// Where a file has anything, within a span.
fn used(file: &File, span: Span) -> Result<Vec<Span>> {
    let end = span.end().min(file.metadata()?.len());
    let (mut at, mut spans) = (span.start, Vec::new());
    while at < end {
        let start = match lseek(file.as_fd(), at.try_into()?, Whence::SeekData) {
            Ok(start) => u64::try_from(start)?,
            // Nothing is behind it.
            Err(Errno::ENXIO) => break,
            Err(error) => return Err(error.into()),
        };
        let stop = u64::try_from(lseek(file.as_fd(), start.try_into()?, Whence::SeekHole)?)?.min(end);
        if start < stop {
            spans.push(Span { start, bytes: stop - start });
        }
        at = stop.max(start);
        if start >= end {
            break;
        }
    }
    Ok(spans)
}

/// Copies to a place of a file.
fn copy(from: &File, mut at: u64, to: &File, place: Span) -> Result<()> {
    let mut buffer = vec![0; PIECE_BYTES];
    let mut done = place.start;
    while done < place.end() {
        let count = usize::try_from(place.end() - done).map_or(PIECE_BYTES, |all| all.min(PIECE_BYTES));
        let part = buffer.get_mut(..count).context("a piece")?;
        from.read_exact_at(part, at)?;
        to.write_all_at(part, done)?;
        at += count as u64;
        done += count as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::write_log::tests::{Deed, log_of};

    #[test]
    fn a_look_leaves_what_is_safe() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        fs::write(&image, [1; 4 * 512]).unwrap();
        let write = |sector, letter| Deed::Write { sector, letters: vec![letter; 2], is_safe: false };
        let log = log_of(&[
            write(1, 7),
            Deed::Flush,
            write(3, 8),
            write(6, 9),
            Deed::Discard { sector: 2, sectors: 1 },
        ]);
        let span = Span { start: 2 * 512, bytes: 4 * 512 };
        let mut part = Part::new(folder.path(), "part", &File::open(image).unwrap(), span, None).unwrap();
        part.keep(&log, 0).unwrap();
        part.keep(&log, 3).unwrap();
        assert_eq!(part.changes(), 1, "the other write is behind it");
        let letters = |path: &Path| -> Vec<u8> {
            fs::read(path).unwrap().chunks(512).map(|sector| sector[0]).collect()
        };
        let state = part.state(&log, &[2, 3, 4]);
        assert_eq!(state, State { safe: 1, more: vec![2, 4] });
        let look = |more: &[usize]| {
            let look = |path: &Path| {
                let found = letters(path);
                File::options().write(true).open(path).unwrap().write_all_at(&[5; 512], 1_536).unwrap();
                Ok((found, vec![Span { start: 1_536, bytes: 512 }]))
            };
            let found = part.look(&log, &part.state(&log, more), look).unwrap().unwrap();
            part.check().unwrap();
            found
        };
        assert_eq!(look(&[2, 3, 4]), [0, 8, 8, 0]);
        assert_eq!(look(&[]), [7, 1, 0, 0], "what was done to the file is undone");
        assert_eq!(look(&[4]), [0, 1, 0, 0]);
        let fail = |path: &Path| -> Result<((), Vec<Span>)> {
            fs::write(path, [5; 2_048])?;
            anyhow::bail!("half-way")
        };
        assert!(part.look(&log, &part.state(&log, &[2]), fail).unwrap().is_err());
        part.check().unwrap();
        assert_eq!(letters(part.safe()), [7, 1, 0, 0]);
        File::options().write(true).open(&part.cut_path).unwrap().write_all_at(&[9], 0).unwrap();
        assert!(part.check().is_err(), "what nobody told of is noticed");
    }
}
