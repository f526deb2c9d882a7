//! What must not reach clients is taken out of an upstream's answer, and what the rest leads to is noted.
//!
//! Two things never go out. Keys for an Encrypted Client Hello (RFC 9849): with them a browser hides from the gate
//! which site it wants. And addresses inside: those of the box, of the school, of loopback and the like, where a
//! name of the Internet would make the school's own browsers reach (DNS rebinding). Whatever signature covers what was
//! altered goes with it; proofs that something does not exist stay as they are.

use std::collections::HashSet;
use std::net::IpAddr;

use hickory_proto::rr::rdata::HTTPS;
use hickory_proto::rr::rdata::svcb::{IpHint, Mandatory, SVCB, SvcParamValue};
use hickory_proto::rr::{Name, RData, Record, RecordType as Kind};
use hickory_proto::serialize::binary::BinDecodable as _;
use model::DomainName;

/// Where an answer leads, beside the addresses in its records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Leads {
    /// Other names that stand for the one that was asked for.
    pub(crate) aliases: Vec<DomainName>,
    /// Addresses that records of services give along.
    pub(crate) hints: Vec<IpAddr>,
    /// Whether there were addresses, and all of them lead inside.
    pub(crate) is_inward: bool,
}

impl Leads {
    /// The same without what is in there twice, in the order of the records.
    fn unique(mut self) -> Self {
        let (mut aliases, mut hints) = (HashSet::new(), HashSet::new());
        self.aliases.retain(|alias| aliases.insert(alias.clone()));
        self.hints.retain(|hint| hints.insert(*hint));
        self
    }

    /// How many names and addresses have to be judged.
    pub(crate) fn count(&self) -> usize {
        self.aliases.len() + self.hints.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.aliases.is_empty() && self.hints.is_empty() && !self.is_inward
    }

    /// What they take in memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let names: usize =
            self.aliases.iter().map(|alias| size_of::<DomainName>() + alias.as_str().len()).sum();
        size_of::<Self>() + names + size_of_val(self.hints.as_slice())
    }
}

/// Sifts the records of an answer. `is_inward` tells which addresses lie inside.
pub(crate) fn sift(mut records: Vec<Record>, is_inward: &dyn Fn(IpAddr) -> bool) -> (Vec<Record>, Leads) {
    let mut altered: Vec<(Name, Kind)> = Vec::new();
    let mut leads = Leads::default();
    records.retain_mut(|record| {
        let kind = record.record_type();
        let outcome = sift_record(record, is_inward, &mut leads);
        if outcome != Outcome::Whole {
            altered.push((record.name.clone(), kind));
        }
        leads.is_inward |= outcome == Outcome::Removed;
        outcome != Outcome::Removed
    });
    records.retain(|record| !is_signature_of(record, &altered));
    leads.is_inward &= !records.iter().any(|record| record.data.ip_addr().is_some());
    if leads.is_inward {
        records.clear();
    }
    (records, leads.unique())
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Whole,
    Altered,
    Removed,
}

fn sift_record(record: &mut Record, is_inward: &dyn Fn(IpAddr) -> bool, leads: &mut Leads) -> Outcome {
    if record.data.ip_addr().is_some_and(is_inward) {
        return Outcome::Removed;
    }
    leads.aliases.extend(alias(&record.data).as_ref().and_then(judgeable));
    let (RData::SVCB(service) | RData::HTTPS(HTTPS(service))) = &mut record.data else {
        return Outcome::Whole;
    };
    let is_altered = sift_service(service, is_inward);
    leads.hints.extend(hints(service));
    if is_altered { Outcome::Altered } else { Outcome::Whole }
}

/// The name that a record gives in place of its own. No other type leads a client on that asks for addresses.
#[expect(clippy::wildcard_enum_match_arm, reason = "there are some ninety types of records")]
fn alias(data: &RData) -> Option<Name> {
    match data {
        RData::CNAME(target) => Some(target.0.clone()),
        RData::SVCB(service) | RData::HTTPS(HTTPS(service)) => Some(service.target_name.clone()),
        // The library does not know the type, but its data is one name, uncompressed (RFC 6672 section 2.1).
        RData::Unknown { code: Kind::DNAME, rdata } => Name::from_bytes(&rdata.anything).ok(),
        _ => None,
    }
}

/// The part of a name that lists can judge: from the last label on that no host has. `None` for the root, which
/// stands for the record's own name (RFC 9460 section 2.5).
fn judgeable(name: &Name) -> Option<DomainName> {
    let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let mut labels: Vec<&str> = name
        .iter()
        .rev()
        .map_while(|label| std::str::from_utf8(label).ok().filter(|text| text.as_bytes().iter().all(is_host)))
        .collect();
    labels.reverse();
    DomainName::parse(&labels.join(".")).ok()
}

/// Takes the keys for an Encrypted Client Hello and the addresses inside out of a record of a service (RFC 9460).
/// True when there were any.
fn sift_service(service: &mut SVCB, is_inward: &dyn Fn(IpAddr) -> bool) -> bool {
    let mut removed = Vec::new();
    let mut is_altered = false;
    service.svc_params.retain_mut(|(key, value)| {
        let (before, after) = match value {
            SvcParamValue::EchConfigList(_) => (1, 0),
            SvcParamValue::Ipv4Hint(IpHint(hints)) => retain(hints, |hint| !is_inward(hint.0.into())),
            SvcParamValue::Ipv6Hint(IpHint(hints)) => retain(hints, |hint| !is_inward(hint.0.into())),
            SvcParamValue::Mandatory(_)
            | SvcParamValue::Alpn(_)
            | SvcParamValue::NoDefaultAlpn
            | SvcParamValue::Port(_)
            | SvcParamValue::Unknown(_) => return true,
        };
        is_altered |= after < before;
        let is_emptied = after < before && after == 0;
        if is_emptied {
            removed.push(*key);
        }
        !is_emptied
    });
    service.svc_params.retain_mut(|(_, value)| {
        let SvcParamValue::Mandatory(Mandatory(keys)) = value else { return true };
        // What a record does not have must not be mandatory in it (RFC 9460 section 8).
        let (before, after) = retain(keys, |key| !removed.contains(key));
        after > 0 || before == 0
    });
    is_altered
}

/// [`Vec::retain`]; how many there were before, and after.
fn retain<T>(values: &mut Vec<T>, keep: impl Fn(&T) -> bool) -> (usize, usize) {
    let before = values.len();
    values.retain(keep);
    (before, values.len())
}

fn hints(service: &SVCB) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = Vec::new();
    for (_, value) in &service.svc_params {
        if let SvcParamValue::Ipv4Hint(IpHint(hints)) = value {
            found.extend(hints.iter().map(|hint| IpAddr::from(hint.0)));
        }
        if let SvcParamValue::Ipv6Hint(IpHint(hints)) = value {
            found.extend(hints.iter().map(|hint| IpAddr::from(hint.0)));
        }
    }
    found
}

/// Whether a record signs one of these sets, or does not say what it signs (RFC 4034 section 3.1: the type that is
/// covered comes first).
fn is_signature_of(record: &Record, sets: &[(Name, Kind)]) -> bool {
    if record.record_type() != Kind::RRSIG {
        return false;
    }
    let data = if let RData::Unknown { rdata, .. } = &record.data { rdata.anything.as_slice() } else { &[] };
    let covered = data.first_chunk().map(|kind| Kind::from(u16::from_be_bytes(*kind)));
    sets.iter().any(|(name, kind)| *name == record.name && covered.is_none_or(|covered| covered == *kind))
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use hickory_proto::op::{Message, Query};
    use hickory_proto::rr::rdata::svcb::{Alpn, EchConfigList, SvcParamKey, Unknown};
    use hickory_proto::rr::rdata::{CNAME, NULL};
    use hickory_proto::serialize::binary::BinEncodable as _;
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn address(owner: &str, text: &str) -> Record {
        let data = match IpAddr::from_str(text).unwrap() {
            IpAddr::V4(address) => RData::A(address.into()),
            IpAddr::V6(address) => RData::AAAA(address.into()),
        };
        Record::from_rdata(name(owner), 60, data)
    }

    fn alias(owner: &str, target: &str) -> Record {
        Record::from_rdata(name(owner), 60, RData::CNAME(CNAME(name(target))))
    }

    fn service(target: &str, params: &[(SvcParamKey, SvcParamValue)]) -> SVCB {
        SVCB::new(1, name(target), params.to_vec())
    }

    fn https(owner: &str, service: SVCB) -> Record {
        Record::from_rdata(name(owner), 60, RData::HTTPS(HTTPS(service)))
    }

    fn signature(owner: &str, covered: Kind) -> Record {
        let mut rdata = NULL::new();
        rdata.anything = [&u16::from(covered).to_be_bytes()[..], &[13, 2, 0, 0, 0, 60]].concat();
        Record::from_rdata(name(owner), 60, RData::Unknown { code: Kind::RRSIG, rdata })
    }

    /// What lies inside, for these tests.
    fn is_inward(address: IpAddr) -> bool {
        let inside = ["10.77.0.1", "127.0.0.1", "fd77::1"].map(|text| IpAddr::from_str(text).unwrap());
        inside.contains(&address)
    }

    fn parameters() -> Vec<(SvcParamKey, SvcParamValue)> {
        let v4 = |text: &[&str]| {
            SvcParamValue::Ipv4Hint(IpHint(text.iter().map(|text| text.parse().unwrap()).collect()))
        };
        vec![
            (
                SvcParamKey::Mandatory,
                SvcParamValue::Mandatory(Mandatory(vec![SvcParamKey::Alpn, SvcParamKey::EchConfigList])),
            ),
            (SvcParamKey::Alpn, SvcParamValue::Alpn(Alpn(vec!["h2".to_owned()]))),
            (SvcParamKey::Port, SvcParamValue::Port(8443)),
            (SvcParamKey::Ipv4Hint, v4(&["192.0.2.1", "10.77.0.1"])),
            (SvcParamKey::EchConfigList, SvcParamValue::EchConfigList(EchConfigList(vec![0, 4, 0xfe, 0x0d]))),
            (
                SvcParamKey::Ipv6Hint,
                SvcParamValue::Ipv6Hint(IpHint(vec![
                    std::net::Ipv6Addr::from_str("fd77::1").unwrap().into(),
                ])),
            ),
            (SvcParamKey::Unknown(9), SvcParamValue::Unknown(Unknown(vec![1, 2, 3]))),
        ]
    }

    #[test]
    fn keys_for_hidden_names_and_hints_inside_are_taken_out() {
        let answer = vec![
            alias("www.a.fr.", "a.fr."),
            signature("www.a.fr.", Kind::CNAME),
            https("a.fr.", service(".", &parameters())),
            signature("a.fr.", Kind::HTTPS),
            signature("a.fr.", Kind::A),
        ];
        let (records, leads) = sift(answer, &is_inward);
        let expected = [
            alias("www.a.fr.", "a.fr."),
            signature("www.a.fr.", Kind::CNAME),
            https(
                "a.fr.",
                service(
                    ".",
                    &[
                        (
                            SvcParamKey::Mandatory,
                            SvcParamValue::Mandatory(Mandatory(vec![SvcParamKey::Alpn])),
                        ),
                        (SvcParamKey::Alpn, SvcParamValue::Alpn(Alpn(vec!["h2".to_owned()]))),
                        (SvcParamKey::Port, SvcParamValue::Port(8443)),
                        (
                            SvcParamKey::Ipv4Hint,
                            SvcParamValue::Ipv4Hint(IpHint(vec!["192.0.2.1".parse().unwrap()])),
                        ),
                        (SvcParamKey::Unknown(9), SvcParamValue::Unknown(Unknown(vec![1, 2, 3]))),
                    ],
                ),
            ),
            signature("a.fr.", Kind::A),
        ];
        assert_eq!(records, expected);
        assert_eq!(leads.aliases, ["a.fr".parse().unwrap()]);
        assert_eq!(leads.hints, ["192.0.2.1".parse::<IpAddr>().unwrap()]);
        assert!(!leads.is_inward);
    }

    #[test]
    fn what_is_not_there_is_not_mandatory() {
        let check = |mandatory: &[SvcParamKey], expected: Option<&[SvcParamKey]>| {
            let mut params = parameters();
            params[0].1 = SvcParamValue::Mandatory(Mandatory(mandatory.to_vec()));
            let mut service = service(".", &params);
            assert!(sift_service(&mut service, &is_inward));
            let found = service.svc_params.iter().find_map(|(_, value)| {
                if let SvcParamValue::Mandatory(Mandatory(keys)) = value {
                    Some(keys.as_slice())
                } else {
                    None
                }
            });
            assert_eq!(found, expected, "{mandatory:?}");
        };
        use SvcParamKey::{Alpn, EchConfigList, Ipv4Hint, Ipv6Hint, Key};
        check(&[EchConfigList], None);
        check(&[EchConfigList, Ipv6Hint], None);
        check(&[Ipv4Hint, EchConfigList], Some(&[Ipv4Hint]));
        // A record that was wrong before stays wrong: clients pass it over.
        check(&[Alpn, Key(65_280)], Some(&[Alpn, Key(65_280)]));
    }

    #[test]
    fn an_answer_leads_inside_when_nothing_else_is_left() {
        let check = |answer: &[Record], left: &[Record], expected: bool| {
            let (records, leads) = sift(answer.to_vec(), &is_inward);
            assert_eq!((records.as_slice(), leads.is_inward), (left, expected), "{answer:?}");
        };
        let [inside, outside] = ["10.77.0.1", "192.0.2.1"].map(|text| address("a.fr.", text));
        let signed = signature("a.fr.", Kind::A);
        check(&[], &[], false);
        check(&[outside.clone(), signed.clone()], &[outside.clone(), signed.clone()], false);
        check(&[outside.clone(), inside.clone(), signed.clone()], &[outside], false);
        check(&[inside.clone(), signed], &[], true);
        check(&[alias("www.a.fr.", "a.fr."), inside], &[], true);
        check(&[address("a.fr.", "fd77::1"), address("a.fr.", "127.0.0.1")], &[], true);
        let hinted = https("a.fr.", service(".", &parameters()[6..]));
        check(std::slice::from_ref(&hinted), std::slice::from_ref(&hinted), false);
    }

    #[test]
    fn aliases_are_noted_as_far_as_lists_can_judge_them() {
        let mut rdata = NULL::new();
        rdata.anything = b"\x06casino\x07example\0".to_vec();
        let whole_zone =
            Record::from_rdata(name("zone.fr."), 60, RData::Unknown { code: Kind::DNAME, rdata });
        let odd = Name::from_labels([&b"a b"[..], b"Casino", b"example"]).unwrap();
        let odd = Record::from_rdata(name("a.fr."), 60, RData::CNAME(CNAME(odd)));
        for (record, expected) in [
            (alias("a.fr.", "WWW.Casino.example."), Some("www.casino.example")),
            (https("a.fr.", service("casino.example.", &[])), Some("casino.example")),
            (https("a.fr.", service(".", &[])), None),
            (whole_zone, Some("casino.example")),
            (odd, Some("casino.example")),
            (alias("a.fr.", "1.2.3.4."), None),
            (address("a.fr.", "192.0.2.1"), None),
        ] {
            let (records, leads) = sift(vec![record.clone()], &is_inward);
            assert_eq!(records, [record]);
            let expected: Vec<DomainName> = expected.into_iter().map(|name| name.parse().unwrap()).collect();
            assert_eq!(leads.aliases, expected);
        }
    }

    #[test]
    fn what_an_answer_says_twice_is_noted_once() {
        let service = https("a.fr.", service("b.fr.", &parameters()));
        let (records, leads) = sift(vec![service.clone(), alias("a.fr.", "b.fr."), service], &is_inward);
        assert_eq!((records.len(), leads.count()), (3, 2), "{leads:?}");
    }

    /// A parameter of a service as it stands in a message.
    fn parameter() -> impl Strategy<Value = (u16, Vec<u8>)> {
        let bytes = |length| proptest::collection::vec(any::<u8>(), length);
        prop_oneof![
            Just((1, b"\x02h2".to_vec())),
            Just((3, vec![1, 187])),
            (1_usize..4).prop_flat_map(move |count| (Just(4), bytes(4 * count..4 * count + 1))),
            (Just(5), bytes(0..40)),
            (1_usize..4).prop_flat_map(move |count| (Just(6), bytes(16 * count..16 * count + 1))),
            (7_u16..100, bytes(0..20)),
        ]
    }

    proptest! {
        #[test]
        fn nothing_but_the_key_is_missing(
            kind in prop_oneof![Just(Kind::HTTPS), Just(Kind::SVCB)],
            params in proptest::collection::vec(parameter(), 0..8),
        ) {
            let params: std::collections::BTreeMap<u16, Vec<u8>> = params.into_iter().collect();
            let write = |params: &std::collections::BTreeMap<u16, Vec<u8>>| {
                let mut data = vec![0, 1, 0];
                for (key, value) in params {
                    data.extend_from_slice(&key.to_be_bytes());
                    data.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
                    data.extend_from_slice(value);
                }
                let mut rdata = NULL::new();
                rdata.anything = data;
                Record::from_rdata(name("a.fr."), 60, RData::Unknown { code: kind, rdata }).to_bytes().unwrap()
            };
            let mut message = Message::query().into_response();
            message.add_query(Query::query(name("a.fr."), kind));
            let mut bytes = message.to_vec().unwrap();
            bytes[7] = 1;
            bytes.extend_from_slice(&write(&params));
            let answers = Message::from_vec(&bytes).unwrap().answers;
            let (records, _) = sift(answers, &|_| false);
            let without_key = params.into_iter().filter(|(key, _)| *key != 5).collect();
            prop_assert_eq!(records[0].to_bytes().unwrap(), write(&without_key));
        }
    }
}
