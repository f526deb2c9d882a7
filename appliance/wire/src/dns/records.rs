//! Records that wait to be copied behind questions.

use super::{HEADER_BYTES, RecordType, ResponseCode};

/// A compression pointer (RFC 1035 section 4.1.4): the two upper bits of its first byte.
const POINTER: u8 = 0xc0;
/// Bytes between a record's name and its data: type, class, TTL, length.
pub(super) const RECORD_HEAD_BYTES: usize = 10;
/// Where the TTL stands in them.
const TTL_OFFSET: usize = 4;

/// The answer and authority sections of a message, ready to stand behind another question for the same name.
///
/// Compression pointers in it count from the start of a message, so it fits behind a question whose name has
/// the same length, and nowhere else: whoever keeps it keeps it by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Records<B> {
    /// The code of the message.
    pub code: ResponseCode,
    /// Records in the answer section.
    pub answers: u16,
    /// Records in the authority section.
    pub authorities: u16,
    /// The records, then two bytes for each of them: where its TTL stands. Whoever keeps records keeps these bytes
    /// where it likes; other bytes make a broken reply, and no more.
    pub bytes: B,
}

impl Records<Vec<u8>> {
    /// Cuts the sections out of a message with one question; the additional section is left out.
    ///
    /// # Errors
    /// [`NotRecords`] when the bytes are not such a message.
    pub fn cut(message: &[u8], code: ResponseCode) -> Result<Self, NotRecords> {
        let header = message.first_chunk::<HEADER_BYTES>().ok_or(NotRecords)?;
        let [_, _, _, _, q0, q1, a0, a1, n0, n1, _, _] = *header;
        if u16::from_be_bytes([q0, q1]) != 1 {
            return Err(NotRecords);
        }
        let (answers, authorities) = (u16::from_be_bytes([a0, a1]), u16::from_be_bytes([n0, n1]));
        let start = skip_name(message, HEADER_BYTES)? + 4;
        let mut at = start;
        let mut ttl_places = Vec::new();
        for _ in 0..u32::from(answers) + u32::from(authorities) {
            at = skip_name(message, at)?;
            ttl_places.extend_from_slice(&place(at + TTL_OFFSET - start)?.to_be_bytes());
            at += RECORD_HEAD_BYTES + data_bytes(message, at)?;
        }
        let records = message.get(start..at).ok_or(NotRecords)?;
        place(records.len())?;
        Ok(Self { code, answers, authorities, bytes: [records, &ttl_places].concat() })
    }

    /// No record, only a code.
    #[must_use]
    pub fn none(code: ResponseCode) -> Self {
        Self { code, answers: 0, authorities: 0, bytes: Vec::new() }
    }
}

impl<'b> Records<&'b [u8]> {
    /// The types and the data of the records in the answer section. Names in the data may be compressed.
    pub fn into_answers(self) -> impl Iterator<Item = (RecordType, &'b [u8])> {
        let answers = usize::from(self.answers);
        read(self.bytes, self.answers, self.authorities).take(answers).map(|(kind, _, data)| (kind, data))
    }
}

impl<B: AsRef<[u8]>> Records<B> {
    /// For how long the answer holds, in seconds: the shortest TTL of its records, or for an answer without any what its
    /// SOA record says of such (RFC 2308 section 5). `None` when it says nothing.
    pub fn lifetime_s(&self) -> Option<u32> {
        let records = read(self.bytes.as_ref(), self.answers, self.authorities);
        if self.answers > 0 {
            return records.take(usize::from(self.answers)).map(|(_, ttl_s, _)| ttl_s).min();
        }
        let proofs = records.filter(|(kind, _, _)| *kind == RecordType::SOA);
        let lifetimes = proofs.map(|(_, ttl_s, data)| {
            data.last_chunk().map_or(ttl_s, |minimum_s| ttl_s.min(u32::from_be_bytes(*minimum_s)))
        });
        lifetimes.min()
    }

    /// Appends the records, each TTL put through `age`.
    pub(super) fn write(&self, bytes: &mut Vec<u8>, age: impl Fn(u32) -> u32) {
        let (records, places) = split(self.bytes.as_ref(), self.answers, self.authorities);
        let start = bytes.len();
        bytes.extend_from_slice(records);
        let (places, _) = places.as_chunks::<2>();
        for place in places {
            let at = start + usize::from(u16::from_be_bytes(*place));
            if let Some(ttl) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<4>()) {
                *ttl = age(u32::from_be_bytes(*ttl)).to_be_bytes();
            }
        }
    }
}

/// Type, TTL and data of each record, answers first.
fn read(bytes: &[u8], answers: u16, authorities: u16) -> impl Iterator<Item = (RecordType, u32, &[u8])> {
    let (records, places) = split(bytes, answers, authorities);
    let (places, _) = places.as_chunks::<2>();
    places.iter().filter_map(|place| {
        let head = records.get(usize::from(u16::from_be_bytes(*place)).checked_sub(TTL_OFFSET)?..)?;
        let (&[k0, k1, _, _, t0, t1, t2, t3, l0, l1], data) =
            head.split_first_chunk::<RECORD_HEAD_BYTES>()?;
        let data = data.get(..usize::from(u16::from_be_bytes([l0, l1])))?;
        Some((RecordType(u16::from_be_bytes([k0, k1])), u32::from_be_bytes([t0, t1, t2, t3]), data))
    })
}

/// The records themselves, and the places of their TTLs.
fn split(bytes: &[u8], answers: u16, authorities: u16) -> (&[u8], &[u8]) {
    let places = 2 * (usize::from(answers) + usize::from(authorities));
    bytes.split_at_checked(bytes.len().saturating_sub(places)).unwrap_or_default()
}

/// The bytes are not a message with one question and whole records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a DNS message with one question and whole records")]
pub struct NotRecords;

/// Messages have at most 65,535 bytes, so places in them fit sixteen bits.
fn place(at: usize) -> Result<u16, NotRecords> {
    u16::try_from(at).map_err(|_| NotRecords)
}

/// Where the name at `at` ends. Pointers are not followed: they end a name.
pub(super) fn skip_name(message: &[u8], mut at: usize) -> Result<usize, NotRecords> {
    loop {
        match *message.get(at).ok_or(NotRecords)? {
            0 => return Ok(at + 1),
            pointer if pointer & POINTER == POINTER => return Ok(at + 2),
            length if length & POINTER == 0 => at += 1 + usize::from(length),
            _ => return Err(NotRecords),
        }
    }
}

/// The length of the data of the record whose name ends at `at`.
pub(super) fn data_bytes(message: &[u8], at: usize) -> Result<usize, NotRecords> {
    let head =
        message.get(at..).and_then(|rest| rest.first_chunk::<RECORD_HEAD_BYTES>()).ok_or(NotRecords)?;
    let [.., l0, l1] = *head;
    Ok(usize::from(u16::from_be_bytes([l0, l1])))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"\0\0\x81\x80\0\x01\0\x01\0\x01\0\x01\x01a\x02fr\0\0\x01\0\x01\
        \xc0\x0c\0\x01\0\x01\0\0\x01\x2c\0\x04\xc0\0\x02\x01\
        \x02ns\xc0\x0e\0\x01\0\x01\0\0\0\x0a\0\x04\xc0\0\x02\x02\
        \0\0\x29\x04\xd0\0\0\0\0\0\0";

    #[test]
    fn sections_are_cut_and_aged() {
        let records = Records::cut(MESSAGE, ResponseCode::NoError).unwrap();
        assert_eq!((records.answers, records.authorities), (1, 1));
        let mut bytes = b"in front".to_vec();
        records.write(&mut bytes, |ttl_s| ttl_s.saturating_sub(20));
        assert_eq!(
            bytes,
            b"in front\xc0\x0c\0\x01\0\x01\0\0\x01\x18\0\x04\xc0\0\x02\x01\
            \x02ns\xc0\x0e\0\x01\0\x01\0\0\0\0\0\x04\xc0\0\x02\x02"
        );
    }

    #[test]
    fn answers_are_told_apart_from_authorities() {
        let records = Records::cut(MESSAGE, ResponseCode::NoError).unwrap();
        let Records { code, answers, authorities, ref bytes } = records;
        let read = |bytes: &[u8]| {
            let answers = Records { code, answers, authorities, bytes }.into_answers();
            answers.map(|(kind, data)| (kind, data.to_vec())).collect::<Vec<_>>()
        };
        assert_eq!(read(bytes), [(RecordType::A, vec![192, 0, 2, 1])]);
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).len() <= 1);
        }
    }

    #[test]
    fn an_answer_holds_as_long_as_its_shortest_record() {
        let check = |message: &[u8], expected: Option<u32>| {
            let records = Records::cut(message, ResponseCode::NoError).unwrap();
            assert_eq!(records.lifetime_s(), expected);
        };
        check(MESSAGE, Some(300));
        let question = b"\x01a\x02fr\0\0\x01\0\x01";
        check(&[&b"\0\0\x81\x80\0\x01\0\0\0\0\0\0"[..], question].concat(), None);
        let soa = |ttl_s: u8, minimum_s: u8| {
            let head = b"\0\0\x81\x83\0\x01\0\0\0\x01\0\0";
            let numbers = [[0, 0, 0, 1]; 4].concat();
            let record = [&[0xc0, 0x0c, 0, 6, 0, 1, 0, 0, 0, ttl_s, 0, 22, 0, 0][..], &numbers].concat();
            [&head[..], question, &record, &[0, 0, 0, minimum_s]].concat()
        };
        check(&soa(60, 5), Some(5));
        check(&soa(5, 60), Some(5));
    }

    #[test]
    fn every_cut_off_message_is_refused() {
        let whole = MESSAGE.len() - 11;
        for end in 0..whole {
            assert_eq!(Records::cut(&MESSAGE[..end], ResponseCode::NoError), Err(NotRecords), "{end}");
        }
        assert!(Records::cut(&MESSAGE[..whole], ResponseCode::NoError).is_ok());
    }
}
