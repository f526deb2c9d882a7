//! An archive that is brought up to date by what changed, where the mirror publishes that: the commune's hub does, UT1 does not.
//!
//! Invariant: whatever is wrong with a difference, the archive comes whole, as from a mirror without any.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};

use blocklist::{ContentSum, DIFFERENCE_SHEET_BYTES_MAX, DifferenceSheet, SheetError, apply_difference};
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use memmap2::Mmap;
use tempfile::NamedTempFile;

use super::shelf::digits;
use super::{BUFFER_BYTES, FetchError, Fetched, Mirror, Origin, Shelf, Step};

/// What the sheet of an archive is called, after the archive.
pub(crate) const SHEET_EXTENSION: &str = ".differences";

/// Why there is no way by a difference.
#[derive(Debug, thiserror::Error)]
enum Detour {
    #[error("the mirror has no difference from what is here")]
    None,
    #[error("the difference does not lead to the mirror's list")]
    Elsewhere,
    #[error("nothing more comes of the difference")]
    Stuck,
    #[error("the sheet of differences is of another archive than the mirror's")]
    Other,
    #[error(transparent)]
    Sheet(#[from] SheetError),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Disk(#[from] io::Error),
}

impl Mirror {
    /// Brings the file on the shelf, which is whole, to the mirror's state by a difference. `None`: it has to come whole.
    ///
    /// # Errors
    /// [`FetchError`] where the line is the trouble: what has arrived is gone on with the next time.
    pub(super) fn follow(
        &self,
        shelf: &Shelf,
        kept: &Origin,
        report: &mut dyn FnMut(Step<'_>),
    ) -> Result<Option<Fetched>, FetchError> {
        let difference = shelf.of_difference();
        match self.try_to_follow(shelf, &difference, kept, report) {
            Ok(fetched) => Ok(Some(fetched)),
            Err(Detour::None) => Ok(None),
            Err(Detour::Fetch(error)) if error.is_passing() => Err(error),
            Err(error) => {
                tracing::warn!(%error, "{} comes whole", shelf.name());
                difference.abandon();
                Ok(None)
            }
        }
    }

    fn try_to_follow(
        &self,
        shelf: &Shelf,
        difference: &Shelf,
        kept: &Origin,
        report: &mut dyn FnMut(Step<'_>),
    ) -> Result<Fetched, Detour> {
        let sheet = self.read(&format!("{}{SHEET_EXTENSION}", shelf.name()), DIFFERENCE_SHEET_BYTES_MAX)?;
        let sheet = DifferenceSheet::parse(&sheet.ok_or(Detour::None)?)?;
        // A sheet that was left behind, when somebody put another archive in its place by hand.
        let published = self.checksums()?.and_then(|sums| sums.of(shelf.name()));
        if published.is_none_or(|sum| digits(sum) != sheet.md5()) {
            return Err(Detour::Other);
        }
        if kept.published() == Some(sheet.md5()) {
            return Ok(Fetched::Unchanged);
        }
        let mut old = shelf.scratch()?;
        let content = unpack(&File::open(shelf.file())?, self.limits.unpacked_bytes_max, old.as_file_mut())?;
        if sheet.is_of(content) {
            // The mirror has packed it anew.
            shelf.note_published(sheet.md5())?;
            return Ok(Fetched::Unchanged);
        }
        let file = sheet.file_from(content).ok_or(Detour::None)?;
        self.bring_difference(&self.url.file(file), difference, report)?;
        let new = self.apply(shelf, &old, &difference.arrived()?, &sheet)?;
        shelf.keep_packed(new, &self.url.file(shelf.name()), sheet.md5())?;
        difference.abandon();
        Ok(Fetched::New)
    }

    /// One that a line cuts goes on the next time; one of which nothing more came is not waited for.
    fn bring_difference(
        &self,
        url: &str,
        difference: &Shelf,
        report: &mut dyn FnMut(Step<'_>),
    ) -> Result<(), Detour> {
        let arrived = || difference.begun(url).map_or(0, |begun| begun.bytes);
        let before = arrived();
        match self.bring(url, difference, None, report) {
            Err(error) if error.is_passing() && before > 0 && arrived() <= before => Err(Detour::Stuck),
            outcome => Ok(outcome.map(drop)?),
        }
    }

    /// The mirror's archive, packed here.
    fn apply(
        &self,
        shelf: &Shelf,
        old: &NamedTempFile,
        difference: &File,
        sheet: &DifferenceSheet,
    ) -> Result<NamedTempFile, Detour> {
        let old = map(old.as_file())?;
        let mut packed = GzEncoder::new(shelf.scratch()?, Compression::fast());
        let difference = BufReader::new(difference);
        let content = apply_difference(&old, difference, self.limits.unpacked_bytes_max, &mut packed)?;
        if sheet.is_of(content) { Ok(packed.finish()?) } else { Err(Detour::Elsewhere) }
    }
}

/// Unpacks an archive of at most so many bytes, and tells what it is.
pub(crate) fn unpack(archive: &File, bytes_max: u64, out: &mut File) -> io::Result<ContentSum> {
    let mut unpacked = MultiGzDecoder::new(BufReader::new(archive)).take(bytes_max);
    let mut sum = blake3::Hasher::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = unpacked.read(&mut buffer)?;
        let Some(chunk) = buffer.get(..count).filter(|chunk| !chunk.is_empty()) else { break };
        sum.update(chunk);
        out.write_all(chunk)?;
    }
    if unpacked.limit() == 0 {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the archive unpacks to too much"));
    }
    Ok(sum.finalize())
}

/// Maps a file of this process's own.
pub(crate) fn map(file: &File) -> io::Result<Mmap> {
    #[expect(unsafe_code, reason = "nobody else has this file: it stays as it is")]
    // SAFETY: it is a temporary file of this process, which writes nothing more to it.
    unsafe {
        Mmap::map(file)
    }
}
