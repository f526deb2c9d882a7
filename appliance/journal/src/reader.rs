//! Reading a segment that may be torn, damaged or still growing.
//!
//! Invariant: any bytes are read to their end, within bounded memory and in time linear in their length; what
//! is not as it was written is reported, and everything else is found.

use std::fmt;
use std::io::{self, Read};
use std::ops::ControlFlow;

use crate::SegmentId;
use crate::entry::Entry;
use crate::format::{
    BLOCK_BODY_BYTES_MAX, BLOCK_HEADER_BYTES, BLOCK_MAGIC, BlockHeader, HEADER_FIXED_BYTES, Header,
    HeaderFrame, SEGMENT_VERSION, split_record,
};

/// How much is read at once: a whole block and its header, and then some.
const READ_BYTES: usize = 2 * BLOCK_BODY_BYTES_MAX;

/// Bytes of a segment that hold no readable record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where.
    pub segment: SegmentId,
    /// From which byte on.
    pub offset: u64,
    /// How many bytes.
    pub bytes: u64,
    /// What should stand there.
    pub kind: DamageKind,
}

/// What damaged bytes should have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DamageKind {
    /// The segment's header.
    Header,
    /// One or more blocks.
    Block,
    /// Records of one block.
    Record,
    /// The end of the segment. In the last segment it is an append under way; in others, what a crash left of
    /// an append that was never durable, or damage.
    Tail,
}

impl DamageKind {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Block => "block",
            Self::Record => "record",
            Self::Tail => "tail",
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            DamageKind::Header => "the header is damaged",
            DamageKind::Block => "blocks are damaged",
            DamageKind::Record => "records are damaged",
            DamageKind::Tail => "the end is incomplete",
        };
        write!(f, "{}: {what}: {} bytes from byte {} on", self.segment, self.bytes, self.offset)
    }
}

/// A part of a segment, in the order of its bytes.
#[expect(clippy::large_enum_variant, reason = "one at a time: a box would cost an allocation a record")]
pub(crate) enum Piece<'b> {
    Header(Header),
    /// A block that is as long as it says, damaged or not.
    Block(BlockHeader),
    /// A record, and how to report it where its content makes no sense.
    Entry(Entry<'b>, Damage),
    /// A record that is whole, but that this program does not understand.
    Unknown {
        sequence: u64,
        payload: &'b [u8],
        place: Damage,
    },
    Damage(Damage),
}

/// Why a segment cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("the disk fails")]
    Io(#[from] io::Error),
    #[error("it has format version {0}: a newer Préau wrote it")]
    Version(u16),
}

/// Reads a segment, piece by piece, until its end or until `each` breaks.
pub(crate) fn read_segment<R: Read>(
    segment: SegmentId,
    source: R,
    mut each: impl FnMut(Piece<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, ReadError> {
    let mut window = Window { source, buffer: Vec::new(), start: 0, position: 0, at_end: false };
    let has_header = match read_header(&mut window)? {
        Some(header) => {
            if each(Piece::Header(header)).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            true
        }
        None => false,
    };
    let mut expected = if has_header { DamageKind::Block } else { DamageKind::Header };
    loop {
        let offset = window.position;
        let found = find_block(&mut window)?;
        let bytes = window.position - offset;
        if bytes > 0 {
            let kind = if found.is_some() { expected } else { DamageKind::Tail };
            if each(Piece::Damage(Damage { segment, offset, bytes, kind })).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        let Some(header) = found else { return Ok(ControlFlow::Continue(())) };
        expected = DamageKind::Block;
        if read_block(segment, &mut window, header, &mut each)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
}

/// Reads the header where it stands and is whole; otherwise leaves the window where it is.
fn read_header<R: Read>(window: &mut Window<R>) -> Result<Option<Header>, ReadError> {
    let Some(fixed) = window.peek(HEADER_FIXED_BYTES)?.first_chunk::<HEADER_FIXED_BYTES>().copied() else {
        return Ok(None);
    };
    let Some(frame) = HeaderFrame::parse(&fixed) else { return Ok(None) };
    let whole = HEADER_FIXED_BYTES + frame.payload_bytes;
    let Some(payload) = window.peek(whole)?.get(HEADER_FIXED_BYTES..whole) else { return Ok(None) };
    if !frame.matches(&fixed, payload) {
        return Ok(None);
    }
    if frame.version != SEGMENT_VERSION {
        return Err(ReadError::Version(frame.version));
    }
    let Some(header) = Header::decode(payload) else { return Ok(None) };
    window.skip(whole);
    Ok(Some(header))
}

/// Moves to the next block header. `None` at the end.
fn find_block<R: Read>(window: &mut Window<R>) -> io::Result<Option<BlockHeader>> {
    loop {
        let bytes = window.peek(BLOCK_HEADER_BYTES)?;
        if let Some(header) = bytes.first_chunk().and_then(BlockHeader::parse) {
            return Ok(Some(header));
        }
        if bytes.len() < BLOCK_HEADER_BYTES {
            let rest = bytes.len();
            window.skip(rest);
            return Ok(None);
        }
        // Not here: to the next place that may start a block, or to where one may begin that is not all read.
        let later = bytes.get(1..).unwrap_or_default();
        let step = later.windows(BLOCK_MAGIC.len()).position(|place| place == BLOCK_MAGIC);
        let step = step.unwrap_or(later.len().saturating_sub(BLOCK_MAGIC.len() - 1));
        window.skip(1 + step);
    }
}

/// Reads the block at the window's place.
fn read_block<R: Read>(
    segment: SegmentId,
    window: &mut Window<R>,
    header: BlockHeader,
    each: &mut impl FnMut(Piece<'_>) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let mut offset = window.position + BLOCK_HEADER_BYTES as u64;
    let whole = BLOCK_HEADER_BYTES + header.body_bytes;
    let bytes = window.peek(whole)?;
    let bytes = bytes.get(..whole).unwrap_or(bytes);
    let taken = bytes.len();
    let lost_kind = if taken < whole { DamageKind::Tail } else { DamageKind::Record };
    let mut rest = bytes.get(BLOCK_HEADER_BYTES..).unwrap_or_default();
    let mut flow = if taken == whole { each(Piece::Block(header)) } else { ControlFlow::Continue(()) };
    while flow.is_continue() && !rest.is_empty() {
        let (piece, bytes) = match split_record(rest) {
            Some((payload, after)) => {
                let bytes = rest.len() - after.len();
                let place = Damage { segment, offset, bytes: bytes as u64, kind: DamageKind::Record };
                (understand(payload, place), bytes)
            }
            None => {
                let bytes = rest.len();
                (Piece::Damage(Damage { segment, offset, bytes: bytes as u64, kind: lost_kind }), bytes)
            }
        };
        flow = each(piece);
        offset += bytes as u64;
        rest = rest.get(bytes..).unwrap_or_default();
    }
    window.skip(taken);
    Ok(flow)
}

/// Every variant of a record begins with its number, those of newer programs too.
fn understand(payload: &[u8], place: Damage) -> Piece<'_> {
    if let Ok(entry) = postcard::from_bytes(payload) {
        return Piece::Entry(entry, place);
    }
    match postcard::take_from_bytes::<(u32, u64)>(payload) {
        Ok(((_variant, sequence), _)) => Piece::Unknown { sequence, payload, place },
        Err(_) => Piece::Damage(place),
    }
}

/// A place in a segment, and the bytes from there on.
struct Window<R> {
    source: R,
    buffer: Vec<u8>,
    /// Where in `buffer` the place is.
    start: usize,
    /// Where in the segment it is.
    position: u64,
    at_end: bool,
}

impl<R: Read> Window<R> {
    /// All bytes at hand from the place on: at least `bytes` of them, or all that are left.
    fn peek(&mut self, bytes: usize) -> io::Result<&[u8]> {
        while self.buffer.len() - self.start < bytes && !self.at_end {
            self.buffer.drain(..self.start);
            self.start = 0;
            let wanted = bytes.max(READ_BYTES) - self.buffer.len();
            let read = self.source.by_ref().take(wanted as u64).read_to_end(&mut self.buffer)?;
            self.at_end = read < wanted;
        }
        Ok(self.buffer.get(self.start..).unwrap_or_default())
    }

    fn skip(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.buffer.len());
        self.position += bytes as u64;
    }
}
