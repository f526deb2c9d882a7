//! Killed at every write: a night of recording, sealing and deleting is cut off at each system call that changes the disk, one
//! after the other, and each time what is found is whole and goes on.
//!
//! strace(1) does the killing: the kernel delivers SIGKILL on the way into the call.

#![expect(
    clippy::disallowed_methods,
    reason = "children are started, and told by their environment what to do"
)]

use std::io::Write;
use std::process::{Command, Output};

use super::on_disk::{ask_at, check, hosts, instant, live, manner, noon, open, seal_at};
use super::*;
use crate::full_disk::{FOLDER_VARIABLE, run_test_on};

/// The calls by which this room changes the disk.
const CALLS: [&str; 9] =
    ["write", "pwrite64", "fsync", "fdatasync", "fallocate", "ftruncate", "rename", "unlink", "mkdir"];
/// More than any of them is made in a night: beyond, the test does not end by itself.
const CALLS_MAX: u32 = 500;
/// The night when the first day is a year old.
const NIGHT: i64 = 365;

#[test]
fn a_kill_at_every_write_loses_nothing_and_verifies() {
    let said = run_test_on("128m", "sealing::every_write::child_is_killed_at_every_write");
    let kills = said.lines().find_map(|line| line.strip_prefix("killed ")?.parse::<u32>().ok());
    assert!(kills.is_some_and(|kills| kills > 30), "{said}");
}

/// A night: three accesses, a stop, sealing, deleting. Tells what is durable.
#[test]
fn child_lives_a_night() {
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    let data = Path::new(&folder);
    let (journal, mut writer) = open(data, noon(NIGHT));
    let mut output = io::stdout();
    for number in 0..3 {
        let name = format!("night{number}.fr");
        let sequence = ask_at(&journal, instant(noon(NIGHT)), &name);
        writer.commit(noon(NIGHT)).unwrap();
        writeln!(output, "durable {sequence} {name}").unwrap();
    }
    writer.finish(noon(NIGHT)).unwrap();
    seal_at(data, noon(NIGHT)).unwrap();
    let expired = expire(data, &manner(None), instant(noon(NIGHT)), None).unwrap();
    assert_eq!(expired.files.len(), 1);
}

#[test]
fn child_is_killed_at_every_write() {
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    let folder = Path::new(&folder);
    let (before, data) = (folder.join("before"), folder.join("data"));
    fs::create_dir(&before).unwrap();
    for day in [0, 3].into_iter().chain((1..=12).map(|month| month * 30)) {
        live(&before, day);
        seal_at(&before, noon(day)).unwrap();
    }
    let mut kills = 0;
    for call in CALLS {
        for count in 1..CALLS_MAX {
            copy(&before, &data);
            let output = live_until(call, count, &data);
            check_night(&data, &output, &format!("{call} {count}"));
            fs::remove_dir_all(&data).unwrap();
            if output.status.success() {
                break;
            }
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(!said.contains("panicked"), "{call} {count} was no kill: {said}");
            kills += 1;
        }
    }
    println!("killed {kills}");
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

fn live_until(call: &str, count: u32, data: &Path) -> Output {
    let inject = format!("inject={call}:signal=KILL:when={count}");
    Command::new("strace")
        .args(["--follow-forks", "--quiet=all", "--output=/dev/null", "--trace", call, "-e", &inject])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "sealing::every_write::child_lives_a_night", "--nocapture"])
        .env(FOLDER_VARIABLE, data)
        .output()
        .unwrap()
}

/// All that was there before and all that was promised is there, verifies, and goes on.
fn check_night(data: &Path, output: &Output, place: &str) {
    let report = check(data);
    assert!(report.is_right(), "{place}: {report}");
    seal_at(data, noon(NIGHT)).unwrap();
    expire(data, &manner(None), instant(noon(NIGHT)), None).unwrap();
    let report = check(data);
    assert!(report.is_right() && report.deleted == (1, 0), "{place}: {report}");
    let found = hosts(data);
    // The first day's are deleted.
    assert!((4..=42).all(|number| found.contains_key(&number)), "{place}: {:?}", found.keys());
    let said = String::from_utf8_lossy(&output.stdout);
    for line in said.lines().filter_map(|line| line.strip_prefix("durable ")) {
        let (number, name) = line.split_once(' ').unwrap();
        assert_eq!(found.get(&number.parse().unwrap()).map(String::as_str), Some(name), "{place}");
    }
}
