//! Releases of the boxes' system: what the hub has, to whom it is offered, and how each school's box stands with it.

use askama::Template;
use model::{ReleaseArch, ReleaseVersion, Timestamp};
use replication::{ReleaseFailure, ReleaseHealth};

use super::bar::Bar;
use super::frame::{Frame, Place, render};
use crate::fleet::Sight;
use crate::register::releases::{HeldRelease, Offer, offered_to};

const MEGABYTE: u64 = 1_000_000;

#[derive(Template)]
#[template(path = "releases.html")]
struct View<'a> {
    frame: Frame<'a>,
    held: Vec<HeldLine>,
    schools: Vec<SchoolLine>,
}

/// A release that the hub has.
struct HeldLine {
    version: String,
    added: String,
    offered: String,
}

/// A school's box.
struct SchoolLine {
    uai: String,
    name: String,
    word: String,
    tone: &'static str,
    /// What there is to say, thing by thing.
    facts: Vec<String>,
}

/// The page.
pub(crate) fn releases(
    place: Place<'_>,
    bar: Bar,
    (held, offers): (&[HeldRelease], &[Offer]),
    sights: &[Sight],
) -> String {
    let schools = sights.iter().filter(|sight| sight.present.is_some());
    render(&View {
        held: held.iter().map(|it| tell_held(place, it, offers)).collect(),
        schools: schools.map(|sight| tell_school(place, sight, (offers, held))).collect(),
        frame: Frame::new(place, Some(bar)),
    })
}

fn tell_held(place: Place<'_>, HeldRelease { release, added }: &HeldRelease, offers: &[Offer]) -> HeldLine {
    let own = offers.iter().filter(|offer| offer.version == *release.version());
    let (count, is_to_all) =
        own.fold((0_u32, false), |(count, all), it| (count + 1, all || it.uai.is_none()));
    let megabytes = release.bytes().div_ceil(MEGABYTE).to_string();
    HeldLine {
        version: release.key().to_string(),
        added: place.say_with("releases-added", &[("date", &place.day(*added)), ("number", &megabytes)]),
        offered: match (is_to_all, count) {
            (true, _) => place.say("releases-to-all"),
            (false, 0) => place.say("releases-to-nobody"),
            (false, count) => place.say_with("releases-to-some", &[("number", &count.to_string())]),
        },
    }
}

fn tell_school(place: Place<'_>, sight: &Sight, known: (&[Offer], &[HeldRelease])) -> SchoolLine {
    let release = sight.health.as_ref().and_then(|health| health.release.as_ref());
    // Of a box that has not told anything: what there is for a PC.
    let arch = release.map_or_else(ReleaseArch::default, ReleaseHealth::arch);
    let offered = offered_to(known, &sight.school.uai, arch).map(|offer| &offer.version);
    let running: Option<ReleaseVersion> = release.and_then(|release| release.running.parse().ok());
    let failure = release.and_then(ReleaseHealth::failure);
    let (key, tone) = match (&running, offered, failure) {
        (_, _, Some(_)) => ("releases-broken", "bad"),
        (Some(running), Some(offered), None) if running < offered => ("releases-behind", "warning"),
        (Some(_), _, None) => ("releases-current", "good"),
        (None, _, None) => ("rules-silent", "neutral"),
    };
    SchoolLine {
        uai: sight.school.uai.clone(),
        name: sight.school.name.clone(),
        word: place.say(key),
        tone,
        facts: tell_facts(place, release, offered),
    }
}

/// What runs, what is offered where that is another one, how far it has come, and what failed.
fn tell_facts(
    place: Place<'_>,
    release: Option<&ReleaseHealth>,
    offered: Option<&ReleaseVersion>,
) -> Vec<String> {
    let offered = offered.map(ToString::to_string);
    let say = |key: &str, version: &str| place.say_with(key, &[("version", version)]);
    let Some(ReleaseHealth { running, arch: _, since_ms, waiting, trouble, failed }) = release else {
        let offered = offered.map(|version| say("releases-offered", &version));
        return [place.say("releases-unknown")].into_iter().chain(offered).collect();
    };
    let mut facts = vec![match since_ms {
        Some(since) => {
            let date = place.day(Timestamp::from_unix_ms(*since));
            place.say_with("releases-since", &[("version", running), ("date", &date)])
        }
        None => say("releases-running", running),
    }];
    if let Some(offered) = offered.filter(|offered| offered != running) {
        facts.push(say("releases-offered", &offered));
        let key = match trouble.as_deref() {
            Some("no-room") => Some("releases-no-room"),
            Some("damaged") => Some("releases-damaged"),
            Some(_) | None => None,
        };
        facts.extend(key.map(|key| say(key, &offered)));
    }
    facts.extend(waiting.as_ref().map(|version| say("releases-waiting", version)));
    facts.extend(failed.iter().map(|ReleaseFailure { version, at_ms, why }| {
        // A box whose clock was not set knows no time.
        if *at_ms == 0 {
            return place.say_with("releases-failed-undated", &[("version", version), ("why", why)]);
        }
        let date = place.day(Timestamp::from_unix_ms(*at_ms));
        place.say_with("releases-failed", &[("version", version), ("date", &date), ("why", why)])
    }));
    facts
}
