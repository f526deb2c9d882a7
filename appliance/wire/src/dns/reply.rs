//! Writing replies.

use super::{
    CLASS_IN, ExtendedError, HEADER_BYTES, Header, Query, Question, RecordType, Records, ResponseCode,
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
        Self { query, bytes, question_end, answers: 0, authorities: 0, flags: 0 }
    }

    /// Says that the box itself is the authority for the name.
    pub fn authoritative(mut self) -> Self {
        self.flags |= AUTHORITATIVE;
        self
    }

    /// Adds a record of the question's own name to the answer.
    pub fn answer(mut self, kind: RecordType, ttl_s: u32, data: &[u8]) -> Self {
        let question_name = pointer_to(HEADER_BYTES);
        write_record(self.bytes, question_name, kind, ttl_s, &[data]);
        self.answers += 1;
        self
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
    pub fn records(mut self, records: &Records, age: impl Fn(u32) -> u32) -> Self {
        records.write(self.bytes, age);
        self.answers += records.answers();
        self.authorities += records.authorities();
        self
    }

    /// Closes the reply. What is longer than `bytes_max` goes out without records, marked as truncated. An
    /// extended error needs a client that speaks EDNS; its text gives way to the limit.
    pub fn finish(self, code: ResponseCode, bytes_max: u16, error: Option<ExtendedError<'_>>) {
        let Self { query, bytes, question_end, mut answers, mut authorities, mut flags } = self;
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
    let text = error.map_or("", |error| shorten(error.text, room.saturating_sub(EXTENDED_ERROR_BYTES)));
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

/// Sixteen bits of a length that [`TEXT_BYTES_MAX`] keeps small.
fn short(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

/// As much of the text as fits, whole characters only.
fn shorten(text: &str, bytes_max: usize) -> &str {
    let end = text.floor_char_boundary(bytes_max.min(TEXT_BYTES_MAX));
    text.get(..end).unwrap_or("")
}

/// A compression pointer to a place in the question: such places are below 271.
fn pointer_to(at: usize) -> [u8; 2] {
    (0xc000 | u16::try_from(at).unwrap_or(0)).to_be_bytes()
}
