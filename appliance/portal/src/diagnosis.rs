//! How the machine, its line, its certificates and the access points are: what the technician's page tells besides the
//! state of the box.

use model::Timestamp;

use crate::WifiStatus;

/// All of it, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    /// When it was looked at, by a clock that is set.
    pub at: Option<Timestamp>,
    /// The line to the provider, where the box has one.
    pub line: Option<Line>,
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
    /// The system does not say.
    Unknown,
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

/// An access point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessPoint {
    /// Its name.
    pub name: String,
    /// What it does.
    pub status: WifiStatus,
    /// Devices that tried with a wrong key in the last minutes.
    pub wrong_keys: u64,
    /// Whether it is not as intended.
    pub is_troubled: bool,
}

impl Diagnosis {
    /// The same without what people have named.
    #[must_use]
    pub fn without_names(&self) -> Self {
        let numbered = self.access_points.iter().zip(1_u32..);
        let access_points =
            numbered.map(|(point, number)| AccessPoint { name: number.to_string(), ..point.clone() });
        Self { access_points: access_points.collect(), ..self.clone() }
    }
}
