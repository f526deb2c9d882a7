//! What differs from profile to profile: the lists that it refuses, and its search engines.

use hickory_proto::rr::RecordType;
use model::AccessKind;
use policy::YouTube;

use super::Table;
use crate::action::Action;
use crate::attack::{Attack, Family};
use crate::demand::{Demand, Why};
use crate::hello;
use crate::samples::{Listed, Samples};

/// Search engines: what people call them, the names they answer under, their safe variants.
const ENGINES: &[(&str, &[&str], &[&str])] = &[
    (
        "Google",
        &[
            "www.google.com",
            "www.google.fr",
            "google.fr",
            "images.google.com",
            "encrypted.google.com",
            "www.google.be",
        ],
        &["forcesafesearch.google.com"],
    ),
    ("Bing", &["www.bing.com", "bing.com", "cn.bing.com", "edgeservices.bing.com"], &["strict.bing.com"]),
    (
        "DuckDuckGo",
        &["duckduckgo.com", "www.duckduckgo.com", "start.duckduckgo.com", "html.duckduckgo.com", "duck.com"],
        &["safe.duckduckgo.com"],
    ),
    ("Qwant", &["api.qwant.com"], &["safeapi.qwant.com"]),
    ("Brave", &["search.brave.com"], &["forcesafe.search.brave.com"]),
    ("Ecosia", &["www.ecosia.org", "ecosia.org"], &["strict-safe-search.ecosia.org"]),
    ("Pixabay", &["pixabay.com", "www.pixabay.com"], &["safesearch.pixabay.com"]),
    ("Startpage", &["www.startpage.com", "startpage.com"], &["safe.startpage.com"]),
];
const YOUTUBE: &[&str] = &[
    "www.youtube.com",
    "m.youtube.com",
    "youtubei.googleapis.com",
    "youtube.googleapis.com",
    "www.youtube-nocookie.com",
];
const STRICT: &[&str] = &["restrict.youtube.com"];
const MODERATE: &[&str] = &["restrictmoderate.youtube.com"];
const EITHER: &[&str] = &["restrict.youtube.com", "restrictmoderate.youtube.com"];
/// Beside a name's addresses, its records of services must not lead to the engine either: that one type is enough.
const KINDS: [RecordType; 2] = [RecordType::A, RecordType::AAAA];

pub(super) fn list(table: &Table<'_>) -> Vec<Attack> {
    let mut attacks = categories(table);
    attacks.extend(engines(table));
    attacks.push(youtube(table));
    let profile = table.attacker.profile.as_ref().map(ToString::to_string);
    attacks.iter_mut().for_each(|attack| attack.profile.clone_from(&profile));
    attacks
}

/// One name of each refused list, by DNS and by TLS.
fn categories(table: &Table<'_>) -> Vec<Attack> {
    let Some(samples) = &table.attacker.samples else {
        return vec![table.attack("category", Family::Lists, "").unless(Some(Why::NoList))];
    };
    samples.listed.iter().map(|listed| category(table, listed)).collect()
}

fn category(table: &Table<'_>, listed: &Listed) -> Attack {
    let attack = table.attack("category", Family::Lists, listed.category.as_str()).unless(table.shut());
    let Some(name) = listed.name.as_ref().map(|name| name.as_str()) else {
        return attack.unless(Some(if listed.is_opened { Why::Opened } else { Why::NoList }));
    };
    let hello = Action::Say { to: table.place().https(), pieces: vec![hello::honest(name)], in_turn: false };
    attack
        .ask(table.place().dns(), name, RecordType::A, Demand::NameRefused)
        .step(format!("{name} TLS"), hello, Some(Demand::TlsRefused))
        .recorded(AccessKind::Dns, name)
        .recorded(AccessKind::Tls, name)
}

/// A pupil's profile has safe search: one that has none is found, and a school that wants it so names other profiles.
fn engines(table: &Table<'_>) -> Vec<Attack> {
    let engine = |(name, doors, variants): &(&str, &[&str], &'static [&'static str])| {
        let mut attack = table.attack("search", Family::Search, *name);
        for door in *doors {
            for kind in KINDS {
                attack = attack.ask(table.place().dns(), door, kind, Demand::LedTo(variants));
            }
        }
        attack
    };
    ENGINES.iter().map(engine).collect()
}

fn youtube(table: &Table<'_>) -> Attack {
    let samples = table.attacker.samples.as_ref();
    let (degree, variants, skip) = match samples.map(|samples: &Samples| samples.youtube) {
        Some(Some(YouTube::Strict)) => ("YouTube, strict", STRICT, None),
        Some(Some(YouTube::Moderate)) => ("YouTube, moderate", MODERATE, None),
        Some(Some(YouTube::Off) | None) => ("YouTube", EITHER, Some(Why::NotAsked)),
        None => ("YouTube", EITHER, None),
    };
    let mut attack = table.attack("youtube", Family::Search, degree).unless(skip);
    for door in YOUTUBE {
        for kind in KINDS {
            attack = attack.ask(table.place().dns(), door, kind, Demand::LedTo(variants));
        }
    }
    attack
}
