//! Expiry on real files: on time, after a box was off, with a clock in doubt, held, cut off in the middle.

use archive::{Fact, Hold, Lift, Policy, Promptness, Remark, Retention, State, Term, Unsealed};

use super::expiry::{erase_segment, measure_segment};
use super::on_disk::{check, hosts, instant, live, look_into, manner, noon, seal_at, segments};
use super::*;
use crate::full_disk::{FOLDER_VARIABLE, run_test_on};

/// Lives and seals on each of these days.
fn live_and_seal(data: &Path, days: impl IntoIterator<Item = i64>) {
    for day in days {
        live(data, day);
        seal_at(data, noon(day)).unwrap();
    }
}

fn expire_at(data: &Path, day: i64) -> Expired {
    expire(data, &manner(None), instant(noon(day)), None).unwrap()
}

fn file(number: u64) -> String {
    archive::file_name(number, Form::Plain)
}

fn promptness(data: &Path) -> Vec<Promptness> {
    let log = Folder::new(data).read_log().unwrap();
    let expiries = log.statements().filter_map(|statement| match &statement.fact {
        Fact::Expiry(expiry) => Some(expiry.term.promptness),
        Fact::Unsealed(_)
        | Fact::Hold(_)
        | Fact::Lift(_)
        | Fact::Policy(_)
        | Fact::Approval(_)
        | Fact::Readers(_)
        | Fact::Clock => None,
    });
    expiries.collect()
}

/// Every month of a year.
fn months() -> impl Iterator<Item = i64> {
    [0, 3].into_iter().chain((1..=12).map(|month| month * 30))
}

fn hold(author: &str) -> Hold {
    let (author, reason) = (author.parse().unwrap(), "réquisition 26/123".parse().unwrap());
    Hold { from: None, to: None, device: None, author, reason }
}

#[test]
fn what_is_past_its_time_goes_and_the_proof_stays() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    live_and_seal(data, months());
    assert!(expire_at(data, 364).files.is_empty(), "nobody is a year old");
    let expired = expire_at(data, 365);
    assert_eq!((expired.files, expired.doubt), (vec![file(1)], None));
    assert!(!data.join("sealed").join(file(1)).exists());
    assert!(expire_at(data, 365).files.is_empty(), "once");
    assert_eq!(expire_at(data, 369).files, [file(2)]);
    assert_eq!(promptness(data), [Promptness::OnTime; 2]);
    let report = check(data);
    assert!(report.is_right() && report.deleted == (2, 0) && report.seals == 14, "{report}");
    assert_eq!(hosts(data).len(), 36, "what is deleted is not missed");
    live_and_seal(data, [370]);
    assert_eq!(Folder::new(data).read_log().unwrap().last().unwrap().sequences, (42, 45));
    assert!(check(data).is_right());
}

#[test]
fn a_file_that_somebody_deletes_is_missed() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    live_and_seal(data, months());
    fs::remove_file(data.join("sealed").join(file(1))).unwrap();
    assert!(check(data).to_string().contains("seal 1: seal-00000000000000000001.parquet is missing"));
    // Its time comes, and what was found then stays in the log.
    expire_at(data, 365);
    let report = check(data);
    assert!(report.to_string().contains("the file of seal 1 was missing when its time came"), "{report}");
    fs::write(data.join("sealed").join(file(2)), "changed").unwrap();
    expire_at(data, 369);
    let log = Folder::new(data).read_log().unwrap();
    let expiries = log.expiries();
    assert_eq!(expiries[&(2, Field::Access)].1.found, State::Changed);
    assert!(!data.join("sealed").join(file(2)).exists(), "it goes all the same");
}

#[test]
fn a_file_that_can_be_neither_read_nor_erased_keeps_no_other() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    live_and_seal(data, months().chain([361, 363]));
    // No program writes over a folder, or takes its name away as that of a file.
    let sick = data.join("sealed").join(file(2));
    fs::remove_file(&sick).unwrap();
    fs::create_dir(&sick).unwrap();
    let expired = expire_at(data, 395);
    let stuck = |expired: &Expired| expired.stuck.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!((stuck(&expired), expired.files), (vec![file(2)], vec![file(1), file(2), file(3)]));
    let log = Folder::new(data).read_log().unwrap();
    let found = [1, 2, 3].map(|seal| log.expiries()[&(seal, Field::Access)].1.found);
    assert_eq!(found, [State::Intact, State::Unreadable, State::Intact]);
    let is_there = |number| data.join("sealed").join(file(number)).exists();
    assert_eq!([1, 2, 3, 4].map(is_there), [false, true, false, true]);
    let report = check(data);
    assert!(report.to_string().contains("the file of seal 2 was unreadable when its time came"), "{report}");
    assert_eq!(report.deleted, (1, 2));
    // Each run tries again, and each deletes what is due meanwhile.
    live_and_seal(data, [398, 401]);
    let expired = expire_at(data, 425);
    assert_eq!((stuck(&expired), expired.files), (vec![file(2)], vec![file(4)]));
    let report = check(data);
    assert!(report.to_string().contains("is still there, long after its deletion was entered"), "{report}");
    assert_eq!(report.deleted, (2, 1), "what is there is not deleted");
    fs::remove_dir(&sick).unwrap();
    fs::write(&sick, "again").unwrap();
    assert!(expire_at(data, 425).stuck.is_empty() && !is_there(2));
}

#[test]
fn a_box_that_was_off_deletes_at_its_next_start() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    live_and_seal(data, months().take_while(|day| *day <= 330).chain([331, 333]));
    live_and_seal(data, [395]);
    assert_eq!(expire_at(data, 395).files, [file(1), file(2), file(3)]);
    assert_eq!(promptness(data), [Promptness::Off, Promptness::Off, Promptness::OnTime]);
    let report = check(data);
    assert!(report.is_right() && report.deleted == (1, 2), "{report}");
}

#[test]
fn a_clock_that_leaps_deletes_nothing_until_it_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    live_and_seal(data, [0, 3, 4]);
    // Seven years ahead, for two days; and then right again.
    for day in [2_555, 2_556] {
        live(data, day);
        seal_at(data, noon(day)).unwrap();
        let expired = expire_at(data, day);
        assert!(matches!(expired.doubt, Some(archive::Doubt::Leap { .. })), "{expired:?}");
        assert!(expired.files.is_empty() && expired.waiting == 3, "{expired:?}");
    }
    live_and_seal(data, [5]);
    assert!(expire_at(data, 5).doubt.is_none());
    assert!(check(data).is_right());
    // In a cupboard for two years: the box notes where its clock is, and believes it three days later.
    let expired = expire_at(data, 735);
    // Those of the future were sealed before day 5, as the log knows.
    assert!(expired.doubt.is_some() && expired.waiting == 6, "{expired:?}");
    assert!(expire_at(data, 737).doubt.is_some());
    let expired = expire_at(data, 738);
    assert_eq!(expired.files.len(), 6, "{expired:?}");
    let report = check(data);
    assert!(report.is_right(), "{report}");
    assert_eq!(hosts(data).len(), 0, "the newest segment stays, and what is deleted is not read from it");
}

#[test]
fn a_clock_that_nobody_knows_deletes_nothing() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    live_and_seal(data, months());
    for (day, quality) in [(400, ClockQuality::Unsynchronised), (-20_000, ClockQuality::Unset)] {
        let now = Instant { at: noon(day), quality };
        let expired = expire(data, &manner(None), now, None).unwrap();
        assert!(expired.doubt.is_some() && expired.files.is_empty(), "{expired:?}");
    }
    // Somebody vouches for it.
    let now = Instant { at: noon(366), quality: ClockQuality::Unsynchronised };
    let vouched = Vouched { name: "M. Durand".parse().unwrap(), is_far_meant: false };
    assert_eq!(expire(data, &manner(None), now, Some(&vouched)).unwrap().files, [file(1)]);
    let report = check(data);
    assert!(report.is_right() && report.to_string().contains("M. Durand vouched"), "{report}");
}

#[test]
fn what_was_deleted_by_a_clock_that_was_ahead_is_found() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    live_and_seal(data, [0, 3, 4]);
    let now = Instant { at: noon(500), quality: ClockQuality::Unsynchronised };
    let slip = Vouched { name: "quelqu’un".parse().unwrap(), is_far_meant: false };
    let expired = expire(data, &manner(None), now, Some(&slip)).unwrap();
    assert!(matches!(expired.doubt, Some(archive::Doubt::Far { days: 496 })) && expired.files.is_empty());
    let vouched = Vouched { is_far_meant: true, ..slip };
    assert_eq!(expire(data, &manner(None), now, Some(&vouched)).unwrap().files.len(), 3);
    live_and_seal(data, [5]);
    live_and_seal(data, [9]);
    let report = check(data);
    assert!(report.to_string().contains("it was deleted before its time"), "{report}");
}

#[test]
fn what_is_held_stays_until_it_is_lifted() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    live_and_seal(data, months());
    // A window over the second file only, and a device of which nobody knows where it is.
    let window = Hold { from: Some(noon(2)), to: Some(noon(4)), ..hold("Tribunal") };
    let first = add_hold(data, instant(noon(360)), window, PATIENCE).unwrap();
    let device = Hold { to: Some(noon(1)), device: Some("CM2-04".parse().unwrap()), ..hold("La direction") };
    let second = add_hold(data, instant(noon(363)), device, PATIENCE).unwrap();
    assert_eq!((first, second), (15, 16));
    let expired = expire_at(data, 370);
    assert_eq!((expired.files.len(), expired.held), (0, 2));
    assert!(check(data).remarks.iter().any(|remark| matches!(remark, Remark::Held { entry: 15, .. })));
    let lift =
        |hold| Lift { hold, author: "La direction".parse().unwrap(), reason: "classé".parse().unwrap() };
    lift_hold(data, instant(noon(371)), lift(second), PATIENCE).unwrap();
    assert!(matches!(lift_hold(data, instant(noon(371)), lift(second), PATIENCE), Err(HoldError::None(16))));
    assert_eq!(expire_at(data, 371).files, [file(1)]);
    assert_eq!(promptness(data), [Promptness::Held]);
    lift_hold(data, instant(noon(372)), lift(first), PATIENCE).unwrap();
    assert_eq!(expire_at(data, 373).files, [file(2)]);
    let report = check(data);
    assert!(report.is_right() && report.deleted == (0, 2), "{report}");
    let backwards = Hold { from: Some(noon(4)), to: Some(noon(4)), ..hold("Tribunal") };
    assert!(matches!(add_hold(data, instant(noon(373)), backwards, PATIENCE), Err(HoldError::Window)));
}

#[test]
fn a_hold_waits_for_a_box_that_seals() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().to_owned();
    live_and_seal(&path, [0]);
    let lock = Folder::new(&path).lock().unwrap();
    let (says, hears) = std::sync::mpsc::channel();
    let adds = std::thread::spawn(move || {
        says.send(()).unwrap();
        add_hold(&path, instant(noon(1)), hold("Tribunal"), PATIENCE)
    });
    hears.recv().unwrap();
    drop(lock);
    assert_eq!(adds.join().unwrap().unwrap(), 2);
}

#[test]
fn who_has_no_patience_is_told_at_once_that_the_box_seals() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    live_and_seal(data, [0]);
    let add = || add_hold(data, instant(noon(1)), hold("Tribunal"), std::time::Duration::ZERO);
    let lock = Folder::new(data).lock().unwrap();
    let since = crate::clock::monotonic();
    assert!(matches!(add(), Err(HoldError::Sealing(SealingError::Busy))));
    let lift = Lift { hold: 2, author: "essai".parse().unwrap(), reason: "essai".parse().unwrap() };
    let lifted = lift_hold(data, instant(noon(1)), lift, std::time::Duration::ZERO);
    assert!(matches!(lifted, Err(HoldError::Sealing(SealingError::Busy))));
    assert!(crate::clock::monotonic().saturating_duration_since(since) < PATIENCE / 2);
    drop(lock);
    assert_eq!(add().unwrap(), 2);
}

#[test]
fn a_power_cut_in_the_middle_is_made_up_for() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    live_and_seal(data, months());
    let kept = fs::read(data.join("sealed").join(file(1))).unwrap();
    expire_at(data, 365);
    fs::write(data.join("sealed").join(file(1)), kept).unwrap();
    let report = check(data);
    assert!(
        report.is_right() && report.remarks.iter().any(|it| matches!(it, Remark::Kept { seal: 1, .. })),
        "{report}"
    );
    let lost = Instant { at: Timestamp::from_unix_ms(5_000), quality: ClockQuality::Unset };
    expire(data, &manner(None), lost, None).unwrap();
    assert!(!data.join("sealed").join(file(1)).exists(), "whatever the clock shows");
}

#[test]
fn a_file_of_terabytes_of_nothing_keeps_nobody() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    live_and_seal(data, months());
    let path = |name: &str| data.join("sealed").join(name);
    // Also one that a killed process seems to have left.
    let left = format!(".{}.part", file(14));
    for name in [&file(1), &left] {
        let mut options = fs::OpenOptions::new();
        let long = options.write(true).create(true).truncate(false).open(path(name)).unwrap();
        long.set_len(1 << 40).unwrap();
    }
    let report = check(data);
    assert!(report.to_string().contains("seal-00000000000000000001.parquet cannot be read"), "{report}");
    let expired = expire_at(data, 365);
    assert_eq!((expired.files, expired.stuck.len()), (vec![file(1)], 0));
    let log = Folder::new(data).read_log().unwrap();
    assert_eq!(log.expiries()[&(1, Field::Access)].1.found, State::Unreadable);
    assert!(!path(&file(1)).exists() && !path(&left).exists());
}

#[test]
fn segments_that_were_never_sealed_go_too() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    live_and_seal(data, [0, 3]);
    // From here on, nothing can be sealed: nobody says to whom.
    let readers = manner(Some(vec![archive::Identity::generate().reader()]));
    live(data, 4);
    seal(data, &readers, instant(noon(4))).unwrap();
    let sick = manner(None);
    for month in 1..=12 {
        live(data, month * 30);
        assert!(matches!(seal(data, &sick, instant(noon(month * 30))), Err(SealingError::Readers)));
        // The clock is known meanwhile: somebody looks at the box now and then.
        if month > 1 {
            let number = add_hold(data, instant(noon(month * 30)), hold("essai"), PATIENCE).unwrap();
            let lift =
                Lift { hold: number, author: "essai".parse().unwrap(), reason: "essai".parse().unwrap() };
            lift_hold(data, instant(noon(month * 30)), lift, PATIENCE).unwrap();
        } else {
            expire_at(data, 30);
        }
    }
    let before = segments(data);
    assert!(expire_at(data, 393).doubt.is_some(), "months apart, a clock does not go on");
    let expired = expire_at(data, 396);
    assert_eq!((expired.files.len(), expired.segments.len()), (3, 1), "{expired:?}");
    assert_eq!(segments(data), before - 1);
    let report = check(data);
    assert!(report.is_right(), "{report}");
    assert!(
        report.to_string().contains("was never sealed and was deleted when its time was over"),
        "{report}"
    );
    assert_eq!(seal(data, &readers, instant(noon(397))).unwrap().sealed[0].sequences.0, 12);
    assert!(check(data).is_right());
}

#[test]
fn another_number_is_stated_before_anything_goes_by_it() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    live_and_seal(data, [0, 3, 30, 60]);
    let retention = Retention::new(|_| Some(30)).unwrap();
    let policy = Policy { retention, signed: Some("La DPO".parse().unwrap()) };
    let shorter = Manner { policy: Some(policy.clone()), ..manner(None) };
    let expire_shorter = |day| expire(data, &shorter, instant(noon(day)), None).unwrap().files;
    assert!(expire_shorter(60).is_empty() && expire_shorter(66).is_empty(), "a week to see it");
    assert_eq!(expire_shorter(67), [file(1), file(2), file(3)]);
    let report = check(data);
    assert!(report.is_right() && report.to_string().contains("as La DPO signed"), "{report}");
    assert_eq!(promptness(data), [Promptness::Late, Promptness::Off, Promptness::Late]);
    assert!(expire_at(data, 67).files.is_empty(), "without a configuration it stays so");
    // Another who signs for the same is told, too.
    let policy = Policy { signed: Some("M. le maire".parse().unwrap()), ..policy };
    expire(data, &Manner { policy: Some(policy), ..manner(None) }, instant(noon(68)), None).unwrap();
    assert!(check(data).to_string().contains("as M. le maire signed"), "{}", check(data));
}

#[test]
fn a_kind_of_field_goes_at_its_own_time() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let retention = Retention::new(|field| match field {
        Field::Who => Some(30),
        Field::Traffic => Some(60),
        Field::Access | Field::Destination | Field::Acts => None,
    });
    let policy = Policy { retention: retention.unwrap(), signed: Some("La DPO".parse().unwrap()) };
    let head = archive::Identity::generate();
    let shorter = Manner { policy: Some(policy), ..manner(Some(vec![head.reader()])) };
    for day in [0, 3, 27] {
        live(data, day);
        seal(data, &shorter, instant(noon(day))).unwrap();
    }
    let log = Folder::new(data).read_log().unwrap();
    let first = log.seals().next().unwrap();
    let names: Vec<_> = first.files().map(|(_, _, name)| name).collect();
    let number = "seal-00000000000000000003";
    // What nobody has, as here bytes each way, has no file.
    assert_eq!(names, [format!("{number}.parquet.age"), format!("{number}.who.parquet.age")]);
    let read = |data: &Path| {
        let folder = Folder::new(data);
        let tables = folder.tables(&folder.read_log().unwrap(), std::slice::from_ref(&head));
        let table = tables.read(first).unwrap().unwrap();
        let mut devices = Vec::new();
        let flow = Table::open(table).unwrap().search(&archive::Filter::default(), |one| {
            let archive::Sealed::Hit(hit) = one else { panic!("{one:?}") };
            let journal::Hit::Access(found) = *hit else { panic!("{hit:?}") };
            devices.push((found.host.unwrap().to_string(), found.device, found.profile.to_string()));
            std::ops::ControlFlow::Continue(())
        });
        assert!(flow.unwrap().is_continue());
        devices
    };
    let whole = |who: &str, profile: &str| {
        let row = |number: u8| (format!("h{number}.d0.fr"), who.to_owned(), profile.to_owned());
        (0..3).map(row).collect::<Vec<_>>()
    };
    assert_eq!(read(data), whole("inconnu-127.0.0.1", "inconnu"));
    assert!(check(data).is_right());
    let look = || look_into(data, std::slice::from_ref(&head));
    assert_eq!(look(), (vec![], 6, 0), "each part is looked into");
    let expired = expire(data, &shorter, instant(noon(30)), None).unwrap();
    assert_eq!(expired.files, [format!("{number}.who.parquet.age")]);
    assert_eq!(read(data), whole("deleted", "deleted"), "the record stays, without whose it was");
    let report = check(data);
    assert!(report.is_right() && report.deleted == (1, 0), "{report}");
    assert_eq!(look(), (vec![], 5, 0), "and what is left of them");
    fs::remove_file(data.join("sealed/seal-00000000000000000004.who.parquet.age")).unwrap();
    assert!(check(data).to_string().contains("seal 4: seal-00000000000000000004.who.parquet.age is missing"));
}

/// Makes a segment one that the disk does not give back: every read of it fails.
fn break_segment(data: &Path, number: u64) {
    let path = Directory::new(data).path(SegmentId::new(number));
    fs::remove_file(&path).unwrap();
    // Nothing is mapped at its beginning.
    std::os::unix::fs::symlink("/proc/self/mem", &path).unwrap();
    assert!(inspect(&Directory::new(data), SegmentId::new(number)).is_err());
}

#[test]
fn a_segment_that_cannot_be_read_keeps_no_other() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    live_and_seal(data, [0, 3]);
    live(data, 4);
    live(data, 5);
    break_segment(data, 3);
    let list = || Directory::new(data).list().unwrap().into_iter().map(SegmentId::number).collect::<Vec<_>>();
    assert_eq!(list(), [2, 3, 4]);
    assert!(matches!(seal_at(data, noon(6)), Err(SealingError::Segment(_))), "the disk gets its time");
    assert_eq!(list(), [3, 4], "what was sealed before is gone");
    live(data, 12);
    live(data, 13);
    seal_at(data, noon(13)).unwrap();
    assert_eq!(list(), [3, 6], "what the disk may give back stays");
    let left = fs::read_dir(data.join("journal")).unwrap().count();
    assert_eq!(left, 4, "with their keys; nothing is half erased");
    assert_eq!(hosts(data).len(), 15);
}

#[test]
fn a_segment_that_cannot_be_read_does_not_keep_what_is_due() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    live_and_seal(data, [0, 3]);
    let readers = manner(Some(vec![archive::Identity::generate().reader()]));
    live(data, 4);
    seal(data, &readers, instant(noon(4))).unwrap();
    // From here on nothing can be sealed.
    for month in 1..=13 {
        live(data, month * 30);
        expire_at(data, month * 30);
        expire_at(data, month * 30 + 3);
    }
    break_segment(data, 4);
    let expired = expire_at(data, 396);
    assert_eq!((expired.files.len(), expired.segments), (0, vec![]), "files went on their day");
    live(data, 420);
    assert_eq!(expire_at(data, 425).segments, [4, 5], "with what came after it");
    assert!(check(data).is_right(), "{}", check(data));
}

#[test]
fn another_segment_with_the_number_of_a_deleted_one_stays() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    live_and_seal(data, [0, 3]);
    let directory = Directory::new(data);
    let id = directory.list().unwrap()[0];
    let unsealed = |bytes: u64, hash: Hash| {
        let term = Term { days: 365, due: noon(0), promptness: Promptness::OnTime, vouched: None };
        Unsealed { segment: id.number(), after: 0, through: 0, bytes, hash, term }
    };
    erase_segment(&directory, &unsealed(5, Hash::of(b"other"))).unwrap();
    assert!(directory.path(id).exists());
    let (bytes, hash) = measure_segment(&directory, id);
    erase_segment(&directory, &unsealed(bytes, hash)).unwrap();
    assert!(!directory.path(id).exists());
}

/// Deletes on a disk that has no room left.
#[test]
fn child_expires_on_a_full_disk() {
    #[expect(clippy::disallowed_methods, reason = "a child is told by its environment what to do")]
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    let data = Path::new(&folder);
    live_and_seal(data, months());
    crate::space::Reserve::new(data).take(1 << 20).unwrap();
    let mut ballast = fs::File::create(data.join("ballast")).unwrap();
    while io::Write::write_all(&mut ballast, &[1; 512]).is_ok() {}
    assert_eq!(expire_at(data, 365).files, [file(1)]);
    assert!(check(data).is_right());
    println!("deleted in the reserve");
}

/// The same on a small disk, where no room is kept for the journal, and a hold for a judge first.
#[test]
fn child_holds_and_expires_on_a_small_full_disk() {
    #[expect(clippy::disallowed_methods, reason = "a child is told by its environment what to do")]
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    let data = Path::new(&folder);
    live_and_seal(data, months());
    assert_eq!(crate::space::Reserve::new(data).bytes().unwrap(), 0);
    let mut ballast = fs::File::create(data.join("ballast")).unwrap();
    while io::Write::write_all(&mut ballast, &[1; 512]).is_ok() {}
    let hold = Hold { from: Some(noon(60)), to: Some(noon(62)), ..hold("Le juge") };
    add_hold(data, instant(noon(365)), hold, std::time::Duration::ZERO).unwrap();
    assert_eq!(expire_at(data, 365).files, [file(1)]);
    assert!(check(data).is_right(), "{}", check(data));
    println!("held and deleted in the log's own room");
}

#[test]
fn a_small_full_disk_takes_holds_and_deletions() {
    let said = run_test_on("24m", "sealing::expiry_on_disk::child_holds_and_expires_on_a_small_full_disk");
    assert!(said.contains("held and deleted in the log's own room"), "{said}");
}

#[test]
fn a_full_disk_keeps_nothing_beyond_its_time() {
    let said = run_test_on("24m", "sealing::expiry_on_disk::child_expires_on_a_full_disk");
    assert!(said.contains("deleted in the reserve"), "{said}");
}
