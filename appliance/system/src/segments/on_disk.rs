//! The journal on real files: killed in the middle, and on a disk that is full.
//!
//! The children are this test binary again, told by the environment what to do.

#![expect(
    clippy::disallowed_methods,
    reason = "children are started, and told by their environment what to do"
)]

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Directory, WriterThread, spawn_writer};
use crate::asked::Asked;
use crate::clock;
use crate::full_disk::{FOLDER_VARIABLE, run_test_as_root, run_test_on};
use crate::space::Reserve;
use journal::{Hit, Journal, Query, Sequence, Unrecorded};
use model::{AccessKind, ClockQuality};

fn ask(journal: &Journal, name: &str) -> Result<Sequence, Unrecorded> {
    let asked = Asked::new(AccessKind::Tls, name);
    journal.record(clock::now(), ClockQuality::Unsynchronised, asked).map(|recorded| recorded.sequence())
}

fn start(data: &Path) -> (Journal, WriterThread) {
    let (journal, writer) = journal::open(Directory::new(data));
    let thread = spawn_writer(writer, &journal, clock::now).unwrap();
    (journal, thread)
}

fn hosts(data: &Path) -> BTreeMap<u64, String> {
    let mut hosts = BTreeMap::new();
    let each = |hit| {
        if let Hit::Access(found) = hit {
            let number = found.sequence.number();
            assert!(hosts.insert(number, found.host.unwrap().to_string()).is_none(), "{number} twice");
        }
        ControlFlow::Continue(())
    };
    journal::search(&Directory::new(data), &Query::default(), each).unwrap();
    hosts
}

/// Records as fast as it can and reports what is durable, until it is killed.
#[test]
fn child_records() {
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    let (journal, _thread) = start(Path::new(&folder));
    let mut waiting = VecDeque::new();
    let mut output = std::io::stdout();
    for number in 0.. {
        let name = format!("h{number}.p{}.fr", std::process::id());
        match ask(&journal, &name) {
            Ok(sequence) => waiting.push_back((sequence, name)),
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
        if number % 5 == 0 {
            std::thread::sleep(Duration::from_micros(500));
        }
        while let Some((sequence, name)) = waiting.pop_front_if(|(sequence, _)| journal.is_durable(*sequence))
        {
            writeln!(output, "durable {sequence} {name}").unwrap();
        }
    }
}

#[test]
fn a_kill_loses_no_durable_record() {
    let data = tempfile::tempdir().unwrap();
    let mut promised = BTreeMap::new();
    for round in 0..6_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "segments::on_disk::child_records", "--nocapture"])
            .env(FOLDER_VARIABLE, data.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Not at the same moment of a commit each time.
        let enough = 500 + usize::try_from(round).unwrap() * 777;
        let durable = lines.map_while(Result::ok).filter_map(|line| {
            let (number, name) = line.strip_prefix("durable ")?.split_once(' ')?;
            Some((number.parse().unwrap(), name.to_owned()))
        });
        for (count, (number, name)) in durable.enumerate() {
            assert_eq!(promised.insert(number, name), None::<String>, "number {number} was given twice");
            if count == enough {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let found = hosts(data.path());
        for (number, name) in &promised {
            assert_eq!(found.get(number), Some(name), "round {round}");
        }
    }
    assert!(promised.len() > 5_000, "{}", promised.len());
}

fn remount(folder: &Path, how: &str) {
    let options = format!("remount,{how}");
    assert!(Command::new("mount").args(["-o", &options]).arg(folder).status().unwrap().success(), "{how}");
}

/// Starts on a disk that is read-only, as the kernel leaves one whose file system is damaged, and goes on once it is not.
#[test]
fn child_starts_on_a_read_only_disk() {
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    let folder = PathBuf::from(folder);
    let data = folder.join("data");
    let mut promised = BTreeMap::new();
    for life in 0..3 {
        let (journal, thread) = start(&data);
        let mut last = None;
        for number in 0..50 {
            let name = format!("h{number}.life{life}.fr");
            let sequence = loop {
                match ask(&journal, &name) {
                    Ok(sequence) => break sequence,
                    Err(_) => std::thread::sleep(Duration::from_millis(1)),
                }
            };
            promised.insert(sequence.number(), name);
            last = Some(sequence);
        }
        while last.is_some_and(|last| !journal.is_durable(last)) {
            std::thread::sleep(Duration::from_millis(1));
        }
        drop((journal, thread));

        remount(&folder, "ro");
        let (journal, thread) = start(&data);
        // What waits in memory is not durable; once the disk has refused it, no access is let through.
        let mut waiting = Vec::new();
        while let Ok(sequence) = ask(&journal, &format!("w{}.life{life}.fr", waiting.len())) {
            waiting.push(sequence);
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(!journal.is_writable(), "the web is closed");
        assert!(waiting.iter().all(|sequence| !journal.is_durable(*sequence)));
        assert_eq!(hosts(&data), promised, "what was durable is read");
        remount(&folder, "rw");
        while !journal.is_writable() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let again = loop {
            match ask(&journal, &format!("again.life{life}.fr")) {
                Ok(sequence) => break sequence,
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        while !journal.is_durable(again) {
            std::thread::sleep(Duration::from_millis(1));
        }
        drop((journal, thread));
        let found = hosts(&data);
        for (number, name) in &promised {
            assert_eq!(found.get(number), Some(name), "life {life}");
        }
        assert!(found.values().any(|name| *name == format!("again.life{life}.fr")), "it opened by itself");
        promised = found;
    }
    println!("lives {}", promised.len());
}

#[test]
fn a_read_only_disk_closes_the_web_until_it_is_not() {
    let said = run_test_on("16m", "segments::on_disk::child_starts_on_a_read_only_disk");
    assert!(said.contains("lives "), "{said}");
}

fn shell(script: &str, folder: &Path) {
    let status = Command::new("sh").args(["-ec", script]).current_dir(folder).status().unwrap();
    assert!(status.success(), "{script}");
}

/// The kernel makes the disk of a journal that runs read-only, because its file system is damaged. Nobody else could: the
/// journal has files open. Once it is repaired and mounted again, the next start goes on.
#[test]
fn child_runs_on_a_disk_that_becomes_read_only() {
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    let folder = PathBuf::from(folder);
    let disk = folder.join("disk");
    shell("truncate -s 64M image; mkfs.ext4 -q -F image; mkdir disk", &folder);
    shell("mount -o loop,errors=remount-ro image disk", &folder);
    let (journal, thread) = start(&disk);
    let mut promised = BTreeMap::new();
    let mut last = None;
    while promised.len() < 200 {
        let name = format!("h{}.fr", promised.len());
        match ask(&journal, &name) {
            Ok(sequence) => {
                promised.insert(sequence.number(), name);
                last = Some(sequence);
            }
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    while last.is_some_and(|last| !journal.is_durable(last)) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let script =
        "d=$(findmnt -no SOURCE \"$PWD/disk\"); echo 1 > \"/sys/fs/ext4/${d#/dev/}/trigger_fs_error\"";
    shell(script, &folder);
    let mut waiting = Vec::new();
    while let Ok(sequence) = ask(&journal, &format!("w{}.fr", waiting.len())) {
        waiting.push(sequence);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(!journal.is_writable(), "the web is closed");
    assert_eq!(ask(&journal, "closed.fr"), Err(Unrecorded::Unwritable));
    assert!(waiting.iter().all(|sequence| !journal.is_durable(*sequence)));
    // That the end cannot be written is what this is about.
    thread.stop().ok();
    drop(journal);
    // It says with 1 that it has mended something.
    shell("umount disk; e2fsck -p image || [ $? -eq 1 ]; mount -o loop image disk", &folder);
    let (journal, thread) = start(&disk);
    let again = loop {
        match ask(&journal, "again.fr") {
            Ok(again) => break again,
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    while !journal.is_durable(again) {
        std::thread::sleep(Duration::from_millis(1));
    }
    thread.stop().unwrap();
    drop(journal);
    let found = hosts(&disk);
    assert!(promised.iter().all(|(number, name)| found.get(number) == Some(name)), "{}", found.len());
    assert!(found.values().any(|name| name == "again.fr") && !found.values().any(|name| name == "closed.fr"));
    shell("umount disk", &folder);
    println!("went on after {}", promised.len());
}

/// Only root may mount a disk of a file: for others the disks that are full, that are read-only from the start, and the faults of
/// the journal's own tests stand for it.
#[test]
fn a_disk_that_becomes_read_only_under_the_journal_closes_the_web() {
    let may_mount = nix::unistd::geteuid().is_root() && Path::new("/dev/loop-control").exists();
    if may_mount {
        let said = run_test_as_root("segments::on_disk::child_runs_on_a_disk_that_becomes_read_only");
        assert!(said.contains("went on after"), "{said}");
    }
}

/// Fills a small disk, makes room again, and checks that nothing is lost on the way.
#[test]
fn child_fills_the_disk() {
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    let folder = PathBuf::from(folder);
    let ballast = folder.join("ballast");
    std::fs::write(&ballast, vec![1; 16 << 20]).unwrap();
    let (journal, thread) = start(&folder);
    // Long names fill the disk sooner.
    let padding = "x".repeat(60);
    let mut accepted = 0;
    while journal.is_writable() {
        match ask(&journal, &format!("h{accepted}.{padding}.{padding}.{padding}.fr")) {
            Ok(_) => accepted += 1,
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    assert_eq!(ask(&journal, "closed.fr"), Err(Unrecorded::Unwritable));
    assert_eq!(hosts(&folder).len(), accepted, "all that was accepted is on the disk");
    std::fs::remove_file(&ballast).unwrap();
    while !journal.is_writable() {
        std::thread::sleep(Duration::from_millis(1));
    }
    ask(&journal, "open.fr").unwrap();
    thread.stop().unwrap();
    assert_eq!(hosts(&folder).len(), accepted + 1);
    println!("filled after {accepted}");
}

#[test]
fn a_full_disk_closes_and_opens_the_journal() {
    let said = run_test_on("48m", "segments::on_disk::child_fills_the_disk");
    assert!(said.contains("filled after"), "{said}");
}

/// Fills a small disk on which some room is kept for the journal.
#[test]
fn child_uses_the_reserve() {
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    let folder = PathBuf::from(folder);
    let reserve = Reserve::new(&folder);
    reserve.take(16 << 20).unwrap();
    assert!(reserve.bytes().unwrap() >= 16 << 20);
    let (journal, thread) = start(&folder);
    // Somebody else fills the disk, to the last byte.
    let mut ballast = std::fs::File::create(folder.join("ballast")).unwrap();
    while ballast.write_all(&[1; 4096]).is_ok() {}
    let padding = "x".repeat(60);
    let mut accepted = 0;
    while reserve.bytes().unwrap() > 0 {
        assert!(journal.is_writable(), "the web stays open");
        if ask(&journal, &format!("h{accepted}.{padding}.{padding}.{padding}.fr")).is_ok() {
            accepted += 1;
        }
        std::thread::yield_now();
    }
    // The queue may be full at this moment.
    let last = loop {
        match ask(&journal, "last.fr") {
            Ok(last) => break last,
            Err(_) => std::thread::yield_now(),
        }
    };
    while !journal.is_durable(last) {
        std::thread::yield_now();
    }
    thread.stop().unwrap();
    assert_eq!(hosts(&folder).len(), accepted + 1);
    println!("went on after {accepted}");
}

#[test]
fn a_disk_that_others_fill_leaves_the_journal_its_reserve() {
    let said = run_test_on("64m", "segments::on_disk::child_uses_the_reserve");
    assert!(said.contains("went on after"), "{said}");
}
