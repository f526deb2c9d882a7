//! Questions and answers, as messages.

use std::net::IpAddr;

use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::rdata::HTTPS;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::rdata::svcb::{Mandatory, SVCB, SvcParamKey, SvcParamValue};
use hickory_proto::rr::{Name, RData, RecordType};

/// What an answer may take as a datagram.
const UDP_BYTES: u16 = 1232;
/// Every question has the same number: each has a socket of its own.
const ID: u16 = 0x5e1f;
/// Extended DNS errors (RFC 8914).
const EXTENDED_ERROR: u16 = 15;
const BLOCKED: u16 = 15;
const STALE_ANSWER: u16 = 3;

/// A question for a name; with `dnssec`, as a client asks that checks signatures. Empty for a name that cannot be asked.
pub(crate) fn question(name: &str, kind: RecordType, dnssec: bool) -> Vec<u8> {
    let Ok(name) = Name::from_labels(name.split('.').map(str::as_bytes)) else { return Vec::new() };
    let mut message = Message::query();
    message.metadata.id = ID;
    message.metadata.recursion_desired = true;
    message.metadata.authentic_data = dnssec;
    message.add_query(Query::query(name, kind));
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_BYTES).set_dnssec_ok(dnssec);
    message.set_edns(edns);
    message.to_vec().unwrap_or_default()
}

/// An answer, as far as the attacks look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) code: ResponseCode,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) aliases: Vec<String>,
    pub(crate) services: Vec<Service>,
    /// Whether it says that its signatures were checked, or brings some.
    pub(crate) is_authenticated: bool,
    pub(crate) is_blocked: bool,
    pub(crate) is_stale: bool,
    pub(crate) count: usize,
}

/// A record of type HTTPS or SVCB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    /// Whether it has keys for an encrypted hello, or says that one needs them.
    pub(crate) has_keys: bool,
    pub(crate) hints: Vec<IpAddr>,
}

impl Answer {
    /// Reads an answer; `None` where the bytes are none.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let message = Message::from_vec(bytes).ok()?;
        let records = || message.answers.iter().map(|record| &record.data);
        let alias = |data: &RData| if let RData::CNAME(alias) = data { Some(text(&alias.0)) } else { None };
        let service = |data: &RData| {
            let (RData::SVCB(service) | RData::HTTPS(HTTPS(service))) = data else { return None };
            Some(Service::of(service))
        };
        let errors = extended_errors(&message);
        let is_signature = |record: &hickory_proto::rr::Record| record.record_type() == RecordType::RRSIG;
        Some(Self {
            code: message.metadata.response_code,
            addresses: records().filter_map(RData::ip_addr).collect(),
            aliases: records().filter_map(alias).collect(),
            services: records().filter_map(service).collect(),
            is_authenticated: message.metadata.authentic_data || message.answers.iter().any(is_signature),
            is_blocked: errors.contains(&BLOCKED),
            is_stale: errors.contains(&STALE_ANSWER),
            count: message.answers.len(),
        })
    }

    /// Every address that it leads to.
    pub(crate) fn leads(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses.iter().chain(self.services.iter().flat_map(|service| &service.hints)).copied()
    }
}

impl Service {
    fn of(service: &SVCB) -> Self {
        let mut found = Self { has_keys: false, hints: Vec::new() };
        for (key, value) in &service.svc_params {
            found.has_keys |= *key == SvcParamKey::EchConfigList;
            match value {
                SvcParamValue::Mandatory(Mandatory(keys)) => {
                    found.has_keys |= keys.contains(&SvcParamKey::EchConfigList);
                }
                SvcParamValue::Ipv4Hint(hint) => found.hints.extend(hint.0.iter().map(|it| IpAddr::V4(it.0))),
                SvcParamValue::Ipv6Hint(hint) => found.hints.extend(hint.0.iter().map(|it| IpAddr::V6(it.0))),
                SvcParamValue::Alpn(_)
                | SvcParamValue::NoDefaultAlpn
                | SvcParamValue::Port(_)
                | SvcParamValue::EchConfigList(_)
                | SvcParamValue::Unknown(_) => {}
            }
        }
        found
    }
}

fn extended_errors(message: &Message) -> Vec<u16> {
    let Some(edns) = &message.edns else { return Vec::new() };
    let codes = edns.options().as_ref().iter().filter_map(|(code, option)| match (code, option) {
        (EdnsCode::Unknown(EXTENDED_ERROR), EdnsOption::Unknown(_, data)) => {
            data.first_chunk().map(|code| u16::from_be_bytes(*code))
        }
        _ => None,
    });
    codes.collect()
}

fn text(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase()
}
