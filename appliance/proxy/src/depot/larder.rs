//! Pieces of bodies that are read again and again: they are in memory, and neither the disk nor their checksums are asked for
//! them once more.
//!
//! Invariant: a piece came from the disk as it was written, by its checksums; and nothing is here of a file that each has to be
//! authorised for. What is damaged on the disk later is found out when it is read from there again.

use bytes::Bytes;
use cache::Span;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::body::{Body, READ_BYTES_MAX, piece_end};

/// Bytes of all pieces: the pages, pictures and documents that a class has open at the same time. The rest is in the kernel's memory,
/// as long as that has room.
const BYTES_MAX: u64 = 8 << 20;
/// What a piece weighs beside its bytes, and what one weighs that was read once.
const NOTE_BYTES: u64 = 128;
/// For how many pieces there is room at first: as many as of the largest ones fit.
const PIECES: usize = 64;

/// The pieces, by the identity of their body and where they begin. What is on the disk of a body is written once; where a piece of it
/// was damaged, the same bytes are written again.
pub(crate) struct Larder(Cache<(u64, u64), Piece, Weight>);

/// What is known of a piece.
#[derive(Clone)]
enum Piece {
    /// It was read from the disk once: what is read once is no reason to hold it.
    Seen,
    Held(Bytes),
}

#[derive(Clone)]
struct Weight;

impl Weighter<(u64, u64), Piece> for Weight {
    fn weight(&self, _: &(u64, u64), piece: &Piece) -> u64 {
        match piece {
            Piece::Seen => NOTE_BYTES,
            Piece::Held(bytes) => NOTE_BYTES.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
        }
    }
}

impl Default for Larder {
    fn default() -> Self {
        Self(Cache::with_weighter(PIECES, BYTES_MAX, Weight))
    }
}

impl Larder {
    /// Bytes of a span that is on the disk, as far as the piece goes in which it begins.
    pub(super) fn find(&self, body: &Body, span: Span) -> Option<Bytes> {
        let (identity, start) = place(body, span.start())?;
        let Piece::Held(piece) = self.0.get(&(identity, start))? else { return None };
        let from = usize::try_from(span.start() - start).ok()?;
        let end = usize::try_from(span.end() - start).ok()?.min(piece.len());
        (from < end).then(|| piece.slice(from..end))
    }

    /// Notes what was read from the disk just now: the second time it is held.
    pub(super) fn note(&self, body: &Body, span: Span, bytes: &Bytes) {
        let Some(place) = place(body, span.start()) else { return };
        let is_whole = span.start() == place.1
            && (span.end() == piece_end(place.1) || body.whole_length() == Some(span.end()));
        if is_whole {
            let piece = self.0.get(&place).map_or(Piece::Seen, |_| Piece::Held(bytes.clone()));
            self.0.insert(place, piece);
        }
    }

    /// All of a body, where it is short and here.
    pub(crate) fn whole(&self, body: &Body) -> Option<Bytes> {
        let length = body.whole_length().filter(|length| *length <= READ_BYTES_MAX)?;
        let bytes = self.find(body, Span::new(0, length)?)?;
        (u64::try_from(bytes.len()) == Ok(length)).then_some(bytes)
    }
}

/// The key of the piece that a byte is in; `None` for a body of which nothing is held in memory.
fn place(body: &Body, at: u64) -> Option<(u64, u64)> {
    body.file_key().is_none().then(|| (body.identity(), at - at % READ_BYTES_MAX))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;
    use std::sync::Arc;

    use cache::{FileKey, KEY_BYTES, Sealing};

    use super::*;

    /// A body of so many bytes, each told from its neighbours.
    fn body(number: u64, length: u64) -> Arc<Body> {
        let file = tempfile::tempfile().unwrap();
        for block in 0..length.div_ceil(BLOCK) {
            let end = length.min((block + 1) * BLOCK);
            let sealed = Sealing::Checked.seal(block, &bytes(block * BLOCK, end)).unwrap();
            file.write_all_at(&sealed, Sealing::Checked.place(block, None).start).unwrap();
        }
        Body::whole(number, file, length, true)
    }

    const BLOCK: u64 = cache::BLOCK_BYTES as u64;

    fn bytes(start: u64, end: u64) -> Vec<u8> {
        (start..end).map(|at| u8::try_from(at % 251).unwrap()).collect()
    }

    fn span(start: u64, end: u64) -> Span {
        Span::new(start, end).unwrap()
    }

    fn read(larder: &Larder, body: &Body, wanted: Span) {
        larder.note(body, wanted, &body.read(wanted).unwrap());
    }

    #[test]
    fn what_is_read_twice_is_held() {
        let (larder, page) = (Larder::default(), body(1, 10_000));
        let all = span(0, 10_000);
        assert!(larder.find(&page, all).is_none());
        read(&larder, &page, all);
        assert!(larder.find(&page, all).is_none() && larder.whole(&page).is_none());
        read(&larder, &page, all);
        assert_eq!(larder.whole(&page).unwrap(), bytes(0, 10_000));
        assert_eq!(larder.find(&page, span(5, 9)).unwrap(), bytes(5, 9));
        // Another body is another one, whatever its number.
        assert!(larder.find(&body(1, 10_000), all).is_none());
    }

    #[test]
    fn a_long_body_is_held_in_pieces() {
        let (larder, film) = (Larder::default(), body(1, READ_BYTES_MAX + 5));
        let (first, rest) = (span(0, READ_BYTES_MAX), span(READ_BYTES_MAX, READ_BYTES_MAX + 5));
        for _ in 0..2 {
            read(&larder, &film, first);
            // A part of a piece is no piece.
            read(&larder, &film, span(7, 9));
            read(&larder, &film, span(0, 9));
            read(&larder, &film, span(READ_BYTES_MAX, READ_BYTES_MAX + 4));
        }
        assert!(larder.find(&film, rest).is_none());
        assert_eq!(larder.find(&film, first).unwrap(), bytes(0, READ_BYTES_MAX));
        let across = span(READ_BYTES_MAX - 2, READ_BYTES_MAX + 5);
        assert_eq!(larder.find(&film, across).unwrap(), bytes(READ_BYTES_MAX - 2, READ_BYTES_MAX));
        for _ in 0..2 {
            read(&larder, &film, rest);
        }
        assert_eq!(larder.find(&film, rest).unwrap(), bytes(READ_BYTES_MAX, READ_BYTES_MAX + 5));
        assert!(larder.whole(&film).is_none(), "it is long");
    }

    #[test]
    fn nothing_is_held_of_what_each_is_authorised_for() {
        let larder = Larder::default();
        let key = FileKey::new([7; KEY_BYTES]);
        let file = tempfile::tempfile().unwrap();
        let sealed = Sealing::Secret(key.clone()).seal(0, b"hello").unwrap();
        file.write_all_at(&sealed, 0).unwrap();
        let secret = Body::whole_secret(file, key, 5, true);
        for _ in 0..3 {
            read(&larder, &secret, span(0, 5));
        }
        assert!(larder.find(&secret, span(0, 5)).is_none() && larder.0.is_empty());
    }

    #[test]
    fn what_is_held_has_an_end() {
        let larder = Larder::default();
        for number in 0..200 {
            let film = body(number, READ_BYTES_MAX);
            for _ in 0..2 {
                read(&larder, &film, span(0, READ_BYTES_MAX));
            }
        }
        assert!(larder.0.weight() <= BYTES_MAX && larder.0.len() > PIECES / 4, "{}", larder.0.len());
    }
}
