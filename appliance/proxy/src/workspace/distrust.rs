//! Who does not trust whom: devices that refuse the box's certificate, and servers whose certificate the box refuses.
//!
//! In both cases the box is in the way, and steps aside for a while: the connection is carried through untouched, as it
//! would be without the box. A browser of its own on a PC, a tablet that was reset, a server that forgets an intermediate
//! certificate that browsers fetch by themselves: the lesson goes on.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::DomainName;
use tokio::time::Instant;

use crate::seats::Client;

/// For how long the box steps aside: one program that refuses it should not cost the device the cache for the day.
const PAUSE: Duration = Duration::from_secs(600);
/// Entries of each kind: more devices than any school has, more servers than any workspace. When there are more, somebody
/// makes them up, and all are forgotten.
const ENTRIES_MAX: usize = 512;

/// Where the box steps aside, and since when.
#[derive(Default)]
pub(super) struct Distrust(Mutex<Known>);

#[derive(Default)]
struct Known {
    devices: HashMap<Client, Instant>,
    servers: HashMap<DomainName, Instant>,
}

impl Distrust {
    /// A device did not take the box's certificate.
    pub(super) fn note_device(&self, device: Client) {
        note(&mut self.lock().devices, device);
    }

    /// The box did not take a server's certificate. True the first time in a while.
    pub(super) fn note_server(&self, server: &DomainName) -> bool {
        note(&mut self.lock().servers, server.clone())
    }

    /// Whether the box steps aside for this device and this server.
    pub(super) fn holds(&self, device: Client, server: &DomainName) -> bool {
        let known = self.lock();
        let is_recent = |since: Option<&Instant>| since.is_some_and(|since| since.elapsed() < PAUSE);
        is_recent(known.devices.get(&device)) || is_recent(known.servers.get(server))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Entries come and go whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn note<K: Eq + std::hash::Hash>(known: &mut HashMap<K, Instant>, key: K) -> bool {
    known.retain(|_, since| since.elapsed() < PAUSE);
    if known.len() >= ENTRIES_MAX {
        known.clear();
    }
    known.insert(key, Instant::now()).is_none()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_box_steps_aside_for_a_while() {
        let distrust = Distrust::default();
        let [one, other] = [11, 12].map(|last| Client::Address(IpAddr::from([10, 77, 0, last])));
        let [ent, media] = ["ent.example", "media.example"].map(|name| name.parse::<DomainName>().unwrap());
        assert!(!distrust.holds(one, &ent));
        distrust.note_device(one);
        assert!(distrust.holds(one, &ent) && !distrust.holds(other, &ent));
        assert!(distrust.note_server(&media) && !distrust.note_server(&media));
        assert!(distrust.holds(other, &media) && !distrust.holds(other, &ent));
        advance(PAUSE).await;
        assert!(!distrust.holds(one, &ent) && !distrust.holds(other, &media));
        assert!(distrust.note_server(&media));
    }

    #[tokio::test(start_paused = true)]
    async fn made_up_entries_do_not_pile_up() {
        let distrust = Distrust::default();
        for number in 0..=ENTRIES_MAX {
            distrust.note_server(&format!("n{number}.example").parse().unwrap());
        }
        assert_eq!(distrust.lock().servers.len(), 1);
    }
}
