//! The TCP doors: for answers too long for UDP, and for clients that prefer it (RFC 7766), in the clear or by TLS
//! (RFC 7858).

use std::io;
use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use seats::{Eviction, Seat, Seats, Share, Throttle};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener as Listener, TcpStream};
use tokio::sync::mpsc::{self, OwnedPermit};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::core::Core;
use crate::responder::{Channel, Response};
use crate::statistics::Statistics;

/// Most connections at once: two for each device of a school.
const CONNECTIONS_MAX: usize = 512;
/// Most connections of one device: resolvers use one or two.
const OF_DEVICE_MAX: usize = 64;
/// Most connections of all devices that are not registered, and of all programs on the box itself, together: hardware
/// addresses are quickly made up, and most of these ask by UDP.
const OF_UNKNOWN_MAX: usize = 128;
/// How long a client may take to its next whole question (RFC 7766 section 6.2.3: a few seconds).
const IDLE_MS_MAX: u64 = 10_000;
/// How long a client may take to agree on TLS: two round trips on the school's own network.
const HANDSHAKE_MS_MAX: u64 = 5_000;
/// How long a client may take to accept a reply.
const WRITE_MS_MAX: u64 = 5_000;
/// Most questions of one connection under way.
const PIPELINE_MAX: usize = 32;
/// Longest query that is taken, in bytes: more than any name, EDNS and padding.
const QUERY_BYTES_MAX: usize = 4_096;
/// How long to rest when the kernel has no descriptor for another connection.
const REST_MS: u64 = 100;

/// Room for connections, shared by all listeners.
pub(crate) struct Room {
    seats: Arc<Seats<Share>>,
    complaint: Throttle,
}

impl Room {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { seats: Seats::new(CONNECTIONS_MAX), complaint: Throttle::default() })
    }

    /// A place for a newcomer; where there is none, the longest idle connection of whoever has the most leaves for him.
    fn enter(&self, address: IpAddr, core: &Core) -> Option<(Seat<Share>, Eviction)> {
        let share = core.responder.share(address);
        self.seats.take(share, share.size(OF_DEVICE_MAX, OF_UNKNOWN_MAX))
    }

    /// Counts a connection that is given up, and tells it now and then.
    fn complain(&self, address: IpAddr, core: &Core) {
        core.counters.add(&Statistics { dropped: 1, ..Statistics::default() });
        if let Some(kept_back) = self.complaint.pass() {
            let device = core.responder.name_sender(address, None);
            tracing::warn!(%device, kept_back, "too many connections for DNS questions: one is given up");
        }
    }
}

/// Accepts and serves connections, by TLS where there is an acceptor for it; never ends by itself. Dropped, it takes its
/// connections along.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    core: Arc<Core>,
    room: Arc<Room>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = Listener::from_std(listener)?;
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                let address = peer.ip().to_canonical();
                let Some((seat, eviction)) = room.enter(address, &core) else {
                    room.complain(address, &core);
                    continue;
                };
                let (tls, core, room) = (tls.clone(), Arc::clone(&core), Arc::clone(&room));
                connections.spawn(async move {
                    tokio::select! {
                        () = receive(stream, tls, address, &core, &seat) => {}
                        Ok(()) = eviction => room.complain(address, &core),
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection for questions");
                tokio::time::sleep(Duration::from_millis(REST_MS)).await;
            }
        }
    }
}

/// Serves a connection until it ends. It has its place from the start: whoever dawdles over a handshake takes his own.
async fn receive(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    address: IpAddr,
    core: &Arc<Core>,
    seat: &Seat<Share>,
) {
    // Replies are small and whole: waiting to fill a segment only delays them.
    let _wish = stream.set_nodelay(true);
    match tls {
        None => {
            let (reader, writer) = stream.into_split();
            converse(reader, writer, (address, Channel::Tcp), core, seat).await;
        }
        // It costs more than a question does.
        Some(_) if !may_ask(core, address) => {}
        Some(tls) => match timeout(Duration::from_millis(HANDSHAKE_MS_MAX), tls.accept(stream)).await {
            Ok(Ok(stream)) => {
                let (reader, writer) = tokio::io::split(stream);
                converse(reader, writer, (address, Channel::Encrypted), core, seat).await;
            }
            Ok(Err(error)) => tracing::debug!(client = %address, %error, "no TLS for questions"),
            Err(_) => tracing::debug!(client = %address, "a TLS handshake for questions takes too long"),
        },
    }
}

async fn converse(
    reader: impl AsyncRead + Unpin,
    writer: impl AsyncWrite + Unpin,
    from: (IpAddr, Channel),
    core: &Arc<Core>,
    seat: &Seat<Share>,
) {
    let (replies, queue) = mpsc::channel(PIPELINE_MAX);
    tokio::join!(read_questions(reader, from, core, seat, replies), write_replies(writer, queue));
}

/// Reads questions until the client ends, breaks the format, asks too many or falls silent. Each reserves its place in
/// the queue of replies first: a client that does not read its replies is not read either.
async fn read_questions(
    mut reader: impl AsyncRead + Unpin,
    (address, channel): (IpAddr, Channel),
    core: &Arc<Core>,
    seat: &Seat<Share>,
    replies: mpsc::Sender<Vec<u8>>,
) {
    loop {
        let Ok(place) = replies.clone().reserve_owned().await else { return };
        let Ok(Ok(packet)) = timeout(Duration::from_millis(IDLE_MS_MAX), read_frame(&mut reader)).await
        else {
            return;
        };
        seat.decide();
        if !may_ask(core, address) {
            return;
        }
        let mut bytes = Vec::new();
        match core.respond(&packet, address, channel, &mut bytes) {
            Response::Ready => {
                reply(place, bytes, core);
            }
            Response::Silence => return,
            Response::Pending(pending) => {
                let Some(ticket) = core.waiting.enter(pending.client, pending.share) else {
                    core.counters.add(&Statistics { dropped: 1, ..Statistics::default() });
                    return;
                };
                let core = Arc::clone(core);
                tokio::spawn(async move {
                    if core.settle(&pending, &mut bytes).await {
                        reply(place, bytes, &core);
                    }
                    drop(ticket);
                });
            }
        }
    }
}

/// Takes a question from the client's account.
fn may_ask(core: &Core, address: IpAddr) -> bool {
    let mut tally = Statistics::default();
    let may_ask = core.may_ask(address, None, core.clock.now_s(), &mut tally);
    core.counters.add(&tally);
    may_ask
}

/// Puts a reply in its place in the queue.
fn reply(place: OwnedPermit<Vec<u8>>, bytes: Vec<u8>, core: &Core) {
    place.send(bytes);
    core.counters.add(&Statistics { answered: 1, ..Statistics::default() });
}

async fn read_frame(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let length = usize::from(reader.read_u16().await?);
    if length > QUERY_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut packet = vec![0; length];
    reader.read_exact(&mut packet).await?;
    Ok(packet)
}

async fn write_replies(mut writer: impl AsyncWrite + Unpin, mut queue: mpsc::Receiver<Vec<u8>>) {
    while let Some(reply) = queue.recv().await {
        // Replies are cut to 65,535 bytes when they are written.
        let Ok(length) = u16::try_from(reply.len()) else { return };
        let frame = [&length.to_be_bytes()[..], &reply].concat();
        // TLS keeps what it has not sent.
        let write = async {
            writer.write_all(&frame).await?;
            writer.flush().await
        };
        if !matches!(timeout(Duration::from_millis(WRITE_MS_MAX), write).await, Ok(Ok(()))) {
            return;
        }
    }
    // The client hears that this is the end (TLS: close_notify). Whether it does is its own affair.
    let _said = timeout(Duration::from_millis(WRITE_MS_MAX), writer.shutdown()).await;
}
