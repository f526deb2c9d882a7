//! Records as a table.

use std::io::{self, Write};

use jiff::tz::TimeZone;
use journal::{Found, FoundAct, FoundPersonAct, Hit};
use model::{Act, PersonAct, PersonDeed, RoomName, Scope, Timestamp, Topic, Verdict, When};

use super::{ACT, PERSON};
use crate::reasons::describe;

const TITLES: [&str; 12] =
    ["TIME", "DEVICE", "ROOM", "KIND", "HOST", "VERDICT", "REASON", "END", "UP", "DOWN", "SECONDS", "COUNT"];
/// The columns of numbers, which are aligned to the right.
const FIRST_NUMBER: usize = 8;
/// Rows that are gathered to find the widths of the columns. Later rows widen them as they come: a search over
/// a year must not wait for its end, nor hold it in memory.
const ROWS_MEASURED: usize = 1_000;
/// What stands where nothing is known.
const NOTHING: &str = "-";

type Row = [String; TITLES.len()];

/// A table that is being written.
pub(super) struct Table<W> {
    output: W,
    time_zone: TimeZone,
    widths: [usize; TITLES.len()],
    rows: Vec<Row>,
    has_title: bool,
}

impl<W: Write> Table<W> {
    /// An empty table, with times in this zone.
    pub(super) fn new(output: W, time_zone: TimeZone) -> Self {
        Self { output, time_zone, widths: [0; TITLES.len()], rows: Vec::new(), has_title: false }
    }

    /// Adds a record.
    pub(super) fn push(&mut self, hit: &Hit) -> io::Result<()> {
        let row = match hit {
            Hit::Access(found) => Some(row(found, &self.time_zone)),
            Hit::Act(found) => Some(act_row(found, &self.time_zone)),
            Hit::Person(found) => Some(person_row(found, &self.time_zone)),
            Hit::Damage(_) | Hit::Unreadable { .. } => None,
        };
        self.rows.extend(row);
        if self.rows.len() >= ROWS_MEASURED { self.write_rows() } else { Ok(()) }
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.write_rows()?;
        self.output.flush()
    }

    fn write_rows(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let title = TITLES.map(str::to_owned);
        for row in rows.iter().chain(std::iter::once(&title)) {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        if !std::mem::replace(&mut self.has_title, true) {
            self.write_row(&title)?;
        }
        rows.iter().try_for_each(|row| self.write_row(row))
    }

    fn write_row(&mut self, row: &Row) -> io::Result<()> {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(self.widths).enumerate() {
            let cell =
                if column < FIRST_NUMBER { format!("{cell:<width$}  ") } else { format!("{cell:>width$}  ") };
            line.push_str(&cell);
        }
        writeln!(self.output, "{}", line.trim_end())
    }
}

/// A time; with `~` one that the clock did not show and that is known by now, with `?` one that nobody knows: it was not
/// before the time that follows, where one does.
fn tell_when(when: When, zone: &TimeZone) -> String {
    match when {
        When::Shown(at) => local(at, zone),
        When::Reckoned(at) => format!("~{}", local(at, zone)),
        When::Between(earliest, _) => {
            format!("?{}", earliest.map_or_else(String::new, |earliest| local(earliest, zone)))
        }
    }
}

fn row(found: &Found, zone: &TimeZone) -> Row {
    let nothing = || NOTHING.to_owned();
    let closing = found.ended.map(|ended| ended.closing);
    let known = found.ended.and_then(|ended| ended.measured());
    [
        tell_when(found.when, zone),
        found.device.clone(),
        found.room.as_ref().map_or_else(nothing, RoomName::to_string),
        found.kind.as_str().to_owned(),
        found.host.as_ref().map_or_else(nothing, ToString::to_string),
        found.verdict.as_str().to_owned(),
        describe(&found.reason),
        closing.map_or_else(nothing, |closing| closing.end.as_str().to_owned()),
        known.map_or_else(nothing, |closing| closing.bytes_up.to_string()),
        known.map_or_else(nothing, |closing| closing.bytes_down.to_string()),
        known.map_or_else(nothing, |closing| seconds(closing.duration_ms)),
        found.count.to_string(),
    ]
}

fn act_row(found: &FoundAct, zone: &TimeZone) -> Row {
    let nothing = || NOTHING.to_owned();
    let rule = &found.act.rule;
    let (device, room) = match &rule.scope {
        Scope::Everyone => ("everyone".to_owned(), nothing()),
        Scope::Profile(profile) => (format!("profile {profile}"), nothing()),
        Scope::Room(room) => (nothing(), room.to_string()),
        Scope::Device(mac) => (mac.to_string(), nothing()),
    };
    let topic = match &rule.topic {
        Topic::Site(site) => site.to_string(),
        Topic::Category(category) => format!("category {category}"),
    };
    let verdict = rule.effect.to_string();
    fill_row([tell_when(found.when, zone), device, room, ACT.to_owned(), topic, verdict, account(&found.act)])
}

fn person_row(found: &FoundPersonAct, zone: &TimeZone) -> Row {
    let nothing = || NOTHING.to_owned();
    let PersonAct { author, device, deed } = &found.act;
    let (about, room, site, verdict) = match deed {
        PersonDeed::SignIn
        | PersonDeed::FailSignIn
        | PersonDeed::SignOut
        | PersonDeed::ChangeSecret
        | PersonDeed::SignInByPaper
        | PersonDeed::AddTelephone => (String::new(), nothing(), nothing(), nothing()),
        PersonDeed::AddPerson { name, role } => {
            (format!(" {name}, {role},"), nothing(), nothing(), nothing())
        }
        PersonDeed::ResetPerson { name }
        | PersonDeed::DisablePerson { name }
        | PersonDeed::RemoveTelephone { name } => (format!(" {name}"), nothing(), nothing(), nothing()),
        PersonDeed::Decline { site, room } => {
            let room = room.as_ref().map_or_else(nothing, RoomName::to_string);
            (String::new(), room, site.to_string(), Verdict::Refuse.to_string())
        }
        PersonDeed::OpenReading { reading, terms, .. } => {
            (format!(" {reading}, {}: {},", terms.purpose, terms.detail), nothing(), nothing(), nothing())
        }
        PersonDeed::SearchJournal { reading, sought } | PersonDeed::ExportJournal { reading, sought } => {
            (format!(" {reading} ({}),", sought.as_str()), nothing(), nothing(), nothing())
        }
        PersonDeed::PlaceHold { words }
        | PersonDeed::LiftHold { words }
        | PersonDeed::SignRetention { words }
        | PersonDeed::AdoptPoint { words }
        | PersonDeed::ReleasePoint { words }
        | PersonDeed::RegisterDevice { words }
        | PersonDeed::ForgetDevice { words }
        | PersonDeed::AddReader { words }
        | PersonDeed::RemoveReader { words }
        | PersonDeed::InstallRelease { words }
        | PersonDeed::Alter { words, .. } => {
            (format!(" ({}),", words.as_str()), nothing(), nothing(), nothing())
        }
        PersonDeed::CloseReading { reading, end } => {
            (format!(" {reading} ({}),", end.as_str()), nothing(), nothing(), nothing())
        }
        PersonDeed::StartLesson { lesson, room, settings }
        | PersonDeed::ChangeLesson { lesson, room, settings } => {
            let until = local(settings.until, zone);
            let wifi = if settings.is_wifi_on { ", Wi-Fi" } else { "" };
            let about = format!(" {lesson}, Internet {}{wifi}, until {until},", settings.internet.as_str());
            (about, room.to_string(), nothing(), nothing())
        }
        PersonDeed::EndLesson { lesson, room, ending } => {
            (format!(" {lesson} ({}),", ending.as_str()), room.to_string(), nothing(), nothing())
        }
    };
    let account = format!("{}{about} by {author}", deed.as_str());
    let device = device.map_or_else(nothing, |mac| mac.to_string());
    fill_row([tell_when(found.when, zone), device, room, PERSON.to_owned(), site, verdict, account])
}

/// A row of these cells; the rest says nothing.
fn fill_row<const N: usize>(cells: [String; N]) -> Row {
    let mut row = std::array::from_fn(|_| NOTHING.to_owned());
    for (place, cell) in row.iter_mut().zip(cells) {
        *place = cell;
    }
    row
}

/// What happened to which override, by whose hand, and why it was made.
fn account(act: &Act) -> String {
    let Act { deed, id, rule } = act;
    let by = deed.by().map(|by| format!(" by {by}")).unwrap_or_default();
    format!("{} {id}{by}, {}-rule of {}: {}", deed.as_str(), rule.layer.as_str(), rule.author, rule.motive)
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000)
}

fn local(at: Timestamp, zone: &TimeZone) -> String {
    match jiff::Timestamp::from_millisecond(at.unix_ms()) {
        Ok(time) => time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.3f%:z").to_string(),
        Err(_) => at.unix_ms().to_string(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::ops::ControlFlow;
    use std::sync::Arc;

    use journal::simulation::Disk;
    use journal::{Hit, Query};
    use model::{
        AccessKind, ClockQuality, Deed, Device, End, Fault, Host, Layer, OverrideId, Reason, Role, Rule,
        Subject, UnknownDevice,
    };
    use policy::Decided;

    use super::*;

    struct Asked {
        verdict: Verdict,
        subject: Subject,
        kind: AccessKind,
        host: Option<Host>,
        reason: Reason,
    }

    impl Decided for Asked {
        fn verdict(&self) -> Verdict {
            self.verdict
        }
        fn subject(&self) -> &Subject {
            &self.subject
        }
        fn kind(&self) -> AccessKind {
            self.kind
        }
        fn host(&self) -> Option<&Host> {
            self.host.as_ref()
        }
        fn destination(&self) -> Option<std::net::SocketAddr> {
            (self.kind == AccessKind::Tls).then(|| "192.0.2.1:443".parse().unwrap())
        }
        fn lesson(&self) -> Option<model::LessonId> {
            None
        }
        fn reason(&self) -> &Reason {
            &self.reason
        }
    }

    /// A lesson's beginning: a connection that the box's stop cut off, a refused question asked twice, a fault.
    pub(in super::super) fn sample() -> Vec<Hit> {
        let device = Device {
            mac: "02:00:00:00:00:11".parse().unwrap(),
            name: "Écran-BCD".parse().unwrap(),
            room: Some("Bibliothèque".parse().unwrap()),
            profile: "projecteur".parse().unwrap(),
        };
        let device = Subject::Device(Arc::new(device));
        let unknown = Subject::from(UnknownDevice { mac: None, address: "10.77.0.9".parse().unwrap() });
        let asked = |verdict, subject: &Subject, kind, host: Option<&str>, reason| Asked {
            verdict,
            subject: subject.clone(),
            kind,
            host: host.map(|host| Host::parse(host).unwrap()),
            reason,
        };
        let listed =
            || Reason::Listed { category: "gambling".parse().unwrap(), entry: "casino.example".into() };
        let refused =
            || asked(Verdict::Refuse, &unknown, AccessKind::Dns, Some("www.casino.example"), listed());
        let disk = Disk::default();
        let (journal, mut writer) = journal::open(disk.clone());
        let at = |ms: i64| Timestamp::from_unix_ms(1_795_422_600_000 + ms);
        let quality = ClockQuality::Synchronised;
        writer.commit(at(0)).unwrap();
        let permitted =
            asked(Verdict::Permit, &device, AccessKind::Tls, Some("fr.vikidia.org"), Reason::NotListed);
        journal.record(at(1), quality, permitted).unwrap();
        journal.record(at(2_000), quality, refused()).unwrap();
        journal.record(at(2_500), quality, refused()).unwrap();
        let unnamed = Reason::Fault(Fault::Unnamed);
        let fault = asked(Verdict::Refuse, &unknown, AccessKind::Tls, None, unnamed);
        journal.record(at(3_000), ClockQuality::Unsynchronised, fault).unwrap();
        for act in acts() {
            journal.record_act(at(3_500), quality, &act).unwrap();
        }
        for act in person_acts() {
            journal.record_person_act(at(3_600), quality, &act).unwrap();
        }
        writer.finish(at(4_000)).unwrap();
        let mut found = Vec::new();
        journal::search(&disk, &Query::default(), |hit| {
            found.push(hit);
            ControlFlow::Continue(())
        })
        .unwrap();
        if let Some(Hit::Access(ended)) = found.first() {
            let mut finished = ended.clone();
            if let Some(ended) = &mut finished.ended {
                ended.is_measured = true;
                ended.closing.end = End::Finish;
                ended.closing.bytes_up = 1_517;
                ended.closing.bytes_down = 65_536;
                ended.closing.duration_ms = 12_034;
                ended.closing.peer = Some("[2001:db8::7]:443".parse().unwrap());
            }
            found.push(Hit::Access(finished));
        }
        found
    }

    /// A teacher opens a site for her room until the lesson ends; the head closes a category, and opens it again.
    fn acts() -> [Act; 3] {
        let lesson = Rule {
            layer: Layer::Lesson,
            effect: Verdict::Permit,
            topic: Topic::Site("casino.example".parse().unwrap()),
            scope: Scope::Room("CM2".parse().unwrap()),
            author: "Mme Martin".parse().unwrap(),
            motive: "exposé sur les jeux".parse().unwrap(),
            from: Some(Timestamp::from_unix_ms(1_795_422_600_000)),
            until: Some(Timestamp::from_unix_ms(1_795_424_400_000)),
        };
        let school = Rule {
            layer: Layer::School,
            effect: Verdict::Refuse,
            topic: Topic::Category("games".parse().unwrap()),
            scope: Scope::Everyone,
            from: None,
            until: None,
            ..lesson.clone()
        };
        let act = |deed, number, rule: &Rule| Act { deed, id: OverrideId::new(number), rule: rule.clone() };
        [
            act(Deed::Make, 7, &lesson),
            act(Deed::TakeBack { by: "M. Petit".parse().unwrap() }, 3, &school),
            act(Deed::RunOut, 7, &lesson),
        ]
    }

    /// A teacher is registered, signs in and answers.
    fn person_acts() -> [PersonAct; 3] {
        let martin = || "Mme Martin".parse().unwrap();
        let device = || Some("02:00:00:00:00:11".parse().unwrap());
        let add = PersonDeed::AddPerson { name: martin(), role: Role::Teacher };
        let site = "casino.example".parse().unwrap();
        let decline = PersonDeed::Decline { site, room: Some("CM2".parse().unwrap()) };
        [
            PersonAct { author: "M. Petit".parse().unwrap(), device: None, deed: add },
            PersonAct { author: martin(), device: device(), deed: PersonDeed::SignIn },
            PersonAct { author: martin(), device: device(), deed: decline },
        ]
    }

    #[test]
    fn columns_are_aligned() {
        let mut output = Vec::new();
        let mut table = Table::new(&mut output, TimeZone::get("Europe/Paris").unwrap());
        sample().iter().try_for_each(|hit| table.push(hit)).unwrap();
        table.finish().unwrap();
        insta::assert_snapshot!(String::from_utf8(output).unwrap());
    }
}
