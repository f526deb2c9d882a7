//! The bytes of a segment: `docs/formats.md`, "Journal segment".
//!
//! ```text
//! segment = header block*
//! header  = magic(8) version(2) length(4) crc(4) payload(length)
//! block   = magic(4) first_sequence(8) record_count(4) length(4) crc(4) record*
//! record  = length(2) crc(4) payload(length)
//! ```
//! Numbers are little-endian, checksums CRC-32 (ISO HDLC) over all that stands before them in the same frame
//! and the payload that follows.

use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::queue::OPEN_ACCESSES_MAX;

/// The first bytes of every segment.
pub(crate) const SEGMENT_MAGIC: [u8; 8] = *b"PREAUJNL";
/// The version of the format that this program writes, and the highest that it reads.
pub(crate) const SEGMENT_VERSION: u16 = 1;
/// A segment's header up to its payload.
pub(crate) const HEADER_FIXED_BYTES: usize = 18;
/// Largest header payload: three numbers and the open accesses, ten bytes each at most.
pub(crate) const HEADER_PAYLOAD_BYTES_MAX: usize = 64 + 10 * OPEN_ACCESSES_MAX;
/// The first bytes of every block. The first one cannot start a character of text.
pub(crate) const BLOCK_MAGIC: [u8; 4] = [0xb1, b'P', b'J', b'B'];
/// A block's header.
pub(crate) const BLOCK_HEADER_BYTES: usize = 24;
/// Most bytes of records in a block: what a damaged length can lose at most, and a reader's memory.
pub(crate) const BLOCK_BODY_BYTES_MAX: usize = 64 << 10;
/// What a record takes beside its payload.
pub(crate) const RECORD_FRAME_BYTES: usize = 6;

/// What a segment says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The segment's number.
    pub(crate) segment: u64,
    /// When it was created, in milliseconds since the epoch.
    pub(crate) created_ms: i64,
    /// Above the number of every record of earlier segments, durable or not.
    pub(crate) next_sequence: u64,
    /// The permitted accesses of earlier segments that had no closing yet: whoever recovers after a crash
    /// needs to read no earlier segment than the last one.
    pub(crate) open: Vec<u64>,
    /// Above the number of every record of earlier segments that was promised to be there. Numbers from here up to `next_sequence` are those
    /// of a batch that a disk refused: it is written again, or was lost with the run. It stands at the end, where there are such numbers.
    #[serde(skip)]
    pub(crate) promised_below: u64,
}

impl Header {
    /// The header as it stands at the start of a segment.
    pub(crate) fn encode(&self) -> postcard::Result<Vec<u8>> {
        let mut payload = postcard::to_stdvec(self)?;
        if self.promised_below < self.next_sequence {
            payload.extend(postcard::to_stdvec(&self.promised_below)?);
        }
        let length = u32::try_from(payload.len()).map_err(|_| postcard::Error::SerializeBufferFull)?;
        let mut bytes = Vec::with_capacity(HEADER_FIXED_BYTES + payload.len());
        bytes.extend(SEGMENT_MAGIC);
        bytes.extend(SEGMENT_VERSION.to_le_bytes());
        bytes.extend(length.to_le_bytes());
        bytes.extend(checksum(&[&bytes, &payload]).to_le_bytes());
        bytes.extend(payload);
        Ok(bytes)
    }

    /// Reads a payload; `None` when it is none.
    pub(crate) fn decode(payload: &[u8]) -> Option<Self> {
        let (header, rest) = postcard::take_from_bytes::<Self>(payload).ok()?;
        let promised = postcard::take_from_bytes::<u64>(rest).map_or(u64::MAX, |(promised, _)| promised);
        Some(Self { promised_below: promised.min(header.next_sequence), ..header })
    }
}

/// The fixed part of a segment's header, whose payload has not been read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeaderFrame {
    pub(crate) version: u16,
    pub(crate) payload_bytes: usize,
    crc: u32,
}

impl HeaderFrame {
    /// Reads the fixed part; `None` when it cannot be one.
    pub(crate) fn parse(bytes: &[u8; HEADER_FIXED_BYTES]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (version, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (crc, _) = rest.split_first_chunk()?;
        let payload_bytes = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let plausible = *magic == SEGMENT_MAGIC && payload_bytes <= HEADER_PAYLOAD_BYTES_MAX;
        let (version, crc) = (u16::from_le_bytes(*version), u32::from_le_bytes(*crc));
        plausible.then_some(Self { version, payload_bytes, crc })
    }

    /// Whether this payload, after that fixed part, is what was written.
    pub(crate) fn matches(self, fixed: &[u8; HEADER_FIXED_BYTES], payload: &[u8]) -> bool {
        let (covered, _) = fixed.split_at(HEADER_FIXED_BYTES - size_of::<u32>());
        checksum(&[covered, payload]) == self.crc
    }
}

/// What a block says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    pub(crate) first_sequence: u64,
    pub(crate) record_count: u32,
    pub(crate) body_bytes: usize,
}

impl BlockHeader {
    /// The number after the block's last record.
    pub(crate) fn next_sequence(self) -> u64 {
        self.first_sequence.saturating_add(self.record_count.into())
    }

    fn encode(self) -> [u8; BLOCK_HEADER_BYTES] {
        let mut bytes = [0; BLOCK_HEADER_BYTES];
        let length = u32::try_from(self.body_bytes).unwrap_or(u32::MAX);
        let covered = [
            BLOCK_MAGIC.as_slice(),
            &self.first_sequence.to_le_bytes(),
            &self.record_count.to_le_bytes(),
            &length.to_le_bytes(),
        ];
        let fields = covered.concat();
        let crc = checksum(&[&fields]).to_le_bytes();
        for (byte, value) in bytes.iter_mut().zip(fields.into_iter().chain(crc)) {
            *byte = value;
        }
        bytes
    }

    /// Reads a header; `None` when these bytes are none.
    pub(crate) fn parse(bytes: &[u8; BLOCK_HEADER_BYTES]) -> Option<Self> {
        let (covered, crc) = bytes.split_last_chunk::<4>()?;
        let (magic, rest) = covered.split_first_chunk::<4>()?;
        if *magic != BLOCK_MAGIC || checksum(&[covered]) != u32::from_le_bytes(*crc) {
            return None;
        }
        let (first_sequence, rest) = rest.split_first_chunk()?;
        let (record_count, rest) = rest.split_first_chunk()?;
        let (length, _) = rest.split_first_chunk()?;
        let body_bytes = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        (body_bytes <= BLOCK_BODY_BYTES_MAX).then_some(Self {
            first_sequence: u64::from_le_bytes(*first_sequence),
            record_count: u32::from_le_bytes(*record_count),
            body_bytes,
        })
    }
}

/// A block that is being filled.
pub(crate) struct BlockBuilder {
    /// The header's place, then the records.
    bytes: Vec<u8>,
    first_sequence: u64,
    record_count: u32,
}

impl BlockBuilder {
    /// An empty block whose first record will have this number.
    pub(crate) fn new(first_sequence: u64) -> Self {
        Self { bytes: vec![0; BLOCK_HEADER_BYTES], first_sequence, record_count: 0 }
    }

    /// Whether one more record of this size goes in.
    pub(crate) fn has_room(&self, payload_bytes: usize) -> bool {
        self.bytes.len() + RECORD_FRAME_BYTES + payload_bytes <= BLOCK_HEADER_BYTES + BLOCK_BODY_BYTES_MAX
    }

    /// Adds a record.
    pub(crate) fn push(&mut self, payload: &[u8]) {
        let length = u16::try_from(payload.len()).unwrap_or(u16::MAX).to_le_bytes();
        self.bytes.extend(length);
        self.bytes.extend(checksum(&[&length, payload]).to_le_bytes());
        self.bytes.extend(payload);
        self.record_count = self.record_count.saturating_add(1);
    }

    /// The number after the last record.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.header().next_sequence()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.record_count == 0
    }

    /// The whole block.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let header = self.header().encode();
        for (place, byte) in self.bytes.iter_mut().zip(header) {
            *place = byte;
        }
        self.bytes
    }

    fn header(&self) -> BlockHeader {
        let body_bytes = self.bytes.len().saturating_sub(BLOCK_HEADER_BYTES);
        BlockHeader { first_sequence: self.first_sequence, record_count: self.record_count, body_bytes }
    }
}

/// Splits the first record off a block's body: its payload, and what follows. `None` when the record is
/// incomplete or was altered.
pub(crate) fn split_record(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = body.split_first_chunk::<2>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let (payload, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    (checksum(&[length, payload]) == u32::from_le_bytes(*crc)).then_some((payload, rest))
}

fn checksum(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

/// The UTC day of a point in time, counted from the epoch.
pub(crate) fn utc_day(at: Timestamp) -> i64 {
    const DAY_MS: i64 = 86_400_000;
    at.unix_ms().div_euclid(DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_what_was_promised_where_that_is_less() {
        let header = |next_sequence: u64, promised_below: u64| Header {
            segment: 7,
            created_ms: 1_763_942_400_000,
            next_sequence,
            open: vec![3, 200],
            promised_below,
        };
        let payload = |header: &Header| header.encode().unwrap()[HEADER_FIXED_BYTES..].to_vec();
        for (next, promised) in [(300, 300), (300, 290), (300, 0), (1, 1)] {
            let header = header(next, promised);
            assert_eq!(Header::decode(&payload(&header)), Some(header), "{promised} of {next}");
        }
        // Earlier programs wrote what is written where nothing failed, and pass over the rest.
        let (whole, failed) = (payload(&header(300, 300)), payload(&header(300, 290)));
        assert_eq!(failed[..whole.len()], whole);
        assert_eq!(failed[whole.len()..], [0xa2, 2], "290, in groups of seven bits");
        // No header promises what it does not have.
        let more = [whole, postcard::to_stdvec(&301_u64).unwrap()].concat();
        assert_eq!(Header::decode(&more), Some(header(300, 300)));
        assert_eq!(Header::decode(&more[..5]), None);
    }
}
