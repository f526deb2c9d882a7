//! Other services elsewhere, and the box's own doors that are not for the school.

use std::net::{IpAddr, SocketAddr};

use super::Table;
use crate::action::Action;
use crate::attack::{Attack, Family};
use crate::demand::Demand;
use crate::place::{NOWHERE_IPV4, NOWHERE_IPV6};

/// Remote login, mail, VPN, chat, remote control, other pages.
const TCP: [u16; 10] = [22, 25, 1194, 1723, 3389, 5222, 5938, 8080, 8443, 9001];
/// IPsec, WireGuard, OpenVPN, STUN, L2TP, and any port.
const UDP: [u16; 7] = [500, 1194, 1701, 3478, 4500, 51820, 40000];

pub(super) fn list(table: &Table<'_>) -> Vec<Attack> {
    let outside = |id, skip, address: IpAddr| {
        let mut attack = table.attack(id, Family::Ports, address.to_string()).unless(skip);
        for port in TCP {
            attack = knock(attack, address, port);
        }
        for port in UDP {
            let action = Action::Throw { to: SocketAddr::new(address, port), bytes: b"autotest".to_vec() };
            attack = attack.step(format!("{port}/UDP"), action, Some(Demand::Rejected));
        }
        attack.recorded_by_firewall()
    };
    vec![
        outside("ports", table.no_firewall(), NOWHERE_IPV4.into()),
        outside("ports-ipv6", table.no_ipv6(), NOWHERE_IPV6.into()),
        own_doors(table),
    ]
}

/// Doors of the box behind the firewall, of programs that it runs for itself, and of its maintenance.
fn own_doors(table: &Table<'_>) -> Attack {
    let place = table.place();
    let doors = place.doors;
    let mut attack = table.attack("doors", Family::Inside, "").unless(table.no_firewall());
    for address in place.addresses() {
        for port in [22, doors.tls, doors.http, doors.portal, doors.portal_tls] {
            attack = knock(attack, address, port);
        }
    }
    attack.recorded_by_firewall()
}

fn knock(attack: Attack, address: IpAddr, port: u16) -> Attack {
    let action = Action::Say { to: SocketAddr::new(address, port), pieces: vec![], in_turn: false };
    attack.step(format!("{port}/TCP"), action, Some(Demand::Rejected))
}
