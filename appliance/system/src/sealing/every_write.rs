//! Disturbed at every write: a night of recording, sealing and deleting is cut off at each system call that changes the disk, one
//! after the other, or the disk refuses that call; and each time what is found is whole and goes on.
//!
//! strace(1) does the disturbing: the kernel delivers SIGKILL on the way into the call, or returns an error in its place.

#![expect(
    clippy::disallowed_methods,
    reason = "children are started, and told by their environment what to do"
)]

use std::io::Write;
use std::process::Command;

use archive::Identity;
use journal::{Journal, Sequence};
use model::AccessKind;

use super::on_disk::{READER_VARIABLE, check, hosts_with, instant, live, manner, manner_of_child, noon};
use super::*;
use crate::asked::Asked;
use crate::full_disk::{FOLDER_VARIABLE, run_test_on};

/// The calls by which this room changes the disk.
const CALLS: [&str; 10] = [
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "fallocate",
    "ftruncate",
    "rename",
    "renameat",
    "unlink",
    "mkdir",
];
/// More than any of them is made in a night: beyond, the test does not end by itself.
const CALLS_MAX: u32 = 500;
/// What strace does at a call: it ends the process, ...
const KILL: &str = "signal=KILL";
/// ... or has the disk refuse it, as one that fails, one that may only be read, and one that is full. Each call is refused by one of
/// them, in turn: all three at each would take three times as long, and nearly all that follows is the same.
const REFUSALS: [&str; 3] = ["error=EIO", "error=EROFS", "error=ENOSPC"];
/// How strace marks a call that was refused.
const REFUSED_MARK: &str = "(INJECTED)";
/// The night when the first day is a year old.
const NIGHT: i64 = 365;

#[test]
fn a_kill_at_every_write_loses_nothing_and_verifies() {
    let said = run_test_on("128m", "sealing::every_write::child_is_killed_at_every_write");
    assert!(count(&said, "killed ") > 30, "{said}");
}

#[test]
fn a_refusal_of_any_write_loses_nothing_and_verifies() {
    let said = run_test_on("128m", "sealing::every_write::child_is_refused_writes");
    assert!(count(&said, "refused ") > 30, "{said}");
}

fn count(said: &str, word: &str) -> u32 {
    said.lines().find_map(|line| line.strip_prefix(word)?.parse().ok()).unwrap_or(0)
}

/// A night over midnight: three accesses, a stop, sealing, deleting. Tells what is durable, and how much is deleted. What the disk
/// refuses is left to the next night.
#[test]
fn child_lives_a_night() {
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    let (data, manner, now) = (Path::new(&folder), manner_of_child(), instant(noon(NIGHT)));
    // strace counts for each thread: with the first write of this one the harness's own is refused, and nothing else is done.
    writeln!(io::stdout()).ok();
    record(data);
    seal(data, &manner, now).ok();
    let expired = expire(data, &manner, now, None);
    writeln!(io::stdout(), "deleted {}", expired.map_or(0, |expired| expired.files.len())).ok();
}

/// Records what the journal takes.
fn record(data: &Path) {
    let (journal, mut writer) = journal::open(Directory::new(data));
    let mut waiting = Vec::new();
    for (number, day) in [NIGHT - 1, NIGHT, NIGHT].into_iter().enumerate() {
        let (now, name) = (instant(noon(day)), format!("night{number}.fr"));
        writer.commit(now.at).ok();
        let recorded = journal.record(now.at, now.quality, Asked::new(AccessKind::Dns, &name));
        waiting.extend(recorded.ok().map(|recorded| (recorded.sequence(), name)));
        writer.commit(now.at).ok();
        tell_durable(&journal, &mut waiting);
    }
    writer.finish(noon(NIGHT)).ok();
    tell_durable(&journal, &mut waiting);
}

fn tell_durable(journal: &Journal, waiting: &mut Vec<(Sequence, String)>) {
    for (sequence, name) in waiting.extract_if(.., |(sequence, _)| journal.is_durable(*sequence)) {
        writeln!(io::stdout(), "durable {sequence} {name}").ok();
    }
}

#[test]
fn child_is_killed_at_every_write() {
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    let year = Year::live(Path::new(&folder));
    let kills: u32 = CALLS.iter().map(|call| year.disturb(call, KILL, 1..CALLS_MAX)).sum();
    println!("killed {kills}");
}

#[test]
fn child_is_refused_writes() {
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    let year = Year::live(Path::new(&folder));
    let mut refusals = 0;
    for call in CALLS {
        for (first, refusal) in (1..).zip(REFUSALS) {
            refusals += year.disturb(call, refusal, (first..CALLS_MAX).step_by(REFUSALS.len()));
        }
    }
    println!("refused {refusals}");
}

/// A year of a box that seals to one reader. Each night goes on from a copy of it.
struct Year {
    before: PathBuf,
    data: PathBuf,
    identity: Identity,
}

/// What came of a night.
struct Night {
    is_disturbed: bool,
    said: String,
}

impl Year {
    fn live(folder: &Path) -> Self {
        let (before, data) = (folder.join("before"), folder.join("data"));
        let year = Self { before, data, identity: Identity::generate() };
        fs::create_dir(&year.before).unwrap();
        for day in [0, 3].into_iter().chain((1..=12).map(|month| month * 30)) {
            live(&year.before, day);
            seal(&year.before, &year.manner(), instant(noon(day))).unwrap();
        }
        year
    }

    fn manner(&self) -> Manner {
        manner(Some(vec![self.identity.reader()]))
    }

    /// Disturbs nights at these calls of a kind, one each, until a night makes no such call any more; returns how many it disturbed.
    fn disturb(&self, call: &str, fault: &str, numbers: impl Iterator<Item = u32>) -> u32 {
        let mut disturbed = 0;
        for number in numbers {
            copy(&self.before, &self.data);
            let night = self.live_a_night(&format!("inject={call}:{fault}:when={number}"), call);
            self.check_night(&night, &format!("{call} {number} {fault}"));
            fs::remove_dir_all(&self.data).unwrap();
            if !night.is_disturbed {
                break;
            }
            disturbed += 1;
        }
        disturbed
    }

    fn live_a_night(&self, inject: &str, call: &str) -> Night {
        let trace = self.before.with_extension("trace");
        let output = Command::new("strace")
            .args(["--follow-forks", "--quiet=all", "--trace", call, "-e", inject, "--output"])
            .arg(&trace)
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "sealing::every_write::child_lives_a_night", "--nocapture"])
            .env(FOLDER_VARIABLE, &self.data)
            .env(READER_VARIABLE, self.identity.reader().to_string())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!errors.contains("panicked"), "{inject}: {errors}");
        let is_refused = fs::read_to_string(&trace).unwrap().contains(REFUSED_MARK);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        Night { is_disturbed: is_refused || !output.status.success(), said }
    }

    /// All that was there before and all that was promised is there, verifies, and goes on.
    fn check_night(&self, night: &Night, place: &str) {
        let data = &self.data;
        let report = check(data);
        assert!(report.is_right(), "{place}: {report}");
        seal(data, &self.manner(), instant(noon(NIGHT))).unwrap();
        expire(data, &self.manner(), instant(noon(NIGHT)), None).unwrap();
        let report = check(data);
        assert!(report.is_right() && report.deleted == (1, 0), "{place}: {report}");
        let (found, locked) = hosts_with(data, std::slice::from_ref(&self.identity));
        assert_eq!(locked, 0, "{place}");
        // The first day's are deleted.
        assert!((4..=42).all(|number| found.contains_key(&number)), "{place}: {:?}", found.keys());
        let promised = night.said.lines().filter_map(|line| line.strip_prefix("durable ")?.split_once(' '));
        let mut promises = 0;
        for (number, name) in promised {
            assert_eq!(found.get(&number.parse().unwrap()).map(String::as_str), Some(name), "{place}");
            promises += 1;
        }
        let is_whole = promises == 3 && night.said.contains("deleted 1\n");
        assert!(night.is_disturbed || is_whole, "{place}: {}", night.said);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, target) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(path, target).unwrap();
        }
    }
}
