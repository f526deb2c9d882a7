//! Pages: by TLS, by HTTP, by the explicit proxy.

use model::AccessKind;

use super::Table;
use super::names::get;
use crate::action::Action;
use crate::attack::{Attack, Family};
use crate::demand::Demand;
use crate::hello;
use crate::place::{NOWHERE_IPV4, NOWHERE_IPV6};

pub(super) fn list(table: &Table<'_>) -> Vec<Attack> {
    let mut attacks = tls(table);
    attacks.extend(shapes(table));
    attacks.extend(http(table));
    attacks.extend(proxy(table));
    attacks
}

fn tls(table: &Table<'_>) -> Vec<Attack> {
    let (to, name) = (table.place().https(), table.listed_text());
    let attack = |id, with: &str| table.attack(id, Family::Web, with);
    let literal = NOWHERE_IPV4.to_string();
    vec![
        attack("tls-listed", name)
            .unless(table.no_list())
            .say(to, hello::honest(name), Demand::TlsRefused)
            .recorded(AccessKind::Tls, name),
        // The address is nobody's: who answers has gone where the name leads.
        attack("tls-address", table.targets.site.as_str())
            .unless(table.no_firewall())
            .unless(table.closed())
            .say(to, hello::honest(table.targets.site.as_str()), Demand::ServerHello),
        attack("tls-nameless", "")
            .say(to, hello::made(None), Demand::NoHello)
            .recorded_without_host(AccessKind::Tls),
        attack("tls-literal", &literal)
            .say(to, hello::made(Some(&literal)), Demand::NoHello)
            .recorded_without_host(AccessKind::Tls),
        attack("tls-ipv6", name)
            .unless(table.no_ipv6())
            .unless(table.no_list())
            .say((NOWHERE_IPV6, 443).into(), hello::honest(name), Demand::TlsRefused)
            .recorded(AccessKind::Tls, name),
        attack("not-tls", "")
            .say(to, "SSH-2.0-autotest\r\n", Demand::NoHello)
            .say(to, get(table.targets.site.as_str()), Demand::NoHello)
            .recorded_without_host(AccessKind::Tls),
    ]
}

/// Hellos that a hasty filter does not put together.
fn shapes(table: &Table<'_>) -> Vec<Attack> {
    let (to, name) = (table.place().https(), table.listed_text());
    let attack =
        |id| table.attack(id, Family::Web, name).unless(table.no_list()).recorded(AccessKind::Tls, name);
    vec![
        attack("tls-segments").say_in_pieces(to, hello::in_segments(name), Demand::TlsRefused),
        attack("tls-records").say(to, hello::in_records(name), Demand::TlsRefused),
        attack("tls-large").say(to, hello::large(name), Demand::TlsRefused),
    ]
}

fn http(table: &Table<'_>) -> Vec<Attack> {
    let (to, name, site) = (table.place().http(), table.listed_text(), table.targets.site.as_str());
    let attack = |id, with: &str| table.attack(id, Family::Web, with);
    let literal = NOWHERE_IPV4.to_string();
    let first = format!("HEAD / HTTP/1.1\r\nHost: {site}\r\n\r\n");
    let second = Action::Say { to, pieces: vec![first.into(), get(name).into()], in_turn: true };
    let absolute = format!("GET http://{name}/ HTTP/1.1\r\nHost: {site}\r\nConnection: close\r\n\r\n");
    let refused = |turn| Demand::HttpRefused { turn };
    vec![
        attack("http-listed", name)
            .unless(table.no_list())
            .say(to, get(name), refused(0))
            .recorded(AccessKind::Http, name),
        attack("http-literal", &literal)
            .say(to, get(&literal), refused(0))
            .recorded(AccessKind::Http, &literal),
        attack("http-second", name)
            .unless(table.no_list())
            .unless(table.closed())
            .step("", second, Some(refused(1)))
            .recorded(AccessKind::Http, name),
        attack("http-absolute", name)
            .unless(table.no_list())
            .say(to, absolute, refused(0))
            .recorded_without_host(AccessKind::Http),
    ]
}

fn proxy(table: &Table<'_>) -> Vec<Attack> {
    let (to, name, site) = (table.place().proxy(), table.listed_text(), table.targets.site.as_str());
    let attack = |id, with: &str| table.attack(id, Family::Web, with);
    let connect =
        |host: &str, port: u16| format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n");
    let inside = |target: String| Action::Say {
        to,
        pieces: vec![target.into_bytes(), hello::honest(name)],
        in_turn: true,
    };
    let literal = NOWHERE_IPV4.to_string();
    let refused = || Some(Demand::TunnelRefused);
    vec![
        attack("proxy-listed", name)
            .unless(table.no_list())
            .say(to, connect(name, 443), Demand::TunnelRefused)
            .recorded(AccessKind::Connect, name),
        attack("proxy-lie", name)
            .unless(table.no_list())
            .unless(table.closed())
            .step("", inside(connect(site, 443)), refused())
            .recorded(AccessKind::Tls, name),
        attack("proxy-port", site)
            .step("22", inside(connect(site, 22)), refused())
            .step("8443", inside(connect(site, 8443)), refused())
            .recorded(AccessKind::Connect, site),
        attack("proxy-literal", &literal)
            .step("", inside(connect(&literal, 443)), refused())
            .recorded(AccessKind::Connect, &literal),
    ]
}
