//! How many connections there are, and who has to leave when there are too many.
//!
//! A newcomer finds a seat at the cost of the client that has the most: its oldest connection that has not yet
//! said what it wants has to leave, else the one on which nothing has moved for the longest time.
//!
//! Invariant: there are never more connections than there is room for, and no client loses a seat to one that
//! has more.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::Pulse;

/// Connections above the limit for the moment that an evicted one takes to close.
const OVERCOMMIT: usize = 16;
/// The part of these that a client may use which has more than half the seats of the largest: one that opens
/// connections faster than others can leave turns itself away, and not those who have few.
const OVERCOMMIT_OF_LARGE: usize = OVERCOMMIT / 2;

/// All connections of a door, each of some client `C`: whoever shares what there is.
#[derive(Debug)]
pub struct Seats<C: Copy + Eq + Hash> {
    seats_max: usize,
    state: Mutex<State<C>>,
}

#[derive(Debug)]
struct State<C> {
    /// Connections that hold what a connection needs, also those that were told to leave.
    open: usize,
    /// Those that were not.
    seated: usize,
    next: u64,
    clients: HashMap<C, Places>,
}

/// The seats of one client.
#[derive(Debug, Default)]
struct Places {
    /// Whoever comes first leaves first, as far as is known: ranks only rise, and are looked at again when it
    /// matters.
    queue: BTreeMap<Rank, Place>,
    ranks: HashMap<u64, Rank>,
}

/// Whether a connection is decided, when something last moved on it, and its number.
type Rank = (bool, Instant, u64);

#[derive(Debug)]
struct Place {
    standing: Arc<Standing>,
    leave: oneshot::Sender<()>,
}

/// What decides who leaves first. A connection that goes on through another door has one standing at both.
#[derive(Debug)]
pub struct Standing {
    is_decided: AtomicBool,
    pulse: Pulse,
}

impl Standing {
    /// Of a connection that has not yet said what it wants.
    fn new() -> Self {
        Self { is_decided: AtomicBool::new(false), pulse: Pulse::default() }
    }

    fn rank(&self, number: u64) -> Rank {
        (self.is_decided.load(Ordering::Relaxed), self.pulse.last(), number)
    }
}

/// Resolves when the connection has to leave for another.
pub type Eviction = oneshot::Receiver<()>;

impl<C: Copy + Eq + Hash> Seats<C> {
    /// How many connections there may be above the limit, for the moment that evicted ones take to close.
    pub const OVERCOMMIT: usize = OVERCOMMIT;

    /// Room for so many connections.
    #[must_use]
    pub fn new(seats_max: usize) -> Arc<Self> {
        let state = State { open: 0, seated: 0, next: 0, clients: HashMap::new() };
        Arc::new(Self { seats_max, state: Mutex::new(state) })
    }

    /// A seat for a new connection of this client, which may have `own_max`. Where none is free, another connection is
    /// told to leave; `None` while too many of these are still there.
    pub fn take(self: &Arc<Self>, client: C, own_max: usize) -> Option<(Seat<C>, Eviction)> {
        self.take_for(client, own_max, Arc::new(Standing::new()))
    }

    /// The same for a connection that has a seat at another door.
    pub fn take_for(
        self: &Arc<Self>,
        client: C,
        own_max: usize,
        standing: Arc<Standing>,
    ) -> Option<(Seat<C>, Eviction)> {
        let mut state = self.lock();
        let (largest, most) = state.find_largest(client);
        let own = state.count(client);
        let overcommit = if own > most / 2 { OVERCOMMIT_OF_LARGE } else { OVERCOMMIT };
        if state.open >= self.seats_max + overcommit {
            return None;
        }
        if own >= own_max {
            state.evict_from(client);
        } else if state.seated >= self.seats_max {
            state.evict_from(largest);
        }
        let (leave, eviction) = oneshot::channel();
        let number = state.sit(client, Place { standing: Arc::clone(&standing), leave });
        drop(state);
        Some((Seat { seats: Arc::clone(self), client, number, standing }, eviction))
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        // Nothing panics while it holds the lock; were it so, the counts would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Copy + Eq + Hash> State<C> {
    fn sit(&mut self, client: C, place: Place) -> u64 {
        let number = self.next;
        self.next += 1;
        self.open += 1;
        self.seated += 1;
        self.clients.entry(client).or_default().insert(number, place);
        number
    }

    fn count(&self, client: C) -> usize {
        self.clients.get(&client).map_or(0, Places::count)
    }

    /// The client that has the most seats, and how many; `newcomer` itself where it is one of several.
    fn find_largest(&self, newcomer: C) -> (C, usize) {
        let sizes = self.clients.iter().map(|(client, places)| (*client, places.count()));
        let largest = sizes.max_by_key(|(client, count)| (*count, *client == newcomer));
        largest.unwrap_or((newcomer, 0))
    }

    fn evict_from(&mut self, client: C) {
        if let Some(place) = self.remove(client, Places::pop_first) {
            // A receiver that is gone has left already.
            let _ = place.leave.send(());
        }
    }

    fn remove(&mut self, client: C, choose: impl FnOnce(&mut Places) -> Option<Place>) -> Option<Place> {
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
#[derive(Debug)]
pub struct Seat<C: Copy + Eq + Hash> {
    seats: Arc<Seats<C>>,
    client: C,
    number: u64,
    standing: Arc<Standing>,
}

impl<C: Copy + Eq + Hash> Seat<C> {
    /// The connection has said what it wants.
    pub fn decide(&self) {
        self.standing.is_decided.store(true, Ordering::Relaxed);
        self.pulse().beat();
    }

    /// The connection's pulse, which beats for whatever moves on it.
    #[must_use]
    pub fn pulse(&self) -> &Pulse {
        &self.standing.pulse
    }

    /// What decides whether it leaves first, for another door that it goes through.
    #[must_use]
    pub fn standing(&self) -> &Arc<Standing> {
        &self.standing
    }
}

impl<C: Copy + Eq + Hash> Drop for Seat<C> {
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

    impl Seats<char> {
        /// Open connections, and those of them that were not told to leave.
        fn counts(&self) -> (usize, usize) {
            let state = self.lock();
            (state.open, state.seated)
        }
    }

    /// Seats of a house with six places, four at most for one device. `arrivals` come one second after another:
    /// a letter is a client that opens a connection, capital when it says what it wants; a digit is something
    /// that moves on the connection of that number. The last arrival is the newcomer: these have to leave for
    /// it.
    async fn check(arrivals: &str, expected: &[usize]) {
        let seats = Seats::new(6);
        let mut taken: Vec<(Seat<char>, Eviction)> = Vec::new();
        for arrival in arrivals.chars() {
            advance(Duration::from_secs(1)).await;
            match arrival.to_digit(10) {
                Some(number) => taken[usize::try_from(number).unwrap()].0.pulse().beat(),
                None => {
                    let (seat, eviction) = seats.take(arrival.to_ascii_lowercase(), 4).unwrap();
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
        let seats = Seats::new(40);
        let take = |name, count| -> Vec<_> { (0..count).map_while(|_| seats.take(name, 30)).collect() };
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
