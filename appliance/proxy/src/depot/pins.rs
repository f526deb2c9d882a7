//! What must be here on a day: it is pinned, and compared with what it should be.

use std::sync::Arc;

use cache::{Key, Sealing, Validity};
use tokio::task::spawn_blocking;

use super::entry::Object;
use super::stock::{Depot, EntryHandle, OBJECT_BYTES_MIN};

impl Depot {
    /// Has these stay, and nothing else: the first ones where they are too much.
    pub(crate) fn pin<'k>(&self, keys: impl Iterator<Item = &'k Key>) {
        self.lock_shelf().pin(keys.map(Self::name).collect());
    }

    /// Has this stay as well, until it is said anew what stays.
    pub(crate) fn pin_also(&self, key: &Key) {
        self.lock_shelf().pin_also(Self::name(key));
    }

    /// Whether this is to stay: somebody has had it prepared.
    pub(crate) fn is_pinned(&self, key: &Key) -> bool {
        self.lock_shelf().is_pinned(Self::name(key))
    }

    /// Whether something of a key may have been changed, and the server not asked since.
    pub(crate) async fn is_doubted(&self, key: &Key) -> bool {
        let objects = self.find(key).await.as_ref().map(EntryHandle::objects).unwrap_or_default();
        objects.iter().any(|object| object.stored.validity == Validity::Doubted)
    }

    /// Whether something of this length can be pinned beside the rest.
    pub(crate) fn has_room_to_pin(&self, key: &Key, length: u64) -> bool {
        let weight = Sealing::Checked.file_bytes(length).max(OBJECT_BYTES_MIN);
        self.lock_shelf().has_room_to_pin(Self::name(key), weight)
    }

    /// Whether what is kept has this digest (SHA-256), byte by byte as it is on the disk.
    pub(crate) async fn has_digest(&self, object: &Object, expected: [u8; 32]) -> bool {
        let body = Arc::clone(&object.body);
        let compared = spawn_blocking(move || body.has_digest(&expected)).await;
        compared.is_ok_and(|outcome| outcome.unwrap_or_default())
    }
}
