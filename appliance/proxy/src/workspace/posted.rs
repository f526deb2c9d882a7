//! The answer to a POST that says that it is what its URI stands for from then on (RFC 9110 section 9.3.3): it is kept for GETs of the
//! connection that posted, and of no other. A pupil's form may have anything in it, and a server may repeat it.
//!
//! Whoever posted gets it as any other answer. It is noted while it passes, and kept once all of it has.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use ::http::{Response, header};
use bytes::Bytes;
use cache::{Exchange, Key, Stored, TARGETS, content_length, judge_posted};
use hyper::body::{Body, Frame, SizeHint};
use model::{Mac, Timestamp};
use tokio::sync::OwnedSemaphorePermit;

use super::caching::Quest;
use super::exchange::{Flow, Reply};
use super::pool::Answer;
use crate::depot::{Change, Depot};
use crate::http::has_two_lengths;

/// Longest answer that is kept: it is in memory until all of it has come.
const BYTES_MAX: usize = 64 * 1024;

/// What is to be kept, once it is here.
pub(super) struct Posted {
    depot: Arc<Depot>,
    key: Key,
    stored: Stored,
    change: Change,
    /// The device that has posted.
    poster: Option<Mac>,
    /// As the server says it.
    length: Option<u64>,
    /// Its place among those that are noted.
    place: OwnedSemaphorePermit,
}

/// An answer that is noted while it passes.
struct Noted {
    inner: Flow,
    /// `None` once all of it is here, or it is known that it will not be.
    notes: Option<(Vec<u8>, Posted)>,
}

impl Quest<'_> {
    /// What is to be kept of an answer to a POST.
    pub(super) fn posted(
        &self,
        response: &Response<Answer>,
        requested: Timestamp,
        change: Change,
    ) -> Option<Posted> {
        let headers = response.headers();
        // A file that each has to be authorised for is another way, and nobody knows which of two lengths is right.
        if self.file.is_some() || has_two_lengths(headers) {
            return None;
        }
        let exchange = Exchange {
            method: self.method,
            request: self.headers,
            status: response.status(),
            response: headers,
            requested,
            received: self.now(),
        };
        let poster = self.connection.name_poster()?;
        let stored = judge_posted(&exchange, &self.key, &TARGETS, poster.as_bytes()).ok()?;
        let length = content_length(&stored.headers);
        // What ends with its connection may have been cut.
        let has_end = length.is_some() || headers.contains_key(header::TRANSFER_ENCODING);
        let fits = length.is_none_or(|length| usize::try_from(length).is_ok_and(|bytes| bytes <= BYTES_MAX));
        let place = self.depot.take_note_place().filter(|_| has_end && fits)?;
        let (depot, key) = (Arc::clone(&self.depot), self.key.clone());
        Some(Posted { depot, key, stored, change, poster: self.device, length, place })
    }
}

impl Posted {
    /// Notes an answer while it passes.
    pub(super) fn note(self, reply: Reply) -> Reply {
        reply.map(|inner| Flow::new(Noted { inner, notes: Some((Vec::new(), self)) }))
    }
}

impl Noted {
    fn take_in(&mut self, bytes: &[u8]) {
        let Some((noted, _)) = &mut self.notes else { return };
        if noted.len() + bytes.len() > BYTES_MAX {
            self.notes = None;
        } else {
            noted.extend_from_slice(bytes);
        }
    }

    /// All has passed.
    fn end(&mut self) {
        let Some((bytes, posted)) = self.notes.take() else { return };
        let is_whole = posted.length.is_none_or(|length| u64::try_from(bytes.len()) == Ok(length));
        if is_whole {
            // Whoever posted does not wait for the disk.
            tokio::spawn(async move {
                let Posted { depot, key, stored, change, poster, length: _, place } = posted;
                depot.keep_posted(&key, stored, &bytes, change, poster).await;
                drop(place);
            });
        }
    }
}

impl Body for Noted {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(bytes) = frame.data_ref() {
                    self.take_in(bytes);
                }
                // Who knows the length does not ask for what comes after the last byte.
                if self.inner.is_end_stream() {
                    self.end();
                }
            }
            Some(Err(_)) => self.notes = None,
            None => self.end(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
