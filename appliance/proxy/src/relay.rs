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

use seats::Pulse;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::alert::Unfinished;
use crate::pipe::{Lent, Pipes};

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

/// One end of a carried connection.
pub(crate) struct Side {
    /// Its socket.
    pub(crate) stream: TcpStream,
    /// What was read from it earlier.
    pub(crate) said: Vec<u8>,
}

impl From<TcpStream> for Side {
    fn from(stream: TcpStream) -> Self {
        Self { stream, said: Vec::new() }
    }
}

/// Carries bytes both ways until both sides have finished. A side that finishes is passed on as such
/// (half-close); the other may go on. `pulse` beats for what moves.
///
/// Both connections are reset where this does not come to its end: dropped in the middle, too.
///
/// # Errors
/// When a side breaks off, or when nothing moves for `idle`.
pub(crate) async fn relay(
    client: Side,
    server: Side,
    pipes: &Pipes,
    traffic: &Traffic,
    pulse: &Pulse,
    idle: Duration,
) -> io::Result<()> {
    let unfinished = [Unfinished(&client.stream), Unfinished(&server.stream)];
    let mut up = Lane::new(&client.stream, &server.stream, client.said, pipes, &traffic.up);
    let mut down = Lane::new(&server.stream, &client.stream, server.said, pipes, &traffic.down);
    pulse.beat();
    let both = std::future::poll_fn(|cx| {
        let before = traffic.total();
        let (up, down) = (up.poll(cx)?, down.poll(cx)?);
        if traffic.total() != before {
            pulse.beat();
        }
        if up.is_ready() && down.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    });
    let outcome: io::Result<()> = tokio::select! {
        outcome = both => outcome,
        () = pulse.stop(idle) => Err(io::ErrorKind::TimedOut.into()),
    };
    outcome?;
    unfinished.into_iter().for_each(Unfinished::finish);
    Ok(())
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
    /// `said` is what was read of `from` earlier: it goes first.
    fn new(
        from: &'a TcpStream,
        to: &'a TcpStream,
        said: Vec<u8>,
        pipes: &'a Pipes,
        moved: &'a AtomicU64,
    ) -> Self {
        let load = Load::Copied { buffer: said, written: 0 };
        Self { from, to, pipes, moved, load, stage: Stage::Open }
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::time::{Instant, sleep};

    use super::*;

    /// Longer than any test takes.
    const LONG: Duration = Duration::from_secs(3600);

    /// Both ends of a connection: the gate's and the peer's.
    async fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (listener.accept().await.unwrap().0, peer)
    }

    async fn exchange(from: &mut TcpStream, to: &mut TcpStream) {
        from.write_all(b"x").await.unwrap();
        assert_eq!(to.read_u8().await.unwrap(), b'x');
    }

    #[tokio::test]
    async fn what_moves_either_way_is_a_sign_of_life() {
        let (client, mut pc) = connection().await;
        let (server, mut site) = connection().await;
        let (pipes, traffic, pulse) = (Pipes::new(2), Traffic::default(), Pulse::default());
        let carrying = relay(client.into(), server.into(), &pipes, &traffic, &pulse, LONG);
        let talking = async {
            for _ in 0..3 {
                expect_beat(&pulse, exchange(&mut pc, &mut site)).await;
                expect_beat(&pulse, exchange(&mut site, &mut pc)).await;
            }
        };
        tokio::select! {
            outcome = carrying => panic!("{outcome:?}"),
            () = talking => {}
        }
        assert_eq!((traffic.up(), traffic.down()), (3, 3));
    }

    async fn expect_beat(pulse: &Pulse, exchange: impl Future<Output = ()>) {
        // The pulse knows milliseconds.
        sleep(Duration::from_millis(2)).await;
        let before = Instant::now();
        exchange.await;
        // The byte may arrive a moment before the beat.
        while pulse.last() + Duration::from_millis(1) < before {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_was_said_earlier_comes_first_and_is_counted() {
        let (client, mut pc) = connection().await;
        let (server, mut site) = connection().await;
        let (pipes, traffic, pulse) = (Pipes::new(2), Traffic::default(), Pulse::default());
        let client = Side { stream: client, said: b"hello ".to_vec() };
        let server = Side { stream: server, said: b"good ".to_vec() };
        pc.write_all(b"world").await.unwrap();
        site.write_all(b"day").await.unwrap();
        pc.shutdown().await.unwrap();
        site.shutdown().await.unwrap();
        relay(client, server, &pipes, &traffic, &pulse, LONG).await.unwrap();
        let (mut down, mut up) = (String::new(), String::new());
        pc.read_to_string(&mut down).await.unwrap();
        site.read_to_string(&mut up).await.unwrap();
        assert_eq!((up.as_str(), down.as_str()), ("hello world", "good day"));
        assert_eq!((traffic.up(), traffic.down()), (11, 8));
    }

    #[tokio::test]
    async fn nobody_waits_for_a_side_that_takes_nothing() {
        let (client, mut pc) = connection().await;
        let (server, mut site) = connection().await;
        let (pipes, traffic, pulse) = (Pipes::new(2), Traffic::default(), Pulse::default());
        // More than the kernel's buffers take, of a side that is read by nobody.
        let client = Side { stream: client, said: vec![0; 64 << 20] };
        let outcome = relay(client, server.into(), &pipes, &traffic, &pulse, Duration::from_millis(50)).await;
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(pc.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        let end = tokio::io::copy(&mut site, &mut tokio::io::sink()).await;
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
}
