//! One action: sent, and what came of it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use model::Tester;
use nix::errno::Errno;
use selftest::{Action, End, Seen, Transport};
use socket2::{Domain, Protocol, Socket, Type};

use super::refusal;

/// How long an answer may take: a name that the box has to ask for outside, on a slow line.
const ANSWER_WITHIN: Duration = Duration::from_secs(6);
/// How long a connection to the box may take, or an error about a datagram: it is on the same wire.
const REJECTION_WITHIN: Duration = Duration::from_secs(2);
/// After the first bytes of an answer, so long without more is its end.
const QUIET: Duration = Duration::from_millis(500);
/// Between the pieces of something: each is a packet of its own.
const BETWEEN_PIECES: Duration = Duration::from_millis(20);
/// Most bytes of an answer that are looked at: its beginning tells.
const HEARD_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of a datagram.
const DATAGRAM_BYTES_MAX: usize = 4_096;

/// From which address a machine sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sources {
    /// The tester's, on the school's side.
    School,
    /// The tester's, on loopback.
    Loopback,
    /// This machine's own.
    Machine,
}

impl Sources {
    /// The address to send from towards `to`.
    fn find(self, tester: Option<Tester>, to: IpAddr) -> IpAddr {
        let any = match to {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        match (self, tester, to) {
            (Self::School, Some(tester), IpAddr::V4(_)) => tester.ipv4().into(),
            (Self::School, Some(tester), IpAddr::V6(_)) => tester.ipv6().into(),
            (Self::Loopback, Some(tester), IpAddr::V4(_)) => tester.loopback().into(),
            (Self::Loopback, Some(_), IpAddr::V6(_)) | (Self::Machine, ..) | (_, None, _) => any,
        }
    }
}

/// Does one thing, and says what came of it.
pub(super) fn perform(action: &Action, tester: Option<Tester>, sources: Sources) -> Seen {
    let from = |to: &SocketAddr| SocketAddr::new(sources.find(tester, to.ip()), 0);
    match action {
        Action::Ask { to, by: Transport::Udp, message } => throw(from(to), *to, message, ANSWER_WITHIN),
        Action::Ask { to, by: Transport::Tcp, message } => ask(from(to), *to, message),
        Action::Throw { to, bytes } => throw(from(to), *to, bytes, REJECTION_WITHIN),
        Action::Say { to, pieces, in_turn } => say(from(to), *to, pieces, *in_turn),
        Action::Wait(ms) => {
            thread::sleep(Duration::from_millis(u64::from(*ms)));
            Seen::Waited
        }
    }
}

fn throw(from: SocketAddr, to: SocketAddr, bytes: &[u8], within: Duration) -> Seen {
    let send = || -> io::Result<UdpSocket> {
        let socket = UdpSocket::bind(from)?;
        refusal::ask_for(&socket, to.ip())?;
        socket.connect(to)?;
        socket.set_read_timeout(Some(within))?;
        socket.send(bytes)?;
        Ok(socket)
    };
    let socket = match send() {
        Ok(socket) => socket,
        Err(error) => return judge_local(&error),
    };
    let mut answer = [0; DATAGRAM_BYTES_MAX];
    match socket.recv(&mut answer) {
        Ok(length) => Seen::Answer(answer.get(..length).unwrap_or_default().to_vec()),
        // The same error tells that somebody forbids it and that nobody is there: it matters who says what.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused || is_unreachable(&error) => {
            refusal::read(&socket).map_or(Seen::Silence, |by| Seen::Forbidden { by })
        }
        Err(error) if is_late(&error) => Seen::Silence,
        Err(error) => Seen::Failed(error.to_string()),
    }
}

fn ask(from: SocketAddr, to: SocketAddr, message: &[u8]) -> Seen {
    let mut stream = match connect(from, to) {
        Ok(stream) => stream,
        Err(seen) => return seen,
    };
    let mut talk = || -> io::Result<Vec<u8>> {
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        let length = u16::try_from(message.len()).map_err(io::Error::other)?;
        stream.write_all(&[&length.to_be_bytes(), message].concat())?;
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    };
    match talk() {
        Ok(answer) => Seen::Answer(answer),
        Err(error) if is_late(&error) => Seen::Silence,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {
            Seen::Heard { turns: vec![], end: End::Reset }
        }
        Err(_) => Seen::Heard { turns: vec![], end: End::Closed },
    }
}

fn say(from: SocketAddr, to: SocketAddr, pieces: &[Vec<u8>], in_turn: bool) -> Seen {
    let mut stream = match connect(from, to) {
        Ok(stream) => stream,
        Err(seen) => return seen,
    };
    if stream.set_nodelay(true).is_err() {
        return Seen::Failed("no socket option".to_owned());
    }
    let mut turns = Vec::new();
    let mut end = End::Open;
    for (number, piece) in pieces.iter().enumerate() {
        if number > 0 {
            thread::sleep(BETWEEN_PIECES);
        }
        // What was said before the other side broke off is still to be heard.
        let _broken = stream.write_all(piece);
        if in_turn || number + 1 == pieces.len() {
            let (heard, how) = listen(&mut stream);
            let is_silent = heard.is_empty() && how == End::Open;
            turns.push(heard);
            end = how;
            if end != End::Open || is_silent {
                break;
            }
        }
    }
    Seen::Heard { turns, end }
}

/// Hears what comes until it ends, or nothing more comes.
fn listen(stream: &mut TcpStream) -> (Vec<u8>, End) {
    let mut heard = Vec::new();
    let mut part = [0; DATAGRAM_BYTES_MAX];
    while heard.len() < HEARD_BYTES_MAX {
        let patience = if heard.is_empty() { ANSWER_WITHIN } else { QUIET };
        let read = stream.set_read_timeout(Some(patience)).and_then(|()| stream.read(&mut part));
        match read {
            Ok(0) => return (heard, End::Closed),
            Ok(length) => heard.extend_from_slice(part.get(..length).unwrap_or_default()),
            Err(error) if is_late(&error) => return (heard, End::Open),
            Err(_) => return (heard, End::Reset),
        }
    }
    (heard, End::Open)
}

/// Connects, or says what came of it.
fn connect(from: SocketAddr, to: SocketAddr) -> Result<TcpStream, Seen> {
    let open = || -> io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        socket.bind(&from.into())?;
        Ok(socket)
    };
    let socket = open().map_err(|error| judge_local(&error))?;
    match socket.connect_timeout(&to.into(), REJECTION_WITHIN) {
        Ok(()) => Ok(socket.into()),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Err(Seen::Rejected),
        Err(error) if error.raw_os_error() == Some(Errno::EACCES as i32) => Err(Seen::Rejected),
        Err(error) if is_late(&error) => Err(Seen::Silence),
        // Nobody on the wire has the next machine's address, or a router beyond knows no way: that is silence, too.
        Err(error) if is_unreachable(&error) && has_way(from, to) => Err(Seen::Silence),
        Err(error) => Err(judge_local(&error)),
    }
}

/// Whether this machine sends to such an address at all. Sends nothing.
fn has_way(from: SocketAddr, to: SocketAddr) -> bool {
    UdpSocket::bind(from).and_then(|socket| socket.connect(to)).is_ok()
}

/// An error before anything was sent.
fn judge_local(error: &io::Error) -> Seen {
    let is_no_way = [Errno::ENETUNREACH, Errno::EADDRNOTAVAIL, Errno::EAFNOSUPPORT]
        .iter()
        .any(|errno| error.raw_os_error() == Some(*errno as i32));
    if is_no_way { Seen::NoWay } else { Seen::Failed(error.to_string()) }
}

fn is_unreachable(error: &io::Error) -> bool {
    [Errno::EHOSTUNREACH, Errno::ENETUNREACH, Errno::EACCES]
        .iter()
        .any(|errno| error.raw_os_error() == Some(*errno as i32))
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn local(port: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, port).into()
    }

    fn perform_here(action: &Action) -> Seen {
        perform(action, Tester::new(3), Sources::Loopback)
    }

    /// A port where nobody listens: one that was just given back.
    fn nobody() -> SocketAddr {
        TcpListener::bind(local(0)).unwrap().local_addr().unwrap()
    }

    #[test]
    fn a_refused_connection_and_datagram_are_seen() {
        let to = nobody();
        let knock = Action::Say { to, pieces: vec![b"x".to_vec()], in_turn: false };
        assert_eq!(perform_here(&knock), Seen::Rejected);
        let by = to.ip();
        assert_eq!(perform_here(&Action::Throw { to, bytes: vec![1] }), Seen::Forbidden { by });
        let to: SocketAddr = (Ipv6Addr::LOCALHOST, to.port()).into();
        let thrown = perform(&Action::Throw { to, bytes: vec![1] }, None, Sources::Machine);
        assert!(
            matches!(&thrown, Seen::Forbidden { by } if *by == to.ip()) || thrown == Seen::NoWay,
            "{thrown:?}"
        );
    }

    #[test]
    fn it_comes_from_the_testers_address_and_hears_each_turn() {
        let server = TcpListener::bind(local(0)).unwrap();
        let to = server.local_addr().unwrap();
        let served = thread::spawn(move || {
            let (mut stream, client) = server.accept().unwrap();
            let mut byte = [0];
            for answer in [b"one", b"two"] {
                stream.read_exact(&mut byte).unwrap();
                stream.write_all(answer).unwrap();
            }
            client.ip()
        });
        let action = Action::Say { to, pieces: vec![b"1".to_vec(), b"2".to_vec()], in_turn: true };
        let turns = vec![b"one".to_vec(), b"two".to_vec()];
        assert_eq!(perform_here(&action), Seen::Heard { turns, end: End::Closed });
        assert_eq!(served.join().unwrap(), IpAddr::V4(Tester::new(3).unwrap().loopback()));
    }

    #[test]
    fn an_answer_to_a_question_is_seen() {
        let server = UdpSocket::bind(local(0)).unwrap();
        let to = server.local_addr().unwrap();
        let served = thread::spawn(move || {
            let mut bytes = [0; 9];
            let (length, client) = server.recv_from(&mut bytes).unwrap();
            server.send_to(&bytes[..length], client).unwrap();
        });
        let seen = perform_here(&Action::Ask { to, by: Transport::Udp, message: b"who".to_vec() });
        assert_eq!(seen, Seen::Answer(b"who".to_vec()));
        served.join().unwrap();
    }
}
