//! How many connections the gate takes, whose they are, and what each is used for.
//!
//! Invariant: the gate never uses more descriptors than it was given.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Mac, Subject};
use policy::Claim;
use seats::{Eviction, Pulse, Seats, Standing};

/// Connections above the limit for the moment that an evicted one takes to close.
const OVERCOMMIT: usize = Seats::<Client>::OVERCOMMIT;
/// Descriptors left to the other rooms at least: DNS sockets, the portal, the journal, the store.
const RESERVE: usize = 128;
/// Descriptors of a connection at its worst: the client, the server, and one more attempt while it dials.
const PER_CONNECTION: usize = 3;
/// All connections, however many descriptors there are: thirty for each of 270 devices, more than any school
/// has. The journal remembers twice as many open accesses, so that each of these gets its closing.
const CONNECTIONS_MAX: usize = 8192;
/// Connections of one device: a browser opens some hundred, a busy server room behind one address more.
const PER_CLIENT_MAX: usize = 2048;

/// How many of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Connections in all.
    pub(crate) connections: usize,
    /// Those of one device.
    pub(crate) per_client: usize,
    /// Pipes that relays may hold between them.
    pub(crate) pipes: usize,
}

impl Limits {
    /// What `descriptors` open files suffice for: an eighth for the other rooms, a sixteenth of them in pairs
    /// for pipes, the rest for connections. No device gets more than three quarters of these.
    pub(crate) fn of(descriptors: usize) -> Self {
        /// Beyond this, more pipes only pin more kernel memory: 256 of 256 KiB are 64 MiB.
        const PIPES: usize = 256;
        let pipes = (descriptors / 16).min(PIPES);
        let reserve = (descriptors / 8).clamp(RESERVE, 8 * RESERVE);
        let left = descriptors.saturating_sub(reserve).saturating_sub(2 * pipes);
        let connections =
            (left / PER_CONNECTION).saturating_sub(OVERCOMMIT).clamp(OVERCOMMIT, CONNECTIONS_MAX);
        Self { connections, per_client: (connections / 4 * 3).min(PER_CLIENT_MAX), pipes }
    }
}

/// A device, by its hardware address where the kernel knows it: IPv6 gives a machine as many addresses as it
/// likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    Device(Mac),
    Address(IpAddr),
}

impl Client {
    pub(crate) fn of(subject: &Subject, address: IpAddr) -> Self {
        subject.mac().map_or(Self::Address(address.to_canonical()), Self::Device)
    }
}

/// What a connection is used for: by TLS and HTTP/1 for one thing at a time, by HTTP/2 for several.
#[derive(Debug, Default)]
struct Uses {
    /// Few at once, by their numbers: room that was made stays.
    claims: Vec<(u64, Claim)>,
    next: u64,
    /// Something that it was used for is no longer permitted.
    has_lapsed: bool,
}

/// Stands for one use of a connection.
#[derive(Debug)]
pub(crate) struct Grant(u64);

/// The place of one connection at the gate, until it is dropped.
pub(crate) struct Seat {
    place: seats::Seat<Client>,
    uses: Mutex<Uses>,
}

impl Seat {
    /// A place for a new connection, as [`Seats::take`] gives it.
    pub(crate) fn take(
        seats: &Arc<Seats<Client>>,
        client: Client,
        limits: Limits,
    ) -> Option<(Self, Eviction)> {
        let (place, eviction) = seats.take(client, limits.per_client)?;
        Some((Self { place, uses: Mutex::default() }, eviction))
    }

    /// The connection has said what it wants.
    pub(crate) fn decide(&self) {
        self.place.decide();
    }

    /// The connection is used for this from now on.
    pub(crate) fn grant(&self, claim: Claim) -> Grant {
        let mut uses = self.lock_uses();
        let number = uses.next;
        uses.next += 1;
        uses.claims.push((number, claim));
        Grant(number)
    }

    /// The connection is no longer used for that; true when something that it was used for was no longer permitted.
    pub(crate) fn end_grant(&self, grant: &Grant) -> bool {
        let mut uses = self.lock_uses();
        uses.claims.retain(|(number, _)| *number != grant.0);
        uses.has_lapsed
    }

    /// Takes back what is no longer permitted; true when there was something.
    pub(crate) fn review(&self, still_permits: impl Fn(&Claim) -> bool) -> bool {
        let mut uses = self.lock_uses();
        uses.has_lapsed |= !uses.claims.iter().all(|(_, claim)| still_permits(claim));
        uses.has_lapsed
    }

    fn lock_uses(&self) -> MutexGuard<'_, Uses> {
        // Claims come and go whole.
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection's pulse, which beats for whatever moves on it.
    pub(crate) fn pulse(&self) -> &Pulse {
        self.place.pulse()
    }

    /// What decides whether it leaves first, where it goes on to the box's own pages.
    pub(crate) fn standing(&self) -> &Arc<Standing> {
        self.place.standing()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_suffice_for_every_connection() {
        for descriptors in [256, 1024, 4096, 65_536, 1 << 20] {
            let limits = Limits::of(descriptors);
            let used = (limits.connections + OVERCOMMIT) * PER_CONNECTION + 2 * limits.pipes;
            assert!(used + RESERVE <= descriptors, "{descriptors}: {limits:?}");
            assert!(limits.per_client < limits.connections);
        }
        // A classroom behind one address, with the limit that `ulimit -Hn` shows on any machine.
        assert!(Limits::of(4096).per_client >= 500);
        assert_eq!(Limits::of(1 << 20).connections, CONNECTIONS_MAX);
        assert_eq!(Limits::of(usize::MAX).per_client, PER_CLIENT_MAX);
    }
}
