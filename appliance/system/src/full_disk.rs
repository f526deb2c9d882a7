//! A disk of a few megabytes, for tests that fill one.

#![expect(
    clippy::disallowed_methods,
    reason = "a test starts itself again, told by its environment what to do"
)]

use std::process::Command;

/// Where the child finds the folder that it is told to fill.
pub(crate) const FOLDER_VARIABLE: &str = "PREAU_TEST_FOLDER";

/// Runs another test of this binary on a folder of its own that holds `size` (as mount(8) writes it), and returns
/// what the test prints. The folder is a tmpfs in a user namespace, so that it goes with the child.
pub(crate) fn run_test_on(size: &str, test: &str) -> String {
    run(&["--map-root-user", "--mount"], &format!("mount -t tmpfs -o size={size} none \"$1\""), test)
}

/// Runs another test of this binary on a folder of its own, as root, who may mount disks of files there. They go with the
/// child.
pub(crate) fn run_test_as_root(test: &str) -> String {
    run(&["--mount"], ":", test)
}

fn run(namespaces: &[&str], before: &str, test: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("unshare")
        .args(namespaces)
        .args(["--", "sh", "-ec", &format!("{before}; shift; exec \"$@\""), "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(FOLDER_VARIABLE, folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "(it takes a machine that lets users mount in namespaces) {text}{errors}"
    );
    text
}
