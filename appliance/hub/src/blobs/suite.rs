//! What each engine of the files has to do.

use archive::Hash;

use super::{AppendError, Arrived, Blobs, Place};
use crate::register::BoxId;

const TEXT: &[u8] = b"a sealed day";

/// Checks an engine; each call of `open` gives a hub of its own over the same files.
pub(crate) fn check(open: impl Fn() -> Box<dyn Blobs>) {
    let (one, other) = (open(), open());
    let total = TEXT.len() as u64;
    // Cut at each byte, it goes on at that byte, at whichever hub.
    for cut in 0..TEXT.len() {
        let place = Place { of: BoxId(cut as u64), hash: Hash::of(TEXT) };
        assert_eq!(one.arrived(place).unwrap(), Arrived::Part(0));
        if cut > 0 {
            let part = one.append(place, 0, total, &TEXT[..cut]).unwrap();
            assert_eq!(part, Arrived::Part(cut as u64));
        }
        assert_eq!(other.arrived(place).unwrap(), Arrived::Part(cut as u64));
        let wrong = other.append(place, cut as u64 + 1, total, b"");
        assert!(matches!(wrong, Err(AppendError::Offset(at)) if at == cut as u64), "{wrong:?}");
        let whole = other.append(place, cut as u64, total, &TEXT[cut..]).unwrap();
        assert_eq!(whole, Arrived::Whole(total));
        assert_eq!(one.arrived(place).unwrap(), Arrived::Whole(total));
        assert_eq!(one.append(place, 3, total, b"again").unwrap(), Arrived::Whole(total));
    }
    let other_box = Place { of: BoxId(99), hash: Hash::of(TEXT) };
    assert_eq!(one.arrived(other_box).unwrap(), Arrived::Part(0), "each box has its own");

    // What is not what it was said to be goes, and begins anew.
    assert!(matches!(one.append(other_box, 0, 3, b"abc"), Err(AppendError::Hash)));
    assert_eq!(one.arrived(other_box).unwrap(), Arrived::Part(0));
    assert!(matches!(one.append(other_box, 0, 3, b"abcd"), Err(AppendError::TooMuch)));
    assert!(matches!(one.append(other_box, u64::MAX, 3, b"abcd"), Err(AppendError::TooMuch)));

    let first = Place { of: BoxId(0), hash: Hash::of(TEXT) };
    one.remove(first).unwrap();
    other.remove(first).unwrap();
    assert_eq!(one.arrived(first).unwrap(), Arrived::Part(0));
}
