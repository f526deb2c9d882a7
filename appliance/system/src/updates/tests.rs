//! Updates from a mirror to the list in force.

use std::io::Write;
use std::path::Path;

use super::*;
use crate::lists::adopt_index;
use crate::mirror::server::{Fault, HASTY, Server};

const ETAGS: [&str; 4] = ["\"0\"", "\"1\"", "\"2\"", "\"3\""];

/// An archive as UT1 publishes it, with so many names in each category.
pub(super) fn archive(categories: &[(&str, usize)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (category, lines) in categories {
        let lines: String = (0..*lines).map(|n| format!("site-{n}.{category}.example\n")).collect();
        let mut header = tar::Header::new_gnu();
        header.set_size(lines.len() as u64);
        tar.append_data(&mut header, format!("blacklists/{category}/domains"), lines.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

pub(super) struct Bench {
    pub(super) server: Server,
    pub(super) source: Source,
    pub(super) places: Places,
    pub(super) folder: tempfile::TempDir,
}

impl Bench {
    pub(super) fn new(categories: &[&str]) -> Self {
        let mut bench = Self::in_folder(tempfile::tempdir().unwrap());
        bench.source.categories = categories.iter().map(|category| category.parse().unwrap()).collect();
        bench
    }

    pub(super) fn in_folder(folder: tempfile::TempDir) -> Self {
        let server = Server::start();
        let source = Source { mirror: server.url(), categories: vec![], authorities: vec![] };
        Self { server, source, places: Self::places_in(folder.path()), folder }
    }

    pub(super) fn places_in(folder: &Path) -> Places {
        let at = |name: &str| folder.join(name);
        Places { folder: at("lists"), list: at("lists.idx"), kept: at("kept"), held: at("held") }
    }

    pub(super) fn publish(&self, version: usize, categories: &[(&str, usize)]) {
        self.server.publish(WHOLE_ARCHIVE, &archive(categories), Some(ETAGS[version]));
    }

    pub(super) fn update(&self) -> Result<Outcome, UpdateError> {
        let now = Timestamp::from_unix_ms(1);
        update_within(HASTY, &self.source, &self.places, now, &mut |_| {})
    }

    fn state(&self) -> State {
        State::read(&self.places).unwrap()
    }

    /// Whether the list in force has this name.
    pub(super) fn lists(&self, name: &str) -> bool {
        open_index(&self.places.list).unwrap().find(&name.parse().unwrap()).is_some()
    }
}

#[test]
fn a_list_comes_and_comes_again_only_when_it_is_new() {
    let bench = Bench::new(&[]);
    bench.publish(0, &[("adult", 3)]);
    assert_eq!(bench.update().unwrap(), Outcome::Updated);
    assert!(bench.lists("site-2.adult.example") && !bench.lists("site-3.adult.example"));
    assert_eq!(bench.update().unwrap(), Outcome::Unchanged);
    bench.publish(1, &[("adult", 4)]);
    assert_eq!(bench.update().unwrap(), Outcome::Updated);
    assert!(bench.lists("site-3.adult.example"));
}

#[test]
fn a_list_that_was_lost_is_made_again_without_another_transfer() {
    let bench = Bench::new(&[]);
    bench.publish(0, &[("adult", 3)]);
    bench.update().unwrap();
    for spoil in ["", "rubbish"] {
        fs::write(&bench.places.list, spoil).unwrap();
        bench.server.take_requests();
        assert_eq!(bench.update().unwrap(), Outcome::Updated);
        assert!(bench.lists("site-2.adult.example"));
        assert!(bench.server.take_requests()[0].contains(ETAGS[0]));
    }
}

#[test]
fn categories_come_one_by_one() {
    let bench = Bench::new(&["games", "adult"]);
    bench.server.publish("adult.tar.gz", &archive(&[("adult", 2)]), Some("\"a\""));
    bench.server.publish("games.tar.gz", &archive(&[("games", 2)]), Some("\"g\""));
    assert_eq!(bench.update().unwrap(), Outcome::Updated);
    assert!(bench.lists("site-1.adult.example") && bench.lists("site-1.games.example"));
    // One that is no longer asked for is no loss, and leaves no archive behind.
    let source = Source { categories: vec!["games".parse().unwrap()], ..bench.source.clone() };
    let now = Timestamp::from_unix_ms(1);
    let outcome = update_within(HASTY, &source, &bench.places, now, &mut |_| {}).unwrap();
    assert_eq!(outcome, Outcome::Updated);
    assert!(!bench.lists("site-1.adult.example"));
    assert!(!bench.places.folder.join("adult.tar.gz").exists());
}

#[test]
fn a_list_that_lost_too_much_is_held_until_it_is_accepted() {
    let bench = Bench::new(&[]);
    bench.publish(0, &[("adult", 100), ("games", 50)]);
    bench.update().unwrap();
    bench.publish(1, &[("adult", 60), ("games", 50)]);
    for _ in 0..2 {
        assert_eq!(bench.update().unwrap(), Outcome::Held);
        let losses = bench.state().held.unwrap().losses();
        assert_eq!(
            losses.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["adult: 100 lines, 60 in the new list"]
        );
        assert!(bench.lists("site-99.adult.example"), "the old one stays in force");
    }
    accept(&bench.places, Timestamp::from_unix_ms(2)).unwrap();
    assert!(!bench.lists("site-99.adult.example") && bench.lists("site-59.adult.example"));
    assert_eq!((bench.state().outcome, bench.state().held), (Some(Outcome::Accepted), None));
    assert!(matches!(accept(&bench.places, Timestamp::from_unix_ms(2)), Err(AcceptError::Nothing)));
    assert_eq!(bench.update().unwrap(), Outcome::Unchanged);
}

#[test]
fn a_later_list_without_the_loss_replaces_the_held_one() {
    let bench = Bench::new(&[]);
    bench.publish(0, &[("adult", 100)]);
    bench.update().unwrap();
    bench.publish(1, &[("games", 100)]);
    assert_eq!(bench.update().unwrap(), Outcome::Held);
    bench.publish(2, &[("adult", 110)]);
    assert_eq!(bench.update().unwrap(), Outcome::Updated);
    assert_eq!(bench.state().held, None);
    assert!(!bench.places.held.exists() && bench.lists("site-109.adult.example"));
}

#[test]
fn a_held_list_that_is_removed_by_hand_is_held_again() {
    let bench = Bench::new(&[]);
    bench.publish(0, &[("adult", 100)]);
    bench.update().unwrap();
    bench.publish(1, &[("adult", 10)]);
    assert_eq!(bench.update().unwrap(), Outcome::Held);
    for spoil in [|held: &Path| fs::remove_file(held).unwrap(), |held: &Path| fs::write(held, "?").unwrap()] {
        spoil(&bench.places.held);
        assert_eq!(bench.update().unwrap(), Outcome::Held, "the list in force is not the mirror's");
        assert!(open_index(&bench.places.held).is_ok());
    }
    // The mirror takes it back: the list in force is the newest again.
    bench.publish(0, &[("adult", 100)]);
    assert_eq!(bench.update().unwrap(), Outcome::Unchanged);
    assert_eq!((bench.state().held, bench.places.held.exists()), (None, false));
}

#[test]
fn the_copy_of_the_box_is_compared_where_the_list_is_spoilt() {
    let bench = Bench::new(&[]);
    bench.publish(0, &[("adult", 100)]);
    bench.update().unwrap();
    adopt_index(&bench.places.list, &bench.places.kept).unwrap();
    fs::write(&bench.places.list, "rubbish").unwrap();
    bench.publish(1, &[("adult", 10)]);
    assert_eq!(bench.update().unwrap(), Outcome::Held);
}

#[test]
fn a_list_that_cannot_be_read_is_made_anew_at_once_and_compared_all_the_same() {
    let at = Timestamp::from_unix_ms;
    let bench = Bench::new(&[]);
    bench.publish(0, &[("adult", 100), ("games", 50)]);
    bench.update().unwrap();
    // An hour later, by a clock that is set.
    let an_hour_later = at(NOON_MS);
    let next = || {
        let plan = Plan::new("0750655E", jiff::tz::TimeZone::UTC);
        Updater::new(vec![], bench.places.clone(), plan, an_hour_later).next().unwrap()
    };
    assert!(next() > an_hour_later, "there is a list");
    adopt_index(&bench.places.list, &bench.places.kept).unwrap();
    fs::write(&bench.places.list, "rubbish").unwrap();
    assert!(next() > an_hour_later, "the box has its copy");
    fs::write(&bench.places.kept, "an index of an older format").unwrap();
    assert_eq!(next(), an_hour_later);
    bench.publish(1, &[("adult", 60), ("games", 50)]);
    assert_eq!(bench.update().unwrap(), Outcome::Held);
    assert!(next() > an_hour_later, "it is a person's turn");
    accept(&bench.places, at(2)).unwrap();
    fs::write(&bench.places.list, "rubbish").unwrap();
    bench.publish(2, &[("adult", 61), ("games", 20)]);
    assert_eq!(bench.update().unwrap(), Outcome::Held);
    let losses = bench.state().held.unwrap().losses();
    assert_eq!(losses.iter().map(|loss| loss.category.as_str()).collect::<Vec<_>>(), ["games"]);
}

#[test]
fn failures_are_written_down_and_the_list_stays() {
    let bench = Bench::new(&[]);
    bench.publish(0, &[("adult", 3)]);
    bench.update().unwrap();
    let check = |failure: Failure, failures: u32| {
        bench.update().unwrap_err();
        let state = bench.state();
        assert_eq!((state.outcome, state.failures), (Some(Outcome::Failed(failure)), failures), "{state:?}");
        assert!(state.checked.is_some() && bench.lists("site-2.adult.example"));
    };
    bench.server.fail([Fault::Silence]);
    check(Failure::Line, 1);
    bench.server.fail([Fault::Page]);
    check(Failure::Mirror, 2);
    // Whole, and no list: a truncated tar inside an archive that is none the worse for it.
    let mut broken = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    broken.write_all(&[b'a'; 2_000]).unwrap();
    bench.server.publish(WHOLE_ARCHIVE, &broken.finish().unwrap(), Some(ETAGS[1]));
    check(Failure::List, 3);
    // It is the mirror's still: not fetched again, and no list still.
    check(Failure::List, 4);
    bench.publish(2, &[("adult", 4)]);
    assert_eq!(bench.update().unwrap(), Outcome::Updated);
    assert_eq!(bench.state().failures, 0);
}

/// A hundredth of it is on the line: the limit of what a mirror sends does not see it.
#[test]
fn an_archive_that_unpacks_to_too_much_is_no_list() {
    let with_filling = |bytes: u64| {
        let mut tar =
            tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        let mut append = |path: &str, body: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(body.len() as u64);
            tar.append_data(&mut header, path, body).unwrap();
        };
        append("blacklists/adult/domains", b"a.example\n");
        append("blacklists/README", &vec![b' '; usize::try_from(bytes).unwrap()]);
        tar.into_inner().unwrap().finish().unwrap()
    };
    let bench = Bench::new(&[]);
    bench.server.publish(WHOLE_ARCHIVE, &with_filling(HASTY.unpacked_bytes_max), Some(ETAGS[0]));
    bench.update().unwrap_err();
    let state = bench.state();
    assert_eq!(state.outcome, Some(Outcome::Failed(Failure::List)));
    assert!(state.detail.as_ref().is_some_and(|detail| detail.contains("unpacks to too much")), "{state:?}");
    // What is just small enough: the headers and the end of a tar are some blocks of 512 bytes.
    let small = with_filling(HASTY.unpacked_bytes_max - 10 * 512);
    bench.server.publish(WHOLE_ARCHIVE, &small, Some(ETAGS[1]));
    assert_eq!(bench.update().unwrap(), Outcome::Updated);
}

#[test]
fn two_updates_do_not_meet_and_leftovers_go() {
    let bench = Bench::new(&[]);
    bench.publish(0, &[("adult", 3)]);
    fs::create_dir_all(&bench.places.folder).unwrap();
    let leftover = bench.places.folder.join(".index-killed");
    fs::write(&leftover, "half an index").unwrap();
    let lock = bench.places.lock().unwrap();
    assert!(matches!(bench.update(), Err(UpdateError::Lock(LockError::Busy))));
    drop(lock);
    bench.update().unwrap();
    assert!(!leftover.exists());
}

/// The program is this test binary: told to run no test at all, it ends at once, and writes nothing.
#[test]
fn an_update_that_ends_without_a_word_is_a_failure() {
    let bench = Bench::new(&[]);
    let plan = Plan::new("0750655E", jiff::tz::TimeZone::UTC);
    let at = Timestamp::from_unix_ms;
    let arguments = ["--exact", "no such test"].map(Into::into).to_vec();
    let mut updater = Updater::new(arguments, bench.places.clone(), plan, at(0));
    assert_eq!((updater.next(), updater.state()), (Some(at(0)), None), "without a list at once");
    while updater.state().is_none() {
        updater.keep(at(1_000));
        std::thread::yield_now();
    }
    let state = updater.state().unwrap();
    assert_eq!((state.outcome, state.failures), (Some(Outcome::Failed(Failure::Ended)), 1));
    assert_eq!(updater.next(), Some(at(301_000)), "five minutes later");
    assert_eq!(State::read(&bench.places).as_ref(), updater.state());
}

/// Noon of 2026-11-25.
const NOON_MS: i64 = 1_795_608_000_000;
const HOUR_MS: i64 = 3_600_000;

/// A box with a list that it compared with the mirror's at noon.
fn compared_at_noon() -> Bench {
    let bench = Bench::new(&[]);
    bench.publish(0, &[("adult", 3)]);
    bench.update().unwrap();
    let noon = Some(Timestamp::from_unix_ms(NOON_MS));
    let state = State { attempted: noon, checked: noon, ..bench.state() };
    state.write(&bench.places).unwrap();
    bench
}

/// Schools that come back after the same power cut all learn the time within the same minute.
#[test]
fn a_box_that_does_not_know_the_time_waits_for_it_and_for_the_night() {
    let at = Timestamp::from_unix_ms;
    let bench = compared_at_noon();
    let plan = Plan::new("0750655E", jiff::tz::TimeZone::UTC);
    let mut updater = Updater::new(vec!["1".into()], bench.places.clone(), plan, at(5_000));
    updater.program = "sleep".into();
    updater.keep(at(6_000));
    assert_eq!(updater.next(), None, "there is a list, and no telling when night is");
    let afternoon = NOON_MS + 3 * HOUR_MS;
    updater.keep(at(afternoon));
    let night = updater.next().unwrap().unix_ms();
    assert!((NOON_MS + 13 * HOUR_MS..NOON_MS + 17 * HOUR_MS).contains(&night), "{night}");
    // It is set once more, by more than a day, and back.
    updater.keep(at(afternoon + 24 * HOUR_MS));
    assert_eq!(updater.next(), Some(at(night + 24 * HOUR_MS)), "the night that was planned is over");
    updater.keep(at(afternoon));
    assert_eq!(updater.next(), Some(at(night)));
    // What a time server corrects day by day changes nothing; and then it is night.
    updater.keep(at(afternoon + 30_000));
    assert_eq!((updater.next(), updater.is_running()), (Some(at(night)), false));
    let plan = Plan::new("0750655E", jiff::tz::TimeZone::UTC);
    let mut updater = Updater::new(vec!["1".into()], bench.places.clone(), plan, at(night - 1_000));
    updater.program = "sleep".into();
    updater.keep(at(night));
    assert!(updater.is_running());
}

/// Whoever has mended the line does not wait for the night.
#[test]
fn an_update_that_somebody_wants_begins_at_once() {
    let noon = Timestamp::from_unix_ms(NOON_MS);
    let bench = compared_at_noon();
    let plan = Plan::new("0750655E", jiff::tz::TimeZone::UTC);
    let mut updater = Updater::new(vec!["9".into()], bench.places.clone(), plan, noon);
    updater.program = "sleep".into();
    updater.keep(noon);
    assert!(!updater.is_running(), "it is not night");
    updater.hurry(noon);
    updater.keep(noon);
    assert!(updater.is_running());
    let next = updater.next();
    updater.hurry(Timestamp::from_unix_ms(NOON_MS + 1));
    assert_eq!(updater.next(), next, "the one that runs will do");
}

/// The clock is set back while an update runs: what it tells seems to be from before its start.
#[test]
fn what_an_update_tells_counts_whatever_the_clock_shows() {
    let at = Timestamp::from_unix_ms;
    let bench = compared_at_noon();
    let before = bench.state();
    let told = State { outcome: Some(Outcome::Unchanged), detail: Some("told".to_owned()), ..before.clone() };
    told.clone().write(&bench.places).unwrap();
    let (state, aside) = (State::path(&bench.places), bench.folder.path().join("told"));
    fs::rename(&state, &aside).unwrap();
    before.clone().write(&bench.places).unwrap();
    let plan = Plan::new("0750655E", jiff::tz::TimeZone::UTC);
    let night = plan.next(at(NOON_MS), Some(&before), true).unwrap();
    let a_second_before = at(night.unix_ms() - 1_000);
    let two_hours_before = at(night.unix_ms() - 2 * HOUR_MS);
    let script = format!("mv {} {}", aside.display(), state.display());
    let mut updater =
        Updater::new(["-c".into(), script.into()].into(), bench.places.clone(), plan, a_second_before);
    updater.program = "sh".into();
    updater.keep(night);
    assert!(updater.is_running());
    while updater.is_running() {
        updater.keep(two_hours_before);
        std::thread::yield_now();
    }
    updater.keep(two_hours_before);
    assert_eq!((updater.state(), State::read(&bench.places)), (Some(&told), Some(told.clone())));
}

/// Both meet somebody who updates by hand: a child that says so, and one whose end nobody may write down now.
#[test]
fn an_update_that_meets_another_is_no_failure() {
    let at = Timestamp::from_unix_ms;
    for script in ["exit 75", "exit 1"] {
        let bench = Bench::new(&[]);
        let by_hand = bench.places.lock().unwrap();
        let plan = Plan::new("0750655E", jiff::tz::TimeZone::UTC);
        let arguments = ["-c", script].map(Into::into).to_vec();
        let mut updater = Updater::new(arguments, bench.places.clone(), plan, at(0));
        updater.program = "sh".into();
        while updater.next() == Some(at(0)) {
            updater.keep(at(1_000));
            std::thread::yield_now();
        }
        assert_eq!(updater.next(), Some(at(301_000)), "{script}: not each second");
        assert_eq!((updater.state(), State::read(&bench.places)), (None, None), "{script}");
        // It ends, and what it wrote is planned with at once.
        let told = State { attempted: Some(at(500)), failures: 2, ..State::default() };
        told.clone().write(&bench.places).unwrap();
        drop(by_hand);
        assert!(updater.keep(at(2_000)), "{script}");
        assert_eq!((updater.state(), updater.next()), (Some(&told), Some(at(600_500))), "{script}");
    }
}

#[test]
fn what_is_in_force_is_told_from_what_is_held_back() {
    let bench = Bench::new(&[]);
    assert!(hold_in_force(&bench.places).unwrap().is_none(), "there is none yet");
    bench.publish(0, &[("adult", 100)]);
    assert_eq!(bench.update().unwrap(), Outcome::Updated);
    let first = hold_in_force(&bench.places).unwrap().unwrap();
    assert_eq!(first.archive(), Some(&*bench.places.folder.join(WHOLE_ARCHIVE)));
    assert!(matches!(bench.update(), Err(UpdateError::Lock(LockError::Busy))), "nobody changes it meanwhile");
    let sum = first.sum().to_owned();
    drop(first);

    bench.publish(1, &[("adult", 10)]);
    assert_eq!(bench.update().unwrap(), Outcome::Held);
    let held = hold_in_force(&bench.places).unwrap().unwrap();
    assert_eq!((held.sum(), held.archive()), (&*sum, None), "what lies there is not in force");
    drop(held);
    accept(&bench.places, Timestamp::from_unix_ms(2)).unwrap();
    let accepted = hold_in_force(&bench.places).unwrap().unwrap();
    assert!(accepted.sum() != sum && accepted.archive().is_some());
}
