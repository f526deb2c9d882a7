//! What comes with a request, on its way to the workspace.
//!
//! An upload of files passes while it comes. What was typed beside them is read meanwhile, so that it can be given back where the line
//! breaks half-way; the rest is then taken back, and read to its end.
//!
//! Invariant: of an upload no more than what was typed is in memory, and of what passes one frame.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use seats::Share;
use tokio::time::timeout;

use super::turnstile::{Turn, Turnstile};
use super::typed::{Fields, read_parts};
use crate::http::discard;

/// For the rest of an upload to come, over the school's own network.
const REST_WAIT: Duration = Duration::from_secs(20);
/// Uploads that are read for what was typed at once, at most: a class that hands its work in. What was typed in others is not shown again.
const UPLOADS_MAX: usize = 32;
/// Of these, so many of one device, and of all that are not registered together: a page of hers sends some files at once. Whoever holds
/// uploads open without end holds no more.
const UPLOADS_OF_ONE_MAX: usize = 4;
/// Bytes of an upload that bring neither a field nor a piece of one, at most: all of them are in memory, and are searched anew with
/// each frame.
const GAP_BYTES_MAX: usize = 128 * 1024;
/// A frame counts as so many of them at least: a browser fills its frames.
const FRAME_BYTES_MIN: usize = 1024;

/// What comes with a request: as it comes, or a form that has come.
pub(super) type Upload = Either<Passing, Full<Bytes>>;
/// Why a body breaks off.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A body on its way.
pub(super) struct Passing(Arc<Mutex<State>>);

/// Whoever may take it back.
pub(super) struct Hold(Arc<Mutex<State>>);

struct State {
    /// `None` once it was taken back.
    body: Option<Incoming>,
    reading: Option<Reading>,
    has_begun: bool,
    is_over: bool,
}

/// How far a body has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Nothing of it has.
    Unbegun,
    /// A part of it: nobody has all of it.
    Half,
    /// All of it, or there was nothing.
    Over,
}

/// The places of uploads that are read.
pub(super) fn readers() -> Turnstile<Share> {
    Turnstile::new(UPLOADS_MAX, UPLOADS_OF_ONE_MAX)
}

/// Has a body pass, which is read for what was typed where `reading` is there.
pub(super) fn pass(body: Incoming, reading: Option<Reading>) -> (Passing, Hold) {
    let is_over = body.is_end_stream();
    let state = Arc::new(Mutex::new(State { body: Some(body), reading, has_begun: false, is_over }));
    (Passing(Arc::clone(&state)), Hold(state))
}

impl Hold {
    pub(super) fn way(&self) -> Way {
        let state = lock(&self.0);
        match (state.is_over, state.has_begun) {
            (true, _) => Way::Over,
            (false, true) => Way::Half,
            (false, false) => Way::Unbegun,
        }
    }

    /// Takes it back, and reads the rest, within limits: a client that still sends would not hear the answer. Returns what was
    /// typed, where that was read.
    pub(super) async fn take_back(&self) -> Option<Fields> {
        let (body, mut reading) = {
            let mut state = lock(&self.0);
            (state.body.take()?, state.reading.take())
        };
        let body = match &mut reading {
            Some(reading) => timeout(REST_WAIT, reading.take_rest(body)).await.ok(),
            None => Some(body),
        };
        if let Some(body) = body {
            discard(body).await;
        }
        reading?.end()
    }
}

impl Body for Passing {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let mut state = lock(&self.0);
        let Some(body) = &mut state.body else {
            return Poll::Ready(Some(Err("what was sent was taken back".into())));
        };
        let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
        let is_over = frame.is_none() || body.is_end_stream();
        if let Some(Ok(frame)) = &frame
            && let (Some(bytes), Some(reading)) = (frame.data_ref(), &mut state.reading)
        {
            reading.take_in(bytes.clone());
        }
        state.has_begun = true;
        state.is_over |= is_over;
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.0).body.as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.0).body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Each step of it is whole.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads an upload while it passes, for what was typed beside its files.
pub(super) struct Reading {
    desk: Arc<Desk>,
    /// `None` once it has come to an end.
    parts: Option<Pin<Box<dyn Future<Output = Option<Fields>> + Send>>>,
    fields: Option<Fields>,
    /// Its place among the uploads that are read.
    _place: Turn<Share>,
}

/// What lies before the one who reads: the last frame, until it was looked at.
#[derive(Default)]
struct Desk {
    frame: Mutex<Option<Bytes>>,
    is_over: AtomicBool,
    /// What came since the last field, or piece of one.
    gap: AtomicUsize,
}

/// The desk, as a stream of frames.
struct Frames(Arc<Desk>);

impl Reading {
    /// Reads what this boundary parts.
    pub(super) fn new(boundary: String, place: Turn<Share>) -> Self {
        let desk = Arc::new(Desk::default());
        let frames = Frames(Arc::clone(&desk));
        let parts = Box::pin(async move {
            let desk = Arc::clone(&frames.0);
            read_parts(frames, &boundary, &desk.gap).await
        });
        Self { desk, parts: Some(parts), fields: None, _place: place }
    }

    fn take_in(&mut self, frame: Bytes) {
        if self.parts.is_some() {
            *self.desk.frame.lock().unwrap_or_else(PoisonError::into_inner) = Some(frame);
            self.go_on();
        }
    }

    /// Reads what is left of it, as long as there is something to be read; gives the rest back.
    async fn take_rest(&mut self, mut body: Incoming) -> Incoming {
        while self.parts.is_some()
            && let Some(Ok(frame)) = body.frame().await
        {
            if let Ok(bytes) = frame.into_data() {
                self.take_in(bytes);
            }
        }
        body
    }

    /// What was typed; `None` where the upload is not whole, no form, or more than is shown.
    fn end(mut self) -> Option<Fields> {
        self.desk.is_over.store(true, Ordering::Relaxed);
        self.go_on();
        self.fields
    }

    /// It waits for nothing but the desk: one look takes a frame, and goes as far as that leads.
    fn go_on(&mut self) {
        let Some(parts) = &mut self.parts else { return };
        if let Poll::Ready(fields) = parts.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            self.fields = fields;
            self.parts = None;
        }
    }
}

impl Stream for Frames {
    type Item = Result<Bytes, Failure>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self(desk) = &*self;
        if desk.gap.load(Ordering::Relaxed) > GAP_BYTES_MAX {
            return Poll::Ready(Some(Err("an upload without a field".into())));
        }
        match desk.frame.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(frame) => {
                desk.gap.fetch_add(frame.len().max(FRAME_BYTES_MIN), Ordering::Relaxed);
                Poll::Ready(Some(Ok(frame)))
            }
            None if desk.is_over.load(Ordering::Relaxed) => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use model::Mac;

    use super::super::typed::tests::part;
    use super::*;

    fn read(upload: &[u8]) -> (Option<Fields>, usize) {
        let place = Arc::new(readers()).enter(Share::Unknown).unwrap();
        let mut reading = Reading::new("b".to_owned(), place);
        let mut taken = 0;
        for frame in upload.chunks(10_000) {
            if reading.parts.is_some() {
                taken += frame.len();
            }
            reading.take_in(Bytes::copy_from_slice(frame));
        }
        (reading.end(), taken)
    }

    #[test]
    fn an_upload_is_read_as_long_as_it_brings_fields() {
        let file = part("name=\"fichier\"; filename=\"volcan.mp4\"", &vec![0; 1 << 20]);
        let upload = [file, part("name=\"titre\"", b"Le volcan"), b"--b--\r\n".to_vec()].concat();
        let (fields, _) = read(&upload);
        assert_eq!(fields.unwrap().typed, [("titre".to_owned(), "Le volcan".to_owned())]);
        // What is cut says nothing.
        assert_eq!(read(&upload[..upload.len() - 20]).0, None);
        // Nothing parts it: most of it passes unread.
        let (fields, taken) = read(&vec![b'a'; 1 << 20]);
        assert!(fields.is_none() && taken < 2 * GAP_BYTES_MAX, "{taken}");
    }

    #[test]
    fn a_device_that_holds_uploads_open_leaves_a_class_its_places() {
        let readers = Arc::new(readers());
        let enter = |last| readers.enter(Share::Device(Mac::new([2, 0, 0, 0, 0, last])));
        let held: Vec<_> = (0..UPLOADS_MAX).map_while(|_| enter(0)).collect();
        assert_eq!(held.len(), UPLOADS_OF_ONE_MAX);
        // Made-up hardware addresses are one share.
        let made_up: Vec<_> = (0..UPLOADS_MAX).map_while(|_| readers.enter(Share::Unknown)).collect();
        assert_eq!(made_up.len(), UPLOADS_OF_ONE_MAX);
        let class: Vec<_> = (1..=24).filter_map(enter).collect();
        assert_eq!(class.len(), 24);
        assert!(enter(25).is_none(), "all are taken");
        drop(held);
        assert!(enter(25).is_some());
    }
}
