//! How many requests to workspaces are on their way.

use std::collections::HashMap;
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

/// Lets requests in while there is room, for their device and for all.
pub(super) struct Turnstile {
    requests_max: usize,
    inside: Mutex<HashMap<Client, usize>>,
}

impl Turnstile {
    pub(super) fn new(descriptors_max: usize) -> Self {
        let requests_max = (descriptors_max / DESCRIPTOR_PART).clamp(REQUESTS_MIN, REQUESTS_MAX);
        Self { requests_max, inside: Mutex::default() }
    }

    /// A turn for a request of this device; `None` where there is no room.
    pub(super) fn enter(self: &Arc<Self>, client: Client) -> Option<Turn> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = inside.values().sum();
        let own = inside.entry(client).or_default();
        if all >= self.requests_max || *own >= self.requests_max / CLIENT_PART {
            if *own == 0 {
                inside.remove(&client);
            }
            return None;
        }
        *own += 1;
        Some(Turn { turnstile: Arc::clone(self), client })
    }
}

/// A request that is inside, until it is dropped.
pub(super) struct Turn {
    turnstile: Arc<Turnstile>,
    client: Client,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut inside = self.turnstile.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = inside.get_mut(&self.client) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                inside.remove(&self.client);
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
        let turnstile = Arc::new(Turnstile::new(2048));
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
        assert!(turnstile.inside.lock().unwrap().is_empty());
    }
}
