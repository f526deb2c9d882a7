//! Connections to workspaces that wait for the next request.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::SendRequest;
use model::DomainName;
use tokio::time::Instant;

use super::lines::Watched;

/// For how long a connection waits: a little less than the shortest time that servers keep one open (nginx 75 s, Apache 5 s,
/// Node 5 s); one that the server closed at that moment is noticed, and another one is made.
const IDLE: Duration = Duration::from_secs(4);
/// Connections that wait, for one server: a page that loads has six to eight for each of some PCs.
const WAITING_OF_SERVER_MAX: usize = 16;
/// And for all.
const WAITING_MAX: usize = 32;

/// What goes to a server.
pub(super) type UpBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// A connection to a server, ready for a request.
pub(super) struct Line {
    pub(super) sender: SendRequest<UpBody>,
    pub(super) peer: Option<SocketAddr>,
}

/// The connections that wait, by the server that they lead to.
#[derive(Default)]
pub(super) struct Pool(Mutex<HashMap<DomainName, Vec<(Line, Instant)>>>);

impl Pool {
    /// A connection that waits, the last that came first: it is the least likely to be closed.
    pub(super) fn take(&self, server: &DomainName) -> Option<Line> {
        let mut waiting = self.lock();
        let lines = waiting.get_mut(server)?;
        while let Some((line, since)) = lines.pop() {
            if since.elapsed() < IDLE && !line.sender.is_closed() {
                return Some(line);
            }
        }
        waiting.remove(server);
        None
    }

    /// Gives a connection back whose response is over.
    pub(super) fn give(&self, server: DomainName, line: Line) {
        let mut waiting = self.lock();
        for lines in waiting.values_mut() {
            lines.retain(|(line, since)| since.elapsed() < IDLE && !line.sender.is_closed());
        }
        waiting.retain(|_, lines| !lines.is_empty());
        let all: usize = waiting.values().map(Vec::len).sum();
        let lines = waiting.entry(server).or_default();
        if all < WAITING_MAX && lines.len() < WAITING_OF_SERVER_MAX && !line.sender.is_closed() {
            lines.push((line, Instant::now()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DomainName, Vec<(Line, Instant)>>> {
        // Lines come and go whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A response's body, which gives its connection back when it is over.
pub(super) struct Answer {
    inner: Incoming,
    lease: Option<Lease>,
    /// What comes is a sign of life.
    watched: Arc<Watched>,
}

/// A connection in use.
pub(super) struct Lease {
    pub(super) pool: Arc<Pool>,
    pub(super) server: DomainName,
    pub(super) line: Line,
}

impl Answer {
    /// `lease` is `None` where nothing may follow on the connection.
    pub(super) fn new(inner: Incoming, lease: Option<Lease>, watched: Arc<Watched>) -> Self {
        let mut answer = Self { inner, lease, watched };
        answer.settle();
        answer
    }

    fn settle(&mut self) {
        if self.inner.is_end_stream() {
            self.end();
        }
    }

    fn end(&mut self) {
        if let Some(Lease { pool, server, line }) = self.lease.take() {
            pool.give(server, line);
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(_)) = &frame {
            self.watched.hear();
        }
        match &frame {
            Some(Err(_)) => self.lease = None,
            Some(Ok(frame)) if frame.is_trailers() => self.end(),
            Some(Ok(_)) => self.settle(),
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
