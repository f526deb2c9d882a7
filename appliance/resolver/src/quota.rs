//! Limits shared fairly between clients.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// So many at once in all, and so many for each client: one that floods takes its own share only.
#[derive(Clone, Debug)]
pub(crate) struct Quota {
    total_max: usize,
    client_max: usize,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    total: usize,
    by_client: HashMap<IpAddr, usize>,
}

/// The right to one; given back when dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    client: IpAddr,
    held: Arc<Mutex<Held>>,
}

impl Quota {
    pub(crate) fn new(total_max: usize, client_max: usize) -> Self {
        Self { total_max, client_max, held: Arc::default() }
    }

    /// One more for this client; `None` when it, or all together, have enough.
    pub(crate) fn enter(&self, client: IpAddr) -> Option<Ticket> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.total >= self.total_max {
            return None;
        }
        let of_client = held.by_client.entry(client).or_default();
        if *of_client >= self.client_max {
            return None;
        }
        *of_client += 1;
        held.total += 1;
        Some(Ticket { client, held: Arc::clone(&self.held) })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.total = held.total.saturating_sub(1);
        if let Some(of_client) = held.by_client.get_mut(&self.client) {
            *of_client = of_client.saturating_sub(1);
            if *of_client == 0 {
                held.by_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_leaves_room_for_others() {
        let quota = Quota::new(3, 2);
        let [flooder, pupil, teacher] = [1, 2, 3].map(|n| IpAddr::from([10, 77, 0, n]));
        let first = quota.enter(flooder).unwrap();
        let second = quota.enter(flooder).unwrap();
        assert!(quota.enter(flooder).is_none());
        let third = quota.enter(pupil).unwrap();
        assert!(quota.enter(teacher).is_none());
        drop(first);
        assert!(quota.enter(teacher).is_some());
        drop((second, third));
        assert!(quota.held.lock().unwrap().by_client.is_empty());
        assert_eq!(quota.held.lock().unwrap().total, 0);
    }
}
