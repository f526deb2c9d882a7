//! Writing replies.

use super::{
    CLASS_IN, ErrorText, ExtendedError, HEADER_BYTES, Header, Query, Question, RecordType, Records,
    ResponseCode,
};

/// QR: it is a response.
const RESPONSE: u16 = 0x8000;
/// AA: the server is the authority for the name.
const AUTHORITATIVE: u16 = 0x0400;
/// TC: there is more, to be had over TCP.
const TRUNCATED: u16 = 0x0200;
/// RA: the server asks others on the client's behalf.
const RECURSION_AVAILABLE: u16 = 0x0080;
/// Bytes of an OPT record without options (RFC 6891 section 6.1.2).
const OPT_BYTES: usize = 11;
/// Bytes of an extended error without its text: option code, length, error code (RFC 8914 section 2).
const EXTENDED_ERROR_BYTES: usize = 6;
/// The option code of extended errors.
const EXTENDED_ERROR_OPTION: u16 = 15;
/// Longest text of an extended error, in bytes: a line on a screen.
const TEXT_BYTES_MAX: usize = 160;
/// Most UDP payload that the server says it takes, in bytes: fits every path unfragmented (RFC 9715).
const UDP_BYTES_MAX: u16 = 1232;
/// First half of the data of every SOA record written here: the primary server's name and, as RFC 6303
/// section 3 has it, nobody to write to.
const SOA_NAMES: &[u8] = b"\x05preau\x03lan\0\x06nobody\x07invalid\0";
/// The refresh, retry and expire fields of SOA records, in seconds: no secondary server ever uses them.
const SOA_TIMERS_S: [u32; 3] = [3600, 1200, 604_800];

/// A reply in the making: header and question stand, records follow, [`Reply::finish`] closes it.
#[derive(Debug)]
#[must_use]
pub struct Reply<'q, 'b> {
    query: &'q Query<'q>,
    bytes: &'b mut Vec<u8>,
    question_end: usize,
    /// The name that records are for: a compression pointer.
    owner: [u8; 2],
    answers: u16,
    authorities: u16,
    flags: u16,
}

impl<'q, 'b> Reply<'q, 'b> {
    /// Starts a reply in `bytes`, which is emptied first.
    pub fn to(query: &'q Query<'q>, bytes: &'b mut Vec<u8>) -> Self {
        bytes.clear();
        bytes.extend_from_slice(&[0; HEADER_BYTES]);
        query.question.write(bytes);
        let question_end = bytes.len();
        let owner = pointer_to(HEADER_BYTES);
        Self { query, bytes, question_end, owner, answers: 0, authorities: 0, flags: 0 }
    }

    /// Says that the box itself is the authority for the name.
    pub fn authoritative(mut self) -> Self {
        self.flags |= AUTHORITATIVE;
        self
    }

    /// Adds a record to the answer: of the question's own name, or of its alias once it has one.
    pub fn answer(mut self, kind: RecordType, ttl_s: u32, data: &[u8]) -> Self {
        write_record(self.bytes, self.owner, kind, ttl_s, &[data]);
        self.answers += 1;
        self
    }

    /// Says that another name, in the form of messages, stands for the question's: what follows in the answer is of
    /// that name.
    pub fn alias(self, ttl_s: u32, name: &[u8]) -> Self {
        let mut reply = self.answer(RecordType::CNAME, ttl_s, name);
        reply.owner = pointer_to(reply.bytes.len().saturating_sub(name.len()));
        reply
    }

    /// Adds the SOA record that makes a negative answer cacheable for `ttl_s` (RFC 2308). Its zone is the part
    /// of the question's name that its last `zone_bytes` bytes make up.
    pub fn start_of_authority(mut self, zone_bytes: usize, ttl_s: u32) -> Self {
        let name_end = HEADER_BYTES + self.query.question.name.as_bytes().len();
        let zone = pointer_to(name_end.saturating_sub(zone_bytes).max(HEADER_BYTES));
        let [refresh, retry, expire] = SOA_TIMERS_S.map(u32::to_be_bytes);
        let numbers = [1_u32.to_be_bytes(), refresh, retry, expire, ttl_s.to_be_bytes()];
        write_record(self.bytes, zone, RecordType::SOA, ttl_s, &[SOA_NAMES, numbers.as_flattened()]);
        self.authorities += 1;
        self
    }

    /// Adds kept records, each TTL put through `age`. They must be those of the question's name.
    pub fn records(mut self, records: &Records<impl AsRef<[u8]>>, age: impl Fn(u32) -> u32) -> Self {
        records.write(self.bytes, age);
        self.answers = self.answers.saturating_add(records.answers);
        self.authorities = self.authorities.saturating_add(records.authorities);
        self
    }

    /// Closes the reply. What is longer than `bytes_max` goes out without records, marked as truncated. An
    /// extended error needs a client that speaks EDNS; its text gives way to the limit.
    pub fn finish(self, code: ResponseCode, bytes_max: u16, error: Option<ExtendedError<'_>>) {
        let Self { query, bytes, question_end, owner: _, mut answers, mut authorities, mut flags } = self;
        let bytes_max = usize::from(bytes_max);
        let opt_bytes = if query.edns.is_some() { OPT_BYTES } else { 0 };
        if bytes.len() + opt_bytes > bytes_max {
            bytes.truncate(question_end);
            (answers, authorities) = (0, 0);
            flags |= TRUNCATED;
        }
        if let Some(edns) = query.edns {
            let room = bytes_max.saturating_sub(bytes.len() + OPT_BYTES);
            write_opt(bytes, code, edns.dnssec_ok, error.filter(|_| room >= EXTENDED_ERROR_BYTES), room);
        }
        let counts = [1, answers, authorities, u16::from(query.edns.is_some())];
        write_header(bytes, query.header, flags | RECURSION_AVAILABLE, code, counts);
    }
}

/// Writes the reply to a packet that is not a plain query, emptying `bytes` first.
pub fn write_objection(
    header: Header,
    question: Option<Question<'_>>,
    code: ResponseCode,
    bytes: &mut Vec<u8>,
) {
    bytes.clear();
    bytes.extend_from_slice(&[0; HEADER_BYTES]);
    if let Some(question) = question {
        question.write(bytes);
    }
    let counts = [u16::from(question.is_some()), 0, 0, 0];
    write_header(bytes, header, RECURSION_AVAILABLE, code, counts);
}

fn write_header(bytes: &mut [u8], header: Header, flags: u16, code: ResponseCode, counts: [u16; 4]) {
    let flags = RESPONSE | flags | header.repeated_flags() | (code.bits() & 0x0f);
    let [questions, answers, authorities, additionals] = counts;
    let fields = [header.id, flags, questions, answers, authorities, additionals].map(u16::to_be_bytes);
    for (place, byte) in bytes.iter_mut().zip(fields.as_flattened()) {
        *place = *byte;
    }
}

fn write_record(bytes: &mut Vec<u8>, owner: [u8; 2], kind: RecordType, ttl_s: u32, data: &[&[u8]]) {
    let data_bytes: usize = data.iter().map(|part| part.len()).sum();
    bytes.extend_from_slice(&owner);
    bytes.extend_from_slice(&kind.0.to_be_bytes());
    bytes.extend_from_slice(&CLASS_IN.to_be_bytes());
    bytes.extend_from_slice(&ttl_s.to_be_bytes());
    // Data written here is an address, a name or a SOA: well under 65,535 bytes.
    bytes.extend_from_slice(&u16::try_from(data_bytes).unwrap_or(0).to_be_bytes());
    for part in data {
        bytes.extend_from_slice(part);
    }
}

fn write_opt(
    bytes: &mut Vec<u8>,
    code: ResponseCode,
    dnssec_ok: bool,
    error: Option<ExtendedError<'_>>,
    room: usize,
) {
    let text = error.map_or("", |error| fit(error.text, room.saturating_sub(EXTENDED_ERROR_BYTES)));
    let option_bytes = error.map_or(0, |_| EXTENDED_ERROR_BYTES + text.len());
    let [high, _] = (code.bits() << 4).to_be_bytes();
    bytes.push(0);
    bytes.extend_from_slice(&RecordType::OPT.0.to_be_bytes());
    bytes.extend_from_slice(&UDP_BYTES_MAX.to_be_bytes());
    bytes.extend_from_slice(&[high, 0, if dnssec_ok { 0x80 } else { 0 }, 0]);
    bytes.extend_from_slice(&short(option_bytes));
    if let Some(error) = error {
        bytes.extend_from_slice(&EXTENDED_ERROR_OPTION.to_be_bytes());
        bytes.extend_from_slice(&short(option_bytes.saturating_sub(4)));
        bytes.extend_from_slice(&error.code.to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
}

/// Sixteen bits of a length that the reply's own limit keeps small.
fn short(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

/// What fits into so many bytes.
fn fit(text: ErrorText<'_>, bytes_max: usize) -> &str {
    match text {
        ErrorText::Plain(text) => shorten(text, bytes_max),
        ErrorText::Structured { full, .. } if full.len() <= bytes_max => full,
        ErrorText::Structured { short, .. } if short.len() <= bytes_max => short,
        ErrorText::Structured { .. } => "",
    }
}

/// As much of the text as fits, whole characters only.
fn shorten(text: &str, bytes_max: usize) -> &str {
    let end = text.floor_char_boundary(bytes_max.min(TEXT_BYTES_MAX));
    text.get(..end).unwrap_or("")
}

/// A compression pointer to a place in the question or in the alias right behind it: such places are below 300.
fn pointer_to(at: usize) -> [u8; 2] {
    (0xc000 | u16::try_from(at).unwrap_or(0)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{Edns, Message, Query as Asked, ResponseCode as Code};
    use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
    use hickory_proto::rr::{Name, RecordType as Kind};
    use proptest::prelude::*;

    use super::*;

    fn ask(name: &str, kind: Kind, edns_bytes: Option<u16>) -> Vec<u8> {
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.add_query(Asked::query(Name::from_ascii(name).unwrap(), kind));
        if let Some(bytes_max) = edns_bytes {
            let mut edns = Edns::new();
            edns.set_max_payload(bytes_max).set_dnssec_ok(true);
            message.set_edns(edns);
        }
        message.to_vec().unwrap()
    }

    fn parse(bytes: &[u8]) -> Message {
        Message::from_vec(bytes).unwrap()
    }

    fn error_text(message: &Message) -> Option<Vec<u8>> {
        let option = message.edns.as_ref()?.option(EdnsCode::from(15))?;
        let EdnsOption::Unknown(15, data) = option else { panic!("{option:?}") };
        Some(data.clone())
    }

    #[test]
    fn an_address_with_its_reason() {
        let packet = ask("WwW.bet365.com.", Kind::A, Some(1400));
        let query = Query::read(&packet).unwrap();
        let mut bytes = b"left over".to_vec();
        let error = ExtendedError::plain(ExtendedError::BLOCKED, "Préau : catégorie gambling");
        Reply::to(&query, &mut bytes).answer(RecordType::A, 5, &[192, 0, 2, 1]).finish(
            ResponseCode::NoError,
            1232,
            Some(error),
        );
        let reply = parse(&bytes);
        assert_eq!(reply.metadata.id, query.header.id);
        assert!(reply.metadata.recursion_available && reply.metadata.recursion_desired);
        assert!(!reply.metadata.authoritative && !reply.metadata.truncation);
        assert!(reply.queries[0].name().eq_case(&Name::from_ascii("WwW.bet365.com.").unwrap()));
        assert_eq!(reply.answers[0].to_string(), "WwW.bet365.com. 5 IN A 192.0.2.1");
        assert!(reply.edns.as_ref().unwrap().flags().dnssec_ok);
        assert_eq!(error_text(&reply).unwrap(), "\0\u{f}Préau : catégorie gambling".as_bytes());
    }

    #[test]
    fn no_data_can_be_cached_for_its_time() {
        let packet = ask("www.preau.lan.", Kind::HTTPS, None);
        let query = Query::read(&packet).unwrap();
        let mut bytes = Vec::new();
        Reply::to(&query, &mut bytes).authoritative().start_of_authority(b"\x03lan\0".len(), 5).finish(
            ResponseCode::NxDomain,
            512,
            Some(ExtendedError::plain(15, "needs EDNS")),
        );
        let reply = parse(&bytes);
        assert_eq!(reply.metadata.response_code, Code::NXDomain);
        assert!(reply.metadata.authoritative && reply.edns.is_none() && reply.answers.is_empty());
        assert_eq!(
            reply.authorities[0].to_string(),
            "lan. 5 IN SOA preau.lan. nobody.invalid. 1 3600 1200 604800 5"
        );
    }

    #[test]
    fn an_alias_owns_what_follows() {
        let packet = ask("Www.google.fr.", Kind::A, None);
        let query = Query::read(&packet).unwrap();
        let mut bytes = Vec::new();
        Reply::to(&query, &mut bytes)
            .alias(5, b"\x04safe\x06google\x03com\0")
            .answer(RecordType::A, 4, &[192, 0, 2, 1])
            .answer(RecordType::A, 3, &[192, 0, 2, 2])
            .finish(ResponseCode::NoError, 512, None);
        let answers: Vec<_> = parse(&bytes).answers.iter().map(ToString::to_string).collect();
        assert_eq!(
            answers,
            [
                "Www.google.fr. 5 IN CNAME safe.google.com.",
                "safe.google.com. 4 IN A 192.0.2.1",
                "safe.google.com. 3 IN A 192.0.2.2"
            ]
        );
    }

    #[test]
    fn what_is_too_long_is_truncated_to_its_question() {
        let packet = ask("example.fr.", Kind::TXT, None);
        let query = Query::read(&packet).unwrap();
        let mut bytes = Vec::new();
        let long = Reply::to(&query, &mut bytes).answer(RecordType(16), 60, &[7; 600]);
        long.finish(ResponseCode::NoError, query.udp_bytes_max(1232), None);
        let reply = parse(&bytes);
        assert!(reply.metadata.truncation);
        assert_eq!((reply.queries.len(), reply.answers.len()), (1, 0));
    }

    #[test]
    fn an_unknown_edns_version_is_named() {
        let packet = ask("example.fr.", Kind::A, Some(512));
        let query = Query::read(&packet).unwrap();
        let mut bytes = Vec::new();
        Reply::to(&query, &mut bytes).finish(ResponseCode::BadVers, 512, None);
        // Number 16 is BADVERS here and BADSIG elsewhere.
        assert_eq!(u16::from(parse(&bytes).metadata.response_code), 16);
    }

    #[test]
    fn an_error_text_is_cut_at_a_character() {
        let packet = ask("example.fr.", Kind::A, Some(512));
        let query = Query::read(&packet).unwrap();
        let text = "é".repeat(400);
        for limit in [60_u16, 61, 62, 512, 1232] {
            let mut bytes = Vec::new();
            let error = ExtendedError::plain(15, &text);
            Reply::to(&query, &mut bytes).finish(ResponseCode::NoError, limit, Some(error));
            assert!(bytes.len() <= usize::from(limit), "{limit}");
            let data = error_text(&parse(&bytes)).unwrap();
            let text = std::str::from_utf8(&data[2..]).unwrap();
            assert!(text.len() <= TEXT_BYTES_MAX && text.chars().all(|c| c == 'é'));
        }
    }

    #[test]
    fn an_object_goes_out_whole_or_in_short_or_not_at_all() {
        let packet = ask("example.fr.", Kind::A, Some(1232));
        let query = Query::read(&packet).unwrap();
        let full = format!("{{\"j\":\"{}\"}}", "é".repeat(300));
        let short = r#"{"s":5}"#;
        let text = ErrorText::Structured { full: &full, short };
        for (limit, expected) in [
            (1232_u16, full.as_str()),
            (653, &full),
            (652, short),
            (100, short),
            (52, short),
            (51, ""),
            (45, ""),
        ] {
            let mut bytes = Vec::new();
            let error = ExtendedError { code: 15, text };
            Reply::to(&query, &mut bytes).finish(ResponseCode::NoError, limit, Some(error));
            assert!(bytes.len() <= usize::from(limit), "{limit}");
            let data = error_text(&parse(&bytes)).unwrap_or_default();
            assert_eq!(std::str::from_utf8(data.get(2..).unwrap_or_default()).unwrap(), expected, "{limit}");
        }
    }

    #[test]
    fn an_objection_repeats_the_id() {
        let mut bytes = Vec::new();
        let packet = b"\x12\x34\x28\x00\0\0\0\0\0\0\0\0";
        let Err(super::super::Objection::Answer { header, question, code }) = Query::read(packet) else {
            panic!("an objection");
        };
        write_objection(header, question, code, &mut bytes);
        assert_eq!(bytes, b"\x12\x34\xa8\x84\0\0\0\0\0\0\0\0");
    }

    proptest! {
        #[test]
        fn reads_what_a_full_library_writes(
            labels in proptest::collection::vec("[a-zA-Z_][a-zA-Z0-9_]{0,20}", 1..6),
            kind in any::<u16>().prop_filter("OPT is no question", |kind| *kind != 41),
            edns in proptest::option::of(0_u16..),
        ) {
            let name = labels.join(".") + ".";
            let packet = ask(&name, Kind::from(kind), edns);
            let query = Query::read(&packet).unwrap();
            prop_assert_eq!(query.question.kind, RecordType(kind));
            prop_assert_eq!(query.edns.is_some(), edns.is_some());
            if let Ok(domain) = query.question.name.to_domain() {
                prop_assert_eq!(domain.as_str().to_owned() + ".", name.to_ascii_lowercase());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = Query::read(&bytes);
            if let Ok(Records { code, answers, authorities, bytes }) = Records::cut(&bytes, ResponseCode::NoError) {
                let records = Records { code, answers, authorities, bytes: bytes.as_slice() };
                prop_assert_eq!(records.into_answers().count(), usize::from(answers));
            }
        }

        #[test]
        fn a_damaged_query_never_panics(at in 0_usize..64, byte in any::<u8>(), end in 0_usize..64) {
            let mut packet = ask("www.example.fr.", Kind::A, Some(1232));
            let length = packet.len();
            packet[at % length] = byte;
            let _ = Query::read(&packet);
            let _ = Query::read(&packet[..end.min(length)]);
        }

        #[test]
        fn kept_records_come_out_as_they_went_in(addresses in 1_u8..40, ttl_s in 1_u32..100_000) {
            let packet = ask("www.Example.fr.", Kind::A, Some(1232));
            let query = Query::read(&packet).unwrap();
            let mut first = Vec::new();
            let reply = (0..addresses).fold(Reply::to(&query, &mut first), |reply, n| {
                reply.answer(RecordType::A, ttl_s, &[192, 0, 2, n])
            });
            reply.start_of_authority(4, ttl_s).finish(ResponseCode::NoError, u16::MAX, None);
            let records = Records::cut(&first, ResponseCode::NoError).unwrap();
            let mut second = Vec::new();
            Reply::to(&query, &mut second).records(&records, |ttl_s| ttl_s - 1).finish(
                records.code,
                u16::MAX,
                None,
            );
            let (first, second) = (parse(&first), parse(&second));
            prop_assert_eq!(&first.answers, &second.answers);
            prop_assert!(second.all_sections().all(|record| record.ttl == ttl_s - 1));
        }
    }
}
