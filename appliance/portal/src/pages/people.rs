//! The pages of people who sign in: to answer requests, and to keep the list of people.
//!
//! Each page is a plain view, as all others; every form on it carries the token that proves that it was filled in on
//! the page itself.

mod bar;
mod card;
mod classes;
mod commune;
mod council_sheet;
mod custody;
mod devices;
mod door_sheet;
mod guarded;
mod head;
mod install;
mod join;
mod journal;
mod keys;
mod line;
mod networks;
mod points;
mod prepare;
mod reading;
mod room;
mod seat;
mod secret;
mod sign_in;
mod staff;
mod teacher;
mod technician;
mod telephone;
mod trouble;
mod week;
mod wifi_sheet;
mod wishes;

pub use card::CardPage;
pub use classes::ClassesPage;
pub use commune::CommunePage;
pub use council_sheet::CouncilSheet;
pub use devices::DevicesPage;
pub use door_sheet::DoorSheet;
pub use guarded::GuardedPage;
pub use head::HeadPage;
pub use install::InstallPage;
pub use join::JoinPage;
pub use journal::JournalPage;
pub use keys::{KeyPaper, KeysPage};
pub use line::LinePage;
pub(super) use line::tell_line;
pub use networks::NetworksPage;
pub use points::PointsPage;
pub use prepare::PreparePage;
pub use reading::ReadingPage;
pub use seat::SeatPage;
pub use secret::SecretPage;
pub use sign_in::{Choice, SignInPage};
pub use staff::StaffPage;
pub use teacher::TeacherPage;
pub use technician::TechnicianPage;
pub use telephone::{PapersPage, TelephonePage};
pub use trouble::TroublePage;
pub use week::WeekPage;
pub use wifi_sheet::WifiSheet;
pub(super) use wishes::tell_answer;

#[cfg(test)]
pub(super) mod tests;

/// The field of a form that has its token.
pub const TOKEN_FIELD: &str = "jeton";
