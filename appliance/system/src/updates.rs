//! Keeping the lists up to date from a mirror: fetch, compile, compare, put in force or hold back.
//!
//! One update is one call of [`update`], by hand or in a child process that an [`Updater`] starts. The box itself
//! only ever sees a new index file.
//!
//! Invariant: after any failure, at any moment, the list file is a whole one: the last good one, or the new one.

mod accept;
mod child;
mod in_force;
#[cfg(test)]
mod on_disk;
mod plan;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::PathBuf;

use blocklist::{Event, Index, Loss, Summary, count_lines, find_losses};
use model::{Category, Timestamp};
use rustls::pki_types::CertificateDer;
use tempfile::NamedTempFile;

use crate::lists::{self, BuildListError, open_index};
pub use crate::mirror::{FetchError, Step};
use crate::mirror::{Fetched, Limits, Mirror, MirrorUrl, Shelf};
pub use accept::{AcceptError, accept};
pub use child::{BUSY_STATUS, Updater};
pub use in_force::{InForce, hold_in_force};
pub use plan::Plan;
pub use state::{Failure, Held, Outcome, State};

/// What UT1 calls the archive of all its lists.
pub(crate) const WHOLE_ARCHIVE: &str = "blacklists.tar.gz";
/// What the archives' names end with.
const ARCHIVE_EXTENSION: &str = ".tar.gz";
/// Held by whoever updates or accepts.
const LOCK_FILE: &str = "lock";

/// Where lists come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The mirror.
    pub mirror: MirrorUrl,
    /// The categories to fetch, each as an archive of its own; empty: the archive of all.
    pub categories: Vec<Category>,
    /// Who signs the mirror's certificate; empty: the public authorities.
    pub authorities: Vec<CertificateDer<'static>>,
}

impl Source {
    fn archives(&self) -> Vec<String> {
        if self.categories.is_empty() {
            return vec![WHOLE_ARCHIVE.to_owned()];
        }
        let mut names: Vec<_> =
            self.categories.iter().map(|category| format!("{category}{ARCHIVE_EXTENSION}")).collect();
        names.sort();
        names.dedup();
        names
    }

    fn wants(&self, category: &Category) -> bool {
        self.categories.is_empty() || self.categories.contains(category)
    }
}

/// Where lists lie on the disk.
#[derive(Clone, Debug)]
pub struct Places {
    /// The folder of archives, of what is on its way, and of the state.
    pub folder: PathBuf,
    /// The list that the box puts in force.
    pub list: PathBuf,
    /// The box's own copy of the last good one.
    pub kept: PathBuf,
    /// A list that is held back.
    pub held: PathBuf,
}

impl Places {
    /// The list that a new one is compared with: the last good one.
    fn list_in_force(&self) -> Option<Index> {
        open_index(&self.list).or_else(|_| open_index(&self.kept)).ok()
    }

    /// Whether an update can wait for its time: a list is here, or one is held back for a person to look at. A
    /// file that does not open, damaged or of an older format, is none. Reads the file: some tens of milliseconds.
    #[must_use]
    pub fn has_list(&self, state: Option<&State>) -> bool {
        let is_held = state.is_some_and(|state| state.held.is_some());
        self.list_in_force().is_some() || (is_held && open_index(&self.held).is_ok())
    }

    /// Takes the folder for one update. The lock ends with the process, however it ends.
    fn lock(&self) -> Result<File, LockError> {
        let path = self.folder.join(LOCK_FILE);
        let open = || {
            fs::create_dir_all(&self.folder)?;
            File::options().create(true).append(true).open(&path)
        };
        let file = open().map_err(|source| LockError::Open { path: path.clone(), source })?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(LockError::Busy),
            Err(TryLockError::Error(source)) => Err(LockError::Open { path, source }),
        }
    }
}

/// Why the lists cannot be changed now.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else does it.
    #[error("the lists are being updated at the moment")]
    Busy,
    /// The folder cannot be written.
    #[error("cannot write {}", path.display())]
    Open {
        /// The lock.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Something that happens during an update.
#[derive(Debug)]
pub enum Progress<'a> {
    /// While a file is fetched.
    Fetch(Step<'a>),
    /// An archive is the one that is here already.
    Unchanged(&'a str),
    /// An archive is here, whole and verified.
    Fetched(&'a str),
    /// While the list is compiled.
    Build(Event<'a>),
    /// The list is compiled.
    Built(&'a Summary),
}

/// Notes that nothing could be asked: what to ask is not known yet.
///
/// # Errors
/// [`LockError`].
pub fn note_failure(places: &Places, now: Timestamp, why: &str) -> Result<(), LockError> {
    let _lock = places.lock()?;
    let before = State::read(places).unwrap_or_default();
    before.after_failure(now, None, Failure::Mirror, why).write(places)
}

/// Fetches what is new at the mirror, compiles it, and puts it in force or holds it back; `now` is when. What
/// became of it stands in the state, also after a failure.
///
/// # Errors
/// [`UpdateError`]; the list in force stays.
pub fn update(
    source: &Source,
    places: &Places,
    now: Timestamp,
    report: &mut dyn FnMut(Progress<'_>),
) -> Result<Outcome, UpdateError> {
    update_within(Limits::USUAL, source, places, now, report)
}

fn update_within(
    limits: Limits,
    source: &Source,
    places: &Places,
    now: Timestamp,
    report: &mut dyn FnMut(Progress<'_>),
) -> Result<Outcome, UpdateError> {
    let _lock = places.lock()?;
    let before = State::read(places).unwrap_or_default();
    let run = Run { source, places, before: &before };
    let outcome = run.carry_out(limits, report);
    let after = match &outcome {
        Ok(done) => before.after_success(now, source, done),
        Err(error) => before.after_failure(now, Some(source), error.failure(), &describe(error)),
    };
    after.write(places)?;
    outcome.map(|done| done.outcome)
}

/// One update.
struct Run<'u> {
    source: &'u Source,
    places: &'u Places,
    before: &'u State,
}

/// An update that came to its end.
struct Done {
    outcome: Outcome,
    /// The archives that the list, in force or held, was compiled from, with their checksums.
    built: Vec<(String, String)>,
    losses: Vec<Loss>,
    /// The lines of each category of the list in force, or of the last one that was.
    lines: BTreeMap<Category, u64>,
}

impl Run<'_> {
    fn carry_out(&self, limits: Limits, report: &mut dyn FnMut(Progress<'_>)) -> Result<Done, UpdateError> {
        let shelves = self.fetch(limits, report)?;
        let built: Vec<_> =
            shelves.iter().filter_map(|shelf| Some((shelf.name().to_owned(), shelf.sum()?))).collect();
        let is_held = self.before.held.is_some() && open_index(&self.places.held).is_ok();
        if built == self.before.built && is_held {
            let losses = self.before.held.as_ref().map(Held::losses).unwrap_or_default();
            return Ok(Done { outcome: Outcome::Held, built, losses, lines: self.lines_in_force() });
        }
        if built == self.before.in_force && open_index(&self.places.list).is_ok() {
            remove_held(self.places)?;
            let lines = self.lines_in_force();
            return Ok(Done { outcome: Outcome::Unchanged, built, losses: vec![], lines });
        }
        let index = self.build(&shelves, limits, report)?;
        let before = self.lines_in_force();
        let after = count_lines(&open_index(index.path()).map_err(UpdateError::Unusable)?);
        let losses = find_losses(&before, &after, |category| self.source.wants(category));
        let place = if losses.is_empty() { &self.places.list } else { &self.places.held };
        lists::publish_across(index, place)
            .map_err(|source| UpdateError::Write { path: place.clone(), source })?;
        if !losses.is_empty() {
            return Ok(Done { outcome: Outcome::Held, built, losses, lines: before });
        }
        remove_held(self.places)?;
        Ok(Done { outcome: Outcome::Updated, built, losses, lines: after })
    }

    /// Brings the archives here up to date.
    fn fetch(&self, limits: Limits, report: &mut dyn FnMut(Progress<'_>)) -> Result<Vec<Shelf>, UpdateError> {
        let Source { mirror, authorities, .. } = self.source;
        let mirror = Mirror::new(mirror.clone(), authorities, limits);
        let names = self.source.archives();
        self.clear(&names)?;
        let mut shelves = Vec::new();
        for name in &names {
            let shelf = Shelf::new(&self.places.folder, name);
            let fetched = mirror.fetch(&shelf, &mut |step| report(Progress::Fetch(step)))?;
            report(match fetched {
                Fetched::New => Progress::Fetched(name),
                Fetched::Unchanged => Progress::Unchanged(name),
            });
            shelves.push(shelf);
        }
        Ok(shelves)
    }

    /// Removes archives that are no longer wanted, and what a killed update left. Nobody else writes here: the
    /// folder is locked.
    fn clear(&self, wanted: &[String]) -> Result<(), UpdateError> {
        let folder = &self.places.folder;
        let read = || -> io::Result<()> {
            for entry in fs::read_dir(folder)? {
                let name = entry?.file_name().to_string_lossy().into_owned();
                let of_archive =
                    name.find(ARCHIVE_EXTENSION).and_then(|at| name.get(..at + ARCHIVE_EXTENSION.len()));
                let is_unwanted =
                    of_archive.is_some_and(|archive| !wanted.iter().any(|name| name == archive));
                if is_unwanted || name.starts_with(lists::TEMPORARY_PREFIX) {
                    fs::remove_file(folder.join(&name))?;
                }
            }
            Ok(())
        };
        read().map_err(|source| UpdateError::Write { path: folder.clone(), source })
    }

    fn build(
        &self,
        shelves: &[Shelf],
        limits: Limits,
        report: &mut dyn FnMut(Progress<'_>),
    ) -> Result<NamedTempFile, UpdateError> {
        let archives: Vec<PathBuf> = shelves.iter().map(Shelf::file).collect();
        let mut events = |event: Event<'_>| report(Progress::Build(event));
        let compiled = lists::compile_archives(&archives, limits.unpacked_bytes_max, &mut events)?;
        report(Progress::Built(&compiled.summary));
        let folder = &self.places.folder;
        lists::write_temporary(folder, &compiled.bytes)
            .map_err(|source| UpdateError::Write { path: folder.clone(), source })
    }

    /// What a new list is compared with. Where no list can be read, damaged or of an older format, what the state
    /// remembers of it: a list that lost much is not to slip in then.
    fn lines_in_force(&self) -> BTreeMap<Category, u64> {
        self.places.list_in_force().map_or_else(|| self.before.lines(), |list| count_lines(&list))
    }
}

fn remove_held(places: &Places) -> Result<(), UpdateError> {
    match fs::remove_file(&places.held) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(UpdateError::Write { path: places.held.clone(), source })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// An error and its causes in one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // Some libraries repeat the cause in their own words.
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

/// Why there is no new list.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// Not now.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// An archive is not here.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// What was fetched does not become an index.
    #[error(transparent)]
    Build(#[from] BuildListError),
    /// The new index cannot be read back.
    #[error(transparent)]
    Unusable(lists::OpenListError),
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl UpdateError {
    /// What people have to look at.
    fn failure(&self) -> Failure {
        match self {
            Self::Fetch(FetchError::Unreachable(_) | FetchError::Cut(_) | FetchError::Slow) => Failure::Line,
            Self::Fetch(
                FetchError::Status(_)
                | FetchError::Absent { .. }
                | FetchError::Downgrade
                | FetchError::Redirects
                | FetchError::WrongPart
                | FetchError::TooLarge(_)
                | FetchError::NoArchive { .. }
                | FetchError::NoChecksums
                | FetchError::Checksum { .. },
            ) => Failure::Mirror,
            Self::Build(BuildListError::Build(_)) => Failure::List,
            Self::Lock(_)
            | Self::Fetch(FetchError::Disk { .. })
            | Self::Build(BuildListError::Source { .. } | BuildListError::Write { .. })
            | Self::Unusable(_)
            | Self::Write { .. } => Failure::Disk,
        }
    }
}
