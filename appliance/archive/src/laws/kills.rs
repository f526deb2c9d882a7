//! What must hold when a box is killed: at every byte that it writes, whatever of it the disk keeps, no record that was durable is lost,
//! and what is there verifies and goes on.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use journal::simulation::{Disk, Faults};
use journal::{Hit, Journal, Query, Sequence, Source as _, Writer};
use model::ClockQuality;

use super::fixture::{Asked, Memory, at, trust};
use crate::{Finding, Remark, Report, verify};

/// Records that are durable, by number.
type Promises = BTreeMap<u64, String>;

/// How much a disk keeps of what it was not asked to keep yet, of each file.
const KEPT: [usize; 4] = [0, 1, 40, usize::MAX];

struct Life {
    journal: Journal,
    writer: Writer<Disk>,
    waiting: Vec<(Sequence, String)>,
    /// Each start asks for other names.
    name: &'static str,
}

impl Life {
    fn new(disk: &Disk, name: &'static str) -> Self {
        let (journal, mut writer) = journal::open(disk.clone());
        writer.split_days_by(|at| at.unix_ms().div_euclid(100_000));
        Self { journal, writer, waiting: Vec::new(), name }
    }

    /// Two days of some records; whether the disk let it come to its end.
    fn go(mut self, from: i64, promises: &mut Promises) -> bool {
        for step in 0..4 {
            let now = from + step * 50;
            if !self.commit(now, promises) {
                return false;
            }
            if !(0..2).all(|number| self.record(now, &format!("{number}.{step}"))) {
                return false;
            }
            if !self.commit(now, promises) {
                return false;
            }
        }
        self.writer.finish(at(from + 200)).is_ok()
    }

    fn record(&mut self, now: i64, what: &str) -> bool {
        let name = format!("{}{what}.fr", self.name);
        let recorded = self.journal.record(at(now), ClockQuality::Synchronised, Asked::dns(3, &name));
        let Ok(recorded) = recorded else { return false };
        self.waiting.push((recorded.sequence(), name));
        true
    }

    fn commit(&mut self, now: i64, promises: &mut Promises) -> bool {
        let is_committed = self.writer.commit(at(now)).is_ok();
        let durable = self.waiting.extract_if(.., |(sequence, _)| self.journal.is_durable(*sequence));
        promises.extend(durable.map(|(sequence, name)| (sequence.number(), name)));
        is_committed
    }
}

fn check(disk: &Disk, promises: &Promises, place: &str) {
    let report = verify(&Memory::default(), disk, &trust());
    assert!(report.is_right(), "{place}: {report}");
    let mut found = BTreeMap::new();
    let searched = journal::search(disk, &Query::default(), |hit| {
        if let Hit::Access(access) = hit {
            found.insert(access.sequence.number(), access.host.unwrap().to_string());
        }
        ControlFlow::Continue(())
    });
    searched.unwrap();
    for (number, name) in promises {
        assert_eq!(found.get(number), Some(name), "{place}: record {number}");
    }
}

/// Places of which a search says that they are damaged.
fn count_damages(disk: &Disk) -> usize {
    let mut damages = 0;
    let searched = journal::search(disk, &Query::default(), |hit| {
        damages += usize::from(matches!(hit, Hit::Damage(_)));
        ControlFlow::Continue(())
    });
    searched.unwrap();
    damages
}

#[test]
fn a_kill_at_every_byte_loses_nothing_and_verifies() {
    let mut kills = 0;
    for bytes in 0.. {
        let mut is_over = false;
        for kept in KEPT {
            let (disk, mut promises) = (Disk::default(), Promises::new());
            assert!(Life::new(&disk, "before").go(0, &mut promises));
            disk.set_faults(Faults { write_fails_after: Some(bytes), ..Faults::default() });
            is_over = Life::new(&disk, "killed").go(300, &mut promises);
            disk.cut_power(kept);
            let place = format!("after {bytes} bytes, {kept} kept");
            check(&disk, &promises, &place);
            assert!(Life::new(&disk, "after").go(600, &mut promises), "{place}: it goes on");
            check(&disk, &promises, &place);
            kills += 1;
        }
        if is_over {
            break;
        }
    }
    assert!(kills > 2_000, "{kills}");
}

/// The disk refuses an append somewhere in it, and takes the next: the records stand in the segment after, and the one before may
/// have some of them. Nothing is missing, and nobody says so.
#[test]
fn a_box_that_goes_on_after_a_failed_append_verifies() {
    let mut failures = 0;
    let refusals = (0..400).map(|bytes| Faults { write_fails_after: Some(bytes), ..Faults::default() });
    for faults in refusals.chain([Faults { sync_fails: true, ..Faults::default() }]) {
        // With records in the segment already, and with none.
        for (has_records, kept) in [true, false].into_iter().flat_map(|it| KEPT.map(|kept| (it, kept))) {
            let (disk, mut promises) = (Disk::default(), Promises::new());
            assert!(Life::new(&disk, "before").go(0, &mut promises));
            let mut life = Life::new(&disk, "failing");
            assert!(life.commit(300, &mut promises));
            if has_records {
                assert!(life.record(301, "first") && life.commit(301, &mut promises));
            }
            assert!((0..3).all(|number| life.record(302, &number.to_string())));
            disk.set_faults(faults);
            let place = format!("{faults:?}, records before: {has_records}, {kept} kept");
            failures += u32::from(!life.commit(302, &mut promises));
            disk.set_faults(Faults::default());
            check(&disk, &promises, &format!("{place}: it waits"));
            assert!(life.commit(303, &mut promises), "{place}");
            assert!(life.waiting.is_empty(), "{place}");
            check(&disk, &promises, &format!("{place}: it went on"));
            assert_eq!(count_damages(&disk), 0, "{place}: what was refused was never promised");
            assert!(life.record(304, "last") && life.commit(304, &mut promises));
            disk.cut_power(kept);
            check(&disk, &promises, &format!("{place}: a power cut"));
            drop(life);
            assert!(Life::new(&disk, "after").go(600, &mut promises), "{place}: it starts again");
            check(&disk, &promises, &place);
        }
    }
    assert!(failures > 100, "{failures}");
}

/// What goes wrong after an append was refused, and how it goes on from there.
#[derive(Clone, Copy, Debug)]
enum Then {
    /// The same box goes on.
    Heal,
    /// It is killed, and started again.
    Kill,
    /// The power is cut, and this much is kept of what was not durable.
    Cut(usize),
}

/// A box whose disk has refused an append, and refuses something again before that is written anew. Returns whether both happened.
fn fail_twice(has_records: bool, first: Faults, second: Faults, then: Then) -> bool {
    let place = format!("{first:?}, then {second:?}, then {then:?}, records before: {has_records}");
    let (disk, mut promises) = (Disk::default(), Promises::new());
    assert!(Life::new(&disk, "before").go(0, &mut promises));
    let mut life = Life::new(&disk, "failing");
    assert!(life.commit(300, &mut promises));
    if has_records {
        assert!(life.record(301, "first") && life.commit(301, &mut promises));
    }
    assert!((0..3).all(|number| life.record(302, &number.to_string())));
    disk.set_faults(first);
    let has_failed = !life.commit(302, &mut promises);
    disk.set_faults(second);
    let has_failed_twice = has_failed && !life.commit(303, &mut promises);
    disk.set_faults(Faults::default());
    check(&disk, &promises, &format!("{place}: it waits"));
    match then {
        Then::Heal => {
            assert!(life.commit(304, &mut promises) && life.waiting.is_empty(), "{place}: it goes on");
            assert!(life.record(305, "last") && life.commit(305, &mut promises), "{place}");
        }
        Then::Kill => {}
        Then::Cut(kept) => disk.cut_power(kept),
    }
    check(&disk, &promises, &place);
    drop(life);
    check(&disk, &promises, &format!("{place}: it is gone"));
    assert!(Life::new(&disk, "after").go(600, &mut promises), "{place}: it starts again");
    check(&disk, &promises, &format!("{place}: it started again"));
    assert_eq!(count_damages(&disk), 0, "{place}: what was refused was never promised");
    // What the disk said to be lost, and gave back to a start, it may lose after all.
    if !(first.sync_fails && matches!(then, Then::Kill)) {
        disk.cut_power(0);
        check(&disk, &promises, &format!("{place}: the power is cut at last"));
    }
    has_failed_twice
}

/// The segment that takes what was refused has a header that says so, and is there before the records are. Whatever stops the box then,
/// nobody finds numbers missing that were promised to nobody.
#[test]
fn a_second_failure_before_what_was_refused_is_written_again_raises_no_alarm() {
    let mut count = 0;
    let appends = |bytes: u64| Faults { write_fails_after: Some(bytes), ..Faults::default() };
    let syncs = Faults { sync_fails: true, ..Faults::default() };
    let creates = Faults { create_fails: true, ..Faults::default() };
    // Behind a header that is there, and that is not tidied up, as where the box is killed within the second append.
    let killed = (60..300).step_by(17).map(|bytes| Faults { tidy_fails: true, ..appends(bytes) });
    let seconds = (0..300).step_by(17).map(appends).chain(killed).chain([syncs, creates]);
    for second in seconds {
        for first in (0..200).step_by(47).map(appends).chain([syncs]) {
            for then in [Then::Heal, Then::Kill].into_iter().chain(KEPT.map(Then::Cut)) {
                count += u32::from(fail_twice(true, first, second, then));
                count += u32::from(fail_twice(false, first, second, then));
            }
        }
    }
    assert!(count > 300, "{count}");
}

/// A box whose disk has refused the records 2 to 4.
fn refused(disk: &Disk, promises: &mut Promises) -> Life {
    let mut life = Life::new(disk, "failing");
    assert!(life.commit(1, promises));
    assert!(life.record(2, "first") && life.commit(2, promises));
    assert!((0..3).all(|number| life.record(3, &number.to_string())));
    disk.set_faults(Faults { write_fails_after: Some(0), ..Faults::default() });
    assert!(!life.commit(3, promises));
    disk.set_faults(Faults::default());
    life
}

fn unpromised(report: &Report) -> Vec<(u64, u64)> {
    let remarks = report.remarks.iter();
    let range = |remark: &Remark| {
        let Remark::Unpromised { from, through, .. } = remark else { return None };
        Some((*from, *through))
    };
    remarks.filter_map(range).collect()
}

#[test]
fn what_was_never_promised_is_told() {
    let (disk, mut promises) = (Disk::default(), Promises::new());
    let mut life = refused(&disk, &mut promises);
    // The header comes to the disk, and some bytes of the records.
    disk.set_faults(Faults { write_fails_after: Some(40), tidy_fails: true, ..Faults::default() });
    assert!(!life.commit(4, &mut promises));
    disk.set_faults(Faults::default());
    drop(life);
    assert!(Life::new(&disk, "after").go(600, &mut promises));
    check(&disk, &promises, "it started again");
    assert_eq!(unpromised(&verify(&Memory::default(), &disk, &trust())), [(2, 4)]);
}

/// What its header says was promised to nobody stands in a segment all the same, once it was written again: where that is damaged, no disk
/// has refused it.
#[test]
fn what_was_written_again_and_damaged_is_missing() {
    let (disk, mut promises) = (Disk::default(), Promises::new());
    let mut life = refused(&disk, &mut promises);
    assert!(life.commit(4, &mut promises));
    assert!(life.record(5, "last") && life.commit(5, &mut promises));
    drop(life);
    check(&disk, &promises, "before the damage");
    let segment = *disk.list().unwrap().last().unwrap();
    let mut bytes = disk.bytes(segment);
    let block = bytes.windows(4).position(|magic| magic == [0xb1, 0x50, 0x4a, 0x42]).unwrap();
    // In the payload of the first record of the three, behind the headers of their block and of itself: it ends the block.
    bytes[block + 24 + 6] ^= 1;
    disk.put(segment, bytes);
    let report = verify(&Memory::default(), &disk, &trust());
    let is_missing = |finding: &Finding| matches!(finding, Finding::Records { .. });
    assert!(report.findings.iter().any(is_missing), "{report}");
    assert_eq!(unpromised(&report), []);
}
