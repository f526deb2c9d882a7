//! The head's pages of the journal, and what is printed of it.

use model::{
    ClockQuality, Host, InternetMode, Lesson, LessonId, MadeCard, Motive, Person, PersonId, Purpose,
    ReaderRole, Reading, ReadingEnd, ReadingId, ReadingTerms, Reason, Role, Selection, Timestamp, Verdict,
    When,
};
use portal::pages::people::{ClassesPage, JournalPage, KeyPaper, KeysPage, ReadingPage};
use portal::pages::{CoverFile, CoverVersion, DeletedKind, ExportCover, SafeSheet};
use portal::{
    ClassDay, Classes, Custody, Findings, FoundLine, Held, KeptField, KeyLine, KeyList, Language,
    LessonChoice, NewKey, ReadingList, RefusedCount, RoutineDay, Summary,
};

use super::{Error, NOW_MS, Write, place};

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_unix_ms(NOW_MS + minutes * 60_000)
}

fn head() -> Result<Person, Error> {
    Ok(Person {
        id: PersonId::new(2),
        name: "M. Bernard".parse()?,
        role: Role::Head,
        rooms: vec![],
        made: at(0),
        disabled: None,
        has_first_secret: false,
        has_telephone: false,
    })
}

fn custody() -> Result<Custody, Error> {
    let kept = [("access", 365), ("who", 365), ("destination", 30), ("traffic", 30), ("acts", 180)];
    let readers = [
        "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
        "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg",
    ];
    Ok(Custody {
        readers: readers.map(str::to_owned).to_vec(),
        readers_since: Some(at(-90_000)),
        kept: kept.map(|(word, days)| KeptField { word, days, settled_days: days }).to_vec(),
        entry: Some(12),
        kept_since: Some(at(-80_000)),
        signed: Some("La commune".parse()?),
        approvals: vec![("Mme Lefort".parse()?, at(-70_000))],
        settles: None,
    })
}

fn readings() -> Result<Vec<Reading>, Error> {
    let terms = ReadingTerms {
        purpose: Purpose::Incident,
        detail: "vidéo choquante vue en CM2 lundi matin, signalée par Mme Martin".parse()?,
        from: Some(at(-1_440)),
        to: Some(at(-1_080)),
        target: None,
        with_people: true,
    };
    let open = Reading {
        id: ReadingId::new(7),
        author: head()?.name,
        machine: None,
        terms,
        opened: at(-12),
        until: at(48),
        closed: None,
        searches: 3,
        exports: 0,
        whole_exports: 0,
        card_by: None,
    };
    let judicial = ReadingTerms {
        purpose: Purpose::Judicial,
        detail: "réquisition n° 2026/118 du 30 novembre, brigade des mineurs".parse()?,
        from: None,
        to: None,
        target: Some("CM2-04".parse()?),
        with_people: false,
    };
    let past = Reading {
        id: ReadingId::new(6),
        terms: judicial,
        closed: Some((at(-3_000), ReadingEnd::Hand)),
        opened: at(-3_060),
        exports: 2,
        whole_exports: 1,
        ..open.clone()
    };
    Ok(vec![open, past])
}

fn lessons() -> Result<Vec<Lesson>, Error> {
    let lesson = |id: u32, room: &str, minutes: i64| -> Result<Lesson, Error> {
        Ok(Lesson {
            id: LessonId::new(id),
            teacher: "Mme Martin".parse()?,
            room: room.parse()?,
            from: at(minutes),
            until: at(minutes + 55),
            internet: InternetMode::Normal,
            is_wifi_on: false,
            ended: None,
        })
    };
    Ok(vec![lesson(42, "CM2", -1_240)?, lesson(41, "CM1", -1_300)?])
}

fn findings() -> Result<Findings, Error> {
    let hosts =
        ["fr.vikidia.org", "www.poker.example", "cours.ent.example", "i.ytimg.example", "203.0.113.7"];
    let lines = (0..24_usize).map(|place| {
        let name = hosts.get(place % hosts.len()).copied().unwrap_or_default();
        let is_refused = place % 5 == 1;
        let listed = Reason::Listed { category: "gambling".parse()?, entry: "poker.example".into() };
        Ok(FoundLine {
            when: When::Shown(at(-1_400 + i64::try_from(place)?)),
            device: Some(format!("CM2-{:02}", place % 7 + 1)),
            room: Some("CM2".parse()?),
            host: Some(Host::parse(name)?),
            verdict: Some(if is_refused { Verdict::Refuse } else { Verdict::Permit }),
            reason: is_refused.then_some(listed),
            count: if place % 4 == 0 { 12 } else { 1 },
            person: None,
            deed: None,
        })
    });
    let lines = lines.collect::<Result<Vec<_>, Error>>()?;
    Ok(Findings { lines, next: Some(4_711), locked: 1, nameless: 0, unreadable: 0, is_cut: false })
}

fn summary() -> Result<Summary, Error> {
    let count = |room: &str, category: &str, count| -> Result<RefusedCount, Error> {
        Ok(RefusedCount { room: Some(room.parse()?), category: Some(category.parse()?), count })
    };
    let refused = vec![
        count("CM2", "games", 412)?,
        count("CM1", "publicite", 87)?,
        count("Bibliothèque", "social_networks", 23)?,
    ];
    Ok(Summary { refused, hidden: 9 })
}

fn classes() -> Result<Classes, Error> {
    let day = |day: &str, room: &str, accesses, refused: &[(&str, u64)]| -> Result<ClassDay, Error> {
        let refused = refused.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect();
        Ok(ClassDay { day: day.parse()?, room: Some(room.parse()?), accesses, refused })
    };
    let days = vec![
        day("2026-11-23", "CM1", 8_412, &[("publicite", 1_204), ("games", 61)])?,
        day("2026-11-23", "CM2", 9_730, &[("games", 412), ("quic", 96), ("social_networks", 23)])?,
        day("2026-11-24", "CM2", 7_015, &[])?,
    ];
    Ok(Classes { days, ..Classes::default() })
}

pub(crate) fn write_journal(language: Language, write: Write<'_>) -> Result<(), Error> {
    let (place, person, readings) = (place()?, head()?, readings()?);
    let (summary, findings) = (summary()?, findings()?);
    let card = |name: &str, role: Role| -> Result<MadeCard, Error> {
        Ok(MadeCard { name: name.parse()?, role, by: head()?.name, at: at(-4_000) })
    };
    let cards = [card("Mme Durand", Role::Head)?, card("Mme Lefort", Role::Officer)?];
    let routine = vec![RoutineDay { day: at(-1_440), count: 12 }];
    let list = ReadingList { readings: readings.clone(), routine, total: 2, ..ReadingList::default() };
    let holds = [Held {
        number: 412,
        since: at(-9_000),
        from: Some(at(-20_000)),
        to: Some(at(-18_000)),
        device: Some("CM2-04".to_owned()),
        author: "Mme Durand".parse()?,
        reason: "réquisition 26/123".parse()?,
        lifted: None,
    }];
    let custody = custody()?;
    let page = JournalPage {
        place: &place,
        person: &person,
        list: &list,
        cards: &cards,
        holds: Some(&holds),
        custody: Some(&custody),
        summary: Some(&summary),
        now: Some(at(0)),
        token: "0",
        trouble: None,
    };
    write("journal", page.render(language))?;
    let selection = Selection { verdict: Some(Verdict::Refuse), ..Selection::default() };
    let choice = LessonChoice { lessons: lessons()?, is_cut: false };
    let open = readings.first().ok_or("a reading")?;
    let reading = ReadingPage {
        place: &place,
        person: &person,
        reading: open,
        is_unlocked: true,
        selection: &selection,
        choice: &choice,
        found: Some(&findings),
        token: "0",
        trouble: None,
    };
    write("journal-reading", reading.render(language))?;
    let (classes, id) = (classes()?, open.id);
    let classes = ClassesPage { place: &place, person: &person, id, classes: &classes, token: "0" };
    write("journal-classes", classes.render(language))?;
    write("journal-locked", ReadingPage { is_unlocked: false, found: None, ..reading }.render(language))?;
    write_keys(language, write)?;
    if language == Language::French {
        write_sheets(&place.timezone, write)?;
    }
    Ok(())
}

/// The keys of a school, of one that has none, and a new one of each kind.
fn write_keys(language: Language, write: Write<'_>) -> Result<(), Error> {
    let (place, person) = (place()?, head()?);
    let public = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    let made = KeyLine { public: public.to_owned(), role: ReaderRole::Head, by: head()?.name, at: at(-900) };
    let list = KeyList {
        configured: vec!["age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg".to_owned()],
        made: vec![made],
        waiting: vec![(ReaderRole::Recovery, public.to_owned())],
    };
    let none = KeyList::default();
    let page = KeysPage { place: &place, person: &person, list: &list, token: "0", trouble: None };
    write("keys", page.render(language))?;
    write("keys-none", KeysPage { list: &none, ..page }.render(language))?;
    let secret = "AGE-SECRET-KEY-1QQPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZ";
    for (name, role) in [("keys-head", ReaderRole::Head), ("keys-safe", ReaderRole::Recovery)] {
        let key = NewKey { role, public: public.to_owned(), secret: secret.to_owned().into(), made: at(0) };
        let page = KeyPaper { place: &place, person: &person, key: &key, token: "0" };
        write(name, page.render(language))?;
    }
    Ok(())
}

fn write_sheets(zone: &jiff::tz::TimeZone, write: Write<'_>) -> Result<(), Error> {
    let detail: Motive = "réquisition n° 2026/118 du 30 novembre, brigade des mineurs".parse()?;
    let hash = "645bcf42f5f29c485d13dcffad435bac5e05854f5232af2744c90a2e2f2e6cbc";
    let names = [
        "extrait.csv",
        "extrait.parquet",
        "journal/key",
        "journal/checkpoint",
        "journal/seal-00000000000000000012",
    ];
    let files: Vec<CoverFile> =
        names.map(|name| CoverFile { name: name.to_owned(), bytes: 8_362, hash: hash.to_owned() }).into();
    let selection = Selection {
        from: Some(at(-2_880)),
        to: Some(at(0)),
        device: Some("CM2-04".parse()?),
        ..Selection::default()
    };
    let cover = ExportCover {
        version: CoverVersion::LATEST,
        school: "École élémentaire Jean-Jaurès",
        time_zone: zone,
        key: "preau/journal/fe812c12f3ab4ce6+6162fe63+AdpT1yzp9Bzr/SGRCIy+yg81wc6BRo7aPGXdhjVDmBsb",
        made: at(0),
        clock: ClockQuality::Synchronised,
        author: &head()?.name,
        purpose: Purpose::Judicial,
        detail: &detail,
        reading: Some(ReadingId::new(7)),
        selection: &selection,
        rows: 1_204,
        unsealed: 31,
        locked: 0,
        unreadable: 0,
        deleted: &[DeletedKind { word: "traffic", seals: "12–31".to_owned() }],
        is_whole: false,
        files: &files,
    };
    write("journal-cover", cover.render())?;
    let sheet = SafeSheet {
        school: "École élémentaire Jean-Jaurès",
        time_zone: zone,
        made: at(0),
        public: "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
        secret: "AGE-SECRET-KEY-1QQPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZ",
    };
    write("journal-safe", sheet.render())?;
    Ok(())
}
