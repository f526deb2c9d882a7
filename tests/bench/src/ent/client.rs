//! A classroom's PC that asks the ENT, byte by byte.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::{DOOR, NAME, TLS_PORT};

/// For the next bytes: what is silent for longer has failed. Longer than a box goes on with a silent transfer from anew.
const PATIENCE: Duration = Duration::from_secs(40);
/// Longest body: what is longer is not of these tests.
const BODY_BYTES_MAX: u64 = 256 << 20;
/// Longest head.
const HEAD_LINES_MAX: usize = 100;

/// A PC.
#[derive(Clone)]
pub struct Client {
    tls: Arc<ClientConfig>,
    door: Ipv4Addr,
    patience: Duration,
}

/// An answer, of which the head is there.
pub struct Reading {
    /// The status code.
    pub status: u16,
    fields: Vec<(String, String)>,
    /// From the request to the head.
    pub head_after: Duration,
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
    framing: Framing,
    asked: Instant,
}

/// How much of a body is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// So many bytes.
    Length(u64),
    /// Chunks: so many bytes of this one are to come, and the line that ends it was read.
    Chunked(u64),
    /// Until the connection ends.
    Close,
    /// All was read.
    Over,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    fields: Vec<(String, String)>,
    /// What came of the body.
    pub body: Vec<u8>,
    /// Whether it is all that the head promised: what is cut says so.
    pub is_whole: bool,
    /// From the request to the first byte of the body.
    pub first_byte_after: Duration,
}

impl Client {
    /// One that speaks TLS so.
    #[must_use]
    pub fn new(tls: Arc<ClientConfig>) -> Self {
        Self { tls, door: DOOR, patience: PATIENCE }
    }

    /// The same, which waits for so long.
    #[must_use]
    pub fn patient(&self, patience: Duration) -> Self {
        Self { patience, ..self.clone() }
    }

    /// Asks, and reads the answer to its end.
    ///
    /// # Errors
    /// There is no answer.
    pub fn get(&self, path: &str, fields: &[(&str, &str)]) -> Result<Answer> {
        self.begin("GET", path, fields)?.finish()
    }

    /// Asks, and reads the head.
    ///
    /// # Errors
    /// There is no answer.
    pub fn begin(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Result<Reading> {
        let stream = TcpStream::connect_timeout(&(self.door, TLS_PORT).into(), self.patience)?;
        stream.set_read_timeout(Some(self.patience))?;
        stream.set_nodelay(true)?;
        let connection = ClientConnection::new(Arc::clone(&self.tls), ServerName::try_from(NAME)?)?;
        let mut stream = BufReader::new(StreamOwned::new(connection, stream));
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n");
        for (name, value) in fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let asked = now();
        stream.get_mut().write_all(head.as_bytes())?;
        stream.get_mut().flush()?;
        let (status, fields) = read_head(&mut stream)?;
        let framing = find_framing(method, status, &fields);
        Ok(Reading { status, fields, head_after: asked.elapsed(), stream, framing, asked })
    }
}

impl Reading {
    /// A field, by its name in small letters.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        find(&self.fields, name)
    }

    /// Reads so many bytes of the body at least, or all that come.
    ///
    /// # Errors
    /// The connection breaks.
    pub fn read_some(&mut self, bytes: usize) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        while body.len() < bytes {
            match self.read(&mut buffer)? {
                0 => break,
                count => body.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            }
        }
        Ok(body)
    }

    /// Reads to the end.
    ///
    /// # Errors
    /// It is longer than anything here.
    pub fn finish(mut self) -> Result<Answer> {
        let mut body = Vec::new();
        let mut first_byte_after = None;
        let mut buffer = vec![0; 256 << 10];
        let is_whole = loop {
            match self.read(&mut buffer) {
                Ok(0) => break self.framing == Framing::Over,
                Ok(count) => {
                    first_byte_after.get_or_insert_with(|| self.asked.elapsed());
                    body.extend_from_slice(buffer.get(..count).unwrap_or_default());
                }
                Err(_) => break false,
            }
            if u64::try_from(body.len())? > BODY_BYTES_MAX {
                bail!("a body without end");
            }
        };
        let first_byte_after = first_byte_after.unwrap_or(self.head_after);
        Ok(Answer { status: self.status, fields: self.fields, body, is_whole, first_byte_after })
    }

    fn chunk_head(&mut self) -> io::Result<u64> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let size = line.trim().split(';').next().unwrap_or_default();
        u64::from_str_radix(size, 16).map_err(io::Error::other)
    }
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = match self.framing {
            Framing::Over => return Ok(0),
            Framing::Length(left) => left,
            Framing::Chunked(0) => match self.chunk_head()? {
                0 => {
                    self.framing = Framing::Over;
                    return Ok(0);
                }
                left => left,
            },
            Framing::Chunked(left) => left,
            Framing::Close => u64::MAX,
        };
        let count = self.stream.by_ref().take(left).read(buffer)?;
        let left = left - u64::try_from(count).unwrap_or_default();
        self.framing = match self.framing {
            Framing::Length(_) if left == 0 => Framing::Over,
            Framing::Length(_) if count == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Framing::Length(_) => Framing::Length(left),
            Framing::Chunked(_) if count == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Framing::Chunked(_) => {
                if left == 0 {
                    self.stream.read_line(&mut String::new())?;
                }
                Framing::Chunked(left)
            }
            // The end of the connection, said by TLS.
            Framing::Close if count == 0 => Framing::Over,
            Framing::Close | Framing::Over => self.framing,
        };
        Ok(count)
    }
}

impl Answer {
    /// A field, by its name in small letters.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        find(&self.fields, name)
    }
}

fn find<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn read_head(stream: &mut impl BufRead) -> Result<(u16, Vec<(String, String)>)> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).context("no answer")?.trim().parse()?;
    let mut fields = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 || fields.len() > HEAD_LINES_MAX {
            bail!("a head without end");
        }
        let Some((name, value)) = line.split_once(':') else { return Ok((status, fields)) };
        fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn find_framing(method: &str, status: u16, fields: &[(String, String)]) -> Framing {
    if method == "HEAD" || [204, 304].contains(&status) {
        return Framing::Over;
    }
    if find(fields, "transfer-encoding").is_some() {
        return Framing::Chunked(0);
    }
    match find(fields, "content-length").and_then(|length| length.parse().ok()) {
        Some(0) => Framing::Over,
        Some(length) => Framing::Length(length),
        None => Framing::Close,
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}
