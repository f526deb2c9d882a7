//! What the firewall refused, on record: what it was, whose, and how often.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;

use access::{Attempt, Desk};
use model::{AccessKind, Fault, Host, Mac, Subject, Tester, Transport};
use policy::Target;
use wire::packet::Packet;

use crate::Names;

/// Refused packets that are looked at in a second, of all devices of one [`Origin`] together: the firewall tells ten a second
/// of each, so that this is a school where thirty devices try all day. Beyond, they are only counted.
const PACKETS_PER_SECOND: u32 = 300;
/// Unknown devices, and registered ones, whose count of packets without a record is kept. Beyond, counts go to nobody's.
const DEVICES_MAX: usize = 1_024;
/// Records of such counts that are made at a time, those of registered devices first, then those with the largest counts: a
/// flood from made-up hardware addresses makes no flood of records, and hides nobody's.
const TOLD_MAX: usize = 32;

/// Ports that tell what was tried.
const HTTPS: u16 = 443;
const DNS_OVER_TLS: u16 = 853;

/// A packet that the firewall refused, and told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedPacket {
    /// The hardware address that it came from, as its frame says.
    pub sender: Mac,
    /// Its head.
    pub packet: Packet,
}

/// Whose a refused packet is. None of them takes anything from the others: whoever makes up hardware addresses hides neither
/// what a registered device tries, nor what the box finds out about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Tester,
    Registered,
    Unknown,
}

impl Origin {
    /// Whose it is. Nobody but a tester sends from a tester's address: the firewall sees to that.
    fn of(desk: &Desk, sender: Mac, source: IpAddr) -> Self {
        match (Tester::at(source), desk.directory().identify(Some(sender), source)) {
            (Some(_), _) => Self::Tester,
            (None, Subject::Device(_)) => Self::Registered,
            (None, Subject::Unknown(_)) => Self::Unknown,
        }
    }
}

/// Records refused packets at a bounded pace, and counts the others.
#[derive(Debug, Default)]
pub struct Refusals {
    of_testers: Shelf,
    of_registered: Shelf,
    of_unknown: Shelf,
    /// Packets of devices for which there was no room.
    left_out_of_others: u64,
}

/// What there is of one [`Origin`].
#[derive(Debug, Default)]
struct Shelf {
    second: u64,
    looked_at: u32,
    left_out: HashMap<Mac, LeftOut>,
}

/// Packets of a device that have no record of their own.
#[derive(Clone, Copy, Debug)]
struct LeftOut {
    packets: u32,
    /// The address of the last one that was looked at, if any: the self-test's devices are known by it alone.
    source: IpAddr,
}

impl Refusals {
    /// Records a packet, or counts it where there are too many, or where nothing can be recorded.
    pub fn note(&mut self, desk: &Desk, names: &Names, refused: RefusedPacket, now_s: u64) {
        let RefusedPacket { sender, packet } = refused;
        let shelf = self.shelf(Origin::of(desk, sender, packet.source));
        if shelf.has_time(now_s)
            && desk.record_attempts(describe(desk, names, refused), NonZeroU32::MIN).is_ok()
        {
            return;
        }
        let is_kept = shelf.leave_out(sender, LeftOut { packets: 1, source: packet.source });
        self.miss(if is_kept { 0 } else { 1 });
    }

    /// Counts packets that nobody told one by one.
    pub fn leave_out(&mut self, desk: &Desk, sender: Mac, packets: u32) {
        let source = Ipv4Addr::UNSPECIFIED.into();
        let shelf = self.shelf(Origin::of(desk, sender, source));
        let is_kept = shelf.leave_out(sender, LeftOut { packets, source });
        self.miss(if is_kept { 0 } else { packets.into() });
    }

    /// Counts packets that nobody can be named for.
    pub fn miss(&mut self, packets: u64) {
        self.left_out_of_others = self.left_out_of_others.saturating_add(packets);
    }

    /// Has the journal say how many packets of which device have no record of their own. How many have none at all: those
    /// of devices beyond the limits.
    pub fn tell(&mut self, desk: &Desk) -> u64 {
        let mut untold = std::mem::take(&mut self.left_out_of_others);
        let mut room = TOLD_MAX;
        for shelf in [&mut self.of_registered, &mut self.of_testers, &mut self.of_unknown] {
            let mut counts: Vec<(Mac, LeftOut)> = shelf.left_out.drain().collect();
            counts.sort_unstable_by_key(|(sender, left_out)| (Reverse(left_out.packets), *sender));
            let rest = counts.split_off(counts.len().min(room));
            room -= counts.len();
            untold += rest.iter().map(|(_, left_out)| u64::from(left_out.packets)).sum::<u64>();
            for (sender, left_out) in counts {
                let Some(times) = NonZeroU32::new(left_out.packets) else { continue };
                if desk.record_attempts(flood(sender, left_out.source), times).is_err() {
                    shelf.left_out.insert(sender, left_out);
                }
            }
        }
        untold
    }

    fn shelf(&mut self, origin: Origin) -> &mut Shelf {
        match origin {
            Origin::Tester => &mut self.of_testers,
            Origin::Registered => &mut self.of_registered,
            Origin::Unknown => &mut self.of_unknown,
        }
    }
}

impl Shelf {
    /// Whether another packet may be looked at in this second.
    fn has_time(&mut self, now_s: u64) -> bool {
        if self.second != now_s {
            (self.second, self.looked_at) = (now_s, 0);
        }
        self.looked_at = self.looked_at.saturating_add(1);
        self.looked_at <= PACKETS_PER_SECOND
    }

    /// Counts packets without a record on their sender; false where there is no room for another one.
    fn leave_out(&mut self, sender: Mac, new: LeftOut) -> bool {
        let has_room = self.left_out.len() < DEVICES_MAX;
        match self.left_out.get_mut(&sender) {
            Some(left_out) => left_out.add(new),
            None if has_room => {
                self.left_out.insert(sender, new);
            }
            None => return false,
        }
        true
    }
}

impl LeftOut {
    fn add(&mut self, new: Self) {
        self.packets = self.packets.saturating_add(new.packets);
        if !new.source.is_unspecified() {
            self.source = new.source;
        }
    }
}

fn flood(sender: Mac, source: IpAddr) -> Attempt {
    Attempt {
        sender,
        source,
        kind: AccessKind::Ip,
        target: Target::Fault { fault: Fault::Flood, host: None },
        destination: None,
    }
}

/// What a packet was for.
fn describe(desk: &Desk, names: &Names, refused: RefusedPacket) -> Attempt {
    let RefusedPacket { sender, packet } = refused;
    let Packet { source, destination, protocol, port } = packet;
    let transport = Transport::of_number(protocol);
    let target = match (transport, port) {
        (Some(transport), Some(port)) => describe_port(desk, names, packet, transport, port),
        (Some(_), None) | (None, _) => fault(Fault::Protocol, packet),
    };
    Attempt {
        sender,
        source,
        kind: transport.map_or(AccessKind::Ip, Transport::kind),
        target,
        destination: transport.and(port).map(|port| SocketAddr::new(destination, port)),
    }
}

fn describe_port(desk: &Desk, names: &Names, packet: Packet, transport: Transport, port: u16) -> Target {
    match (transport, port) {
        (Transport::Udp, HTTPS) => return fault(Fault::Quic, packet),
        (Transport::Udp, DNS_OVER_TLS) => return fault(Fault::DnsOverQuic, packet),
        (Transport::Tcp, DNS_OVER_TLS) => return fault(Fault::DnsOverTls, packet),
        (Transport::Tcp | Transport::Udp, _) => {}
    }
    let policy = desk.policy();
    let mut services =
        policy.services().iter().filter(|service| service.has_port(transport, port)).peekable();
    let Some(first) = services.peek().copied() else { return fault(Fault::NoService, packet) };
    let mut reached = services.map(|service| (service, names.host_of(service, packet.destination)));
    let found = reached.find(|(service, host)| service.has_host(host));
    let (service, host) = found.unwrap_or_else(|| (first, Host::from(packet.destination)));
    Target::Service { service: service.name.clone(), host, transport, port }
}

fn fault(fault: Fault, packet: Packet) -> Target {
    Target::Fault { fault, host: Some(packet.destination.into()) }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use journal::{Hit, Query};

    use super::*;
    use crate::passages::tests::{School, mac, noon, resolved, school};

    fn packet(protocol: u8, destination: &str) -> Packet {
        let destination: SocketAddr = destination.parse().unwrap();
        let port = Transport::of_number(protocol).map(|_| destination.port());
        Packet { source: "10.77.0.99".parse().unwrap(), destination: destination.ip(), protocol, port }
    }

    fn said(school: &mut School) -> Vec<String> {
        school.writer.commit(noon()).unwrap();
        let mut lines = Vec::new();
        journal::search(&school.disk, &Query::default(), |hit| {
            if let Hit::Access(found) = hit {
                let host = found.host.as_ref().map(ToString::to_string).unwrap_or_default();
                let port = found.destination.map(|it| format!(":{}", it.port())).unwrap_or_default();
                let (kind, reason) = (found.kind.as_str(), found.reason.as_str());
                lines.push(format!("{} {kind} {host}{port} {reason} {}", found.device, found.count));
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        lines
    }

    #[test]
    fn each_attempt_has_its_reason_and_its_device() {
        let mut school = school();
        let (names, mut refusals) = (resolved(&school), Refusals::default());
        for (sender, protocol, destination) in [
            (21, 17, "198.51.100.10:443"),
            (21, 17, "198.51.100.10:443"),
            (21, 6, "8.8.8.8:853"),
            (21, 17, "8.8.8.8:853"),
            (21, 6, "198.51.100.10:22"),
            (21, 6, "192.0.2.1:993"),
            (21, 6, "192.0.2.77:993"),
            (11, 6, "192.0.2.1:993"),
            (11, 17, "203.0.113.5:5001"),
            (99, 1, "198.51.100.10:0"),
        ] {
            let refused = RefusedPacket { sender: mac(sender), packet: packet(protocol, destination) };
            refusals.note(&school.desk, &names, refused, 1);
        }
        assert_eq!(
            said(&mut school),
            [
                "PC-21 udp 198.51.100.10:443 quic 2",
                "PC-21 tcp 8.8.8.8:853 dns-over-tls 1",
                "PC-21 udp 8.8.8.8:853 dns-over-quic 1",
                "PC-21 tcp 198.51.100.10:22 no-service 1",
                "PC-21 tcp mail.example:993 not-for-profile 1",
                "PC-21 tcp 192.0.2.77:993 elsewhere 1",
                "PC-11 tcp mail.example:993 unready 1",
                "PC-11 udp 203.0.113.5:5001 unready 1",
                "inconnu-02:00:00:00:00:63 ip 198.51.100.10 protocol 1",
            ]
        );
    }

    #[test]
    fn a_flood_is_counted_and_makes_few_records() {
        let mut school = school();
        let (names, mut refusals) = (resolved(&school), Refusals::default());
        for number in 0..PACKETS_PER_SECOND + 100 {
            let port = 10_000 + u16::try_from(number).unwrap();
            let packet = packet(6, &format!("198.51.100.10:{port}"));
            refusals.note(&school.desk, &names, RefusedPacket { sender: mac(21), packet }, 1);
        }
        refusals.leave_out(&school.desk, mac(21), 900);
        assert_eq!(refusals.tell(&school.desk), 0);
        let lines = said(&mut school);
        assert_eq!(lines.len(), usize::try_from(PACKETS_PER_SECOND).unwrap() + 1);
        assert_eq!(lines.last().unwrap(), "PC-21 ip  flood 1000");
        // The next second has room again.
        let packet = packet(17, "198.51.100.10:443");
        refusals.note(&school.desk, &names, RefusedPacket { sender: mac(21), packet }, 2);
        assert_eq!(said(&mut school).len(), lines.len() + 1);
    }

    /// Whoever makes up hardware addresses fills neither the memory nor the journal.
    #[test]
    fn a_flood_from_nobody_is_told_in_one_number() {
        let mut school = school();
        let mut refusals = Refusals::default();
        refusals.leave_out(&school.desk, mac(21), 7);
        for number in 0..5_000_u16 {
            let [high, low] = number.to_be_bytes();
            refusals.leave_out(&school.desk, Mac::new([6, 0, 0, 0, high, low]), 1);
        }
        assert_eq!(refusals.of_unknown.left_out.len(), DEVICES_MAX);
        let untold = refusals.tell(&school.desk);
        let lines = said(&mut school);
        assert_eq!(lines.len(), TOLD_MAX);
        assert_eq!(lines.first().unwrap(), "PC-21 ip  flood 7");
        assert_eq!(untold, 5_000 - (u64::try_from(TOLD_MAX).unwrap() - 1));
        assert_eq!(refusals.tell(&school.desk), 0);
    }

    /// A pupil with thousands of made-up hardware addresses does not hide what his own PC tries.
    #[test]
    fn a_flood_from_nobody_hides_no_registered_device() {
        let mut school = school();
        let (names, mut refusals) = (resolved(&school), Refusals::default());
        let try_vpn = |refusals: &mut Refusals, sender: Mac| {
            let refused = RefusedPacket { sender, packet: packet(17, "198.51.100.10:1194") };
            refusals.note(&school.desk, &names, refused, 1);
        };
        for number in 0..5_000_u16 {
            let [high, low] = number.to_be_bytes();
            try_vpn(&mut refusals, Mac::new([6, 0, 0, 0, high, low]));
            refusals.leave_out(&school.desk, Mac::new([6, 0, 0, 0, high, low]), 100);
        }
        try_vpn(&mut refusals, mac(21));
        refusals.leave_out(&school.desk, mac(21), 5);
        refusals.tell(&school.desk);
        let lines = said(&mut school);
        for expected in ["PC-21 udp 198.51.100.10:1194 no-service 1", "PC-21 ip  flood 5"] {
            assert!(lines.iter().any(|line| line == expected), "{expected}");
        }
        assert_eq!(lines.len(), usize::try_from(PACKETS_PER_SECOND).unwrap() + TOLD_MAX + 1);
    }

    /// Neither does it make the box miss its own refusals, whoever has the testers' hardware addresses.
    #[test]
    fn a_flood_takes_no_record_of_the_self_test() {
        let mut school = school();
        let (names, mut refusals) = (resolved(&school), Refusals::default());
        let tester = Tester::new(1).unwrap();
        let refused = RefusedPacket { sender: tester.mac(), packet: packet(17, "198.51.100.10:1194") };
        for _ in 0..2 * PACKETS_PER_SECOND {
            refusals.note(&school.desk, &names, refused, 1);
        }
        let before = said(&mut school);
        let packet = Packet { source: tester.ipv4().into(), ..packet(17, "198.51.100.10:1195") };
        refusals.note(&school.desk, &names, RefusedPacket { sender: tester.mac(), packet }, 1);
        assert_eq!(said(&mut school).len(), before.len() + 1);
    }
}
