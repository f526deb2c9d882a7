//! Waiting for a client's TLS hello.

use std::io;
use std::time::Duration;

use model::DomainName;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::sleep;
use wire::tls::{HelloError, HelloReader};

/// Read at a time: a hello arrives in one or two packets.
const READ_BYTES: usize = 4 * 1024;

/// What a client opened its connection with.
#[derive(Debug)]
pub(crate) enum Opening {
    /// A hello for this server. The bytes are all that was read, the hello first.
    Hello(DomainName, Vec<u8>),
    /// A hello that names no server, and all that was read.
    Unnamed(Vec<u8>),
    /// Something that cannot be judged.
    Fault(HelloError),
    /// Nothing at all: not an access.
    Silence,
    /// The box stops.
    Stop,
}

/// Reads until the hello is complete or cannot become one. `read` are bytes that arrived earlier.
pub(crate) async fn read_opening(
    stream: &TcpStream,
    read: Vec<u8>,
    limit: Duration,
    mut stop: watch::Receiver<bool>,
) -> Opening {
    let mut opener = Opener { reader: HelloReader::default(), bytes: read };
    if let Some(opening) = opener.take_earlier() {
        return opening;
    }
    tokio::select! {
        opening = opener.read(stream) => opening,
        () = sleep(limit) => opener.give_up(),
        _ = stop.wait_for(|&is_stopping| is_stopping) => Opening::Stop,
    }
}

struct Opener {
    reader: HelloReader,
    bytes: Vec<u8>,
}

impl Opener {
    fn take_earlier(&mut self) -> Option<Opening> {
        let outcome = self.reader.push(&self.bytes);
        self.conclude(outcome.map(|hello| hello.map(|hello| hello.server_name)))
    }

    async fn read(&mut self, stream: &TcpStream) -> Opening {
        loop {
            if stream.readable().await.is_err() {
                return self.give_up();
            }
            match self.read_once(stream) {
                Ok(None) => {}
                Ok(Some(opening)) => return opening,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return self.give_up(),
            }
        }
    }

    fn read_once(&mut self, stream: &TcpStream) -> io::Result<Option<Opening>> {
        let mut piece = [0; READ_BYTES];
        let count = stream.try_read(&mut piece)?;
        let piece = piece.get(..count).unwrap_or_default();
        if piece.is_empty() {
            return Ok(Some(self.give_up()));
        }
        self.bytes.extend_from_slice(piece);
        let outcome = self.reader.push(piece);
        Ok(self.conclude(outcome.map(|hello| hello.map(|hello| hello.server_name))))
    }

    fn conclude(&mut self, outcome: Result<Option<DomainName>, HelloError>) -> Option<Opening> {
        match outcome {
            Ok(None) => None,
            Ok(Some(name)) => Some(Opening::Hello(name, std::mem::take(&mut self.bytes))),
            Err(HelloError::Unnamed) => Some(Opening::Unnamed(std::mem::take(&mut self.bytes))),
            Err(error) => Some(Opening::Fault(error)),
        }
    }

    fn give_up(&self) -> Opening {
        if self.bytes.is_empty() {
            Opening::Silence
        } else {
            Opening::Fault(HelloError::Malformed("it ends in the middle"))
        }
    }
}
