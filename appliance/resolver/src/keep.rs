//! From an upstream's message to the records that the box keeps and gives out.

use hickory_proto::op::{Message, Query as Question, ResponseCode as UpstreamCode};
use hickory_proto::rr::{Name, RData, Record, RecordType as Kind};
use model::DomainName;
use wire::dns::{Query, Records, Reply, ResponseCode};

use crate::cache::{Asked, Entry};
use crate::clock::Seconds;
use crate::upstream::Failure;

/// Longest time to live, in seconds: a day, whatever the zone says (RFC 8767 section 4 advises a cap of this size).
const TTL_S_MAX: u32 = 86_400;
/// Longest time to live of a negative answer, in seconds (RFC 2308 section 5: one to three hours work well).
const NEGATIVE_TTL_S_MAX: u32 = 3_600;

/// Cuts an upstream's message down to what is kept.
///
/// This is the one place where all answers pass on their way in: what must not reach clients is taken out here.
/// Additional records always are; authority records unless they make a negative answer cacheable or prove
/// something to a client that checks DNSSEC.
pub(crate) fn keep(
    message: Message,
    domain: &DomainName,
    asked: Asked,
    now_s: Seconds,
) -> Result<Entry, Failure> {
    let name = &wire_name(domain.as_str())?;
    let codes =
        [(UpstreamCode::NoError, ResponseCode::NoError), (UpstreamCode::NXDomain, ResponseCode::NxDomain)];
    let known = codes.into_iter().find(|(code, _)| *code == message.metadata.response_code);
    let (_, code) = known.ok_or(Failure::Refused)?;
    let is_negative = message.answers.is_empty() || code == ResponseCode::NxDomain;
    let mut kept = Message::query();
    kept.add_query(Question::query(name.clone(), Kind::from(asked.kind.0)));
    kept.add_answers(message.answers.into_iter().map(|record| settle(record, name)));
    if is_negative || asked.dnssec_ok {
        let proofs = message.authorities.into_iter().filter(|record| is_proof(record, asked.dnssec_ok));
        kept.add_authorities(proofs.map(|record| settle(record, name)));
    }
    let lifetime_s = if is_negative { negative_lifetime_s(&kept) } else { lifetime_s(&kept) };
    let bytes = kept.to_vec().map_err(|_| Failure::Refused)?;
    let records = Records::cut(&bytes, code).map_err(|_| Failure::Refused)?;
    Ok(Entry::new(domain, asked, &records, now_s, lifetime_s))
}

impl Entry {
    /// The whole answer as a message again, for the rare reader of more than bytes.
    pub(crate) fn to_message(&self) -> Option<Message> {
        let mut question = Message::query();
        let name = wire_name(self.name()).ok()?;
        question.add_query(Question::query(name, Kind::from(self.asked().kind.0)));
        let packet = question.to_vec().ok()?;
        let query = Query::read(&packet).ok()?;
        let mut bytes = Vec::new();
        let records = self.records();
        Reply::to(&query, &mut bytes).records(&records, |ttl_s| ttl_s).finish(records.code, u16::MAX, None);
        Message::from_vec(&bytes).ok()
    }
}

/// The name as upstreams are asked for it.
pub(crate) fn wire_name(name: &str) -> Result<Name, Failure> {
    Name::from_labels(name.split('.').map(str::as_bytes)).map_err(|_| Failure::Refused)
}

/// Caps a record's time, and spells the asked name as the question does: then it compresses to a pointer, and
/// each client reads it in its own case.
fn settle(mut record: Record, name: &Name) -> Record {
    // RFC 2181 section 8: a TTL with its top bit set counts as zero.
    record.ttl = if record.ttl > i32::MAX.unsigned_abs() { 0 } else { record.ttl.min(TTL_S_MAX) };
    if record.name == *name {
        record.name = name.clone();
    }
    record
}

fn is_proof(record: &Record, dnssec_ok: bool) -> bool {
    let kind = record.record_type();
    kind == Kind::SOA || dnssec_ok && matches!(kind, Kind::NSEC | Kind::NSEC3 | Kind::RRSIG | Kind::DS)
}

fn lifetime_s(kept: &Message) -> Seconds {
    kept.answers.iter().map(|record| record.ttl).min().unwrap_or(0)
}

/// RFC 2308 section 5: the lesser of the SOA's time to live and its minimum field. Without a SOA an answer has
/// no time at all: it is given out once.
fn negative_lifetime_s(kept: &Message) -> Seconds {
    let soa_s = kept.authorities.iter().find_map(|record| {
        let RData::SOA(soa) = &record.data else { return None };
        Some(record.ttl.min(soa.minimum))
    });
    let chain_s = kept.answers.iter().map(|record| record.ttl).min().unwrap_or(NEGATIVE_TTL_S_MAX);
    soa_s.unwrap_or(0).min(chain_s).min(NEGATIVE_TTL_S_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::rr::rdata::{A, CNAME, NS, SOA};
    use wire::dns::RecordType;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn domain() -> DomainName {
        "a.fr".parse().unwrap()
    }

    fn address(owner: &str, ttl_s: u32) -> Record {
        Record::from_rdata(name(owner), ttl_s, RData::A(A::new(192, 0, 2, 1)))
    }

    fn soa(ttl_s: u32, minimum_s: u32) -> Record {
        let soa = SOA::new(name("ns.fr."), name("nobody.fr."), 1, 2, 3, 4, minimum_s);
        Record::from_rdata(name("fr."), ttl_s, RData::SOA(soa))
    }

    fn message(answers: &[Record], authorities: &[Record], code: UpstreamCode) -> Message {
        let mut message = Message::query().into_response();
        message.metadata.response_code = code;
        message.add_answers(answers.iter().cloned());
        message.add_authorities(authorities.iter().cloned());
        message.add_additional(address("glue.fr.", 1));
        message
    }

    #[test]
    fn the_shortest_time_counts() {
        let check = |answers: &[Record], authorities: &[Record], code, expected: Seconds| {
            let message = message(answers, authorities, code);
            let asked = Asked::plain(RecordType::A);
            let entry = keep(message, &domain(), asked, 7).unwrap();
            assert_eq!(entry.lifetime_s(), expected, "{answers:?} {authorities:?}");
        };
        use UpstreamCode::{NXDomain, NoError};
        let alias = Record::from_rdata(name("a.fr."), 60, RData::CNAME(CNAME(name("b.fr."))));
        check(&[address("a.fr.", 300)], &[], NoError, 300);
        check(&[alias.clone(), address("b.fr.", 300)], &[], NoError, 60);
        check(&[address("a.fr.", 1_000_000)], &[], NoError, TTL_S_MAX);
        check(&[address("a.fr.", u32::MAX)], &[], NoError, 0);
        check(&[], &[soa(900, 300)], NoError, 300);
        check(&[], &[soa(200, 300)], NXDomain, 200);
        check(&[], &[soa(90_000, 90_000)], NXDomain, NEGATIVE_TTL_S_MAX);
        check(&[alias], &[soa(900, 900)], NXDomain, 60);
        check(&[], &[], NXDomain, 0);
    }

    #[test]
    fn only_what_clients_need_is_kept() {
        let ns = Record::from_rdata(name("fr."), 60, RData::NS(NS(name("ns.fr."))));
        let message = message(&[address("A.fR.", 60)], &[ns], UpstreamCode::NoError);
        let entry = keep(message, &domain(), Asked::plain(RecordType::A), 0).unwrap();
        assert_eq!((entry.records().answers, entry.records().authorities), (1, 0));
        // A pointer to the question, type, class, TTL, length, address; and the TTL's place.
        assert_eq!(entry.records().bytes.len(), 16 + 2);
    }

    #[test]
    fn other_codes_are_failures() {
        let message = message(&[], &[], UpstreamCode::Refused);
        let asked = Asked::plain(RecordType::A);
        assert_eq!(keep(message, &domain(), asked, 0).unwrap_err(), Failure::Refused);
    }
}
