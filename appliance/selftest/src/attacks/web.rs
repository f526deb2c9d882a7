//! Pages: by TLS, by HTTP, by the explicit proxy.

use model::{AccessKind, Fault};

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
    let under = |id| table.listed_for(id);
    let literal = NOWHERE_IPV4.to_string();
    vec![
        attack("tls-listed", name)
            .unless(table.no_list())
            .say(to, hello::honest(&under("tls-listed")), Demand::TlsRefused)
            .recorded(AccessKind::Tls, &under("tls-listed")),
        // The address is nobody's: who answers has gone where the name leads.
        attack("tls-address", table.targets.site.as_str())
            .unless(table.no_firewall())
            .unless(table.closed())
            .say(to, hello::honest(table.targets.site.as_str()), Demand::ServerHello),
        attack("tls-nameless", "")
            .say(to, hello::made(None), Demand::NoHello)
            .recorded_as(AccessKind::Tls, Fault::Unnamed),
        attack("tls-literal", &literal)
            .say(to, hello::made(Some(&literal)), Demand::NoHello)
            .recorded_as(AccessKind::Tls, Fault::AddressLiteral),
        attack("tls-ipv6", name)
            .unless(table.no_ipv6())
            .unless(table.no_list())
            .say((NOWHERE_IPV6, 443).into(), hello::honest(&under("tls-ipv6")), Demand::TlsRefused)
            .recorded(AccessKind::Tls, &under("tls-ipv6")),
        attack("not-tls", "")
            .say(to, "SSH-2.0-autotest\r\n", Demand::NoHello)
            .say(to, get(table.targets.site.as_str()), Demand::NoHello)
            .recorded_as(AccessKind::Tls, Fault::NotTls),
    ]
}

/// Hellos that a hasty filter does not put together.
fn shapes(table: &Table<'_>) -> Vec<Attack> {
    let to = table.place().https();
    let attack = |id, shape: fn(&str) -> Vec<Vec<u8>>| {
        let name = table.listed_for(id);
        table
            .attack(id, Family::Web, table.listed_text())
            .unless(table.no_list())
            .say_in_pieces(to, shape(&name), Demand::TlsRefused)
            .recorded(AccessKind::Tls, &name)
    };
    vec![
        attack("tls-segments", hello::in_segments),
        attack("tls-records", |name| vec![hello::in_records(name)]),
        attack("tls-large", |name| vec![hello::large(name)]),
    ]
}

fn http(table: &Table<'_>) -> Vec<Attack> {
    let (to, name, site) = (table.place().http(), table.listed_text(), table.targets.site.as_str());
    let attack = |id, with: &str| table.attack(id, Family::Web, with);
    let literal = NOWHERE_IPV4.to_string();
    let first = format!("HEAD / HTTP/1.1\r\nHost: {site}\r\n\r\n");
    let [plain, later, target] =
        ["http-listed", "http-second", "http-absolute"].map(|id| table.listed_for(id));
    let second = Action::Say { to, pieces: vec![first.into(), get(&later).into()], in_turn: true };
    let absolute = format!("GET http://{target}/ HTTP/1.1\r\nHost: {site}\r\nConnection: close\r\n\r\n");
    let refused = |turn| Demand::HttpRefused { turn };
    vec![
        attack("http-listed", name)
            .unless(table.no_list())
            .say(to, get(&plain), refused(0))
            .recorded(AccessKind::Http, &plain),
        attack("http-literal", &literal)
            .say(to, get(&literal), refused(0))
            .recorded(AccessKind::Http, &literal),
        attack("http-second", name)
            .unless(table.no_list())
            .unless(table.closed())
            .step("", second, Some(refused(1)))
            .recorded(AccessKind::Http, &later),
        attack("http-absolute", name)
            .unless(table.no_list())
            .say(to, absolute, refused(0))
            .recorded_as(AccessKind::Http, Fault::Malformed),
    ]
}

fn proxy(table: &Table<'_>) -> Vec<Attack> {
    let (to, name, site) = (table.place().proxy(), table.listed_text(), table.targets.site.as_str());
    let attack = |id, with: &str| table.attack(id, Family::Web, with);
    let connect =
        |host: &str, port: u16| format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n");
    let [plain, lie] = ["proxy-listed", "proxy-lie"].map(|id| table.listed_for(id));
    let inside = |target: String| Action::Say {
        to,
        pieces: vec![target.into_bytes(), hello::honest(&lie)],
        in_turn: true,
    };
    let literal = NOWHERE_IPV4.to_string();
    let refused = || Some(Demand::TunnelRefused);
    vec![
        attack("proxy-listed", name)
            .unless(table.no_list())
            .say(to, connect(&plain, 443), Demand::TunnelRefused)
            .recorded(AccessKind::Connect, &plain),
        attack("proxy-lie", name)
            .unless(table.no_list())
            .unless(table.closed())
            .step("", inside(connect(site, 443)), refused())
            .recorded(AccessKind::Tls, &lie),
        attack("proxy-port", site)
            .step("22", inside(connect(site, 22)), refused())
            .step("8443", inside(connect(site, 8443)), refused())
            .recorded(AccessKind::Connect, site),
        attack("proxy-literal", &literal)
            .step("", inside(connect(&literal, 443)), refused())
            .recorded(AccessKind::Connect, &literal),
    ]
}
