//! A zone of the commune's, whose server takes changes (RFC 2136) by a key.
//!
//! Invariant: nothing but texts outside every host's name changes, below the zone alone; a change counts where the server has signed that it is made, and
//! a text where the zone's servers say it.

use std::io::{self, Read, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::thread;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::tsig::TsigError;
use hickory_proto::rr::rdata::{NS, TXT};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use model::{DomainName, Host, Timestamp};

use super::tsig::TsigKey;
use super::{ProofError, Proofs};

/// How long a text may be remembered, in seconds: it is gone in minutes.
const TTL_S: u32 = 60;
/// Longest wait for a server, for each of its words.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Pieces in which an answer may come, and the longest: those to what is asked here are one or two. Each may be waited for, and whoever gives a byte at
/// a time does not keep the hub for days.
const PIECES_MAX: u32 = 32;
const PIECE_BYTES: usize = 4_096;
/// How often the zone's servers are asked whether they have a text, and between two times: ten minutes in all. They hear of it from one another.
const LOOKS_MAX: u32 = 120;
const LOOK_PAUSE: Duration = Duration::from_secs(5);
/// Servers of a zone that are asked.
const SERVERS_MAX: usize = 13;
/// Where servers listen.
const DNS_PORT: u16 = 53;

/// A zone, and who takes its changes.
#[derive(Clone, Debug)]
pub struct DnsZone {
    /// The server that takes them.
    pub server: Host,
    /// Its port.
    pub port: u16,
    /// The zone.
    pub zone: DomainName,
    /// The key that it knows the hub by.
    pub key: TsigKey,
    /// What the time is: it is part of what is signed.
    pub clock: fn() -> Timestamp,
}

/// Why a text is not there.
#[derive(Debug, thiserror::Error)]
pub enum ZoneError {
    /// The zone has no such name.
    #[error("{0} is not in the zone {1}")]
    Outside(String, DomainName),
    /// The server is not found, or does not answer.
    #[error("the name server {0} does not answer")]
    Silent(Host, #[source] io::Error),
    /// What it says is no answer to that.
    #[error("what the name server says is no answer")]
    Answer,
    /// It does not make the change.
    #[error("the name server does not make the change: {:?}{}", .0, explain(.1.as_ref()))]
    Refused(ResponseCode, Option<TsigError>),
    /// Whoever answers cannot prove to be the server.
    #[error("the answer is not signed by the key: somebody stands between, or the server has another secret")]
    Unsigned,
    /// Not all servers of the zone have it yet.
    #[error("a server of the zone does not have it after ten minutes")]
    Late,
}

/// What is wrong with the key, as its server says it.
fn explain(error: Option<&TsigError>) -> &'static str {
    match error {
        Some(TsigError::BadKey) => ", it does not know a key of this name and algorithm",
        Some(TsigError::BadSig | TsigError::BadTrunc) => ", the key has another secret there",
        Some(TsigError::BadTime) => ", the clocks of the two machines are five minutes apart",
        Some(TsigError::Unknown(_)) | None => "",
    }
}

impl Proofs for DnsZone {
    /// What was there by the name goes in the same step: a try that was cut leaves nothing for long.
    fn present(&self, name: &str, value: &str) -> Result<(), ProofError> {
        let name = self.find(name)?;
        let text = RData::TXT(TXT::new(vec![value.to_owned()]));
        self.change(vec![none_of(&name), Record::from_rdata(name.clone(), TTL_S, text)])?;
        self.await_seen(&name, value)?;
        Ok(())
    }

    fn remove(&self, name: &str, _: &str) -> Result<(), ProofError> {
        self.change(vec![none_of(&self.find(name)?)])?;
        Ok(())
    }
}

impl DnsZone {
    /// A name in the zone.
    fn find(&self, name: &str) -> Result<Name, ZoneError> {
        let outside = || ZoneError::Outside(name.to_owned(), self.zone.clone());
        let found = Name::from_ascii(format!("{name}.")).map_err(|_| outside())?;
        if self.own_name()?.zone_of(&found) { Ok(found) } else { Err(outside()) }
    }

    fn own_name(&self) -> Result<Name, ZoneError> {
        let outside = |_| ZoneError::Outside(self.zone.to_string(), self.zone.clone());
        Name::from_ascii(format!("{}.", self.zone)).map_err(outside)
    }

    fn change(&self, updates: Vec<Record>) -> Result<(), ZoneError> {
        let mut message = Message::query();
        message.metadata.op_code = OpCode::Update;
        message.metadata.recursion_desired = false;
        message.add_query(Query::query(self.own_name()?, RecordType::SOA));
        message.add_authorities(updates);
        let signature = self.key.sign(&mut message, (self.clock)()).map_err(|_| ZoneError::Answer)?;
        let (bytes, answer) = self.ask_own(&message)?;
        if answer.metadata.response_code != ResponseCode::NoError {
            let wrong = answer.additionals.iter().rev().find_map(|record| {
                let RData::TSIG(proof) = &record.data else { return None };
                proof.error
            });
            return Err(ZoneError::Refused(answer.metadata.response_code, wrong));
        }
        if self.key.has_signed(&bytes, &signature) { Ok(()) } else { Err(ZoneError::Unsigned) }
    }

    /// Waits until all servers of the zone have a text: the authority asks any of them.
    fn await_seen(&self, name: &Name, value: &str) -> Result<(), ZoneError> {
        let mut waiting = vec![self.addresses()?];
        waiting.extend(self.find_others()?);
        for look in 0..LOOKS_MAX {
            if look > 0 {
                thread::sleep(LOOK_PAUSE);
            }
            waiting.retain(|server| !is_settled(server, name, value));
            if waiting.is_empty() {
                return Ok(());
            }
        }
        Err(ZoneError::Late)
    }

    /// The servers that the zone names. The one that takes its changes may be none of them.
    fn find_others(&self) -> Result<Vec<Vec<SocketAddr>>, ZoneError> {
        let (_, answer) = self.ask_own(&question(&self.own_name()?, RecordType::NS))?;
        let names = answer.answers.iter().filter_map(|record| {
            let RData::NS(NS(name)) = &record.data else { return None };
            Some(name.to_ascii())
        });
        // One that is not found from here, others find: the authority does not ask by this machine's resolver.
        let addresses = |name: String| -> Vec<SocketAddr> {
            let found = (name.trim_end_matches('.'), DNS_PORT).to_socket_addrs();
            found.map(Iterator::collect).unwrap_or_default()
        };
        Ok(names.take(SERVERS_MAX).map(addresses).filter(|found| !found.is_empty()).collect())
    }

    fn addresses(&self) -> Result<Vec<SocketAddr>, ZoneError> {
        match &self.server {
            Host::Address(address) => Ok(vec![SocketAddr::new(*address, self.port)]),
            Host::Name(name) => {
                let found = (name.as_str(), self.port).to_socket_addrs();
                found.map(Iterator::collect).map_err(|error| ZoneError::Silent(self.server.clone(), error))
            }
        }
    }

    fn ask_own(&self, message: &Message) -> Result<(Vec<u8>, Message), ZoneError> {
        let addresses = self.addresses()?;
        ask(&addresses, message).map_err(|error| match error {
            AskError::Silent(source) => ZoneError::Silent(self.server.clone(), source),
            AskError::Answer => ZoneError::Answer,
        })
    }
}

/// That there is no text by a name (RFC 2136 section 2.5.2).
fn none_of(name: &Name) -> Record {
    let mut record = Record::update0(name.clone(), 0, RecordType::TXT);
    record.dns_class = DNSClass::ANY;
    record
}

fn question(name: &Name, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = false;
    message.add_query(Query::query(name.clone(), kind));
    message
}

/// Whether a server has a text by a name. One that cannot be asked from here, or does not serve the zone, is not waited for: the authority asks another.
fn is_settled(server: &[SocketAddr], name: &Name, value: &str) -> bool {
    let is_it = |record: &Record| {
        let RData::TXT(text) = &record.data else { return false };
        text.txt_data.iter().flat_map(|part| part.iter().copied()).eq(value.bytes())
    };
    match ask(server, &question(name, RecordType::TXT)) {
        Ok((_, answer)) if answer.metadata.authoritative => answer.answers.iter().any(is_it),
        Ok(_) => {
            tracing::warn!(?server, "a server that the zone names does not serve it");
            true
        }
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                ?server,
                "a name server of the zone cannot be asked"
            );
            true
        }
    }
}

/// Why a server's answer is not there.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("it does not answer")]
    Silent(#[source] io::Error),
    #[error("what it says is no answer")]
    Answer,
}

/// Asks a server by TCP, at the first of its addresses that takes the connection; the answer as it came, and as it is read.
fn ask(server: &[SocketAddr], message: &Message) -> Result<(Vec<u8>, Message), AskError> {
    let bytes = message.to_vec().map_err(|_| AskError::Answer)?;
    let said = exchange(server, &bytes).map_err(AskError::Silent)?;
    let answer = Message::from_vec(&said).map_err(|_| AskError::Answer)?;
    let is_answer =
        answer.metadata.id == message.metadata.id && answer.metadata.message_type == MessageType::Response;
    if is_answer { Ok((said, answer)) } else { Err(AskError::Answer) }
}

/// One message, and one back, each behind its length (RFC 1035 section 4.2.2).
fn exchange(server: &[SocketAddr], message: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = connect(server)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    stream.write_all(&[length.to_be_bytes().as_slice(), message].concat())?;
    read_answer(&mut stream)
}

fn read_answer(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let (mut said, mut piece) = (Vec::new(), [0; PIECE_BYTES]);
    for _ in 0..PIECES_MAX {
        let count = match stream.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        said.extend(piece.iter().take(count));
        if let Some(answer) = find_whole(&said) {
            return Ok(answer.to_vec());
        }
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// The message behind its length, once all of it is there.
fn find_whole(said: &[u8]) -> Option<&[u8]> {
    let (length, rest) = said.split_first_chunk::<2>()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)))
}

fn connect(server: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut outcome = Err(io::ErrorKind::NotFound.into());
    for address in server {
        outcome = TcpStream::connect_timeout(address, TIMEOUT);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says a text in pieces of so many bytes.
    struct Slow<'t>(&'t [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            let (piece, rest) = self.0.split_at(count);
            buffer[..count].copy_from_slice(piece);
            self.0 = rest;
            Ok(count)
        }
    }

    #[test]
    fn an_answer_comes_in_some_pieces_and_not_for_days() {
        let said = [&[0_u8, 40][..], &[7; 40]].concat();
        let read = |piece: usize, length: usize| {
            read_answer(&mut Slow(&said[..length], piece)).map_err(|error| error.kind())
        };
        for piece in [2, 3, 21, 42] {
            assert_eq!(read(piece, 42).unwrap(), [7; 40], "{piece}");
        }
        assert_eq!(read(1, 42), Err(io::ErrorKind::TimedOut));
        assert_eq!(read(21, 41), Err(io::ErrorKind::UnexpectedEof));
        assert_eq!(read_answer(&mut Slow(&[0, 1, 5, 9], 9)).unwrap(), [5], "what follows is no part of it");
    }
}
