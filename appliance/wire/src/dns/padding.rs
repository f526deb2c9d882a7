//! Padding: whoever sees encrypted messages pass by reads much from their lengths.

use super::records::{RECORD_HEAD_BYTES, data_bytes, skip_name};
use super::{HEADER_BYTES, RecordType};

/// The option code of padding (RFC 7830 section 3).
pub(super) const PADDING_OPTION: u16 = 12;
/// Bytes of an option before its data.
const OPTION_HEAD_BYTES: usize = 4;
/// Longest message (RFC 1035 section 4.2.2).
const MESSAGE_BYTES_MAX: usize = 65_535;

/// Lengthens a reply to a multiple of `block_bytes` by an option of its OPT record (RFC 7830, RFC 8467). A reply whose
/// last record is no OPT stays as it is.
pub fn pad(reply: &mut Vec<u8>, block_bytes: usize) {
    let Some(length_at) = find_option_length(reply) else { return };
    let unpadded = reply.len() + OPTION_HEAD_BYTES;
    let padded = unpadded.next_multiple_of(block_bytes.max(1)).min(MESSAGE_BYTES_MAX);
    let Some(zeros) = padded.checked_sub(unpadded).and_then(|zeros| u16::try_from(zeros).ok()) else {
        return;
    };
    let Some(length) = reply.get_mut(length_at..).and_then(|rest| rest.first_chunk_mut::<2>()) else {
        return;
    };
    // An OPT of the house's own has some hundred bytes.
    let options = u16::from_be_bytes(*length).saturating_add(4).saturating_add(zeros);
    *length = options.to_be_bytes();
    reply.extend_from_slice(&PADDING_OPTION.to_be_bytes());
    reply.extend_from_slice(&zeros.to_be_bytes());
    reply.resize(padded, 0);
}

/// Where the length of the options stands in a message that ends with an OPT record.
fn find_option_length(message: &[u8]) -> Option<usize> {
    let [_, _, _, _, 0, 1, a0, a1, n0, n1, 0, 1] = *message.first_chunk::<HEADER_BYTES>()? else {
        return None;
    };
    let before = u32::from(u16::from_be_bytes([a0, a1])) + u32::from(u16::from_be_bytes([n0, n1]));
    let mut at = skip_name(message, HEADER_BYTES).ok()? + 4;
    for _ in 0..before {
        at = skip_name(message, at).ok()?;
        at += RECORD_HEAD_BYTES + data_bytes(message, at).ok()?;
    }
    let at = skip_name(message, at).ok()?;
    let is_opt = message.get(at..)?.starts_with(&RecordType::OPT.0.to_be_bytes());
    let is_last = at + RECORD_HEAD_BYTES + data_bytes(message, at).ok()? == message.len();
    (is_opt && is_last).then_some(at + RECORD_HEAD_BYTES - 2)
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::Message;
    use proptest::prelude::*;

    use super::super::{ExtendedError, Query, Reply, ResponseCode};
    use super::*;

    const QUERY: &[u8] = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\x01\x07example\x02fr\0\0\x01\0\x01\
        \0\0\x29\x04\xd0\0\0\0\0\0\x04\0\x0c\0\0";

    fn reply(answers: usize, error: Option<ExtendedError<'_>>) -> Vec<u8> {
        let query = Query::read(QUERY).unwrap();
        let mut bytes = Vec::new();
        let reply = (0..answers)
            .fold(Reply::to(&query, &mut bytes), |reply, _| reply.answer(RecordType::A, 60, &[192, 0, 2, 1]));
        reply.start_of_authority(12, 60).finish(ResponseCode::NoError, u16::MAX, error);
        bytes
    }

    #[test]
    fn a_reply_becomes_a_multiple_and_says_the_same() {
        for answers in [0, 3, 30, 4_000] {
            let error = ExtendedError::plain(15, "Préau");
            let before = reply(answers, Some(error));
            let mut padded = before.clone();
            pad(&mut padded, 468);
            assert_eq!(padded.len() % 468, 0, "{answers}");
            assert!((4..468 + 4).contains(&(padded.len() - before.len())), "{answers}");
            let [before, after] = [before, padded].map(|bytes| Message::from_vec(&bytes).unwrap());
            assert_eq!((before.answers, before.authorities), (after.answers, after.authorities));
            assert_eq!(after.edns.unwrap().option(15.into()), before.edns.unwrap().option(15.into()));
        }
    }

    #[test]
    fn what_has_no_room_for_it_stays() {
        let plain = [&QUERY[..10], b"\0\0", &QUERY[12..12 + 16]].concat();
        for message in [&plain[..], b"", &QUERY[..20], &reply(0, None)[..60]] {
            let mut bytes = message.to_vec();
            pad(&mut bytes, 468);
            assert_eq!(bytes, message);
        }
        // The last block is cut short.
        let mut long = reply(4_090, None);
        pad(&mut long, 468);
        assert!(long.len() <= MESSAGE_BYTES_MAX && Message::from_vec(&long).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_are_padded_or_left(mut bytes in prop::collection::vec(any::<u8>(), 0..200), block in 0_usize..600) {
            let before = bytes.clone();
            pad(&mut bytes, block);
            prop_assert!(bytes == before || bytes.len() > before.len());
        }
    }
}
