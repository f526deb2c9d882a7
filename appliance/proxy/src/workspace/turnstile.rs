//! How many of something there are at once, of one device and of all: requests to workspaces on their way, uploads that are read.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use crate::seats::Client;

/// Requests at once, at most: a class of thirty with eight each.
const REQUESTS_MAX: usize = 256;
/// And at least, however few descriptors there are.
const REQUESTS_MIN: usize = 16;
/// The part of the descriptors that is for connections to workspaces: each request may need one. The gate leaves four times
/// as many to others.
const DESCRIPTOR_PART: usize = 32;
/// Of these, a device may have a quarter: its tabs hold some open for hours (WebSocket, events, long polls).
const CLIENT_PART: usize = 4;

/// Lets in while there is room, for a client `C` and for all.
pub(super) struct Turnstile<C: Copy + Eq + Hash = Client> {
    all_max: usize,
    own_max: usize,
    inside: Mutex<Inside<C>>,
}

/// How many are inside.
struct Inside<C> {
    all: usize,
    own: HashMap<C, usize>,
}

impl Turnstile {
    /// One for requests.
    pub(super) fn of_requests(descriptors_max: usize) -> Self {
        let requests_max = (descriptors_max / DESCRIPTOR_PART).clamp(REQUESTS_MIN, REQUESTS_MAX);
        Self::new(requests_max, requests_max / CLIENT_PART)
    }
}

impl<C: Copy + Eq + Hash> Turnstile<C> {
    /// Room for so many, `own_max` of one client.
    pub(super) fn new(all_max: usize, own_max: usize) -> Self {
        let inside = Mutex::new(Inside { all: 0, own: HashMap::new() });
        Self { all_max, own_max, inside }
    }

    /// A turn for this client; `None` where there is no room.
    pub(super) fn enter(self: &Arc<Self>, client: C) -> Option<Turn<C>> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let own = inside.own.get(&client).copied().unwrap_or_default();
        if inside.all >= self.all_max || own >= self.own_max {
            return None;
        }
        inside.all += 1;
        inside.own.insert(client, own + 1);
        Some(Turn { turnstile: Arc::clone(self), client })
    }
}

/// What is inside, until it is dropped.
pub(super) struct Turn<C: Copy + Eq + Hash = Client> {
    turnstile: Arc<Turnstile<C>>,
    client: C,
}

impl<C: Copy + Eq + Hash> Drop for Turn<C> {
    fn drop(&mut self) {
        let mut inside = self.turnstile.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.all = inside.all.saturating_sub(1);
        if let Some(own) = inside.own.get_mut(&self.client) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                inside.own.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn one_device_does_not_take_all_turns() {
        let turnstile = Arc::new(Turnstile::of_requests(2048));
        let client = |last| Client::Address(IpAddr::from([10, 77, 0, last]));
        let enter = |last| turnstile.enter(client(last));
        let mut greedy: Vec<_> = (0..100).map_while(|_| enter(1)).collect();
        assert_eq!(greedy.len(), 16);
        let others: Vec<_> = (0..100).map_while(|number| enter(2 + number / 10)).collect();
        assert_eq!(others.len(), 48);
        assert!(enter(99).is_none(), "all are inside");
        greedy.pop();
        assert!(enter(99).is_some());
        drop((greedy, others));
        let inside = turnstile.inside.lock().unwrap();
        assert!(inside.all == 0 && inside.own.is_empty());
    }
}
