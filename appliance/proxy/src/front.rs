//! The way to the box's own pages, in clear and by TLS: the gate leads there, and does not look inside TLS.
//!
//! Invariant: no device, nor all unknown ones together, takes from the others what the portal has; and what came through a
//! connection of one device is never another's.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::DomainName;
use seats::{Eviction, Seat, Seats, Share, Throttle};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::alert::reset;
use crate::dial::{DialError, tune};
use crate::gate::{Caller, Gate};
use crate::relay::{Side, Traffic, relay};

/// Connections to the box's own pages, by both ways together: three for each of 250 devices, and fewer than the portal takes
/// by one way, so that one in clear never closes those by TLS.
const CONNECTIONS_MAX: usize = 768;
/// Those of one device: a browser and a system ask for names on a few each.
const OF_DEVICE_MAX: usize = 32;
/// Those of all unknown devices together: enough to read pages and ask for a site before anybody has registered them.
const OF_UNKNOWN_MAX: usize = 128;

/// The first of the loopback addresses that the gate calls the portal from ...
const FIRST_END: u32 = Ipv4Addr::new(127, 1, 0, 0).to_bits();
/// ... and how many there are, up to 127.254.255.255.
const ENDS: u32 = 254 << 16;

/// The gate's connections to the box's own pages.
#[derive(Debug)]
pub(crate) struct Front {
    seats: Arc<Seats<Share>>,
    callers: Arc<Callers>,
    /// Connections that have been begun.
    begun: AtomicU64,
    complaint: Throttle,
}

impl Default for Front {
    fn default() -> Self {
        Self {
            seats: Seats::new(CONNECTIONS_MAX),
            callers: Arc::default(),
            begun: AtomicU64::new(0),
            complaint: Throttle::default(),
        }
    }
}

impl Front {
    pub(crate) fn callers(&self) -> &Arc<Callers> {
        &self.callers
    }

    /// A socket to call the portal with. No two have the same address until sixteen million others have come between,
    /// so the portal, which takes them in their order, can never hold what is left of one for another.
    fn bind(&self) -> io::Result<(TcpSocket, SocketAddr)> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed) % u64::from(ENDS);
        let number = u32::try_from(number).unwrap_or_default();
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::from_bits(FIRST_END + number), 0).into())?;
        let end = socket.local_addr()?;
        Ok((socket, end))
    }

    fn complain(&self, address: IpAddr) {
        if let Some(kept_back) = self.complaint.pass() {
            tracing::warn!(
                client = %address,
                kept_back,
                "a device, or the unknown ones together, have too many connections to the box's own pages: one is given up"
            );
        }
    }
}

/// Who stands behind the connections that the gate makes to the portal. The portal sees the gate at the other end, and must
/// know whom it talks to; bytes before the hello would tell it too, but its server takes none.
#[derive(Debug, Default)]
pub struct Callers(Mutex<HashMap<SocketAddr, IpAddr>>);

impl Callers {
    /// Who talks through the connection whose far end is `end`; `None` when the gate did not make it, or has ended it.
    #[must_use]
    pub fn find(&self, end: SocketAddr) -> Option<IpAddr> {
        self.lock().get(&end).copied()
    }

    /// Notes whom a connection of the gate belongs to, until the note is dropped.
    fn note(self: &Arc<Self>, end: SocketAddr, address: IpAddr) -> Note {
        self.lock().insert(end, address.to_canonical());
        Note { callers: Arc::clone(self), end }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, IpAddr>> {
        // Entries come and go whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An entry among the [`Callers`].
#[derive(Debug)]
struct Note {
    callers: Arc<Callers>,
    end: SocketAddr,
}

impl Drop for Note {
    fn drop(&mut self) {
        self.callers.lock().remove(&self.end);
    }
}

/// What a connection to the box's own pages holds: its seat among them, and the note of whose it is.
#[derive(Debug)]
pub(crate) struct Visit {
    front: Arc<Front>,
    address: IpAddr,
    seat: Seat<Share>,
    note: Note,
    eviction: Eviction,
}

impl Visit {
    /// Waits for the end of the connection; `None` when it has to leave for another before.
    pub(crate) async fn carry<T>(self, carrying: impl Future<Output = T>) -> Option<T> {
        let Self { front, address, seat, note, eviction } = self;
        let outcome = tokio::select! {
            outcome = carrying => Some(outcome),
            Ok(()) = eviction => None,
        };
        if outcome.is_none() {
            front.complain(address);
        }
        drop((seat, note));
        outcome
    }
}

impl Gate {
    /// Whether TLS with this server name is for the box itself.
    pub(crate) fn is_front_name(&self, name: &DomainName) -> bool {
        let portal = self.settings().portal.as_ref().filter(|portal| portal.tls_address.is_some());
        portal.is_some_and(|portal| portal.names.contains(name))
    }

    /// Whether TLS to this address is for the box itself.
    pub(crate) fn is_front_address(&self, address: IpAddr) -> bool {
        let has_front = self.settings().portal.as_ref().is_some_and(|portal| portal.tls_address.is_some());
        has_front && self.is_own_address(address)
    }

    /// Connects to the box's own pages for a caller that has, or finds, a seat among those who do. Before the portal hears
    /// of the connection, it can learn whose it is.
    pub(crate) async fn visit_front(
        &self,
        to: SocketAddrV4,
        caller: &Caller,
    ) -> Result<(TcpStream, Visit), DialError> {
        let (front, share) = (Arc::clone(self.front()), self.share_of(caller));
        let address = caller.address.ip();
        let own_max = share.size(OF_DEVICE_MAX, OF_UNKNOWN_MAX);
        let standing = Arc::clone(caller.seat.standing());
        let Some((seat, eviction)) = front.seats.take_for(share, own_max, standing) else {
            front.complain(address);
            return Err(DialError::TimedOut);
        };
        let (socket, end) = front.bind().map_err(DialError::Refused)?;
        let note = front.callers.note(end, address);
        let stream = timeout(self.settings().timeouts.connect, socket.connect(to.into()))
            .await
            .map_err(|_| DialError::TimedOut)?
            .map_err(DialError::Refused)?;
        tune(&stream);
        Ok((stream, Visit { front, address, seat, note, eviction }))
    }

    /// Carries a connection whose hello was for the box itself. `said` is what was read of it. No admission, as with the
    /// portal by HTTP: nothing leaves the box.
    pub(crate) async fn lead_to_front(&self, client: TcpStream, said: Vec<u8>, caller: &Caller) {
        let Some(to) = self.settings().portal.as_ref().and_then(|portal| portal.tls_address) else {
            return reset(&client);
        };
        let (server, visit) = match self.visit_front(to, caller).await {
            Ok(reached) => reached,
            Err(error) => {
                tracing::debug!(%to, %error, "the portal is not reached");
                return reset(&client);
            }
        };
        let (unrecorded, idle) = (Traffic::default(), self.settings().timeouts.idle);
        let client = Side { stream: client, said };
        let carrying = relay(client, server.into(), self.pipes(), &unrecorded, caller.seat.pulse(), idle);
        if let Some(Err(error)) = visit.carry(carrying).await {
            tracing::debug!(%error, "a connection to the portal broke off");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_two_connections_have_one_end() {
        let front = Front::default();
        let ends: std::collections::HashSet<_> = (0..500).map(|_| front.bind().unwrap().1.ip()).collect();
        assert_eq!(ends.len(), 500);
        assert!(ends.iter().all(IpAddr::is_loopback));
        front.begun.store(u64::from(ENDS) - 1, Ordering::Relaxed);
        let turn = [(); 2].map(|()| front.bind().unwrap().1.ip().to_string());
        assert_eq!(turn, ["127.254.255.255", "127.1.0.0"]);
    }

    #[test]
    fn a_caller_is_known_as_long_as_the_note_lasts() {
        let callers = Arc::new(Callers::default());
        let [one, other] = [1, 2].map(|last| SocketAddr::from(([127, 1, 0, last], 9)));
        let note = callers.note(one, "::ffff:10.77.0.11".parse().unwrap());
        assert_eq!((callers.find(one), callers.find(other)), (Some([10, 77, 0, 11].into()), None));
        drop(note);
        assert_eq!(callers.find(one), None);
    }
}
