//! The intended state: devices, overrides and lessons, and apart from them the lists. Each is read whole: at the start, and
//! again whenever it has moved.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant as Steady};

use access::{Directory, Instant};
use archive::Belief;
use blocklist::{Index, builtin};
use journal::Journal;
use model::{Lesson, Rule, Timestamp};
use people::is_alive;
use policy::{Moment, Snapshot};
use portal::ListOrigin;
use store::{Generation, Store, StoreError};
use system::clock::monotonic;
use system::lists::{adopt_index, open_index};
use system::vault::Folder;

use super::forgetting::Forgetting;
use super::lessons::Lessons;
use super::overrides::Overrides;
use super::person_acts::PersonActs;
use super::readings::Readings;
use crate::config::Config;
use crate::data_folder::{KEPT_LIST_FILE, LIST_FILE, STATE_FILE};

/// How often nothing is left of what was deleted from the state file: a box that is stolen shows an hour of it.
const SETTLE_PERIOD: Duration = Duration::from_secs(3_600);

/// Where devices and overrides are kept, and which state of them was read last.
pub(crate) struct Intent {
    state_file: PathBuf,
    store: Option<Store>,
    generation: Option<Generation>,
    is_state_told: bool,
    overrides: Overrides,
    lessons: Lessons,
    person_acts: PersonActs,
    forgetting: Forgetting,
    /// When the state file was settled last.
    settled: Option<Steady>,
}

/// Where the compiled list is, and which state of it was read last.
pub(crate) struct ListFile {
    file: PathBuf,
    stamp: Option<Stamp>,
    /// The box's own copy of the last good list.
    kept_file: PathBuf,
}

/// What a look at the compiled list shows.
pub(crate) enum ListNews {
    /// Nothing new.
    None,
    /// Another list, whole.
    Good(List),
    /// Another file that is no list, or a damaged one.
    Refused,
}

/// A list that can be put in force.
pub(crate) struct List {
    pub(crate) index: Arc<Index>,
    pub(crate) origin: ListOrigin,
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified_ns: (i64, i64),
}

impl Intent {
    /// What the data folder keeps. Reads nothing yet.
    pub(crate) fn new(data: &Path) -> Self {
        Self {
            state_file: data.join(STATE_FILE),
            store: None,
            generation: None,
            is_state_told: false,
            overrides: Overrides::default(),
            lessons: Lessons::default(),
            person_acts: PersonActs::default(),
            forgetting: Forgetting::default(),
            settled: None,
        }
    }

    /// Reads devices and overrides, when something has changed since the last reading: then the devices are given.
    /// A state file that cannot be read is told once, and leaves all as it was: at the start, every device is
    /// unknown.
    pub(crate) fn read_state(&mut self) -> Option<Directory> {
        match self.try_read_state() {
            Ok(directory) => {
                self.is_state_told = false;
                directory
            }
            Err(error) => {
                if !self.is_state_told {
                    tracing::error!("devices and overrides cannot be read: {error:#}");
                }
                self.is_state_told = true;
                // Opened anew the next time: somebody may have put the file right.
                (self.store, self.generation) = (None, None);
                None
            }
        }
    }

    fn try_read_state(&mut self) -> anyhow::Result<Option<Directory>> {
        let store = match &mut self.store {
            Some(store) => store,
            absent => absent.insert(Store::open(&self.state_file)?),
        };
        let generation = store.generation()?;
        if self.generation == Some(generation) {
            return Ok(None);
        }
        let devices: Result<_, StoreError> = store.devices();
        let directory = devices?.into_iter().collect();
        self.overrides.replace(store.open_overrides()?);
        self.lessons.replace(store.open_lessons()?);
        self.generation = Some(generation);
        Ok(Some(directory))
    }

    /// Records what happened to overrides since the last time, and ends lessons. Returns whether other rules or lessons are in
    /// force now: then the policy has to follow.
    pub(crate) fn keep_decided(&mut self, journal: &Journal, now: Instant) -> bool {
        let Some(store) = &mut self.store else { return false };
        let other_rules = self.overrides.keep(store, journal, now);
        let other_lessons = self.lessons.keep(store, now);
        other_rules || other_lessons
    }

    /// Ends the readings whose time is over, by the box's clock or by the one that nobody sets, and wipes their keys, those of
    /// readings that were ended elsewhere, and those of sessions that are over.
    pub(crate) fn keep_readings(&mut self, readings: &Readings, now: Instant) {
        let (over, is_news) = readings.wipe_ended();
        let (Some(store), Some(now)) = (&mut self.store, now.plausible()) else { return };
        match store.lapse_readings(now, &over) {
            Ok(lapsed) => lapsed.into_iter().chain(over).for_each(|id| readings.wipe(id)),
            Err(error) if is_news => {
                let error = anyhow::Error::from(error);
                tracing::error!(
                    "readings that are over are not noted as such, their keys are gone: {error:#}"
                );
            }
            // Told with what else cannot be written.
            Err(_) => {}
        }
        // Ended by the command line, or with a person who was disabled there.
        let closed = store.closed_readings(&readings.held());
        closed.into_iter().flatten().for_each(|id| readings.wipe(id));
        for session in readings.sessions() {
            // Where that cannot be read, nothing can be looked at either.
            let is_over = store.find_session(&session).is_ok_and(|session| {
                session.is_none_or(|it| !is_alive(it.person.role, it.began, it.used, now))
            });
            if is_over {
                readings.wipe_session(&session);
            }
        }
    }

    /// Hands to the journal what people did since the last time, and forgets what is old.
    pub(crate) fn keep_person_acts(&mut self, journal: &Journal, now: Instant) {
        if let Some(store) = &mut self.store {
            self.person_acts.keep(store, journal, now);
            let data = self.state_file.parent();
            let is_known = || data.is_some_and(|data| is_believed(data, now));
            self.forgetting.keep(store, now, monotonic(), is_known);
        }
    }

    /// Leaves nothing of what was deleted from the state file, once an hour, and when the box stops.
    pub(crate) fn settle(&mut self, is_last: bool) {
        let now = monotonic();
        let is_due = self.settled.is_none_or(|last| now.saturating_duration_since(last) >= SETTLE_PERIOD);
        let Some(store) = self.store.as_mut().filter(|_| is_due || is_last) else { return };
        self.settled = Some(now);
        if let Err(error) = store.settle() {
            let error = anyhow::Error::from(error);
            tracing::warn!(
                "what was deleted from the state file may be read there for an hour more: {error:#}"
            );
        }
    }

    /// Begins the planned lessons whose time has come.
    pub(crate) fn begin_planned(&mut self, now: Instant, moment: impl FnOnce(Timestamp) -> Moment) {
        if let (Some(store), Some(at)) = (&mut self.store, now.plausible()) {
            self.lessons.begin_planned(store, now, &moment(at));
        }
    }

    /// The lessons that may run.
    pub(crate) fn lessons(&self) -> Vec<Lesson> {
        self.lessons.open().to_vec()
    }

    /// The rules of the overrides in force.
    pub(crate) fn rules(&self) -> Vec<Rule> {
        self.overrides.rules().cloned().collect()
    }
}

/// Whether the log of seals believes a clock that shows this. Where nothing is sealed yet, it knows no time.
fn is_believed(data: &Path, now: Instant) -> bool {
    let log = Folder::new(data).log_so_far();
    log.is_ok_and(|log| Belief::after(log.leaves()).check((now.at, now.quality)).is_ok())
}

impl ListFile {
    /// Where `config` or the data folder has the list. Reads nothing yet.
    pub(crate) fn new(config: &Config, data: &Path) -> Self {
        Self {
            file: config.list_index.clone().unwrap_or_else(|| data.join(LIST_FILE)),
            stamp: None,
            kept_file: data.join(KEPT_LIST_FILE),
        }
    }

    /// The list to start with: the compiled one, else the last good one, else the built-in one; and whether the
    /// compiled one was refused.
    pub(crate) fn first(&mut self) -> (List, bool) {
        let news = self.read();
        let is_refused = matches!(news, ListNews::Refused);
        let list = match news {
            ListNews::Good(list) => list,
            ListNews::None | ListNews::Refused => match open_index(&self.kept_file) {
                Ok(index) => {
                    let state = if is_refused { "refused" } else { "not there" };
                    tracing::warn!("the last good list serves: {} is {state}", self.file.display());
                    List { index: Arc::new(index), origin: ListOrigin::Built(None) }
                }
                Err(error) => {
                    // A new box has had no list yet; after an upgrade, both may be of the format before.
                    if is_refused || self.kept_file.exists() {
                        let error = anyhow::Error::from(error);
                        tracing::error!("the built-in list serves, there is no other good one: {error:#}");
                    }
                    List { index: Arc::new(builtin()), origin: ListOrigin::Embedded }
                }
            },
        };
        (list, is_refused)
    }

    /// The compiled list, when its file has changed since the last reading. A file that is absent or damaged
    /// is told once, and leaves the list as it was.
    pub(crate) fn read(&mut self) -> ListNews {
        let (stamp, is_file) = match fs::metadata(&self.file) {
            Ok(metadata) => (Stamp::of(&metadata), metadata.is_file()),
            Err(error) => {
                if self.stamp.take().is_some() || error.kind() != io::ErrorKind::NotFound {
                    let file = self.file.display();
                    tracing::warn!(%file, %error, "the compiled list is gone: the one in force stays");
                }
                return ListNews::None;
            }
        };
        if self.stamp == Some(stamp) {
            return ListNews::None;
        }
        self.stamp = Some(stamp);
        if !is_file {
            tracing::error!("{} is no regular file: the last good list serves", self.file.display());
            return ListNews::Refused;
        }
        match adopt_index(&self.file, &self.kept_file) {
            Ok(index) => {
                let built = Timestamp::from_unix_ms(stamp.modified_ns.0.saturating_mul(1000));
                let origin = ListOrigin::Built(Some(built));
                ListNews::Good(List { index: Arc::new(index), origin })
            }
            Err(error) => {
                let error = anyhow::Error::from(error);
                tracing::error!("the compiled list is refused, the last good one stays: {error:#}");
                ListNews::Refused
            }
        }
    }
}

impl List {
    /// Tells of categories that `policy` names and this list does not have. That the built-in list has few is no news.
    pub(crate) fn tell_missing(&self, policy: &Snapshot) {
        if self.origin != ListOrigin::Embedded && !policy.missing_categories().is_empty() {
            let missing = policy.missing_categories().iter().map(ToString::to_string).collect::<Vec<_>>();
            tracing::warn!(categories = missing.join(", "), "rules name categories that no list has");
        }
    }
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified_ns: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}
