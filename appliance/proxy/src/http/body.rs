//! Bodies on their way through.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use model::End;
use tokio::time::timeout;

use crate::passage::Passage;
use crate::relay::Traffic;
use crate::seats::Seat;

/// Bytes of a refused request that are read and thrown away, so that the client hears the answer: most forms
/// fit. A longer upload is cut off.
const DISCARD_BYTES_MAX: usize = 256 * 1024;
/// For these bytes to arrive.
const DISCARD: Duration = Duration::from_secs(2);

/// A body that is counted while it passes.
pub(crate) struct Metered<B: Body<Data = Bytes> + Unpin = Incoming> {
    /// `None`: empty.
    inner: Option<B>,
    way: Direction,
    traffic: Arc<Traffic>,
    seat: Arc<Seat>,
    /// The access that ends with this body.
    passage: Option<Passage>,
}

#[derive(Clone, Copy)]
enum Direction {
    Up,
    Down,
}

impl<B: Body<Data = Bytes> + Unpin> Metered<B> {
    /// The body of a request; `None` for an empty one.
    pub(crate) fn up(inner: Option<B>, traffic: Arc<Traffic>, seat: Arc<Seat>) -> Self {
        Self { inner, way: Direction::Up, traffic, seat, passage: None }
    }

    /// The body of a response, with which its access ends.
    pub(crate) fn down(inner: B, traffic: Arc<Traffic>, seat: Arc<Seat>, passage: Option<Passage>) -> Self {
        Self { way: Direction::Down, inner: Some(inner), traffic, seat, passage }
    }

    /// Another such body, where there is nothing in this one.
    pub(super) fn duplicate_empty(&self) -> Option<Self> {
        self.is_end_stream().then(|| Self {
            inner: None,
            way: self.way,
            traffic: Arc::clone(&self.traffic),
            seat: Arc::clone(&self.seat),
            passage: None,
        })
    }

    fn count(&self, bytes: usize) {
        self.seat.pulse().beat();
        match self.way {
            Direction::Up => self.traffic.add_up(bytes),
            Direction::Down => self.traffic.add_down(bytes),
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Metered<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(inner).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) if frame.is_trailers() => self.inner = None,
            Some(Ok(frame)) => self.count(frame.data_ref().map_or(0, Buf::remaining)),
            Some(Err(_)) => {}
            None => self.inner = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B: Body<Data = Bytes> + Unpin> Drop for Metered<B> {
    fn drop(&mut self) {
        let is_whole = self.is_end_stream();
        if let Some(passage) = self.passage.as_mut().filter(|_| is_whole) {
            passage.end = Some(End::Finish);
        }
    }
}

/// Reads a body to its end, within limits.
pub(crate) async fn discard(mut body: Incoming) {
    let read = async {
        let mut bytes = 0;
        while let Some(Ok(frame)) = body.frame().await {
            bytes += frame.data_ref().map_or(0, Buf::remaining);
            if bytes > DISCARD_BYTES_MAX {
                break;
            }
        }
    };
    if timeout(DISCARD, read).await.is_err() {
        tracing::debug!("a refused request goes on sending");
    }
}
