//! Limits shared fairly between devices.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use model::{Mac, SenderMark, Subject, UnknownDevice};
use seats::Share;

/// The part of an IPv6 address that names its network (RFC 4291 section 2.5.4).
const IPV6_NETWORK: u128 = !0 << 64;

/// Who shares a limit: a device, by its hardware address where the kernel knows it, because IPv6 gives a device as
/// many addresses as it likes. Else an address, and for the same reason all of an IPv6 network as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    Device(Mac),
    /// A machine that the firewall has recognised, whatever address it uses.
    Sender(SenderMark),
    Address(IpAddr),
}

impl Client {
    pub(crate) fn of(subject: &Subject) -> Self {
        match subject {
            Subject::Device(device) => Self::Device(device.mac),
            Subject::Unknown(UnknownDevice { mac: Some(mac), .. }) => Self::Device(*mac),
            Subject::Unknown(UnknownDevice { mac: None, address }) => Self::behind(address.to_canonical()),
        }
    }

    /// Whoever sent a permitted question: by its mark where it has one. Its address is what it claims, and with one
    /// that nobody has for each question it would be as many clients as it likes.
    pub(crate) fn asking(subject: &Subject, sender: Option<SenderMark>) -> Self {
        sender.map_or_else(|| Self::of(subject), Self::Sender)
    }

    fn behind(address: IpAddr) -> Self {
        Self::Address(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & IPV6_NETWORK).into(),
        })
    }
}

/// So many at once in all, so many for each client, and so many for all that are not registered: whoever floods takes his
/// own share only, however many hardware addresses he makes up.
#[derive(Clone, Debug)]
pub(crate) struct Quota {
    total_max: usize,
    client_max: usize,
    unknown_max: usize,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    total: usize,
    of_unknown: usize,
    by_client: HashMap<Client, usize>,
}

/// The right to one; given back when dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    client: Client,
    share: Share,
    held: Arc<Mutex<Held>>,
}

impl Quota {
    pub(crate) fn new(total_max: usize, client_max: usize, unknown_max: usize) -> Self {
        Self { total_max, client_max, unknown_max, held: Arc::default() }
    }

    /// One more for this client; `None` when it, those who share with it, or all together have enough.
    pub(crate) fn enter(&self, client: Client, share: Share) -> Option<Ticket> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let is_unknown = share == Share::Unknown;
        if held.total >= self.total_max || is_unknown && held.of_unknown >= self.unknown_max {
            return None;
        }
        let of_client = held.by_client.entry(client).or_default();
        if *of_client >= self.client_max {
            return None;
        }
        *of_client += 1;
        held.total += 1;
        held.of_unknown += usize::from(is_unknown);
        Some(Ticket { client, share, held: Arc::clone(&self.held) })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.total = held.total.saturating_sub(1);
        held.of_unknown = held.of_unknown.saturating_sub((self.share == Share::Unknown).into());
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
    fn a_device_is_one_client_whatever_its_addresses() {
        let client = |mac: Option<u8>, address: &str| {
            let (mac, address) = (mac.map(|last| Mac::new([2, 0, 0, 0, 0, last])), address.parse().unwrap());
            Client::of(&Subject::Unknown(UnknownDevice { mac, address }))
        };
        for (one, other, expected) in [
            ((Some(1), "fd77::1"), (Some(1), "fd77:0:0:1::2"), true),
            ((Some(1), "fd77::1"), (Some(1), "10.77.0.1"), true),
            ((Some(1), "10.77.0.1"), (Some(2), "10.77.0.1"), false),
            ((None, "fd77::1"), (None, "fd77::ffff:ffff:ffff:ffff"), true),
            ((None, "fd77::1"), (None, "fd77:0:0:1::1"), false),
            ((None, "10.77.0.1"), (None, "::ffff:10.77.0.1"), true),
            ((None, "10.77.0.1"), (None, "10.77.0.2"), false),
        ] {
            assert_eq!(client(one.0, one.1) == client(other.0, other.1), expected, "{one:?} {other:?}");
        }
    }

    #[test]
    fn a_flood_leaves_room_for_others() {
        let quota = Quota::new(3, 2, 2);
        let [flooder, pupil, teacher] = [1, 2, 3].map(|n| Mac::new([2, 0, 0, 0, 0, n]));
        let enter = |mac| quota.enter(Client::Device(mac), Share::Device(mac));
        let first = enter(flooder).unwrap();
        let second = enter(flooder).unwrap();
        assert!(enter(flooder).is_none());
        let third = enter(pupil).unwrap();
        assert!(enter(teacher).is_none());
        drop(first);
        assert!(enter(teacher).is_some());
        drop((second, third));
        assert!(quota.held.lock().unwrap().by_client.is_empty());
        assert_eq!(quota.held.lock().unwrap().total, 0);
    }

    #[test]
    fn made_up_devices_leave_room_for_registered_ones() {
        let quota = Quota::new(8, 2, 3);
        let mac = |last| Mac::new([2, 0, 0, 0, 0, last]);
        let enter = |last| quota.enter(Client::Device(mac(last)), Share::Unknown);
        let mut waiting: Vec<_> = (0..100).filter_map(enter).collect();
        assert_eq!(waiting.len(), 3);
        assert!(quota.enter(Client::Device(mac(200)), Share::Device(mac(200))).is_some());
        waiting.pop();
        assert!(enter(101).is_some());
    }
}
