//! Heads of IP packets, as far as they tell where a packet is bound for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Extension headers that are passed over: more than any honest packet has.
const EXTENSIONS_MAX: usize = 8;

/// Protocols whose first four bytes are two ports: TCP, UDP, DCCP, SCTP, UDP-Lite.
const WITH_PORTS: [u8; 5] = [6, 17, 33, 132, 136];

/// Where a packet comes from and where it is bound for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The address that it says it comes from.
    pub source: IpAddr,
    /// Where it is bound for.
    pub destination: IpAddr,
    /// The number of its protocol (IANA's registry): 6 is TCP, 17 UDP.
    pub protocol: u8,
    /// The port that it is bound for. `None` where the protocol has none, in a fragment that is not the first, and where
    /// the bytes end before it.
    pub port: Option<u16>,
}

impl Packet {
    /// Reads the head of a packet, which may be cut anywhere. `None` when even the addresses are not there.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        match bytes.first()? >> 4 {
            4 => read_v4(bytes),
            6 => read_v6(bytes),
            _ => None,
        }
    }
}

/// RFC 791 section 3.1.
fn read_v4(bytes: &[u8]) -> Option<Packet> {
    let head = bytes.first_chunk::<20>()?;
    let [first, _, _, _, _, _, fragment @ .., _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *head;
    let head_bytes = usize::from(first & 0x0f) * 4;
    let is_first = u16::from_be_bytes(fragment) & 0x1fff == 0;
    let rest = bytes.get(head_bytes.max(head.len())..).filter(|_| is_first);
    Some(Packet {
        source: Ipv4Addr::new(s0, s1, s2, s3).into(),
        destination: Ipv4Addr::new(d0, d1, d2, d3).into(),
        protocol,
        port: rest.and_then(|rest| port(protocol, rest)),
    })
}

/// RFC 8200 sections 3 and 4.
fn read_v6(bytes: &[u8]) -> Option<Packet> {
    let (head, mut rest) = bytes.split_first_chunk::<40>()?;
    let (source, destination) = head.get(8..)?.split_first_chunk::<16>()?;
    let destination = destination.first_chunk::<16>()?;
    let (mut protocol, mut is_first) = (*head.get(6)?, true);
    for _ in 0..EXTENSIONS_MAX {
        let Some((next, bytes, first)) = extension(protocol, rest) else { break };
        is_first &= first;
        protocol = next;
        rest = rest.get(bytes..).unwrap_or_default();
    }
    Some(Packet {
        source: Ipv6Addr::from(*source).into(),
        destination: Ipv6Addr::from(*destination).into(),
        protocol,
        port: Some(rest).filter(|_| is_first).and_then(|rest| port(protocol, rest)),
    })
}

/// What follows an extension header, how long it is, and whether the packet's own head follows in this fragment. `None`
/// when this is no extension, or is cut.
fn extension(protocol: u8, bytes: &[u8]) -> Option<(u8, usize, bool)> {
    const HOP_BY_HOP: u8 = 0;
    const ROUTING: u8 = 43;
    const FRAGMENT: u8 = 44;
    const AUTHENTICATION: u8 = 51;
    const DESTINATION: u8 = 60;
    let [next, length, high, low] = *bytes.first_chunk()?;
    match protocol {
        HOP_BY_HOP | ROUTING | DESTINATION => Some((next, (usize::from(length) + 1) * 8, true)),
        FRAGMENT => Some((next, 8, u16::from_be_bytes([high, low]) >> 3 == 0)),
        AUTHENTICATION => Some((next, (usize::from(length) + 2) * 4, true)),
        _ => None,
    }
}

fn port(protocol: u8, bytes: &[u8]) -> Option<u16> {
    let [_, _, high, low] = *bytes.first_chunk()?;
    WITH_PORTS.contains(&protocol).then(|| u16::from_be_bytes([high, low]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IPv4 packet of this protocol, its head this many words long, with ports.
    fn v4(protocol: u8, words: u8, fragment: u16) -> Vec<u8> {
        let mut bytes = vec![0x40 | words, 0, 0, 60, 0, 0];
        bytes.extend(fragment.to_be_bytes());
        bytes.extend([64, protocol, 0, 0, 10, 77, 0, 11, 198, 51, 100, 10]);
        bytes.resize(usize::from(words.max(5)) * 4, 0);
        bytes.extend([0x9c, 0x40, 0x01, 0xbb, 0, 0, 0, 0]);
        bytes
    }

    fn v6(first: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x60, 0, 0, 0, 0, 20, first, 64];
        bytes.extend("fd77::11".parse::<Ipv6Addr>().unwrap().octets());
        bytes.extend("2001:db8::a".parse::<Ipv6Addr>().unwrap().octets());
        bytes.extend(rest);
        bytes.extend([0x9c, 0x40, 0x03, 0x55, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn heads_tell_protocol_and_port() {
        let check = |bytes: &[u8], protocol: u8, port: Option<u16>| {
            let packet = Packet::read(bytes).unwrap();
            assert_eq!((packet.protocol, packet.port), (protocol, port), "{bytes:?}");
        };
        check(&v4(17, 5, 0), 17, Some(443));
        check(&v4(6, 15, 0), 6, Some(443));
        check(&v4(6, 5, 0x2000), 6, Some(443));
        check(&v4(6, 5, 0x2001), 6, None);
        check(&v4(1, 5, 0), 1, None);
        check(&v4(50, 5, 0), 50, None);
        // A head that claims to be shorter than it is.
        check(&v4(6, 2, 0), 6, Some(443));
        check(&v6(17, &[]), 17, Some(853));
        check(&v6(0, &[6, 0, 0, 0, 0, 0, 0, 0]), 6, Some(853));
        check(&v6(44, &[17, 0, 0, 1, 0, 0, 0, 0]), 17, Some(853));
        check(&v6(44, &[17, 0, 0, 9, 0, 0, 0, 0]), 17, None);
        check(&v6(60, &[44, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 8, 0, 0, 0, 0]), 6, None);
        check(&v6(58, &[]), 58, None);
        let packet = Packet::read(&v6(17, &[])).unwrap();
        assert_eq!(
            (packet.source.to_string(), packet.destination.to_string()),
            ("fd77::11".into(), "2001:db8::a".into())
        );
        let packet = Packet::read(&v4(17, 5, 0)).unwrap();
        assert_eq!(
            (packet.source.to_string(), packet.destination.to_string()),
            ("10.77.0.11".into(), "198.51.100.10".into())
        );
    }

    #[test]
    fn a_packet_may_be_cut_anywhere() {
        for whole in [v4(17, 5, 0), v6(0, &[6, 0, 0, 0, 0, 0, 0, 0])] {
            let head = if whole[0] >> 4 == 4 { 20 } else { 40 };
            for length in 0..whole.len() {
                assert_eq!(Packet::read(&whole[..length]).is_some(), length >= head, "{length}");
            }
        }
        assert_eq!(Packet::read(&[0x50; 60]), None);
        // Extensions without an end.
        assert!(Packet::read(&v6(0, &[0; 400])).is_some_and(|packet| packet.port.is_none()));
    }
}
