//! The ENT's server: each path answers as its script says, well or badly.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{ORIGIN, PLAIN_PORT, TLS_PORT};

/// What is written at once: small, so that a transfer that ends early has little more on its way.
const WRITE_BYTES: usize = 16 << 10;
/// The same at a pace of its own: smaller still, where it is counted what comes twice.
const PACED_BYTES: usize = 4 << 10;
/// Longest head that is read.
const HEAD_LINES_MAX: usize = 100;
/// For a request, and for whoever is silent on purpose: longer than any case waits.
const PATIENCE: Duration = Duration::from_secs(90);

/// What is asked of the server.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// How many requests for this path came before.
    pub number: usize,
    /// The method.
    pub method: String,
    fields: Vec<(String, String)>,
}

impl Question {
    /// A field, by its name in small letters.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Whether a connection goes on after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// For the next request.
    GoOn,
    /// It is cut, without a word.
    Cut,
    /// It stays open, and says no more: packets vanish.
    Vanish,
}

/// How a path answers.
pub type Script = dyn Fn(&Question, &mut Wire<'_>) -> io::Result<Then> + Send + Sync;

/// What became of a path so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests.
    pub requests: usize,
    /// Bytes of bodies that were sent.
    pub bytes: u64,
}

struct Scripted {
    script: Box<Script>,
    requests: AtomicUsize,
    bytes: AtomicU64,
}

/// The server.
#[derive(Clone, Default)]
pub struct Origin {
    paths: Arc<Mutex<HashMap<String, Arc<Scripted>>>>,
    line: Arc<Line>,
}

impl Origin {
    /// Starts it on the calling thread's machine, which has its address.
    ///
    /// # Errors
    /// A port is taken.
    pub fn start(&self, tls: Arc<ServerConfig>) -> Result<()> {
        let (secure, plain) =
            (TcpListener::bind((ORIGIN, TLS_PORT))?, TcpListener::bind((ORIGIN, PLAIN_PORT))?);
        let origin = self.clone();
        thread::spawn(move || {
            for stream in secure.incoming().flatten() {
                let (origin, tls) = (origin.clone(), Arc::clone(&tls));
                // Whoever connects and goes ends the thread with an error.
                thread::spawn(move || {
                    let connection = ServerConnection::new(tls).map_err(io::Error::other)?;
                    stream.set_read_timeout(Some(PATIENCE))?;
                    stream.set_nodelay(true)?;
                    origin.converse(StreamOwned::new(connection, stream))
                });
            }
        });
        let origin = self.clone();
        thread::spawn(move || {
            for stream in plain.incoming().flatten() {
                let origin = origin.clone();
                thread::spawn(move || {
                    stream.set_read_timeout(Some(PATIENCE))?;
                    stream.set_nodelay(true)?;
                    origin.converse(stream)
                });
            }
        });
        Ok(())
    }

    /// Has a path answer so from now on.
    pub fn script(
        &self,
        path: &str,
        script: impl Fn(&Question, &mut Wire<'_>) -> io::Result<Then> + Send + Sync + 'static,
    ) {
        let script = Box::new(script);
        let scripted = Scripted { script, requests: AtomicUsize::default(), bytes: AtomicU64::default() };
        self.lock().insert(path.to_owned(), Arc::new(scripted));
    }

    /// What became of a path.
    #[must_use]
    pub fn tally(&self, path: &str) -> Tally {
        self.lock().get(path).map_or(Tally::default(), |scripted| Tally {
            requests: scripted.requests.load(Ordering::Relaxed),
            bytes: scripted.bytes.load(Ordering::Relaxed),
        })
    }

    /// Has the line to the school carry so many bytes a second, for all together.
    pub fn narrow(&self, bytes_a_second: f64) {
        self.line.narrow(bytes_a_second);
    }

    fn converse(&self, stream: impl Hang) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        while let Some((path, mut question)) = hear(&mut stream)? {
            let scripted = self.lock().get(&path).cloned();
            let Some(scripted) = scripted else {
                let head = "HTTP/1.1 404 Not Found\r\nCache-Control: no-store\r\nContent-Length: 0\r\n\r\n";
                stream.get_mut().write_all(head.as_bytes())?;
                continue;
            };
            question.number = scripted.requests.fetch_add(1, Ordering::Relaxed);
            let wire = &mut Wire { out: stream.get_mut(), line: &self.line, bytes: &scripted.bytes };
            match (scripted.script)(&question, wire)? {
                Then::GoOn => stream.get_mut().flush()?,
                Then::Cut => {
                    stream.get_mut().flush()?;
                    return Ok(());
                }
                Then::Vanish => {
                    stream.get_mut().flush()?;
                    // Until the other side has had enough.
                    while stream.read(&mut [0; 64])? > 0 {}
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Scripted>>> {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection of a client.
trait Hang: Read + Write {}

impl<S: Read + Write> Hang for S {}

/// Where an answer goes.
pub struct Wire<'w> {
    out: &'w mut dyn Write,
    line: &'w Line,
    bytes: &'w AtomicU64,
}

impl Wire<'_> {
    /// Sends a head: a status line and fields without their last empty line.
    ///
    /// # Errors
    /// The other side is gone.
    pub fn head(&mut self, head: &str) -> io::Result<()> {
        self.out.write_all(format!("HTTP/1.1 {head}\r\n\r\n").as_bytes())?;
        self.out.flush()
    }

    /// Sends a part of a body.
    ///
    /// # Errors
    /// The other side is gone.
    pub fn body(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.paced(bytes, None)
    }

    /// The same at a pace of its own.
    ///
    /// # Errors
    /// The other side is gone.
    pub fn paced(&mut self, bytes: &[u8], bytes_a_second: Option<f64>) -> io::Result<()> {
        let (own, mut at_once) = (Line::default(), WRITE_BYTES);
        if let Some(pace) = bytes_a_second {
            own.narrow(pace);
            at_once = PACED_BYTES;
        }
        for chunk in bytes.chunks(at_once) {
            self.line.carry(chunk.len());
            own.carry(chunk.len());
            self.out.write_all(chunk)?;
            self.out.flush()?;
            self.bytes.fetch_add(u64::try_from(chunk.len()).unwrap_or_default(), Ordering::Relaxed);
        }
        Ok(())
    }
}

/// What carries so many bytes a second: each who sends waits for its turn.
#[derive(Default)]
struct Line(Mutex<Option<(f64, Instant)>>);

impl Line {
    fn narrow(&self, bytes_a_second: f64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((bytes_a_second, now()));
    }

    fn carry(&self, bytes: usize) {
        let wait = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Some((pace, free)) = state.as_mut() else { return };
            let now = now();
            let start = (*free).max(now);
            let bytes = u32::try_from(bytes).map_or(f64::MAX, f64::from);
            *free = start + Duration::from_secs_f64((bytes / *pace).clamp(0.0, 60.0));
            start.saturating_duration_since(now)
        };
        thread::sleep(wait);
    }
}

#[expect(clippy::disallowed_methods, reason = "a server of a benchmark has a pace in real time")]
fn now() -> Instant {
    Instant::now()
}

/// The next request: its path, and what it asks; `None` at the end of the connection.
fn hear(stream: &mut impl BufRead) -> io::Result<Option<(String, Question)>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
        if lines.len() > HEAD_LINES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    let mut lines = lines.iter();
    let mut words = lines.next().map(|line| line.split(' ')).ok_or(io::ErrorKind::InvalidData)?;
    let (method, target) = words.next().zip(words.next()).ok_or(io::ErrorKind::InvalidData)?;
    let fields = lines.filter_map(|line| line.split_once(':'));
    let fields = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    // squid asks with the whole URL.
    let path = target.strip_prefix("http").and_then(|rest| rest.splitn(4, '/').nth(3));
    let path = path.map_or(target.to_owned(), |path| format!("/{path}"));
    Ok(Some((path, Question { number: 0, method: method.to_owned(), fields })))
}
