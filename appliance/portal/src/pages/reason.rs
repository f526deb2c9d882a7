//! Why a site is refused and who may open it, in the words of people.

use jiff::tz::TimeZone;
use model::{Fault, Layer, Narrowing, Reason, Ruling, Timestamp};

use super::frame::Detail;
use crate::Language;

/// What is refused for this reason: a site, or the request for it.
pub(super) fn entitle(language: Language, reason: &Reason) -> String {
    language.say(match reason {
        Reason::Fault(_) => "refusal-title-fault",
        Reason::NotListed
        | Reason::Listed { .. }
        | Reason::Locked { .. }
        | Reason::WhiteListed { .. }
        | Reason::Workspace { .. }
        | Reason::NotWhiteListed
        | Reason::ClosedHours
        | Reason::Ruled(_)
        | Reason::Service(_) => "refusal-title-listed",
        Reason::Narrowed(_) => "refusal-title-lesson",
    })
}

/// The reason as whole sentences, for a pupil. Times are those of `zone`.
pub(super) fn explain(language: Language, zone: &TimeZone, reason: &Reason) -> String {
    match reason {
        Reason::Listed { category, .. } => {
            language.say_with("refusal-listed", &[("category", &language.name_category(category))])
        }
        Reason::Locked { category, .. } => {
            language.say_with("refusal-locked", &[("category", &language.name_category(category))])
        }
        Reason::NotWhiteListed => language.say("refusal-not-white-listed"),
        Reason::ClosedHours => language.say("refusal-closed-hours"),
        Reason::Narrowed(narrowing) => language.say(match narrowing {
            Narrowing::List => "refusal-lesson-list",
            Narrowing::Workspace => "refusal-lesson-ent",
            Narrowing::Closed => "refusal-lesson-closed",
        }),
        Reason::Ruled(ruling) => explain_ruling(language, zone, ruling),
        Reason::NotListed | Reason::WhiteListed { .. } | Reason::Workspace { .. } | Reason::Service(_) => {
            language.say("refusal-other")
        }
        Reason::Fault(fault) => language.say(match fault {
            Fault::Unnamed => "refusal-unnamed",
            Fault::AddressLiteral => "refusal-address-literal",
            Fault::NotTls => "refusal-not-tls",
            Fault::Malformed => "refusal-malformed",
            Fault::Port => "refusal-port",
            Fault::Evasion => "refusal-evasion",
            Fault::Tunnel => "refusal-tunnel",
            Fault::Inward => "refusal-inward",
            Fault::Quic => "refusal-quic",
            Fault::DnsOverTls => "refusal-dns-over-tls",
            Fault::DnsOverQuic => "refusal-dns-over-quic",
            Fault::NoService => "refusal-no-service",
            Fault::Elsewhere => "refusal-elsewhere",
            Fault::NotForProfile => "refusal-not-for-profile",
            Fault::Unready => "refusal-unready",
            Fault::Protocol => "refusal-protocol",
            Fault::Flood => "refusal-flood",
        }),
    }
}

fn explain_ruling(language: Language, zone: &TimeZone, ruling: &Ruling) -> String {
    let said = language.say(match ruling.layer {
        Layer::Commune => "refusal-ruled-commune",
        Layer::School => "refusal-ruled-school",
        Layer::Lesson => "refusal-ruled-lesson",
    });
    let author = language.say_with("refusal-ruled-by", &[("author", ruling.author.as_str())]);
    let until = name_end(language, zone, ruling);
    let until = until.map(|end| language.say_with("refusal-ruled-until", &[("end", &end)]));
    [said, author].into_iter().chain(until).collect::<Vec<_>>().join(" ")
}

/// When a rule ends: a lesson's today, so the hour says it; any other on some day.
fn name_end(language: Language, zone: &TimeZone, ruling: &Ruling) -> Option<String> {
    let format = match (ruling.layer, language) {
        (Layer::Lesson, _) => "%H:%M",
        (Layer::Commune | Layer::School, Language::French) => "%d/%m/%Y\u{a0}%H:%M",
        (Layer::Commune | Layer::School, Language::English) => "%Y-%m-%d\u{a0}%H:%M",
    };
    ruling.until.and_then(|until| format_time(zone, until, format))
}

/// The hour and the minute of a moment, by the school's clock.
pub(super) fn name_minute(zone: &TimeZone, at: Timestamp) -> Option<String> {
    format_time(zone, at, "%H:%M")
}

pub(super) fn format_time(zone: &TimeZone, at: Timestamp, format: &str) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(at.unix_ms()).ok()?;
    Some(at.to_zoned(zone.clone()).strftime(format).to_string())
}

/// The same reason as lines of a table, for whoever must find the cause.
pub(super) fn describe_reason(language: Language, zone: &TimeZone, reason: &Reason) -> Vec<Detail> {
    let detail = |key: &str, value: &str| Detail::new(language.say(key), value);
    match reason {
        Reason::Listed { category, entry }
        | Reason::Locked { category, entry }
        | Reason::WhiteListed { category, entry } => vec![
            detail("refusal-category", &language.name_category(category)),
            detail("refusal-entry", entry),
        ],
        Reason::Ruled(ruling) => {
            let mut details =
                vec![detail("refusal-rule", &ruling.entry), detail("refusal-author", ruling.author.as_str())];
            details.extend(name_end(language, zone, ruling).map(|end| detail("refusal-end", &end)));
            details
        }
        Reason::Fault(fault) => {
            let cause = format!("{} ({})", language.say(name_fault(*fault)), fault.as_str());
            vec![detail("refusal-cause", &cause)]
        }
        Reason::NotListed
        | Reason::Workspace { .. }
        | Reason::NotWhiteListed
        | Reason::ClosedHours
        | Reason::Service(_)
        | Reason::Narrowed(_) => Vec::new(),
    }
}

/// The text that names a fault.
pub(super) fn name_fault(fault: Fault) -> &'static str {
    match fault {
        Fault::Unnamed => "refusal-cause-unnamed",
        Fault::AddressLiteral => "refusal-cause-address-literal",
        Fault::NotTls => "refusal-cause-not-tls",
        Fault::Malformed => "refusal-cause-malformed",
        Fault::Port => "refusal-cause-port",
        Fault::Evasion => "refusal-cause-evasion",
        Fault::Tunnel => "refusal-cause-tunnel",
        Fault::Inward => "refusal-cause-inward",
        Fault::Quic => "refusal-cause-quic",
        Fault::DnsOverTls => "refusal-cause-dns-over-tls",
        Fault::DnsOverQuic => "refusal-cause-dns-over-quic",
        Fault::NoService => "refusal-cause-no-service",
        Fault::Elsewhere => "refusal-cause-elsewhere",
        Fault::NotForProfile => "refusal-cause-not-for-profile",
        Fault::Unready => "refusal-cause-unready",
        Fault::Protocol => "refusal-cause-protocol",
        Fault::Flood => "refusal-cause-flood",
    }
}
