//! What the disk keeps of a key: the heads of its responses, and the blocks of their bodies. `docs/formats.md` describes both.

use std::ops::Range;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::key::{Key, Vary};
use crate::stored::{Audience, Stored, Validity};
use crate::terms::Terms;

/// What a record begins with.
const RECORD_MAGIC: [u8; 8] = *b"PREAUENT";
const VERSION: u16 = 1;
/// Bytes of the checksum at its end: the whole BLAKE3.
const CHECKSUM_BYTES: usize = 32;
/// Longest record: as many heads as there can be variants, each as long as the gate lets through.
const RECORD_BYTES_MAX: usize = VARIANTS_MAX * 128 * 1024;
/// Variants of one key: languages and codings make a few; more are a field that is different with each request.
pub const VARIANTS_MAX: usize = 8;

/// Bytes of a body that have one checksum. At 8 Mbit/s a block takes 16 ms.
pub const BLOCK_BYTES: usize = 16 * 1024;
/// Bytes of a block's checksum, which follows it: the first of its BLAKE3.
const SEAL_BYTES: usize = 8;

/// A response that is kept: its head, and where its body is.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Its head.
    pub stored: Stored,
    /// The number of its body's file.
    pub body: u64,
    /// The length of its body.
    pub length: u64,
}

/// Why a record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It is something else.
    #[error("no record of the cache")]
    Foreign,
    /// It is of another version.
    #[error("a record of another version")]
    Version,
    /// It is cut short, or changed.
    #[error("a damaged record")]
    Checksum,
    /// It is whole, and says what cannot be.
    #[error("a record that says what cannot be")]
    Content,
}

#[derive(Serialize, Deserialize)]
struct WrittenKey {
    host: String,
    path_and_query: String,
    variants: Vec<WrittenHead>,
}

#[derive(Serialize, Deserialize)]
struct WrittenHead {
    status: u16,
    fields: Vec<(String, Vec<u8>)>,
    requested_ms: i64,
    received_ms: i64,
    vary: Vec<(String, Option<Vec<u8>>)>,
    is_for_everyone: bool,
    /// 0, 1 or 2: [`write_validity`].
    validity: u8,
    body: u64,
    length: u64,
}

/// Writes the record of a key. What each has to be authorised for is in none.
#[must_use]
pub fn write_record(key: &Key, kept: &[Kept]) -> Vec<u8> {
    let for_some = kept.iter().filter(|kept| kept.stored.audience != Audience::Authorised);
    let written = WrittenKey {
        host: key.host().to_owned(),
        path_and_query: key.path_and_query().to_owned(),
        variants: for_some.take(VARIANTS_MAX).map(write_head).collect(),
    };
    let mut bytes = RECORD_MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    // Into memory, which does not fail; were it to, the record would be read as damaged.
    bytes.extend(postcard::to_stdvec(&written).unwrap_or_default());
    let checksum = blake3::hash(&bytes);
    bytes.extend_from_slice(checksum.as_bytes());
    bytes
}

/// Reads a record. What the responses allow is read from their fields anew, with `targets` as in [`Terms::read`].
///
/// # Errors
/// [`Damage`]; whoever reads does as if there were none.
pub fn read_record(bytes: &[u8], targets: &[HeaderName]) -> Result<(Key, Vec<Kept>), Damage> {
    let rest = bytes.strip_prefix(&RECORD_MAGIC).ok_or(Damage::Foreign)?;
    let (version, _) = rest.split_first_chunk::<2>().ok_or(Damage::Checksum)?;
    if u16::from_le_bytes(*version) != VERSION {
        return Err(Damage::Version);
    }
    let (said, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(Damage::Checksum)?;
    if bytes.len() > RECORD_BYTES_MAX || blake3::hash(said) != *checksum {
        return Err(Damage::Checksum);
    }
    let payload = said.get(RECORD_MAGIC.len() + 2..).ok_or(Damage::Checksum)?;
    let written: WrittenKey = postcard::from_bytes(payload).map_err(|_| Damage::Content)?;
    let key = Key::new(&written.host, &written.path_and_query).ok_or(Damage::Content)?;
    let kept: Option<Vec<Kept>> = written.variants.iter().map(|head| read_head(head, targets)).collect();
    let kept = kept.filter(|kept| kept.len() <= VARIANTS_MAX).ok_or(Damage::Content)?;
    Ok((key, kept))
}

fn write_head(kept: &Kept) -> WrittenHead {
    let Kept { stored, body, length } = kept;
    let fields =
        stored.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    let vary = stored.vary.fields.iter().map(|(name, said)| (name.as_str().to_owned(), said.clone()));
    WrittenHead {
        status: stored.status.as_u16(),
        fields: fields.collect(),
        requested_ms: stored.requested.unix_ms(),
        received_ms: stored.received.unix_ms(),
        vary: vary.collect(),
        is_for_everyone: stored.audience == Audience::Everyone,
        validity: write_validity(stored.validity),
        body: *body,
        length: *length,
    }
}

fn read_head(written: &WrittenHead, targets: &[HeaderName]) -> Option<Kept> {
    let name = |text: &str| HeaderName::from_bytes(text.as_bytes()).ok();
    let mut headers = HeaderMap::with_capacity(written.fields.len());
    for (field, value) in &written.fields {
        headers.append(name(field)?, HeaderValue::from_bytes(value).ok()?);
    }
    let vary = written.vary.iter().map(|(field, said)| Some((name(field)?, said.clone())));
    let received = Timestamp::from_unix_ms(written.received_ms);
    let stored = Stored {
        status: StatusCode::from_u16(written.status).ok()?,
        terms: Terms::read(&headers, targets, received),
        headers,
        requested: Timestamp::from_unix_ms(written.requested_ms),
        received,
        vary: Vary { fields: vary.collect::<Option<_>>()? },
        audience: if written.is_for_everyone { Audience::Everyone } else { Audience::Anonymous },
        validity: read_validity(written.validity)?,
    };
    Some(Kept { stored, body: written.body, length: written.length })
}

/// 1 is what an earlier box wrote of everything that was not to be used without asking: nothing is known of it that would let it
/// be used.
fn write_validity(validity: Validity) -> u8 {
    match validity {
        Validity::Standing => 0,
        Validity::Withdrawn => 1,
        Validity::Doubted => 2,
    }
}

fn read_validity(written: u8) -> Option<Validity> {
    match written {
        0 => Some(Validity::Standing),
        1 => Some(Validity::Withdrawn),
        2 => Some(Validity::Doubted),
        _ => None,
    }
}

/// Where the bytes of a body's block are in its file, its checksum included. `length` is that of the body, where it is known.
#[must_use]
pub fn block_place(block: u64, length: Option<u64>) -> Range<u64> {
    let (bytes, seal) = (u64_of(BLOCK_BYTES), u64_of(SEAL_BYTES));
    let start = block.saturating_mul(bytes + seal);
    let left = length.map_or(bytes, |length| length.saturating_sub(block.saturating_mul(bytes)).min(bytes));
    start..start.saturating_add(left).saturating_add(seal)
}

/// A block with its checksum after it, as it is written.
#[must_use]
pub fn seal_block(block: u64, bytes: &[u8]) -> Vec<u8> {
    let mut sealed = bytes.to_vec();
    sealed.extend_from_slice(&seal(block, bytes));
    sealed
}

/// The bytes of a block that was read with its checksum. `None` where they are not what was written there.
#[must_use]
pub fn check_block(block: u64, sealed: &[u8]) -> Option<&[u8]> {
    let (bytes, known) = sealed.split_last_chunk::<SEAL_BYTES>()?;
    (seal(block, bytes) == *known).then_some(bytes)
}

/// The number of the block is in it: a block in another one's place is as wrong as a flipped bit. What is written nowhere is
/// zeros, whose seal is none.
fn seal(block: u64, bytes: &[u8]) -> [u8; SEAL_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&block.to_le_bytes());
    hasher.update(bytes);
    let hash = hasher.finalize();
    hash.as_bytes().first_chunk().copied().unwrap_or_default()
}

fn u64_of(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::tests::{at, stored};

    fn samples() -> (Key, Vec<Kept>) {
        let key = Key::new("ent.example", "/media/7?size=2").unwrap();
        let lines = [
            ("cache-control", "public, max-age=60"),
            ("etag", "\"a\""),
            ("link", "<b>"),
            ("link", "<c>"),
            ("vary", "accept-language"),
        ];
        let head = stored(&lines);
        let vary = Vary { fields: vec![(http::header::ACCEPT_LANGUAGE, Some(b"fr,en".to_vec()))] };
        let one = Stored { vary, received: at(2), ..head.clone() };
        let other = Stored {
            vary: Vary::of(&head.headers, &HeaderMap::new()).unwrap(),
            audience: Audience::Anonymous,
            validity: Validity::Withdrawn,
            status: StatusCode::NOT_FOUND,
            ..head
        };
        let kept = vec![
            Kept { stored: one, body: 7, length: 100_000 },
            Kept { stored: other, body: u64::MAX, length: 0 },
        ];
        (key, kept)
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let (key, kept) = samples();
        let bytes = write_record(&key, &kept);
        assert_eq!(read_record(&bytes, &[]).unwrap(), (key.clone(), kept.clone()));
        assert_eq!(read_record(&write_record(&key, &[]), &[]).unwrap(), (key.clone(), vec![]));
        for validity in [Validity::Standing, Validity::Doubted, Validity::Withdrawn] {
            let stored = Stored { validity, ..kept[0].stored.clone() };
            let kept = vec![Kept { stored, body: 7, length: 1 }];
            assert_eq!(read_record(&write_record(&key, &kept), &[]).unwrap().1, kept);
        }
        assert_eq!(read_validity(3), None);
    }

    #[test]
    fn the_golden_file_is_what_is_written() {
        let (key, kept) = samples();
        let written: String = write_record(&key, &kept)
            .chunks(32)
            .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n")
            .collect();
        assert_eq!(written, include_str!("../testdata/record-v1.hex"));
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_found() {
        let (key, kept) = samples();
        let bytes = write_record(&key, &kept);
        for place in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[place] ^= 0x40;
            assert!(read_record(&flipped, &[]).is_err(), "{place}");
            assert!(read_record(&bytes[..place], &[]).is_err(), "{place}");
        }
        assert_eq!(read_record(b"", &[]), Err(Damage::Foreign));
        assert_eq!(read_record(b"PREAUENT\x02\x00", &[]), Err(Damage::Version));
    }

    #[test]
    fn a_block_is_what_was_written_in_its_place() {
        let bytes = vec![7; 100];
        let sealed = seal_block(3, &bytes);
        assert_eq!(check_block(3, &sealed), Some(&bytes[..]));
        assert_eq!(check_block(4, &sealed), None);
        assert_eq!(check_block(3, &sealed[1..]), None);
        assert_eq!(check_block(0, &[0; BLOCK_BYTES + SEAL_BYTES]), None, "a hole in the file");
        assert_eq!(check_block(0, &[]), None);
        let block = u64::try_from(BLOCK_BYTES).unwrap();
        assert_eq!(block_place(0, None), 0..block + 8);
        assert_eq!(block_place(2, Some(2 * block + 5)), 2 * (block + 8)..2 * (block + 8) + 13);
    }
}
