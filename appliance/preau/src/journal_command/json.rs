//! Records as JSON lines. The keys are documented in `docs/formats.md`, "Journal search output".

use std::io::{self, Write};
use std::net::SocketAddr;

use archive::Row;
use journal::{Found, FoundAct, FoundPersonAct, Hit};
use model::{PersonDeed, ReadingId, Reason, RoomName, Scope, Target, Timestamp, Topic, When};
use serde::Serialize;

use super::{ACT, PERSON};

/// When a record was made, where its clock did not show that.
#[derive(Serialize)]
struct Made {
    reckoned: Option<String>,
    earliest: Option<String>,
    latest: Option<String>,
}

impl Made {
    fn of(when: When) -> Self {
        let (reckoned, earliest, latest) = match when {
            When::Shown(_) => (None, None, None),
            When::Reckoned(at) => (Some(at), None, None),
            When::Between(earliest, latest) => (None, earliest, latest),
        };
        Self { reckoned: reckoned.map(utc), earliest: earliest.map(utc), latest: latest.map(utc) }
    }
}

/// An access.
#[derive(Serialize)]
struct Line<'a> {
    sequence: u64,
    time: String,
    clock: &'static str,
    #[serde(flatten)]
    made: Made,
    device: &'a str,
    mac: Option<String>,
    room: Option<&'a str>,
    profile: &'a str,
    lesson: Option<&'a str>,
    person: Option<&'a str>,
    kind: &'static str,
    host: Option<String>,
    destination: Option<SocketAddr>,
    verdict: &'static str,
    reason: &'static str,
    category: Option<&'a str>,
    entry: Option<&'a str>,
    author: Option<&'a str>,
    until: Option<String>,
    end: Option<&'static str>,
    peer: Option<SocketAddr>,
    bytes_up: Option<u64>,
    bytes_down: Option<u64>,
    duration_ms: Option<u64>,
    count: u32,
    last_time: String,
}

/// An act on the rules.
#[derive(Serialize)]
struct ActLine<'a> {
    sequence: u64,
    time: String,
    clock: &'static str,
    #[serde(flatten)]
    made: Made,
    kind: &'static str,
    deed: &'static str,
    by: Option<&'a str>,
    r#override: u32,
    layer: &'static str,
    verdict: &'static str,
    site: Option<&'a str>,
    category: Option<&'a str>,
    room: Option<&'a str>,
    device: Option<String>,
    profile: Option<&'a str>,
    author: &'a str,
    motive: &'a str,
    from: Option<String>,
    until: Option<String>,
}

/// What somebody did besides making rules.
#[derive(Serialize)]
struct PersonLine<'a> {
    sequence: u64,
    time: String,
    clock: &'static str,
    #[serde(flatten)]
    made: Made,
    kind: &'static str,
    deed: &'static str,
    author: &'a str,
    device: Option<String>,
    person: Option<&'a str>,
    role: Option<&'static str>,
    site: Option<&'a str>,
    room: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reading: Option<ReadingLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lesson: Option<LessonLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_point: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registered: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reader: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    altered: Option<&'a str>,
}

/// What the beginning, a change or the end of a lesson says besides.
#[derive(Serialize)]
struct LessonLine {
    number: u32,
    until: Option<String>,
    internet: Option<&'static str>,
    sites: Option<Vec<String>>,
    wifi: Option<bool>,
    end: Option<&'static str>,
}

/// What a reading of the log, or something done within it, says besides.
#[derive(Serialize)]
struct ReadingLine<'a> {
    number: u32,
    reason: Option<&'static str>,
    detail: Option<&'a str>,
    from: Option<String>,
    to: Option<String>,
    device: Option<&'a str>,
    people: Option<bool>,
    until: Option<String>,
    sought: Option<&'a str>,
    end: Option<&'static str>,
}

/// Writes one record.
pub(super) fn write_line(output: &mut impl Write, hit: &Hit) -> io::Result<()> {
    match hit {
        Hit::Access(found) => write_access(output, found),
        Hit::Act(found) => write_act(output, found),
        Hit::Person(found) => write_person_act(output, found),
        Hit::Damage(_) | Hit::Unreadable { .. } => Ok(()),
    }
}

/// Writes what this program does not understand: the columns that have a value, numbers as texts.
pub(super) fn write_cells(output: &mut impl Write, row: &Row) -> io::Result<()> {
    let cells: serde_json::Map<String, serde_json::Value> =
        row.cells().map(|(name, value)| (name.to_owned(), value.into())).collect();
    serde_json::to_writer(&mut *output, &cells)?;
    output.write_all(b"\n")
}

fn write_act(output: &mut impl Write, found: &FoundAct) -> io::Result<()> {
    let rule = &found.act.rule;
    let (site, category) = match &rule.topic {
        Topic::Site(site) => (Some(site.as_str()), None),
        Topic::Category(category) => (None, Some(category.as_str())),
    };
    let mut line = ActLine {
        sequence: found.sequence.number(),
        time: utc(found.at),
        clock: found.clock.as_str(),
        made: Made::of(found.when),
        kind: ACT,
        deed: found.act.deed.as_str(),
        by: found.act.deed.by().map(|by| by.as_str()),
        r#override: found.act.id.number(),
        layer: rule.layer.as_str(),
        verdict: rule.effect.as_str(),
        site,
        category,
        room: None,
        device: None,
        profile: None,
        author: rule.author.as_str(),
        motive: rule.motive.as_str(),
        from: rule.from.map(utc),
        until: rule.until.map(utc),
    };
    match &rule.scope {
        Scope::Everyone => {}
        Scope::Profile(profile) => line.profile = Some(profile.as_str()),
        Scope::Room(room) => line.room = Some(room.as_str()),
        Scope::Device(mac) => line.device = Some(mac.to_string()),
    }
    serde_json::to_writer(&mut *output, &line)?;
    output.write_all(b"\n")
}

fn write_person_act(output: &mut impl Write, found: &FoundPersonAct) -> io::Result<()> {
    let act = &found.act;
    let mut line = PersonLine {
        sequence: found.sequence.number(),
        time: utc(found.at),
        clock: found.clock.as_str(),
        made: Made::of(found.when),
        kind: PERSON,
        deed: act.deed.as_str(),
        author: act.author.as_str(),
        device: act.device.map(|mac| mac.to_string()),
        person: None,
        role: None,
        site: None,
        room: None,
        reading: describe_reading(&act.deed),
        lesson: describe_lesson(&act.deed),
        hold: None,
        retention: None,
        access_point: None,
        registered: None,
        reader: None,
        release: None,
        altered: None,
    };
    match &act.deed {
        PersonDeed::SignIn
        | PersonDeed::FailSignIn
        | PersonDeed::SignOut
        | PersonDeed::ChangeSecret
        | PersonDeed::SignInByPaper
        | PersonDeed::AddTelephone => {}
        // Told apart, below.
        PersonDeed::OpenReading { .. }
        | PersonDeed::SearchJournal { .. }
        | PersonDeed::ExportJournal { .. }
        | PersonDeed::CloseReading { .. } => {}
        PersonDeed::PlaceHold { words } | PersonDeed::LiftHold { words } => line.hold = Some(words.as_str()),
        PersonDeed::SignRetention { words } => line.retention = Some(words.as_str()),
        PersonDeed::AdoptPoint { words } | PersonDeed::ReleasePoint { words } => {
            line.access_point = Some(words.as_str());
        }
        PersonDeed::RegisterDevice { words } | PersonDeed::ForgetDevice { words } => {
            line.registered = Some(words.as_str());
        }
        PersonDeed::AddReader { words } | PersonDeed::RemoveReader { words } => {
            line.reader = Some(words.as_str());
        }
        PersonDeed::InstallRelease { words } => line.release = Some(words.as_str()),
        PersonDeed::Alter { words, .. } => line.altered = Some(words.as_str()),
        PersonDeed::AddPerson { name, role } => {
            (line.person, line.role) = (Some(name.as_str()), Some(role.as_str()));
        }
        PersonDeed::ResetPerson { name }
        | PersonDeed::DisablePerson { name }
        | PersonDeed::RemoveTelephone { name } => {
            line.person = Some(name.as_str());
        }
        PersonDeed::Decline { site, room } => {
            (line.site, line.room) = (Some(site.as_str()), room.as_ref().map(RoomName::as_str));
        }
        PersonDeed::StartLesson { room, .. }
        | PersonDeed::ChangeLesson { room, .. }
        | PersonDeed::EndLesson { room, .. } => line.room = Some(room.as_str()),
    }
    serde_json::to_writer(&mut *output, &line)?;
    output.write_all(b"\n")
}

fn describe_reading(deed: &PersonDeed) -> Option<ReadingLine<'_>> {
    let of = |reading: &ReadingId| ReadingLine {
        number: reading.number(),
        reason: None,
        detail: None,
        from: None,
        to: None,
        device: None,
        people: None,
        until: None,
        sought: None,
        end: None,
    };
    match deed {
        PersonDeed::OpenReading { reading, terms, until } => Some(ReadingLine {
            reason: Some(terms.purpose.as_str()),
            detail: Some(terms.detail.as_str()),
            from: terms.from.map(utc),
            to: terms.to.map(utc),
            device: terms.target.as_ref().map(Target::as_str),
            people: Some(terms.with_people),
            until: Some(utc(*until)),
            ..of(reading)
        }),
        PersonDeed::SearchJournal { reading, sought } | PersonDeed::ExportJournal { reading, sought } => {
            Some(ReadingLine { sought: Some(sought.as_str()), ..of(reading) })
        }
        PersonDeed::CloseReading { reading, end } => {
            Some(ReadingLine { end: Some(end.as_str()), ..of(reading) })
        }
        PersonDeed::SignIn
        | PersonDeed::FailSignIn
        | PersonDeed::SignOut
        | PersonDeed::ChangeSecret
        | PersonDeed::SignInByPaper
        | PersonDeed::AddTelephone
        | PersonDeed::RemoveTelephone { .. }
        | PersonDeed::AdoptPoint { .. }
        | PersonDeed::ReleasePoint { .. }
        | PersonDeed::RegisterDevice { .. }
        | PersonDeed::ForgetDevice { .. }
        | PersonDeed::AddReader { .. }
        | PersonDeed::RemoveReader { .. }
        | PersonDeed::InstallRelease { .. }
        | PersonDeed::Alter { .. }
        | PersonDeed::AddPerson { .. }
        | PersonDeed::ResetPerson { .. }
        | PersonDeed::DisablePerson { .. }
        | PersonDeed::Decline { .. }
        | PersonDeed::StartLesson { .. }
        | PersonDeed::ChangeLesson { .. }
        | PersonDeed::EndLesson { .. }
        | PersonDeed::PlaceHold { .. }
        | PersonDeed::LiftHold { .. }
        | PersonDeed::SignRetention { .. } => None,
    }
}

fn describe_lesson(deed: &PersonDeed) -> Option<LessonLine> {
    let (lesson, settings) = deed.lesson()?;
    let sites = settings.map(|settings| settings.internet.sites()).filter(|sites| !sites.is_empty());
    let ending = if let PersonDeed::EndLesson { ending, .. } = deed { Some(ending.as_str()) } else { None };
    Some(LessonLine {
        number: lesson.number(),
        until: settings.map(|settings| utc(settings.until)),
        internet: settings.map(|settings| settings.internet.as_str()),
        sites: sites.map(|sites| sites.iter().map(ToString::to_string).collect()),
        wifi: settings.map(|settings| settings.is_wifi_on),
        end: ending,
    })
}

fn write_access(output: &mut impl Write, found: &Found) -> io::Result<()> {
    let closing = found.ended.map(|ended| ended.closing);
    let known = found.ended.and_then(|ended| ended.measured());
    let (category, entry) = match &found.reason {
        Reason::Listed { category, entry }
        | Reason::WhiteListed { category, entry }
        | Reason::Locked { category, entry } => (Some(category.as_str()), Some(&**entry)),
        Reason::Workspace { entry } => (None, Some(&**entry)),
        Reason::Ruled(ruling) => (None, Some(&*ruling.entry)),
        Reason::Service(name) => (None, Some(name.as_str())),
        Reason::NotListed
        | Reason::NotWhiteListed
        | Reason::ClosedHours
        | Reason::Narrowed(_)
        | Reason::Fault(_) => (None, None),
    };
    let ruling = if let Reason::Ruled(ruling) = &found.reason { Some(ruling) } else { None };
    let line = Line {
        sequence: found.sequence.number(),
        time: utc(found.at),
        clock: found.clock.as_str(),
        made: Made::of(found.when),
        device: &found.device,
        mac: found.mac.map(|mac| mac.to_string()),
        room: found.room.as_ref().map(RoomName::as_str),
        profile: found.profile.as_str(),
        lesson: found.lesson.as_deref(),
        person: found.person.as_deref(),
        kind: found.kind.as_str(),
        host: found.host.as_ref().map(ToString::to_string),
        destination: found.destination,
        verdict: found.verdict.as_str(),
        reason: found.reason.as_str(),
        category,
        entry,
        author: ruling.map(|ruling| ruling.author.as_str()),
        until: ruling.and_then(|ruling| ruling.until).map(utc),
        end: closing.map(|closing| closing.end.as_str()),
        peer: closing.and_then(|closing| closing.peer),
        bytes_up: known.map(|closing| closing.bytes_up),
        bytes_down: known.map(|closing| closing.bytes_down),
        duration_ms: known.map(|closing| closing.duration_ms),
        count: found.count,
        last_time: utc(found.last_at),
    };
    serde_json::to_writer(&mut *output, &line)?;
    output.write_all(b"\n")
}

/// RFC 3339 in UTC with milliseconds. A time that no calendar has is given in milliseconds since 1970.
fn utc(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.unix_ms()) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => at.unix_ms().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::tests::sample;
    use super::*;

    #[test]
    fn every_key_is_always_there() {
        let mut output = Vec::new();
        for hit in sample() {
            write_line(&mut output, &hit).unwrap();
        }
        insta::assert_snapshot!(String::from_utf8(output).unwrap());
    }
}
