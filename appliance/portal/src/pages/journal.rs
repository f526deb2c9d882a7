//! The journal in words: what pages and sheets of it share.

use jiff::tz::TimeZone;
use model::{Purpose, Timestamp};

use super::reason::format_time;
use crate::Language;

/// A reason to look into the journal, in the words of people.
pub(super) fn name_purpose(language: Language, purpose: Purpose) -> String {
    language.say(match purpose {
        Purpose::Incident => "reading-incident",
        Purpose::Complaint => "reading-complaint",
        Purpose::Judicial => "reading-judicial",
        Purpose::Oversight => "reading-oversight",
        Purpose::Access => "reading-access",
        Purpose::Maintenance => "reading-maintenance",
    })
}

/// A moment to the second, by the school's clock; one that no calendar has is told in milliseconds.
pub(super) fn name_second(language: Language, zone: &TimeZone, at: Timestamp) -> String {
    let format = match language {
        Language::French => "%d/%m/%Y\u{a0}%H:%M:%S",
        Language::English => "%Y-%m-%d\u{a0}%H:%M:%S",
    };
    format_time(zone, at, format).unwrap_or_else(|| at.unix_ms().to_string())
}
