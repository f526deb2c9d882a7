//! From an upstream's message to the records that the box keeps and gives out.

use std::net::IpAddr;

use hickory_proto::op::{Message, Query as Question, ResponseCode as UpstreamCode};
use hickory_proto::rr::{Name, RData, Record, RecordType as Kind};
use model::DomainName;
use wire::dns::{Query, Records, Reply, ResponseCode};

use crate::cache::{Asked, Entry};
use crate::clock::Seconds;
use crate::sift::sift;
use crate::upstream::Failure;

/// Longest time to live, in seconds: a day, whatever the zone says (RFC 8767 section 4 advises a cap of this size).
const TTL_S_MAX: u32 = 86_400;
/// Longest time to live of a negative answer, in seconds (RFC 2308 section 5: one to three hours work well).
const NEGATIVE_TTL_S_MAX: u32 = 3_600;
/// Most other names and addresses that an answer may lead to. All of them are judged each time it is given out, on the
/// one thread of the door; the largest sites give a dozen aliases and addresses, and 64 KB have room for thousands. Addresses
/// beyond are left out: those before are as good. Names beyond are not: the last one may be the one that matters.
const LEADS_MAX: usize = 64;

/// Cuts an upstream's message down to what is kept.
///
/// This is the one place where all answers pass on their way in: what must not reach clients is taken out here, see
/// [`sift`]. Additional records always are; authority records unless they make a negative answer cacheable or prove
/// something to a client that checks DNSSEC.
pub(crate) fn keep(
    message: Message,
    domain: &DomainName,
    asked: Asked,
    now_s: Seconds,
    is_inward: &dyn Fn(IpAddr) -> bool,
) -> Result<Entry, Failure> {
    let name = &wire_name(domain.as_str())?;
    let codes =
        [(UpstreamCode::NoError, ResponseCode::NoError), (UpstreamCode::NXDomain, ResponseCode::NxDomain)];
    let known = codes.into_iter().find(|(code, _)| *code == message.metadata.response_code);
    let (_, code) = known.ok_or(Failure::Refused)?;
    let is_negative = message.answers.is_empty() || code == ResponseCode::NxDomain;
    let answers_s = message.answers.iter().map(|record| cap_ttl_s(record.ttl)).min();
    let (mut answers, leads) = sift(message.answers, is_inward);
    let room = LEADS_MAX.checked_sub(leads.count()).ok_or(Failure::Refused)?;
    let mut addresses = 0_usize;
    answers.retain(|record| {
        addresses += usize::from(record.data.ip_addr().is_some());
        record.data.ip_addr().is_none() || addresses <= room
    });
    if addresses > room {
        tracing::debug!(name = %domain, addresses, room, "an answer has more addresses than are looked at");
    }
    let mut kept = Message::query();
    kept.add_query(Question::query(name.clone(), Kind::from(asked.kind.0)));
    kept.add_answers(answers.into_iter().map(|record| settle(record, name)));
    if is_negative || asked.dnssec_ok {
        let proofs = message.authorities.into_iter().filter(|record| is_proof(record, asked.dnssec_ok));
        kept.add_authorities(proofs.map(|record| settle(record, name)));
    }
    let lifetime_s =
        if is_negative { negative_lifetime_s(&kept, answers_s) } else { answers_s.unwrap_or_default() };
    let bytes = kept.to_vec().map_err(|_| Failure::Refused)?;
    let records = Records::cut(&bytes, code).map_err(|_| Failure::Refused)?;
    Ok(Entry::new(domain, asked, &records, leads, now_s, lifetime_s))
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

/// Caps a record's time, and spells names as the question does as far as they end like the one that is asked for:
/// then they compress to pointers, each client reads them in its own case, and nobody reads the case that the box
/// itself has made up for the upstream. DNSSEC does not tell cases apart in these places (RFC 4034 section 6.2).
fn settle(mut record: Record, asked: &Name) -> Record {
    record.ttl = cap_ttl_s(record.ttl);
    respell(&mut record.name, asked);
    names(&mut record.data).into_iter().flatten().for_each(|name| respell(name, asked));
    record
}

/// The names in the data of the types in which a server may compress them, and thereby spell them as in the question
/// (RFC 3597 section 4).
#[expect(clippy::wildcard_enum_match_arm, reason = "there are some ninety types of records")]
fn names(data: &mut RData) -> [Option<&mut Name>; 2] {
    match data {
        RData::CNAME(alias) => [Some(&mut alias.0), None],
        RData::NS(server) => [Some(&mut server.0), None],
        RData::PTR(pointer) => [Some(&mut pointer.0), None],
        RData::MX(mail) => [Some(&mut mail.exchange), None],
        RData::SOA(start) => [Some(&mut start.mname), Some(&mut start.rname)],
        _ => [None, None],
    }
}

/// Spells the labels at the end of a name like those at the end of `asked`, as far as they are the same.
fn respell(name: &mut Name, asked: &Name) {
    let is_same = |(one, other): &(&[u8], &[u8])| one.eq_ignore_ascii_case(other);
    let same = name.iter().rev().zip(asked.iter().rev()).take_while(is_same).count();
    let own = name.iter().take(name.iter().len().saturating_sub(same));
    let asked = asked.iter().skip(asked.iter().len().saturating_sub(same));
    // As long as before: it cannot become too long.
    if let Ok(respelt) = Name::from_labels(own.chain(asked)) {
        *name = respelt;
    }
}

fn cap_ttl_s(ttl_s: u32) -> u32 {
    // RFC 2181 section 8: a TTL with its top bit set counts as zero.
    if ttl_s > i32::MAX.unsigned_abs() { 0 } else { ttl_s.min(TTL_S_MAX) }
}

fn is_proof(record: &Record, dnssec_ok: bool) -> bool {
    let kind = record.record_type();
    kind == Kind::SOA || dnssec_ok && matches!(kind, Kind::NSEC | Kind::NSEC3 | Kind::RRSIG | Kind::DS)
}

/// RFC 2308 section 5: the lesser of the SOA's time to live and its minimum field. Without a SOA an answer has
/// no time at all: it is given out once.
fn negative_lifetime_s(kept: &Message, answers_s: Option<Seconds>) -> Seconds {
    let soa_s = kept.authorities.iter().find_map(|record| {
        let RData::SOA(soa) = &record.data else { return None };
        Some(record.ttl.min(soa.minimum))
    });
    soa_s.unwrap_or(0).min(answers_s.unwrap_or(NEGATIVE_TTL_S_MAX)).min(NEGATIVE_TTL_S_MAX)
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

    fn alias(target: &str) -> Record {
        Record::from_rdata(name("a.fr."), 60, RData::CNAME(CNAME(name(target))))
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
            let entry = keep(message, &domain(), asked, 7, &|_| false).unwrap();
            assert_eq!(entry.lifetime_s(), expected, "{answers:?} {authorities:?}");
        };
        use UpstreamCode::{NXDomain, NoError};
        let alias = alias("b.fr.");
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

    /// The upstream answers in the case in which the box has asked; its own names keep their case.
    #[test]
    fn no_client_reads_the_case_that_the_box_made_up() {
        let mx = RData::MX(hickory_proto::rr::rdata::MX::new(10, name("Mail.A.fR.")));
        let answers = [
            Record::from_rdata(name("A.fR."), 60, RData::CNAME(CNAME(name("Cdn.A.fR.")))),
            Record::from_rdata(name("Cdn.A.fR."), 60, RData::CNAME(CNAME(name("Host.Example.fR.")))),
            Record::from_rdata(name("Host.Example.fR."), 60, mx),
        ];
        let message = message(&answers, &[soa(60, 60)], UpstreamCode::NXDomain);
        let entry = keep(message, &domain(), Asked::plain(RecordType::A), 0, &|_| false).unwrap();
        let kept = entry.to_message().unwrap();
        let texts: Vec<String> = kept.all_sections().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "a.fr. 60 IN CNAME Cdn.a.fr.",
                "Cdn.a.fr. 60 IN CNAME Host.Example.fr.",
                "Host.Example.fr. 60 IN MX 10 Mail.a.fr.",
                "fr. 60 IN SOA ns.fr. nobody.fr. 1 2 3 4 60",
            ]
        );
    }

    /// Else a name that leads inside would be asked for again and again.
    #[test]
    fn an_answer_that_leads_inside_is_kept_without_its_records() {
        let alias = alias("b.fr.");
        let message = message(&[alias, address("b.fr.", 300)], &[], UpstreamCode::NoError);
        let entry = keep(message, &domain(), Asked::plain(RecordType::A), 0, &|_| true).unwrap();
        assert_eq!((entry.is_inward(), entry.lifetime_s(), entry.records().answers), (true, 60, 0));
        assert_eq!(entry.aliases(), ["b.fr".parse().unwrap()]);
    }

    #[test]
    fn an_answer_tells_all_its_addresses() {
        let v6 = RData::AAAA("2001:db8::1".parse().unwrap());
        let answers = [address("a.fr.", 60), Record::from_rdata(name("A.fr."), 60, v6), address("c.fr.", 60)];
        let message = message(&answers, &[address("glue.fr.", 1)], UpstreamCode::NoError);
        let entry = keep(message, &domain(), Asked::plain(RecordType::A), 0, &|_| false).unwrap();
        let addresses: Vec<String> = entry.addresses().map(|address| address.to_string()).collect();
        assert_eq!(addresses, ["192.0.2.1", "2001:db8::1", "192.0.2.1"]);
    }

    #[test]
    fn only_what_clients_need_is_kept() {
        let ns = Record::from_rdata(name("fr."), 60, RData::NS(NS(name("ns.fr."))));
        let message = message(&[address("A.fR.", 60)], &[ns], UpstreamCode::NoError);
        let entry = keep(message, &domain(), Asked::plain(RecordType::A), 0, &|_| false).unwrap();
        assert_eq!((entry.records().answers, entry.records().authorities), (1, 0));
        // A pointer to the question, type, class, TTL, length, address; and the TTL's place.
        assert_eq!(entry.records().bytes.len(), 16 + 2);
    }

    #[test]
    fn an_answer_leads_to_so_much_at_most() {
        let aliases = |count: usize| (0..count).map(|number| alias(&format!("b{number}.fr.")));
        let addresses = |count: usize| (0..count).map(|_| address("a.fr.", 60));
        // How many aliases and addresses are kept.
        let check = |answers: Vec<Record>, expected: Option<[usize; 2]>| {
            let message = message(&answers, &[], UpstreamCode::NoError);
            let kept = keep(message, &domain(), Asked::plain(RecordType::A), 0, &|_| false);
            let kept = kept.ok().map(|entry| [entry.aliases().len(), entry.addresses().count()]);
            assert_eq!(kept, expected, "{}", answers.len());
        };
        check(aliases(LEADS_MAX).collect(), Some([LEADS_MAX, 0]));
        check(aliases(LEADS_MAX + 1).collect(), None);
        check(addresses(LEADS_MAX).collect(), Some([0, LEADS_MAX]));
        check(addresses(2_000).collect(), Some([0, LEADS_MAX]));
        check(aliases(LEADS_MAX - 4).chain(addresses(4)).collect(), Some([LEADS_MAX - 4, 4]));
        check(aliases(LEADS_MAX - 4).chain(addresses(5)).collect(), Some([LEADS_MAX - 4, 4]));
        check(aliases(LEADS_MAX + 1).chain(addresses(1)).collect(), None);
        // What is there again does not have to be judged again.
        check((0..2_000).map(|_| alias("b.fr.")).collect(), Some([1, 0]));
        // Texts, however many, lead nowhere.
        let text = RData::TXT(hickory_proto::rr::rdata::TXT::new(vec!["a".to_owned()]));
        check(vec![Record::from_rdata(name("a.fr."), 60, text); 2 * LEADS_MAX], Some([0, 0]));
    }

    #[test]
    fn other_codes_are_failures() {
        let message = message(&[], &[], UpstreamCode::Refused);
        let asked = Asked::plain(RecordType::A);
        assert_eq!(keep(message, &domain(), asked, 0, &|_| false).unwrap_err(), Failure::Refused);
    }
}
