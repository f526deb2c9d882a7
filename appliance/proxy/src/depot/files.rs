//! Files that each has to be authorised for: their bytes are on the disk, encrypted; their names and keys are in memory, and in
//! the ledgers of the sessions that were granted them.

use std::io;
use std::sync::Arc;

use cache::{FileKey, Grant, KEY_BYTES, Key, Sealing, Stored};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::task::spawn_blocking;

use super::body::Body;
use super::entry::{Entry, Object};
use super::stock::{Arrival, Depot, EntryHandle, OBJECT_BYTES_MIN, is_divisible};

impl Depot {
    /// The file that is kept under a key, or on its way.
    pub(crate) async fn find_file(&self, key: &Key) -> Option<(EntryHandle, Object)> {
        let entry = self.files.get(&Self::name(key)).filter(|entry| entry.key == *key)?;
        let Some(object) = entry.objects().pop() else {
            // It was damaged on the disk, or never came: what leads to it leads nowhere from now on.
            self.discard_file(&entry).await;
            return None;
        };
        self.lock_shelf().touch(entry.name);
        Some((EntryHandle(entry), object))
    }

    /// Room for a file that is about to come. `None` where there is none.
    pub(crate) async fn receive_file(&self, key: &Key, stored: Stored, length: u64) -> Option<Arrival> {
        let place = self.take_place(Some(length))?;
        let (name, file_key) = chance()?;
        let sealing = Sealing::Secret(file_key.clone());
        let (disk, bytes) = (Arc::clone(&self.disk), sealing.file_bytes(length));
        let created = spawn_blocking(move || disk.create_secret(name, bytes)).await.ok()?;
        let file = created
            .inspect_err(|error| tracing::warn!(%error, "the ENT's cache has no room on the disk"))
            .ok()?;
        let body = Body::arriving_secret(file, file_key, length, is_divisible(&stored));
        let object = Object { stored: Arc::new(stored), body };
        let entry = Arc::new(Entry::secret(name, key.clone(), object.clone()));
        // What it takes the place of stays on the disk: there are sessions that were granted that version.
        self.files.insert(Self::name(key), Arc::clone(&entry));
        Some(Arrival { entry: EntryHandle(entry), object, place })
    }

    /// The file that a session was granted, where it is there still.
    pub(crate) async fn open_granted(&self, grant: &Grant) -> Option<(EntryHandle, Object)> {
        if let Some((entry, object)) = self.find_file(&grant.key).await
            && entry.name() == grant.file
        {
            return Some((entry, object));
        }
        let (disk, name) = (Arc::clone(&self.disk), grant.file);
        let bytes = Sealing::Secret(grant.file_key.clone()).file_bytes(grant.length);
        let file = spawn_blocking(move || disk.find_secret(name, bytes)).await.ok()??;
        let body =
            Body::whole_secret(file, grant.file_key.clone(), grant.length, is_divisible(&grant.stored));
        let object = Object { stored: Arc::new(grant.stored.clone()), body };
        let entry = Arc::new(Entry::secret(grant.file, grant.key.clone(), object.clone()));
        if self.find_file(&grant.key).await.is_none() {
            self.files.insert(Self::name(&grant.key), Arc::clone(&entry));
        }
        Some((EntryHandle(entry), object))
    }

    /// A file was granted anew: it is there for as long as that lasts.
    pub(crate) async fn renew_file(&self, name: u128) {
        let (disk, now) = (Arc::clone(&self.disk), self.system_time());
        let renewing = spawn_blocking(move || disk.renew_secret(name, now));
        if let Err(error) = renewing.await.map_err(io::Error::other).flatten() {
            tracing::debug!(%error, "a file that is granted anew goes by when it was written");
        }
    }

    /// A file has come whole, or never will.
    pub(super) async fn finish_file(&self, entry: &Arc<Entry>, object: &Object) {
        if object.body.has_failed() {
            self.discard_file(entry).await;
        } else {
            let bytes = object.body.file_bytes();
            self.weigh(entry.name, bytes.max(OBJECT_BYTES_MIN));
        }
    }

    async fn discard_file(&self, entry: &Arc<Entry>) {
        self.files.retain(|_, known| !Arc::ptr_eq(known, entry));
        self.lock_shelf().remove(entry.name);
        let (disk, name) = (Arc::clone(&self.disk), entry.name);
        // Whether it is done or not, nobody has the key of it but in memory.
        let _outcome = spawn_blocking(move || disk.remove(name)).await;
    }
}

/// A name that tells nothing, and a key.
fn chance() -> Option<(u128, FileKey)> {
    let random = SystemRandom::new();
    let (mut name, mut key) = ([0; 16], [0; KEY_BYTES]);
    random.fill(&mut name).and_then(|()| random.fill(&mut key)).ok()?;
    Some((u128::from_be_bytes(name), FileKey::new(key)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use access::{Clock, Instant};
    use model::{ClockQuality, Timestamp};

    use super::super::ledgers::tests::stored;
    use super::*;
    use crate::depot::DepotSettings;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Instant {
            Instant { at: Timestamp::from_unix_ms(1_795_942_800_000), quality: ClockQuality::Synchronised }
        }
    }

    fn open(folder: &Path) -> Depot {
        let settings =
            DepotSettings { folder: folder.to_owned(), bytes_max: 64 << 20, descriptors_max: 1_024 };
        Depot::open(&settings, Arc::new(Still)).unwrap()
    }

    #[tokio::test]
    async fn a_file_that_is_given_up_weighs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let depot = open(folder.path());
        let key = Key::new("ent.test", "/workspace/document/1").unwrap();
        let arrival = depot.receive_file(&key, stored(), 5).await.unwrap();
        // It was whole, until a piece of it was damaged.
        depot.weigh(arrival.entry.name(), OBJECT_BYTES_MIN);
        assert_eq!(depot.lock_shelf().weight(), OBJECT_BYTES_MIN);
        arrival.object.body.fail();
        assert!(depot.find_file(&key).await.is_none());
        assert_eq!(depot.lock_shelf().weight(), 0);
    }
}
