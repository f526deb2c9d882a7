//! A classroom's PC that opens connections and reads what comes.

use std::io::{Error, Read, Result, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{MsgFlags, recv};

use super::hello::client_hello;
use super::{PAGE_BYTES, PROXY_PORT, TLS_PORT};

/// When a connection counts as failed.
const PATIENCE: Duration = Duration::from_secs(5);
/// Where a page that is too long is given up.
const PAGE_LIMIT: u64 = 1 << 20;
/// What is read at once.
const READ_BYTES: usize = 256 << 10;

/// How a PC reaches a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Straight: what stands between takes the connection, or forwards it.
    Straight,
    /// Through the proxy at this address, by CONNECT.
    Proxy(Ipv4Addr),
}

/// What a PC does with what it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Into a buffer, as programs do.
    Copy,
    /// Has the kernel drop it, so that the reader costs next to nothing (MSG_TRUNC, tcp(7)).
    Drop,
}

/// What came of some seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Connections that went well.
    pub connections: u64,
    /// Connections that did not.
    pub failures: u64,
    /// Bytes that arrived.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
}

/// Opens connections one after the other, `at_once` at any time, each for a short answer.
#[must_use]
pub fn open_many(way: Way, (name, address): (&str, Ipv4Addr), at_once: usize, duration: Duration) -> Traffic {
    let (good, bad) = (AtomicU64::new(0), AtomicU64::new(0));
    let start = now();
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while start.elapsed() < duration {
                    let counter = if visit(way, name, address).is_ok() { &good } else { &bad };
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let connections = good.into_inner();
    let bytes = connections * u64::try_from(PAGE_BYTES).unwrap_or_default();
    Traffic { connections, failures: bad.into_inner(), bytes, seconds: start.elapsed().as_secs_f64() }
}

/// Reads from `connections` endless servers for a time.
#[must_use]
pub fn read_much(
    way: Way,
    (name, address): (&str, Ipv4Addr),
    connections: usize,
    reading: Reading,
    duration: Duration,
) -> Traffic {
    let (bytes, failures) = (AtomicU64::new(0), AtomicU64::new(0));
    let is_over = AtomicBool::new(false);
    let start = now();
    thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| {
                let outcome = connect(way, name, address)
                    .and_then(|stream| read_until(&stream, reading, &bytes, &is_over));
                failures.fetch_add(u64::from(outcome.is_err()), Ordering::Relaxed);
            });
        }
        thread::sleep(duration);
        is_over.store(true, Ordering::Relaxed);
    });
    let failures = failures.into_inner();
    let connections = u64::try_from(connections).unwrap_or_default() - failures;
    Traffic { connections, failures, bytes: bytes.into_inner(), seconds: start.elapsed().as_secs_f64() }
}

fn visit(way: Way, name: &str, address: Ipv4Addr) -> Result<()> {
    let stream = connect(way, name, address)?;
    let mut page = Vec::with_capacity(PAGE_BYTES + 1);
    stream.take(PAGE_LIMIT).read_to_end(&mut page)?;
    if page.len() == PAGE_BYTES { Ok(()) } else { Err(Error::other("a cut page")) }
}

/// Connects and says the hello.
fn connect(way: Way, name: &str, address: Ipv4Addr) -> Result<TcpStream> {
    let target = match way {
        Way::Straight => SocketAddr::new(IpAddr::V4(address), TLS_PORT),
        Way::Proxy(proxy) => SocketAddr::new(IpAddr::V4(proxy), PROXY_PORT),
    };
    let mut stream = TcpStream::connect_timeout(&target, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    if let Way::Proxy(_) = way {
        stream.write_all(format!("CONNECT {name}:443 HTTP/1.1\r\nHost: {name}:443\r\n\r\n").as_bytes())?;
        read_head(&mut stream)?;
    }
    stream.write_all(&client_hello(name))?;
    Ok(stream)
}

/// Reads the proxy's answer to CONNECT, and not a byte more.
fn read_head(stream: &mut TcpStream) -> Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    if head.get(8..13) == Some(b" 200 ") { Ok(()) } else { Err(Error::other("the proxy refused")) }
}

fn read_until(stream: &TcpStream, reading: Reading, bytes: &AtomicU64, is_over: &AtomicBool) -> Result<()> {
    let flags = match reading {
        Reading::Copy => MsgFlags::empty(),
        Reading::Drop => MsgFlags::MSG_TRUNC,
    };
    let mut buffer = vec![0; READ_BYTES];
    while !is_over.load(Ordering::Relaxed) {
        match recv(stream.as_raw_fd(), &mut buffer, flags)? {
            0 => return Err(Error::other("an end that should not be")),
            count => bytes.fetch_add(u64::try_from(count).unwrap_or_default(), Ordering::Relaxed),
        };
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}
