//! A zone that lies: what a hostile upstream could say, without one on the Internet.
//!
//! The box answers for `autotest.preau.test` by itself (`.test` is nobody's: RFC 6761 section 6.2), and sifts and
//! screens these answers as it does those of any upstream. Whoever asks gets what is left of them. No name of the zone
//! leads to an address that the asker chooses, so that nobody gets anywhere by it.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::rdata::svcb::{
    Alpn, EchConfigList, IpHint, Mandatory, SVCB, SvcParamKey, SvcParamValue,
};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, HTTPS, NULL, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use model::DomainName;

use crate::place::{NOWHERE_IPV4, NOWHERE_IPV6};

/// The zone.
pub(crate) const ZONE: &str = "autotest.preau.test";
/// How long answers may be kept, in seconds.
const TTL_S: u32 = 60;
/// The same for those that are to become stale, and for names that are asked for once.
const TTL_SHORT_S: u32 = 1;
/// Names that are answered once only, and are remembered: one run asks for a handful. The oldest is forgotten.
const ONCE_MAX: usize = 64;

/// Names of the zone, as attacks use them.
pub(crate) mod names {
    use super::ZONE;

    /// An honest name, with the address of nobody.
    pub(crate) fn honest() -> String {
        format!("honnete.{ZONE}")
    }

    /// Another one, which nobody has asked for in another run or for another attack.
    pub(crate) fn fresh(attack: &str, mark: u64) -> String {
        format!("{attack}-{mark:x}.honnete.{ZONE}")
    }

    /// A name with keys for an encrypted hello.
    pub(crate) fn keys() -> String {
        format!("cles.{ZONE}")
    }

    /// An alias of it.
    pub(crate) fn keys_by_alias() -> String {
        format!("alias-cles.{ZONE}")
    }

    /// The same, answered once and never again.
    pub(crate) fn keys_once(mark: u64) -> String {
        format!("{mark:x}.une-fois.{ZONE}")
    }

    /// An alias of any other name.
    pub(crate) fn alias_of(target: &str) -> String {
        format!("{target}.alias.{ZONE}")
    }

    /// An alias of that alias.
    pub(crate) fn chain_to(target: &str) -> String {
        format!("{target}.chaine.{ZONE}")
    }

    /// Names that lead inside: to the box, to the asker's own machine, to a machine on the same wire.
    pub(crate) fn inside() -> [String; 3] {
        ["boite", "soi-meme", "lien"].map(|name| format!("{name}.dedans.{ZONE}"))
    }

    /// A name that leads inside as well as outside.
    pub(crate) fn half_inside() -> String {
        format!("moitie.dedans.{ZONE}")
    }

    /// One of any number of names.
    pub(crate) fn tunnel(number: usize) -> String {
        format!("secret{number}.tunnel.{ZONE}")
    }
}

/// The zone of a box.
#[derive(Debug)]
pub struct Zone {
    /// The box's addresses on the school's network.
    addresses: Vec<IpAddr>,
    answered_once: Mutex<VecDeque<String>>,
}

impl Zone {
    /// The zone of the box with these addresses.
    #[must_use]
    pub fn new(addresses: Vec<IpAddr>) -> Self {
        Self { addresses, answered_once: Mutex::default() }
    }

    /// Whether a name is one of the zone.
    #[must_use]
    pub fn holds(name: &DomainName) -> bool {
        name.as_str().strip_suffix(ZONE).is_some_and(|inner| inner.is_empty() || inner.ends_with('.'))
    }

    /// The whole message that a name of the zone gets for a type, by its number; `None` for all other names.
    #[must_use]
    pub fn answer(&self, name: &DomainName, kind: u16) -> Option<Vec<u8>> {
        let inner = name.as_str().strip_suffix(ZONE)?.strip_suffix('.')?;
        let kind = RecordType::from(kind);
        let owner = wire_name(name.as_str())?;
        let mut message = Message::query().into_response();
        message.metadata.authentic_data = true;
        message.add_query(Query::query(owner.clone(), kind));
        match self.records(inner, &owner, kind) {
            Some(records) => {
                if records.is_empty() {
                    message.add_authorities(start_of_authority());
                }
                message.add_answers(records);
            }
            None => message.metadata.response_code = ResponseCode::ServFail,
        }
        message.to_vec().ok()
    }

    /// What stands for a name; `None` where the zone says that it cannot tell.
    fn records(&self, inner: &str, owner: &Name, kind: RecordType) -> Option<Vec<Record>> {
        let record = |data: RData| Record::from_rdata(owner.clone(), TTL_S, data);
        let (first, group) = inner.rsplit_once('.').unwrap_or(("", inner));
        let short = |data: RData| Record::from_rdata(owner.clone(), TTL_SHORT_S, data);
        Some(match group {
            "honnete" => nowhere(kind).map(record).into_iter().collect(),
            "cles" => with_signature(keys(kind).map(record)),
            "alias-cles" => alias_with(owner, &names::keys(), keys(kind)),
            "une-fois" => {
                if self.is_answered(inner) {
                    return None;
                }
                with_signature(keys(kind).map(short))
            }
            "alias" => alias_with(owner, first, nowhere(kind)),
            "chaine" => {
                let middle = names::alias_of(first);
                let mut records = alias_with(owner, &middle, None);
                let second = wire_name(&middle).map(|middle| alias_with(&middle, first, nowhere(kind)));
                records.extend(second.unwrap_or_default());
                records
            }
            "dedans" => self.inside(first, kind).into_iter().map(record).collect(),
            "tunnel" => nowhere(kind).map(short).into_iter().collect(),
            _ => vec![],
        })
    }

    fn inside(&self, which: &str, kind: RecordType) -> Vec<RData> {
        let addresses = match which {
            "boite" => self.addresses.clone(),
            "soi-meme" => vec![Ipv4Addr::LOCALHOST.into()],
            "lien" => vec![Ipv4Addr::new(169, 254, 169, 254).into()],
            "moitie" => {
                self.addresses.iter().copied().chain([NOWHERE_IPV4.into(), NOWHERE_IPV6.into()]).collect()
            }
            _ => vec![],
        };
        addresses.into_iter().filter_map(|address| data_of(address, kind)).collect()
    }

    /// Whether the name was answered before; from now on, it was.
    fn is_answered(&self, name: &str) -> bool {
        let mut answered = self.answered_once.lock().unwrap_or_else(PoisonError::into_inner);
        if answered.iter().any(|other| other == name) {
            return true;
        }
        if answered.len() >= ONCE_MAX {
            answered.pop_front();
        }
        answered.push_back(name.to_owned());
        false
    }
}

fn wire_name(name: &str) -> Option<Name> {
    Name::from_labels(name.split('.').map(str::as_bytes)).ok()
}

fn data_of(address: IpAddr, kind: RecordType) -> Option<RData> {
    match (address, kind) {
        (IpAddr::V4(address), RecordType::A) => Some(RData::A(A(address))),
        (IpAddr::V6(address), RecordType::AAAA) => Some(RData::AAAA(AAAA(address))),
        _ => None,
    }
}

fn nowhere(kind: RecordType) -> Option<RData> {
    data_of(NOWHERE_IPV4.into(), kind).or_else(|| data_of(NOWHERE_IPV6.into(), kind))
}

/// What a site says that wants its visitors' hellos encrypted (RFC 9848).
fn keys(kind: RecordType) -> Option<RData> {
    let service = SVCB::new(
        1,
        Name::root(),
        vec![
            (
                SvcParamKey::Mandatory,
                SvcParamValue::Mandatory(Mandatory(vec![SvcParamKey::Alpn, SvcParamKey::EchConfigList])),
            ),
            (SvcParamKey::Alpn, SvcParamValue::Alpn(Alpn(vec!["h2".to_owned()]))),
            (SvcParamKey::Ipv4Hint, SvcParamValue::Ipv4Hint(IpHint(vec![A(NOWHERE_IPV4)]))),
            (SvcParamKey::EchConfigList, SvcParamValue::EchConfigList(EchConfigList(vec![0, 2, 0xfe, 0x0d]))),
        ],
    );
    #[expect(clippy::wildcard_enum_match_arm, reason = "there are some ninety types of records")]
    match kind {
        RecordType::HTTPS => Some(RData::HTTPS(HTTPS(service))),
        RecordType::SVCB => Some(RData::SVCB(service)),
        _ => nowhere(kind),
    }
}

fn alias_with(owner: &Name, target: &str, data: Option<RData>) -> Vec<Record> {
    let Some(target) = wire_name(target) else { return vec![] };
    let alias = Record::from_rdata(owner.clone(), TTL_S, RData::CNAME(CNAME(target.clone())));
    let end = data.map(|data| Record::from_rdata(target, TTL_S, data));
    std::iter::once(alias).chain(end).collect()
}

/// The record with a signature of it (RFC 4034 section 3.1), which nobody made: a client that checks it takes the
/// record for altered, one that believes the box's word must not be told that it is whole.
fn with_signature(record: Option<Record>) -> Vec<Record> {
    let Some(record) = record else { return vec![] };
    let mut data = u16::from(record.record_type()).to_be_bytes().to_vec();
    data.extend([13, 4, 0, 0, 0, 60, 0x7f, 0, 0, 0, 0x60, 0, 0, 0, 0x5e, 0x1f]);
    data.extend(ZONE.split('.').flat_map(|label| {
        let length = u8::try_from(label.len()).unwrap_or_default();
        std::iter::once(length).chain(label.bytes())
    }));
    data.push(0);
    data.extend([0x5e; 64]);
    let signature = RData::Unknown { code: RecordType::RRSIG, rdata: NULL::with(data) };
    let signature = Record::from_rdata(record.name.clone(), record.ttl, signature);
    vec![record, signature]
}

/// Says how long the absence of records may be kept.
fn start_of_authority() -> Vec<Record> {
    let Some(zone) = wire_name(ZONE) else { return vec![] };
    let hour = 3_600;
    let soa = SOA::new(zone.clone(), zone.clone(), 1, hour, hour, hour, TTL_S);
    vec![Record::from_rdata(zone, TTL_S, RData::SOA(soa))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::Answer;

    fn zone() -> Zone {
        Zone::new(vec!["10.77.0.1".parse().unwrap(), "fd77::1".parse().unwrap()])
    }

    fn ask(zone: &Zone, name: &str, kind: RecordType) -> Answer {
        Answer::read(&zone.answer(&name.parse().unwrap(), kind.into()).unwrap()).unwrap()
    }

    #[test]
    fn it_lies_in_every_way() {
        let zone = zone();
        let answer = ask(&zone, &names::fresh("cloak", 7), RecordType::A);
        assert_eq!(answer.addresses, [IpAddr::from(NOWHERE_IPV4)]);
        let answer = ask(&zone, &names::honest(), RecordType::A);
        assert_eq!(answer.addresses, [IpAddr::from(NOWHERE_IPV4)]);
        for kind in [RecordType::HTTPS, RecordType::SVCB] {
            let answer = ask(&zone, &names::keys(), kind);
            assert!(answer.services[0].has_keys && answer.is_authenticated, "{answer:?}");
            assert_eq!(answer.count, 2, "the record and its signature");
        }
        let answer = ask(&zone, &names::keys_by_alias(), RecordType::HTTPS);
        assert!(answer.services[0].has_keys && answer.aliases == [names::keys()]);
        let answer = ask(&zone, &names::chain_to("casino.example"), RecordType::A);
        assert_eq!(answer.aliases, [names::alias_of("casino.example"), "casino.example".to_owned()]);
        let inside = names::inside().map(|name| ask(&zone, &name, RecordType::A).addresses[0].to_string());
        assert_eq!(inside, ["10.77.0.1", "127.0.0.1", "169.254.169.254"]);
        assert_eq!(ask(&zone, &names::half_inside(), RecordType::AAAA).addresses.len(), 2);
        assert_eq!(ask(&zone, &names::honest(), RecordType::TXT).count, 0);
    }

    #[test]
    fn a_name_is_answered_once_and_never_again() {
        let zone = zone();
        let code = |mark| ask(&zone, &names::keys_once(mark), RecordType::HTTPS).code;
        assert_eq!(
            (code(1), code(1), code(2)),
            (ResponseCode::NoError, ResponseCode::ServFail, ResponseCode::NoError)
        );
        (0..1_000).for_each(|mark| assert!(code(mark) != ResponseCode::Refused));
        assert_eq!(zone.answered_once.lock().unwrap().len(), ONCE_MAX);
    }

    #[test]
    fn other_names_are_not_its_own() {
        for name in
            ["preau.test", "autotest.preau.test", "xautotest.preau.test", "honnete.autotest.preau.example"]
        {
            assert_eq!(zone().answer(&name.parse().unwrap(), 1), None, "{name}");
        }
    }

    /// Nobody reaches an address by a name that he makes up.
    #[test]
    fn no_name_gives_an_address_that_the_asker_chooses() {
        for name in ["192-0-2-1", "192.0.2.1", "1.2.0.192.dedans", "192.0.2.1.alias", "192.0.2.1.tunnel"] {
            let Ok(name) = format!("{name}.{ZONE}").parse::<DomainName>() else { continue };
            let Some(answer) = zone().answer(&name, 1) else { continue };
            let answer = Answer::read(&answer).unwrap();
            assert!(answer.addresses.iter().all(|address| *address == IpAddr::from(NOWHERE_IPV4)), "{name}");
        }
    }
}
