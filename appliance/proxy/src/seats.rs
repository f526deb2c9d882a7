//! How many connections there are, and who has to leave when there are too many.
//!
//! A newcomer finds a seat at the cost of the device that has the most: its oldest connection that has not yet
//! said what it wants has to leave, else the one on which nothing has moved for the longest time.
//!
//! Invariant: the gate never uses more descriptors than it was given, and no device loses a seat to one that
//! has more.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Mac, Subject};
use policy::Claim;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::pulse::Pulse;

/// Descriptors left to the other rooms at least: DNS sockets, the portal, the journal, the store.
const RESERVE: usize = 128;
/// Descriptors of a connection at its worst: the client, the server, and one more attempt while it dials.
const PER_CONNECTION: usize = 3;
/// All connections, however many descriptors there are: thirty for each of 270 devices, more than any school
/// has. The journal remembers twice as many open accesses, so that each of these gets its closing.
const CONNECTIONS_MAX: usize = 8192;
/// Connections of one device: a browser opens some hundred, a busy server room behind one address more.
const PER_CLIENT_MAX: usize = 2048;
/// Connections above the limit for the moment that an evicted one takes to close.
const OVERCOMMIT: usize = 16;
/// The part of these that a device may use which has more than half the seats of the largest: one that opens
/// connections faster than others can leave turns itself away, and not those who have few.
const OVERCOMMIT_OF_LARGE: usize = OVERCOMMIT / 2;

/// How many of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    connections: usize,
    per_client: usize,
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

/// All connections of the gate.
pub(crate) struct Seats {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Connections that hold descriptors, also those that were told to leave.
    open: usize,
    /// Those that were not.
    seated: usize,
    next: u64,
    clients: HashMap<Client, Places>,
}

/// The seats of one device.
#[derive(Default)]
struct Places {
    /// Whoever comes first leaves first, as far as is known: ranks only rise, and are looked at again when it
    /// matters.
    queue: BTreeMap<Rank, Place>,
    ranks: HashMap<u64, Rank>,
}

/// Whether a connection is decided, when something last moved on it, and its number.
type Rank = (bool, Instant, u64);

struct Place {
    standing: Arc<Standing>,
    leave: oneshot::Sender<()>,
}

/// What decides who leaves first.
struct Standing {
    is_decided: AtomicBool,
    pulse: Pulse,
    uses: Mutex<Uses>,
}

/// What a connection is used for: by TLS and HTTP/1 for one thing at a time, by HTTP/2 for several.
#[derive(Debug, Default)]
struct Uses {
    claims: BTreeMap<u64, Claim>,
    next: u64,
    /// Something that it was used for is no longer permitted.
    has_lapsed: bool,
}

/// Stands for one use of a connection.
#[derive(Debug)]
pub(crate) struct Grant(u64);

impl Standing {
    fn rank(&self, number: u64) -> Rank {
        (self.is_decided.load(Ordering::Relaxed), self.pulse.last(), number)
    }
}

/// Resolves when the connection has to leave for another.
pub(crate) type Eviction = oneshot::Receiver<()>;

impl Seats {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, state: Mutex::default() })
    }

    /// A seat for a new connection. Where none is free, another connection is told to leave; `None` while too
    /// many of these are still there.
    pub(crate) fn take(self: &Arc<Self>, client: Client) -> Option<(Seat, Eviction)> {
        let limits = self.limits;
        let mut state = self.lock();
        let (largest, most) = state.find_largest(client);
        let own = state.count(client);
        let overcommit = if own > most / 2 { OVERCOMMIT_OF_LARGE } else { OVERCOMMIT };
        if state.open >= limits.connections + overcommit {
            return None;
        }
        if own >= limits.per_client {
            state.evict_from(client);
        } else if state.seated >= limits.connections {
            state.evict_from(largest);
        }
        let (leave, eviction) = oneshot::channel();
        let standing = Arc::new(Standing {
            is_decided: AtomicBool::new(false),
            pulse: Pulse::new(),
            uses: Mutex::default(),
        });
        let number = state.sit(client, Place { standing: Arc::clone(&standing), leave });
        drop(state);
        Some((Seat { seats: Arc::clone(self), client, number, standing }, eviction))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock; were it so, the counts would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn sit(&mut self, client: Client, place: Place) -> u64 {
        let number = self.next;
        self.next += 1;
        self.open += 1;
        self.seated += 1;
        self.clients.entry(client).or_default().insert(number, place);
        number
    }

    fn count(&self, client: Client) -> usize {
        self.clients.get(&client).map_or(0, Places::count)
    }

    /// The device that has the most seats, and how many; `newcomer` itself where it is one of several.
    fn find_largest(&self, newcomer: Client) -> (Client, usize) {
        let sizes = self.clients.iter().map(|(client, places)| (*client, places.count()));
        let largest = sizes.max_by_key(|(client, count)| (*count, *client == newcomer));
        largest.unwrap_or((newcomer, 0))
    }

    fn evict_from(&mut self, client: Client) {
        if let Some(place) = self.remove(client, Places::pop_first) {
            // A receiver that is gone has left already.
            let _ = place.leave.send(());
        }
    }

    fn remove(&mut self, client: Client, choose: impl FnOnce(&mut Places) -> Option<Place>) -> Option<Place> {
        let places = self.clients.get_mut(&client)?;
        let place = choose(places)?;
        if places.count() == 0 {
            self.clients.remove(&client);
        }
        self.seated = self.seated.saturating_sub(1);
        Some(place)
    }
}

impl Places {
    fn count(&self) -> usize {
        self.queue.len()
    }

    fn insert(&mut self, number: u64, place: Place) {
        let rank = place.standing.rank(number);
        self.ranks.insert(number, rank);
        self.queue.insert(rank, place);
    }

    fn remove(&mut self, number: u64) -> Option<Place> {
        let rank = self.ranks.remove(&number)?;
        self.queue.remove(&rank)
    }

    fn pop_first(&mut self) -> Option<Place> {
        loop {
            let (rank, place) = self.queue.pop_first()?;
            let (.., number) = rank;
            if place.standing.rank(number) == rank {
                self.ranks.remove(&number);
                return Some(place);
            }
            // It has moved on since it was ranked.
            self.insert(number, place);
        }
    }
}

/// The place of one connection, until it is dropped.
pub(crate) struct Seat {
    seats: Arc<Seats>,
    client: Client,
    number: u64,
    standing: Arc<Standing>,
}

impl Seat {
    /// The connection has said what it wants.
    pub(crate) fn decide(&self) {
        self.standing.is_decided.store(true, Ordering::Relaxed);
        self.pulse().beat();
    }

    /// The connection is used for this from now on.
    pub(crate) fn grant(&self, claim: Claim) -> Grant {
        let mut uses = self.lock_uses();
        let number = uses.next;
        uses.next += 1;
        uses.claims.insert(number, claim);
        Grant(number)
    }

    /// The connection is no longer used for that; true when something that it was used for was no longer permitted.
    pub(crate) fn end_grant(&self, grant: &Grant) -> bool {
        let mut uses = self.lock_uses();
        uses.claims.remove(&grant.0);
        uses.has_lapsed
    }

    /// Takes back what is no longer permitted; true when there was something.
    pub(crate) fn review(&self, still_permits: impl Fn(&Claim) -> bool) -> bool {
        let mut uses = self.lock_uses();
        uses.has_lapsed |= !uses.claims.values().all(still_permits);
        uses.has_lapsed
    }

    fn lock_uses(&self) -> MutexGuard<'_, Uses> {
        // Claims come and go whole.
        self.standing.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection's pulse, which beats for whatever moves on it.
    pub(crate) fn pulse(&self) -> &Pulse {
        &self.standing.pulse
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.seats.lock();
        state.open = state.open.saturating_sub(1);
        // One that was told to leave has lost its place already.
        drop(state.remove(self.client, |places| places.remove(self.number)));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    impl Seats {
        /// Open connections, and those of them that were not told to leave.
        fn counts(&self) -> (usize, usize) {
            let state = self.lock();
            (state.open, state.seated)
        }
    }

    fn client(name: char) -> Client {
        Client::Address(IpAddr::from([10, 77, 0, u8::try_from(name).unwrap()]))
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
        assert!(Limits::of(4096).per_client >= 500);
        assert_eq!(Limits::of(1 << 20).connections, CONNECTIONS_MAX);
        assert_eq!(Limits::of(usize::MAX).per_client, PER_CLIENT_MAX);
    }

    /// Seats of a house with six places, four at most for one device. `arrivals` come one second after another:
    /// a letter is a device that opens a connection, capital when it says what it wants; a digit is something
    /// that moves on the connection of that number. The last arrival is the newcomer: these have to leave for
    /// it.
    async fn check(arrivals: &str, expected: &[usize]) {
        let seats = Seats::new(Limits { connections: 6, per_client: 4, pipes: 0 });
        let mut taken: Vec<(Seat, Eviction)> = Vec::new();
        for arrival in arrivals.chars() {
            advance(Duration::from_secs(1)).await;
            match arrival.to_digit(10) {
                Some(number) => taken[usize::try_from(number).unwrap()].0.pulse().beat(),
                None => {
                    let (seat, eviction) = seats.take(client(arrival.to_ascii_lowercase())).unwrap();
                    if arrival.is_uppercase() {
                        seat.decide();
                    }
                    taken.push((seat, eviction));
                }
            }
        }
        let mut leaving = Vec::new();
        for (number, (_, eviction)) in taken.iter_mut().enumerate() {
            if eviction.try_recv().is_ok() {
                leaving.push(number);
            }
        }
        assert_eq!(leaving, expected, "{arrivals}");
        drop(taken);
        assert_eq!(seats.counts(), (0, 0), "{arrivals}: seats come back");
        assert!(seats.lock().clients.is_empty(), "{arrivals}: nobody is remembered");
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_for_whom() {
        // There is room.
        check("AAABBC", &[]).await;
        // The house is full: the device with the most, its longest idle connection.
        check("AAABBCD", &[0]).await;
        check("AAABBC0D", &[1]).await;
        check("AAABBC02D", &[1]).await;
        check("BAAABCD", &[1]).await;
        check("BAAABC123D", &[1]).await;
        // What is undecided leaves first, the oldest of it, but only of that device.
        check("AAaBBCD", &[2]).await;
        check("AaaBBCD", &[1]).await;
        check("AAABbcD", &[0]).await;
        check("bAAABCd", &[1]).await;
        // Whoever has the most leaves for himself, and takes nothing from others.
        check("AAABBCA", &[0]).await;
        check("AAAbbbA", &[0]).await;
        check("AAABBBB", &[3]).await;
        // A device that floods the house ends with what the others leave it, each time at its own cost.
        check("ABCaaaaaa", &[3, 4, 5]).await;
        check("BCDEFAAAAA", &[5, 6, 7, 8]).await;
        // One device's share is less than the house.
        check("AAAAA", &[0]).await;
        check("aaaaaaa", &[0, 1, 2]).await;
        check("AaaaA", &[1]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_are_told_to_leave_are_waited_for() {
        let seats = Seats::new(Limits { connections: 40, per_client: 30, pipes: 0 });
        let take = |name, count| -> Vec<_> { (0..count).map_while(|_| seats.take(client(name))).collect() };
        let mut large = take('a', 30);
        large.extend(take('b', 10));
        // The one that has many turns itself away before those who have few are.
        large.extend(take('a', OVERCOMMIT));
        assert_eq!(large.len(), 40 + OVERCOMMIT_OF_LARGE);
        let few = take('c', OVERCOMMIT);
        assert_eq!(few.len(), OVERCOMMIT - OVERCOMMIT_OF_LARGE, "the descriptors are used up");
        assert_eq!(seats.counts(), (40 + OVERCOMMIT, 40));
        large.remove(0);
        assert_eq!(take('c', 2).len(), 1);
    }
}
