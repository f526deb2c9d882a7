//! What must hold for tables.

use std::ops::ControlFlow;

use journal::simulation::Disk;
use journal::{
    Damage, DamageKind, Ended, Found, FoundAct, FoundPersonAct, Harvested, Hit, Kind, Late, News, Query,
    SegmentId, Sequence, Source, Tally,
};
use model::{
    AccessKind, Act, Alteration, ClockQuality, Closing, Deed, End, Host, InternetMode, Layer, LessonEnding,
    LessonId, LessonSettings, OverrideId, PersonAct, PersonDeed, Purpose, ReadingEnd, ReadingId,
    ReadingTerms, Role, Rule, Scope, Sought, Topic, Verdict, When,
};
use proptest::prelude::*;

use super::fixture::{Asked, Box as Appliance, at, reasons};
use crate::row::Row;
use crate::table::TableWriter;
use crate::{
    Filter, Form, FoundAnywhere, Hash, Log, Seal, Sealed, SealedFile, SigningKey, Table, is_unreadable,
    search,
};

fn write(harvested: &[Harvested]) -> Vec<u8> {
    let mut writer = TableWriter::new().unwrap();
    harvested.iter().flat_map(Row::of).for_each(|row| writer.push(row).unwrap());
    writer.finish().unwrap()
}

fn read(table: Vec<u8>, query: &Query) -> Vec<Sealed> {
    let mut sealed = Vec::new();
    let flow = Table::open(table).unwrap().search(&Filter::from(query), |one| {
        sealed.push(one);
        ControlFlow::Continue(())
    });
    assert!(flow.unwrap().is_continue());
    sealed
}

fn found(sequence: u64) -> Found {
    Found {
        sequence: Sequence::new(sequence),
        at: at(5),
        clock: ClockQuality::Unsynchronised,
        when: When::Shown(at(5)),
        device: "CM2-04".to_owned(),
        mac: Some("02:00:00:00:00:04".parse().unwrap()),
        room: Some("Salle É".parse().unwrap()),
        profile: "elementaire".parse().unwrap(),
        lesson: Some("Histoire".to_owned()),
        person: Some("Mme Martin".to_owned()),
        kind: AccessKind::Tls,
        host: Some(Host::parse("www.example.com").unwrap()),
        destination: Some("192.0.2.1:443".parse().unwrap()),
        verdict: Verdict::Permit,
        reason: model::Reason::NotListed,
        ended: None,
        count: 1,
        last_at: at(5),
    }
}

fn ended(end: End) -> Ended {
    let closing = Closing {
        bytes_up: 517,
        bytes_down: 1 << 33,
        duration_ms: 1_250,
        peer: Some("[2001:db8::1]:443".parse().unwrap()),
        end,
    };
    let nothing = Closing { bytes_up: 0, bytes_down: 0, duration_ms: 0, peer: None, end };
    Ended::new(at(9), if end == End::Cut { nothing } else { closing })
}

#[test]
fn every_access_comes_back_as_it_was() {
    let ends = [End::Finish, End::Abort, End::Unreachable, End::Forbidden, End::Cut, End::Lapse];
    let kinds = [AccessKind::Dns, AccessKind::Tls, AccessKind::Http, AccessKind::Connect];
    let clocks = [ClockQuality::Synchronised, ClockQuality::Unsynchronised, ClockQuality::Unset];
    let all = reasons().into_iter().chain(model::Narrowing::ALL.map(model::Reason::Narrowed));
    let mut accesses: Vec<Found> = all.map(|reason| Found { reason, ..found(0) }).collect();
    accesses.extend(ends.map(|end| Found { ended: Some(ended(end)), ..found(0) }));
    accesses.extend(kinds.map(|kind| Found { kind, verdict: Verdict::Refuse, count: u32::MAX, ..found(0) }));
    accesses.extend(clocks.map(|clock| Found { clock, host: Host::parse("2001:db8::7").ok(), ..found(0) }));
    let bare = Found {
        mac: None,
        room: None,
        lesson: None,
        person: None,
        host: None,
        destination: None,
        ..found(0)
    };
    accesses.push(Found { device: "inconnu-10.77.0.11".to_owned(), last_at: at(50), ..bare });
    let accesses: Vec<Found> = (1..)
        .zip(accesses)
        .map(|(number, found)| Found { sequence: Sequence::new(number), ..found })
        .collect();
    let harvested: Vec<_> = accesses.iter().map(|found| Harvested::Access(Box::new(found.clone()))).collect();
    let hits = read(write(&harvested), &Query::default()).into_iter().map(|sealed| match sealed {
        Sealed::Hit(hit) => *hit,
        other @ Sealed::Late(_) | other @ Sealed::Other(_) => panic!("{other:?}"),
    });
    assert_eq!(numbers(hits.collect()), accesses);
}

fn act(change: impl FnOnce(Rule) -> Rule, deed: Deed) -> Act {
    let rule = Rule {
        layer: Layer::Lesson,
        effect: Verdict::Permit,
        topic: Topic::Site("casino.example".parse().unwrap()),
        scope: Scope::Room("CM2".parse().unwrap()),
        author: "Mme Martin".parse().unwrap(),
        motive: "exposé sur les jeux".parse().unwrap(),
        from: Some(at(0)),
        until: Some(at(1_800)),
    };
    Act { deed, id: OverrideId::new(7), rule: change(rule) }
}

fn open_reading(from: Option<model::Timestamp>, target: Option<&str>, with_people: bool) -> PersonDeed {
    let terms = ReadingTerms {
        purpose: Purpose::Judicial,
        detail: "réquisition".parse().unwrap(),
        from,
        to: from.map(|_| at(9)),
        target: target.map(|target| target.parse().unwrap()),
        with_people,
    };
    PersonDeed::OpenReading { reading: ReadingId::new(7), terms: Box::new(terms), until: at(60) }
}

/// What people could not do on the first boxes.
fn later_deeds() -> [PersonDeed; 11] {
    [
        PersonDeed::SignInByPaper,
        PersonDeed::AddTelephone,
        PersonDeed::RemoveTelephone { name: "M. Petit".parse().unwrap() },
        PersonDeed::AdoptPoint { words: Sought::new("borne-7: CM2") },
        PersonDeed::ReleasePoint { words: Sought::new("borne-7") },
        PersonDeed::RegisterDevice { words: Sought::new("02:00:00:00:00:11: CM2-04") },
        PersonDeed::ForgetDevice { words: Sought::new("02:00:00:00:00:11: CM2-04") },
        PersonDeed::AddReader { words: Sought::new("head: age1abc") },
        PersonDeed::RemoveReader { words: Sought::new("recovery: age1abc") },
        PersonDeed::InstallRelease { words: Sought::new("1.5.0") },
        PersonDeed::Alter { what: Alteration::TakeWifiKey, words: Sought::new("CM2: ipad") },
    ]
}

fn lesson_deeds() -> [PersonDeed; 3] {
    let room = || "CM2".parse().unwrap();
    let settings = |mode: &str, is_wifi_on| {
        let internet = InternetMode::read(mode, "vikidia.org ign.fr").unwrap();
        Box::new(LessonSettings { until: at(60), internet, is_wifi_on })
    };
    [
        PersonDeed::StartLesson {
            lesson: LessonId::new(7),
            room: room(),
            settings: settings("normal", true),
        },
        PersonDeed::ChangeLesson {
            lesson: LessonId::new(7),
            room: room(),
            settings: settings("list", false),
        },
        PersonDeed::EndLesson { lesson: LessonId::new(7), room: room(), ending: LessonEnding::TakeOver },
    ]
}

#[test]
fn every_act_comes_back_as_it_was() {
    let taken_back = Deed::TakeBack { by: "M. Petit".parse().unwrap() };
    let acts = [
        act(|rule| rule, Deed::Make),
        act(
            |rule| Rule { layer: Layer::School, effect: Verdict::Refuse, from: None, until: None, ..rule },
            taken_back,
        ),
        act(|rule| Rule { topic: Topic::Category("gambling".parse().unwrap()), ..rule }, Deed::RunOut),
        act(|rule| Rule { scope: Scope::Everyone, ..rule }, Deed::Make),
        act(|rule| Rule { scope: Scope::Profile("elementaire".parse().unwrap()), ..rule }, Deed::Make),
        act(|rule| Rule { scope: Scope::Device("02:00:00:00:00:11".parse().unwrap()), ..rule }, Deed::Make),
    ];
    let name = || "M. Petit".parse().unwrap();
    let deeds = [
        PersonDeed::SignIn,
        PersonDeed::FailSignIn,
        PersonDeed::SignOut,
        PersonDeed::ChangeSecret,
        PersonDeed::AddPerson { name: name(), role: Role::Technician },
        PersonDeed::ResetPerson { name: name() },
        PersonDeed::DisablePerson { name: name() },
        PersonDeed::Decline { site: "casino.example".parse().unwrap(), room: Some("CM2".parse().unwrap()) },
        PersonDeed::Decline { site: "casino.example".parse().unwrap(), room: None },
        open_reading(None, None, false),
        open_reading(Some(at(1)), Some("CM2-04"), true),
        PersonDeed::PlaceHold { words: Sought::new("hold 7: réquisition") },
        PersonDeed::LiftHold { words: Sought::new("hold 7: classé") },
        PersonDeed::SignRetention { words: Sought::new("access 365") },
        PersonDeed::SearchJournal { reading: ReadingId::new(7), sought: Sought::new("host a.fr") },
        PersonDeed::ExportJournal { reading: ReadingId::new(7), sought: Sought::new("room CM2") },
        PersonDeed::CloseReading { reading: ReadingId::new(7), end: ReadingEnd::Hand },
        PersonDeed::CloseReading { reading: ReadingId::new(7), end: ReadingEnd::Time },
    ];
    let deeds: Vec<_> = deeds.into_iter().chain(lesson_deeds()).chain(later_deeds()).collect();
    let (clock, when, sequence) = (ClockQuality::Synchronised, When::Shown(at(5)), Sequence::new(1));
    let acts = acts.map(|act| FoundAct { sequence, at: at(5), clock, when, act });
    let people: Vec<_> = deeds
        .into_iter()
        .map(|deed| {
            let device = (deed == PersonDeed::SignIn).then(|| "02:00:00:00:00:11".parse().unwrap());
            FoundPersonAct {
                sequence,
                at: at(5),
                clock,
                when,
                act: PersonAct { author: name(), device, deed },
            }
        })
        .collect();
    let mut harvested: Vec<_> = acts.iter().map(|found| Harvested::Act(Box::new(found.clone()))).collect();
    harvested.extend(people.iter().map(|found| Harvested::Person(Box::new(found.clone()))));
    let (mut acts_again, mut people_again) = (Vec::new(), Vec::new());
    for sealed in read(write(&harvested), &Query { kind: Some(Kind::Act), ..Query::default() }) {
        match sealed {
            Sealed::Hit(hit) => match *hit {
                Hit::Act(found) => acts_again.push(*found),
                Hit::Person(found) => people_again.push(*found),
                other @ Hit::Access(_) | other @ Hit::Damage(_) | other @ Hit::Unreadable { .. } => {
                    panic!("{other:?}")
                }
            },
            other @ Sealed::Late(_) | other @ Sealed::Other(_) => panic!("{other:?}"),
        }
    }
    assert_eq!(acts_again, acts);
    assert_eq!(people_again, people);
}

/// No sieve has who took a rule back: a search for her goes by none.
#[test]
fn who_took_a_rule_back_is_found_by_name() {
    let deeds = [Deed::Make, Deed::TakeBack { by: "M. Petit".parse().unwrap() }];
    let harvested = (1..).zip(deeds).map(|(number, deed)| {
        let (sequence, clock, when) = (Sequence::new(number), ClockQuality::Synchronised, When::Shown(at(5)));
        Harvested::Act(Box::new(FoundAct { sequence, at: at(5), clock, when, act: act(|rule| rule, deed) }))
    });
    let harvested: Vec<_> = harvested.collect();
    for (name, expected) in [("Mme Martin", 2), ("M. Petit", 1), ("M. Durand", 0)] {
        let query = Query { person: name.parse().ok(), ..Query::default() };
        assert_eq!(read(write(&harvested), &query).len(), expected, "{name}");
    }
}

#[test]
fn what_nobody_understands_is_kept() {
    let damage = Damage { segment: SegmentId::new(3), offset: 70, bytes: 100_000, kind: DamageKind::Block };
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let harvested = [
        Harvested::Unknown { sequence: 9, payload: vec![99, 9, 1, 2] },
        Harvested::Damaged { damage, bytes: bytes.clone() },
    ];
    let rows: Vec<_> = read(write(&harvested), &Query::default())
        .into_iter()
        .map(|sealed| match sealed {
            Sealed::Other(row) => *row,
            other @ Sealed::Hit(_) | other @ Sealed::Late(_) => panic!("{other:?}"),
        })
        .collect();
    let [unknown, damaged @ ..] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(
        unknown.cells().collect::<Vec<_>>(),
        [("sequence", "9".to_owned()), ("record", "unknown".to_owned())]
    );
    assert_eq!(unknown.raw, Some(vec![99, 9, 1, 2]));
    let together: Vec<u8> = damaged.iter().flat_map(|row| row.raw.clone().unwrap()).collect();
    assert_eq!((damaged.len(), together), (2, bytes));
}

/// A box that is cut off each night has torn ends: they are no places that cannot be read, other damage is.
#[test]
fn a_torn_end_is_told_from_damage() {
    let read = |kind| {
        let damage = Damage { segment: SegmentId::new(3), offset: 70, bytes: 3, kind };
        let harvested = [Harvested::Damaged { damage, bytes: vec![1, 2, 3] }];
        let [Sealed::Other(row)] =
            <[Sealed; 1]>::try_from(read(write(&harvested), &Query::default())).unwrap()
        else {
            panic!("{kind:?}")
        };
        is_unreadable(&FoundAnywhere::Other(row))
    };
    let kinds = [DamageKind::Header, DamageKind::Block, DamageKind::Record, DamageKind::Tail];
    assert_eq!(kinds.map(read), [true, true, true, false]);
}

#[test]
fn words_of_a_newer_program_are_kept() {
    let mut row = Row::of(&Harvested::Access(Box::new(found(4)))).remove(0);
    row.put_text(crate::row::Text::Kind, Some("quic"));
    let mut writer = TableWriter::new().unwrap();
    writer.push(row.clone()).unwrap();
    let table = writer.finish().unwrap();
    let check = |query: &Query, expected: usize| {
        let sealed = read(table.clone(), query);
        assert_eq!(sealed.len(), expected, "{query:?}");
        assert!(
            sealed.iter().all(|sealed| matches!(sealed, Sealed::Other(other) if **other == row)),
            "{sealed:?}"
        );
    };
    check(&Query::default(), 1);
    check(&Query { device: Some("cm2-04".to_owned()), ..Query::default() }, 1);
    check(&Query { host: Host::parse("example.com").ok(), ..Query::default() }, 1);
    check(&Query { host: Host::parse("example.org").ok(), ..Query::default() }, 0);
}

#[test]
fn what_no_box_writes_is_not_read() {
    let check = |bytes: usize, expected: bool| {
        let table = write(&[Harvested::Unknown { sequence: 9, payload: vec![7; bytes] }]);
        let mut rows = 0;
        let read = Table::open(table).unwrap().each_row(|_| rows += 1);
        assert_eq!((read.is_ok(), rows == 1), (expected, expected), "{bytes}: {read:?}");
    };
    check(64 << 10, true);
    check((64 << 10) + 1, false);
}

/// More rows than are in memory at once.
#[test]
fn what_a_file_says_of_many_rows_is_so() {
    let harvested: Vec<_> = (1..=5_000).map(|number| Harvested::Access(Box::new(found(number)))).collect();
    let (mut flaws, mut rows) = (Vec::new(), 0);
    let table = Table::open(write(&harvested)).unwrap();
    table.doubt(|flaw| flaws.push(flaw.to_string()), |_| rows += 1).unwrap();
    assert!(flaws.is_empty() && rows == 5_000, "{rows} rows: {flaws:#?}");
}

/// A forged file may leave out what a search goes by: nothing is hidden by that, and it is told.
#[test]
fn a_column_without_bounds_hides_nothing_and_is_told() {
    // An act has no last time.
    let act = FoundPersonAct {
        sequence: Sequence::new(2),
        at: at(60),
        clock: ClockQuality::Synchronised,
        when: When::Shown(at(60)),
        act: PersonAct { author: "M. Petit".parse().unwrap(), device: None, deed: PersonDeed::SignOut },
    };
    let harvested = [Harvested::Access(Box::new(found(1))), Harvested::Person(Box::new(act))];
    let mut writer = TableWriter::without_bounds("time").unwrap();
    harvested.iter().flat_map(Row::of).for_each(|row| writer.push(row).unwrap());
    let table = writer.finish().unwrap();
    let query = Query { from: Some(at(50)), ..Query::default() };
    assert_eq!(read(table.clone(), &query).len(), 1);
    let mut flaws = Vec::new();
    Table::open(table).unwrap().doubt(|flaw| flaws.push(flaw.to_string()), |_| {}).unwrap();
    let expected =
        "group 1 of its rows: what it says of the column time is not so: it has values and no bounds";
    assert_eq!(flaws, [expected]);
}

/// Damage has no time: it is told in every search that is not about something.
#[test]
fn damage_is_told_whatever_time_is_asked_for() {
    let damage = Damage { segment: SegmentId::new(3), offset: 70, bytes: 3, kind: DamageKind::Block };
    let harvested =
        [Harvested::Access(Box::new(found(1))), Harvested::Damaged { damage, bytes: vec![1, 2, 3] }];
    let table = write(&harvested);
    let count = |query: &Query| read(table.clone(), query).len();
    assert_eq!(count(&Query { from: Some(at(50)), ..Query::default() }), 1);
    let host = Host::parse("www.example.com").ok();
    assert_eq!(count(&Query { from: Some(at(50)), host, ..Query::default() }), 0);
}

/// A chart that no box writes so is not looked for: a text that repeats itself would be found slowly in a file that does.
#[test]
fn a_chart_in_other_words_is_none() {
    let mut table = write(&[Harvested::Access(Box::new(found(1)))]);
    assert!(Table::open(table.clone()).is_ok());
    let place = table.windows(10).rposition(|words| words == b"group 1 0 ").unwrap();
    table[place + 8] = b'2';
    assert!(Table::open(table).is_err());
}

#[test]
fn late_news_are_found_beside_others() {
    let late =
        Late { sequence: Sequence::new(40), of: Sequence::new(2), news: News::End(ended(End::Finish)) };
    let repeat = News::Repeat { count: 9, last_at: at(70) };
    let repeat = Late { sequence: Sequence::new(41), of: Sequence::new(3), news: repeat };
    let mut harvested: Vec<_> = (10..14).map(|number| Harvested::Access(Box::new(found(number)))).collect();
    harvested.extend([Harvested::Late(late), Harvested::Late(repeat)]);
    let table = write(&harvested);
    assert_eq!(read(table.clone(), &Query::default()).len(), 4, "no search shows them by themselves");
    let mut found = Vec::new();
    Table::open(table).unwrap().read_late(|late| found.push(late)).unwrap();
    assert_eq!(found, [late, repeat]);
}

#[test]
fn a_search_joins_what_a_later_seal_says() {
    let end = Late { sequence: Sequence::new(3), of: Sequence::new(1), news: News::End(ended(End::Finish)) };
    let repeat = Late {
        sequence: Sequence::new(4),
        of: Sequence::new(2),
        news: News::Repeat { count: 9, last_at: at(60) },
    };
    let question = || Found { kind: AccessKind::Dns, ..found(2) };
    let days = [
        write(&[Harvested::Access(Box::new(found(1))), Harvested::Access(Box::new(question()))]),
        write(&[Harvested::Late(end), Harvested::Late(repeat)]),
    ];
    let mut log = Log::default();
    let key = SigningKey::of_box([7; 32]).unwrap();
    for (day, table) in days.iter().enumerate() {
        let file =
            SealedFile { form: Form::Plain, bytes: table.len() as u64, hash: Hash::of(table), rows: 2 };
        let through = 2 * (day as u64 + 1);
        let times = Some((at(5), at(70)));
        let tally = Tally { records: 2, last_sequence: through, times, ..Tally::default() };
        log.append(Seal::new(&tally, through - 2, (1, 1), "2026-11-23".to_owned(), file), &key);
    }
    let read = |seal: &Seal| {
        let day = days.get(usize::try_from(seal.number).unwrap() - 1).cloned().unwrap();
        Table::open_sealed(seal, day, &[]).map_err(Into::into)
    };
    let mut hits = Vec::new();
    search(&log, read, &Disk::default(), &Query::default(), |found| {
        match found {
            FoundAnywhere::Hit(hit) => hits.push(*hit),
            other @ FoundAnywhere::Other(_) | other @ FoundAnywhere::Unreadable { .. } => panic!("{other:?}"),
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    let expected = [
        Found { ended: Some(ended(End::Finish)), ..found(1) },
        Found { count: 9, last_at: at(60), ..question() },
    ];
    assert_eq!(numbers(hits), expected);
}

#[test]
fn a_forged_table_is_refused() {
    let table = write(&[Harvested::Access(Box::new(found(1)))]);
    assert!(Table::open(Vec::new()).is_err());
    assert!(Table::open(table[..table.len() - 1].to_vec()).is_err());
    assert_eq!(Table::open(table).unwrap().row_count(), 1);
}

/// What a search finds, as far as it can be compared.
fn numbers(hits: Vec<Hit>) -> Vec<Found> {
    let accesses = hits.into_iter().filter_map(|hit| match hit {
        Hit::Access(found) => Some(*found),
        Hit::Act(_) | Hit::Person(_) | Hit::Damage(_) | Hit::Unreadable { .. } => None,
    });
    accesses.collect()
}

fn search_segments(source: &impl Source, query: &Query) -> Vec<Found> {
    let mut hits = Vec::new();
    journal::search(source, query, |hit| {
        hits.push(hit);
        ControlFlow::Continue(())
    })
    .unwrap();
    numbers(hits)
}

proptest! {
    /// Whatever is asked for: sealed or not, the same is found.
    #[test]
    fn a_search_finds_the_same_in_seals_and_segments(
        seeds in prop::collection::vec(any::<u32>(), 1..50),
        cuts in prop::collection::vec(prop::bool::weighted(0.1), 50),
        from in prop::option::of(0..400_i64),
        to in prop::option::of(0..400_i64),
        device in prop::option::of(prop::sample::select(vec!["cm2-03", "02:00:00:00:00:04", "inconnu-10.77.0.11"])),
        host in prop::option::of(prop::sample::select(vec!["casino.example", "example", "192.0.2.7", "c.example.org"])),
        verdict in prop::option::of(prop::sample::select(vec![Verdict::Permit, Verdict::Refuse])),
        kind in prop::option::of(prop::sample::select(vec![Kind::Access(AccessKind::Dns), Kind::Act])),
    ) {
        let mut sealed = Appliance::new();
        let mut plain = Appliance::new();
        let mut now = 0;
        for (seed, cut) in seeds.iter().zip(cuts) {
            now += i64::from(seed % 9);
            if cut {
                now = (now / 100 + 1) * 100;
            }
            let asked = Asked::varied(*seed);
            prop_assert_eq!(sealed.record(at(now), asked.clone()), plain.record(at(now), asked));
            if cut {
                sealed.seal(at(now));
            }
        }
        let query = Query {
            from: from.map(at),
            to: to.map(at),
            device: device.map(str::to_owned),
            host: host.and_then(|host| Host::parse(host).ok()),
            verdict,
            kind,
            ..Query::default()
        };
        let mut hits = Vec::new();
        let searched = search(
            &sealed.log,
            |seal| Table::open_sealed(seal, sealed.vault.files[&seal.file_name()].clone(), &[]).map_err(Into::into),
            &sealed.disk,
            &query,
            |found| {
                match found {
                    FoundAnywhere::Hit(hit) => hits.push(*hit),
                    other @ FoundAnywhere::Other(_) | other @ FoundAnywhere::Unreadable { .. } => panic!("{other:?}"),
                }
                ControlFlow::Continue(())
            },
        ).unwrap();
        prop_assert_eq!(searched.seals_unreadable, 0);
        prop_assert_eq!(numbers(hits), search_segments(&plain.disk, &query));
        let report = sealed.verify();
        prop_assert!(report.is_right(), "{}", report);
    }
}

/// The first: neither guide nor chart; the next with a guide, as boxes sealed it for a day; with a chart.
const GOLDEN: [&[u8]; 3] = [
    include_bytes!("../../testdata/table-v1.parquet"),
    include_bytes!("../../testdata/table-v1-guide.parquet"),
    include_bytes!("../../testdata/table-v2.parquet"),
];
/// The log that sealed the second.
const GOLDEN_LOG: &[u8] = include_bytes!("../../testdata/table-v1-guide.txt");

fn read_accesses(table: &Table, query: &Query) -> Vec<Found> {
    let mut hits = Vec::new();
    let flow = table.search(&Filter::from(query), |sealed| {
        match sealed {
            Sealed::Hit(hit) => hits.push(*hit),
            other @ Sealed::Late(_) | other @ Sealed::Other(_) => panic!("{other:?}"),
        }
        ControlFlow::Continue(())
    });
    assert!(flow.unwrap().is_continue());
    numbers(hits)
}

/// What was sealed is read for a year, by later programs, too.
#[test]
fn the_golden_tables_are_read() {
    let [first, guided, charted] = GOLDEN.map(|table| {
        let table = Table::open(table.to_vec()).unwrap();
        let mut flaws = Vec::new();
        table.doubt(|flaw| flaws.push(flaw.to_string()), |_| {}).unwrap();
        assert!(flaws.is_empty(), "{flaws:#?}");
        read_accesses(&table, &Query::default())
    });
    let [access] = &first[..] else { panic!("{first:?}") };
    assert_eq!(
        (access.sequence, access.at, access.clock),
        (Sequence::new(1), at(43_200), ClockQuality::Synchronised)
    );
    assert_eq!(
        (access.device.as_str(), access.kind, access.count),
        ("inconnu-127.0.0.1", AccessKind::Dns, 1)
    );
    assert_eq!(access.host.as_ref().unwrap().to_string(), "d0.p3465.fr");
    assert_eq!((access.verdict, &access.reason), (Verdict::Permit, &model::Reason::NotListed));
    let hosts = |found: &[Found]| -> Vec<String> {
        found.iter().map(|found| found.host.as_ref().unwrap().to_string()).collect()
    };
    assert_eq!(
        hosts(&guided),
        ["d0.p3465.fr", "gambling.preau.test", "fr.vikidia.org", "a.b.c.d.example.org"]
    );
    assert_eq!(charted, [found(1), found(2)]);
}

/// As a search reads what a box sealed before there were charts: its end, the sieves in it, the group that may match.
#[test]
fn a_sealed_table_with_a_guide_is_read() {
    let (log, error) = Log::read(GOLDEN_LOG);
    assert!(error.is_none());
    let seal = log.last().unwrap();
    let [_, guided, _] = GOLDEN;
    let find = |file: Vec<u8>, host: &str| {
        let table = Table::open_sealed(seal, file, &[])?.unwrap();
        let query = Query { host: Host::parse(host).ok(), ..Query::default() };
        let mut count = 0;
        let flow = table.search(&Filter::from(&query), |_| {
            count += 1;
            ControlFlow::Continue(())
        })?;
        assert!(flow.is_continue());
        Ok::<_, crate::TableError>(count)
    };
    assert_eq!(find(guided.to_vec(), "vikidia.org").unwrap(), 1);
    assert_eq!(find(guided.to_vec(), "vikidia.com").unwrap(), 0);
    // Its group, then its end.
    for place in [1_000, guided.len() - 1_000] {
        let mut changed = guided.to_vec();
        changed[place] ^= 1;
        assert!(find(changed, "vikidia.org").is_err(), "{place}");
    }
}
