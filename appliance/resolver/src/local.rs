//! Names that the box answers by itself: its own, and those that must never leave the school.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::DomainName;
use wire::dns::{Query, RecordType, Reply, ResponseCode, write_name};

/// How long clients may keep what the box says of itself, in seconds.
const LOCAL_TTL_S: u32 = 60;

/// Top-level zones without a place in the public DNS: the school's own `lan`, and special uses (RFC 6761,
/// RFC 6762, RFC 7686, RFC 9476, ICANN's `internal`). Asking for them outside tells strangers what the school's
/// machines are called. `test` is not among them: technicians use it, and it leaks nothing.
const PRIVATE_TOPS: [&str; 7] = ["lan", "local", "localhost", "onion", "invalid", "alt", "internal"];

/// Reverse zones of private, link-local and documentation addresses (RFC 6303, RFC 7793), and of home networks
/// (RFC 8375). For those that end within an octet, see [`is_split_octet_zone`].
const PRIVATE_ARPA: [&str; 18] = [
    "home.arpa",
    "10.in-addr.arpa",
    "168.192.in-addr.arpa",
    "254.169.in-addr.arpa",
    "0.in-addr.arpa",
    "127.in-addr.arpa",
    "2.0.192.in-addr.arpa",
    "100.51.198.in-addr.arpa",
    "113.0.203.in-addr.arpa",
    "255.255.255.255.in-addr.arpa",
    "d.f.ip6.arpa",
    "8.e.f.ip6.arpa",
    "9.e.f.ip6.arpa",
    "a.e.f.ip6.arpa",
    "b.e.f.ip6.arpa",
    "8.b.d.0.1.0.0.2.ip6.arpa",
    "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
];

/// The names that never leave the box.
#[derive(Debug)]
pub(crate) struct LocalNames {
    own: Vec<DomainName>,
    addresses: Vec<IpAddr>,
    /// The reverse names of `addresses`.
    pointers: Vec<DomainName>,
}

/// What the box says of a name by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LocalAnswer {
    /// The box's own name.
    Own,
    /// The reverse name of one of the box's addresses.
    Pointer,
    /// `localhost`, or a name under it.
    Localhost,
    /// A name that exists, with nothing to say of it, in a zone whose name takes so many bytes on the wire.
    Empty(usize),
    /// A name that does not exist, in a zone whose name takes so many bytes on the wire.
    Missing(usize),
}

impl LocalNames {
    pub(crate) fn new(own: Vec<DomainName>, addresses: Vec<IpAddr>) -> Self {
        let pointers = addresses.iter().filter_map(|&address| reverse_name(address)).collect();
        Self { own, addresses, pointers }
    }

    /// What to say of a name; `None` for a name of the outside world.
    pub(crate) fn find(&self, name: &DomainName, kind: RecordType) -> Option<LocalAnswer> {
        if self.own.contains(name) {
            return Some(LocalAnswer::Own);
        }
        let text = name.as_str();
        let Some((parents, top)) = text.rsplit_once('.') else {
            return find_single_label(text, kind);
        };
        if top == "arpa" {
            return self.find_arpa(name, parents);
        }
        if top == "localhost" {
            return Some(LocalAnswer::Localhost);
        }
        PRIVATE_TOPS.contains(&top).then(|| LocalAnswer::Missing(wire_bytes(top)))
    }

    fn find_arpa(&self, name: &DomainName, parents: &str) -> Option<LocalAnswer> {
        if self.pointers.contains(name) {
            return Some(LocalAnswer::Pointer);
        }
        let text = name.as_str();
        // RFC 9462 section 6.4: encrypted resolvers are not advertised, and the question stays here.
        if parents == "resolver" || parents.ends_with(".resolver") {
            return Some(LocalAnswer::Empty(wire_bytes("resolver.arpa")));
        }
        let zone =
            name.suffixes().find(|suffix| PRIVATE_ARPA.contains(suffix) || is_split_octet_zone(suffix))?;
        let zone_bytes = wire_bytes(zone);
        Some(if text == zone { LocalAnswer::Empty(zone_bytes) } else { LocalAnswer::Missing(zone_bytes) })
    }

    /// Writes the answer.
    pub(crate) fn write(&self, answer: LocalAnswer, query: &Query<'_>, bytes: &mut Vec<u8>, bytes_max: u16) {
        let reply = Reply::to(query, bytes).authoritative();
        let (reply, code) = match answer {
            LocalAnswer::Own => (answer_addresses(reply, query, &self.addresses), ResponseCode::NoError),
            LocalAnswer::Localhost => {
                let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
                (answer_addresses(reply, query, &loopback), ResponseCode::NoError)
            }
            LocalAnswer::Pointer => (self.answer_pointer(reply, query), ResponseCode::NoError),
            LocalAnswer::Empty(zone) => (reply.start_of_authority(zone, LOCAL_TTL_S), ResponseCode::NoError),
            LocalAnswer::Missing(zone) => {
                (reply.start_of_authority(zone, LOCAL_TTL_S), ResponseCode::NxDomain)
            }
        };
        reply.finish(code, bytes_max, None);
    }

    fn answer_pointer<'q, 'b>(&self, reply: Reply<'q, 'b>, query: &Query<'_>) -> Reply<'q, 'b> {
        match self.own.first() {
            Some(own) if query.question.kind == RecordType::PTR => {
                let mut data = Vec::new();
                write_name(own, &mut data);
                reply.answer(RecordType::PTR, LOCAL_TTL_S, &data)
            }
            _ => reply.start_of_authority(query.question.name.as_bytes().len(), LOCAL_TTL_S),
        }
    }
}

fn answer_addresses<'q, 'b>(reply: Reply<'q, 'b>, query: &Query<'_>, addresses: &[IpAddr]) -> Reply<'q, 'b> {
    let name_bytes = query.question.name.as_bytes().len();
    write_addresses(reply, query.question.kind, addresses, name_bytes, LOCAL_TTL_S)
}

/// Adds the addresses of the type that is asked for, or the SOA of an empty answer when there is none.
pub(crate) fn write_addresses<'q, 'b>(
    mut reply: Reply<'q, 'b>,
    kind: RecordType,
    addresses: &[IpAddr],
    name_bytes: usize,
    ttl_s: u32,
) -> Reply<'q, 'b> {
    let mut found = false;
    for address in addresses {
        match address {
            IpAddr::V4(address) if kind == RecordType::A => {
                reply = reply.answer(kind, ttl_s, &address.octets());
                found = true;
            }
            IpAddr::V6(address) if kind == RecordType::AAAA => {
                reply = reply.answer(kind, ttl_s, &address.octets());
                found = true;
            }
            IpAddr::V4(_) | IpAddr::V6(_) => {}
        }
    }
    if found { reply } else { reply.start_of_authority(name_bytes, ttl_s) }
}

/// A name without a dot is a machine of the school, or a top-level domain. Nobody outside knows the address of
/// either, and the names of a school's machines are not theirs to know. The answer is empty rather than
/// "missing": a missing `fr` would take all names under it along (RFC 8020).
fn find_single_label(text: &str, kind: RecordType) -> Option<LocalAnswer> {
    if text == "localhost" {
        return Some(LocalAnswer::Localhost);
    }
    if PRIVATE_TOPS.contains(&text) {
        return Some(LocalAnswer::Empty(wire_bytes(text)));
    }
    matches!(kind, RecordType::A | RecordType::AAAA).then(|| LocalAnswer::Empty(wire_bytes(text)))
}

/// `16.172.in-addr.arpa` to `31.172.in-addr.arpa` (RFC 1918) and `64.100.` to `127.100.` (RFC 6598).
fn is_split_octet_zone(zone: &str) -> bool {
    let octet = |suffix| zone.strip_suffix(suffix).and_then(|octet: &str| octet.parse::<u8>().ok());
    octet(".172.in-addr.arpa").is_some_and(|octet| (16..32).contains(&octet))
        || octet(".100.in-addr.arpa").is_some_and(|octet| (64..128).contains(&octet))
}

/// The length of a name on the wire.
fn wire_bytes(name: &str) -> usize {
    name.len() + 2
}

/// The name under which a resolver looks for the name of an address (RFC 1035 section 3.5, RFC 3596 section 2.5).
fn reverse_name(address: IpAddr) -> Option<DomainName> {
    let text = match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let nibbles = address.octets().into_iter().rev().flat_map(|byte| [byte & 0x0f, byte >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}.")).collect::<String>() + "ip6.arpa"
        }
    };
    DomainName::parse(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> LocalNames {
        let addresses = vec!["10.77.0.1".parse().unwrap(), "2001:db8:77::1".parse().unwrap()];
        LocalNames::new(vec!["preau.lan".parse().unwrap(), "portail.ecole.fr".parse().unwrap()], addresses)
    }

    #[test]
    fn what_stays_in_the_school() {
        use LocalAnswer::{Empty, Localhost, Missing, Own, Pointer};
        let check = |name: &str, expected: Option<LocalAnswer>| {
            assert_eq!(names().find(&name.parse().unwrap(), RecordType::A), expected, "{name}");
        };
        check("preau.lan", Some(Own));
        check("portail.ecole.fr", Some(Own));
        check("x.portail.ecole.fr", None);
        check("imprimante.lan", Some(Missing(5)));
        check("lan", Some(Empty(5)));
        check("planlan.fr", None);
        check("localhost", Some(Localhost));
        check("x.localhost", Some(Localhost));
        check("pc-cm2.local", Some(Missing(7)));
        check("abc.onion", Some(Missing(7)));
        check("wpad", Some(Empty(6)));
        check("adult.preau.test", None);
        check("example.fr", None);
        check("1.0.77.10.in-addr.arpa", Some(Pointer));
        check("2.0.77.10.in-addr.arpa", Some(Missing(17)));
        check("1.1.16.172.in-addr.arpa", Some(Missing(21)));
        check("1.1.31.172.in-addr.arpa", Some(Missing(21)));
        check("1.1.32.172.in-addr.arpa", None);
        check("1.1.15.172.in-addr.arpa", None);
        check("1.1.100.100.in-addr.arpa", Some(Missing(22)));
        check("8.8.8.8.in-addr.arpa", None);
        check("110.in-addr.arpa", None);
        check("10.in-addr.arpa", Some(Empty(17)));
        check("resolver.arpa", Some(Empty(15)));
        check("_dns.resolver.arpa", Some(Empty(15)));
        check("notresolver.arpa", None);
        check("1.d.f.ip6.arpa", Some(Missing(14)));
        check("1.0.0.2.ip6.arpa", None);
    }

    #[test]
    fn top_level_domains_have_servers_but_no_address() {
        let fr: DomainName = "fr".parse().unwrap();
        assert_eq!(names().find(&fr, RecordType(2)), None);
        assert_eq!(names().find(&fr, RecordType::AAAA), Some(LocalAnswer::Empty(4)));
    }

    #[test]
    fn reverse_names() {
        let check = |address: &str, expected: &str| {
            assert_eq!(reverse_name(address.parse().unwrap()).unwrap().as_str(), expected);
        };
        check("192.0.2.1", "1.2.0.192.in-addr.arpa");
        check("2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
    }
}
