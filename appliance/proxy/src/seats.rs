//! How many connections there are, and who has to leave when there are too many.
//!
//! Invariant: the gate never uses more descriptors than it was given, and no device can keep another, or its
//! own honest requests, from a connection by opening many that say nothing.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Mac, Subject};
use tokio::sync::oneshot;

/// Descriptors left to the other rooms at least: DNS sockets, the portal, the journal, the store.
const RESERVE: usize = 128;
/// Descriptors of a connection at its worst: the client, the server, and one more attempt while it dials.
const PER_CONNECTION: usize = 3;
/// Connections of one device: a browser opens some hundred, a busy server room behind one address more.
const PER_CLIENT: usize = 2048;
/// Undecided connections of one device: an honest one is decided within a round trip, so that this many mean a
/// burst of a thousand tabs, or an attack.
const UNDECIDED_PER_CLIENT: usize = 1024;
/// Connections above the limit for the moment that an evicted one takes to close.
const OVERCOMMIT: usize = 16;

/// How many of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    connections: usize,
    per_client: usize,
    undecided: usize,
    undecided_per_client: usize,
    /// Pipes that relays may hold between them.
    pub(crate) pipes: usize,
}

impl Limits {
    /// What `descriptors` open files suffice for: an eighth for the other rooms, a sixteenth of them in pairs
    /// for pipes, the rest for connections. No device gets more than three quarters of these, and half of
    /// them may be undecided.
    pub(crate) fn of(descriptors: usize) -> Self {
        /// Beyond this, more pipes only pin more kernel memory: 256 of 256 KiB are 64 MiB.
        const PIPES: usize = 256;
        let pipes = (descriptors / 16).min(PIPES);
        let reserve = (descriptors / 8).clamp(RESERVE, 8 * RESERVE);
        let left = descriptors.saturating_sub(reserve).saturating_sub(2 * pipes);
        let connections = (left / PER_CONNECTION).saturating_sub(OVERCOMMIT).max(OVERCOMMIT);
        Self {
            connections,
            per_client: (connections / 4 * 3).min(PER_CLIENT),
            undecided: connections / 2,
            undecided_per_client: (connections / 2).min(UNDECIDED_PER_CLIENT),
            pipes,
        }
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

/// All connections of the gate.
pub(crate) struct Seats {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    taken: usize,
    undecided: usize,
    next: u64,
    clients: HashMap<Client, Places>,
}

#[derive(Default)]
struct Places {
    taken: usize,
    /// The undecided ones in the order of their arrival, each with the way to tell it to leave.
    undecided: BTreeMap<u64, oneshot::Sender<()>>,
}

impl Seats {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, state: Mutex::default() })
    }

    /// A seat for a new connection; `None` when there is none for this client. When all are taken, an
    /// undecided connection leaves for this one.
    pub(crate) fn take(self: &Arc<Self>, client: Client) -> Option<Seat> {
        let mut state = self.lock();
        if state.clients.get(&client).is_some_and(|places| places.taken >= self.limits.per_client) {
            return None;
        }
        if state.taken >= self.limits.connections {
            let has_room = state.taken < self.limits.connections + OVERCOMMIT;
            if !has_room || !state.evict_from_largest() {
                return None;
            }
        }
        state.taken += 1;
        state.clients.entry(client).or_default().taken += 1;
        drop(state);
        Some(Seat { seats: Arc::clone(self), client })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock; were it so, the counts would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Tells the oldest undecided connection of the client that has most of them to leave.
    fn evict_from_largest(&mut self) -> bool {
        let largest = self.clients.values_mut().max_by_key(|places| places.undecided.len());
        let has_left = largest.is_some_and(Places::evict_oldest);
        self.undecided -= usize::from(has_left);
        has_left
    }

    fn leave(&mut self, client: Client) {
        self.taken = self.taken.saturating_sub(1);
        if let Some(places) = self.clients.get_mut(&client) {
            places.taken = places.taken.saturating_sub(1);
            if places.taken == 0 {
                self.undecided = self.undecided.saturating_sub(places.undecided.len());
                self.clients.remove(&client);
            }
        }
    }

    fn decide(&mut self, client: Client, number: u64) {
        let places = self.clients.get_mut(&client);
        if places.and_then(|places| places.undecided.remove(&number)).is_some() {
            self.undecided = self.undecided.saturating_sub(1);
        }
    }
}

impl Places {
    fn evict_oldest(&mut self) -> bool {
        let Some((_, leave)) = self.undecided.pop_first() else { return false };
        // A receiver that is gone has left already.
        let _ = leave.send(());
        true
    }
}

/// The place of one connection, until it is dropped.
pub(crate) struct Seat {
    seats: Arc<Seats>,
    client: Client,
}

impl Seat {
    /// Marks the connection as undecided until the returned value is dropped.
    pub(crate) fn wait(self: &Arc<Self>) -> Undecided {
        let (leave, told) = oneshot::channel();
        let limits = self.seats.limits;
        let mut state = self.seats.lock();
        let number = state.next;
        state.next += 1;
        state.undecided += 1;
        let is_crowded = state.undecided > limits.undecided;
        let places = state.clients.entry(self.client).or_default();
        places.undecided.insert(number, leave);
        if places.undecided.len() > limits.undecided_per_client {
            let has_left = places.evict_oldest();
            state.undecided -= usize::from(has_left);
        } else if is_crowded {
            state.evict_from_largest();
        }
        drop(state);
        Undecided { seat: Arc::clone(self), number, told }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.lock().leave(self.client);
    }
}

/// A connection that has not yet said what it wants.
pub(crate) struct Undecided {
    seat: Arc<Seat>,
    number: u64,
    told: oneshot::Receiver<()>,
}

impl Undecided {
    /// Ends when the connection has to leave for another.
    pub(crate) async fn evicted(&mut self) {
        // The sender lives in the table for as long as this value does.
        let _ = (&mut self.told).await;
    }

    #[cfg(test)]
    fn is_evicted(&mut self) -> bool {
        self.told.try_recv().is_ok()
    }
}

impl Drop for Undecided {
    fn drop(&mut self) {
        self.seat.seats.lock().decide(self.seat.client, self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> Client {
        Client::Address(IpAddr::from([10, 77, 0, last]))
    }

    fn limits(
        connections: usize,
        per_client: usize,
        undecided: usize,
        undecided_per_client: usize,
    ) -> Limits {
        Limits { connections, per_client, undecided, undecided_per_client, pipes: 0 }
    }

    /// Undecided and all connections.
    fn counts(seats: &Seats) -> (usize, usize) {
        let state = seats.lock();
        (state.undecided, state.taken)
    }

    #[test]
    fn descriptors_suffice_for_every_connection() {
        for descriptors in [256, 1024, 4096, 65_536, 1 << 20] {
            let limits = Limits::of(descriptors);
            let used = (limits.connections + OVERCOMMIT) * PER_CONNECTION + 2 * limits.pipes;
            assert!(used + RESERVE <= descriptors, "{descriptors}: {limits:?}");
            assert!(limits.per_client < limits.connections);
        }
        // A classroom behind one address, with the limit that `ulimit -Hn` shows on any machine.
        assert!(Limits::of(4096).undecided_per_client >= 500);
        assert!(Limits::of(65_536).per_client - Limits::of(65_536).undecided_per_client >= 1024);
    }

    #[test]
    fn a_client_has_its_limit_and_seats_come_back() {
        let seats = Seats::new(limits(10, 2, 10, 10));
        let first = seats.take(client(1));
        let second = seats.take(client(1));
        assert!(first.is_some() && second.is_some());
        assert!(seats.take(client(1)).is_none());
        assert!(seats.take(client(2)).is_some());
        drop(first);
        assert!(seats.take(client(1)).is_some());
        drop(second);
        assert!(seats.lock().clients.is_empty(), "nobody is remembered");
    }

    #[test]
    fn the_oldest_undecided_leaves_for_the_newest() {
        let seats = Seats::new(limits(10, 10, 10, 2));
        let seat = |last| Arc::new(seats.take(client(last)).unwrap());
        let mut waiting: Vec<Undecided> = (0..4).map(|_| seat(1).wait()).collect();
        let mut other = seat(2).wait();
        let evicted: Vec<bool> = waiting.iter_mut().map(Undecided::is_evicted).collect();
        assert_eq!(evicted, [true, true, false, false]);
        assert!(!other.is_evicted());
        drop(waiting);
        drop(other);
        assert_eq!(counts(&seats), (0, 0));
    }

    #[test]
    fn a_full_house_makes_room_at_the_cost_of_the_largest() {
        let seats = Seats::new(limits(4, 4, 4, 4));
        let mut silent: Vec<Undecided> =
            (0..3).map(|_| Arc::new(seats.take(client(1)).unwrap()).wait()).collect();
        let decided = seats.take(client(2)).unwrap();
        let newcomer = seats.take(client(3));
        assert!(newcomer.is_some());
        assert_eq!(silent.iter_mut().map(Undecided::is_evicted).collect::<Vec<_>>(), [true, false, false]);
        drop((decided, newcomer, silent));
        assert_eq!(counts(&seats), (0, 0));
    }

    #[test]
    fn a_house_full_of_decided_connections_refuses() {
        let seats = Seats::new(limits(2, 2, 2, 2));
        let held = [seats.take(client(1)), seats.take(client(2))];
        assert!(held.iter().all(Option::is_some));
        assert!(seats.take(client(3)).is_none());
    }
}
