//! A disk in memory that fails as real ones do.
//!
//! What was not synced may be lost, wholly or from any byte on; after a failed sync, what was written before it
//! is never safe in that file again, whatever later syncs say.

use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Active, Floor, SegmentId, Source, Storage};

/// The disk; clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<State>>);

/// What goes wrong from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Space for this many bytes is left; `None` for no end.
    pub space_left: Option<u64>,
    /// Writes fail once this many more bytes are written.
    pub write_fails_after: Option<u64>,
    /// Syncs fail.
    pub sync_fails: bool,
    /// No segment can be created.
    pub create_fails: bool,
    /// No segment can be read.
    pub read_fails: bool,
    /// No segment can be ended or removed: what a failure leaves stays, as where the process is killed before it tidies up.
    pub tidy_fails: bool,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<SegmentId, File>,
    faults: Faults,
    floor: Floor,
}

#[derive(Clone, Debug, Default)]
struct File {
    bytes: Vec<u8>,
    reserved: u64,
    /// What survives a power cut.
    durable: usize,
    /// A sync has failed.
    is_spoilt: bool,
}

impl Disk {
    /// Sets what goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// Sets the highest numbers of what is kept elsewhere.
    pub fn set_floor(&self, floor: Floor) {
        self.lock().floor = floor;
    }

    /// Cuts the power: of what is not durable, `kept` bytes of each segment are left.
    pub fn cut_power(&self, kept: usize) {
        let mut state = self.lock();
        state.faults = Faults::default();
        for file in state.files.values_mut() {
            file.bytes.truncate(file.durable.saturating_add(kept));
            *file =
                File { durable: file.bytes.len(), bytes: std::mem::take(&mut file.bytes), ..File::default() };
        }
    }

    /// The bytes of a segment.
    #[must_use]
    pub fn bytes(&self, segment: SegmentId) -> Vec<u8> {
        self.lock().files.get(&segment).map(|file| file.bytes.clone()).unwrap_or_default()
    }

    /// Puts a segment with these bytes on the disk.
    pub fn put(&self, segment: SegmentId, bytes: Vec<u8>) {
        self.lock().files.insert(segment, File { durable: bytes.len(), bytes, ..File::default() });
    }

    /// Takes a segment away, as somebody does who removes its file.
    pub fn take_away(&self, segment: SegmentId) {
        self.lock().files.remove(&segment);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Disk {
    type Reader = Cursor<Vec<u8>>;

    fn list(&self) -> io::Result<Vec<SegmentId>> {
        Ok(self.lock().files.keys().copied().collect())
    }

    fn open(&self, segment: SegmentId) -> io::Result<Self::Reader> {
        let state = self.lock();
        if state.faults.read_fails {
            return Err(io::Error::other("simulated read failure"));
        }
        let file = state.files.get(&segment).ok_or(io::ErrorKind::NotFound)?;
        Ok(Cursor::new(file.bytes.clone()))
    }
}

impl Storage for Disk {
    type Active = ActiveFile;

    fn acquire(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn floor(&self) -> Floor {
        self.lock().floor
    }

    fn create(&mut self, segment: SegmentId) -> io::Result<ActiveFile> {
        let mut state = self.lock();
        if state.faults.create_fails {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        if state.files.contains_key(&segment) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.files.insert(segment, File::default());
        Ok(ActiveFile { disk: self.clone(), segment, written_bytes: 0 })
    }

    fn end(&mut self, segment: SegmentId) -> io::Result<()> {
        let mut state = self.lock();
        if state.faults.tidy_fails {
            return Err(io::Error::other("simulated failure to tidy up"));
        }
        let file = state.files.get_mut(&segment).ok_or(io::ErrorKind::NotFound)?;
        let freed = file.reserved.saturating_sub(file.bytes.len() as u64);
        file.reserved = 0;
        if !file.is_spoilt {
            file.durable = file.bytes.len();
        }
        state.faults.space_left = state.faults.space_left.map(|left| left + freed);
        Ok(())
    }

    fn remove(&mut self, segment: SegmentId) -> io::Result<()> {
        self.end(segment)?;
        self.lock().files.remove(&segment);
        Ok(())
    }
}

/// A segment of a [`Disk`] that is being written.
#[derive(Debug)]
pub struct ActiveFile {
    disk: Disk,
    segment: SegmentId,
    /// Up to where something was written, or tried.
    written_bytes: u64,
}

impl Active for ActiveFile {
    fn reserve(&mut self, offset: u64, bytes: u64) -> io::Result<()> {
        let mut state = self.disk.lock();
        let State { files, faults, .. } = &mut *state;
        let file = files.get_mut(&self.segment).ok_or(io::ErrorKind::NotFound)?;
        let held = file.reserved.max(file.bytes.len() as u64);
        take_space(faults, (offset + bytes).saturating_sub(held))?;
        file.reserved = file.reserved.max(offset + bytes);
        Ok(())
    }

    fn check_in_place(&self, bytes: u64) -> io::Result<()> {
        let state = self.disk.lock();
        let is_whole = state.files.get(&self.segment).is_some_and(|file| file.bytes.len() as u64 >= bytes);
        if is_whole { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(self.disk.lock().faults.space_left.unwrap_or(u64::MAX))
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if offset < self.written_bytes {
            return Err(io::Error::other("a place of a segment is written once"));
        }
        self.written_bytes = offset.saturating_add(bytes.len() as u64);
        let mut state = self.disk.lock();
        let State { files, faults, .. } = &mut *state;
        let file = files.get_mut(&self.segment).ok_or(io::ErrorKind::NotFound)?;
        let held = file.reserved.max(file.bytes.len() as u64);
        take_space(faults, (offset + bytes.len() as u64).saturating_sub(held))?;
        let allowed =
            faults.write_fails_after.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
        let written = bytes.get(..allowed).unwrap_or(bytes);
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start + written.len();
        file.bytes.resize(file.bytes.len().max(end), 0);
        file.bytes.get_mut(start..end).ok_or(io::ErrorKind::InvalidInput)?.copy_from_slice(written);
        faults.write_fails_after =
            faults.write_fails_after.map(|left| left.saturating_sub(written.len() as u64));
        if written.len() < bytes.len() { Err(io::Error::other("simulated write failure")) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.lock();
        let fails = state.faults.sync_fails;
        let file = state.files.get_mut(&self.segment).ok_or(io::ErrorKind::NotFound)?;
        if fails {
            file.is_spoilt = true;
            return Err(io::Error::other("simulated sync failure"));
        }
        if !file.is_spoilt {
            file.durable = file.bytes.len();
        }
        Ok(())
    }
}

fn take_space(faults: &mut Faults, bytes: u64) -> io::Result<()> {
    if let Some(left) = &mut faults.space_left {
        *left = left.checked_sub(bytes).ok_or(io::ErrorKind::StorageFull)?;
    }
    Ok(())
}
