//! What must hold for every journal, whatever happens to its disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use model::{
    AccessKind, Act, ClockQuality, Closing, Deed, End, Fault, Layer, OverrideId, Reason, Ruling, Timestamp,
    Verdict,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::fixture::{Asked, act, at, each_hit, find};
use crate::simulation::{Disk, Faults};
use crate::{
    Damage, DamageKind, Found, Hit, Journal, Kind, Query, SegmentId, Sequence, Source, Unrecorded, Writer,
    open,
};

mod acts;
mod flows;
mod harvests;

const CLOCK: ClockQuality = ClockQuality::Synchronised;

fn opened(disk: &Disk, now: Timestamp) -> (Journal, Writer<Disk>) {
    let (journal, mut writer) = open(disk.clone());
    writer.commit(now).unwrap();
    (journal, writer)
}

fn record(journal: &Journal, now: Timestamp, asked: Asked) -> Result<Sequence, Unrecorded> {
    journal.record(now, CLOCK, asked).map(|recorded| recorded.sequence())
}

fn finished(bytes_down: u64) -> Closing {
    Closing { bytes_up: 517, bytes_down, duration_ms: 1_250, peer: None, end: End::Finish }
}

fn all(disk: &Disk) -> Vec<Found> {
    find(disk, &Query::default()).0
}

fn hosts(found: &[Found]) -> Vec<String> {
    found.iter().map(|found| found.host.as_ref().unwrap().to_string()).collect()
}

#[test]
fn nothing_is_accepted_before_the_first_commit_and_after_the_last() {
    let disk = Disk::default();
    let (journal, mut writer) = open(disk.clone());
    assert!(!journal.is_writable());
    assert_eq!(record(&journal, at(0), Asked::dns("A", "a.fr")), Err(Unrecorded::Unwritable));
    writer.commit(at(0)).unwrap();
    assert!(journal.is_writable());
    let sequence = record(&journal, at(0), Asked::dns("A", "a.fr")).unwrap();
    assert!(!journal.is_durable(sequence));
    writer.finish(at(1)).unwrap();
    assert!(journal.is_durable(sequence));
    assert_eq!(record(&journal, at(1), Asked::dns("A", "a.fr")), Err(Unrecorded::Unwritable));
    assert_eq!(hosts(&all(&disk)), ["a.fr"]);
}

#[test]
fn an_access_comes_back_as_it_was_recorded() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    let tls = record(&journal, at(1), Asked::tls("CM2-04", "www.example.com")).unwrap();
    record(&journal, at(2), Asked::dns("", "x.porn.example").refused("adult", "porn.example")).unwrap();
    journal.close_kind(at(3), AccessKind::Tls, tls, finished(1 << 40));
    writer.commit(at(3)).unwrap();
    let found = all(&disk);
    let [first, second] = &found[..] else { panic!("{found:?}") };
    assert_eq!((first.sequence, first.at, first.clock), (tls, at(1), CLOCK));
    assert_eq!(
        (first.device.as_str(), first.kind, first.verdict),
        ("CM2-04", AccessKind::Tls, Verdict::Permit)
    );
    assert_eq!(first.room.as_ref().unwrap().as_str(), "CM2");
    assert_eq!(first.destination, Some("192.0.2.1:443".parse().unwrap()));
    assert_eq!(first.ended.unwrap().closing, finished(1 << 40));
    assert_eq!((second.device.as_str(), second.profile.as_str()), ("inconnu-02:00:00:00:00:11", "inconnu"));
    assert_eq!(second.reason, Asked::dns("", "x").refused("adult", "porn.example").reason);
    assert_eq!(second.ended, None);
}

#[test]
fn every_reason_comes_back() {
    let category = || "adult".parse().unwrap();
    let ruled = |layer, until| {
        let author = "Mme Martin".parse().unwrap();
        Reason::Ruled(Arc::new(Ruling { layer, entry: "a.fr".into(), author, until }))
    };
    let reasons = [
        Reason::NotListed,
        Reason::Listed { category: category(), entry: "a.fr".into() },
        Reason::WhiteListed { category: category(), entry: "a.fr".into() },
        Reason::Workspace { entry: "a.fr".into() },
        Reason::NotWhiteListed,
        Reason::ClosedHours,
        Reason::Service("imaps".parse().unwrap()),
        Reason::Locked { category: category(), entry: "a.fr".into() },
        ruled(Layer::Commune, None),
        ruled(Layer::School, None),
        ruled(Layer::Lesson, Some(at(60_000))),
    ];
    let narrowed = model::Narrowing::ALL.map(Reason::Narrowed);
    let reasons: Vec<Reason> =
        reasons.into_iter().chain(narrowed).chain(Fault::ALL.map(Reason::Fault)).collect();
    let disk = Disk::default();
    let (journal, writer) = opened(&disk, at(0));
    for reason in &reasons {
        record(&journal, at(1), Asked { reason: reason.clone(), ..Asked::tls("A", "a.fr") }).unwrap();
    }
    writer.finish(at(2)).unwrap();
    let found: Vec<Reason> = all(&disk).into_iter().map(|found| found.reason).collect();
    assert_eq!(found, reasons);
}

#[test]
fn repeated_questions_fold() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    let first = record(&journal, at(1), Asked::dns("A", "a.fr")).unwrap();
    for second in 1..=30 {
        assert_eq!(record(&journal, at(second), Asked::dns("A", "a.fr")), Ok(first));
        if second % 4 == 0 {
            writer.commit(at(second)).unwrap();
        }
    }
    assert_ne!(record(&journal, at(30), Asked::dns("B", "a.fr")), Ok(first), "another device");
    assert_ne!(record(&journal, at(30), Asked::dns("A", "b.fr")), Ok(first), "another name");
    assert_ne!(record(&journal, at(30), Asked::tls("A", "a.fr")), Ok(first), "not a question");
    let refused = Asked::dns("A", "a.fr").refused("adult", "a.fr");
    assert_ne!(record(&journal, at(30), refused), Ok(first), "another verdict");
    let next = record(&journal, at(61), Asked::dns("A", "a.fr")).unwrap();
    assert_ne!(next, first, "the minute is over");
    writer.commit(at(62)).unwrap();
    let found = all(&disk);
    let counts: Vec<_> = found.iter().map(|found| (found.count, found.last_at)).collect();
    assert_eq!(counts[0], (31, at(30)));
    assert_eq!(counts[1..].iter().map(|count| count.0).collect::<Vec<_>>(), [1; 5]);

    let late = Query { from: Some(at(20)), to: Some(at(25)), ..Query::default() };
    assert_eq!(hosts(&find(&disk, &late).0), ["a.fr"], "its repeats reach into the time asked for");
    let later = Query { from: Some(at(31)), to: Some(at(60)), ..Query::default() };
    assert!(find(&disk, &later).0.is_empty());
}

#[test]
fn a_shut_journal_refuses_repeats_too() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    record(&journal, at(1), Asked::dns("A", "a.fr")).unwrap();
    disk.set_faults(Faults { write_fails_after: Some(10), ..Faults::default() });
    writer.commit(at(1)).unwrap_err();
    assert!(!journal.is_writable());
    assert_eq!(record(&journal, at(2), Asked::dns("A", "a.fr")), Err(Unrecorded::Unwritable));
    disk.set_faults(Faults::default());
    writer.commit(at(3)).unwrap();
    record(&journal, at(4), Asked::dns("A", "a.fr")).unwrap();
    writer.commit(at(5)).unwrap();
    let found = all(&disk);
    assert_eq!((hosts(&found), found[0].count), (vec!["a.fr".to_owned()], 2));
}

#[test]
fn a_full_disk_shuts_the_journal_before_a_record_is_lost() {
    let disk = Disk::default();
    disk.set_faults(Faults { space_left: Some(10 << 20), ..Faults::default() });
    let (journal, mut writer) = opened(&disk, at(0));
    let mut accepted = 0_u32;
    let mut second = 0;
    while journal.is_writable() {
        second += 1;
        // As much as the queue takes, twice: once before the commit, once while it is under way.
        while record(&journal, at(second), Asked::tls("A", &format!("host{accepted}.fr"))).is_ok() {
            accepted += 1;
        }
        if let Err(error) = writer.commit(at(second)) {
            assert!(matches!(error, crate::CommitError::Reserve { .. }), "{error:?}");
        }
    }
    assert_eq!(record(&journal, at(second), Asked::tls("A", "a.fr")), Err(Unrecorded::Unwritable));
    assert_eq!(all(&disk).len(), accepted as usize);
    disk.set_faults(Faults { space_left: Some(64 << 20), ..Faults::default() });
    writer.commit(at(second)).unwrap();
    assert!(journal.is_writable());
}

/// Somebody else fills the disk: the journal has its space, but the box has none.
#[test]
fn a_disk_that_others_filled_shuts_the_journal_until_there_is_room() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    record(&journal, at(1), Asked::tls("A", "a.fr")).unwrap();
    disk.set_faults(Faults { space_left: Some(0), ..Faults::default() });
    writer.commit(at(1)).unwrap_err();
    assert_eq!(record(&journal, at(1), Asked::tls("A", "b.fr")), Err(Unrecorded::Unwritable));
    assert_eq!(hosts(&all(&disk)), ["a.fr"], "what was accepted has its place");
    disk.set_faults(Faults { space_left: Some(1 << 20), ..Faults::default() });
    writer.commit(at(2)).unwrap();
    record(&journal, at(2), Asked::tls("A", "c.fr")).unwrap();
}

/// Somebody removes the file: the journal shuts, and goes on in another.
#[test]
fn a_segment_that_is_taken_away_is_noticed() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    record(&journal, at(1), Asked::tls("A", "a.fr")).unwrap();
    writer.commit(at(1)).unwrap();
    let [segment] = disk.list().unwrap()[..] else { panic!("one segment") };
    disk.take_away(segment);
    assert!(matches!(writer.commit(at(2)), Err(crate::CommitError::Lost { .. })));
    assert_eq!(record(&journal, at(2), Asked::tls("A", "b.fr")), Err(Unrecorded::Unwritable));
    writer.commit(at(3)).unwrap();
    record(&journal, at(3), Asked::tls("A", "c.fr")).unwrap();
    writer.commit(at(4)).unwrap();
    assert!(hosts(&all(&disk)).contains(&"c.fr".to_owned()));
}

#[test]
fn a_full_disk_at_the_start_is_no_end() {
    let disk = Disk::default();
    disk.set_faults(Faults { space_left: Some(1 << 20), ..Faults::default() });
    let (journal, mut writer) = open(disk.clone());
    for second in 0..10 {
        writer.commit(at(second)).unwrap_err();
    }
    assert!(!journal.is_writable());
    assert!(disk.list().unwrap().is_empty(), "no litter");
    disk.set_faults(Faults { space_left: Some(20 << 20), ..Faults::default() });
    writer.commit(at(11)).unwrap();
    assert!(journal.is_writable());
}

#[test]
fn after_a_failed_sync_a_new_segment_takes_the_batch() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    record(&journal, at(1), Asked::tls("A", "a.fr")).unwrap();
    writer.commit(at(1)).unwrap();
    let open_access = record(&journal, at(2), Asked::tls("A", "b.fr")).unwrap();
    disk.set_faults(Faults { sync_fails: true, ..Faults::default() });
    writer.commit(at(2)).unwrap_err();
    assert!(!journal.is_durable(open_access));
    disk.set_faults(Faults::default());
    writer.commit(at(3)).unwrap();
    assert!(journal.is_durable(open_access));
    assert_eq!(disk.list().unwrap().len(), 2);
    assert_eq!(hosts(&all(&disk)), ["a.fr", "b.fr"], "written twice, read once");
    disk.cut_power(0);
    assert_eq!(hosts(&all(&disk)), ["a.fr", "b.fr"]);
}

#[test]
fn a_hanging_disk_does_not_go_on_collecting_promises() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    let uptime_ms = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&uptime_ms);
    journal.measure_waiting_by(move || Duration::from_millis(clock.load(Ordering::Relaxed)));
    let record_at = |uptime: u64, seconds: i64| {
        uptime_ms.store(uptime, Ordering::Relaxed);
        record(&journal, at(seconds), Asked::tls("A", "a.fr")).map(drop)
    };
    let year = 31_536_000;
    assert_eq!(record_at(1_000, 1), Ok(()));
    // A time server sets the clock, forward and back: nobody has waited for that.
    assert_eq!(record_at(1_001, year), Ok(()));
    assert_eq!(record_at(6_000, -year), Ok(()));
    assert!(journal.is_writable());
    assert_eq!(record_at(6_001, -year), Err(Unrecorded::Unwritable));
    assert!(!journal.is_writable(), "whoever asks is told so, too");
    writer.commit(at(7)).unwrap();
    assert_eq!(record_at(6_002, 7), Ok(()));
    // Only what waits is waited for.
    writer.commit(at(8)).unwrap();
    assert_eq!(record_at(20_000, 9), Ok(()));
}

#[test]
fn a_full_queue_refuses_accesses_and_takes_closings() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    let woken = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&woken);
    journal.wake_writer_by(move || {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    let first = record(&journal, at(1), Asked::tls("A", "a.fr")).unwrap();
    assert!(!journal.is_crowded());
    while record(&journal, at(1), Asked::tls("A", "a.fr")).is_ok() {}
    assert!(journal.is_crowded());
    assert_eq!(record(&journal, at(1), Asked::tls("A", "a.fr")), Err(Unrecorded::QueueFull));
    assert_eq!(woken.load(Ordering::Relaxed), 1);
    journal.close_kind(at(2), AccessKind::Tls, first, finished(1));
    writer.commit(at(2)).unwrap();
    let found = all(&disk);
    assert_eq!(found[0].sequence, first);
    assert_eq!(found[0].ended.unwrap().closing, finished(1), "far behind its access");
    assert!(found.len() > 4_000 && found[1].ended.is_none());
    assert!(!journal.is_crowded());
}

#[test]
fn closings_alone_have_the_writer_hurry() {
    let (journal, _writer) = opened(&Disk::default(), at(0));
    let woken = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&woken);
    journal.wake_writer_by(move || {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    let access = record(&journal, at(1), Asked::tls("A", "a.fr")).unwrap();
    while !journal.is_crowded() {
        journal.close_kind(at(2), AccessKind::Tls, access, finished(1));
    }
    assert_eq!(woken.load(Ordering::Relaxed), 1);
}

#[test]
fn what_a_crash_left_open_is_closed_as_cut() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    record(&journal, at(1), Asked::dns("A", "question.fr")).unwrap();
    let closed = record(&journal, at(1), Asked::tls("A", "closed.fr")).unwrap();
    record(&journal, at(1), Asked::tls("A", "cut.fr")).unwrap();
    record(&journal, at(1), Asked::tls("A", "refused.fr").refused("adult", "refused.fr")).unwrap();
    journal.close_kind(at(2), AccessKind::Tls, closed, finished(5));
    // The next segments know what is open without reading this one.
    writer.commit(at(86_400)).unwrap();
    record(&journal, at(86_401), Asked::tls("A", "later.fr")).unwrap();
    writer.commit(at(86_402)).unwrap();
    drop(writer);
    disk.cut_power(0);
    let ends = |disk: &Disk| -> Vec<_> {
        all(disk).iter().map(|found| found.ended.map(|ended| ended.closing.end)).collect()
    };
    assert_eq!(ends(&disk), [None, Some(End::Finish), None, None, None]);
    let (_journal, writer) = opened(&disk, at(90_000));
    assert_eq!(writer.recovery().unwrap().cut_accesses, 2);
    let expected = [None, Some(End::Finish), Some(End::Cut), None, Some(End::Cut)];
    assert_eq!(ends(&disk), expected, "before anything else is accepted");
    drop(writer);
    let (_journal, writer) = opened(&disk, at(90_003));
    assert_eq!(writer.recovery().unwrap().cut_accesses, 0);
}

#[test]
fn a_crash_while_closing_what_a_crash_left_open_is_one_too() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    record(&journal, at(1), Asked::tls("A", "cut.fr")).unwrap();
    writer.commit(at(1)).unwrap();
    drop(writer);
    for kept in [0, 10, 30] {
        let (_journal, mut writer) = open(disk.clone());
        disk.set_faults(Faults { sync_fails: true, ..Faults::default() });
        writer.commit(at(2)).unwrap_err();
        drop(writer);
        disk.cut_power(kept);
    }
    let (_journal, writer) = opened(&disk, at(3));
    assert_eq!(writer.recovery().unwrap().cut_accesses, 1);
    assert_eq!(all(&disk)[0].ended.unwrap().closing.end, End::Cut);
}

#[test]
fn a_clean_stop_leaves_nothing_open() {
    let disk = Disk::default();
    let (journal, writer) = opened(&disk, at(0));
    record(&journal, at(1), Asked::tls("A", "a.fr")).unwrap();
    writer.finish(at(2)).unwrap();
    assert_eq!(all(&disk)[0].ended.unwrap().closing.end, End::Cut);
    let (_journal, writer) = opened(&disk, at(3));
    assert_eq!(writer.recovery().unwrap().cut_accesses, 0);
}

#[test]
fn segments_follow_the_days_and_empty_ones_go() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    for day in 1..=3 {
        writer.commit(at(day * 86_400)).unwrap();
    }
    assert_eq!(disk.list().unwrap(), [SegmentId::new(4)], "nothing was recorded on three days");
    record(&journal, at(3 * 86_400), Asked::tls("A", "a.fr")).unwrap();
    writer.commit(at(3 * 86_400)).unwrap();
    writer.commit(at(4 * 86_400)).unwrap();
    assert_eq!(disk.list().unwrap(), [SegmentId::new(4), SegmentId::new(5)]);
    drop(writer);
    let (_journal, _writer) = opened(&disk, at(4 * 86_400));
    assert_eq!(disk.list().unwrap(), [SegmentId::new(4), SegmentId::new(6)]);
}

#[test]
fn a_large_segment_is_followed_by_another() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    let mut accepted = 0;
    while disk.list().unwrap().len() < 2 {
        while record(&journal, at(1), Asked::largest()).is_ok() {
            accepted += 1;
        }
        writer.commit(at(1)).unwrap();
    }
    let size = disk.bytes(SegmentId::FIRST).len();
    assert!((64 << 20..70 << 20).contains(&size), "{size}");
    assert_eq!(all(&disk).len(), accepted);
}

#[test]
fn a_clock_that_jumps_hides_nothing() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, Timestamp::from_unix_ms(0));
    for (time, name) in [(Timestamp::from_unix_ms(1), "boot.fr"), (at(10), "set.fr"), (at(5), "back.fr")] {
        record(&journal, time, Asked::dns("A", name)).unwrap_or_else(|_| {
            writer.commit(time).unwrap();
            record(&journal, time, Asked::dns("A", name)).unwrap()
        });
        writer.commit(time).unwrap();
    }
    let query = |from, to| Query { from: Some(from), to: Some(to), ..Query::default() };
    assert_eq!(hosts(&find(&disk, &query(at(5), at(6))).0), ["back.fr"]);
    assert_eq!(hosts(&find(&disk, &query(at(0), at(60))).0), ["set.fr", "back.fr"]);
    assert_eq!(hosts(&find(&disk, &query(Timestamp::from_unix_ms(0), at(0))).0), ["boot.fr"]);
}

#[test]
fn queries_choose() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    record(&journal, at(1), Asked::dns("Écran-Hall", "example.com")).unwrap();
    record(&journal, at(2), Asked::tls("Écran-Hall", "www.example.com")).unwrap();
    record(&journal, at(3), Asked::dns("CM2-04", "notexample.com").refused("games", "notexample.com"))
        .unwrap();
    record(&journal, at(4), Asked::dns("", "192.0.2.7")).unwrap();
    writer.commit(at(5)).unwrap();
    let check = |query: Query, expected: &[&str]| {
        assert_eq!(hosts(&find(&disk, &query).0), expected, "{query:?}");
    };
    let host = |text: &str| Query { host: Some(text.parse_host()), ..Query::default() };
    let device = |text: &str| Query { device: Some(text.to_owned()), ..Query::default() };
    check(host("example.com"), &["example.com", "www.example.com"]);
    check(host("192.0.2.7"), &["192.0.2.7"]);
    check(host("com"), &["example.com", "www.example.com", "notexample.com"]);
    check(device("écran-hall"), &["example.com", "www.example.com"]);
    check(device("INCONNU-02:00:00:00:00:11"), &["192.0.2.7"]);
    check(device("02-00-00-00-00-11"), &["example.com", "www.example.com", "notexample.com", "192.0.2.7"]);
    check(device("CM2"), &[]);
    check(Query { verdict: Some(Verdict::Refuse), ..Query::default() }, &["notexample.com"]);
    check(Query { kind: Some(Kind::Access(AccessKind::Tls)), ..Query::default() }, &["www.example.com"]);
    check(
        Query { from: Some(at(2)), to: Some(at(4)), ..Query::default() },
        &["www.example.com", "notexample.com"],
    );
}

trait ParseHost {
    fn parse_host(&self) -> model::Host;
}

impl ParseHost for str {
    fn parse_host(&self) -> model::Host {
        model::Host::parse(self).unwrap()
    }
}

#[test]
fn what_a_crash_cut_off_is_damage_only_if_it_was_promised() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    for (name, kept) in [("a.fr", 0), ("b.fr", 60)] {
        record(&journal, at(1), Asked::tls("A", name)).unwrap();
        disk.set_faults(Faults { sync_fails: kept > 0, ..Faults::default() });
        assert_eq!(writer.commit(at(1)).is_err(), kept > 0);
        disk.cut_power(kept);
    }
    drop(writer);
    let first = disk.bytes(SegmentId::FIRST);
    let (journal, mut writer) = opened(&disk, at(2));
    let tails = &writer.recovery().unwrap().damages;
    assert_eq!(tails.iter().map(|damage| damage.kind).collect::<Vec<_>>(), [DamageKind::Tail]);
    record(&journal, at(3), Asked::tls("A", "c.fr")).unwrap();
    writer.commit(at(3)).unwrap();
    let (found, damages) = find(&disk, &Query::default());
    assert_eq!((hosts(&found), damages), (vec!["a.fr".to_owned(), "c.fr".to_owned()], vec![]));
    disk.put(SegmentId::FIRST, first[..first.len() - 90].to_vec());
    let (found, damages) = find(&disk, &Query::default());
    assert_eq!((hosts(&found), damages.len()), (vec!["c.fr".to_owned()], 1), "a.fr was durable");
}

/// The format as it stands on disks in schools: a change of these bytes needs a new version.
#[test]
fn the_format_is_the_golden_file() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    let tls = record(&journal, at(1), Asked::tls("CM2-04", "www.example.com")).unwrap();
    writer.commit(at(1)).unwrap();
    record(&journal, at(2), Asked::dns("", "x.porn.example").refused("adult", "porn.example")).unwrap();
    record(&journal, at(3), Asked::dns("", "x.porn.example").refused("adult", "porn.example")).unwrap();
    let peer = Some("192.0.2.1:443".parse().unwrap());
    journal.close_kind(at(4), AccessKind::Tls, tls, Closing { peer, ..finished(65_536) });
    writer.commit(at(4)).unwrap();
    assert_golden(&disk, include_str!("../testdata/segment-v1.hex"));
}

fn assert_golden(disk: &Disk, golden: &str) {
    let written: Vec<String> = disk
        .bytes(SegmentId::FIRST)
        .chunks(32)
        .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect())
        .collect();
    assert_eq!(written, golden.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>());
}

/// A segment of several blocks, and where each ends.
fn sample_segment() -> (Vec<u8>, Vec<usize>) {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    let mut ends = Vec::new();
    for block in 0..6 {
        for name in 0..4 {
            record(&journal, at(block), Asked::dns("CM2-04", &format!("n{name}.b{block}.fr"))).unwrap();
        }
        writer.commit(at(block)).unwrap();
        ends.push(disk.bytes(SegmentId::FIRST).len());
    }
    (disk.bytes(SegmentId::FIRST), ends)
}

fn read(bytes: Vec<u8>) -> (Vec<Found>, Vec<Damage>) {
    let disk = Disk::default();
    disk.put(SegmentId::FIRST, bytes);
    find(&disk, &Query::default())
}

#[test]
fn every_truncation_reads_as_a_prefix() {
    let (bytes, ends) = sample_segment();
    let whole = read(bytes.clone()).0;
    assert_eq!(whole.len(), 24);
    for length in 0..bytes.len() {
        let (found, damages) = read(bytes[..length].to_vec());
        assert_eq!(found, whole[..found.len()], "{length}");
        let committed = ends.iter().filter(|end| **end <= length).count() * 4;
        assert!(found.len() >= committed, "{length}");
        assert!(damages.iter().all(|damage| damage.kind == DamageKind::Tail), "{length}: {damages:?}");
    }
}

#[test]
fn every_flipped_bit_is_found_and_costs_its_block_at_most() {
    let (bytes, ends) = sample_segment();
    let whole = read(bytes.clone()).0;
    for place in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[place] ^= 1 << (place % 8);
        let (found, damages) = read(altered);
        assert_eq!(damages.len(), 1, "{place}");
        let block = ends.iter().position(|end| place < *end).unwrap();
        let header_bytes = bytes.windows(4).position(|bytes| bytes == crate::format::BLOCK_MAGIC).unwrap();
        let lost = if place < header_bytes { 0..0 } else { block * 4..block * 4 + 4 };
        let kept: BTreeSet<_> = found.iter().map(|found| found.sequence).collect();
        for (number, expected) in whole.iter().enumerate() {
            assert!(lost.contains(&number) || kept.contains(&expected.sequence), "{place}: {number}");
        }
        assert!(found.iter().all(|found| whole.contains(found)), "{place}");
    }
}

/// What a school year does to a disk, in one step.
#[derive(Clone, Debug)]
enum Step {
    Record { name: u16, kind: u8 },
    Act { number: u32 },
    Close { pick: usize },
    Commit { after_s: i64 },
    Fault(Faults),
    Heal,
    CutPower { kept: usize },
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    let faults = prop_oneof![
        (0..2_000_u64).prop_map(|bytes| Faults { write_fails_after: Some(bytes), ..Faults::default() }),
        Just(Faults { sync_fails: true, ..Faults::default() }),
        Just(Faults { create_fails: true, ..Faults::default() }),
        Just(Faults { read_fails: true, ..Faults::default() }),
        (0..10_u64 << 20).prop_map(|bytes| Faults { space_left: Some(bytes), ..Faults::default() }),
    ];
    prop_oneof![
        12 => (0..30_u16, 0..3_u8).prop_map(|(name, kind)| Step::Record { name, kind }),
        2 => (0..9_u32).prop_map(|number| Step::Act { number }),
        4 => any::<usize>().prop_map(|pick| Step::Close { pick }),
        8 => prop_oneof![8 => 0..3_i64, 1 => 80_000..90_000_i64, 1 => -100..0_i64]
            .prop_map(|after_s| Step::Commit { after_s }),
        2 => faults.prop_map(Step::Fault),
        2 => Just(Step::Heal),
        1 => prop_oneof![Just(0), 0..400_usize, Just(usize::MAX)].prop_map(|kept| Step::CutPower { kept }),
        1 => Just(Step::Kill),
    ]
}

/// What must be on the disk.
#[derive(Default)]
struct Promises {
    /// The host or the override that each accepted number stands for.
    accepted: BTreeMap<u64, String>,
    durable: BTreeSet<u64>,
    open: Vec<Sequence>,
}

impl Promises {
    fn note_durable(&mut self, journal: &Journal) {
        let durable = self.accepted.keys().filter(|number| journal.is_durable(Sequence::new(**number)));
        self.durable.extend(durable.copied());
    }

    /// The machine stopped: what was not durable was never promised.
    fn forget_others(&mut self) {
        self.accepted.retain(|number, _| self.durable.contains(number));
        self.open.clear();
    }

    fn check(&self, disk: &Disk) -> Result<(), TestCaseError> {
        let mut found = BTreeMap::new();
        each_hit(disk, &Query::default(), |hit| match hit {
            Hit::Access(it) => drop(found.insert(it.sequence.number(), it.host.unwrap().to_string())),
            Hit::Act(it) => drop(found.insert(it.sequence.number(), it.act.id.to_string())),
            Hit::Person(_) | Hit::Damage(_) | Hit::Unreadable { .. } => {}
        });
        for number in &self.durable {
            let Some(found) = found.get(number) else {
                return Err(TestCaseError::fail(format!("record {number} was durable and is lost")));
            };
            prop_assert_eq!(found, &self.accepted[number]);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_durable_record_is_ever_lost(steps in prop::collection::vec(step(), 1..120)) {
        let disk = Disk::default();
        let (mut journal, mut writer) = open(disk.clone());
        let mut promises = Promises::default();
        let mut now = at(0);
        // What a start did not get from the disk, or got and the disk had said to be lost, it cannot act on.
        let is_fault = |fault: fn(&Faults) -> bool| {
            steps.iter().any(|step| matches!(step, Step::Fault(faults) if fault(faults)))
        };
        let is_killed = steps.iter().any(|step| matches!(step, Step::Kill));
        let is_lost = is_fault(|faults| faults.read_fails) || is_killed && is_fault(|faults| faults.sync_fails);
        for step in steps {
            match step {
                Step::Record { name, kind } => {
                    let name = format!("n{name}.fr");
                    let asked = if kind == 0 { Asked::tls("A", &name) } else { Asked::dns("A", &name) };
                    if let Ok(sequence) = record(&journal, now, asked) {
                        let known = promises.accepted.insert(sequence.number(), name.clone());
                        prop_assert!(known.is_none_or(|known| known == name && kind != 0), "a number was used twice");
                        if kind == 0 {
                            promises.open.push(sequence);
                        }
                    }
                }
                Step::Act { number } => {
                    let act = Act { id: OverrideId::new(number), ..act(Deed::Make) };
                    if let Ok(sequence) = journal.record_act(now, CLOCK, &act) {
                        let known = promises.accepted.insert(sequence.number(), number.to_string());
                        prop_assert_eq!(known, None, "a number was used twice");
                    }
                }
                Step::Close { pick } => {
                    if !promises.open.is_empty() {
                        let sequence = promises.open.swap_remove(pick % promises.open.len());
                        journal.close_kind(now, AccessKind::Tls, sequence, finished(1));
                    }
                }
                Step::Commit { after_s } => {
                    now = Timestamp::from_unix_ms(now.unix_ms() + after_s * 1_000);
                    let outcome = writer.commit(now);
                    prop_assert_eq!(journal.is_writable(), outcome.is_ok());
                    promises.note_durable(&journal);
                }
                Step::Fault(faults) => disk.set_faults(faults),
                Step::Heal => disk.set_faults(Faults::default()),
                Step::CutPower { .. } | Step::Kill => {
                    drop(writer);
                    if let Step::CutPower { kept } = step {
                        disk.cut_power(kept);
                    }
                    promises.forget_others();
                    (journal, writer) = open(disk.clone());
                }
            }
        }
        disk.set_faults(Faults::default());
        writer.commit(now).unwrap();
        promises.note_durable(&journal);
        prop_assert!(promises.accepted.keys().all(|number| promises.durable.contains(number)), "kept and written");
        promises.check(&disk)?;
        drop(writer);
        disk.cut_power(0);
        promises.check(&disk)?;
        let (_journal, mut writer) = open(disk.clone());
        writer.commit(now).unwrap();
        writer.commit(now).unwrap();
        for found in all(&disk) {
            let needs_end = !is_lost && found.kind != AccessKind::Dns && found.verdict == Verdict::Permit;
            prop_assert!(found.ended.is_some() || !needs_end, "record {}", found.sequence);
        }
    }

    #[test]
    fn any_bytes_are_read_to_their_end(
        head in prop::collection::vec(any::<u8>(), 0..300),
        cut in 0..2_000_usize,
        tail in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let (bytes, _) = sample_segment();
        let disk = Disk::default();
        disk.put(SegmentId::FIRST, [&head, &bytes[cut.min(bytes.len())..], &tail].concat());
        let before = all(&disk);
        let (_journal, mut writer) = open(disk.clone());
        writer.commit(at(0)).unwrap();
        prop_assert_eq!(before, all(&disk));
    }
}
