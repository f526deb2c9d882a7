//! The ledgers of sessions, on the disk.
//!
//! Invariant: what is granted to a session after its end is granted to nobody, and no device begins more ledgers than those who
//! sit at it can need: sessions can be made up.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use cache::{Grant, Key, LEDGER_BYTES_MAX, Ledger, LedgerDamage, OFFLINE_DAYS_MAX, SessionKeys};
use model::Timestamp;
use quick_cache::sync::Cache;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use super::disk::FILE_MODE;
use crate::seats::Client;

/// Ledgers at once: some hundred pupils with a session or two a day, for some days. When there are more, a quarter leaves, the
/// oldest first.
const LEDGERS_MAX: usize = 4_096;
/// New ledgers of one device between two sweeps: two classes that share it in a morning. Where the right to a file is in its
/// URI, a device can make sessions up: it pushes out nobody else's.
const NEW_LEDGERS_MAX: usize = 64;
/// Devices whose new ledgers are counted between two sweeps. When there are more, somebody makes them up, and those that come
/// then begin none.
const DEVICES_MAX: usize = 4_096;
/// Grants that are remembered, so that a ledger is not read with each request: some dozens of some hundred sessions.
const KNOWN_MAX: usize = 16_384;
/// Grants that wait for the end of their transfers, or for the disk, at once: as many as there are requests.
const UNDER_WAY_MAX: usize = 256;
/// For how long what a session was granted is on the disk at most.
pub(super) const KEPT: Duration = Duration::from_secs(OFFLINE_DAYS_MAX as u64 * 24 * 60 * 60);
/// Bytes of a nonce.
const NONCE_BYTES: usize = 12;

/// The folder of the ledgers, which has nothing else in it.
pub(crate) struct Ledgers {
    folder: Arc<PathBuf>,
    /// One at a time: what two requests of a session are granted at once is in its ledger both. How many ledgers each device
    /// has begun since the last sweep.
    writing: tokio::sync::Mutex<HashMap<Client, usize>>,
    count: AtomicUsize,
    /// The ledgers of sessions that are over: a transfer may outlast its session.
    ended: Cache<u128, ()>,
    /// Until when a file is granted, by the ledger and the file.
    known: Cache<(u128, u128), Timestamp>,
    under_way: Arc<Semaphore>,
}

impl Ledgers {
    /// Finds the folder.
    pub(super) fn open(folder: PathBuf) -> Self {
        let count = fs::read_dir(&folder).map_or(0, Iterator::count);
        Self {
            folder: Arc::new(folder),
            writing: tokio::sync::Mutex::default(),
            count: AtomicUsize::new(count),
            ended: Cache::new(LEDGERS_MAX),
            known: Cache::new(KNOWN_MAX),
            under_way: Arc::new(Semaphore::new(UNDER_WAY_MAX)),
        }
    }

    /// What a session was granted of a key.
    pub(crate) async fn find(&self, keys: &SessionKeys, key: &Key, now: Timestamp) -> Option<Grant> {
        self.read(keys).await?.find(key, now).cloned()
    }

    /// Whether a session is known to be granted a file for long enough that it need not be granted anew.
    pub(crate) fn is_granted(&self, keys: &SessionKeys, file: u128, now: Timestamp, days: u32) -> bool {
        self.known.get(&(keys.name(), file)).is_some_and(|until| Ledger::lasts(until, now, days))
    }

    /// A place among the grants that are under way; `None` where there are too many.
    pub(crate) fn take_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.under_way).try_acquire_owned().ok()
    }

    /// Notes what a session is granted from now on, at this device; whether there was something to note. A disk that is full
    /// costs the session the reading without the line, and nothing else.
    pub(crate) async fn grant(
        &self,
        keys: &SessionKeys,
        grant: Grant,
        client: Client,
        now: Timestamp,
        days: u32,
    ) -> bool {
        let mut begun = self.writing.lock().await;
        let (name, file) = (keys.name(), grant.file);
        if self.ended.get(&name).is_some() {
            return false;
        }
        let known = self.read(keys).await;
        let is_new = known.is_none();
        if is_new && !may_begin(&begun, client) {
            tracing::debug!("a device has begun so many ledgers that it begins no more for now");
            return false;
        }
        if is_new && self.count.load(Ordering::Relaxed) >= LEDGERS_MAX {
            self.make_room().await;
        }
        let mut ledger = known.unwrap_or_default();
        let is_news = ledger.grant(grant, now, days);
        if is_news && !self.write(keys, &ledger).await {
            self.known.remove(&(name, file));
            return false;
        }
        if is_new {
            *begun.entry(client).or_default() += 1;
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        if is_news {
            // Others may have left for it.
            self.known.retain(|(of, file), _| *of != name || ledger.until(*file).is_some());
        }
        if let Some(until) = ledger.until(file) {
            self.known.insert((name, file), until);
        }
        is_news
    }

    /// A session is over, for good.
    pub(crate) async fn forget(&self, keys: &SessionKeys) {
        let _writing = self.writing.lock().await;
        self.ended.insert(keys.name(), ());
        self.forget_known(keys);
        let path = place(&self.folder, keys);
        if let Ok(Ok(())) = spawn_blocking(move || fs::remove_file(path)).await {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Removes what is over in any case. The box does not know the ends, which are in the ledgers.
    pub(super) async fn sweep(&self, now: SystemTime) {
        let mut begun = self.writing.lock().await;
        begun.clear();
        let folder = Arc::clone(&self.folder);
        let is_over = move |modified: SystemTime| now.duration_since(modified).is_ok_and(|age| age > KEPT);
        let left = spawn_blocking(move || {
            let ledgers = by_age(&folder);
            let over: Vec<_> = ledgers.iter().filter(|(modified, _)| is_over(*modified)).collect();
            over.iter().for_each(|(_, path)| drop(fs::remove_file(path)));
            (ledgers.len() - over.len(), over.len())
        });
        if let Ok((left, gone)) = left.await {
            self.count.store(left, Ordering::Relaxed);
            if gone > 0 {
                self.known.clear();
            }
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
        self.known.clear();
    }

    async fn read(&self, keys: &SessionKeys) -> Option<Ledger> {
        let (folder, own) = (Arc::clone(&self.folder), keys.clone());
        match spawn_blocking(move || read(&folder, &own)).await.ok()? {
            Ok(ledger) => ledger,
            Err(damage) => {
                tracing::info!(%damage, "what a session was granted is thrown away");
                self.forget_known(keys);
                None
            }
        }
    }

    /// Writes a ledger; whether it is written.
    async fn write(&self, keys: &SessionKeys, ledger: &Ledger) -> bool {
        let (folder, keys, ledger) = (Arc::clone(&self.folder), keys.clone(), ledger.clone());
        let writing = spawn_blocking(move || write(&folder, &keys, &ledger));
        let written = writing.await.map_err(io::Error::other).flatten();
        if let Err(error) = &written {
            tracing::warn!(%error, "the ENT's cache cannot note what a session may read offline");
        }
        written.is_ok()
    }

    fn forget_known(&self, keys: &SessionKeys) {
        let name = keys.name();
        self.known.retain(|(of, _), _| *of != name);
    }
}

/// Whether a device may begin another ledger before the next sweep.
fn may_begin(begun: &HashMap<Client, usize>, client: Client) -> bool {
    match begun.get(&client) {
        Some(own) => *own < NEW_LEDGERS_MAX,
        None => begun.len() < DEVICES_MAX,
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

/// A session's ledger, where there is one. One that is damaged is removed.
fn read(folder: &Path, keys: &SessionKeys) -> Result<Option<Ledger>, LedgerDamage> {
    let path = place(folder, keys);
    let Ok(metadata) = fs::metadata(&path) else { return Ok(None) };
    let is_readable = usize::try_from(metadata.len()).is_ok_and(|length| length <= LEDGER_BYTES_MAX);
    let bytes = if is_readable { fs::read(&path) } else { Ok(vec![]) };
    let Ok(bytes) = bytes else { return Ok(None) };
    Ledger::open(keys, &bytes).map(Some).inspect_err(|_| drop(fs::remove_file(&path)))
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

#[cfg(test)]
pub(super) mod tests {
    use std::net::IpAddr;

    use ::http::{HeaderMap, Method, StatusCode};
    use cache::{Exchange, FileKey, KEY_BYTES, Stored, judge_file};

    use super::*;

    const DAYS: u32 = 7;
    const DAY_S: i64 = 24 * 60 * 60;

    /// The head of a file that each has to be authorised for.
    pub(in crate::depot) fn stored() -> Stored {
        let fields = [("content-type", "application/pdf"), ("etag", "\"a\""), ("content-length", "5")];
        let response: HeaderMap =
            fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let exchange = Exchange {
            method: &Method::GET,
            request: &HeaderMap::new(),
            status: StatusCode::OK,
            response: &response,
            requested: at(0),
            received: at(0),
        };
        judge_file(&exchange).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_795_942_800_000 + seconds * 1_000)
    }

    fn keys(secret: &str) -> SessionKeys {
        SessionKeys::derive("ent.test", secret.as_bytes()).unwrap()
    }

    fn device(number: u8) -> Client {
        Client::Address(IpAddr::from([10, 77, 0, number]))
    }

    fn key(file: u128) -> Key {
        Key::new("ent.test", &format!("/workspace/document/{file}")).unwrap()
    }

    /// Grants a session the file of that name at this second.
    async fn grant(ledgers: &Ledgers, secret: &str, device: Client, file: u128, now_s: i64) -> bool {
        let grant = Grant {
            key: key(file),
            stored: stored(),
            file,
            length: 5,
            file_key: FileKey::new([9; KEY_BYTES]),
            until: Ledger::end(at(now_s), DAYS),
        };
        ledgers.grant(&keys(secret), grant, device, at(now_s), DAYS).await
    }

    fn open() -> (tempfile::TempDir, Ledgers) {
        let folder = tempfile::tempdir().unwrap();
        let ledgers = Ledgers::open(folder.path().to_owned());
        (folder, ledgers)
    }

    /// When ledgers were written.
    fn written(folder: &tempfile::TempDir) -> Vec<SystemTime> {
        by_age(folder.path()).into_iter().map(|(modified, _)| modified).collect()
    }

    #[tokio::test]
    async fn a_transfer_that_outlasts_its_session_leaves_nothing_to_read() {
        let (folder, ledgers) = open();
        assert!(grant(&ledgers, "lina", device(1), 1, 0).await);
        ledgers.forget(&keys("lina")).await;
        assert!(!grant(&ledgers, "lina", device(1), 1, 1).await);
        assert!(ledgers.find(&keys("lina"), &key(1), at(2)).await.is_none());
        assert!(written(&folder).is_empty());
        // Her next session is another one.
        assert!(grant(&ledgers, "lina, again", device(1), 1, 3).await);
        assert!(ledgers.find(&keys("lina, again"), &key(1), at(4)).await.is_some());
    }

    #[tokio::test]
    async fn a_device_that_makes_sessions_up_pushes_out_no_other() {
        let (folder, ledgers) = open();
        assert!(grant(&ledgers, "lina", device(1), 1, 0).await);
        for number in 0..2 * NEW_LEDGERS_MAX {
            let is_granted = grant(&ledgers, &format!("made up {number}"), device(2), 1, 1).await;
            assert_eq!(is_granted, number < NEW_LEDGERS_MAX, "{number}");
        }
        assert_eq!(written(&folder).len(), 1 + NEW_LEDGERS_MAX);
        assert!(ledgers.find(&keys("lina"), &key(1), at(2)).await.is_some());
        // What stands goes on there, others begin theirs, and so does that device after the next sweep.
        assert!(grant(&ledgers, "made up 0", device(2), 2, 3).await);
        assert!(grant(&ledgers, "malo", device(1), 1, 3).await);
        ledgers.sweep(SystemTime::UNIX_EPOCH).await;
        assert!(grant(&ledgers, "made up later", device(2), 1, 4).await);
    }

    #[test]
    fn made_up_devices_do_not_pile_up() {
        let device = |number: u32| Client::Address(IpAddr::from(number.to_be_bytes()));
        let begun: HashMap<_, _> =
            (0..u32::try_from(DEVICES_MAX).unwrap()).map(|number| (device(number), 1)).collect();
        assert!(may_begin(&begun, device(0)) && !may_begin(&begun, device(u32::MAX)));
    }

    #[tokio::test]
    async fn what_is_granted_for_long_enough_is_not_granted_again() {
        let (folder, ledgers) = open();
        let is_granted = |file, now_s| ledgers.is_granted(&keys("lina"), file, at(now_s), DAYS);
        assert!(!is_granted(1, 0));
        assert!(grant(&ledgers, "lina", device(1), 1, 0).await);
        assert!(is_granted(1, 3 * DAY_S) && !is_granted(1, 4 * DAY_S) && !is_granted(2, 0));
        assert!(!ledgers.is_granted(&keys("malo"), 1, at(0), DAYS));
        // Known again from the disk.
        ledgers.known.clear();
        assert!(!grant(&ledgers, "lina", device(1), 1, 1).await && is_granted(1, 1));
        // What has to leave a ledger that is full is granted again.
        for file in 2..2 + u128::try_from(cache::GRANTS_MAX).unwrap() {
            assert!(grant(&ledgers, "lina", device(1), file, 2).await);
        }
        assert!(!is_granted(1, 2) && is_granted(2, 2));
        // A ledger that is gone says nothing.
        ledgers.sweep(written(&folder)[0] + 2 * KEPT).await;
        assert!(written(&folder).is_empty());
        assert!(!is_granted(2, 2));
        assert!(grant(&ledgers, "lina", device(1), 1, 3).await && is_granted(1, 3));
        ledgers.make_room().await;
        assert!(!is_granted(1, 3));
        assert!(grant(&ledgers, "malo", device(1), 1, 3).await);
        ledgers.forget(&keys("malo")).await;
        assert!(!ledgers.is_granted(&keys("malo"), 1, at(3), DAYS));
    }

    #[tokio::test]
    async fn a_ledger_that_is_damaged_or_not_written_is_not_believed() {
        let (folder, ledgers) = open();
        let is_granted = |now_s| ledgers.is_granted(&keys("lina"), 1, at(now_s), DAYS);
        assert!(grant(&ledgers, "lina", device(1), 1, 0).await);
        fs::write(place(folder.path(), &keys("lina")), b"damaged").unwrap();
        assert!(is_granted(1), "nobody has looked");
        assert!(ledgers.find(&keys("lina"), &key(1), at(1)).await.is_none());
        assert!(!is_granted(1));
        assert!(grant(&ledgers, "lina", device(1), 1, 2).await && is_granted(2));
        fs::remove_dir_all(folder.path()).unwrap();
        assert!(!grant(&ledgers, "lina", device(1), 1, 4 * DAY_S).await);
        assert!(!is_granted(2));
    }

    #[test]
    fn so_many_grants_are_under_way_and_no_more() {
        let (_folder, ledgers) = open();
        let places: Vec<_> = (0..UNDER_WAY_MAX).map(|_| ledgers.take_place().unwrap()).collect();
        assert!(ledgers.take_place().is_none());
        drop(places);
        assert!(ledgers.take_place().is_some());
    }
}
