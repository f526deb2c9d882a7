//! Names: what passes, what is listed, what leads elsewhere.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::rr::RecordType;
use model::AccessKind;

use super::{Table, ask};
use crate::action::{Action, Transport};
use crate::attack::{Attack, Family};
use crate::demand::Demand;
use crate::hello;
use crate::zone::names;

/// Resolvers that pupils write into the settings.
const RESOLVERS: [[u8; 4]; 3] = [[8, 8, 8, 8], [1, 1, 1, 1], [9, 9, 9, 9]];
/// One of them by IPv6.
const RESOLVER_IPV6: &str = "2001:4860:4860::8888";
/// Names of a tunnel: more than a device may ask for in ten minutes.
const TUNNEL_NAMES: usize = 320;

/// What must pass.
pub(super) fn controls(table: &Table<'_>) -> Vec<Attack> {
    let place = table.place();
    let site = table.targets.site.as_str();
    let control = |id| table.attack(id, Family::Control, site).unless(table.closed());
    let connect = format!("CONNECT {site}:443 HTTP/1.1\r\nHost: {site}:443\r\n\r\n");
    let through_proxy =
        Action::Say { to: place.proxy(), pieces: vec![connect.into(), hello::honest(site)], in_turn: true };
    vec![
        table
            .attack("control-dns", Family::Control, names::honest())
            .unless(table.closed())
            .ask(place.dns(), &names::honest(), RecordType::A, Demand::ZoneAnswer)
            .step(
                "TCP",
                ask(place.dns(), Transport::Tcp, &names::honest(), RecordType::A, false),
                Some(Demand::ZoneAnswer),
            ),
        control("control-name").ask(place.dns(), site, RecordType::A, Demand::Address),
        control("control-https").say(place.https(), hello::honest(site), Demand::ServerHello),
        control("control-http").say(place.http(), get(site), Demand::HttpAnswer),
        control("control-proxy").step("", through_proxy, Some(Demand::TunnelOpen)),
        table
            .attack("control-pages", Family::Control, place.own_name.as_str())
            .say(own_http(table), get(place.own_name.as_str()), Demand::HttpAnswer)
            .step(
                "TLS",
                Action::Say {
                    to: place.https(),
                    pieces: vec![hello::honest(place.own_name.as_str())],
                    in_turn: false,
                },
                Some(Demand::ServerHello),
            ),
    ]
}

fn own_http(table: &Table<'_>) -> SocketAddr {
    let place = table.place();
    if place.has_firewall { (place.ipv4, 80).into() } else { place.http() }
}

pub(super) fn get(host: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: preau-selftest\r\nConnection: close\r\n\r\n")
}

/// What must not.
pub(super) fn list(table: &Table<'_>) -> Vec<Attack> {
    let mut attacks = vec![listed(table), foreign(table), foreign_ipv6(table)];
    attacks.extend(aliases(table));
    attacks.extend(inside(table));
    attacks.push(tunnel(table));
    attacks
}

fn listed(table: &Table<'_>) -> Attack {
    let (dns, name) = (table.place().dns(), table.listed_text());
    let under = table.listed_for("autotest");
    table
        .attack("dns-listed", Family::Names, name)
        .unless(table.no_list())
        .ask(dns, name, RecordType::A, Demand::NameRefused)
        .ask(dns, name, RecordType::AAAA, Demand::NameRefused)
        .ask(dns, name, RecordType::HTTPS, Demand::NameRefused)
        .ask(dns, &under, RecordType::A, Demand::NameRefused)
        .step("TCP", ask(dns, Transport::Tcp, name, RecordType::A, false), Some(Demand::NameRefused))
        .recorded(AccessKind::Dns, &under)
}

fn foreign(table: &Table<'_>) -> Attack {
    let name = &table.listed_for("dns-foreign");
    let mut attack = table
        .attack("dns-foreign", Family::Names, table.listed_text())
        .unless(table.no_firewall())
        .unless(table.no_list())
        .recorded(AccessKind::Dns, name);
    for address in RESOLVERS {
        let to = SocketAddr::new(IpAddr::from(address), 53);
        for by in [Transport::Udp, Transport::Tcp] {
            let action = ask(to, by, name, RecordType::A, false);
            attack = attack.step(to.ip().to_string(), action, Some(Demand::NameRefused));
        }
    }
    attack
}

fn foreign_ipv6(table: &Table<'_>) -> Attack {
    let name = &table.listed_for("dns-ipv6");
    let attack = table.attack("dns-ipv6", Family::Names, table.listed_text());
    let mut attack = attack.unless(table.no_ipv6()).unless(table.no_list());
    let foreign = RESOLVER_IPV6.parse().ok();
    for address in foreign.into_iter().chain(table.place().ipv6.map(IpAddr::V6)) {
        let action = ask((address, 53).into(), Transport::Udp, name, RecordType::A, false);
        attack = attack.step(address.to_string(), action, Some(Demand::NameRefused));
    }
    attack.recorded(AccessKind::Dns, name)
}

/// A listed site under a name that is on no list.
fn aliases(table: &Table<'_>) -> Vec<Attack> {
    let (dns, target) = (table.place().dns(), table.listed_text());
    let (alias, chain) = (names::alias_of(target), names::chain_to(target));
    let attack = |id| table.attack(id, Family::Names, target).unless(table.no_list()).first_honest(table);
    vec![
        attack("cloak")
            .ask(dns, &alias, RecordType::A, Demand::NameRefused)
            .ask(dns, &alias, RecordType::A, Demand::NameRefused)
            .ask(dns, &alias, RecordType::HTTPS, Demand::NameRefused)
            .recorded(AccessKind::Dns, &alias),
        attack("cloak-chain")
            .ask(dns, &chain, RecordType::A, Demand::NameRefused)
            .recorded(AccessKind::Dns, &chain),
        attack("cloak-web")
            .say(table.place().https(), hello::honest(&alias), Demand::TlsRefused)
            .say(table.place().http(), get(&alias), Demand::HttpRefused { turn: 0 })
            .recorded(AccessKind::Tls, &alias)
            .recorded(AccessKind::Http, &alias),
    ]
}

/// A name of the Internet for a machine of the school.
fn inside(table: &Table<'_>) -> Vec<Attack> {
    let dns = table.place().dns();
    let mut rebind = table.attack("rebind", Family::Names, "").first_honest(table);
    for name in names::inside() {
        rebind = rebind
            .ask(dns, &name, RecordType::A, Demand::NothingInside { outside: false })
            .recorded(AccessKind::Dns, &name);
    }
    if table.place().ipv6.is_some() {
        let [own, ..] = names::inside();
        rebind = rebind.ask(dns, &own, RecordType::AAAA, Demand::NothingInside { outside: false });
    }
    let half = names::half_inside();
    let half = table.attack("rebind-half", Family::Names, "").unless(table.closed()).ask(
        dns,
        &half,
        RecordType::A,
        Demand::NothingInside { outside: true },
    );
    vec![rebind, half]
}

/// Data that leaves hidden in names, by a machine of its own: a device may do it once in ten minutes.
fn tunnel(table: &Table<'_>) -> Attack {
    let dns = table.place().dns();
    let mut attack = table.attack("tunnel", Family::Names, "").unless(table.closed());
    attack.sender = table.attacker.spare.or(table.attacker.tester);
    for number in 0..TUNNEL_NAMES {
        let name = names::tunnel(number);
        let demand = match number {
            0 => Some(Demand::NameRefusedOrAnswered),
            _ if number + 1 == TUNNEL_NAMES => Some(Demand::NameRefused),
            _ => None,
        };
        attack = attack.step("", ask(dns, Transport::Udp, &name, RecordType::A, false), demand);
    }
    attack.recorded(AccessKind::Dns, &names::tunnel(TUNNEL_NAMES - 1))
}
