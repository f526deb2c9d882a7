//! Files that are copied into another engine. What was cut goes on at the byte, and what is there whole is not sent again.

use std::io;

use replication::limits::PIECE_BYTES_MAX;

use super::{AppendError, Arrived, Blobs, OWN, Place};
use crate::register::BoxId;

/// Copies all files of these boxes, and the hub's own; how many there are, and how many bytes went.
///
/// # Errors
/// One cannot be read or written, or is not what its name says: the error has its name.
pub fn transfer(
    from: &dyn Blobs,
    to: &dyn Blobs,
    boxes: impl IntoIterator<Item = BoxId>,
) -> io::Result<(u64, u64)> {
    let (mut files, mut bytes) = (0, 0);
    for of in std::iter::once(OWN).chain(boxes) {
        for lying in from.lying(of)?.into_iter().filter(|lying| !lying.is_part) {
            let name = |error: io::Error| {
                io::Error::new(error.kind(), format!("{}/{}: {error}", of.0, lying.place.name()))
            };
            bytes += copy(from, to, lying.place).map_err(name)?;
            files += 1;
        }
    }
    Ok((files, bytes))
}

fn copy(from: &dyn Blobs, to: &dyn Blobs, place: Place) -> io::Result<u64> {
    // Its time was over meanwhile.
    let Arrived::Whole(total) = from.arrived(place)? else { return Ok(0) };
    let begun = match to.arrived(place)? {
        Arrived::Whole(_) => return Ok(0),
        Arrived::Part(bytes) => bytes,
    };
    let mut at = begun;
    loop {
        let length = total.saturating_sub(at).min(PIECE_BYTES_MAX);
        let piece = from.read_part(place, at, length)?.ok_or(io::ErrorKind::NotFound)?;
        match to.append(place, at, total, &piece) {
            Ok(Arrived::Whole(_)) => return Ok(total.saturating_sub(begun)),
            Ok(Arrived::Part(bytes)) if bytes > at => at = bytes,
            Ok(Arrived::Part(_)) => return Err(io::Error::other("it does not grow")),
            Err(AppendError::Engine(error)) => return Err(error),
            Err(error) => return Err(io::Error::other(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use archive::Hash;

    use super::*;
    use crate::blobs::folder::BlobFolder;

    #[test]
    fn all_that_is_whole_goes_once() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| BlobFolder::new(&folder.path().join(name)));
        let long: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_be_bytes).take(2_500_000).collect();
        let put = |of: u64, bytes: &[u8]| {
            let place = Place::sealed(BoxId(of), Hash::of(bytes));
            let total = bytes.len() as u64;
            let mut at = 0;
            for piece in bytes.chunks(1 << 20) {
                from.append(place, at, total, piece).unwrap();
                at += piece.len() as u64;
            }
            place
        };
        let (big, small) = (put(1, &long), put(2, b"small"));
        let own = Place::release(Hash::of(b"release"));
        from.append(own, 0, 7, b"release").unwrap();
        // Half of one is on its way: its box sends the rest, wherever the hub is.
        let half = Place::sealed(BoxId(2), Hash::of(b"half"));
        from.append(half, 0, 4, b"ha").unwrap();
        // It was cut once.
        to.append(big, 0, 2_500_000, &long[..1_000]).unwrap();
        let boxes = [BoxId(1), BoxId(2)];
        assert_eq!(transfer(&from, &to, boxes).unwrap(), (3, 2_499_000 + 5 + 7));
        let check = |place: Place, expected: &[u8]| {
            assert_eq!(to.read(place, 1 << 30).unwrap().as_deref(), Some(expected));
        };
        check(big, &long);
        check(small, b"small");
        check(own, b"release");
        assert_eq!(to.arrived(half).unwrap(), Arrived::Part(0));
        assert_eq!(transfer(&from, &to, boxes).unwrap(), (3, 0), "nothing goes twice");
    }
}
