//! Carrying bytes between two sockets until both have said all.
//!
//! Bytes move from socket to pipe to socket inside the kernel (splice(2)) and are never seen. An idle
//! connection holds no pipe: one is borrowed when bytes arrive and returned when they have left. When all are
//! lent, because many receivers are slow at once, a small buffer carries the bytes instead.

use std::io;
use std::net::Shutdown;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::pipe::{Lent, Pipes};
use crate::still::stand_still;

/// Pipefuls that a lane moves before the other one, and other connections, have their turn: 4 MiB.
const ROUNDS_MAX: usize = 16;
/// The buffer where no pipe is free: the largest TLS record fits.
const COPY_BYTES: usize = 17 * 1024;

/// Payload bytes of an access, counted while it goes on.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    up: AtomicU64,
    down: AtomicU64,
}

impl Traffic {
    /// Bytes from the client.
    pub(crate) fn up(&self) -> u64 {
        self.up.load(Ordering::Relaxed)
    }

    /// Bytes to the client.
    pub(crate) fn down(&self) -> u64 {
        self.down.load(Ordering::Relaxed)
    }

    pub(crate) fn add_up(&self, bytes: usize) {
        add(&self.up, bytes);
    }

    pub(crate) fn add_down(&self, bytes: usize) {
        add(&self.down, bytes);
    }

    fn total(&self) -> u64 {
        self.up().wrapping_add(self.down())
    }
}

fn add(counter: &AtomicU64, bytes: usize) {
    // usize has at most 64 bits on every machine that Linux runs on.
    counter.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// Carries bytes both ways until both sides have finished. A side that finishes is passed on as such
/// (half-close); the other may go on.
///
/// # Errors
/// When a side breaks off, or when nothing moves for `idle`: both connections should then be reset.
pub(crate) async fn relay(
    client: &TcpStream,
    server: &TcpStream,
    pipes: &Pipes,
    traffic: &Traffic,
    idle: Duration,
) -> io::Result<()> {
    let mut up = Lane::new(client, server, pipes, &traffic.up);
    let mut down = Lane::new(server, client, pipes, &traffic.down);
    let both = std::future::poll_fn(|cx| {
        let up = up.poll(cx)?;
        let down = down.poll(cx)?;
        if up.is_ready() && down.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    });
    tokio::select! {
        outcome = both => outcome,
        () = stand_still(|| traffic.total(), idle) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// One direction.
///
/// ```text
///   Open --end of stream--> Ended --all bytes out, FIN sent--> Closed
/// ```
struct Lane<'a> {
    from: &'a TcpStream,
    to: &'a TcpStream,
    pipes: &'a Pipes,
    moved: &'a AtomicU64,
    load: Load<'a>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Ended,
    Closed,
}

/// Bytes that have been taken from one socket and not yet given to the other.
enum Load<'a> {
    None,
    Piped(Lent<'a>),
    Copied { buffer: Vec<u8>, written: usize },
}

impl Load<'_> {
    fn is_empty(&self) -> bool {
        match self {
            Self::None => true,
            Self::Piped(pipe) => pipe.held() == 0,
            Self::Copied { buffer, written } => *written >= buffer.len(),
        }
    }
}

impl<'a> Lane<'a> {
    fn new(from: &'a TcpStream, to: &'a TcpStream, pipes: &'a Pipes, moved: &'a AtomicU64) -> Self {
        Self { from, to, pipes, moved, load: Load::None, stage: Stage::Open }
    }

    /// Moves what can be moved; ready once the lane is closed.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.stage == Stage::Closed {
            return Poll::Ready(Ok(()));
        }
        let outcome = self.move_rounds(cx);
        if self.load.is_empty() {
            self.load = Load::None;
        }
        outcome
    }

    fn move_rounds(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        for _ in 0..ROUNDS_MAX {
            ready!(self.unload(cx))?;
            if self.stage == Stage::Ended {
                // A peer that is gone has no use for a FIN; the other lane will notice.
                drop(SockRef::from(self.to).shutdown(Shutdown::Write));
                self.stage = Stage::Closed;
                return Poll::Ready(Ok(()));
            }
            ready!(self.load(cx))?;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes what has arrived. Readiness is remembered by tokio, so that waiting costs no system call.
    fn load(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.from.poll_read_ready(cx))?;
            match self.take_once() {
                Ok(0) => self.stage = Stage::Ended,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Poll::Ready(Err(error)),
            }
            return Poll::Ready(Ok(()));
        }
    }

    fn take_once(&mut self) -> io::Result<usize> {
        if !matches!(self.load, Load::Piped(_)) {
            self.load = match self.pipes.lend() {
                Some(pipe) => Load::Piped(pipe),
                None => Load::Copied { buffer: Vec::with_capacity(COPY_BYTES), written: 0 },
            };
        }
        match &mut self.load {
            Load::Piped(pipe) => self.from.try_io(Interest::READABLE, || pipe.fill(self.from)),
            Load::Copied { buffer, .. } => self.from.try_read_buf(buffer),
            Load::None => Ok(0),
        }
    }

    /// Gives on what is loaded, all of it.
    fn unload(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.load.is_empty() {
            ready!(self.to.poll_write_ready(cx))?;
            match self.give_once() {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(bytes) => add(self.moved, bytes),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn give_once(&mut self) -> io::Result<usize> {
        match &mut self.load {
            Load::Piped(pipe) => self.to.try_io(Interest::WRITABLE, || pipe.drain(self.to)),
            Load::Copied { buffer, written } => {
                let bytes = self.to.try_write(buffer.get(*written..).unwrap_or_default())?;
                *written = written.saturating_add(bytes);
                Ok(bytes)
            }
            Load::None => Ok(0),
        }
    }
}
