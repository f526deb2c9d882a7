//! Has a release of the machine's system put into place once all of it is here: in the night, while nobody has a lesson, and not while the night's exchange
//! with the hub goes on; or by day, where somebody has said so. Who puts it there believes nothing of what is ordered but the version.
//!
//! ```text
//! wanted --fetched by the night--> here --between 1 and 5 o'clock--> ordered --another service, a restart--> runs
//!                    |                                                  |                                     or failed: never again
//!                    +--somebody wants it now, no lesson---------------->+
//!                                                                       +--refused: ordered again the next night
//! ```

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use access::Clock as _;
use jiff::tz::TimeZone;
use model::{ClockQuality, ReleaseVersion, Timestamp};
use store::Store;
use sync::HubFolder;
use system::clock::SystemClock;
use system::derived::write_derived;
use system::release_shelf::{Haste, ReleaseShelf};

use super::nights::local_ms;
use crate::data_folder;
use crate::releases::Releases;

/// How often it is looked at: a night has many such looks.
const PERIOD: Duration = Duration::from_secs(60);
/// The hours of the night in which the box may start anew, by the school's clocks.
const HOURS: Range<i64> = 1..5;
const HOUR_MS: i64 = 3_600_000;
/// Between two orders of one version: the next one is for the next night.
const PAUSE_MS: u64 = 12 * 3_600_000;

/// Whoever orders.
pub(crate) struct ReleaseKeeper {
    data: PathBuf,
    report: PathBuf,
    order: PathBuf,
    time_zone: TimeZone,
    ordered: Option<(ReleaseVersion, Timestamp)>,
    /// When somebody wanted what was ordered by day: it is ordered once for each time that somebody says so.
    hastened: Option<Timestamp>,
}

impl ReleaseKeeper {
    /// For the box with this data, which orders by writing the file `order`.
    pub(crate) fn new(data: &Path, report: &Path, order: &Path, time_zone: TimeZone) -> Self {
        let [data, report, order] = [data, report, order].map(Path::to_owned);
        Self { data, report, order, time_zone, ordered: None, hastened: None }
    }

    /// Keeps at it until it is told to stop.
    pub(crate) fn keep(mut self, stopped: &Receiver<()>) {
        let (clock, mut told) = (SystemClock::new(), false);
        while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
            let now = clock.now();
            let outcome = self.look(now.at, now.quality);
            let is_told = std::mem::replace(&mut told, outcome.is_err());
            if let Err(error) = outcome
                && !is_told
            {
                tracing::error!("a release of the machine's system cannot be seen to: {error:#}");
            }
        }
    }

    fn look(&mut self, now: Timestamp, quality: ClockQuality) -> anyhow::Result<()> {
        let Some(releases) = Releases::look(&self.data, &self.report) else { return Ok(()) };
        let (shelf, hub) = (ReleaseShelf::new(&self.data), HubFolder::new(&self.data));
        if quality == ClockQuality::Unset || !hub.is_enrolled() {
            return Ok(());
        }
        // While the night's exchange goes on, files come.
        let Ok(_lock) = hub.lock() else { return Ok(()) };
        let wanted = releases.wanted.as_ref().map(model::Release::version);
        // First: what goes is room for a note on a disk that is full.
        shelf.keep_only(wanted)?;
        shelf.note_running(&releases.report.running, now)?;
        let Some((version, _)) = releases.waiting() else { return Ok(shelf.forget_haste()?) };
        let haste = self.haste(&shelf, version, now)?;
        let is_due = haste.is_some() || self.is_time(now) && !self.has_ordered(version, now);
        let is_despite_lessons = haste.as_ref().is_some_and(|haste| haste.is_despite_lessons);
        if !releases.report.is_blessed || !is_due || !is_despite_lessons && self.has_lesson(now)? {
            return Ok(());
        }
        write_derived(&self.order, &format!("{version}\n"))?;
        tracing::info!(%version, "a release of the system is ordered: the box starts anew once it is in place");
        self.ordered = Some((version.clone(), now));
        self.hastened = haste.map(|haste| haste.at).or(self.hastened);
        Ok(())
    }

    /// What somebody wants at once, and was not ordered yet. It stays noted while it counts, for the pages; what is void goes.
    fn haste(
        &self,
        shelf: &ReleaseShelf,
        version: &ReleaseVersion,
        now: Timestamp,
    ) -> anyhow::Result<Option<Haste>> {
        let Some(haste) = shelf.haste() else { return Ok(None) };
        if !haste.counts(version, now) {
            shelf.forget_haste()?;
            return Ok(None);
        }
        Ok(Some(haste).filter(|haste| self.hastened != Some(haste.at)))
    }

    /// Whether it is the night in which the box may start anew.
    fn is_time(&self, now: Timestamp) -> bool {
        let hour = local_ms(now.unix_ms(), &self.time_zone).div_euclid(HOUR_MS).rem_euclid(24);
        HOURS.contains(&hour)
    }

    /// Whether it was ordered this night. A clock that was set back has no say in it.
    fn has_ordered(&self, version: &ReleaseVersion, now: Timestamp) -> bool {
        let Some((of, at)) = &self.ordered else { return false };
        of == version && *at <= now && now.ms_since(*at) < PAUSE_MS
    }

    /// Whether somebody has a lesson, at whatever hour.
    fn has_lesson(&self, now: Timestamp) -> anyhow::Result<bool> {
        let store = Store::open(&self.data.join(data_folder::STATE_FILE))?;
        Ok(store.open_lessons()?.iter().any(|lesson| lesson.until > now))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use model::{InternetMode, LessonSettings, NewLesson};

    use super::*;
    use crate::releases::tests::{bring, release, report, want};

    /// The box, at 3 o'clock of its night.
    struct Night {
        folder: tempfile::TempDir,
        keeper: ReleaseKeeper,
    }

    const HOUR: u64 = 3_600_000;
    const THREE: Timestamp = Timestamp::from_unix_ms(1_795_402_800_000);

    impl Night {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = |name: &str| folder.path().join(name);
            fs::create_dir(path("hub")).unwrap();
            fs::write(path("hub/identity"), "").unwrap();
            want(folder.path(), 1, Some(release("1.5.0")));
            report(&path("report"), "1.4.0", true, None, &[]);
            let keeper = ReleaseKeeper::new(folder.path(), &path("report"), &path("order"), TimeZone::UTC);
            Self { folder, keeper }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// Looks so many hours after 3 o'clock; what is ordered. Whoever carries an order out takes it away.
        fn look(&mut self, hours: i64) -> Option<String> {
            let at = Timestamp::from_unix_ms(THREE.unix_ms() + hours * i64::try_from(HOUR).unwrap());
            self.keeper.look(at, ClockQuality::Synchronised).unwrap();
            let order = fs::read_to_string(self.path("order")).ok();
            drop(fs::remove_file(self.path("order")));
            order
        }
    }

    #[test]
    fn a_release_is_ordered_once_it_is_here_and_once_a_night() {
        assert_eq!(local_ms(THREE.unix_ms(), &TimeZone::UTC).rem_euclid(86_400_000), 3 * 3_600_000);
        let mut night = Night::new();
        assert_eq!(night.look(0), None, "nothing is here");
        bring(night.folder.path(), &release("1.5.0"));
        for by_day in [-3, 2, 9, 20] {
            assert_eq!(night.look(by_day), None, "{by_day}");
        }
        assert_eq!(night.look(0).as_deref(), Some("1.5.0\n"));
        assert_eq!((night.look(0), night.look(1)), (None, None), "it was refused: not again this night");
        assert_eq!(night.look(24).as_deref(), Some("1.5.0\n"));
        night.keeper.look(THREE, ClockQuality::Unset).unwrap();
        assert!(!night.path("order").exists(), "without the time nobody knows when night is");
    }

    /// A school that switches its box off every night.
    #[test]
    fn somebody_may_want_it_by_day() {
        let at = |hours: i64| Timestamp::from_unix_ms(THREE.unix_ms() + hours * i64::try_from(HOUR).unwrap());
        let mut day = Night::new();
        bring(day.folder.path(), &release("1.5.0"));
        let shelf = ReleaseShelf::new(day.folder.path());
        let hurry = |hours, version: &str, is_despite_lessons| {
            let version = version.parse().unwrap();
            shelf.hurry(&Haste { version, at: at(hours), is_despite_lessons }).unwrap();
        };
        assert_eq!(day.look(9), None);
        hurry(9, "1.5.0", false);
        report(&day.path("report"), "1.4.0", false, None, &[]);
        assert_eq!(day.look(9), None, "what runs is not blessed yet");
        report(&day.path("report"), "1.4.0", true, None, &[]);
        assert_eq!(day.look(9).as_deref(), Some("1.5.0\n"));
        assert!(day.look(9).is_none() && shelf.haste().is_some(), "once, and the pages see it");
        assert!(day.look(10).is_none() && shelf.haste().is_none(), "it counts for a while");
        hurry(10, "1.6.0", true);
        assert!(day.look(10).is_none() && shelf.haste().is_none(), "another version");
        let mut store = Store::open(&day.path(data_folder::STATE_FILE)).unwrap();
        let settings = LessonSettings { until: at(14), internet: InternetMode::Normal, is_wifi_on: false };
        let lesson = NewLesson::new("Mme Martin".parse().unwrap(), "CM2".parse().unwrap(), at(11), settings);
        store.start_lesson(lesson.unwrap(), None, None).unwrap();
        hurry(11, "1.5.0", false);
        assert_eq!(day.look(11), None, "somebody has a lesson");
        hurry(12, "1.5.0", true);
        assert_eq!(day.look(12).as_deref(), Some("1.5.0\n"), "that does not matter");
        hurry(13, "1.5.0", true);
        assert_eq!(day.look(13).as_deref(), Some("1.5.0\n"), "it was refused, and somebody says it again");
        hurry(13, "1.5.0", true);
        want(day.folder.path(), 2, None);
        assert!(day.look(13).is_none() && shelf.haste().is_none(), "the commune has withdrawn it");
    }

    #[test]
    fn nothing_is_ordered_that_would_harm() {
        let mut night = Night::new();
        bring(night.folder.path(), &release("1.5.0"));
        report(&night.path("report"), "1.4.0", false, None, &[]);
        assert_eq!(night.look(0), None, "what runs is not blessed yet");
        report(&night.path("report"), "1.4.0", true, None, &[]);
        let lock = HubFolder::new(night.folder.path()).lock().unwrap();
        assert_eq!(night.look(0), None, "the night's exchange goes on");
        drop(lock);
        let mut store = Store::open(&night.path(data_folder::STATE_FILE)).unwrap();
        let settings = LessonSettings {
            until: Timestamp::from_unix_ms(THREE.unix_ms() + 1_800_000),
            internet: InternetMode::Normal,
            is_wifi_on: false,
        };
        let lesson = NewLesson::new("Mme Martin".parse().unwrap(), "CM2".parse().unwrap(), THREE, settings);
        store.start_lesson(lesson.unwrap(), None, None).unwrap();
        assert_eq!(night.look(0), None, "somebody has a lesson");
        assert_eq!(night.look(1).as_deref(), Some("1.5.0\n"));
    }

    #[test]
    fn what_is_not_wanted_any_more_goes() {
        let there = |night: &Night| night.path("releases/1.5.0").exists();
        let mut night = Night::new();
        bring(night.folder.path(), &release("1.5.0"));
        report(&night.path("report"), "1.4.0", true, None, &["1.5.0"]);
        assert!(there(&night) && night.look(0).is_none() && !there(&night), "it failed here");
        report(&night.path("report"), "1.4.0", true, None, &[]);
        bring(night.folder.path(), &release("1.5.0"));
        want(night.folder.path(), 2, None);
        assert!(night.look(0).is_none() && !there(&night), "the commune has withdrawn it");
        want(night.folder.path(), 3, Some(release("1.5.0")));
        bring(night.folder.path(), &release("1.5.0"));
        report(&night.path("report"), "1.5.0", true, None, &[]);
        assert!(night.look(0).is_none() && !there(&night), "it runs");
        fs::remove_file(night.path("report")).unwrap();
        bring(night.folder.path(), &release("1.5.0"));
        assert!(night.look(0).is_none() && there(&night), "no release runs: nothing is touched");
        report(&night.path("report"), "1.4.0", true, None, &[]);
        for left in ["-wal", "-shm"] {
            drop(fs::remove_file(night.path(&format!("{}{left}", data_folder::STATE_FILE))));
        }
        fs::write(night.path(data_folder::STATE_FILE), "damaged".repeat(1_000)).unwrap();
        assert!(night.look(0).is_none() && there(&night), "nobody knows what is wanted");
    }

    /// The files of the release that runs now may be what has filled the disk.
    #[test]
    fn what_is_not_wanted_goes_also_where_nothing_can_be_noted() {
        let mut night = Night::new();
        bring(night.folder.path(), &release("1.5.0"));
        report(&night.path("report"), "1.5.0", true, None, &[]);
        // Nothing can be put in the place of a folder that has something in it.
        fs::create_dir_all(night.path("releases/since/full")).unwrap();
        assert!(night.keeper.look(THREE, ClockQuality::Synchronised).is_err(), "it is told");
        assert!(!night.path("releases/1.5.0").exists());
    }
}
