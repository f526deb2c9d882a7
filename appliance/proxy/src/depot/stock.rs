//! All that is kept.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use access::Clock;
use cache::{Kept, Key, Shelf, Stored, Validity};
use model::{Mac, Timestamp};
use quick_cache::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep};

use super::body::Body;
use super::catalogue::{Catalogue, page_of};
use super::disk::{Disk, Found, file_bytes};
use super::entry::{Entry, Object, Succession};
use super::flight::Flights;
use super::larder::Larder;
use super::ledgers::Ledgers;
use super::posted::{Changes, Moment};
use super::servers::KnownServers;
use crate::pages::KeptPage;

/// Keys that are in memory, with their files open, at most; others are read from the disk when they are asked for. Of the
/// descriptors that the process has it is a 32nd: the gate leaves an eighth to others.
const REMEMBERED_MAX: usize = 512;
const REMEMBERED_MIN: usize = 16;
const DESCRIPTOR_PART: usize = 32;
/// Keys that are known to bring nothing that can be shared, so that nobody waits for anybody.
const ALONE: usize = 4_096;
/// For how long that is believed: origins change their minds.
const ALONE_FOR: Duration = Duration::from_secs(60);
/// Files per key at least are a record and a body: each counts as so many bytes, so that what is small is bounded in number as
/// well: a share of 10 GiB has 160,000 of them at most.
pub(super) const OBJECT_BYTES_MIN: u64 = 64 * 1024;
/// The part of the share that one response may take.
const OBJECT_PART: u64 = 4;
/// Bodies on their way at once, at most: each may have a connection to the server, and the line is narrow. No more than half
/// of the keys that are in memory.
const FILLS_MAX: usize = 64;
/// Between two folders of the first walk: it is never in the way of a reader.
const WALK_PAUSE: Duration = Duration::from_millis(20);
/// Between two looks for what sessions may read no more.
const SWEEP_PAUSE: Duration = Duration::from_secs(6 * 60 * 60);

/// Where things are kept, and how much.
#[derive(Clone, Debug)]
pub struct DepotSettings {
    /// The folder, for the depot alone.
    pub folder: PathBuf,
    /// Bytes on the disk, at most.
    pub bytes_max: u64,
    /// Open files that the process may have.
    pub descriptors_max: usize,
}

/// What the box keeps of the workspaces.
pub struct Depot {
    pub(super) disk: Arc<Disk>,
    clock: Arc<dyn Clock>,
    shelf: Mutex<Shelf>,
    remembered: Cache<u128, Arc<Entry>>,
    /// Those of which something is on its way: they are in memory whatever else is.
    pub(super) arriving: Mutex<HashMap<u128, Arc<Entry>>>,
    reading: tokio::sync::Mutex<()>,
    pub(crate) flights: Arc<Flights>,
    /// Files that each has to be authorised for, by the hash of their key.
    pub(super) files: Cache<u128, Arc<Entry>>,
    pub(crate) ledgers: Ledgers,
    /// Where the servers were last reached.
    pub(crate) servers: KnownServers,
    catalogue: Arc<Catalogue>,
    /// What of it is read again and again.
    pub(crate) larder: Arc<Larder>,
    /// What was changed at the servers.
    pub(super) changes: Changes,
    alone: Cache<u128, Instant>,
    fills: Arc<Semaphore>,
    fills_max: usize,
    bytes_max: u64,
    next_body: AtomicU64,
}

/// A response that is about to come.
pub(crate) struct Arrival {
    pub(crate) entry: EntryHandle,
    pub(crate) object: Object,
    /// Its place among the bodies on their way.
    pub(crate) place: OwnedSemaphorePermit,
}

/// What is kept of one key, for others to hold.
#[derive(Clone)]
pub(crate) struct EntryHandle(pub(super) Arc<Entry>);

impl EntryHandle {
    pub(crate) fn objects(&self) -> Vec<Object> {
        self.0.objects()
    }

    /// The name of its file.
    pub(crate) fn name(&self) -> u128 {
        self.0.name
    }
}

impl Depot {
    /// Opens the folder, and makes it where there is none. What is in it is found as it is asked for.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(settings: &DepotSettings, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let remembered = (settings.descriptors_max / DESCRIPTOR_PART).clamp(REMEMBERED_MIN, REMEMBERED_MAX);
        let fills_max = (remembered / 2).min(FILLS_MAX);
        let started_ms = u64::try_from(clock.now().at.unix_ms()).unwrap_or_default();
        let disk = Arc::new(Disk::open(&settings.folder)?);
        Ok(Self {
            files: Cache::new(remembered),
            ledgers: Ledgers::open(disk.ledgers()),
            servers: KnownServers::open(&settings.folder),
            catalogue: Arc::default(),
            larder: Arc::default(),
            changes: Changes::default(),
            disk,
            clock,
            shelf: Mutex::new(Shelf::new(settings.bytes_max)),
            remembered: Cache::new(remembered),
            arriving: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            flights: Arc::default(),
            alone: Cache::new(ALONE),
            fills: Arc::new(Semaphore::new(fills_max)),
            fills_max,
            bytes_max: settings.bytes_max,
            // Never a number of an earlier start: a file of that number may still be there.
            next_body: AtomicU64::new(started_ms << 20),
        })
    }

    /// Finds out what is there, in order to know what has to leave, and clears away what a power cut left. Goes on beside
    /// everything else.
    pub(crate) fn begin_walk(self: &Arc<Self>) -> JoinHandle<()> {
        let depot = Arc::clone(self);
        let start = depot.system_time();
        tokio::spawn(async move {
            for first in 0..=u8::MAX {
                let (disk, catalogue) = (Arc::clone(&depot.disk), Arc::clone(&depot.catalogue));
                let walk = move || {
                    let mut found = Vec::new();
                    let weigh = |key: &Found| match key.secret_bytes {
                        0 => weight(&key.kept).saturating_add(weight(&key.parts)),
                        bytes => bytes.max(OBJECT_BYTES_MIN),
                    };
                    let tell = |key: Found| {
                        found.push((key.name, weigh(&key)));
                        note(&disk, &catalogue, key);
                    };
                    disk.walk(first, start, tell).map(|()| found)
                };
                match spawn_blocking(walk).await {
                    Ok(Ok(found)) => found.into_iter().for_each(|(name, weight)| depot.weigh(name, weight)),
                    Ok(Err(error)) => tracing::warn!(%error, "a folder of the ENT's cache cannot be read"),
                    Err(_) => return,
                }
                sleep(WALK_PAUSE).await;
            }
            loop {
                depot.ledgers.sweep(depot.system_time()).await;
                sleep(SWEEP_PAUSE).await;
            }
        })
    }

    pub(super) fn system_time(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(u64::try_from(self.now().unix_ms()).unwrap_or_default())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now().at
    }

    /// Pages and documents of a host that are here for everybody, the newest first.
    pub(crate) fn list_pages(&self, host: &str) -> Vec<KeptPage> {
        self.catalogue.list(host, |name| self.lock_shelf().is_pinned(name))
    }

    pub(crate) fn name(key: &Key) -> u128 {
        let hash = blake3::hash(key.as_str().as_bytes());
        hash.as_bytes().first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes))
    }

    /// What is kept of a key.
    pub(crate) async fn find(&self, key: &Key) -> Option<EntryHandle> {
        let name = Self::name(key);
        if let Some(entry) = self.recall(name) {
            self.lock_shelf().touch(name);
            return (entry.key == *key).then_some(EntryHandle(entry));
        }
        // One at a time: two readings of one record would be two entries.
        let _reading = self.reading.lock().await;
        if let Some(entry) = self.recall(name) {
            return (entry.key == *key).then_some(EntryHandle(entry));
        }
        let disk = Arc::clone(&self.disk);
        let (read, kept) = spawn_blocking(move || {
            let (whole, parts) = (disk.read(name), disk.read_parts(name));
            let key = whole.as_ref().or(parts.as_ref()).map(|(key, _)| key.clone())?;
            let [whole, parts] = [whole, parts].map(|read| read.map(|(_, kept)| kept).unwrap_or_default());
            // After a power cut what is whole may be told to be a part as well.
            let is_whole = |part: &Kept| whole.iter().any(|kept: &Kept| kept.body == part.body);
            let parts: Vec<Kept> = parts.into_iter().filter(|part| !is_whole(part)).collect();
            let whole = whole.into_iter().filter_map(|kept| open(&disk, name, kept));
            let parts = parts.into_iter().filter_map(|kept| open_part(&disk, name, kept));
            Some((key, whole.chain(parts).collect()))
        })
        .await
        .ok()??;
        let entry = Arc::new(Entry::new(name, read, kept));
        self.remembered.insert(name, Arc::clone(&entry));
        self.lock_shelf().touch(name);
        (entry.key == *key).then_some(EntryHandle(entry))
    }

    fn recall(&self, name: u128) -> Option<Arc<Entry>> {
        let arriving = self.arriving.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        arriving.or_else(|| self.remembered.get(&name))
    }

    /// Room for a response that is about to come. `None` where there is none: it is then passed on, and not kept.
    /// `asked`: when, where a change since then makes it invalid. `reader`: the device that wants it; `None` where the box does.
    pub(crate) async fn receive(
        &self,
        key: &Key,
        stored: Stored,
        length: Option<u64>,
        succession: Succession,
        asked: Option<Moment>,
        reader: Option<Mac>,
    ) -> Option<Arrival> {
        let name = Self::name(key);
        let place = self.take_place(length)?;
        let is_divisible = length.is_some() && is_divisible(&stored);
        let (disk, number) = (Arc::clone(&self.disk), self.next_body.fetch_add(1, Ordering::Relaxed));
        let created = spawn_blocking(move || disk.create(name, number, length)).await.ok()?;
        let file = created
            .inspect_err(|error| tracing::warn!(%error, "the ENT's cache has no room on the disk"))
            .ok()?;
        let body = Body::arriving(number, file, length, is_divisible);
        match reader {
            Some(device) => body.note_reader(device),
            None => body.note_shared(),
        }
        let object = Object { stored: Arc::new(stored), body };
        let found = self.find(key).await.map(|EntryHandle(entry)| entry);
        let (entry, replaced) = {
            let mut arriving = self.arriving.lock().unwrap_or_else(PoisonError::into_inner);
            // Two at once, an answer to POST and one to GET, are of one entry.
            let coming = || arriving.get(&name).filter(|entry| entry.key == *key).cloned();
            let entry = found.or_else(coming);
            let entry = entry.unwrap_or_else(|| Arc::new(Entry::new(name, key.clone(), vec![])));
            let replaced = entry.add(object.clone(), succession);
            arriving.insert(name, Arc::clone(&entry));
            (entry, replaced)
        };
        self.clear_away(&entry, &replaced);
        let object = match asked {
            Some(asked) => self.heed_changes(&entry, object, asked),
            None => object,
        };
        Some(Arrival { entry: EntryHandle(entry), object, place })
    }

    /// A place among the bodies on their way, for one of this length; `None` where it is too long, or too many are.
    pub(crate) fn take_place(&self, length: Option<u64>) -> Option<OwnedSemaphorePermit> {
        if length.is_some_and(|length| length > self.body_bytes_max()) {
            return None;
        }
        Arc::clone(&self.fills).try_acquire_owned().ok()
    }

    /// Bodies that may be on their way at once for one device: whoever opens much and reads it slowly, or not at all, leaves the class
    /// its film.
    pub(crate) fn fills_of_one_max(&self) -> usize {
        self.fills_max / 4 * 3
    }

    /// Bytes of all bodies, at most.
    pub(crate) fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// Bytes of one body, at most.
    pub(crate) fn body_bytes_max(&self) -> u64 {
        self.bytes_max / OBJECT_PART
    }

    /// A body has come whole, or never will.
    pub(crate) async fn finish(&self, EntryHandle(entry): &EntryHandle, object: &Object) {
        if entry.is_secret {
            return self.finish_file(entry, object).await;
        }
        if object.body.has_failed() {
            entry.remove(&object.body);
            self.clear_away(entry, std::slice::from_ref(object));
        }
        let is_whole = object.body.whole_length().is_some();
        let replaced = if is_whole { entry.settle(&object.body) } else { vec![] };
        self.write(entry).await;
        // The record names them no more.
        self.clear_away(entry, &replaced);
        let mut arriving = self.arriving.lock().unwrap_or_else(PoisonError::into_inner);
        if !entry.is_arriving() {
            arriving.remove(&entry.name);
            self.remembered.insert(entry.name, Arc::clone(entry));
        }
    }

    /// Gives a response another head, which the server has told when it was `asked`.
    pub(crate) async fn refresh(
        &self,
        EntryHandle(entry): &EntryHandle,
        object: &Object,
        stored: Stored,
        asked: Moment,
    ) -> Option<Object> {
        let updated = entry.update(object, stored).map(|object| self.heed_changes(entry, object, asked));
        self.write(entry).await;
        updated
    }

    /// Nothing of a key is worth more than this any more: it is not used without asking (RFC 9111 section 4.4).
    pub(crate) async fn invalidate(&self, key: &Key, validity: Validity) {
        if let Some(EntryHandle(entry)) = self.find(key).await {
            entry.update_all(|stored| stored.at_best(validity));
            self.write(&entry).await;
        }
    }

    /// Whether what comes for a key is known to be for nobody but the one who asks.
    pub(crate) fn is_alone(&self, name: u128) -> bool {
        self.alone.get(&name).is_some_and(|since| since.elapsed() < ALONE_FOR)
    }

    pub(crate) fn note_alone(&self, name: u128) {
        self.alone.insert(name, Instant::now());
    }

    pub(crate) fn note_shared(&self, name: u128) {
        self.alone.remove(&name);
    }

    pub(super) async fn write(&self, entry: &Arc<Entry>) {
        let (kept, parts) = (entry.kept(), entry.parts());
        let (disk, written) = (Arc::clone(&self.disk), Arc::clone(entry));
        let weight = weight(&kept).saturating_add(weight(&parts));
        let catalogue = Arc::clone(&self.catalogue);
        let writing = spawn_blocking(move || {
            let whole =
                written.objects().into_iter().rev().find(|object| object.body.whole_length().is_some());
            let page = whole.and_then(|object| {
                let known = catalogue.find_title(written.name, object.body.number());
                page_of(&written.key, &object.stored, &object.body, known)
            });
            catalogue.note(written.name, &written.key, page);
            match kept.as_slice() {
                [] if parts.is_empty() => disk.remove(written.name),
                [] => disk.remove_record(written.name),
                kept => disk.write(written.name, &written.key, kept)?,
            }
            disk.write_parts(written.name, &written.key, &parts)
        });
        match writing.await {
            Ok(Ok(())) if weight > 0 => self.weigh(entry.name, weight),
            Ok(Ok(())) => self.lock_shelf().remove(entry.name),
            // Without a record it is there until the next start.
            Ok(Err(error)) => tracing::warn!(%error, "a record of the ENT's cache cannot be written"),
            Err(error) => tracing::warn!(%error, "a record of the ENT's cache was not written"),
        }
    }

    /// Notes what a key weighs, and has others leave where that is too much.
    pub(super) fn weigh(&self, name: u128, weight: u64) {
        // What comes is not taken from under whoever brings it, nor what is noted at this moment.
        let mut busy: Vec<u128> =
            self.arriving.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
        if weight <= self.bytes_max {
            busy.push(name);
        }
        let evicted = self.lock_shelf().insert_beside(name, weight, &busy);
        if evicted.is_empty() {
            return;
        }
        for name in &evicted {
            self.remembered.remove(name);
        }
        self.catalogue.forget(&evicted);
        self.files.retain(|_, entry| !evicted.contains(&entry.name));
        let disk = Arc::clone(&self.disk);
        drop(spawn_blocking(move || evicted.into_iter().for_each(|name| disk.remove(name))));
    }

    /// Removes the files of responses that are no more of an entry. Who reads one reads it to its end.
    fn clear_away(&self, entry: &Entry, objects: &[Object]) {
        let (disk, name) = (Arc::clone(&self.disk), entry.name);
        let numbers = objects.iter().map(|object| object.body.number());
        let numbers: Vec<u64> = numbers.filter(|number| !entry.has(*number)).collect();
        drop(spawn_blocking(move || numbers.into_iter().for_each(|number| disk.remove_body(name, number))));
    }

    pub(super) fn lock_shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes what was found at the start, as long as there is room: then the box runs again as it did before.
fn note(disk: &Disk, catalogue: &Catalogue, found: Found) {
    let Found { name, key: Some(key), mut kept, .. } = found else { return };
    if !catalogue.is_full()
        && let Some(object) = kept.pop().and_then(|kept| open(disk, name, kept))
    {
        catalogue.note(name, &key, page_of(&key, &object.stored, &object.body, None));
    }
}

/// A response as it was kept; `None` where its body is not there.
fn open(disk: &Disk, name: u128, kept: Kept) -> Option<Object> {
    let Kept { stored, body, length } = kept;
    let file = disk.find(name, body, length)?;
    let is_divisible = is_divisible(&stored);
    let body = Body::whole(body, file, length, is_divisible);
    // Who has read it before is not known.
    body.note_shared();
    Some(Object { stored: Arc::new(stored), body })
}

/// The same of a response of which a part is there.
fn open_part(disk: &Disk, name: u128, part: Kept) -> Option<Object> {
    let Kept { stored, body, length } = part;
    let file = disk.find(name, body, length)?;
    let is_divisible = is_divisible(&stored);
    let body = Body::part(body, file, length, is_divisible);
    body.note_shared();
    Some(Object { stored: Arc::new(stored), body })
}

/// Whether more of the same bytes can be asked for.
pub(super) fn is_divisible(stored: &Stored) -> bool {
    let speaks_of_none = stored.headers.get("accept-ranges").is_some_and(|ranges| ranges == "none");
    !speaks_of_none && stored.validator().is_some_and(|known| known.is_strong())
}

fn weight(kept: &[Kept]) -> u64 {
    kept.iter().map(|kept| file_bytes(kept.length).max(OBJECT_BYTES_MIN)).sum()
}
