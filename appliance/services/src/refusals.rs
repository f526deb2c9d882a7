//! What the firewall refused, on record: what it was, whose, and how often.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;

use access::{Attempt, Desk};
use model::{AccessKind, Fault, Host, Mac, Transport};
use policy::Target;
use wire::packet::Packet;

use crate::Names;

/// Refused packets that are looked at in a second, of all devices together: the firewall tells ten a second of each, so that
/// this is a school where thirty devices try all day. Beyond, they are only counted.
const PACKETS_PER_SECOND: u32 = 300;
/// Devices whose count of packets without a record is kept. Beyond, counts go to nobody's.
const DEVICES_MAX: usize = 1_024;
/// Records of such counts that are made at a time, those with the largest counts: a flood from made-up hardware addresses
/// makes no flood of records.
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

/// Records refused packets at a bounded pace, and counts the others.
#[derive(Debug, Default)]
pub struct Refusals {
    second: u64,
    looked_at: u32,
    left_out: HashMap<Mac, LeftOut>,
    /// Those of devices for which there was no room.
    left_out_of_others: u64,
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
        if self.second != now_s {
            (self.second, self.looked_at) = (now_s, 0);
        }
        self.looked_at = self.looked_at.saturating_add(1);
        let attempt = describe(desk, names, refused);
        if self.looked_at > PACKETS_PER_SECOND || desk.record_attempts(attempt, NonZeroU32::MIN).is_err() {
            self.leave_out(refused.sender, 1);
            if let Some(left_out) = self.left_out.get_mut(&refused.sender) {
                left_out.source = refused.packet.source;
            }
        }
    }

    /// Counts packets that nobody told one by one.
    pub fn leave_out(&mut self, sender: Mac, packets: u32) {
        let has_room = self.left_out.len() < DEVICES_MAX;
        match self.left_out.get_mut(&sender) {
            Some(left_out) => left_out.packets = left_out.packets.saturating_add(packets),
            None if has_room => {
                let source = Ipv4Addr::UNSPECIFIED.into();
                self.left_out.insert(sender, LeftOut { packets, source });
            }
            None => self.miss(packets.into()),
        }
    }

    /// Counts packets that nobody can be named for.
    pub fn miss(&mut self, packets: u64) {
        self.left_out_of_others = self.left_out_of_others.saturating_add(packets);
    }

    /// Has the journal say how many packets of which device have no record of their own. How many have none at all: those
    /// of devices beyond the limits.
    pub fn tell(&mut self, desk: &Desk) -> u64 {
        let mut counts: Vec<(Mac, LeftOut)> = self.left_out.drain().collect();
        counts.sort_unstable_by_key(|(sender, left_out)| (std::cmp::Reverse(left_out.packets), *sender));
        let rest = counts.split_off(counts.len().min(TOLD_MAX));
        let mut untold: u64 = rest.iter().map(|(_, left_out)| u64::from(left_out.packets)).sum();
        for (sender, left_out) in counts {
            let Some(times) = NonZeroU32::new(left_out.packets) else { continue };
            if desk.record_attempts(flood(sender, left_out.source), times).is_err() {
                self.left_out.insert(sender, left_out);
            }
        }
        untold += std::mem::take(&mut self.left_out_of_others);
        untold
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
        refusals.leave_out(mac(21), 900);
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
        refusals.leave_out(mac(21), 7);
        for number in 0..5_000_u16 {
            let [high, low] = number.to_be_bytes();
            refusals.leave_out(Mac::new([6, 0, 0, 0, high, low]), 1);
        }
        assert_eq!(refusals.left_out.len(), DEVICES_MAX);
        let untold = refusals.tell(&school.desk);
        let lines = said(&mut school);
        assert_eq!(lines.len(), TOLD_MAX);
        assert_eq!(lines.first().unwrap(), "PC-21 ip  flood 7");
        assert_eq!(untold, 5_000 - (u64::try_from(TOLD_MAX).unwrap() - 1));
        assert_eq!(refusals.tell(&school.desk), 0);
    }
}
