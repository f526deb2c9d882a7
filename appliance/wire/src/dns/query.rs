//! Reading queries.

use super::padding::PADDING_OPTION;
use super::{CLASS_IN, HEADER_BYTES, RecordType, ResponseCode, WireName};

/// Most additional records of a query: an OPT, a signature, and room for the curious.
const ADDITIONAL_MAX: u16 = 4;
/// The option by which a client asks for extended errors that programs read, "Structured DNS Error" in the IANA's table.
const STRUCTURED_ERROR_OPTION: u16 = 26;
/// Extended errors (RFC 8914). Before the draft had an option of its own, a client asked with an empty error.
const EXTENDED_ERROR_OPTION: u16 = 15;
const EMPTY_ERROR: &[u8] = &[0, 0];
/// UDP payload that every client takes (RFC 1035 section 4.2.1), in bytes.
const PLAIN_UDP_BYTES: u16 = 512;

/// A plain query: one question, and at most EDNS beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// What the reply has to repeat.
    pub header: Header,
    /// What is asked.
    pub question: Question<'a>,
    /// The client's EDNS, if it speaks it.
    pub edns: Option<Edns>,
}

impl<'a> Query<'a> {
    /// Reads a whole packet, strictly: nothing missing, nothing left over.
    ///
    /// # Errors
    /// [`Objection`]: what to do with a packet that is not a plain query.
    pub fn read(packet: &'a [u8]) -> Result<Self, Objection<'a>> {
        let (header, counts, rest) = Header::read(packet).ok_or(Objection::Silence)?;
        if header.is_response() {
            return Err(Objection::Silence);
        }
        if header.opcode() != 0 {
            return Err(Objection::Answer { header, question: None, code: ResponseCode::NotImp });
        }
        let [questions, answers, authorities, additionals] = counts;
        let malformed = |question| Objection::Answer { header, question, code: ResponseCode::FormErr };
        if questions != 1 || answers != 0 || authorities != 0 || additionals > ADDITIONAL_MAX {
            return Err(malformed(None));
        }
        let (question, rest) = Question::read(rest).ok_or(malformed(None))?;
        let edns = read_additionals(rest, additionals).ok_or(malformed(Some(question)))?;
        Ok(Self { header, question, edns })
    }

    /// The longest reply that this client takes over UDP, when the server sends at most `server_bytes_max`.
    #[must_use]
    pub fn udp_bytes_max(&self, server_bytes_max: u16) -> u16 {
        let client = self.edns.map_or(PLAIN_UDP_BYTES, |edns| edns.udp_bytes_max.max(PLAIN_UDP_BYTES));
        client.min(server_bytes_max)
    }

    /// Whether the client reads extended errors as objects (draft-ietf-dnsop-structured-dns-error section 5.1).
    #[must_use]
    pub fn wants_structured_errors(&self) -> bool {
        self.edns.is_some_and(|edns| edns.wishes.structured_errors)
    }

    /// Whether an encrypted reply has to be padded (RFC 7830 section 4).
    #[must_use]
    pub fn wants_padding(&self) -> bool {
        self.edns.is_some_and(|edns| edns.wishes.padding)
    }

    /// Whether the client wants DNSSEC records.
    #[must_use]
    pub fn dnssec_ok(&self) -> bool {
        self.edns.is_some_and(|edns| edns.dnssec_ok)
    }
}

/// What to do with a packet that is not a plain query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objection<'a> {
    /// Say nothing. It is no question: whoever answers an answer may talk to itself for ever.
    Silence,
    /// Answer with a code and no record.
    Answer {
        /// What the reply has to repeat.
        header: Header,
        /// The question, where it could be read.
        question: Option<Question<'a>>,
        /// What is wrong.
        code: ResponseCode,
    },
}

/// The part of a query's header that its reply repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The number by which the client finds its reply.
    pub id: u16,
    flags: u16,
}

impl Header {
    const RESPONSE: u16 = 0x8000;
    const OPCODE: u16 = 0x7800;
    const RECURSION_DESIRED: u16 = 0x0100;
    const CHECKING_DISABLED: u16 = 0x0010;

    /// The header, the four counts and what follows.
    fn read(packet: &[u8]) -> Option<(Self, [u16; 4], &[u8])> {
        let (header, rest) = packet.split_first_chunk::<HEADER_BYTES>()?;
        let [i0, i1, f0, f1, q0, q1, a0, a1, n0, n1, x0, x1] = *header;
        let counts = [[q0, q1], [a0, a1], [n0, n1], [x0, x1]].map(u16::from_be_bytes);
        Some((Self { id: u16::from_be_bytes([i0, i1]), flags: u16::from_be_bytes([f0, f1]) }, counts, rest))
    }

    fn is_response(self) -> bool {
        self.flags & Self::RESPONSE != 0
    }

    fn opcode(self) -> u16 {
        self.flags & Self::OPCODE
    }

    /// Whether the client asked not to have DNSSEC checked for it.
    #[must_use]
    pub fn checking_disabled(self) -> bool {
        self.flags & Self::CHECKING_DISABLED != 0
    }

    /// The flags that a reply repeats: opcode, RD, CD.
    pub(super) fn repeated_flags(self) -> u16 {
        self.flags & (Self::OPCODE | Self::RECURSION_DESIRED | Self::CHECKING_DISABLED)
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// For which name.
    pub name: WireName<'a>,
    /// For records of which type.
    pub kind: RecordType,
    class: u16,
}

impl<'a> Question<'a> {
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (name, rest) = WireName::read(bytes)?;
        let (&[k0, k1, c0, c1], rest) = rest.split_first_chunk::<4>()?;
        let kind = RecordType(u16::from_be_bytes([k0, k1]));
        Some((Self { name, kind, class: u16::from_be_bytes([c0, c1]) }, rest))
    }

    /// Whether it is about the Internet, not about Chaos or the like.
    #[must_use]
    pub fn is_internet(&self) -> bool {
        self.class == CLASS_IN
    }

    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.name.as_bytes());
        bytes.extend_from_slice(&self.kind.0.to_be_bytes());
        bytes.extend_from_slice(&self.class.to_be_bytes());
    }
}

/// What a client says of itself by EDNS (RFC 6891).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edns {
    /// The largest UDP payload that it takes, in bytes, as it says.
    pub udp_bytes_max: u16,
    /// The version that it speaks; only 0 exists.
    pub version: u8,
    /// Whether it wants DNSSEC records.
    pub dnssec_ok: bool,
    /// What it asks for by options.
    pub wishes: Wishes,
}

/// What a client asks for by the options that the house knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Extended errors as objects.
    pub structured_errors: bool,
    /// A padded reply, where the way is encrypted.
    pub padding: bool,
}

/// Walks over the additional records to the packet's very end. `None` when they are malformed.
#[expect(clippy::option_option, reason = "malformed, and well-formed without EDNS, are different things")]
fn read_additionals(mut rest: &[u8], count: u16) -> Option<Option<Edns>> {
    let mut edns = None;
    for _ in 0..count {
        let (name, after_name) = WireName::read(rest)?;
        let (&[k0, k1, c0, c1, _, version, d0, _, l0, l1], after_head) =
            after_name.split_first_chunk::<10>()?;
        let (data, after_data) = after_head.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])))?;
        rest = after_data;
        if RecordType(u16::from_be_bytes([k0, k1])) != RecordType::OPT {
            continue;
        }
        if edns.is_some() || !name.is_root() {
            return None;
        }
        let wishes = read_options(data)?;
        let udp_bytes_max = u16::from_be_bytes([c0, c1]);
        edns = Some(Edns { udp_bytes_max, version, dnssec_ok: d0 & 0x80 != 0, wishes });
    }
    rest.is_empty().then_some(edns)
}

/// Options are well-formed or the query is not. Of what they say, most (cookies, client subnet) is ignored.
fn read_options(mut data: &[u8]) -> Option<Wishes> {
    let mut wishes = Wishes::default();
    while !data.is_empty() {
        let (&[c0, c1, l0, l1], rest) = data.split_first_chunk::<4>()?;
        let content;
        (content, data) = rest.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])))?;
        match u16::from_be_bytes([c0, c1]) {
            STRUCTURED_ERROR_OPTION => wishes.structured_errors = true,
            EXTENDED_ERROR_OPTION if content == EMPTY_ERROR => wishes.structured_errors = true,
            PADDING_OPTION => wishes.padding = true,
            _ => {}
        }
    }
    Some(wishes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0";
    const HEAD_EDNS: &[u8] = b"\x12\x34\x01\x10\0\x01\0\0\0\0\0\x01";
    const QUESTION: &[u8] = b"\x07eXaMple\x02fr\0\0\x01\0\x01";
    const OPT: &[u8] = b"\0\0\x29\x04\xd0\0\0\x80\0\0\0";
    const OPT_COOKIE: &[u8] = b"\0\0\x29\x04\xd0\0\0\0\0\0\x0c\0\x0a\0\x0812345678";

    fn code(packet: &[u8]) -> Option<ResponseCode> {
        match Query::read(packet) {
            Ok(_) => Some(ResponseCode::NoError),
            Err(Objection::Silence) => None,
            Err(Objection::Answer { code, .. }) => Some(code),
        }
    }

    #[test]
    fn a_plain_query() {
        let packet = [HEAD, QUESTION].concat();
        let query = Query::read(&packet).unwrap();
        assert_eq!(query.header.id, 0x1234);
        assert_eq!(query.question.name.as_bytes(), b"\x07eXaMple\x02fr\0");
        assert_eq!(query.question.kind, RecordType::A);
        assert!(query.question.is_internet());
        assert_eq!(query.edns, None);
        assert_eq!(query.udp_bytes_max(1232), 512);
    }

    #[test]
    fn a_query_with_edns() {
        for (opt, dnssec_ok) in [(OPT, true), (OPT_COOKIE, false)] {
            let packet = [HEAD_EDNS, QUESTION, opt].concat();
            let query = Query::read(&packet).unwrap();
            let expected = Edns { udp_bytes_max: 1232, version: 0, dnssec_ok, wishes: Wishes::default() };
            assert_eq!(query.edns, Some(expected));
            assert!(query.header.checking_disabled());
            assert_eq!(query.udp_bytes_max(1232), 1232);
        }
    }

    #[test]
    fn a_client_says_that_it_reads_objects() {
        let check = |options: &[u8], expected: bool| {
            let length = u16::try_from(options.len()).unwrap().to_be_bytes();
            let opt = [b"\0\0\x29\x04\xd0\0\0\0\0", &length[..], options].concat();
            let packet = [HEAD_EDNS, QUESTION, &opt].concat();
            assert_eq!(Query::read(&packet).unwrap().wants_structured_errors(), expected, "{options:?}");
        };
        check(b"", false);
        check(b"\0\x1a\0\0", true);
        check(b"\0\x0a\0\x0812345678\0\x1a\0\0", true);
        // What stands in it is ignored.
        check(b"\0\x1a\0\x02ab", true);
        check(b"\0\x0f\0\x02\0\0", true);
        // An error that says something is no wish.
        check(b"\0\x0f\0\x02\0\x0f", false);
        check(b"\0\x0f\0\0", false);
        assert!(!Query::read(&[HEAD, QUESTION].concat()).unwrap().wants_structured_errors());
    }

    #[test]
    fn what_is_no_plain_query_gets_a_code_or_silence() {
        use ResponseCode::{FormErr, NotImp};
        let check = |parts: &[&[u8]], expected| assert_eq!(code(&parts.concat()), expected, "{parts:?}");
        check(&[], None);
        check(&[&HEAD[..11]], None);
        check(&[b"\x12\x34\x81\x80\0\x01\0\0\0\0\0\0", QUESTION], None);
        check(&[b"\x12\x34\x28\x00\0\x01\0\0\0\0\0\0", QUESTION], Some(NotImp));
        check(&[HEAD], Some(FormErr));
        check(&[HEAD, &QUESTION[..QUESTION.len() - 1]], Some(FormErr));
        check(&[HEAD, b"\xc0\x0c\0\x01\0\x01"], Some(FormErr));
        check(&[HEAD, QUESTION, b"\0"], Some(FormErr));
        check(&[b"\x12\x34\x01\x00\0\0\0\0\0\0\0\0"], Some(FormErr));
        check(&[b"\x12\x34\x01\x00\0\x02\0\0\0\0\0\0", QUESTION, QUESTION], Some(FormErr));
        check(&[b"\x12\x34\x01\x00\0\x01\0\x01\0\0\0\0", QUESTION], Some(FormErr));
        check(&[b"\x12\x34\x01\x00\0\x01\0\0\0\x01\0\0", QUESTION], Some(FormErr));
        check(&[b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\x05", QUESTION], Some(FormErr));
        check(&[HEAD_EDNS, QUESTION], Some(FormErr));
        check(&[HEAD_EDNS, QUESTION, &OPT[..10]], Some(FormErr));
        check(&[b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\x02", QUESTION, OPT, OPT], Some(FormErr));
        check(&[HEAD_EDNS, QUESTION, b"\x01a", OPT], Some(FormErr));
        check(&[HEAD_EDNS, QUESTION, b"\0\0\x29\x04\xd0\0\0\0\0\0\x03\0\x0a\0"], Some(FormErr));
        check(&[HEAD_EDNS, QUESTION, b"\0\0\x29\x04\xd0\0\0\0\0\0\x04\0\x0a\0\x01"], Some(FormErr));
    }
}
