//! What each engine of the files has to do.

use archive::Hash;

use super::{AppendError, Arrived, Blobs, OWN, Place};
use crate::register::BoxId;

const TEXT: &[u8] = b"a sealed day";

/// Checks an engine; each call of `open` gives a hub of its own over the same files.
pub(crate) fn check(open: impl Fn() -> Box<dyn Blobs>) {
    let (one, other) = (open(), open());
    let total = TEXT.len() as u64;
    // Cut at each byte, it goes on at that byte, at whichever hub.
    for cut in 0..TEXT.len() {
        let place = Place::sealed(BoxId(cut as u64), Hash::of(TEXT));
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
    let other_box = Place::sealed(BoxId(99), Hash::of(TEXT));
    assert_eq!(one.arrived(other_box).unwrap(), Arrived::Part(0), "each box has its own");

    // A state and a sealed file are two, whatever their bytes.
    let state = Place::state(BoxId(0), Hash::of(TEXT));
    assert_eq!(one.arrived(state).unwrap(), Arrived::Part(0));
    one.append(state, 0, total, TEXT).unwrap();
    assert_eq!(other.read(state, total).unwrap().as_deref(), Some(TEXT));
    one.remove(state).unwrap();
    // So are those of a release, which are read piece by piece.
    let release = Place::release(Hash::of(TEXT));
    one.append(release, 0, total, TEXT).unwrap();
    assert_eq!(other.read_part(release, 2, 6).unwrap().as_deref(), TEXT.get(2..8));
    assert_eq!(other.read_part(release, 0, total).unwrap().as_deref(), Some(TEXT));
    assert!(other.read_part(release, total - 1, 2).is_err(), "it is shorter");
    assert_eq!(other.read_part(state, 0, 1).unwrap(), None);
    let lying = other.lying(OWN).unwrap();
    assert!(lying.iter().any(|it| it.place == release && !it.is_part), "{lying:?}");
    // A file for pupils is another one, whatever its bytes.
    let library = Place::library(Hash::of(TEXT));
    assert_eq!(other.arrived(library).unwrap(), Arrived::Part(0));
    other.append(library, 0, total, TEXT).unwrap();
    assert!(one.lying(OWN).unwrap().iter().any(|it| it.place == library && !it.is_part));
    one.remove(library).unwrap();
    one.remove(release).unwrap();

    // What is not what it was said to be goes, and begins anew.
    assert!(matches!(one.append(other_box, 0, 3, b"abc"), Err(AppendError::Hash)));
    assert_eq!(one.arrived(other_box).unwrap(), Arrived::Part(0));
    assert!(matches!(one.append(other_box, 0, 3, b"abcd"), Err(AppendError::TooMuch)));
    assert!(matches!(one.append(other_box, u64::MAX, 3, b"abcd"), Err(AppendError::TooMuch)));

    // What lies there is found, also what nobody knows of.
    one.append(other_box, 0, total, &TEXT[..3]).unwrap();
    let lying = other.lying(BoxId(99)).unwrap();
    assert_eq!(lying.iter().map(|it| (it.place, it.is_part)).collect::<Vec<_>>(), [(other_box, true)]);
    assert!(lying[0].changed.unix_ms() > 1_700_000_000_000, "{lying:?}");
    other.remove_part(other_box).unwrap();
    assert!(one.lying(BoxId(99)).unwrap().is_empty() && one.lying(BoxId(98)).unwrap().is_empty());
    assert_eq!(one.lying(BoxId(0)).unwrap().iter().map(|it| it.is_part).collect::<Vec<_>>(), [false]);

    let first = Place::sealed(BoxId(0), Hash::of(TEXT));
    assert_eq!(other.read(first, total).unwrap().as_deref(), Some(TEXT));
    assert!(other.read(first, total - 1).is_err(), "it is longer than it may be");
    assert_eq!(one.read(other_box, total).unwrap(), None);
    one.remove(first).unwrap();
    other.remove(first).unwrap();
    assert_eq!(one.arrived(first).unwrap(), Arrived::Part(0));
    assert_eq!(one.read(first, total).unwrap(), None);
}
