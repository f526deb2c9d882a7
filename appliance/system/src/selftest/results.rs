//! What became of the last runs: a small file each.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use model::Timestamp;
use selftest::{RUN_BYTES_MAX, Run, State, parse};

use crate::lists;

/// Most runs that are kept: a term's nights.
pub const RESULTS_MAX: usize = 100;
/// A run that is older goes: a year, as with the journal.
const AGE_MAX_MS: i64 = 365 * 24 * 3_600 * 1_000;
/// What the file of a run ends with; it begins with the moment when the run began.
const EXTENSION: &str = "json";
/// Held by whoever runs.
const LOCK_FILE: &str = "lock";

/// The folder of results.
#[derive(Clone, Debug)]
pub struct Results {
    folder: PathBuf,
}

/// The right to run: nobody else does. It ends with the process, however that ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why results cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// Another run is under way.
    #[error("a self-test is running at the moment")]
    Busy,
    /// The folder cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Results {
    /// The results in this folder, which need not be there.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Takes the folder for one run.
    ///
    /// # Errors
    /// [`ResultsError`].
    pub fn lock(&self) -> Result<Lock, ResultsError> {
        let path = self.folder.join(LOCK_FILE);
        let open = || {
            fs::create_dir_all(&self.folder)?;
            File::options().create(true).append(true).open(&path)
        };
        let file = open().map_err(|source| ResultsError::Write { path: path.clone(), source })?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(ResultsError::Busy),
            Err(TryLockError::Error(source)) => Err(ResultsError::Write { path, source }),
        }
    }

    /// Keeps a run: as it begins, so that one that is cut off is not forgotten, and as it ends.
    ///
    /// # Errors
    /// [`ResultsError::Write`].
    pub fn keep(&self, _lock: &Lock, run: &Run) -> Result<(), ResultsError> {
        let path = self.folder.join(format!("{}.{EXTENSION}", run.started_ms));
        let bytes = run.to_bytes().map_err(io::Error::from);
        bytes
            .and_then(|bytes| lists::replace(&path, &bytes))
            .map_err(|source| ResultsError::Write { path, source })
    }

    /// Removes runs that are too many or too old, and what killed runs left.
    pub fn clear(&self, _lock: &Lock, now: Timestamp) {
        let mut files = self.files();
        files.sort_unstable();
        let surplus = files.len().saturating_sub(RESULTS_MAX);
        let oldest_ms = now.unix_ms().saturating_sub(AGE_MAX_MS);
        let old = files
            .iter()
            .enumerate()
            .filter(|(place, (started_ms, _))| *place < surplus || *started_ms < oldest_ms);
        let temporary = self.names().into_iter().filter(|name| name.starts_with(lists::TEMPORARY_PREFIX));
        let gone = old.map(|(_, (_, path))| path.clone()).chain(temporary.map(|name| self.folder.join(name)));
        for path in gone.collect::<Vec<_>>() {
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(%error, "an old result of the self-test stays: {}", path.display());
            }
        }
    }

    /// Every run, the last first. One that says that it runs, while nobody does, was cut off. A file that cannot be read
    /// is passed over.
    #[must_use]
    pub fn list(&self) -> Vec<Run> {
        let is_running = matches!(self.lock_if_there(), Some(Err(ResultsError::Busy)));
        let mut files = self.files();
        files.sort_unstable_by(|one, other| other.cmp(one));
        let runs = files.into_iter().take(RESULTS_MAX).filter_map(|(_, path)| read(&path));
        runs.enumerate()
            .map(|(place, run)| match run.state {
                State::Running if place > 0 || !is_running => Run { state: State::Cut, ..run },
                State::Running | State::Finished | State::Cut => run,
            })
            .collect()
    }

    /// The last run.
    #[must_use]
    pub fn last(&self) -> Option<Run> {
        self.list().into_iter().next()
    }

    /// Nothing is made where there is nothing.
    fn lock_if_there(&self) -> Option<Result<Lock, ResultsError>> {
        self.folder.is_dir().then(|| self.lock())
    }

    /// When each run began, and its file.
    fn files(&self) -> Vec<(i64, PathBuf)> {
        let names = self.names().into_iter();
        names
            .filter_map(|name| {
                let (started, extension) = name.rsplit_once('.')?;
                let started_ms = started.parse().ok().filter(|_| extension == EXTENSION)?;
                Some((started_ms, self.folder.join(&name)))
            })
            .collect()
    }

    fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return vec![] };
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
    }
}

fn read(path: &Path) -> Option<Run> {
    if fs::metadata(path).ok()?.len() > RUN_BYTES_MAX {
        return None;
    }
    parse(&fs::read(path).ok()?).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use selftest::Way;

    use super::*;

    /// A run of nothing, for tests.
    pub(crate) fn run(started_ms: i64, state: State) -> Run {
        Run {
            started_ms,
            ended_ms: None,
            state,
            way: Way::School,
            school: "École".to_owned(),
            program: "0.1.0".to_owned(),
            list_built_ms: None,
            list_lines: None,
            results: vec![],
        }
    }

    #[test]
    fn runs_come_back_the_last_first_and_damage_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let results = Results::new(folder.path().join("selftest"));
        assert_eq!(results.last(), None);
        assert!(!folder.path().join("selftest").exists(), "looking makes nothing");
        let lock = results.lock().unwrap();
        for started_ms in [5, 900, 70] {
            results.keep(&lock, &run(started_ms, State::Finished)).unwrap();
        }
        for (name, text) in [("1000.json", "{"), ("x.json", "{}"), ("2000.txt", "{}")] {
            fs::write(results.folder.join(name), text).unwrap();
        }
        let started: Vec<i64> = results.list().iter().map(|run| run.started_ms).collect();
        assert_eq!(started, [900, 70, 5]);
    }

    #[test]
    fn a_run_that_nobody_carries_out_was_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let results = Results::new(folder.path().to_owned());
        let lock = results.lock().unwrap();
        results.keep(&lock, &run(1, State::Running)).unwrap();
        results.keep(&lock, &run(2, State::Running)).unwrap();
        let states = || results.list().iter().map(|run| run.state).collect::<Vec<_>>();
        assert_eq!(states(), [State::Running, State::Cut], "one at a time");
        assert!(matches!(results.lock(), Err(ResultsError::Busy)));
        drop(lock);
        assert_eq!(states(), [State::Cut, State::Cut]);
    }

    #[test]
    fn old_runs_and_too_many_go() {
        let folder = tempfile::tempdir().unwrap();
        let results = Results::new(folder.path().to_owned());
        let lock = results.lock().unwrap();
        let now = Timestamp::from_unix_ms(AGE_MAX_MS * 3);
        for number in 0..i64::try_from(RESULTS_MAX).unwrap() + 10 {
            results.keep(&lock, &run(now.unix_ms() - number, State::Finished)).unwrap();
        }
        results.keep(&lock, &run(now.unix_ms() - AGE_MAX_MS - 1, State::Finished)).unwrap();
        fs::write(folder.path().join(format!("{}x", lists::TEMPORARY_PREFIX)), "half").unwrap();
        results.clear(&lock, now);
        let kept = results.list();
        assert_eq!(kept.len(), RESULTS_MAX);
        assert_eq!(kept[0].started_ms, now.unix_ms());
        assert_eq!(results.names().len(), RESULTS_MAX + 1, "the runs and the lock");
        results.clear(&lock, Timestamp::from_unix_ms(now.unix_ms() + AGE_MAX_MS * 2));
        assert_eq!(results.list(), []);
    }
}
