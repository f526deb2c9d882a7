//! Segments whose key is away: what becomes of them when it is put back, and when it is not.

use archive::{Hold, Lift, Remark};

use super::on_disk::{check, hosts, instant, live, manner, noon, seal_at};
use super::*;

/// The segment whose key goes.
const THIRD: SegmentId = SegmentId::new(3);

fn key_of(data: &Path, segment: SegmentId) -> PathBuf {
    Directory::new(data).path(segment).with_extension("key")
}

/// A box of some days, of which one segment loses its key in some way before it is sealed, up to when others are sealed after it. Returns
/// a copy of the key.
fn pass_over(data: &Path, spoil: impl FnOnce(&Path)) -> Vec<u8> {
    for day in [0, 3] {
        live(data, day);
        seal_at(data, noon(day)).unwrap();
    }
    live(data, 4);
    live(data, 5);
    let key = key_of(data, THIRD);
    let copy = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    spoil(&key);
    assert!(matches!(seal_at(data, noon(6)), Err(SealingError::Segment(THIRD))), "it gets its time");
    live(data, 12);
    let alone = Instant { at: noon(800), quality: ClockQuality::Unsynchronised };
    let waiting = seal(data, &manner(Some(vec![])), alone);
    assert!(matches!(waiting, Err(SealingError::Segment(THIRD))), "not by a clock that nobody believes");
    assert_eq!(seal_at(data, noon(13)).unwrap().sealed.len(), 2, "what came after it");
    assert!(Directory::new(data).path(THIRD).exists());
    copy
}

fn put_back(data: &Path, copy: &[u8]) {
    let key = key_of(data, THIRD);
    fs::remove_file(&key).or_else(|_| fs::remove_dir(&key)).ok();
    fs::write(key, copy).unwrap();
}

/// What happens to a key, and how.
type Way<'w> = (&'w str, &'w dyn Fn(&Path));

#[test]
fn a_key_that_is_put_back_brings_its_segment_back() {
    let gone = |_: &Path| {};
    let damaged = |key: &Path| fs::write(key, "damaged").unwrap();
    let link = |key: &Path| std::os::unix::fs::symlink("elsewhere", key).unwrap();
    let folder = |key: &Path| fs::create_dir(key).unwrap();
    let of_another = |key: &Path| {
        fs::copy(key.with_file_name("segment-00000000000000000004.key"), key).unwrap();
    };
    let ways: [Way<'_>; 5] = [
        ("gone", &gone),
        ("damaged", &damaged),
        ("a link", &link),
        ("a folder", &folder),
        ("another segment's", &of_another),
    ];
    for (what, spoil) in ways {
        let data = tempfile::tempdir().unwrap();
        let data = data.path();
        let copy = pass_over(data, spoil);
        assert_eq!(hosts(data).len(), 12, "{what}");
        let report = check(data);
        assert!(report.is_right() && report.remarks.contains(&Remark::Unread(THIRD)), "{what}: {report}");
        put_back(data, &copy);
        let found = hosts(data);
        assert_eq!((found.len(), found[&7].as_str()), (15, "h0.d4.fr"), "{what}");
        let done = seal_at(data, noon(14)).unwrap();
        assert!(done.sealed.is_empty() && done.removed.is_empty(), "{what}: {done:?}");
        let report = check(data);
        assert!(report.is_right() && report.remarks.contains(&Remark::PassedOver(THIRD)), "{what}: {report}");
        assert_eq!(hosts(data).len(), 15, "{what}");
    }
}

/// Lives on until the day is a year old that was passed over.
fn live_on(data: &Path) {
    for month in 1..=12 {
        let day = 13 + month * 30;
        live(data, day);
        seal_at(data, noon(day)).unwrap();
    }
}

fn expire_at(data: &Path, day: i64) -> Vec<u64> {
    expire(data, &manner(None), instant(noon(day)), None).unwrap().segments
}

#[test]
fn what_was_passed_over_goes_at_its_time_with_an_entry() {
    for is_back in [false, true] {
        let data = tempfile::tempdir().unwrap();
        let data = data.path();
        let copy = pass_over(data, |_| {});
        if is_back {
            put_back(data, &copy);
        }
        live_on(data);
        let path = Directory::new(data).path(THIRD);
        assert!(path.exists());
        let (author, reason) = ("Tribunal".parse().unwrap(), "réquisition 26/123".parse().unwrap());
        let hold = Hold { from: Some(noon(3)), to: Some(noon(5)), device: None, author, reason };
        let hold = add_hold(data, instant(noon(374)), hold, PATIENCE).unwrap();
        assert!(expire_at(data, 380).is_empty(), "it is held");
        let (author, reason) = ("Tribunal".parse().unwrap(), "classé".parse().unwrap());
        lift_hold(data, instant(noon(381)), Lift { hold, author, reason }, PATIENCE).unwrap();
        let alone = Instant { at: noon(382), quality: ClockQuality::Unsynchronised };
        assert!(expire(data, &manner(None), alone, None).unwrap().segments.is_empty());
        assert!(path.exists(), "nobody believes the clock");
        assert_eq!(expire_at(data, 382), [THIRD.number()]);
        assert!(!path.exists() && !key_of(data, THIRD).exists());
        let report = check(data);
        let said = report.to_string();
        assert!(report.is_right() && said.contains("segment 3 was never sealed and was deleted"), "{said}");
        // What is sealed stays so, and what comes after it is sealed.
        live(data, 383);
        assert_eq!(seal_at(data, noon(383)).unwrap().sealed.len(), 1);
        assert!(check(data).is_right(), "{}", check(data));
    }
}

#[test]
fn a_sealed_segment_that_nobody_can_read_goes_with_its_seal() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    live(data, 0);
    live(data, 1);
    assert_eq!(seal_at(data, noon(0)).unwrap().sealed.len(), 2);
    fs::write(key_of(data, SegmentId::FIRST), "damaged").unwrap();
    assert!(seal_at(data, noon(366)).unwrap().removed.is_empty());
    let vouched = Vouched { name: "M. Durand".parse().unwrap(), is_far_meant: true };
    let expired = expire(data, &manner(None), instant(noon(366)), Some(&vouched)).unwrap();
    assert!(expired.files.contains(&archive::file_name(1, Form::Plain)), "{expired:?}");
    assert_eq!(seal_at(data, noon(366)).unwrap().removed, [SegmentId::FIRST]);
    assert!(!key_of(data, SegmentId::FIRST).exists());
}

/// No clock is believed, for months: what the box has run ends the wait, and for what came later another one begins.
#[test]
fn a_box_without_a_time_server_waits_by_what_it_has_run() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    for day in [0, 3] {
        live(data, day);
        seal_at(data, noon(day)).unwrap();
    }
    live(data, 4);
    live(data, 5);
    fs::remove_file(key_of(data, THIRD)).unwrap();
    let seal_alone = |day: i64| {
        let alone = Instant { at: noon(day), quality: ClockQuality::Unsynchronised };
        seal(data, &manner(Some(vec![])), alone)
    };
    for day in [6, 60] {
        assert!(matches!(seal_alone(day), Err(SealingError::Segment(THIRD))), "it has hardly run");
    }
    let wait = |through: u64| format!("preau-patience-1 {through} {UNREADABLE_MS} another-life 0\n");
    fs::write(data.join("patience"), wait(2)).unwrap();
    assert!(matches!(seal_alone(60), Err(SealingError::Segment(THIRD))), "that was a wait for another one");
    fs::write(data.join("patience"), wait(4)).unwrap();
    assert_eq!(seal_alone(60).unwrap().sealed.len(), 1, "what came after it");
    assert!(Directory::new(data).path(THIRD).exists());
    let report = check(data);
    assert!(report.is_right() && report.remarks.contains(&Remark::Unread(THIRD)), "{report}");
    live(data, 61);
    live(data, 62);
    let fifth = SegmentId::new(5);
    fs::remove_file(key_of(data, fifth)).unwrap();
    assert!(matches!(seal_alone(63), Err(SealingError::Segment(it)) if it == fifth), "it came later");
}
