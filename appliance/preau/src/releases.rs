//! How the box stands with releases of its machine's system: what runs, what the commune wants, what is here of it, what failed.

use std::io;
use std::path::Path;

use model::{
    ClockQuality, Mac, PersonAct, PersonDeed, PersonName, Release, ReleaseArch, ReleaseVersion, Sought,
    Timestamp,
};
use replication::limits::{REASON_LENGTH_MAX, RELEASES_FAILED_MAX};
use replication::{ReleaseFailure, ReleaseHealth};
use store::{PersonError, Store};
use system::release::{FailedRelease, ReleaseReport};
use system::release_shelf::{Haste, ReleaseShelf, ReleaseTrouble};

use crate::data_folder;

/// Where the system of an image tells of its releases.
pub(crate) const REPORT: &str = "/run/preau/release.json";

/// What the system tells; `None` where it is no release, or what stands there cannot be read: nothing is done then.
pub(crate) fn read_report(path: &Path) -> Option<ReleaseReport> {
    ReleaseReport::read(path).ok().flatten()
}

/// Whether a release is worth having: for this kind of machine (a state may come from a box of another), newer than the one that runs, not in its slot
/// yet, and none that has failed here.
pub(crate) fn is_wanted(release: &Release, report: &ReleaseReport) -> bool {
    let version = release.version();
    let is_installed = report.installed.as_ref().is_some_and(|installed| installed >= version);
    let has_failed = report.failed.iter().any(|failed| failed.version == *version);
    release.arch() == ReleaseArch::OWN && *version > report.running && !is_installed && !has_failed
}

/// All of it, at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Releases {
    pub(crate) report: ReleaseReport,
    /// Since when the version runs that runs, as far as the box knows.
    pub(crate) since: Option<Timestamp>,
    /// What the commune wants, where it is worth having.
    pub(crate) wanted: Option<Release>,
    /// Since when all of that is here.
    pub(crate) whole_since: Option<Timestamp>,
    /// Why it is not here.
    pub(crate) trouble: Option<ReleaseTrouble>,
    /// What somebody wants at once.
    pub(crate) haste: Option<Haste>,
}

/// Why a release is not put into its place at once.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HurryError {
    /// The machine's system is no release, or does not tell which.
    #[error("this machine's system is no release of the project")]
    NoImage,
    /// Another version waits, or none.
    #[error("version {0} is not here, or does not wait")]
    NotWaiting(ReleaseVersion),
    /// What runs is the way back, and may fail yet.
    #[error("what runs has not passed its health check yet: try again in some minutes")]
    Unblessed,
    /// Nobody knows whether there are lessons.
    #[error("the clock is not set")]
    NoClock,
    /// The restart would interrupt lessons.
    #[error("lessons under way: {0}; with --during-lessons they do not matter")]
    Lessons(usize),
    /// Nobody would know who it was.
    #[error(transparent)]
    Unrecorded(#[from] PersonError),
    /// It cannot be noted.
    #[error("the order cannot be noted")]
    Note(#[from] io::Error),
}

/// How many lessons are under way.
pub(crate) fn count_lessons(store: &Store, now: Timestamp) -> Result<usize, PersonError> {
    Ok(store.open_lessons()?.iter().filter(|lesson| lesson.until > now).count())
}

impl Releases {
    /// Looks; `None` where the system is no release, or the state cannot be read: to want nothing is something else, and has files removed.
    pub(crate) fn look(data: &Path, report: &Path) -> Option<Self> {
        let (report, shelf) = (read_report(report)?, ReleaseShelf::new(data));
        let store = Store::open(&data.join(data_folder::STATE_FILE)).ok()?;
        let wanted = store.commune_release().ok()?;
        let wanted = wanted.filter(|release| is_wanted(release, &report));
        let whole_since = wanted.as_ref().and_then(|release| shelf.whole_since(release));
        let noted = wanted.as_ref().and_then(|release| shelf.trouble(release.version()));
        // A disk that is full has no room to note it.
        let is_full = noted.is_none() && wanted.is_some() && whole_since.is_none() && shelf.is_disk_full();
        let trouble = noted.or(is_full.then_some(ReleaseTrouble::NoRoom));
        let since = shelf.running_since(&report.running);
        Some(Self { since, report, wanted, whole_since, trouble, haste: shelf.haste() })
    }

    /// What is here whole, and waits for the night.
    pub(crate) fn waiting(&self) -> Option<(&ReleaseVersion, Timestamp)> {
        self.wanted.as_ref().map(Release::version).zip(self.whole_since)
    }

    /// What is here whole, and may be put into its place at any moment: the way back has shown that it is one.
    pub(crate) fn installable(&self) -> Option<&ReleaseVersion> {
        let waiting = self.waiting().filter(|_| self.report.is_blessed && self.report.installed.is_none());
        waiting.map(|(version, _)| version)
    }

    /// Has a release that waits for the night put into its place at once: a record says who wanted that, then the box sees to it within a minute.
    ///
    /// # Errors
    /// [`HurryError`].
    pub(crate) fn hurry(
        &self,
        store: &mut Store,
        data: &Path,
        (author, device): (&PersonName, Option<Mac>),
        (haste, quality): (&Haste, ClockQuality),
    ) -> Result<(), HurryError> {
        if quality == ClockQuality::Unset {
            return Err(HurryError::NoClock);
        }
        if self.waiting().is_none_or(|(version, _)| *version != haste.version) {
            return Err(HurryError::NotWaiting(haste.version.clone()));
        }
        if self.installable().is_none() {
            return Err(HurryError::Unblessed);
        }
        let lessons = count_lessons(store, haste.at)?;
        if lessons > 0 && !haste.is_despite_lessons {
            return Err(HurryError::Lessons(lessons));
        }
        let deed = PersonDeed::InstallRelease { words: Sought::new(&haste.words()) };
        store.keep_done_act(&PersonAct { author: author.clone(), device, deed })?;
        Ok(ReleaseShelf::new(data).hurry(haste)?)
    }

    /// The last one that failed, where it is newer than what runs.
    pub(crate) fn failure(&self) -> Option<&FailedRelease> {
        self.report.failed.iter().rfind(|failed| failed.version > self.report.running)
    }

    /// What the hub is told.
    pub(crate) fn health(&self) -> ReleaseHealth {
        let failed = self.report.failed.iter().rev().take(RELEASES_FAILED_MAX);
        ReleaseHealth {
            running: self.report.running.to_string(),
            arch: Some(ReleaseArch::OWN.as_str().to_owned()),
            since_ms: self.since.map(Timestamp::unix_ms),
            waiting: self.waiting().map(|(version, _)| version.to_string()),
            trouble: self.trouble.map(|trouble| trouble.as_str().to_owned()),
            failed: failed
                .map(|failed| ReleaseFailure {
                    version: failed.version.to_string(),
                    at_ms: failed.at().map_or(0, Timestamp::unix_ms),
                    why: tidy(&failed.why),
                })
                .collect(),
        }
    }
}

/// What people may be shown of a reason, and no more of it.
fn tidy(why: &str) -> String {
    why.chars().map(|it| if it.is_control() { ' ' } else { it }).take(REASON_LENGTH_MAX).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use archive::Hash;
    use model::{CommuneSheet, InternetMode, LessonSettings, NewLesson, ReleaseFile};
    use store::CommuneDocument;

    use super::*;

    /// A release whose files have their own names as their texts.
    pub(crate) fn release(version: &str) -> Release {
        release_named(version, if ReleaseArch::OWN == ReleaseArch::Arm64 { "preau-arm64" } else { "preau" })
    }

    fn release_named(version: &str, stem: &str) -> Release {
        let uuid = "0b1f6c1e-7a55-4c0b-9a86-0d6a4bb1c0de";
        let names = ["root", "verity"].map(|part| format!("{stem}_{version}_{uuid}.{part}.raw.gz"));
        let others = [format!("{stem}_{version}.efi"), "SHA256SUMS".to_owned(), "SHA256SUMS.gpg".to_owned()];
        let file = |name: String| ReleaseFile {
            bytes: name.len() as u64,
            sha256: Hash::of(name.as_bytes()).to_string(),
            name,
        };
        Release::new(version.parse().unwrap(), names.into_iter().chain(others).map(file).collect()).unwrap()
    }

    /// Has the commune want it.
    pub(crate) fn want(data: &Path, serial: u64, release: Option<Release>) {
        let mut store = Store::open(&data.join(data_folder::STATE_FILE)).unwrap();
        let document = CommuneDocument { serial, signer: "hub".to_owned() };
        let sheet = CommuneSheet { release, ..CommuneSheet::default() };
        let at = (Timestamp::from_unix_ms(1_795_392_000_000), ClockQuality::Synchronised);
        store.take_commune_sheet(&document, &sheet, &"hub".parse().unwrap(), at).unwrap();
    }

    /// Has all of it be here.
    pub(crate) fn bring(data: &Path, release: &Release) {
        let shelf = ReleaseShelf::new(data);
        shelf.prepare(release).unwrap();
        for file in release.files() {
            shelf.append(release, file, 0, file.name.as_bytes()).unwrap();
            assert!(shelf.finish(release, file).unwrap());
        }
    }

    /// Writes what the system of a machine tells.
    pub(crate) fn report(
        path: &Path,
        running: &str,
        is_blessed: bool,
        installed: Option<&str>,
        failed: &[&str],
    ) {
        let failed: Vec<_> = failed
            .iter()
            .map(|version| {
                serde_json::json!({ "version": version, "at_ms": 5, "tries": 3, "why": "preau-health:\u{1b} DNS" })
            })
            .collect();
        let text = serde_json::json!({
            "running": running, "is_blessed": is_blessed, "installed": installed, "failed": failed,
        });
        fs::write(path, text.to_string()).unwrap();
    }

    #[test]
    fn only_what_is_newer_and_has_not_failed_is_worth_having() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("release.json");
        let check = |version: &str, installed: Option<&str>, failed: &[&str], expected: bool| {
            report(&path, "1.4.0", true, installed, failed);
            let read = read_report(&path).unwrap();
            assert_eq!(is_wanted(&release(version), &read), expected, "{version}");
        };
        check("1.5.0", None, &[], true);
        check("1.10.0", None, &["1.5.0"], true);
        check("1.5.0", None, &["1.5.0"], false);
        check("1.4.0", None, &[], false);
        check("1.3.0", None, &[], false);
        check("1.5.0", Some("1.5.0"), &[], false);
        check("1.5.0", Some("1.6.0"), &[], false);
        check("1.6.0", Some("1.5.0"), &[], true);
        let stem = if ReleaseArch::OWN == ReleaseArch::Arm64 { "preau" } else { "preau-arm64" };
        let other = release_named("1.10.0", stem);
        assert!(!is_wanted(&other, &read_report(&path).unwrap()), "it is for another kind of machine");
        assert!(read_report(&data.path().join("none")).is_none());
        fs::write(&path, "{").unwrap();
        assert!(read_report(&path).is_none());
    }

    /// Who wants it at once is on record before it is; what would harm is refused.
    #[test]
    fn somebody_who_wants_it_at_once_is_on_record() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("release.json");
        report(&path, "1.4.0", true, None, &[]);
        want(data.path(), 1, Some(release("1.5.0")));
        let mut store = Store::open(&data.path().join(data_folder::STATE_FILE)).unwrap();
        let at = Timestamp::from_unix_ms(1_795_422_600_000);
        let name: PersonName = "Mme Petit".parse().unwrap();
        let mut hurry = |version: &str, is_despite_lessons, quality| {
            let haste = Haste { version: version.parse().unwrap(), at, is_despite_lessons };
            let releases = Releases::look(data.path(), &path).unwrap();
            let outcome = releases.hurry(&mut store, data.path(), (&name, None), (&haste, quality));
            let acts = store.waiting_person_acts(9).unwrap();
            let told = acts.into_iter().map(|waiting| (waiting.act.author.to_string(), waiting.act.deed));
            (outcome, told.collect::<Vec<_>>())
        };
        let set = ClockQuality::Synchronised;
        let (outcome, acts) = hurry("1.5.0", false, set);
        assert!(matches!(outcome, Err(HurryError::NotWaiting(_))) && acts.is_empty(), "{outcome:?}");
        bring(data.path(), &release("1.5.0"));
        assert!(matches!(hurry("1.6.0", false, set), (Err(HurryError::NotWaiting(_)), _)));
        assert!(matches!(hurry("1.5.0", false, ClockQuality::Unset), (Err(HurryError::NoClock), _)));
        report(&path, "1.4.0", false, None, &[]);
        assert!(matches!(hurry("1.5.0", false, set), (Err(HurryError::Unblessed), _)));
        report(&path, "1.4.0", true, None, &[]);
        let settings = LessonSettings {
            until: Timestamp::from_unix_ms(at.unix_ms() + 1_800_000),
            internet: InternetMode::Normal,
            is_wifi_on: false,
        };
        let lesson = NewLesson::new("Mme Martin".parse().unwrap(), "CM2".parse().unwrap(), at, settings);
        let mut other = Store::open(&data.path().join(data_folder::STATE_FILE)).unwrap();
        other.start_lesson(lesson.unwrap(), None, None).unwrap();
        assert!(matches!(hurry("1.5.0", false, set), (Err(HurryError::Lessons(1)), _)));
        assert_eq!(ReleaseShelf::new(data.path()).haste(), None);
        let (outcome, acts) = hurry("1.5.0", true, set);
        outcome.unwrap();
        let deed = PersonDeed::InstallRelease { words: Sought::new("1.5.0 during-lessons") };
        assert!(acts.contains(&("Mme Petit".to_owned(), deed)), "{acts:?}");
        assert!(ReleaseShelf::new(data.path()).haste().is_some_and(|haste| haste.is_despite_lessons));
    }

    #[test]
    fn the_hub_is_told_what_runs_waits_and_failed() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("release.json");
        assert!(Releases::look(data.path(), &path).is_none(), "the system is no release");
        want(data.path(), 1, Some(release("1.5.0")));
        let many = ["1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.0.5", "1.4.5"];
        report(&path, "1.4.0", true, None, &many);
        let look = || Releases::look(data.path(), &path).unwrap();
        assert_eq!((look().waiting(), look().health().waiting), (None, None));
        bring(data.path(), &release("1.5.0"));
        let health = look().health();
        assert_eq!((health.running.as_str(), health.waiting.as_deref()), ("1.4.0", Some("1.5.0")));
        assert_eq!((health.failed.len(), health.failed[0].version.as_str()), (RELEASES_FAILED_MAX, "1.4.5"));
        assert!(health.is_right(), "{health:?}");
        assert_eq!(look().failure().unwrap().version.to_string(), "1.4.5");
        report(&path, "1.4.6", true, None, &many);
        assert!(look().failure().is_none(), "what runs is newer");
    }
}
