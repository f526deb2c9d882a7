//! What is known about neighbours.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use model::Mac;

use super::REMEMBERED;
use super::kernel::Sighting;

/// Addresses that are remembered at most. The kernel holds 1,024 of each family unless told otherwise
/// (gc_thresh3 in arp(7)), and a school has a few hundred devices of a few addresses each.
const ADDRESSES_MAX: usize = 8_192;

/// Hardware addresses by IP address.
#[derive(Debug, Default)]
pub(super) struct Table {
    entries: RwLock<HashMap<IpAddr, Entry>>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    mac: Mac,
    /// Since when the kernel does not know it any more.
    forgotten: Option<Instant>,
}

impl Table {
    /// What the kernel knows about `address`.
    pub(super) fn find(&self, address: IpAddr) -> Option<Mac> {
        let entries = self.read();
        entries.get(&address).filter(|entry| entry.forgotten.is_none()).map(|entry| entry.mac)
    }

    /// What the kernel knew about `address` not long ago.
    pub(super) fn recall(&self, address: IpAddr, now: Instant) -> Option<Mac> {
        let entries = self.read();
        entries.get(&address).filter(|entry| entry.is_remembered(now)).map(|entry| entry.mac)
    }

    /// Takes in what the kernel says about one address.
    pub(super) fn apply(&self, sighting: Sighting, now: Instant) {
        let mut entries = self.write();
        take_in(&mut entries, sighting, now);
    }

    /// Takes in everything that the kernel knows: what it does not mention, it forgot.
    pub(super) fn replace(&self, sightings: impl Iterator<Item = Sighting>, now: Instant) {
        let mut entries = self.write();
        for entry in entries.values_mut() {
            entry.forgotten.get_or_insert(now);
        }
        for sighting in sightings {
            take_in(&mut entries, sighting, now);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<IpAddr, Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<IpAddr, Entry>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn is_remembered(&self, now: Instant) -> bool {
        self.forgotten.is_none_or(|since| now.duration_since(since) < REMEMBERED)
    }
}

fn take_in(entries: &mut HashMap<IpAddr, Entry>, sighting: Sighting, now: Instant) {
    let Sighting { address, mac, .. } = sighting;
    let Some(mac) = mac else {
        if let Some(entry) = entries.get_mut(&address) {
            entry.forgotten.get_or_insert(now);
        }
        return;
    };
    if entries.len() >= ADDRESSES_MAX && !entries.contains_key(&address) {
        entries.retain(|_, entry| entry.is_remembered(now));
    }
    if entries.len() >= ADDRESSES_MAX && !entries.contains_key(&address) {
        entries.retain(|_, entry| entry.forgotten.is_none());
    }
    if entries.len() < ADDRESSES_MAX || entries.contains_key(&address) {
        entries.insert(address, Entry { mac, forgotten: None });
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;
    use crate::clock::monotonic;

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from(0x0a4d_0000 + number).into()
    }

    fn seen(number: u32, last: u8) -> Sighting {
        let mac = Mac::new([2, 0, 0, 0, 0, last]);
        Sighting { interface: 1, address: address(number), mac: Some(mac) }
    }

    fn lost(number: u32) -> Sighting {
        Sighting { interface: 1, address: address(number), mac: None }
    }

    fn last_octet(mac: Option<Mac>) -> Option<u8> {
        mac.map(|mac| mac.octets()[5])
    }

    #[test]
    fn the_last_word_about_an_address_counts() {
        let (table, now) = (Table::default(), monotonic());
        table.apply(seen(1, 11), now);
        table.apply(seen(1, 12), now);
        assert_eq!(last_octet(table.find(address(1))), Some(12));
        assert_eq!(table.find(address(2)), None);
        table.apply(lost(2), now);
        assert_eq!(table.recall(address(2), now), None);
    }

    #[test]
    fn what_the_kernel_forgot_is_recalled_for_a_while() {
        let (table, now) = (Table::default(), monotonic());
        table.apply(seen(1, 11), now);
        table.apply(lost(1), now);
        table.apply(lost(1), now + REMEMBERED / 2);
        assert_eq!(table.find(address(1)), None);
        assert_eq!(last_octet(table.recall(address(1), now + REMEMBERED - Duration::from_secs(1))), Some(11));
        assert_eq!(table.recall(address(1), now + REMEMBERED), None);
        table.apply(seen(1, 12), now);
        assert_eq!(last_octet(table.find(address(1))), Some(12));
    }

    #[test]
    fn what_a_full_reading_does_not_mention_is_forgotten() {
        let (table, now) = (Table::default(), monotonic());
        table.apply(seen(1, 11), now);
        table.apply(seen(2, 12), now);
        table.replace([seen(2, 13)].into_iter(), now);
        assert_eq!(table.find(address(1)), None);
        assert_eq!(last_octet(table.find(address(2))), Some(13));
    }

    #[test]
    fn a_full_table_keeps_those_that_the_kernel_knows() {
        let (table, now) = (Table::default(), monotonic());
        let last = u32::try_from(ADDRESSES_MAX).unwrap();
        (0..last).for_each(|number| table.apply(seen(number, 1), now));
        table.apply(seen(last, 2), now);
        assert_eq!(table.find(address(last)), None, "full of known addresses");
        table.apply(seen(0, 3), now);
        assert_eq!(last_octet(table.find(address(0))), Some(3), "a known address can change");
        table.apply(lost(7), now);
        table.apply(seen(last, 2), now);
        assert_eq!(last_octet(table.find(address(last))), Some(2), "a forgotten one makes room");
        assert_eq!(table.recall(address(7), now), None);
    }
}
