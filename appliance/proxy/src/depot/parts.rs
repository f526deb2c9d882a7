//! What was left for later: what is prepared for a lesson, and was cut. What came of it stays, also when the box starts anew, and the
//! rest is asked for another time.
//!
//! Invariant: a part is gone on with under a strong validator alone, and is never told to be whole before each block of it has
//! its checksum.

use std::sync::{Arc, PoisonError};

use ::http::HeaderMap;
use tokio::task::spawn_blocking;

use super::entry::Object;
use super::stock::{Depot, EntryHandle};

impl EntryHandle {
    /// What was left for later of what such a request asks for.
    pub(crate) fn part(&self, request: &HeaderMap) -> Option<Object> {
        self.0.part(request)
    }
}

impl Depot {
    /// What comes of a response stays from now on, whatever becomes of the rest, where the rest can be asked for later.
    pub(crate) async fn keep_parts(&self, EntryHandle(entry): &EntryHandle, object: &Object) {
        if object.body.is_divisible() && object.body.length().is_some() {
            object.body.keep_parts();
            // Before the first byte: a power cut gives no notice.
            self.write(entry).await;
        }
    }

    /// What was left for later is about to come: its key is in memory until it has, and what is there of it is known.
    pub(crate) async fn take_up(&self, EntryHandle(entry): &EntryHandle, object: &Object) {
        self.arriving.lock().unwrap_or_else(PoisonError::into_inner).insert(entry.name, Arc::clone(entry));
        let body = Arc::clone(&object.body);
        // Where it is not known what is there, all of it is asked for.
        let _stock = spawn_blocking(move || body.take_stock()).await;
    }
}
