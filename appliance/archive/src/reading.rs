//! Rows as a search gives them out.

use journal::{ClockTie, Ended, Found, FoundAct, FoundPersonAct, Hit, Late, News, Sequence};
use model::{
    Act, Closing, Deed, DomainName, End, Host, InternetMode, LessonEnding, LessonId, LessonSettings,
    OverrideId, PersonAct, PersonDeed, ReadingEnd, ReadingTerms, RoomName, Rule, Scope, Sought, Topic, When,
};

use crate::row::{Number, Row, Text, WITH_PEOPLE, WITH_WIFI, record, scope};
use crate::words::{self, Details};

/// A row, understood as far as this program can.
#[derive(Debug)]
pub enum Sealed {
    /// An access or an act.
    Hit(Box<Hit>),
    /// What is said of an access of an earlier seal.
    Late(Late),
    /// A record of a newer program, or damaged bytes.
    Other(Box<Row>),
}

impl Sealed {
    pub(crate) fn of(row: Row) -> Self {
        let understood = match row.text(Text::Record) {
            Some(record::ACCESS) => {
                access(&row).map(|found| Self::Hit(Box::new(Hit::Access(Box::new(found)))))
            }
            Some(record::ACT) => act(&row).map(|found| Self::Hit(Box::new(Hit::Act(Box::new(found))))),
            Some(record::PERSON) => {
                person(&row).map(|found| Self::Hit(Box::new(Hit::Person(Box::new(found)))))
            }
            Some(record::CLOSING | record::REPEAT) => late(&row).map(Self::Late),
            Some(_) | None => None,
        };
        understood.unwrap_or_else(|| Self::Other(Box::new(row)))
    }
}

impl Sealed {
    /// The same, known to be made then.
    pub(crate) fn made(mut self, when: Option<When>) -> Self {
        if let (Self::Hit(hit), Some(when)) = (&mut self, when) {
            match &mut **hit {
                Hit::Access(found) => found.when = when,
                Hit::Act(found) => found.when = when,
                Hit::Person(found) => found.when = when,
                Hit::Damage(_) | Hit::Unreadable { .. } => {}
            }
        }
        self
    }
}

fn sequence(row: &Row, column: Number) -> Option<Sequence> {
    row.number(column).map(|number| Sequence::new(number.cast_unsigned()))
}

fn unsigned(row: &Row, column: Number) -> u64 {
    row.number(column).unwrap_or(0).cast_unsigned()
}

fn access(row: &Row) -> Option<Found> {
    let at = row.time(Number::Time)?;
    let details = Details {
        category: row.text(Text::Category),
        entry: row.text(Text::Entry),
        author: row.text(Text::Author),
        until: row.time(Number::Until),
    };
    let ended = match row.text(Text::End) {
        Some(_) => Some(ended(row)?),
        None => None,
    };
    Some(Found {
        sequence: sequence(row, Number::Sequence)?,
        at,
        clock: words::clock(row.text(Text::Clock)?)?,
        when: When::Shown(at),
        device: row.text(Text::Device)?.to_owned(),
        mac: row.text(Text::Mac).map(str::parse).transpose().ok()?,
        room: row.text(Text::Room).map(str::parse).transpose().ok()?,
        profile: row.text(Text::Profile)?.parse().ok()?,
        lesson: row.text(Text::Lesson).map(str::to_owned),
        person: row.text(Text::Person).map(str::to_owned),
        kind: words::kind(row.text(Text::Kind)?)?,
        host: row.text(Text::Host).map(Host::parse).transpose().ok()?,
        destination: row.text(Text::Destination).map(str::parse).transpose().ok()?,
        verdict: words::verdict(row.text(Text::Verdict)?)?,
        reason: details.reason(row.text(Text::Reason)?)?,
        ended,
        count: u32::try_from(row.number(Number::Count)?).ok()?,
        last_at: row.time(Number::LastTime)?,
    })
}

fn ended(row: &Row) -> Option<Ended> {
    let end: End = words::end(row.text(Text::End)?)?;
    let closing = Closing {
        bytes_up: unsigned(row, Number::BytesUp),
        bytes_down: unsigned(row, Number::BytesDown),
        duration_ms: unsigned(row, Number::DurationMs),
        peer: row.text(Text::Peer).map(str::parse).transpose().ok()?,
        end,
    };
    let is_measured = row.number(Number::DurationMs).is_some();
    Some(Ended { at: row.time(Number::EndTime)?, closing, is_measured })
}

/// What ties the clock to the true time, where a row says so.
pub(crate) fn clock_tie(row: &Row) -> Option<ClockTie> {
    if row.text(Text::Record) != Some(record::CLOCK) {
        return None;
    }
    Some(ClockTie {
        sequence: sequence(row, Number::Sequence)?,
        since: sequence(row, Number::Of)?,
        at: row.time(Number::Time)?,
        clock: words::clock(row.text(Text::Clock)?)?,
        before: row.time(Number::From)?,
    })
}

fn late(row: &Row) -> Option<Late> {
    let news = if row.text(Text::Record) == Some(record::CLOSING) {
        News::End(ended(row)?)
    } else {
        let count = u32::try_from(row.number(Number::Count)?).ok()?;
        News::Repeat { count, last_at: row.time(Number::LastTime)? }
    };
    Some(Late { sequence: sequence(row, Number::Sequence)?, of: sequence(row, Number::Of)?, news })
}

fn act(row: &Row) -> Option<FoundAct> {
    let deed = match row.text(Text::Deed)? {
        "make" => Deed::Make,
        "take-back" => Deed::TakeBack { by: row.text(Text::By)?.parse().ok()? },
        "run-out" => Deed::RunOut,
        _ => return None,
    };
    let topic = match (row.text(Text::Host), row.text(Text::Category)) {
        (Some(name), None) => Topic::Site(name.parse().ok()?),
        (None, Some(category)) => Topic::Category(category.parse().ok()?),
        (None, None) | (Some(_), Some(_)) => return None,
    };
    let scope = match (row.text(Text::Scope), row.text(Text::ScopeName)) {
        (None, None) => Scope::Everyone,
        (Some(scope::PROFILE), Some(name)) => Scope::Profile(name.parse().ok()?),
        (Some(scope::ROOM), Some(name)) => Scope::Room(name.parse().ok()?),
        (Some(scope::DEVICE), Some(mac)) => Scope::Device(mac.parse().ok()?),
        (_, _) => return None,
    };
    let rule = Rule {
        layer: words::layer(row.text(Text::Layer)?)?,
        effect: words::verdict(row.text(Text::Verdict)?)?,
        topic,
        scope,
        author: row.text(Text::Author)?.parse().ok()?,
        motive: row.text(Text::Motive)?.parse().ok()?,
        from: row.time(Number::From),
        until: row.time(Number::Until),
    };
    let id = OverrideId::new(u32::try_from(row.number(Number::Override)?).ok()?);
    let at = row.time(Number::Time)?;
    Some(FoundAct {
        sequence: sequence(row, Number::Sequence)?,
        at,
        clock: words::clock(row.text(Text::Clock)?)?,
        when: When::Shown(at),
        act: Act { deed, id, rule },
    })
}

fn person(row: &Row) -> Option<FoundPersonAct> {
    let name = || row.text(Text::Name)?.parse().ok();
    let reading = || row.text(Text::Name)?.parse().ok();
    let sought = || row.text(Text::Motive).map(Sought::new);
    let deed = match row.text(Text::Deed)? {
        "remove-telephone" => PersonDeed::RemoveTelephone { name: name()? },
        "add-person" => PersonDeed::AddPerson { name: name()?, role: row.text(Text::Role)?.parse().ok()? },
        "reset-person" => PersonDeed::ResetPerson { name: name()? },
        "disable-person" => PersonDeed::DisablePerson { name: name()? },
        "decline" => {
            let site: DomainName = row.text(Text::Host)?.parse().ok()?;
            PersonDeed::Decline { site, room: row.text(Text::Room).map(str::parse).transpose().ok()? }
        }
        "open-reading" => open_reading(row)?,
        "search-journal" => PersonDeed::SearchJournal { reading: reading()?, sought: sought()? },
        "export-journal" => PersonDeed::ExportJournal { reading: reading()?, sought: sought()? },
        "close-reading" => {
            PersonDeed::CloseReading { reading: reading()?, end: ReadingEnd::read(row.text(Text::Reason)?)? }
        }
        "start-lesson" => {
            let (lesson, room) = lesson(row)?;
            PersonDeed::StartLesson { lesson, room, settings: settings(row)? }
        }
        "change-lesson" => {
            let (lesson, room) = lesson(row)?;
            PersonDeed::ChangeLesson { lesson, room, settings: settings(row)? }
        }
        "end-lesson" => {
            let (lesson, room) = lesson(row)?;
            let word = row.text(Text::Reason)?;
            let ending = LessonEnding::ALL.into_iter().find(|ending| ending.as_str() == word)?;
            PersonDeed::EndLesson { lesson, room, ending }
        }
        other => PersonDeed::read(other, sought())?,
    };
    let device = row.text(Text::Machine).map(str::parse).transpose().ok()?;
    let at = row.time(Number::Time)?;
    Some(FoundPersonAct {
        sequence: sequence(row, Number::Sequence)?,
        at,
        clock: words::clock(row.text(Text::Clock)?)?,
        when: When::Shown(at),
        act: PersonAct { author: row.text(Text::Author)?.parse().ok()?, device, deed },
    })
}

fn lesson(row: &Row) -> Option<(LessonId, RoomName)> {
    Some((row.text(Text::Lesson)?.parse().ok()?, row.text(Text::Room)?.parse().ok()?))
}

fn settings(row: &Row) -> Option<Box<LessonSettings>> {
    let sites = row.text(Text::Motive).unwrap_or_default();
    Some(Box::new(LessonSettings {
        until: row.time(Number::Until)?,
        internet: InternetMode::read(row.text(Text::Reason)?, sites).ok()?,
        is_wifi_on: row.text(Text::Entry) == Some(WITH_WIFI),
    }))
}

fn open_reading(row: &Row) -> Option<PersonDeed> {
    let target = match (row.text(Text::Scope), row.text(Text::ScopeName)) {
        (None, None) => None,
        (Some(scope::DEVICE), Some(name)) => Some(name.parse().ok()?),
        (_, _) => return None,
    };
    let terms = ReadingTerms {
        purpose: row.text(Text::Reason)?.parse().ok()?,
        detail: row.text(Text::Motive)?.parse().ok()?,
        from: row.time(Number::From),
        to: row.time(Number::Until),
        target,
        with_people: row.text(Text::Entry) == Some(WITH_PEOPLE),
    };
    let (reading, until) = (row.text(Text::Name)?.parse().ok()?, row.time(Number::EndTime)?);
    Some(PersonDeed::OpenReading { reading, terms: Box::new(terms), until })
}
