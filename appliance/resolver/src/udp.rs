//! The UDP doors: one thread for each socket, many datagrams per system call.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use tokio::runtime::Handle;

use crate::core::Core;
use crate::mmsg::{Inbox, Local, Outbox, Received, receive_marks};
use crate::responder::{Channel, Incoming, Pending, Response};
use crate::statistics::Statistics;

/// How often a door that nobody uses looks whether it shall close.
const STOP_CHECK_MS: u64 = 250;
/// How long a door rests after the kernel has refused to receive, so that it does not spin.
const REST_MS: u64 = 50;
/// Kernel memory for datagrams that wait for the door, in bytes: the first seconds of a lesson.
const RECEIVE_BUFFER_BYTES: usize = 1 << 20;
/// Kernel memory for replies that are not on the line yet, in bytes; the kernel takes twice as much, to allow for
/// its own book-keeping. Those to an address that nobody has stay for seconds, a few kilobytes for each address
/// (`system::neighbours`): the kernel's 1,024 unresolved neighbours fill no more than this.
const SEND_BUFFER_BYTES: usize = 4 << 20;
/// Services that answer whatever they get (echo, daytime, quote of the day, chargen), and the port that nobody
/// has: a reply there could come back for ever.
const REFLECTING_PORTS: [u16; 5] = [0, 7, 13, 17, 19];

/// Asks the kernel for the mark of each question that these sockets get. An error, when it does not tell them for one
/// of them: source addresses are believed there.
pub(crate) fn want_marks(sockets: &[UdpSocket]) -> io::Result<()> {
    // All are asked, whatever becomes of the others.
    let outcomes: Vec<io::Result<()>> = sockets.iter().map(|socket| receive_marks(socket.as_fd())).collect();
    outcomes.into_iter().collect()
}

/// One socket and what stands behind it.
pub(crate) struct Door {
    socket: UdpSocket,
    core: Arc<Core>,
    runtime: Handle,
    stop: Arc<AtomicBool>,
}

impl Door {
    pub(crate) fn open(
        socket: UdpSocket,
        core: Arc<Core>,
        runtime: Handle,
        stop: Arc<AtomicBool>,
    ) -> io::Result<Arc<Self>> {
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(Duration::from_millis(STOP_CHECK_MS)))?;
        // Wishes: the kernel's own limits may be lower, and only a privileged process may go beyond them.
        let _wish = setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_BYTES)
            .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER_BYTES));
        let _wish = setsockopt(&socket, sockopt::SndBufForce, &SEND_BUFFER_BYTES)
            .or_else(|_| setsockopt(&socket, sockopt::SndBuf, &SEND_BUFFER_BYTES));
        let local = socket.local_addr()?;
        if local.ip().is_unspecified() {
            match local {
                SocketAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?,
                SocketAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?,
            }
        }
        Ok(Arc::new(Self { socket, core, runtime, stop }))
    }

    /// Serves until told to stop.
    pub(crate) fn serve(self: &Arc<Self>) {
        let (mut inbox, mut outbox) = (Inbox::new(), Outbox::new());
        while !self.stop.load(Ordering::Relaxed) {
            let mut tally = Statistics::default();
            let mut clock = None;
            let received = inbox.receive(self.socket.as_fd(), |received| {
                let now_s = *clock.get_or_insert_with(|| self.core.clock.now_s());
                self.handle(received, now_s, &mut outbox, &mut tally);
            });
            // Of all replies, those for which `handle` has counted an answer.
            let unsent = outbox.send(self.socket.as_fd());
            tally.unsent += unsent;
            tally.answered = tally.answered.saturating_sub(unsent);
            self.core.counters.add(&tally);
            match received {
                Ok(_) => {}
                Err(error) if is_quiet(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot receive questions");
                    thread::sleep(Duration::from_millis(REST_MS));
                }
            }
        }
    }

    fn handle(
        self: &Arc<Self>,
        received: Received<'_>,
        now_s: u32,
        outbox: &mut Outbox,
        tally: &mut Statistics,
    ) {
        let Received { packet, peer, local, sender } = received;
        if REFLECTING_PORTS.contains(&peer.port()) {
            tally.malformed += 1;
            return;
        }
        let client = peer.ip().to_canonical();
        if !self.core.may_ask(client, sender, now_s, tally) {
            return;
        }
        let mut pending = None;
        outbox.add(peer, local, |bytes| {
            let incoming = Incoming { packet, client, sender, channel: Channel::Udp, now_s };
            match self.core.responder.respond(incoming, bytes, tally) {
                Response::Ready => {
                    tally.answered += 1;
                    true
                }
                Response::Silence => false,
                Response::Pending(question) => {
                    pending = Some(question);
                    false
                }
            }
        });
        if let Some(pending) = pending {
            self.postpone(pending, peer, local, tally);
        }
    }

    /// Leaves a question to the runtime, if its client does not have too many there already.
    fn postpone(
        self: &Arc<Self>,
        pending: Box<Pending>,
        peer: SocketAddr,
        local: Option<Local>,
        tally: &mut Statistics,
    ) {
        let Some(ticket) = self.core.waiting.enter(pending.client, pending.share) else {
            tally.dropped += 1;
            return;
        };
        let door = Arc::clone(self);
        self.runtime.spawn(async move {
            let mut reply = Vec::new();
            if door.core.settle(&pending, &mut reply).await {
                let mut outbox = Outbox::new();
                outbox.add(peer, local, |bytes| {
                    *bytes = reply;
                    true
                });
                let unsent = outbox.send(door.socket.as_fd());
                door.core.counters.add(&Statistics {
                    answered: u64::from(unsent == 0),
                    unsent,
                    ..Statistics::default()
                });
            }
            drop(ticket);
        });
    }
}

fn is_quiet(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn a_socket_without_marks_is_told() {
        let socket = || UdpSocket::bind("127.0.0.1:0").unwrap();
        let none = || UdpSocket::from(OwnedFd::from(File::open("/dev/null").unwrap()));
        for (sockets, expected) in [
            (vec![], true),
            (vec![socket(), socket()], true),
            (vec![socket(), none()], false),
            (vec![none(), socket()], false),
        ] {
            assert_eq!(want_marks(&sockets).is_ok(), expected, "{sockets:?}");
        }
    }
}
