//! Sealing on real files: as the box does it, killed in the middle, and on a disk that is full.
//!
//! The children are this test binary again, told by the environment what to do.

#![expect(
    clippy::disallowed_methods,
    reason = "children are started, and told by their environment what to do"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use archive::{FoundAnywhere, Identity, Report, Trust, Vault, scrutinise, verify};
use journal::{Hit, Journal, Query, Sequence, Writer};
use model::AccessKind;

use super::*;
use crate::asked::Asked;
use crate::full_disk::{FOLDER_VARIABLE, run_test_on};

pub(super) const DAY_MS: i64 = 86_400_000;
/// 2026-11-23 00:00:00 UTC.
const START_MS: i64 = 1_795_392_000_000;

/// How often a box is killed while it seals, ...
const KILLS_VARIABLE: &str = "PREAU_TEST_KILLS";
/// ... where nobody says so.
const KILLS: u32 = 40;
/// After so many a new data folder is begun: all that is in one is verified after each kill.
const KILLS_A_FOLDER: u32 = 25;
/// By what the moments of the kills are drawn; else by the time.
const SEED_VARIABLE: &str = "PREAU_TEST_SEED";
/// A kill comes so much later than a durable record at most. A day takes some milliseconds: it may be any moment of one.
const DELAY_US_MAX: u64 = 31_000;
/// To whom children seal.
pub(super) const READER_VARIABLE: &str = "PREAU_TEST_READER";

fn ask(journal: &Journal, at: Timestamp, name: &str) -> Sequence {
    ask_at(journal, instant(at), name)
}

pub(super) fn ask_at(journal: &Journal, now: Instant, name: &str) -> Sequence {
    let asked = Asked::new(AccessKind::Dns, name);
    journal.record(now.at, now.quality, asked).unwrap().sequence()
}

pub(super) fn noon(day: i64) -> Timestamp {
    Timestamp::from_unix_ms(START_MS + day * DAY_MS + DAY_MS / 2)
}

pub(super) fn instant(at: Timestamp) -> Instant {
    Instant { at, quality: ClockQuality::Synchronised }
}

pub(super) fn seal_at(data: &Path, at: Timestamp) -> Result<Done, SealingError> {
    seal(data, &manner(Some(vec![])), instant(at))
}

pub(super) fn manner(readers: Option<Vec<ReaderKey>>) -> Manner {
    Manner { time_zone: TimeZone::UTC, readers, policy: None }
}

pub(super) fn open(data: &Path, now: Timestamp) -> (Journal, Writer<Directory>) {
    let (journal, mut writer) = journal::open(Directory::new(data));
    writer.commit(now).unwrap();
    (journal, writer)
}

/// A day of a box: three accesses, and midnight.
pub(super) fn live(data: &Path, day: i64) {
    let (journal, mut writer) = open(data, noon(day));
    for number in 0..3 {
        ask(&journal, noon(day), &format!("h{number}.d{day}.fr"));
    }
    writer.commit(noon(day)).unwrap();
    writer.finish(noon(day)).unwrap();
}

pub(super) fn hosts(data: &Path) -> BTreeMap<u64, String> {
    hosts_with(data, &[]).0
}

/// What these keys can read, and how many sealed files they cannot.
pub(super) fn hosts_with(data: &Path, identities: &[Identity]) -> (BTreeMap<u64, String>, usize) {
    let (folder, directory) = (Folder::new(data), Directory::new(data));
    let mut hosts = BTreeMap::new();
    let log = folder.read_log().unwrap();
    let tables = folder.tables(&log, identities);
    let read = |seal: &Seal| tables.open(seal).map_err(Into::into);
    let searched = archive::search(&log, read, &directory, &Query::default(), |found| {
        match found {
            FoundAnywhere::Hit(hit) => {
                if let Hit::Access(found) = *hit {
                    let number = found.sequence.number();
                    assert!(
                        hosts.insert(number, found.host.unwrap().to_string()).is_none(),
                        "{number} twice"
                    );
                }
            }
            other @ (FoundAnywhere::Other(_) | FoundAnywhere::Unreadable { .. }) => panic!("{other:?}"),
        }
        ControlFlow::Continue(())
    });
    (hosts, searched.unwrap().seals_locked)
}

#[test]
fn only_readers_read_what_is_sealed_to_them() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let (head, recovery) = (Identity::generate(), Identity::generate());
    let readers = manner(Some(vec![head.reader(), recovery.reader()]));
    for day in 0..2 {
        live(data, day);
        seal(data, &readers, instant(noon(day))).unwrap();
    }
    let (found, locked) = hosts_with(data, &[]);
    assert_eq!(
        (found.keys().copied().collect::<Vec<_>>(), locked),
        (vec![4, 5, 6], 1),
        "today without a key"
    );
    assert_eq!(look_into(data, &[]), (vec![], 0, 2));
    assert_eq!(look_into(data, &[Identity::generate()]), (vec![], 0, 2));
    for identity in [head, recovery] {
        assert_eq!(look_into(data, std::slice::from_ref(&identity)), (vec![], 2, 0));
        let (found, locked) = hosts_with(data, &[identity]);
        assert_eq!((found.len(), locked), (6, 0));
    }
    let report = check(data);
    assert!(report.is_right(), "nobody needs a key to verify: {report}");
    for entry in fs::read_dir(data.join("sealed")).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(6).any(|part| part == b"h0.d0."), "nothing of it is plain");
    }
    live(data, 2);
    assert!(matches!(seal(data, &manner(None), instant(noon(2))), Err(SealingError::Readers)));
    assert_eq!(seal(data, &readers, instant(noon(2))).unwrap().sealed.len(), 1);
}

#[test]
fn what_lies_in_the_way_keeps_nothing_else() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    live(data, 0);
    seal_at(data, noon(0)).unwrap();
    let sealed = data.join("sealed");
    fs::create_dir(sealed.join(".seal-x.part")).unwrap();
    fs::write(sealed.join(std::ffi::OsStr::from_bytes(b".\xff.part")), "").unwrap();
    fs::write(sealed.join(".seal-y.part"), "plain").unwrap();
    let mut left = fs::File::open(sealed.join(".seal-y.part")).unwrap();
    live(data, 1);
    assert_eq!(seal_at(data, noon(1)).unwrap().sealed.len(), 1);
    let mut rest = String::new();
    io::Read::read_to_string(&mut left, &mut rest).unwrap();
    assert_eq!((rest.as_str(), sealed.join(".seal-y.part").exists()), ("\0\0\0\0\0", false), "erased");
    // Whatever a copy has under a name: it is told, in one line, and nobody waits for it.
    let file = sealed.join(archive::file_name(1, Form::Plain));
    fs::remove_file(&file).unwrap();
    nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::write(sealed.join("a\nverified: nothing"), "").unwrap();
    let report = check(data);
    assert!(report.to_string().contains("it is no file"), "{report}");
    assert!(report.to_string().contains("a\\nverified: nothing was never sealed"), "{report}");
}

/// Where this runs as root, as a technician may.
#[test]
fn the_folder_of_another_user_stays_his() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let (user, group) = (Some(nix::unistd::getuid().as_raw()), Some(nix::unistd::getgid().as_raw()));
    let other = if user == Some(0) { (Some(65_534), Some(65_534)) } else { (user, group) };
    live(data, 0);
    for path in [data.to_owned(), data.join("journal")] {
        std::os::unix::fs::chown(path, other.0, other.1).unwrap();
    }
    seal_at(data, noon(0)).unwrap();
    live(data, 1);
    seal_at(data, noon(1)).unwrap();
    let owner = |path: &Path| fs::metadata(path).map(|it| (Some(it.uid()), Some(it.gid()))).unwrap();
    let files = fs::read_dir(data.join("sealed")).unwrap().map(|entry| entry.unwrap().path());
    for path in files.chain([data.join("sealed"), key_path(data)]) {
        assert_eq!(owner(&path), other, "{}", path.display());
    }
}

#[test]
fn whoever_files_are_sealed_to_is_told() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let (head, other) = (Identity::generate().reader(), Identity::generate().reader());
    let nights = [vec![], vec![head.clone()], vec![head.clone(), other.clone()], vec![head.clone()], vec![]];
    for (day, readers) in (0..).zip(nights) {
        live(data, day);
        for _ in 0..2 {
            seal(data, &manner(Some(readers.clone())), instant(noon(day))).unwrap();
        }
    }
    let report = check(data);
    assert!(report.is_right(), "{report}");
    let said = report.to_string();
    let told: Vec<&str> = said
        .lines()
        .filter_map(|line| line.split_once("from here on days are sealed "))
        .map(|it| it.1)
        .collect();
    let (alone, both) = (format!("to {head}"), format!("to {head} {other}"));
    assert_eq!(told, [alone.as_str(), &both, &alone, "to nobody, in clear"]);
}

#[test]
fn the_key_of_another_box_seals_nothing_and_shows_itself_to_nobody() {
    let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for data in [data.path(), other.path()] {
        live(data, 0);
        seal_at(data, noon(0)).unwrap();
    }
    fs::copy(key_path(other.path()), key_path(data.path())).unwrap();
    live(data.path(), 1);
    assert!(matches!(seal_at(data.path(), noon(1)), Err(SealingError::OtherKey)));
    assert!(check(data.path()).is_right(), "{}", check(data.path()));
}

pub(super) fn check(data: &Path) -> Report {
    let folder = Folder::new(data);
    let signer = folder.read_key().unwrap().unwrap();
    verify(&folder, &Directory::new(data), &Trust { signer, witnessed: None })
}

/// What a reader's keys find wrong in sealed files, and how many were opened and were not.
pub(super) fn look_into(data: &Path, identities: &[Identity]) -> (Vec<String>, u64, u64) {
    let folder = Folder::new(data);
    let log = folder.read_log().unwrap();
    let tables = folder.tables(&log, identities);
    let looked = scrutinise(&log, |seal, field| tables.open_file(seal, field), |_| {});
    (looked.findings.iter().map(ToString::to_string).collect(), looked.files, looked.locked)
}

pub(super) fn segments(data: &Path) -> usize {
    Directory::new(data).list().unwrap().len()
}

#[test]
fn days_are_sealed_and_stay_searchable() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    for day in 0..3 {
        live(data, day);
        let done = seal_at(data, noon(day)).unwrap();
        assert_eq!((done.sealed.len(), done.sealed[0].records), (1, 3), "at once: the box has stopped");
        assert_eq!(seal_at(data, noon(day)).unwrap().sealed, [], "once");
        let report = check(data);
        assert!(report.is_right(), "{report}");
    }
    assert_eq!(segments(data), 1, "that of today");
    let found = hosts(data);
    assert_eq!(found.len(), 9);
    assert_eq!((found[&1].as_str(), found[&9].as_str()), ("h0.d0.fr", "h2.d2.fr"));
    let files = Vault::files(&Folder::new(data)).unwrap();
    assert_eq!(files, (1..=3).map(|number| archive::file_name(number, Form::Plain)).collect::<Vec<_>>());
    // The last segment stays without a box, too: it tells the next start what was open.
    seal_at(data, noon(30)).unwrap();
    assert_eq!(segments(data), 1);
    live(data, 30);
    seal_at(data, noon(30)).unwrap();
    assert_eq!((segments(data), hosts(data).len()), (1, 12));
}

#[test]
fn a_box_that_runs_keeps_what_it_writes() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let (journal, mut writer) = open(data, noon(0));
    ask(&journal, noon(0), "a.fr");
    writer.commit(noon(0)).unwrap();
    assert_eq!(seal_at(data, noon(0)).unwrap().sealed, [], "nothing is finished");
    writer.commit(noon(1)).unwrap();
    ask(&journal, noon(1), "b.fr");
    writer.commit(noon(1)).unwrap();
    let done = seal_at(data, noon(1)).unwrap();
    assert_eq!((done.sealed.len(), done.sealed[0].day.as_str(), done.removed.len()), (1, "2026-11-23", 1));
    ask(&journal, noon(1), "c.fr");
    writer.finish(noon(1)).unwrap();
    assert_eq!(hosts(data).into_values().collect::<Vec<_>>(), ["a.fr", "b.fr", "c.fr"]);
    let report = check(data);
    assert!(report.is_right(), "{report}");
}

/// Somebody may have a copy of it.
#[test]
fn a_sealed_segment_without_its_key_stays_for_a_year() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    live(data, 0);
    live(data, 1);
    assert_eq!(seal_at(data, noon(0)).unwrap().sealed.len(), 2);
    let first = Directory::new(data).path(SegmentId::FIRST);
    let key = first.with_extension("key");
    let copy = fs::read(&key).unwrap();
    fs::write(&key, "damaged").unwrap();
    for day in [1, 2, 365] {
        assert_eq!(seal_at(data, noon(day)).unwrap().removed, [], "day {day}");
        let report = check(data);
        assert!(report.is_right() && report.to_string().contains("segment 1 cannot be read"), "{report}");
    }
    // It is put back: all is read again, and is what was sealed.
    fs::write(&key, copy).unwrap();
    assert_eq!(seal_at(data, noon(366)).unwrap().removed, [SegmentId::FIRST]);
    assert!(!first.exists() && !key.exists());
    assert_eq!(hosts(data).len(), 6);
}

#[test]
fn numbers_go_on_though_somebody_takes_the_segments_away() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    live(data, 0);
    seal_at(data, noon(0)).unwrap();
    fs::remove_dir_all(data.join("journal")).unwrap();
    live(data, 0);
    assert_eq!(hosts(data).keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(seal_at(data, noon(0)).unwrap().sealed[0].sequences, (3, 6));
    let report = check(data);
    assert!(report.is_right(), "{report}");
}

#[test]
fn nothing_is_sealed_over_what_somebody_did() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    for day in 0..2 {
        live(data, day);
        seal_at(data, noon(day)).unwrap();
    }
    live(data, 2);
    let log = fs::read_to_string(data.join("sealed/log")).unwrap();
    let second = log.match_indices("PREAU SEAL 1").nth(1).unwrap().0;
    let refused = |what: &str, expected: &str| {
        let error = seal_at(data, noon(2)).unwrap_err().to_string();
        assert!(error.contains(expected), "{what}: {error}");
    };
    fs::write(data.join("sealed/log"), &log[..second]).unwrap();
    refused("a log that was cut", "is shorter than its checkpoint");
    fs::write(data.join("sealed/log"), &log[..second + 40]).unwrap();
    refused("a log that was cut in the middle", "is damaged");
    fs::write(data.join("sealed/log"), &log).unwrap();
    let key = fs::read(key_path(data)).unwrap();
    fs::remove_file(key_path(data)).unwrap();
    refused("a key that is gone", "is gone: put a copy of it back");
    fs::write(key_path(data), SigningKey::of_box([1; 32]).unwrap().write()).unwrap();
    refused("another key", "not signed by the box's key");
    fs::write(key_path(data), "PREAU SEAL KEY 1\n").unwrap();
    refused("a damaged key", "is damaged");
    fs::write(key_path(data), key).unwrap();
    assert_eq!(seal_at(data, noon(2)).unwrap().sealed.len(), 1);
}

#[test]
fn two_do_not_seal_at_once() {
    let data = tempfile::tempdir().unwrap();
    let _lock = Folder::new(data.path()).lock().unwrap();
    assert!(matches!(seal_at(data.path(), noon(0)), Err(SealingError::Busy)));
}

#[test]
fn a_box_without_the_time_removes_nothing() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    live(data, 0);
    live(data, 1);
    let lost = Instant { at: Timestamp::from_unix_ms(5_000), quality: ClockQuality::Unset };
    let done = seal(data, &manner(None), lost).unwrap();
    assert_eq!((done.sealed.len(), done.removed.len()), (2, 0));
    assert_eq!(seal_at(data, noon(1)).unwrap().removed.len(), 1);
    assert!(check(data).is_right());
}

#[test]
fn days_are_the_schools() {
    let day_in = |zone: &str, at: &str| {
        let at = at.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        day(Timestamp::from_unix_ms(at), &TimeZone::get(zone).unwrap())
    };
    assert_eq!(day_in("Europe/Paris", "2026-11-23T22:59:59Z"), "2026-11-23");
    assert_eq!(day_in("Europe/Paris", "2026-11-23T23:00:00Z"), "2026-11-24");
    assert_eq!(day_in("Indian/Reunion", "2026-11-23T20:00:00Z"), "2026-11-24");
    assert_eq!(day(Timestamp::from_unix_ms(i64::MAX), &TimeZone::UTC), NO_DAY);
}

/// How children seal: to the reader that they are told.
pub(super) fn manner_of_child() -> Manner {
    let reader = std::env::var(READER_VARIABLE).unwrap();
    manner(Some(vec![reader.parse().unwrap()]))
}

/// Records and seals a day after the other, as fast as it can, and says what is durable, until it is killed.
#[test]
fn child_seals() {
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    let (data, manner) = (Path::new(&folder), manner_of_child());
    let mut output = io::stdout();
    let first = i64::try_from(Folder::new(data).read_log().unwrap().entries().len()).unwrap();
    let (journal, mut writer) = open(data, noon(first));
    for day in first.. {
        writer.commit(noon(day)).unwrap();
        let name = format!("d{day}.p{}.fr", std::process::id());
        let sequence = ask(&journal, noon(day), &name);
        writer.commit(noon(day)).unwrap();
        writeln!(output, "durable {sequence} {name}").unwrap();
        seal(data, &manner, instant(noon(day))).unwrap();
    }
}

/// Killed at moments all over a day, and each time found whole: nothing that was durable is lost, and all verifies.
#[test]
fn a_kill_at_any_moment_loses_nothing_and_verifies() {
    // As many as somebody has the time for: 500 take some minutes.
    let mut left = std::env::var(KILLS_VARIABLE).map_or(KILLS, |kills| kills.parse().unwrap());
    let by_time = || u64::try_from(crate::clock::now().unix_ms()).unwrap();
    let seed = std::env::var(SEED_VARIABLE).map_or_else(|_| by_time(), |seed| seed.parse().unwrap());
    println!("{SEED_VARIABLE}={seed}");
    let mut random = Random(seed);
    while left > 0 {
        let kills = left.min(KILLS_A_FOLDER);
        kill_in_a_folder(kills, &mut random);
        left -= kills;
    }
}

fn kill_in_a_folder(kills: u32, random: &mut Random) {
    let (data, identity) = (tempfile::tempdir().unwrap(), Identity::generate());
    let mut promised = BTreeMap::new();
    for kill in 0..kills {
        let delay_us = random.below(DELAY_US_MAX);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sealing::on_disk::child_seals", "--nocapture"])
            .env(FOLDER_VARIABLE, data.path())
            .env(READER_VARIABLE, identity.reader().to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let durable = lines.map_while(Result::ok).filter_map(|line| {
            let (number, name) = line.strip_prefix("durable ")?.split_once(' ')?;
            Some((number.parse::<u64>().ok()?, name.to_owned()))
        });
        for (count, (number, name)) in durable.enumerate() {
            assert_eq!(promised.insert(number, name), None::<String>, "number {number} was given twice");
            if count == 2 {
                busy_wait(delay_us);
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let report = check(data.path());
        assert!(report.is_right(), "kill {kill}, {delay_us} us later: {report}");
    }
    let (found, locked) = hosts_with(data.path(), std::slice::from_ref(&identity));
    assert_eq!(locked, 0);
    for (number, name) in &promised {
        assert_eq!(found.get(number), Some(name));
    }
    assert_eq!(look_into(data.path(), &[identity]).0, Vec::<String>::new());
    let entries = Folder::new(data.path()).read_log().unwrap().entries().len();
    assert!(entries > 2 * usize::try_from(kills).unwrap(), "{entries}");
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same seed, the same numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

fn busy_wait(microseconds: u64) {
    let start = crate::clock::monotonic();
    while start.elapsed().as_micros() < u128::from(microseconds) {
        std::hint::spin_loop();
    }
}

/// Seals on a disk that has no room, and again when there is some.
#[test]
fn child_fills_the_disk() {
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    let data = Path::new(&folder);
    live(data, 0);
    let ballast = data.join("ballast");
    fs::write(&ballast, vec![1; 10 << 20]).unwrap();
    assert!(matches!(seal_at(data, noon(1)), Err(SealingError::Full)));
    assert_eq!((segments(data), hosts(data).len()), (1, 3));
    fs::remove_file(&ballast).unwrap();
    assert_eq!(seal_at(data, noon(1)).unwrap().sealed.len(), 1);
    assert!(check(data).is_right());
    println!("sealed at last");
}

#[test]
fn a_full_disk_keeps_the_segments() {
    let said = run_test_on("24m", "sealing::on_disk::child_fills_the_disk");
    assert!(said.contains("sealed at last"), "{said}");
}
