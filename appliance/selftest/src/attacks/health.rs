//! What a PC that is plugged in needs of the box, once it has an address: `preau health`.

use hickory_proto::rr::RecordType;
use model::DomainName;

use super::encryption::OUTER;
use super::names::get;
use crate::Place;
use crate::attack::{Attack, Family, Sender};
use crate::demand::Demand;

/// The box answers by DNS for its own name, refuses a listed one, and shows its pages. None of it takes a line: one that is cut is no
/// fault of the box. `sender` is the tester that asks; `None`: the machine itself. Where no list refuses anything to it, there is no
/// `listed`: the name is then one that every box refuses to everybody, by the same way, so that a filter is always seen to refuse.
#[must_use]
pub fn needs(place: &Place, listed: Option<&DomainName>, sender: Sender) -> Vec<Attack> {
    let own = place.own_name.as_str();
    let need = |id, with: &str| Attack {
        id,
        family: Family::Control,
        with: with.to_owned(),
        profile: None,
        sender,
        records: vec![],
        steps: vec![],
        skip: None,
    };
    let pages = (place.ipv4, if place.has_firewall { 80 } else { place.doors.http });
    let refused = listed.map_or(OUTER, DomainName::as_str);
    vec![
        need("DNS", own).ask(place.dns(), own, RecordType::A, Demand::OwnAddress),
        need("filter", refused).ask(place.dns(), refused, RecordType::A, Demand::NameRefused),
        need("portal", own).say(pages.into(), get(own), Demand::OwnPage),
    ]
}
