//! Somebody who reads a body: a client, at its own pace.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cache::Span;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::body::{Body, Glance};
use super::larder::Larder;

/// For bytes that are on their way: a transfer that stalls is given up long before, and its readers with it.
const PATIENCE: Duration = Duration::from_secs(180);

/// Asks the server for bytes of a body that nobody has asked for.
pub(crate) trait Fetch: Send + Sync {
    /// Begins the transfer; it goes on whoever reads.
    fn fetch(&self, body: &Arc<Body>, span: Span);
}

/// Reads from one byte up to another.
pub(crate) struct Reader {
    body: Arc<Body>,
    at: u64,
    end: u64,
    /// How often the body was left for later before.
    pauses: u64,
    changes: watch::Receiver<()>,
    fetch: Arc<dyn Fetch>,
    larder: Arc<Larder>,
}

impl Reader {
    pub(crate) fn new(
        body: Arc<Body>,
        at: u64,
        end: u64,
        fetch: Arc<dyn Fetch>,
        larder: Arc<Larder>,
    ) -> Self {
        let (changes, pauses) = (body.changes(), body.pauses());
        Self { body, at, end, pauses, changes, fetch, larder }
    }

    /// The next bytes; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<io::Result<Bytes>> {
        loop {
            self.changes.mark_unchanged();
            let glance = self.body.glance(self.at, self.end);
            let is_left = self.body.pauses() != self.pauses;
            match glance {
                Glance::End => return None,
                // It was left for later meanwhile: whoever asks anew has it asked for.
                Glance::Fetch(_) | Glance::Wait if is_left => {
                    return Some(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                Glance::Failed => return Some(Err(io::ErrorKind::UnexpectedEof.into())),
                Glance::Bytes(bytes) => return Some(Ok(self.take(bytes))),
                Glance::Held(span) => match self.read(span).await {
                    Ok(bytes) => return Some(Ok(self.take(bytes))),
                    // It is forgotten, and asked for again.
                    Err(error) if error.kind() == io::ErrorKind::InvalidData => {}
                    Err(error) => return Some(Err(error)),
                },
                Glance::Fetch(span) => self.fetch.fetch(&self.body, span),
                Glance::Wait => match timeout(PATIENCE, self.changes.changed()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => return Some(Err(io::ErrorKind::TimedOut.into())),
                },
            }
        }
    }

    fn take(&mut self, bytes: Bytes) -> Bytes {
        self.at = self.at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        bytes
    }

    async fn read(&self, span: Span) -> io::Result<Bytes> {
        if let Some(bytes) = self.larder.find(&self.body, span) {
            return Ok(bytes);
        }
        // To wake a thread for the disk costs nearly as much as all the rest of an answer.
        let read = match self.body.read_at_once(span) {
            Some(read) => read,
            None => {
                let body = Arc::clone(&self.body);
                spawn_blocking(move || body.read(span)).await.map_err(io::Error::other)?
            }
        };
        read.inspect(|bytes| self.larder.note(&self.body, span, bytes))
    }
}
