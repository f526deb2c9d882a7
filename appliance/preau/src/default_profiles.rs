//! The filter profiles and locked categories that a school starts with.

use std::collections::BTreeSet;

use model::{Category, UnknownDevice};
use policy::{Profile, SafeSearch, YouTube};

/// Refused to everybody: against the law, dangerous, or a way around the filter.
const REFUSED_TO_ALL: &[&str] = &[
    "adult",
    "agressif",
    "cryptojacking",
    "dangerous_material",
    "ddos",
    "dialer",
    "doh",
    "drogue",
    "gambling",
    "hacking",
    "malware",
    "mixed_adult",
    "phishing",
    "redirector",
    "residential-proxies",
    "sect",
    "stalkerware",
    "vpn",
    "warez",
];

/// Locked: no lesson needs them, so that nobody in the school can open them, but the commune by a named exception.
const LOCKED: &[&str] = &[
    "adult",
    "cryptojacking",
    "ddos",
    "dialer",
    "doh",
    "malware",
    "phishing",
    "redirector",
    "residential-proxies",
    "stalkerware",
    "vpn",
];

/// Refused to pupils beyond that: not for their age, or not for a lesson.
const REFUSED_TO_PUPILS: &[&str] =
    &["arjel", "chat", "dating", "fakenews", "lingerie", "remote-control", "social_networks", "tricheur"];

/// The profiles of the design, by name, and whether they are for pupils.
const PROFILES: &[(&str, bool)] = &[
    ("maternelle", true),
    ("elementaire", true),
    ("adulte", false),
    ("projecteur", true),
    ("invite", true),
    (UnknownDevice::PROFILE, true),
];

/// Every built-in profile. A device that nobody registered is treated as a pupil's.
pub(crate) fn default_profiles() -> Vec<Profile> {
    PROFILES.iter().filter_map(|&(name, is_for_pupils)| build(name, is_for_pupils)).collect()
}

/// The categories that are locked where the commune says nothing else.
pub(crate) fn locked_categories() -> BTreeSet<Category> {
    LOCKED.iter().filter_map(|category| category.parse().ok()).collect()
}

/// The categories that every built-in profile refuses: what a hub calls the workspace is open to nobody where it stands in one of these.
pub(crate) fn refused_to_all() -> BTreeSet<Category> {
    REFUSED_TO_ALL.iter().filter_map(|category| category.parse().ok()).collect()
}

/// `None` only for a name or category that does not parse: a test builds them all.
fn build(name: &str, is_for_pupils: bool) -> Option<Profile> {
    let beyond = if is_for_pupils { REFUSED_TO_PUPILS } else { &[] };
    let refused = REFUSED_TO_ALL.iter().chain(beyond).map(|text| text.parse().ok()).collect::<Option<_>>()?;
    // Teachers prepare lessons, and are trusted to search.
    let safe_search = if is_for_pupils {
        SafeSearch { engines: true, youtube: YouTube::Strict }
    } else {
        SafeSearch::default()
    };
    Some(Profile { safe_search, ..Profile::open(name.parse().ok()?, refused) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_locked_is_refused_to_all() {
        assert_eq!(locked_categories().len(), LOCKED.len());
        assert_eq!(refused_to_all().len(), REFUSED_TO_ALL.len());
        for category in LOCKED {
            assert!(REFUSED_TO_ALL.contains(category), "{category}");
        }
    }

    #[test]
    fn every_profile_is_there_and_whole() {
        let profiles = default_profiles();
        assert_eq!(profiles.len(), PROFILES.len());
        for (profile, &(name, is_for_pupils)) in profiles.iter().zip(PROFILES) {
            let beyond = if is_for_pupils { REFUSED_TO_PUPILS.len() } else { 0 };
            assert_eq!((profile.name.as_str(), profile.refused.len()), (name, REFUSED_TO_ALL.len() + beyond));
        }
    }
}
