//! What somebody did, in the words of the page: records and extracts have words of their own.

use model::{Alteration, Deed, PersonDeed};

use crate::FoundDeed;

/// The key of what it is called.
pub(super) fn name_deed(deed: &FoundDeed) -> &'static str {
    match deed {
        FoundDeed::Rule(deed) => name_rule_deed(deed),
        FoundDeed::Person(deed) => name_person_deed(deed),
    }
}

fn name_rule_deed(deed: &Deed) -> &'static str {
    match deed {
        Deed::Make => "journal-deed-make",
        Deed::TakeBack { .. } => "journal-deed-take-back",
        Deed::RunOut => "journal-deed-run-out",
    }
}

fn name_person_deed(deed: &PersonDeed) -> &'static str {
    match deed {
        PersonDeed::SignIn => "journal-deed-sign-in",
        PersonDeed::FailSignIn => "journal-deed-fail-sign-in",
        PersonDeed::SignOut => "journal-deed-sign-out",
        PersonDeed::ChangeSecret => "journal-deed-change-secret",
        PersonDeed::SignInByPaper => "journal-deed-sign-in-by-paper",
        PersonDeed::AddTelephone => "journal-deed-add-telephone",
        PersonDeed::RemoveTelephone { .. } => "journal-deed-remove-telephone",
        PersonDeed::AdoptPoint { .. } => "journal-deed-adopt-point",
        PersonDeed::ReleasePoint { .. } => "journal-deed-release-point",
        PersonDeed::RegisterDevice { .. } => "journal-deed-register-device",
        PersonDeed::ForgetDevice { .. } => "journal-deed-forget-device",
        PersonDeed::AddReader { .. } => "journal-deed-add-reader",
        PersonDeed::RemoveReader { .. } => "journal-deed-remove-reader",
        PersonDeed::InstallRelease { .. } => "journal-deed-install-release",
        PersonDeed::AddPerson { .. } => "journal-deed-add-person",
        PersonDeed::ResetPerson { .. } => "journal-deed-reset-person",
        PersonDeed::DisablePerson { .. } => "journal-deed-disable-person",
        PersonDeed::Decline { .. } => "journal-deed-decline",
        PersonDeed::OpenReading { .. } => "journal-deed-open-reading",
        PersonDeed::PlaceHold { .. } => "journal-deed-place-hold",
        PersonDeed::LiftHold { .. } => "journal-deed-lift-hold",
        PersonDeed::SignRetention { .. } => "journal-deed-sign-retention",
        PersonDeed::SearchJournal { .. } => "journal-deed-search-journal",
        PersonDeed::ExportJournal { .. } => "journal-deed-export-journal",
        PersonDeed::CloseReading { .. } => "journal-deed-close-reading",
        PersonDeed::StartLesson { .. } => "journal-deed-start-lesson",
        PersonDeed::ChangeLesson { .. } => "journal-deed-change-lesson",
        PersonDeed::EndLesson { .. } => "journal-deed-end-lesson",
        PersonDeed::Alter { what, .. } => name_alteration(*what),
    }
}

fn name_alteration(what: Alteration) -> &'static str {
    match what {
        Alteration::RenewWifiKey => "journal-deed-renew-wifi-key",
        Alteration::TakeWifiKey => "journal-deed-take-wifi-key",
        Alteration::ChangeRooms => "journal-deed-change-rooms",
        Alteration::PlanLesson => "journal-deed-plan-lesson",
        Alteration::DropPlan => "journal-deed-drop-plan",
        Alteration::KeepReport => "journal-deed-keep-report",
        Alteration::JoinHub => "journal-deed-join-hub",
        Alteration::Prepare => "journal-deed-prepare",
        Alteration::DropPreparation => "journal-deed-drop-preparation",
        Alteration::ChangeLine => "journal-deed-change-line",
        Alteration::TakeAdoptionKey => "journal-deed-take-adoption-key",
        Alteration::DoNow => "journal-deed-do-now",
        Alteration::RenewAdoptionKey => "journal-deed-renew-adoption-key",
    }
}

#[cfg(test)]
mod tests {
    use model::Sought;

    use super::*;

    #[test]
    fn a_key_has_the_word_of_the_record() {
        for what in Alteration::ALL {
            let deed = PersonDeed::Alter { what, words: Sought::new("CM2") };
            let word = deed.as_str();
            assert_eq!(name_deed(&FoundDeed::Person(deed)), format!("journal-deed-{word}"));
        }
        for deed in [PersonDeed::SignIn, PersonDeed::SignOut, PersonDeed::FailSignIn] {
            let word = deed.as_str();
            assert_eq!(name_deed(&FoundDeed::Person(deed)), format!("journal-deed-{word}"));
        }
        for deed in [Deed::Make, Deed::RunOut] {
            let word = deed.as_str();
            assert_eq!(name_deed(&FoundDeed::Rule(deed)), format!("journal-deed-{word}"));
        }
    }
}
