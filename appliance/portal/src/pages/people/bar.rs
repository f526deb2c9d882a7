//! The line above the pages of somebody who is signed in: who she is, where she may go, the way out.

use model::{Person, Role};

use super::{
    CommunePage, HeadPage, JournalPage, PreparePage, StaffPage, TeacherPage, TechnicianPage, WeekPage,
};
use crate::Language;

/// The line.
pub(super) struct Bar<'a> {
    pub(super) name: &'a str,
    pub(super) role: String,
    pub(super) links: Vec<Link>,
    pub(super) token: &'a str,
}

/// A page of hers.
pub(super) struct Link {
    pub(super) path: &'static str,
    pub(super) label: String,
    pub(super) is_current: bool,
}

impl<'a> Bar<'a> {
    /// The line of `person` on the page of this path.
    pub(super) fn new(language: Language, person: &'a Person, token: &'a str, path: &str) -> Self {
        let pages: &[(&str, &str)] = match person.role {
            Role::Head | Role::Technician => &[
                (HeadPage::PATH, "nav-head"),
                (TeacherPage::PATH, "nav-teacher"),
                (WeekPage::PATH, "nav-week"),
                (PreparePage::PATH, "nav-prepare"),
                (CommunePage::PATH, "nav-commune"),
                (StaffPage::PATH, "nav-staff"),
                (TechnicianPage::PATH, "nav-technician"),
                (super::SecretPage::PATH, "nav-secret"),
                (super::TelephonePage::PATH, "nav-telephone"),
            ],
            Role::Teacher => &[
                (TeacherPage::PATH, "nav-teacher"),
                (WeekPage::PATH, "nav-week"),
                (PreparePage::PATH, "nav-prepare"),
                (CommunePage::PATH, "nav-commune"),
                (super::SecretPage::PATH, "nav-secret"),
            ],
            Role::Officer => {
                &[(super::SecretPage::PATH, "nav-secret"), (super::TelephonePage::PATH, "nav-telephone")]
            }
        };
        let journal: &[(&str, &str)] =
            if person.role.reads_journal() { &[(JournalPage::PATH, "nav-journal")] } else { &[] };
        let link = |&(to, key): &(&'static str, &str)| Link {
            path: to,
            label: language.say(key),
            is_current: to == path,
        };
        Self {
            name: person.name.as_str(),
            role: language.say(super::staff::name_role(person.role)),
            links: pages.iter().chain(journal).map(link).collect(),
            token,
        }
    }
}
