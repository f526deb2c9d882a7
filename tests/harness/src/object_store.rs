//! An object store of a test's own, which speaks S3: OpenStack Swift, Debian's, all of it in one process over a temporary folder.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// What makes one server of Swift's four. Python reads it from its command line: nothing has to be installed beside the library.
const PROGRAM: &str = include_str!("object_store.py");
/// Debian's Python: it knows Debian's library.
const PYTHON: &str = "/usr/bin/python3";
/// Who asks, in tests. Swift's keys have an account before them.
const ACCOUNT: &str = "hub";
const USER: &str = "test";
const SECRET: &str = "test-secret";
const BUCKET: &str = "files";
const REGION: &str = "test";

/// A server. It ends with its value, and leaves nothing.
#[derive(Debug)]
pub struct ObjectStore {
    folder: tempfile::TempDir,
    process: Child,
    port: u16,
}

impl ObjectStore {
    /// Starts it, with one bucket that is empty.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub fn start() -> Result<Self> {
        Self::start_in(tempfile::tempdir()?)
    }

    /// Another one, with what this one holds: its disk is copied, attributes of files and all, as a commune copies its own.
    ///
    /// # Errors
    /// As [`Self::start`], and those of the disk.
    pub fn start_copy(&self) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        #[expect(clippy::disallowed_methods, reason = "the lab runs programs")]
        let copied = Command::new("cp")
            .arg("--archive")
            .args([self.folder.path().join("disks"), folder.path().join("disks")])
            .output()?;
        ensure!(copied.status.success(), "cp: {}", String::from_utf8_lossy(&copied.stderr));
        Self::start_in(folder)
    }

    fn start_in(folder: tempfile::TempDir) -> Result<Self> {
        let log = fs::File::create(folder.path().join("log"))?;
        let place = folder.path().to_str().context("a path that is text")?;
        #[expect(clippy::disallowed_methods, reason = "the lab runs programs")]
        let mut command = Command::new(PYTHON);
        command.args(["-c", PROGRAM, place, ACCOUNT, USER, SECRET, REGION, BUCKET]);
        // It waits for the end of its input, which comes with the end of this process, however that ends.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut process = command.spawn().context("Debian's python3 is not installed")?;
        let mut first = String::new();
        if let Some(said) = process.stdout.take() {
            BufReader::new(said).read_line(&mut first)?;
        }
        let mut store = Self { folder, process, port: 0 };
        store.port = first.trim().parse().with_context(|| {
            let log = fs::read_to_string(store.folder.path().join("log")).unwrap_or_default();
            format!("the object store does not start: ./dev test installs Debian's python3-swift: {log}")
        })?;
        Ok(store)
    }

    /// Its address.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its bucket.
    #[must_use]
    pub fn bucket(&self) -> &'static str {
        BUCKET
    }

    /// Its region.
    #[must_use]
    pub fn region(&self) -> &'static str {
        REGION
    }

    /// The key and the secret of who asks.
    #[must_use]
    pub fn credentials(&self) -> (String, &'static str) {
        (format!("{ACCOUNT}:{USER}"), SECRET)
    }

    /// What its objects hold, in the order of their bytes, as it lies on its disk.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn contents(&self) -> Result<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        let objects = self.folder.path().join("disks/one/objects");
        if objects.exists() {
            collect(&objects, &mut found)?;
        }
        found.sort_unstable();
        Ok(found)
    }
}

/// Swift keeps an object as a file TIME.data, and one that was deleted as an empty TIME.ts for a week.
fn collect(folder: &Path, found: &mut Vec<Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "data") {
            found.push(fs::read(path)?);
        }
    }
    Ok(())
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
