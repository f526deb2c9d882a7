//! Where the servers of workspaces were last reached, beside what is kept of them.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cache::{Reached, SERVERS_BYTES_MAX, Servers};
use model::{DomainName, Timestamp};
use tokio::task::spawn_blocking;

use super::disk::FILE_MODE;

/// The file, in the depot's folder.
const FILE: &str = "servers";

/// The servers in memory and on the disk, which has the same.
pub(crate) struct KnownServers {
    path: Arc<PathBuf>,
    known: Mutex<Servers>,
    /// One writes at a time, so that the file is never older than the memory.
    writing: tokio::sync::Mutex<()>,
}

impl KnownServers {
    /// What the folder has. What cannot be read is thrown away, and found again as the servers are reached.
    pub(super) fn open(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let known = read(&path).unwrap_or_default();
        Self { path: Arc::new(path), known: Mutex::new(known), writing: tokio::sync::Mutex::default() }
    }

    /// Where a server was, as long as that is worth something.
    pub(crate) fn addresses(&self, name: &DomainName, now: Timestamp) -> Vec<IpAddr> {
        self.lock().addresses(name, now).to_vec()
    }

    pub(crate) fn is_due(&self, name: &DomainName, now: Timestamp) -> bool {
        self.lock().is_due(name, now)
    }

    /// The last ones first.
    pub(crate) fn list(&self) -> Vec<Reached> {
        self.lock().iter().cloned().collect()
    }

    /// Notes a server, which is not due any more then; names that are `named` stay before others. False where it is not noted,
    /// and there is nothing to save.
    pub(crate) fn note(&self, reached: Reached, is_named: impl Fn(&DomainName) -> bool) -> bool {
        self.lock().note(reached, is_named)
    }

    /// Has the disk have what the memory has.
    pub(crate) async fn save(&self) {
        let _writing = self.writing.lock().await;
        let bytes = self.lock().write();
        let path = Arc::clone(&self.path);
        let writing = spawn_blocking(move || write(&path, &bytes));
        if let Err(error) = writing.await.map_err(io::Error::other).flatten() {
            tracing::warn!(%error, "where the ENT's servers are is not noted: a start without a line would not know it");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Servers> {
        // Servers come and go whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> Option<Servers> {
    let length = fs::metadata(path).ok()?.len();
    let is_short = usize::try_from(length).is_ok_and(|length| length <= SERVERS_BYTES_MAX);
    let bytes = if is_short { fs::read(path).ok()? } else { vec![] };
    Servers::read(&bytes)
        .inspect_err(|damage| tracing::info!(%damage, "where the ENT's servers were is not known any more"))
        .ok()
}

/// Replaces the file in one step. It is on the disk then: once an hour, that costs nothing.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("draft");
    drop(fs::remove_file(&draft));
    let mut file = File::options().write(true).create_new(true).mode(FILE_MODE).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(at_ms: i64) -> Reached {
        Reached {
            name: "ent.test".parse().unwrap(),
            addresses: vec!["198.51.100.11".parse().unwrap()],
            device: "02:00:00:00:00:11".parse().unwrap(),
            at: Timestamp::from_unix_ms(at_ms),
        }
    }

    #[tokio::test]
    async fn what_is_noted_is_there_after_a_restart_and_damage_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (name, now) = ("ent.test".parse().unwrap(), Timestamp::from_unix_ms(5));
        let known = KnownServers::open(folder.path());
        assert!(known.is_due(&name, now) && known.addresses(&name, now).is_empty());
        assert!(known.note(reached(5), |_| true));
        assert!(!known.is_due(&name, now), "at once, whatever the disk does");
        known.save().await;
        let again = KnownServers::open(folder.path());
        assert_eq!(again.list(), [reached(5)]);
        assert_eq!(again.addresses(&name, now), reached(5).addresses);
        let path = folder.path().join(FILE);
        for damage in [&b"PREAUSRV"[..], &vec![0; 2 * SERVERS_BYTES_MAX]] {
            fs::write(&path, damage).unwrap();
            assert!(KnownServers::open(folder.path()).list().is_empty());
        }
    }
}
