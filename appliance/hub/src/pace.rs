//! How often one address may try to enrol.

use std::collections::BTreeMap;
use std::net::IpAddr;

use model::Timestamp;

/// Tries of one address in a minute: a commune's technicians come from one, and try a code once or twice.
const TRIES_MAX: u32 = 20;
/// Addresses that are kept in mind: beyond them, somebody has many, and the one that tried longest ago is forgotten.
const ADDRESSES_MAX: usize = 4_096;
const WINDOW_MS: u64 = 60_000;

/// The tries of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Pace(BTreeMap<IpAddr, (Timestamp, u32)>);

impl Pace {
    /// Counts a try; whether it may be made.
    pub(crate) fn admit(&mut self, from: IpAddr, now: Timestamp) -> bool {
        let from = network_of(from);
        let is_over = |since: Timestamp| now.unix_ms().abs_diff(since.unix_ms()) >= WINDOW_MS;
        if self.0.len() >= ADDRESSES_MAX && !self.0.contains_key(&from) {
            self.0.retain(|_, (since, _)| !is_over(*since));
            let oldest = self.0.iter().min_by_key(|(_, (since, _))| *since).map(|(address, _)| *address);
            if let Some(oldest) = oldest.filter(|_| self.0.len() >= ADDRESSES_MAX) {
                self.0.remove(&oldest);
            }
        }
        let (since, tries) = self.0.entry(from).or_insert((now, 0));
        if is_over(*since) {
            (*since, *tries) = (now, 0);
        }
        *tries = tries.saturating_add(1);
        *tries <= TRIES_MAX
    }
}

/// Whom an address stands for: a customer of an IPv6 network has 2^64 of them.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        canonical @ IpAddr::V4(_) => canonical,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_tries_twenty_times_a_minute() {
        let mut pace = Pace::default();
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let at = Timestamp::from_unix_ms;
        for _ in 0..TRIES_MAX {
            assert!(pace.admit(one, at(0)));
        }
        assert!(!pace.admit(one, at(59_999)));
        assert!(pace.admit(other, at(59_999)));
        assert!(pace.admit(one, at(60_000)));
    }

    #[test]
    fn addresses_that_are_made_up_fill_no_memory() {
        let mut pace = Pace::default();
        let address = |number: u32| IpAddr::from(number.to_be_bytes());
        let admitted = (0..10_000).filter(|number| pace.admit(address(*number), Timestamp::from_unix_ms(0)));
        assert_eq!(admitted.count(), 10_000, "nobody is kept out by others");
        assert_eq!(pace.0.len(), ADDRESSES_MAX);
    }

    #[test]
    fn a_network_is_one_address() {
        let mut pace = Pace::default();
        let address = |last: u128| IpAddr::V6((0x2001_0db8_u128 << 96 | last).into());
        let admitted = (0..100).filter(|last| pace.admit(address(*last), Timestamp::from_unix_ms(0)));
        assert_eq!(admitted.count(), usize::try_from(TRIES_MAX).unwrap());
        assert!(pace.admit(address(1 << 64), Timestamp::from_unix_ms(0)));
    }
}
