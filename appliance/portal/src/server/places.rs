//! Places for answers that last: streams of events, and films. Whoever holds all of her own keeps none of the others', by however many connections, or streams
//! within one, she comes.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The places for answers of one kind.
#[derive(Debug)]
pub(super) struct Places {
    taken: Mutex<Vec<IpAddr>>,
    most: usize,
    of_a_client: usize,
}

/// A place, given back when the answer ends, however it does.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    client: IpAddr,
}

impl Places {
    /// So many in all, and so many of one client.
    pub(super) fn new(most: usize, of_a_client: usize) -> Arc<Self> {
        Arc::new(Self { taken: Mutex::default(), most, of_a_client })
    }

    /// One for this client; `None` where there is none left for her.
    pub(super) fn take(self: &Arc<Self>, client: IpAddr) -> Option<Place> {
        let mut clients = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = clients.iter().filter(|it| **it == client).count();
        if clients.len() >= self.most || own >= self.of_a_client {
            return None;
        }
        clients.push(client);
        Some(Place { places: Arc::clone(self), client })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut clients = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = clients.iter().position(|it| *it == self.client) {
            clients.swap_remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_few_and_given_back() {
        let places = Places::new(64, 4);
        let client = |last: u8| IpAddr::from([10, 77, 0, last]);
        let own: Vec<_> = (0..4).filter_map(|_| places.take(client(1))).collect();
        assert_eq!(own.len(), 4);
        assert!(places.take(client(1)).is_none());
        drop(own);
        let all: Vec<_> = (0..=255).filter_map(|last| places.take(client(last))).collect();
        assert_eq!(all.len(), 64);
        assert!(places.take(client(255)).is_none());
        drop(all);
        assert!(places.take(client(255)).is_some());
    }
}
