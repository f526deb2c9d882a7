//! Where the pages with forms are, and what may be done there.

use model::Role;

use super::lesson::LessonPage;
use crate::pages::people::{
    ClassesPage, DevicesPage, HeadPage, InstallPage, JournalPage, KeysPage, LinePage, NetworksPage,
    PointsPage, ReadingPage, SeatPage, SecretPage, SignInPage, StaffPage, TeacherPage, TechnicianPage,
    TelephonePage,
};
use crate::pages::{EnrolPage, Why};

/// The pages with forms, and the places that forms are sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    Why,
    Enrol,
    SignIn,
    SignOut,
    Secret,
    Telephone,
    Teacher,
    TeacherAnswer,
    TeacherEnd,
    Lesson(LessonPage),
    Head,
    HeadAnswer,
    HeadRule,
    HeadEnd,
    Staff,
    StaffReset,
    StaffTelephone,
    StaffRooms,
    StaffDisable,
    Journal,
    JournalOpen,
    JournalClose,
    JournalHold,
    JournalLift,
    JournalSign,
    Keys,
    KeysKeep,
    KeysRemove,
    Reading,
    ReadingUnlock,
    ReadingClasses,
    ReadingExtract,
    Technician,
    Support,
    Points,
    PointsRelease,
    PointsSay,
    Devices,
    DevicesRemove,
    Networks,
    NetworkFile,
    NetworkKey,
    Install,
    Seat,
    Line,
    EnrolLine,
    PointsFiles,
    Chore,
    LastSelftest,
    PointsKey,
}

/// Where a session is ended.
const SIGN_OUT_PATH: &str = "/deconnexion";

impl Page {
    /// The page of a path, as people type it: in any case, with or without a slash at its end.
    pub(super) fn find(path: &str) -> Option<Self> {
        let path = path.strip_suffix('/').unwrap_or(path).to_ascii_lowercase();
        Some(match path.as_str() {
            Why::PATH => Self::Why,
            EnrolPage::PATH => Self::Enrol,
            LinePage::FRESH_PATH => Self::EnrolLine,
            LinePage::PATH => Self::Line,
            PointsPage::FILES_PATH => Self::PointsFiles,
            PointsPage::KEY_PATH => Self::PointsKey,
            SignInPage::PATH => Self::SignIn,
            SIGN_OUT_PATH => Self::SignOut,
            SecretPage::PATH => Self::Secret,
            TelephonePage::PATH => Self::Telephone,
            TeacherPage::PATH => Self::Teacher,
            TeacherPage::ANSWER_PATH => Self::TeacherAnswer,
            TeacherPage::END_PATH => Self::TeacherEnd,
            HeadPage::PATH => Self::Head,
            HeadPage::ANSWER_PATH => Self::HeadAnswer,
            HeadPage::RULE_PATH => Self::HeadRule,
            HeadPage::END_PATH => Self::HeadEnd,
            StaffPage::PATH => Self::Staff,
            StaffPage::RESET_PATH => Self::StaffReset,
            StaffPage::TELEPHONE_PATH => Self::StaffTelephone,
            StaffPage::ROOMS_PATH => Self::StaffRooms,
            StaffPage::DISABLE_PATH => Self::StaffDisable,
            JournalPage::PATH => Self::Journal,
            JournalPage::OPEN_PATH => Self::JournalOpen,
            JournalPage::CLOSE_PATH => Self::JournalClose,
            JournalPage::HOLD_PATH => Self::JournalHold,
            JournalPage::LIFT_PATH => Self::JournalLift,
            JournalPage::SIGN_PATH => Self::JournalSign,
            KeysPage::PATH => Self::Keys,
            KeysPage::KEEP_PATH => Self::KeysKeep,
            KeysPage::REMOVE_PATH => Self::KeysRemove,
            ReadingPage::PATH => Self::Reading,
            ReadingPage::UNLOCK_PATH => Self::ReadingUnlock,
            ClassesPage::PATH => Self::ReadingClasses,
            ReadingPage::EXTRACT_PATH => Self::ReadingExtract,
            TechnicianPage::PATH => Self::Technician,
            TechnicianPage::SUPPORT_PATH => Self::Support,
            TechnicianPage::CHORE_PATH => Self::Chore,
            TechnicianPage::SELFTEST_PATH => Self::LastSelftest,
            PointsPage::PATH => Self::Points,
            DevicesPage::PATH => Self::Devices,
            DevicesPage::REMOVE_PATH => Self::DevicesRemove,
            NetworksPage::PATH => Self::Networks,
            NetworksPage::FILE_PATH => Self::NetworkFile,
            NetworksPage::KEY_PATH => Self::NetworkKey,
            InstallPage::PATH => Self::Install,
            SeatPage::PATH => Self::Seat,
            PointsPage::RELEASE_PATH => Self::PointsRelease,
            PointsPage::SAY_PATH => Self::PointsSay,
            path => return LessonPage::find(path).map(Self::Lesson),
        })
    }

    /// Whether the page can be read, whether forms are sent there.
    pub(super) fn takes(self, is_post: bool) -> bool {
        match self {
            Self::Why
            | Self::Enrol
            | Self::SignIn
            | Self::Secret
            | Self::Telephone
            | Self::Staff
            | Self::Keys
            | Self::Reading
            | Self::Points
            | Self::Install
            | Self::Seat
            | Self::Line
            | Self::EnrolLine
            | Self::Devices => true,
            Self::Teacher
            | Self::Head
            | Self::Journal
            | Self::Technician
            | Self::LastSelftest
            | Self::Networks => !is_post,
            Self::Lesson(page) => page.takes(is_post),
            Self::SignOut
            | Self::TeacherAnswer
            | Self::TeacherEnd
            | Self::HeadAnswer
            | Self::HeadRule
            | Self::HeadEnd
            | Self::StaffReset
            | Self::StaffTelephone
            | Self::StaffRooms
            | Self::StaffDisable
            | Self::JournalOpen
            | Self::JournalClose
            | Self::JournalHold
            | Self::JournalLift
            | Self::JournalSign
            | Self::KeysKeep
            | Self::KeysRemove
            | Self::ReadingUnlock
            | Self::ReadingClasses
            | Self::ReadingExtract
            | Self::PointsRelease
            | Self::DevicesRemove
            | Self::NetworkFile
            | Self::NetworkKey
            | Self::PointsSay
            | Self::PointsFiles
            | Self::PointsKey
            | Self::Chore
            | Self::Support => is_post,
        }
    }

    /// Whether somebody of this role may read it, and send forms there.
    pub(super) fn is_for(self, role: Role) -> bool {
        match self {
            Self::Lesson(page) => role.teaches() && (role.directs() || !page.directs()),
            Self::Teacher | Self::TeacherAnswer | Self::TeacherEnd => role.teaches(),
            Self::Head
            | Self::HeadAnswer
            | Self::HeadRule
            | Self::HeadEnd
            | Self::Staff
            | Self::StaffReset
            | Self::StaffTelephone
            | Self::StaffRooms
            | Self::StaffDisable => role.directs(),
            Self::JournalHold | Self::JournalLift => role.holds_journal(),
            Self::JournalSign => role.signs_retention(),
            Self::Journal
            | Self::JournalOpen
            | Self::JournalClose
            | Self::Keys
            | Self::KeysKeep
            | Self::KeysRemove
            | Self::Reading
            | Self::ReadingUnlock
            | Self::ReadingClasses
            | Self::ReadingExtract => role.reads_journal(),
            Self::Technician
            | Self::Support
            | Self::Points
            | Self::PointsRelease
            | Self::Devices
            | Self::Networks
            | Self::NetworkFile
            | Self::NetworkKey
            | Self::Install
            | Self::Seat
            | Self::Line
            | Self::PointsFiles
            | Self::PointsKey
            | Self::Chore
            | Self::LastSelftest
            | Self::DevicesRemove => role.directs(),
            Self::Telephone => role.shows_codes(),
            Self::Why
            | Self::Enrol
            | Self::EnrolLine
            | Self::SignIn
            | Self::SignOut
            | Self::Secret
            | Self::PointsSay => true,
        }
    }

    /// The page that a person reads before and after what she does here.
    pub(super) fn home(self) -> &'static str {
        match self {
            Self::Lesson(page) => page.home(),
            Self::Why => Why::PATH,
            Self::Enrol => EnrolPage::PATH,
            Self::SignIn | Self::SignOut => SignInPage::PATH,
            Self::Secret => SecretPage::PATH,
            Self::Telephone => TelephonePage::PATH,
            Self::Teacher | Self::TeacherAnswer | Self::TeacherEnd => TeacherPage::PATH,
            Self::Head | Self::HeadAnswer | Self::HeadRule | Self::HeadEnd => HeadPage::PATH,
            Self::Staff | Self::StaffReset | Self::StaffTelephone | Self::StaffRooms | Self::StaffDisable => {
                StaffPage::PATH
            }
            Self::Technician | Self::Support | Self::PointsSay | Self::Chore | Self::LastSelftest => {
                TechnicianPage::PATH
            }
            Self::Points | Self::PointsRelease | Self::PointsFiles | Self::PointsKey => PointsPage::PATH,
            Self::Devices | Self::DevicesRemove => DevicesPage::PATH,
            Self::Networks | Self::NetworkFile | Self::NetworkKey => NetworksPage::PATH,
            Self::Install => InstallPage::PATH,
            Self::Seat => SeatPage::PATH,
            Self::Line => LinePage::PATH,
            Self::EnrolLine => LinePage::FRESH_PATH,
            Self::Keys | Self::KeysKeep | Self::KeysRemove => KeysPage::PATH,
            Self::Journal
            | Self::JournalOpen
            | Self::JournalClose
            | Self::JournalHold
            | Self::JournalLift
            | Self::JournalSign
            | Self::Reading
            | Self::ReadingUnlock
            | Self::ReadingClasses
            | Self::ReadingExtract => JournalPage::PATH,
        }
    }
}
