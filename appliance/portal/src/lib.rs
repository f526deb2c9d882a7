//! Pages for people: what a refused, closed or unreachable site shows, and the box's own pages.
//!
//! A page is a plain view over values of the model and a template beside it; it renders to text without HTTP,
//! so any door can show it. The portal's own server is the only place with actix types, and no type of it
//! leaves this room.
//!
//! Invariant: a page asks nothing of any other host, runs no script but the teacher's the box's own, and shows nothing unescaped:
//! host names come from whoever sits at the keyboard.

mod adoption;
mod chores;
mod client;
mod commune;
mod custody;
mod devices;
mod diagnosis;
mod enrolment;
mod front;
mod install;
mod keys;
mod language;
mod lesson;
mod library;
mod line;
mod networks;
mod notices;
mod office;
pub mod pages;
mod preparation;
mod reading;
mod seat;
mod selftest;
mod server;
pub mod shared;
mod status;
mod telephone;
mod texts;

pub use adoption::{AdoptedPointLine, AdoptionRoom, HeardPoint, Points, SaidOfPoint};
pub use chores::{Chore, ChoreLine, ChoreRoom, ChoreState};
pub use commune::{CommuneDesk, CommuneRoom, CommuneWish};
pub use custody::{Custody, KeptField};
pub use devices::{DeviceList, DeviceRoom};
pub use diagnosis::{
    AccessPoint, Certificates, Configuration, Diagnosis, Disk, Hub, Line, Machine, ReleaseStage, Sealing,
    SystemFailure, SystemRelease,
};
pub use enrolment::{Enrolment, EnrolmentStep, Setback, WayOut};
pub use front::{AnswerNames, Answering, Authority, Callers, Front, NameAnswer, Unanswered};
pub use install::{InstallRoom, WaitingRelease};
pub use keys::{KeyLine, KeyList, KeyRoom, NewKey, RemovedKey};
pub use language::Language;
pub use lesson::{
    JoinCode, JoinState, LessonRoom, LessonStart, LessonTurn, Missed, RoomNow, SeenDevice, WifiLine,
    WifiStatus,
};
pub use library::{LibraryLine, library_path};
pub use line::{LineFault, LineRoom, LineSeat, LineShown, LineTrouble, TypedLine};
pub use networks::{JoinFile, KeyBearer, NetworkRoom, RoomKeys};
pub use notices::{CharterError, CharterText, Notices};
pub use office::{Asked, Card, Claimed, Hold, Newcomer, Office, Reply, SchoolRule, Tile, Trouble, Wish};
pub use preparation::{PreparationLine, PreparationRoom, WantedThing};
pub use reading::{
    ClassDay, Classes, Findings, FoundDeed, FoundLine, Held, LessonChoice, NewHold, NewReading, Reader,
    ReadingList, ReadingRoom, RefusedCount, RoutineDay, Summary,
};
pub use seat::{HubFault, HubRoom, HubSeat, JoinStep, JoinTrouble, TypedHub};
pub use selftest::{SelftestLine, SelftestOutcome, SelftestRun, SelftestStatus, selftest_word};
pub use server::{PortalHandle, Settings, Sources, SpawnError, spawn};
pub use status::{
    Firewall, Health, ListOrigin, ListStatus, Listener, Refused, Service, Shrunk, Status, StatusSource,
    Trial, TrialKind, UpdateOutcome, UpdateStatus, Upstream,
};
pub use telephone::{NewCodes, ShownKey, TelephoneRoom, TelephoneState, TypedTelephone};
