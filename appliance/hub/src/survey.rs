//! The look at all schools, each minute: since when each is as it is, and whom to tell.
//!
//! Invariant: of a change people are told once, whatever number of hubs look: who notes it keeps, in the same transaction, what is to be
//! sent.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use model::Timestamp;
use portal::Language;
use serde_json::json;

use crate::Hub;
use crate::fleet::{Measure, Sight, judge_all};
use crate::office::{Settings, Trouble};
use crate::pages::{Place, tell};
use crate::policy::read_policy;
use crate::register::history::{Channel, Kept, Level, NewAlert};
use crate::register::{Register, RegisterError};

/// Findings that an alert names: more are on the page.
const NAMED_MAX: usize = 8;

/// What schools are judged by at this moment.
pub(crate) fn measure(register: &dyn Register, nights: u32, now: Timestamp) -> Result<Measure, Trouble> {
    let policy = read_policy(register)?;
    let published = Timestamp::from_unix_ms(policy.made_ms);
    Ok(Measure { now, nights, serial: policy.serial, published })
}

/// Looks at all schools, and notes what has changed; how many have.
///
/// # Errors
/// [`RegisterError`]; it is looked at again in a minute.
pub fn survey(hub: &Hub) -> Result<usize, RegisterError> {
    let Some(office) = &hub.office else { return Ok(0) };
    let (now, settings) = ((hub.clock)(), &office.settings);
    // A policy that cannot be read is told elsewhere; schools are looked at all the same.
    let measure = measure(&*hub.register, settings.nights, now).unwrap_or(Measure {
        now,
        nights: settings.nights,
        serial: 0,
        published: now,
    });
    let pending = hub.register.pending_web_orders()?;
    let sights = judge_all(hub.register.schools()?, hub.register.boxes()?, &pending, &measure);
    let kept: BTreeMap<String, Kept> =
        office.history.standings()?.into_iter().map(|kept| (kept.uai.clone(), kept)).collect();
    let mut changed = 0;
    for sight in &sights {
        let before = kept.get(&sight.school.uai);
        let Some((new, alerts)) = compare(sight, before, settings, now) else { continue };
        changed += usize::from(office.history.keep_standing(before, &new, &alerts, now)?);
    }
    Ok(changed)
}

/// What is to be noted of a school, and told; `None` where nothing has changed. Where there is no way to tell people, nothing counts as told: they
/// are once there is one.
fn compare(
    sight: &Sight,
    before: Option<&Kept>,
    settings: &Settings,
    now: Timestamp,
) -> Option<(Kept, Vec<NewAlert>)> {
    let level = sight.level();
    let (is_red, was_told) = (level == Level::Red, before.is_some_and(|before| before.is_told));
    let is_told = if settings.channels.is_empty() { was_told } else { is_red };
    let same = before.filter(|before| before.level == level);
    if same.is_some() && is_told == was_told {
        return None;
    }
    let since = same.map_or(now, |before| before.since);
    let alerts = if is_told == was_told {
        Vec::new()
    } else {
        settings.channels.iter().map(|channel| write(sight, *channel, settings, since)).collect()
    };
    let kept = Kept { uai: sight.school.uai.clone(), level, since, is_told };
    Some((kept, alerts))
}

fn write(sight: &Sight, channel: Channel, settings: &Settings, since: Timestamp) -> NewAlert {
    let place =
        Place { commune: &settings.commune, timezone: &settings.timezone, language: Language::French };
    let key = if sight.level() == Level::Red { "letter-red" } else { "letter-over" };
    let subject = place.say_with(key, &[("school", &sight.school.name)]);
    let url =
        settings.url.as_ref().map(|url| format!("{}/ecole/{}", url.trim_end_matches('/'), sight.school.uai));
    let body = match channel {
        Channel::Mail => write_letter(place, sight, url.as_deref()),
        Channel::Webhook => write_call(place, sight, url.as_deref(), since),
    };
    NewAlert { channel, uai: sight.school.uai.clone(), subject, body }
}

fn write_letter(place: Place<'_>, sight: &Sight, url: Option<&str>) -> String {
    let mut lines = vec![format!("{} ({})", sight.school.name, sight.school.uai), String::new()];
    if sight.findings.is_empty() {
        lines.push(place.say("fleet-well"));
    }
    for finding in sight.findings.iter().take(NAMED_MAX) {
        let told = tell(place, *finding);
        lines.push(format!("- {}", told.text));
        lines.push(format!("  {}", told.remedy));
    }
    lines.push(String::new());
    lines.extend(url.map(str::to_owned));
    lines.push(place.say("letter-end"));
    lines.join("\n")
}

/// The JSON of a call: `docs/formats.md` describes it.
fn write_call(place: Place<'_>, sight: &Sight, url: Option<&str>, since: Timestamp) -> String {
    let named = sight.findings.iter().take(NAMED_MAX).map(|finding| {
        let told = tell(place, *finding);
        json!({ "name": finding.name(), "level": told.level.as_str(), "text": told.text, "remedy": told.remedy })
    });
    let named: Vec<_> = named.collect();
    json!({
        "version": 1,
        "event": "school",
        "uai": sight.school.uai,
        "school": sight.school.name,
        "level": sight.level().as_str(),
        "since_ms": since.unix_ms(),
        "findings": named,
        "url": url,
    })
    .to_string()
}

/// What is sent to find out whether it arrives.
#[must_use]
pub fn write_test(channel: Channel, commune: &str, timezone: &TimeZone, now: Timestamp) -> NewAlert {
    let place = Place { commune, timezone, language: Language::French };
    let body = match channel {
        Channel::Mail => place.say("letter-test-body"),
        Channel::Webhook => json!({ "version": 1, "event": "test", "since_ms": now.unix_ms() }).to_string(),
    };
    NewAlert { channel, uai: String::new(), subject: place.say("letter-test"), body }
}

#[cfg(test)]
mod tests;
