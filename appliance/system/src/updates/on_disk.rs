//! Updates on real files: killed in the middle, and on a disk that is full.
//!
//! The children are this test binary again, told by the environment what to do.

#![expect(
    clippy::disallowed_methods,
    reason = "children are started, and told by their environment what to do"
)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::tests::{Bench, archive};
use super::*;
use crate::full_disk::{FOLDER_VARIABLE, run_test_on};
use crate::mirror::server::HASTY;

const MIRROR_VARIABLE: &str = "PREAU_TEST_MIRROR";

/// Updates, and says each step on a line.
#[test]
fn child_updates() {
    let (Ok(folder), Ok(mirror)) = (std::env::var(FOLDER_VARIABLE), std::env::var(MIRROR_VARIABLE)) else {
        return;
    };
    let source = Source { mirror: mirror.parse().unwrap(), categories: vec![], authorities: vec![] };
    let places = Bench::places_in(folder.as_ref());
    let mut say = |progress: Progress<'_>| println!("step {progress:?}");
    update_within(HASTY, &source, &places, Timestamp::from_unix_ms(1), &mut say).unwrap();
    println!("step end");
}

#[test]
fn a_kill_at_any_step_leaves_a_whole_list() {
    let bench = Bench::new(&[]);
    bench.publish(0, &[("adult", 3_000)]);
    bench.update().unwrap();
    for steps in 1..8 {
        let lines = 3_000 + steps;
        let body = archive(&[("adult", lines)]);
        bench.server.publish(WHOLE_ARCHIVE, &body, None);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "updates::on_disk::child_updates", "--nocapture"])
            .env(FOLDER_VARIABLE, bench.folder.path())
            .env(MIRROR_VARIABLE, bench.source.mirror.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let reached = said.filter(|line| line.contains("step ")).take(steps).count();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(reached > 0, "the child never began");
        assert!(bench.lists("site-2999.adult.example"), "killed after {steps} steps");
        bench.update().unwrap();
        assert!(bench.lists(&format!("site-{}.adult.example", lines - 1)), "after {steps} steps");
    }
}

/// Meets a disk without room for a larger list, and then with it.
#[test]
fn child_fills_the_disk() {
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    if std::env::var(MIRROR_VARIABLE).is_ok() {
        return;
    }
    let bench = Bench::in_folder(tempfile::tempdir_in(folder).unwrap());
    bench.publish(0, &[("adult", 10)]);
    bench.update().unwrap();
    let ballast = bench.folder.path().join("ballast");
    let mut filler = File::create(&ballast).unwrap();
    let mut bytes = 0;
    while filler.write_all(&[1; 4096]).is_ok() {
        bytes += 4096;
    }
    // Room for the state, and for the beginning of the archive.
    filler.set_len(bytes - 40_960).unwrap();
    drop(filler);
    bench.publish(1, &[("adult", 40_000)]);
    let error = bench.update().unwrap_err();
    assert!(matches!(error.failure(), Failure::Disk), "{error:?}");
    assert!(bench.lists("site-9.adult.example"), "the list in force stays");
    assert!(!bench.places.folder.join("blacklists.tar.gz.part").exists(), "the room is given back");
    fs::remove_file(ballast).unwrap();
    assert_eq!(bench.update().unwrap(), Outcome::Updated);
    assert!(bench.lists("site-39999.adult.example"));
    println!("filled and emptied");
}

#[test]
fn a_full_disk_keeps_the_list_in_force() {
    let said = run_test_on("2560k", "updates::on_disk::child_fills_the_disk");
    assert!(said.contains("filled and emptied"), "{said}");
}
