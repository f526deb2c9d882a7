//! What the home page tells about the box.

use std::fs::File;
use std::net::{IpAddr, SocketAddr};

use jiff::tz::TimeZone;
use model::{Category, ClockQuality, Host, LibraryFile, NewPreparation, Reason, Subject, Timestamp};

use crate::diagnosis::Diagnosis;
use crate::enrolment::{Enrolment, Setback};
use crate::line::{LineFault, LineSeat, TypedLine};
use crate::selftest::SelftestStatus;

/// Where the portal learns how the box is. The binary fills it from the other rooms.
///
/// All functions but [`StatusSource::support`] and [`StatusSource::open_file`] are called on the portal's own thread, once a page; they answer from memory.
pub trait StatusSource: Send + Sync + 'static {
    /// How the box is now.
    fn status(&self) -> Status;
    /// Who uses this address, as accesses from it are attributed.
    fn identify(&self, client: IpAddr) -> Subject;
    /// What was just refused to whoever uses this address, the last first; never what was refused to others.
    fn recall_refusals(&self, client: IpAddr) -> Vec<Refused>;
    /// How the box's machine, its line and its access points are.
    fn diagnosis(&self) -> Diagnosis;
    /// A text for whoever helps from afar, without a word about anybody; `None` where it cannot be put together. Blocks: for
    /// files.
    fn support(&self) -> Option<String>;
    /// What is prepared for whoever uses this address, for today's lessons.
    fn prepared(&self, client: IpAddr) -> Vec<NewPreparation> {
        let _nobody = client;
        vec![]
    }
    /// Files from the commune that are here for whoever uses this address.
    fn library(&self, client: IpAddr) -> Vec<LibraryFile> {
        let _nobody = client;
        vec![]
    }
    /// One of them, by its sum, to be read; `None` where this client has none. Blocks: for the disk.
    fn open_file(&self, client: IpAddr, sum: &str) -> Option<(LibraryFile, File)> {
        let _nobody = (client, sum);
        None
    }
    /// How far the enrolment of a fresh box is; `None` where the box is none, and nobody enrols it on its pages.
    fn enrolment(&self) -> Option<Enrolment> {
        None
    }
    /// Begins to enrol a fresh box by this code, at the hub with this address, both as they were typed. `head` is the name of the first head
    /// and her first password; where both are empty, nobody is made. What comes of it is told by [`StatusSource::enrolment`].
    ///
    /// # Errors
    /// [`Setback`]: it is not tried.
    fn enrol(&self, code: &str, hub: &str, head: (&str, &str)) -> Result<(), Setback> {
        let _nowhere = (code, hub, head);
        Err(Setback::HasState)
    }
    /// How a fresh box is on its line; `None` where the box is not fresh, or has no line. Blocks: for a file.
    fn fresh_line(&self) -> Option<LineSeat> {
        None
    }
    /// Has a fresh box be on its line otherwise. Blocks: for a file.
    ///
    /// # Errors
    /// [`LineFault`]; nothing was changed.
    fn change_fresh_line(&self, typed: &TypedLine<'_>) -> Result<(), LineFault> {
        let _nowhere = typed;
        Err(LineFault::Taken)
    }
}

/// A refusal that a device met, once or again and again.
#[derive(Clone, Debug)]
pub struct Refused {
    /// For which host; `None` where the requests named none.
    pub host: Option<Host>,
    /// Why.
    pub reason: Reason,
    /// When it was refused for the first time.
    pub first: Timestamp,
    /// When it was refused for the last time.
    pub last: Timestamp,
    /// How often: one look at a site is several requests.
    pub count: u32,
    /// Whether programs ask for it on their own, and nobody waits for it.
    pub is_noise: bool,
}

/// The state of a box at one moment.
#[derive(Clone, Debug)]
pub struct Status {
    /// Whether the journal takes records, so that the web is open.
    pub is_open: bool,
    /// For how many days there is room for the journal, where somebody has to see to it.
    pub journal_days: Option<u64>,
    /// The list in force.
    pub list: ListStatus,
    /// What becomes of the list's updates; `None` where no mirror is configured.
    pub update: Option<UpdateStatus>,
    /// What became of the last self-test; `None` where nobody tests.
    pub selftest: Option<SelftestStatus>,
    /// The servers that names are asked from.
    pub upstreams: Vec<Upstream>,
    /// How far the clock is to be trusted.
    pub clock: ClockQuality,
    /// What the firewall does.
    pub firewall: Firewall,
    /// What listens where.
    pub listeners: Vec<Listener>,
    /// Commands that show the box at work.
    pub trials: Vec<Trial>,
    /// The version of this program.
    pub version: String,
}

impl Status {
    /// The same without what people have named.
    #[must_use]
    pub fn without_names(&self) -> Self {
        let numbered = self.upstreams.iter().zip(1_u32..);
        let upstreams =
            numbered.map(|(upstream, number)| Upstream { server: number.to_string(), ..upstream.clone() });
        let list = ListStatus { missing: Vec::new(), ..self.list.clone() };
        let update = self.update.clone().map(|update| UpdateStatus { held: Vec::new(), ..update });
        let selftest = self.selftest.clone().map(|selftest| {
            // How many there are is nobody's name.
            let strangers = (1..=selftest.strangers.len()).map(|number| number.to_string()).collect();
            SelftestStatus { strangers, ..selftest }
        });
        Self { upstreams: upstreams.collect(), list, update, selftest, ..self.clone() }
    }
}

/// The list that decisions follow.
#[derive(Clone, Debug)]
pub struct ListStatus {
    /// Where it comes from.
    pub origin: ListOrigin,
    /// How many lines it has.
    pub entries: u64,
    /// How many categories they stand in.
    pub categories: u64,
    /// Whether a newer list was refused, because it is damaged.
    pub is_refused: bool,
    /// Categories that a profile refuses and that this list does not have.
    pub missing: Vec<Category>,
}

/// How the list is kept up to date.
#[derive(Clone, Debug)]
pub struct UpdateStatus {
    /// When the last update was, and what became of it.
    pub last: Option<(Timestamp, UpdateOutcome)>,
    /// When the next one is.
    pub next: Option<Timestamp>,
    /// What a list that is held back has lost.
    pub held: Vec<Shrunk>,
    /// The school's.
    pub time_zone: TimeZone,
}

/// What became of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateOutcome {
    /// The list is the mirror's.
    Good,
    /// The newest list is held back.
    Held,
    /// Nothing came.
    Line,
    /// Something else than lists came.
    Mirror,
    /// What came is no list.
    List,
    /// The box cannot write.
    Disk,
    /// It was ended from outside.
    Ended,
}

/// A category that lost too much in a list that is held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The category.
    pub category: Category,
    /// Its lines in the list in force.
    pub before: u64,
    /// Its lines in the other.
    pub after: u64,
}

/// Where a list comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListOrigin {
    /// The small list inside the program, until a real one is built.
    Embedded,
    /// An index built from a source; when, if that is known.
    Built(Option<Timestamp>),
}

/// A server that names are asked from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its address or name, as the configuration has it.
    pub server: String,
    /// Whether it answers.
    pub health: Health,
}

/// Whether something answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answered last time.
    Good,
    /// It did not.
    Bad,
    /// It was not asked yet.
    Unknown,
}

/// What the firewall does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firewall {
    /// The ruleset is applied and was read back.
    Applied,
    /// The configuration leaves the kernel alone.
    Absent,
    /// It should be applied and is not.
    Failed,
}

/// A service and where it listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// What it serves.
    pub service: Service,
    /// Where.
    pub address: SocketAddr,
}

/// What a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Names, on UDP and TCP.
    Dns,
    /// Names, by TLS.
    DnsTls,
    /// Redirected TLS connections.
    GateTls,
    /// Redirected HTTP connections.
    GateHttp,
    /// The explicit proxy.
    ExplicitProxy,
    /// The portal.
    Portal,
    /// The portal, by TLS.
    PortalTls,
}

/// A command that shows the box at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// What it shows.
    pub kind: TrialKind,
    /// The command, as typed in a shell.
    pub command: String,
}

/// What a trial shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrialKind {
    /// A site that is refused.
    Refused,
    /// A site that passes.
    Permitted,
    /// The log that has both.
    Journal,
}
