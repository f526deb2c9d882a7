//! Names that somebody else resolves, out of the box's sight; and names that hellos hide.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use model::AccessKind;

use super::{Table, ask};
use crate::action::{Action, Transport};
use crate::attack::{Attack, Family};
use crate::demand::Demand;
use crate::hello;
use crate::place::{NOWHERE_IPV4, NOWHERE_IPV6};
use crate::zone::names;

/// Servers of DNS over HTTPS that browsers and guides name first. They stand in UT1's `doh`: where that list is missing,
/// these questions find it out, whatever the configuration says.
const DOH: [&str; 8] = [
    "dns.google",
    "cloudflare-dns.com",
    "mozilla.cloudflare-dns.com",
    "one.one.one.one",
    "dns.quad9.net",
    "doh.opendns.com",
    "dns.nextdns.io",
    "dns.adguard.com",
];
/// Names of Apple's Private Relay.
const RELAY: [&str; 2] = ["mask.icloud.com", "mask-h2.icloud.com"];
/// The outer name of Cloudflare's encrypted hellos.
pub(super) const OUTER: &str = "cloudflare-ech.com";
/// A resolver that speaks everything.
const RESOLVER: Ipv4Addr = Ipv4Addr::new(8, 8, 8, 8);
/// What QUIC's first datagrams have at least (RFC 9000 section 14.1).
const QUIC_BYTES: usize = 1_200;
/// Until an answer that lives for a second is past its time, in milliseconds.
const STALE_MS: u16 = 2_500;

pub(super) fn list(table: &Table<'_>) -> Vec<Attack> {
    let mut attacks = vec![canary(table), known_doh(table), known_doh_by_tls(table)];
    attacks.extend(ports(table));
    attacks.extend([relay(table), discovery(table)]);
    attacks.extend(keys(table));
    attacks.push(outer(table));
    attacks
}

fn canary(table: &Table<'_>) -> Attack {
    let name = "use-application-dns.net";
    let demand = || Demand::Negative(ResponseCode::NXDomain);
    table
        .attack("doh-canary", Family::Encryption, name)
        .ask(table.place().dns(), name, RecordType::A, demand())
        .ask(table.place().dns(), name, RecordType::AAAA, demand())
        .recorded(AccessKind::Dns, name)
}

fn known_doh(table: &Table<'_>) -> Attack {
    let mut attack = table.attack("doh-known", Family::Encryption, "");
    for name in DOH {
        attack = attack
            .ask(table.place().dns(), name, RecordType::A, Demand::NameRefused)
            .recorded(AccessKind::Dns, name);
    }
    attack
}

fn known_doh_by_tls(table: &Table<'_>) -> Attack {
    let mut attack = table.attack("doh-known-web", Family::Encryption, "");
    for name in DOH {
        let action =
            Action::Say { to: table.place().https(), pieces: vec![hello::honest(name)], in_turn: false };
        attack = attack.step(name, action, Some(Demand::TlsRefused)).recorded(AccessKind::Tls, name);
    }
    attack
}

/// DNS over TLS and over QUIC elsewhere, and QUIC itself: the firewall's.
fn ports(table: &Table<'_>) -> Vec<Attack> {
    let attack = |id| table.attack(id, Family::Encryption, "").unless(table.no_firewall());
    let throw = |address: IpAddr, port| Action::Throw { to: SocketAddr::new(address, port), bytes: quic() };
    let hello = |address: IpAddr| Action::Say {
        to: SocketAddr::new(address, 853),
        pieces: vec![hello::honest("dns.google")],
        in_turn: false,
    };
    let rejected = || Some(Demand::Rejected);
    let nowhere = IpAddr::V6(NOWHERE_IPV6);
    // Where nobody is, nobody but the box can say no.
    let both = |id, action: &dyn Fn(IpAddr) -> Action| {
        let addresses = [RESOLVER.into(), IpAddr::V4(NOWHERE_IPV4)];
        let knock =
            |attack: Attack, address: IpAddr| attack.step(address.to_string(), action(address), rejected());
        addresses.into_iter().fold(attack(id), knock).recorded_by_firewall()
    };
    vec![
        both("dot", &hello),
        both("doq", &|address| throw(address, 853)),
        both("quic", &|address| throw(address, 443)),
        attack("encryption-ipv6")
            .unless(table.no_ipv6())
            .step("853/TCP", hello(nowhere), rejected())
            .step("853/UDP", throw(nowhere, 853), rejected())
            .step("443/UDP", throw(nowhere, 443), rejected())
            .recorded_by_firewall(),
    ]
}

/// The beginning of a QUIC Initial packet of version 1, with nothing in it.
fn quic() -> Vec<u8> {
    let mut bytes =
        vec![0xc3, 0, 0, 0, 1, 8, 0x5e, 0x1f, 0x5e, 0x1f, 0x5e, 0x1f, 0x5e, 0x1f, 0, 0, 0x44, 0x9e];
    bytes.resize(QUIC_BYTES, 0);
    bytes
}

fn relay(table: &Table<'_>) -> Attack {
    let mut attack = table.attack("relay", Family::Encryption, "");
    for name in RELAY {
        for kind in [RecordType::A, RecordType::AAAA, RecordType::HTTPS] {
            attack = attack.ask(table.place().dns(), name, kind, Demand::Negative(ResponseCode::NXDomain));
        }
        attack = attack.recorded(AccessKind::Dns, name);
    }
    attack
}

fn discovery(table: &Table<'_>) -> Attack {
    let dns = table.place().dns();
    let empty = || Demand::Negative(ResponseCode::NoError);
    table
        .attack("ddr", Family::Encryption, "_dns.resolver.arpa")
        .ask(dns, "_dns.resolver.arpa", RecordType::SVCB, empty())
        .ask(dns, "resolver.arpa", RecordType::SVCB, empty())
}

/// Keys for an encrypted hello: fresh, kept, behind an alias, signed, past their time.
fn keys(table: &Table<'_>) -> Vec<Attack> {
    let dns = table.place().dns();
    let attack = |id| table.attack(id, Family::Encryption, "").unless(table.closed());
    let clean = || Demand::ServiceWithoutKeys;
    let https = |name: &str, dnssec| ask(dns, Transport::Udp, name, RecordType::HTTPS, dnssec);
    let once = names::keys_once(table.targets.mark);
    vec![
        attack("ech").ask(dns, &names::keys(), RecordType::HTTPS, clean()).step(
            "kept",
            https(&names::keys(), false),
            Some(clean()),
        ),
        attack("ech-service").ask(dns, &names::keys(), RecordType::SVCB, clean()),
        attack("ech-alias").ask(dns, &names::keys_by_alias(), RecordType::HTTPS, clean()).step(
            "kept",
            https(&names::keys_by_alias(), false),
            Some(clean()),
        ),
        attack("ech-dnssec").step("", https(&names::keys(), true), Some(clean())),
        attack("ech-stale")
            .step("", https(&once, false), Some(clean()))
            .step("", Action::Wait(STALE_MS), None)
            .step("", https(&once, false), Some(Demand::StaleServiceWithoutKeys)),
    ]
}

fn outer(table: &Table<'_>) -> Attack {
    table
        .attack("ech-outer", Family::Encryption, OUTER)
        .ask(table.place().dns(), OUTER, RecordType::A, Demand::NameRefused)
        .say(table.place().https(), hello::honest(OUTER), Demand::TlsRefused)
        .recorded(AccessKind::Dns, OUTER)
        .recorded(AccessKind::Tls, OUTER)
}
