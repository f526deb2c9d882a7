//! The way to the box's own pages by TLS: the gate leads it there, and does not look inside.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::DomainName;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::alert::reset;
use crate::dial::tune;
use crate::gate::{Caller, Gate};
use crate::relay::{Side, Traffic, relay};
use crate::seats::Client;

/// Connections of one device to the box's own pages: a browser and a system ask for names on a few each. With more, one
/// device could take all that the portal has.
const OF_CLIENT_MAX: usize = 32;

/// Who stands behind the connections that the gate makes to the portal. The portal sees the gate at the other end, and must
/// know whom it talks to; bytes before the hello would tell it too, but its server takes none.
#[derive(Debug, Default)]
pub struct Callers(Mutex<HashMap<SocketAddr, (IpAddr, Client)>>);

impl Callers {
    /// Who talks through the connection whose far end is `end`; `None` when the gate did not make it.
    #[must_use]
    pub fn find(&self, end: SocketAddr) -> Option<IpAddr> {
        self.lock().get(&end).map(|(address, _)| *address)
    }

    /// Notes whom a connection of the gate belongs to, until the note is dropped. `None` when this client has enough.
    fn note(self: &Arc<Self>, end: SocketAddr, address: IpAddr, client: Client) -> Option<Note> {
        let mut callers = self.lock();
        let held = callers.values().filter(|(_, other)| *other == client).count();
        if held >= OF_CLIENT_MAX {
            return None;
        }
        callers.insert(end, (address.to_canonical(), client));
        Some(Note { callers: Arc::clone(self), end })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, (IpAddr, Client)>> {
        // Entries come and go whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An entry among the [`Callers`].
struct Note {
    callers: Arc<Callers>,
    end: SocketAddr,
}

impl Drop for Note {
    fn drop(&mut self) {
        self.callers.lock().remove(&self.end);
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

    /// Carries a connection whose hello was for the box itself. `said` is what was read of it. No admission, as with the
    /// portal by HTTP: nothing leaves the box.
    pub(crate) async fn lead_to_front(&self, client: TcpStream, said: Vec<u8>, caller: &Caller) {
        let Some(to) = self.settings().portal.as_ref().and_then(|portal| portal.tls_address) else {
            return reset(&client);
        };
        let server = match timeout(self.settings().timeouts.connect, TcpStream::connect(to)).await {
            Ok(Ok(server)) => server,
            Ok(Err(_)) | Err(_) => {
                tracing::debug!(%to, "the portal does not answer");
                return reset(&client);
            }
        };
        match self.carry_to_front(client, said, server, caller).await {
            Ok(()) => {}
            Err(error) => tracing::debug!(%error, "a connection to the portal broke off"),
        }
    }

    async fn carry_to_front(
        &self,
        client: TcpStream,
        said: Vec<u8>,
        server: TcpStream,
        caller: &Caller,
    ) -> io::Result<()> {
        tune(&server);
        // Before the portal hears a word.
        let note = self.callers().note(server.local_addr()?, caller.address.ip(), self.client_of(caller));
        let Some(note) = note else {
            reset(&client);
            return Ok(());
        };
        let (unrecorded, idle) = (Traffic::default(), self.settings().timeouts.idle);
        let client = Side { stream: client, said };
        let outcome =
            relay(client, server.into(), self.pipes(), &unrecorded, caller.seat.pulse(), idle).await;
        drop(note);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_its_share_and_gives_it_back() {
        let callers = Arc::new(Callers::default());
        let end = |port: usize| SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap()));
        let [one, other] = [11, 12].map(|last| IpAddr::from([10, 77, 0, last]));
        let note = |port, address| callers.note(end(port), address, Client::Address(address));
        let notes: Vec<_> = (1..=OF_CLIENT_MAX).map(|port| note(port, one).unwrap()).collect();
        assert!(note(1_000, one).is_none());
        let others = note(1_000, other).unwrap();
        assert_eq!(callers.find(end(1)), Some(one));
        assert_eq!(callers.find(end(1_000)), Some(other));
        assert_eq!(callers.find(end(1_001)), None);
        drop((notes, others));
        assert_eq!(callers.find(end(1)), None);
        assert!(note(1_000, one).is_some());
    }
}
