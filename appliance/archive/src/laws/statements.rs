//! What must hold for statements: they are found out when changed, read as they were written, and nobody deletes, holds or
//! lifts by them what must not be.

use std::sync::LazyLock;

use journal::Source;
use model::{ClockQuality, Timestamp};
use proptest::prelude::*;

use super::fixture::{Asked, Box as Appliance, Memory, at, trust};
use crate::audit::audit_within;
use crate::{
    Approval, Bounds, Entry, Expiry, Fact, Field, Finding, Form, Hash, Hold, Lift, Log, Policy, Promptness,
    Readers, Remark, Report, Retention, SigningKey, State, Statement, Term, Trust, Unsealed, due, file_name,
    list_due, verify,
};

const GOLDEN: &str = include_str!("../../testdata/log-v1-statements.txt");
const DAY_S: i64 = 86_400;
const READER: &str = "age12zav5duuasw38ye80h48xl0rvt6td3k78vhrh60pn7ejqegfve2sasg5uz";

fn known(at: Timestamp) -> (Timestamp, ClockQuality) {
    (at, ClockQuality::Synchronised)
}

fn hold() -> Hold {
    let (author, reason) = ("Mme Martin".parse().unwrap(), "réquisition 26/123".parse().unwrap());
    Hold { from: Some(at(0)), to: None, device: Some("CM2-04".parse().unwrap()), author, reason }
}

fn lift(hold: u64) -> Lift {
    Lift { hold, author: "Mme Martin".parse().unwrap(), reason: "classé".parse().unwrap() }
}

/// A box with a seal of each of these days, each made at its end.
fn sealed(days: &[i64]) -> Appliance {
    let mut it = Appliance::new();
    for (seed, day) in days.iter().enumerate() {
        let start = day * DAY_S;
        it.record(at(start), Asked::varied(u32::try_from(seed).unwrap() * 7_919));
        it.commit(at(start + 100));
        it.seal(at(start + 200));
    }
    it
}

/// Deletes what is due, as the box does it.
fn expire(it: &mut Appliance, now: Timestamp) {
    let log = it.log.clone();
    for one in list_due(&log, now) {
        let term = Term { days: one.days, due: one.at, promptness: Promptness::OnTime, vouched: None };
        let (_, file, name) = one.seal.files().next().unwrap();
        let expiry =
            Expiry { seal: one.seal.number, field: one.field, hash: file.hash, found: State::Intact, term };
        it.log.state(known(now), Fact::Expiry(expiry), &it.key);
        it.vault.files.remove(&name);
    }
    it.publish();
}

/// Every kind of statement, after and between seals; whether they are right is not the question.
fn every_statement() -> Appliance {
    let mut it = sealed(&[0, 3]);
    let signed = Some("La DPO".parse().unwrap());
    let retention = Retention::new(|field| (field == Field::Traffic).then_some(30)).unwrap();
    let term = |promptness, vouched: Option<&str>| Term {
        days: 365,
        due: at(9),
        promptness,
        vouched: vouched.map(|name| name.parse().unwrap()),
    };
    let unsealed = Unsealed {
        segment: 9,
        after: it.log.through(),
        through: 7,
        bytes: 5,
        hash: Hash::of(b"bytes"),
        term: term(Promptness::Off, Some("M. Durand")),
    };
    let hash = it.log.last().unwrap().file.hash;
    let expiry = Expiry {
        seal: 1,
        field: Field::Access,
        hash,
        found: State::Changed,
        term: term(Promptness::Late, None),
    };
    let mac = Hold { to: Some(at(1)), device: Some("02:00:00:00:00:04".parse().unwrap()), ..hold() };
    let facts = [
        Fact::Policy(Policy { retention, signed }),
        Fact::Hold(hold()),
        Fact::Hold(mac),
        Fact::Hold(Hold { from: None, device: None, ..hold() }),
        Fact::Lift(lift(4)),
        Fact::Expiry(expiry),
        Fact::Unsealed(unsealed),
        Fact::Policy(Policy { retention: Retention::default(), signed: None }),
        Fact::Clock,
        Fact::Readers(Readers::new(vec![READER.parse().unwrap()])),
        Fact::Readers(Readers::default()),
        Fact::Approval(Approval { policy: Some(10), author: "La DPO".parse().unwrap() }),
        Fact::Approval(Approval { policy: None, author: "La DPO".parse().unwrap() }),
    ];
    for fact in facts {
        it.log.state((at(5), ClockQuality::Unsynchronised), fact, &it.key);
    }
    it
}

fn findings(report: &Report) -> Vec<String> {
    report.findings.iter().map(Finding::to_string).collect()
}

/// Whoever has no key of the box's writes a log that takes long to go over: nobody goes over it.
#[test]
fn a_log_that_the_box_did_not_sign_is_not_audited() {
    let mut it = sealed(&[0, 3, 30]);
    it.log.state(known(at(31 * DAY_S)), Fact::Lift(lift(9)), &it.key);
    it.publish();
    let told = |report: &Report| {
        let found = findings(report);
        ["there is no hold 9", "was not looked at"].map(|part| found.iter().any(|it| it.contains(part)))
    };
    let report = it.verify();
    assert_eq!(told(&report), [true, false], "{report}");
    let stranger = SigningKey::of_box([8; 32]).unwrap();
    let theirs = Trust { signer: stranger.verifier().clone(), witnessed: None };
    let report = verify(&it.vault, &it.disk, &theirs);
    assert_eq!(told(&report), [false, true], "{report}");
}

/// What a night deletes is gone over once, and an audit that would not end is given up.
#[test]
fn an_audit_ends() {
    let mut it = sealed(&[0, 3, 30, 60]);
    expire(&mut it, at(500 * DAY_S));
    assert!(it.log.expiries().len() > 2);
    let before = it.log.statements().next().unwrap().number - 1;
    let is_given_up = |leaves_max: u64| {
        let found = audit_within(&it.log, leaves_max).findings;
        found.iter().any(|finding| matches!(finding, Finding::Unaudited(_)))
    };
    assert!(!is_given_up(before) && is_given_up(before - 1));
}

#[test]
fn the_golden_log_is_read_and_written_back() {
    let (log, error) = Log::read(GOLDEN.as_bytes());
    assert_eq!((error, log.entries().len()), (None, 15));
    assert_eq!(log.to_string(), GOLDEN);
    assert_eq!(every_statement().log.to_string(), GOLDEN);
}

/// What is said of a box with a year of months after this: at least this, or nothing.
fn check(what: &str, change: impl FnOnce(&mut Appliance), expected: &str) {
    let days: Vec<i64> = [0, 3].into_iter().chain((1..=12).map(|month| month * 30)).collect();
    let mut it = sealed(&days);
    change(&mut it);
    let found = findings(&it.verify());
    let is_found = found.iter().any(|finding| finding.contains(expected));
    let is_right = if expected.is_empty() { found.is_empty() } else { is_found };
    assert!(is_right, "{what}: {expected} is not in {found:#?}");
}

/// When the first seal is a year old.
fn year() -> Timestamp {
    at(365 * DAY_S + 300)
}

/// States that the first seal's file is deleted, as it is right but for a change, and deletes it.
fn delete_first(it: &mut Appliance, now: Timestamp, change: impl FnOnce(&mut Expiry)) {
    let seal = it.log.seals().next().unwrap().clone();
    let due = due(&Bounds::of(it.log.leaves(), 1, now), &seal, 365).unwrap();
    let term = Term { days: 365, due, promptness: Promptness::OnTime, vouched: None };
    let hash = seal.file.hash;
    let mut expiry = Expiry { seal: 1, field: Field::Access, hash, found: State::Intact, term };
    change(&mut expiry);
    it.log.state(known(now), Fact::Expiry(expiry), &it.key);
    it.vault.files.remove(&seal.file_name());
    it.publish();
}

#[test]
fn what_is_deleted_on_time_is_right_and_nothing_else_is() {
    check("as the box does it", |it| expire(it, year()), "");
    check("by hand, the same", |it| delete_first(it, year(), |_| {}), "");
    check(
        "without an entry",
        |it| drop(it.vault.files.remove(&file_name(1, Form::Plain))),
        "seal-00000000000000000001.parquet is missing",
    );
    let early = at(364 * DAY_S);
    check("a day early", |it| delete_first(it, early, |_| {}), "entry 15: it was deleted before its time");
    let lie = |expiry: &mut Expiry| expiry.term.due = early;
    check("early, and lied about", |it| delete_first(it, early, lie), "its time was another");
    let another = |expiry: &mut Expiry| expiry.term.days = 30;
    check("by another number", |it| delete_first(it, year(), another), "its time was another");
    let late = at(380 * DAY_S);
    check("late, and lied about", |it| delete_first(it, late, |_| {}), "it was later or earlier than");
    let other = |expiry: &mut Expiry| expiry.hash = Hash::of(b"");
    check("another file", |it| delete_first(it, year(), other), "no such file was sealed");
    let nobody = |expiry: &mut Expiry| expiry.seal = 99;
    check("a seal that there never was", |it| delete_first(it, year(), nobody), "no such file was sealed");
    let twice = |it: &mut Appliance| {
        delete_first(it, year(), |_| {});
        delete_first(it, year(), |_| {});
    };
    check("twice", twice, "the file was deleted before");
    let off = |expiry: &mut Expiry| expiry.term.promptness = Promptness::Off;
    check(
        "by a clock that has leapt",
        |it| delete_first(it, at(800 * DAY_S), off),
        "it was deleted although the clock is",
    );
}

#[test]
fn what_is_held_is_not_to_be_deleted() {
    let held = |it: &mut Appliance| it.log.state(known(at(361 * DAY_S)), Fact::Hold(hold()), &it.key);
    let lifted = |it: &mut Appliance, number: u64| {
        it.log.state(known(at(362 * DAY_S)), Fact::Lift(lift(number)), &it.key);
        it.publish();
    };
    let delete_held = |it: &mut Appliance| {
        held(it);
        delete_first(it, year(), |_| {});
    };
    check("held", delete_held, "entry 16: it was deleted although it was held by entry 15");
    let delete_lifted = |it: &mut Appliance| {
        held(it);
        lifted(it, 15);
        delete_first(it, year(), |_| {});
    };
    check("held, and lifted", delete_lifted, "");
    check("a hold that there never was", |it| lifted(it, 3), "there is no hold 3 to lift");
}

#[test]
fn what_was_held_stays_told() {
    let mut it = sealed(&[0, 3]);
    it.log.state(known(at(4 * DAY_S)), Fact::Hold(hold()), &it.key);
    it.log.state(known(at(5 * DAY_S)), Fact::Lift(lift(3)), &it.key);
    it.publish();
    let told = it.verify().to_string();
    for expected in [
        "entry 3: CM2-04",
        "was held, for Mme Martin",
        "entry 4: the hold of entry 3 was lifted by Mme Martin",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
}

#[test]
fn a_clock_that_stepped_back_makes_nothing_due() {
    let mut it = Appliance::new();
    for day in [0, 3, 30, 60, 90] {
        it.record(at(day * DAY_S), Asked::dns(3, "a.fr"));
        // No seal is certain.
        it.record_unset(at(day * DAY_S + 50), Asked::dns(3, "b.fr"));
        it.commit(at(day * DAY_S + 100));
        it.seal(at(day * DAY_S + 200));
    }
    // A time server answers a year back for a night.
    for day in [-275, 91, 94, 97] {
        it.log.state(known(at(day * DAY_S)), Fact::Clock, &it.key);
    }
    assert!(list_due(&it.log, at(98 * DAY_S)).is_empty());
    let due = list_due(&it.log, year());
    assert_eq!(due.iter().map(|due| due.seal.number).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_hold_covers_all_that_a_clock_on_its_own_may_mean() {
    let bounds = Bounds::of(sealed(&[0, 3, 30]).log.leaves(), 3, at(40 * DAY_S));
    let check = |shown: i64, clocks: [u64; 3], expected: bool| {
        let window = Hold { from: Some(at(10 * DAY_S)), to: Some(at(12 * DAY_S)), ..hold() };
        let times = Some((at(shown * DAY_S), at(shown * DAY_S + 100)));
        assert_eq!(window.covers_records(times, clocks, &bounds), expected, "{shown} {clocks:?}");
    };
    check(11, [3, 0, 0], true);
    // A time server may be wrong for a day, too.
    check(20, [3, 0, 0], true);
    check(900, [3, 0, 0], true);
    check(900, [0, 3, 0], true);
    check(900, [0, 0, 3], true);
    check(11, [0, 3, 0], true);
    let before = Hold { from: None, to: Some(at(2 * DAY_S)), ..hold() };
    let times = Some((at(900 * DAY_S), at(901 * DAY_S)));
    for clocks in [[0, 3, 0], [3, 0, 0]] {
        assert!(!before.covers_records(times, clocks, &bounds), "it was made after the second seal");
    }
}

/// The bounds of a seal, in days, of a box that sealed on these.
fn bounds_in_days(days: &[i64], number: u64, now: i64) -> [Option<i64>; 2] {
    let bounds = Bounds::of(sealed(days).log.leaves(), number, at(now * DAY_S));
    let day = |time: Timestamp| (time.unix_ms() - at(0).unix_ms()).div_euclid(DAY_S * 1_000);
    [bounds.not_before().map(day), bounds.not_after().map(day)]
}

#[test]
fn a_clock_that_is_wrong_for_a_night_moves_no_other_day() {
    let check = |days: &[i64], number: u64, now: i64, expected: [i64; 2]| {
        assert_eq!(bounds_in_days(days, number, now), expected.map(Some), "{number} of {days:?}");
    };
    let weeks: Vec<i64> = (7..=385).step_by(7).collect();
    // A year ahead, and the year passes.
    let ahead = [&[0, 3, 4, 5, 370], weeks.as_slice()].concat();
    check(&ahead, 5, 400, [5, 7]);
    check(&ahead, 6, 369, [5, 7]);
    check(&ahead, 6, 400, [5, 7]);
    check(&ahead, 58, 400, [364, 371]);
    // Ahead by so little that it is believed at once.
    let some = [&[0, 3, 4, 5, 60], weeks.as_slice()].concat();
    check(&some, 6, 400, [5, 7]);
    // Behind by as much: what was believed before bounds that night's records.
    let behind = [weeks.as_slice(), &[20], &[386, 387, 388, 389]].concat();
    check(&behind, 56, 400, [385, 386]);
    check(&behind, 55, 400, [378, 385]);
    // After a long pause, before the clock was believed again; and in the first days of a box.
    let pause = [0, 3, 4, 85, 86, 8, 87, 88, 89, 90];
    check(&pause, 4, 400, [4, 85]);
    check(&pause, 6, 400, [86, 87]);
    assert_eq!(bounds_in_days(&[0, 1, -77, 2, 4, 5], 1, 400), [None, Some(0)]);
}

#[test]
fn what_a_wrong_clock_recorded_is_held_by_the_day_that_it_was() {
    let it = sealed(&[0, 3, 4, 5, 370, 7, 8, 9, 10]);
    let hold = Hold { from: Some(at(6 * DAY_S)), to: Some(at(7 * DAY_S)), device: None, ..hold() };
    let covered = it
        .log
        .seals()
        .filter(|seal| hold.covers(seal, &Bounds::of(it.log.leaves(), seal.number, at(400 * DAY_S))));
    assert_eq!(covered.map(|seal| seal.number).collect::<Vec<_>>(), [5, 6]);
}

#[test]
fn a_segment_that_no_hold_was_about_is_deleted_late() {
    let delete = |it: &mut Appliance| {
        let other = Hold { to: Some(at(1)), ..hold() };
        it.log.state(known(at(361 * DAY_S)), Fact::Hold(other), &it.key);
        let vouched = Some("M. Durand".parse().unwrap());
        let term = Term { days: 365, due: at(726 * DAY_S), promptness: Promptness::Off, vouched };
        let through = it.log.through();
        let hash = Hash::of(b"");
        let unsealed = Unsealed { segment: 99, after: through, through, bytes: 0, hash, term };
        it.log.state(known(at(736 * DAY_S)), Fact::Unsealed(unsealed), &it.key);
        it.publish();
    };
    check("a hold about another window", delete, "");
}

#[test]
fn a_later_number_keeps_nothing_longer() {
    let mut it = sealed(&[]);
    for (day, days) in [(0, 30), (3, 365)] {
        let retention = Retention::new(|_| Some(days)).unwrap();
        it.log.state(known(at(day * DAY_S)), Fact::Policy(Policy { retention, signed: None }), &it.key);
        it.record(at(day * DAY_S), Asked::dns(3, "a.fr"));
        it.commit(at(day * DAY_S + 100));
        it.seal(at(day * DAY_S + 200));
    }
    let due = list_due(&it.log, at(40 * DAY_S));
    assert_eq!(due.iter().map(|due| (due.seal.number, due.days)).collect::<Vec<_>>(), [(2, 30)]);
    expire(&mut it, at(30 * DAY_S + 300));
    assert_eq!(findings(&it.verify()), [] as [&str; 0]);
}

#[test]
fn a_shorter_number_is_for_what_is_sealed_once_it_has_stood_for_a_week() {
    let mut it = sealed(&(0..=60).step_by(3).collect::<Vec<_>>());
    let decide = |it: &mut Appliance, day: i64, days: u32| {
        let retention = Retention::new(|_| Some(days)).unwrap();
        it.log.state(known(at(day * DAY_S)), Fact::Policy(Policy { retention, signed: None }), &it.key);
    };
    let due = |it: &Appliance, day: i64| list_due(&it.log, at(day * DAY_S + 300)).len();
    // A slip of the pen, which somebody sees.
    decide(&mut it, 61, 3);
    assert_eq!([61, 62, 67].map(|day| due(&it, day)), [0, 0, 0]);
    decide(&mut it, 64, 365);
    assert_eq!([68, 70, 75].map(|day| due(&it, day)), [0, 0, 0]);
    // And what is meant: days 0 to 42 go, and with the next number the one after them.
    decide(&mut it, 76, 40);
    decide(&mut it, 78, 39);
    assert_eq!([82, 83, 84, 85].map(|day| due(&it, day)), [0, 15, 15, 16]);
    // A deletion by it before its week is over is found.
    let early = |it: &mut Appliance| {
        decide(it, 361, 30);
        let seal = it.log.seals().next().unwrap().clone();
        let term = Term { days: 30, due: at(30 * DAY_S), promptness: Promptness::Late, vouched: None };
        let (seal, hash) = (seal.number, seal.file.hash);
        let expiry = Expiry { seal, field: Field::Access, hash, found: State::Intact, term };
        it.log.state(known(at(363 * DAY_S)), Fact::Expiry(expiry), &it.key);
        it.vault.files.remove(&file_name(1, Form::Plain));
        it.publish();
    };
    check("by a number of two days ago", early, "its time was another than the entry says");
}

#[test]
fn what_stays_beyond_its_time_is_found() {
    let go_on = |it: &mut Appliance, days: &[i64]| {
        days.iter().for_each(|day| it.log.state(known(at(day * DAY_S)), Fact::Clock, &it.key));
        it.publish();
    };
    let expected = "seal 1: seal-00000000000000000001.parquet is past its time";
    check("for days", |it| go_on(it, &[363, 366, 369]), expected);
    check("for a night", |it| go_on(it, &[363, 366, 367]), "");
    check("by a box that was off", |it| go_on(it, &[361, 363, 400]), "");
    let held = |it: &mut Appliance| {
        it.log.state(known(at(361 * DAY_S)), Fact::Hold(hold()), &it.key);
        go_on(it, &[363, 366, 369, 372]);
    };
    check("held", held, "");
    let lifted = |it: &mut Appliance, days: i64| {
        let by_itself = (at(days * DAY_S), ClockQuality::Unsynchronised);
        it.log.state(by_itself, Fact::Lift(lift(15)), &it.key);
    };
    let ahead = |it: &mut Appliance| {
        held(it);
        lifted(it, 2_000);
        go_on(it, &[375, 378]);
    };
    check("lifted days ago by a clock that was ahead", ahead, expected);
    let behind = |it: &mut Appliance| {
        held(it);
        lifted(it, 100);
        go_on(it, &[373]);
    };
    check("lifted just now by a clock that is behind", behind, "");
    let of_another = |it: &mut Appliance| {
        let hold = Hold { from: Some(at(300 * DAY_S)), ..hold() };
        it.log.state(known(at(361 * DAY_S)), Fact::Hold(hold), &it.key);
        go_on(it, &[363, 366, 369]);
        lifted(it, 369);
        go_on(it, &[370]);
    };
    check("beside a hold of other days that was lifted just now", of_another, expected);
}

#[test]
fn a_box_that_was_on_deletes_late_whatever_another_clock_shows() {
    let late = |it: &mut Appliance, vouched: Option<&str>| {
        delete_first(it, at(369 * DAY_S), |expiry| {
            expiry.term.promptness = Promptness::Late;
            expiry.term.vouched = vouched.map(|name| name.parse().unwrap());
        });
    };
    let show = |it: &mut Appliance, clock: ClockQuality, days: &[i64]| {
        days.iter().for_each(|day| it.log.state((at(day * DAY_S), clock), Fact::Clock, &it.key));
    };
    let ahead = |it: &mut Appliance| {
        show(it, ClockQuality::Unsynchronised, &[900, 368]);
        show(it, ClockQuality::Synchronised, &[363, 366, 368]);
        late(it, None);
    };
    check("a clock that was ahead", ahead, "");
    let alone = |it: &mut Appliance| {
        show(it, ClockQuality::Unsynchronised, &[363, 366, 368]);
        late(it, Some("M. Durand"));
    };
    check("no time server at all", alone, "");
}

#[test]
fn a_segment_that_is_not_deleted_is_found_days_later() {
    let verified = |days: &[i64]| {
        let mut it = sealed(&[0, 3]);
        let segment = it.disk.list().unwrap().pop().unwrap();
        let term = Term { days: 365, due: at(369 * DAY_S), promptness: Promptness::OnTime, vouched: None };
        let (through, hash) = (it.log.through(), Hash::of(b""));
        let unsealed = Unsealed { segment: segment.number(), after: through, through, bytes: 0, hash, term };
        it.log.state(known(at(369 * DAY_S)), Fact::Unsealed(unsealed), &it.key);
        days.iter().for_each(|day| it.log.state(known(at(day * DAY_S)), Fact::Clock, &it.key));
        it.publish();
        let report = it.verify();
        let is_found = findings(&report).contains(&format!(
            "entry 3: {segment} is still there, long after its deletion was entered in the log: it is not deleted"
        ));
        (is_found, report.remarks.contains(&Remark::KeptSegment { entry: 3, segment }), report.deleted)
    };
    assert_eq!(verified(&[370]), (false, true, (1, 0)), "the next run deletes it");
    assert_eq!(verified(&[370, 372]), (true, false, (0, 0)));
}

#[test]
fn a_vouched_time_is_contradicted_by_any_clock_that_goes_on() {
    let delete = |it: &mut Appliance, now: Timestamp, later: &[i64]| {
        delete_first(it, now, |expiry| expiry.term.vouched = Some("M. Durand".parse().unwrap()));
        for day in later {
            let alone = (at(day * DAY_S), ClockQuality::Unsynchronised);
            it.log.state(alone, Fact::Clock, &it.key);
        }
        it.publish();
    };
    let early = "entry 15: it was deleted before its time";
    check("a year ahead", |it| delete(it, at(725 * DAY_S), &[361, 362, 364]), early);
    check("not for long", |it| delete(it, year(), &[361, 362]), "");
    check("a clock that fell back", |it| delete(it, year(), &[100, 102, 104]), "");
    let mut it = sealed(&[0, 3, 360]);
    delete(&mut it, year(), &[]);
    let told = "M. Durand vouched for the time of the deletion, 5 days after the entry before";
    assert!(it.verify().to_string().contains(told), "{}", it.verify());
}

#[test]
fn what_is_not_sealed_to_those_whom_the_log_names_is_found() {
    let seal = |readers: Readers| {
        let mut it = sealed(&[0]);
        it.log.state(known(at(DAY_S)), Fact::Readers(readers), &it.key);
        it.record(at(3 * DAY_S), Asked::dns(3, "a.fr"));
        it.commit(at(3 * DAY_S + 100));
        it.seal(at(3 * DAY_S + 200));
        it.verify()
    };
    let report = seal(Readers::new(vec![READER.parse().unwrap()]));
    assert_eq!(findings(&report).len(), 1, "{report}");
    assert!(
        report.to_string().contains("WRONG: seal 3: it is not sealed to those whom the log names"),
        "{report}"
    );
    assert!(
        report.to_string().contains(&format!("entry 2: from here on days are sealed to {READER}")),
        "{report}"
    );
    let report = seal(Readers::default());
    assert!(report.is_right() && report.to_string().contains("sealed to nobody, in clear"), "{report}");
}

/// Sealed files, a log with every statement, and nothing else.
fn files() -> Memory {
    static FILES: LazyLock<Memory> = LazyLock::new(|| {
        let mut it = every_statement();
        it.publish();
        it.vault
    });
    FILES.clone()
}

fn verify_alone(vault: &Memory) -> Report {
    verify(vault, &journal::simulation::Disk::default(), &trust())
}

proptest! {
    /// Whatever the clock showed: what goes a year after a held window is not of it.
    #[test]
    fn what_is_due_by_a_time_is_held_by_it(
        days in prop::collection::vec(-400..400_i64, 3..6),
        clocks in prop::array::uniform3(0..2_u64),
        offset in -40..40_i64,
        length in 1..40_i64,
        now in 0..900_i64,
    ) {
        let it = sealed(&days);
        for seal in it.log.seals() {
            let seal = crate::Seal { clocks, ..seal.clone() };
            let bounds = Bounds::of(it.log.leaves(), seal.number, at(now * DAY_S));
            let Some(due) = due(&bounds, &seal, 0) else { continue };
            let from = Timestamp::from_unix_ms(due.unix_ms() + offset * DAY_S * 1_000);
            let to = Timestamp::from_unix_ms(from.unix_ms() + length * DAY_S * 1_000);
            let hold = Hold { from: Some(from), to: Some(to), ..hold() };
            let is_of_window = from <= due && due < to;
            prop_assert!(!is_of_window || hold.covers(&seal, &bounds), "{:?} {:?}", seal, bounds);
        }
    }

    /// No bit of a statement can be another.
    #[test]
    fn any_flipped_bit_is_found(place in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut vault = files();
        let right = findings(&verify_alone(&vault));
        let log = vault.log.as_mut().unwrap();
        let place = place.index(log.len());
        log[place] ^= 1 << bit;
        prop_assert_ne!(findings(&verify_alone(&vault)), right);
    }

    /// What is left of a log that was cut is what it was, and the cut is named.
    #[test]
    fn any_truncation_reads_as_a_prefix(place in any::<prop::sample::Index>()) {
        let whole = Log::read(GOLDEN.as_bytes()).0;
        let place = place.index(GOLDEN.len());
        let (log, error) = Log::read(&GOLDEN.as_bytes()[..place]);
        prop_assert_eq!(log.entries(), &whole.entries()[..log.entries().len()]);
        let end: usize = log.entries().iter().map(|entry: &Entry| entry.to_string().len()).sum();
        prop_assert_eq!(error.map_or(place, |error| error.offset), end);
    }

    #[test]
    fn a_statement_is_written_as_it_was_read(which in 0..11_usize, line in 0..12_usize, text in "[ -~é]{0,20}") {
        let log = Log::read(GOLDEN.as_bytes()).0;
        let statement = log.statements().nth(which).unwrap().to_string();
        let mut lines: Vec<_> = statement.lines().map(str::to_owned).collect();
        let line = line % lines.len();
        let word = lines[line].split(' ').next().unwrap().to_owned();
        lines[line] = format!("{word} {text}");
        let changed = lines.join("\n") + "\n";
        if let Ok(read) = changed.parse::<Statement>() {
            prop_assert_eq!(read.to_string(), changed);
        }
    }
}
