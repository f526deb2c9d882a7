//! What must hold for times: records that were made without the time get it when it is known, wherever they are kept by then.

use journal::{Query, Sequence};
use model::{ClockQuality, Timestamp};

use super::fixture::{Asked, Box as Appliance, at};
use crate::{Seal, Table, reckoning};

/// What the clock shows so many seconds after a start without the time.
fn unset(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(seconds * 1_000)
}

fn check(it: &Appliance, sequence: u64, shown: Timestamp, expected: Option<Timestamp>) {
    let read = |seal: &Seal| Table::open(it.vault.files.get(&seal.file_name())?.clone()).ok();
    let reckoning = reckoning(&it.log, read, &it.disk, &Query::default());
    let found = reckoning.reckon(Sequence::new(sequence), shown, ClockQuality::Unset);
    assert_eq!(found, expected, "record {sequence}");
}

#[test]
fn a_tie_reaches_over_segments_and_seals() {
    let mut it = Appliance::new();
    // The first segment is begun on a day of the calendar; from the second on the clock begins anew.
    let first = it.record_unset(unset(10), Asked::dns(3, "early.fr"));
    let second = it.record_unset(unset(150), Asked::dns(3, "later.fr"));
    it.commit(unset(200));
    it.seal(unset(200));
    check(&it, first, unset(10), None);
    // In the next seal, and two more after the one of the records.
    it.set_clock(at(1_000), unset(300));
    let known = it.record(at(1_001), Asked::dns(3, "known.fr"));
    check(&it, first, unset(10), Some(at(710)));
    it.commit(at(1_100));
    it.seal(at(1_100));
    check(&it, first, unset(10), Some(at(710)));
    check(&it, second, unset(150), Some(at(850)));
    check(&it, known, at(1_001), None);
    let report = it.verify();
    assert!(report.is_right(), "{report}");
}
