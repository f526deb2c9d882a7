//! How the machine, its line, its certificates and the access points are: what the technician's page tells besides the
//! state of the box.

use model::Timestamp;

use crate::{LineSeat, WifiStatus};

/// All of it, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    /// When it was looked at, by a clock that is set.
    pub at: Option<Timestamp>,
    /// The line to the provider, where the box has one.
    pub line: Option<Line>,
    /// What the box is on it, where it has one.
    pub line_seat: Option<LineSeat>,
    /// Nothing is at the other end of any of the school's cables.
    pub is_school_unplugged: bool,
    /// What the journal has of its disk.
    pub disk: Option<Disk>,
    /// The machine.
    pub machine: Machine,
    /// Until when certificates are good, where the box has some.
    pub certificates: Option<Certificates>,
    /// How the box's nights at the commune's hub are; `None` where it is enrolled at none.
    pub hub: Option<Hub>,
    /// How the journal is sealed; `None` where nobody can tell.
    pub sealing: Option<Sealing>,
    /// How the machine's system is with its releases; `None` where it is none.
    pub release: Option<SystemRelease>,
    /// What became of the settings that the commune has sent; `None` where it has sent none.
    pub configuration: Option<Configuration>,
    /// The access points, in the order of the configuration.
    pub access_points: Vec<AccessPoint>,
}

/// The line, as the box's own interface shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// A cable, and something at its other end.
    Up,
    /// No cable, or nothing at its other end.
    Down,
    /// It has an address of the school's own network.
    Crossed,
    /// The machine has no such port.
    Absent,
}

/// The journal's disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Free, the reserve included.
    pub free_bytes: u64,
    /// Kept for the journal alone.
    pub reserved_bytes: u64,
    /// What the journal takes a day.
    pub bytes_a_day: u64,
    /// For how many days that lasts; `None`: for good.
    pub days_left: Option<u64>,
    /// Whether somebody has to see to it.
    pub is_tight: bool,
}

/// The machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Its memory, in bytes; 0 where the system does not say.
    pub memory_bytes: u64,
    /// What of it can be had at once.
    pub memory_free_bytes: u64,
    /// Its processor at the warmest, in degrees Celsius.
    pub temperature_c: Option<i32>,
    /// For how long it has been on, in seconds.
    pub up_s: u64,
}

/// Until when certificates are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificates {
    /// The box's authority.
    pub authority: Timestamp,
    /// What the box shows now; `None` where nobody has asked for it yet.
    pub shown: Option<Timestamp>,
}

/// The nights at the commune's hub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hub {
    /// When one succeeded last.
    pub succeeded: Option<Timestamp>,
    /// How many tries have failed since.
    pub failures: u32,
    /// Whether the hub does not take this box: somebody has to enrol it again.
    pub is_refused: bool,
}

/// How the journal is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealing {
    /// Whether sealed days are encrypted to somebody: without anybody's key they are in the clear.
    pub has_readers: bool,
    /// Since when records wait to be sealed: on a box that is well since some time of today.
    pub waits_since: Option<Timestamp>,
}

/// The machine's system, and its releases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemRelease {
    /// The version that runs.
    pub running: String,
    /// Since when, where that is known.
    pub since: Option<Timestamp>,
    /// Whether it has passed its health check.
    pub is_blessed: bool,
    /// How far another one has come.
    pub stage: ReleaseStage,
    /// The last one that failed here, where it is newer than what runs.
    pub failed: Option<SystemFailure>,
}

/// How far a release that the commune wants has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseStage {
    /// It wants none that is not here.
    None,
    /// It comes with the next nights.
    Coming {
        /// Its version.
        version: String,
    },
    /// The disk has no room for it.
    NoRoom {
        /// Its version.
        version: String,
    },
    /// It came with another sum.
    Damaged {
        /// Its version.
        version: String,
    },
    /// It is here, and waits for the night.
    Waiting {
        /// Its version.
        version: String,
        /// Since when.
        since: Timestamp,
    },
    /// Somebody wants it at once: it is put into its place within minutes.
    Hurried {
        /// Its version.
        version: String,
    },
    /// The machine's system does not take it.
    Refused {
        /// Its version.
        version: String,
        /// Why, in English.
        why: String,
    },
    /// It is in its place, and starts with the machine's next start.
    Installed {
        /// Its version.
        version: String,
    },
}

impl SystemRelease {
    /// The version that is here, and may be put into its place at any moment: the one that runs has shown that it is a way back.
    #[must_use]
    pub fn installable(&self) -> Option<&str> {
        match &self.stage {
            ReleaseStage::Waiting { version, .. } | ReleaseStage::Refused { version, .. } => {
                Some(version.as_str()).filter(|_| self.is_blessed)
            }
            ReleaseStage::None
            | ReleaseStage::Coming { .. }
            | ReleaseStage::NoRoom { .. }
            | ReleaseStage::Damaged { .. }
            | ReleaseStage::Hurried { .. }
            | ReleaseStage::Installed { .. } => None,
        }
    }
}

/// The settings that the commune has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Configuration {
    /// The box works by them.
    InForce,
    /// They wait until nobody has a lesson.
    Lesson,
    /// They are in the box's file, and wait until somebody starts it anew.
    Restart,
    /// The box cannot write its file.
    File,
    /// The box has not taken them, and works by what it had before.
    Refused {
        /// Why, in English.
        why: String,
    },
    /// The commune has sent none, and those of the box before do not do on this machine: it works by those that it came with.
    Inherited,
}

/// A release that failed here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemFailure {
    /// Its version.
    pub version: String,
    /// When that was found out; `None`: by a clock that was not set.
    pub at: Option<Timestamp>,
    /// Why, in English.
    pub why: String,
}

/// An access point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessPoint {
    /// Its name.
    pub name: String,
    /// What it does.
    pub status: WifiStatus,
    /// Devices that tried with a wrong key in the last minutes.
    pub wrong_keys: u64,
    /// Why it is not as intended, in English; `None` where it is.
    pub trouble: Option<String>,
}

impl Diagnosis {
    /// The same without what people have named.
    #[must_use]
    pub fn without_names(&self) -> Self {
        let numbered = self.access_points.iter().zip(1_u32..);
        // What went wrong at one names it, and where it is.
        let access_points = numbered.map(|(point, number)| AccessPoint {
            name: number.to_string(),
            trouble: point.trouble.as_ref().map(|_| String::new()),
            ..point.clone()
        });
        let mut nameless = Self { access_points: access_points.collect(), ..self.clone() };
        // What the system's programs have said may have anything in it.
        if let Some(release) = &mut nameless.release {
            if let Some(failed) = &mut release.failed {
                failed.why.clear();
            }
            if let ReleaseStage::Refused { why, .. } = &mut release.stage {
                why.clear();
            }
        }
        // Its addresses are the provider's and the school's.
        nameless.line_seat = None;
        // Lines of the configuration name rooms and sites.
        if let Some(Configuration::Refused { why }) = &mut nameless.configuration {
            why.clear();
        }
        nameless
    }
}
