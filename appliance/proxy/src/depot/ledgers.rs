//! The ledgers of sessions, on the disk.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use cache::{Grant, Key, LEDGER_BYTES_MAX, Ledger, OFFLINE_DAYS_MAX, SessionKeys};
use model::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::task::spawn_blocking;

use super::disk::FILE_MODE;

/// Ledgers at once: some hundred pupils with a session or two a day, for some days. When there are more, a quarter leaves, the
/// oldest first.
const LEDGERS_MAX: usize = 4_096;
/// For how long what a session was granted is on the disk at most.
pub(super) const KEPT: Duration = Duration::from_secs(OFFLINE_DAYS_MAX as u64 * 24 * 60 * 60);
/// Bytes of a nonce.
const NONCE_BYTES: usize = 12;

/// The folder of the ledgers, which has nothing else in it.
pub(crate) struct Ledgers {
    folder: Arc<PathBuf>,
    /// One at a time: what two requests of a session are granted at once is in its ledger both.
    writing: tokio::sync::Mutex<()>,
    count: AtomicUsize,
}

impl Ledgers {
    /// Finds the folder.
    pub(super) fn open(folder: PathBuf) -> Self {
        let count = fs::read_dir(&folder).map_or(0, Iterator::count);
        Self {
            folder: Arc::new(folder),
            writing: tokio::sync::Mutex::default(),
            count: AtomicUsize::new(count),
        }
    }

    /// What a session was granted of a key.
    pub(crate) async fn find(&self, keys: &SessionKeys, key: &Key, now: Timestamp) -> Option<Grant> {
        let (folder, keys, key) = (Arc::clone(&self.folder), keys.clone(), key.clone());
        let reading = spawn_blocking(move || read(&folder, &keys)?.find(&key, now).cloned());
        reading.await.ok()?
    }

    /// Notes what a session is granted from now on. A disk that is full costs the session the reading without the line, and
    /// nothing else.
    pub(crate) async fn grant(&self, keys: &SessionKeys, grant: Grant, now: Timestamp, days: u32) {
        let _writing = self.writing.lock().await;
        if self.count.load(Ordering::Relaxed) >= LEDGERS_MAX {
            self.make_room().await;
        }
        let (folder, keys) = (Arc::clone(&self.folder), keys.clone());
        let granting = spawn_blocking(move || {
            let known = read(&folder, &keys);
            let is_new = known.is_none();
            let mut ledger = known.unwrap_or_default();
            if ledger.grant(grant, now, days) {
                write(&folder, &keys, &ledger)?;
                return Ok(is_new);
            }
            Ok(false)
        });
        match granting.await.map_err(io::Error::other).flatten() {
            Ok(true) => drop(self.count.fetch_add(1, Ordering::Relaxed)),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%error, "the ENT's cache cannot note what a session may read offline");
            }
        }
    }

    /// A session is over.
    pub(crate) async fn forget(&self, keys: &SessionKeys) {
        let _writing = self.writing.lock().await;
        let path = place(&self.folder, keys);
        if let Ok(Ok(())) = spawn_blocking(move || fs::remove_file(path)).await {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Removes what is over in any case. The box does not know the ends, which are in the ledgers.
    pub(super) async fn sweep(&self, now: SystemTime) {
        let _writing = self.writing.lock().await;
        let folder = Arc::clone(&self.folder);
        let is_over = move |modified: SystemTime| now.duration_since(modified).is_ok_and(|age| age > KEPT);
        let left = spawn_blocking(move || {
            let ledgers = by_age(&folder);
            let over: Vec<_> = ledgers.iter().filter(|(modified, _)| is_over(*modified)).collect();
            over.iter().for_each(|(_, path)| drop(fs::remove_file(path)));
            ledgers.len() - over.len()
        });
        if let Ok(left) = left.await {
            self.count.store(left, Ordering::Relaxed);
        }
    }

    async fn make_room(&self) {
        let folder = Arc::clone(&self.folder);
        let left = spawn_blocking(move || {
            let ledgers = by_age(&folder);
            let leaving = ledgers.len() / 4;
            ledgers.iter().take(leaving).for_each(|(_, path)| drop(fs::remove_file(path)));
            ledgers.len() - leaving
        });
        if let Ok(left) = left.await {
            self.count.store(left, Ordering::Relaxed);
        }
    }
}

/// The ledgers, the oldest first.
fn by_age(folder: &Path) -> Vec<(SystemTime, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut ledgers: Vec<_> =
        entries.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()))).collect();
    ledgers.sort();
    ledgers
}

fn read(folder: &Path, keys: &SessionKeys) -> Option<Ledger> {
    let path = place(folder, keys);
    let length = fs::metadata(&path).ok()?.len();
    let bytes =
        if usize::try_from(length).ok()? <= LEDGER_BYTES_MAX { fs::read(&path).ok()? } else { vec![] };
    let damage = |damage| {
        tracing::info!(%damage, "what a session was granted is thrown away");
        drop(fs::remove_file(&path));
    };
    Ledger::open(keys, &bytes).map_err(damage).ok()
}

/// Replaces a ledger in one step.
fn write(folder: &Path, keys: &SessionKeys, ledger: &Ledger) -> io::Result<()> {
    let mut nonce = [0; NONCE_BYTES];
    SystemRandom::new().fill(&mut nonce).map_err(|_| io::Error::other("the kernel gives no chance"))?;
    let bytes = ledger.seal(keys, nonce).ok_or_else(|| io::Error::other("it cannot be encrypted"))?;
    let path = place(folder, keys);
    let draft = path.with_extension("draft");
    drop(fs::remove_file(&draft));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(&draft)
        .and_then(|mut file| file.write_all(&bytes))
        .and_then(|()| fs::rename(&draft, &path));
    written.inspect_err(|_| drop(fs::remove_file(&draft)))
}

fn place(folder: &Path, keys: &SessionKeys) -> PathBuf {
    folder.join(format!("{:032x}.ledger", keys.name()))
}
