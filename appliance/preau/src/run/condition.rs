//! Looks at the machine, the line and the access points now and then, shows it on the technician's page, and writes it down for
//! `preau status` and `preau support`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use access::Clock;
use model::{Release, Timestamp};
use pki::Identity;
use portal::pages::diagnose;
use portal::{
    AccessPoint, Certificates, Configuration, Diagnosis, Disk, Hub, Language, Line, Machine, ReleaseStage,
    Sealing, Status, StatusSource as _, SystemFailure, SystemRelease, WifiStatus,
};
use store::Store;
use sync::{HubFolder, NightState};
use system::release::ReleaseReport;
use system::release_shelf::ReleaseTrouble;
use system::segments::Directory;
use system::succession::KEPT_CONFIGURATION;
use system::vault::Folder;
use system::{machine, space};

use super::board::Board;
use super::complaints::Complaints;
use super::{unsealed, wifi};
use crate::condition::{Condition, Found};
use crate::config::Config;
use crate::data_folder::{STATE_FILE, WIFI_FOLDER};
use crate::decided::{Note, Wait};
use crate::line::LineDesk;
use crate::releases::{REPORT, Releases};
use crate::support;

/// How often it is looked at. A cable that was pulled is seen by whoever loads the page anew.
const PERIOD: Duration = Duration::from_secs(15);
/// What is said to have waited for longer was begun before the clock was set: ten years, in milliseconds.
const WAIT_MS_MAX: u64 = 10 * 366 * 24 * 3_600_000;

/// Whoever looks.
pub(crate) struct ConditionKeeper {
    data: PathBuf,
    /// The interface of the line, where there is one.
    line: Option<String>,
    /// The school's.
    school: Option<String>,
    /// What the box is on the line.
    line_desk: Option<LineDesk>,
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
    identity: Option<Arc<Identity>>,
    /// Whether the configuration names readers; `None` where it says nothing of them, and the log of seals has the last word.
    names_readers: Option<bool>,
    /// The state, in which the keys of the pages are.
    store: Option<Store>,
    complaints: Complaints,
    /// Where the machine's system tells of its releases.
    report: PathBuf,
    is_failure_told: bool,
}

impl ConditionKeeper {
    /// One for the box of this configuration, read from `file`.
    pub(crate) fn new(
        (config, file): (&Config, Option<&Path>),
        data: &Path,
        board: &Arc<Board>,
        (clock, identity): (&Arc<dyn Clock>, Option<&Arc<Identity>>),
        complaints: Complaints,
    ) -> Self {
        board.set_support(support::Place { config: file.map(Path::to_owned), data: data.to_owned() });
        Self {
            data: data.to_owned(),
            line: config.network.as_ref().map(|network| network.firewall.intent().wan.to_string()),
            school: config.network.as_ref().map(|network| network.firewall.intent().lan.to_string()),
            line_desk: LineDesk::new(config, data),
            board: Arc::clone(board),
            clock: Arc::clone(clock),
            identity: identity.cloned(),
            names_readers: config.sealing(file).readers.map(|readers| !readers.is_empty()),
            store: None,
            complaints,
            report: PathBuf::from(REPORT),
            is_failure_told: false,
        }
    }

    /// The same, where the machine's system tells of its releases elsewhere.
    pub(crate) fn with_report(self, report: &Path) -> Self {
        Self { report: report.to_owned(), ..self }
    }

    /// Looks until it is told to stop.
    pub(crate) fn keep(mut self, stopped: &Receiver<()>) {
        self.look();
        while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
            self.look();
        }
    }

    fn look(&mut self) {
        let diagnosis = Diagnosis { sealing: self.look_at_sealing(self.clock.now().at), ..self.diagnose() };
        self.board.show_diagnosis(diagnosis.clone());
        let written = self.describe(&self.board.status(), &diagnosis).write(&self.data);
        let is_told = std::mem::replace(&mut self.is_failure_told, written.is_err());
        if let Err(error) = written
            && !is_told
        {
            tracing::warn!(%error, "how the box is cannot be written for `preau status`");
        }
    }

    fn diagnose(&self) -> Diagnosis {
        let now = self.clock.now();
        let machine::Condition { memory_bytes, memory_free_bytes, temperature_c, up_s } = machine::look();
        let line = self.line.as_deref().map(|interface| match machine::has_carrier(interface) {
            Some(true) if self.line_desk.as_ref().is_some_and(LineDesk::is_crossed) => Line::Crossed,
            Some(true) => Line::Up,
            Some(false) => Line::Down,
            None => Line::Absent,
        });
        let school = self.school.as_deref();
        let is_school_unplugged = school.is_some_and(|port| machine::has_carrier(port) == Some(false));
        let disk = space::look(&self.data, now.at).ok().map(|outlook| Disk {
            free_bytes: outlook.free_bytes,
            reserved_bytes: outlook.reserved_bytes,
            bytes_a_day: outlook.bytes_a_day,
            days_left: outlook.days_left,
            is_tight: outlook.is_tight(),
        });
        let certificates = self.identity.as_ref().map(|identity| Certificates {
            authority: identity.authority().end(),
            shown: identity.shown_until(),
        });
        // Where the file cannot be read, nothing is known of them; whoever writes it says so.
        let points = wifi::read_status(&self.data.join(WIFI_FOLDER)).ok().flatten().unwrap_or_default();
        let hub = HubFolder::new(&self.data);
        Diagnosis {
            at: now.plausible(),
            line,
            line_seat: self.line_desk.as_ref().map(LineDesk::look),
            is_school_unplugged,
            disk,
            machine: Machine { memory_bytes, memory_free_bytes, temperature_c, up_s },
            certificates,
            hub: hub.is_enrolled().then(|| describe_hub(&hub.night())),
            sealing: None,
            release: Releases::look(&self.data, &self.report)
                .as_ref()
                .map(|releases| describe_releases(releases, now.at)),
            configuration: describe_configuration(Note::read(&self.data))
                .or_else(|| self.data.join(KEPT_CONFIGURATION).exists().then_some(Configuration::Inherited)),
            access_points: points.into_iter().map(describe_point).collect(),
        }
    }

    /// How the journal is sealed; `None` where its log cannot be read.
    fn look_at_sealing(&mut self, now: Timestamp) -> Option<Sealing> {
        let log = Folder::new(&self.data).log_so_far().ok()?;
        let has_keys_of_pages = self.has_keys_of_pages();
        let has_last_readers = || log.readers().is_some_and(|readers| !readers.is_empty());
        // What was begun by a clock that was not set has waited since the last seal at most.
        let begun = unsealed::find(&log, &Directory::new(&self.data));
        let waits_since = begun.map(|begun| log.last().map_or(begun, |last| begun.max(last.sealed)));
        Some(Sealing {
            has_readers: has_keys_of_pages || self.names_readers.unwrap_or_else(has_last_readers),
            waits_since: waits_since.filter(|since| now.ms_since(*since) < WAIT_MS_MAX),
        })
    }

    /// Whether somebody has made a key on the pages. Where the state cannot be read, whoever works with it says so.
    fn has_keys_of_pages(&mut self) -> bool {
        if self.store.is_none() {
            self.store = Store::open(&self.data.join(STATE_FILE)).ok();
        }
        self.store.as_ref().is_some_and(|store| store.reader_keys().is_ok_and(|keys| !keys.is_empty()))
    }

    fn describe(&self, status: &Status, diagnosis: &Diagnosis) -> Condition {
        let list = |language, status: &Status, diagnosis: &Diagnosis| -> Vec<Found> {
            diagnose(language, status, diagnosis).into_iter().map(Found::from).collect()
        };
        Condition {
            at_ms: system::clock::now().unix_ms(),
            version: status.version.clone(),
            french: list(Language::French, status, diagnosis),
            english: list(Language::English, status, diagnosis),
            nameless: list(Language::English, &status.without_names(), &diagnosis.without_names()),
            counters: self.board.counters(),
            complaints: self.complaints.list(),
        }
    }
}

fn describe_hub(night: &NightState) -> Hub {
    Hub {
        succeeded: night.succeeded_ms.map(Timestamp::from_unix_ms),
        failures: night.failures,
        is_refused: night.is_refused,
    }
}

/// What waits is told before what was refused: it is newer.
fn describe_configuration(note: Note) -> Option<Configuration> {
    match (note.waiting, note.refused, note.in_force) {
        (Some((_, Wait::Lesson)), ..) => Some(Configuration::Lesson),
        (Some((_, Wait::Restart)), ..) => Some(Configuration::Restart),
        (Some((_, Wait::File)), ..) => Some(Configuration::File),
        (None, Some((_, why)), _) => Some(Configuration::Refused { why }),
        (None, None, Some(_)) => Some(Configuration::InForce),
        (None, None, None) => None,
    }
}

fn describe_releases(releases: &Releases, now: Timestamp) -> SystemRelease {
    let ReleaseReport { running, is_blessed, installed, refused, .. } = &releases.report;
    let wanted = releases.wanted.as_ref().map(Release::version);
    let refused = refused.as_ref().filter(|refused| refused.version.as_ref() == wanted);
    // Somebody may have said it again since the last one was refused. What is void is there until whoever orders clears it away, and it may be kept
    // from that for hours: by an exchange with the hub.
    let is_hurried = releases.haste.as_ref().is_some_and(|haste| {
        wanted.is_some_and(|wanted| haste.counts(wanted, now))
            && refused.is_none_or(|refused| refused.at_ms < haste.at.unix_ms())
    });
    let stage = match (installed, releases.waiting(), releases.trouble, &releases.wanted) {
        (Some(version), ..) => ReleaseStage::Installed { version: version.to_string() },
        (None, Some((version, since)), ..) => match refused {
            _ if is_hurried => ReleaseStage::Hurried { version: version.to_string() },
            Some(refused) => ReleaseStage::Refused { version: version.to_string(), why: refused.why.clone() },
            None => ReleaseStage::Waiting { version: version.to_string(), since },
        },
        (None, None, Some(ReleaseTrouble::NoRoom), Some(wanted)) => {
            ReleaseStage::NoRoom { version: wanted.version().to_string() }
        }
        (None, None, Some(ReleaseTrouble::Damaged), Some(wanted)) => {
            ReleaseStage::Damaged { version: wanted.version().to_string() }
        }
        (None, None, None, Some(wanted)) => ReleaseStage::Coming { version: wanted.version().to_string() },
        (None, None, _, None) => ReleaseStage::None,
    };
    SystemRelease {
        running: running.to_string(),
        since: releases.since,
        is_blessed: *is_blessed,
        stage,
        failed: releases.failure().map(|failed| SystemFailure {
            version: failed.version.to_string(),
            at: failed.at(),
            why: failed.why.clone(),
        }),
    }
}

fn describe_point(line: wifi::Line) -> AccessPoint {
    let since = line.since_ms.map(Timestamp::from_unix_ms);
    AccessPoint {
        name: line.access_point,
        status: match (line.status.as_str(), since) {
            ("on", Some(since)) => WifiStatus::On { since },
            ("unreachable", Some(since)) => WifiStatus::Unreachable { since },
            ("off", _) => WifiStatus::Off,
            ("off-not-verified", _) => WifiStatus::OffUnverified,
            _ => WifiStatus::Starting,
        },
        wrong_keys: line.wrong_keys as u64,
        trouble: line.trouble,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use system::release_shelf::{Haste, ReleaseShelf};

    use super::*;
    use crate::releases::tests::{bring, release, report, want};

    #[test]
    fn what_waits_of_the_configuration_is_told_before_what_was_refused() {
        let mut note = Note::default();
        assert_eq!(describe_configuration(note.clone()), None);
        note.in_force = Some(5);
        assert_eq!(describe_configuration(note.clone()), Some(Configuration::InForce));
        note.refuse(6, "3:1: no");
        let refused = Configuration::Refused { why: "3:1: no".to_owned() };
        assert_eq!(describe_configuration(note.clone()), Some(refused));
        note.waiting = Some((7, Wait::Lesson));
        assert_eq!(describe_configuration(note), Some(Configuration::Lesson));
    }

    #[test]
    fn a_wish_for_a_release_is_told_while_it_counts() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("release.json");
        report(&path, "1.4.0", true, None, &[]);
        want(data.path(), 1, Some(release("1.5.0")));
        bring(data.path(), &release("1.5.0"));
        let at = |minutes: i64| Timestamp::from_unix_ms(1_795_900_000_000 + minutes * 60_000);
        let stage = |minutes: i64| {
            let releases = Releases::look(data.path(), &path).unwrap();
            describe_releases(&releases, at(minutes)).stage
        };
        let hurry = |minutes: i64| {
            let haste =
                Haste { version: "1.5.0".parse().unwrap(), at: at(minutes), is_despite_lessons: false };
            ReleaseShelf::new(data.path()).hurry(&haste).unwrap();
        };
        assert!(matches!(stage(0), ReleaseStage::Waiting { .. }));
        hurry(0);
        assert!(matches!(stage(29), ReleaseStage::Hurried { .. }));
        for void in [30, -1] {
            assert!(matches!(stage(void), ReleaseStage::Waiting { .. }), "{void}");
        }
        let refused =
            serde_json::json!({ "version": "1.5.0", "at_ms": at(1).unix_ms(), "why": "no signature" });
        let text = serde_json::json!({
            "running": "1.4.0", "is_blessed": true, "installed": null, "failed": [], "refused": refused,
        });
        fs::write(&path, text.to_string()).unwrap();
        assert!(matches!(stage(2), ReleaseStage::Refused { .. }));
        hurry(3);
        assert!(matches!(stage(4), ReleaseStage::Hurried { .. }), "somebody says it again");
    }
}
