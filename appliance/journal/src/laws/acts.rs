//! What must hold for the acts in a journal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use model::{
    Act, Alteration, Deed, InternetMode, Layer, LessonEnding, LessonId, LessonSettings, Narrowing, PersonAct,
    PersonDeed, Purpose, ReadingEnd, ReadingId, ReadingTerms, Reason, Role, Rule, Scope, Sought, Topic,
    Verdict,
};

use super::{CLOCK, assert_golden, opened, record};
use crate::fixture::{Asked, act, at, each_hit, find, find_acts, find_person_acts, largest_act};
use crate::simulation::{Disk, Faults};
use crate::{Hit, Kind, Query, SegmentId, Unrecorded};

#[test]
fn every_act_comes_back() {
    let taken_back = || Deed::TakeBack { by: "M. Petit".parse().unwrap() };
    let with = |change: fn(Rule) -> Rule| {
        let act = act(Deed::Make);
        Act { rule: change(act.rule), ..act }
    };
    let acts = [
        act(Deed::Make),
        act(taken_back()),
        act(Deed::RunOut),
        with(|rule| Rule { layer: Layer::School, effect: Verdict::Refuse, from: None, until: None, ..rule }),
        with(|rule| Rule { topic: Topic::Category("gambling".parse().unwrap()), ..rule }),
        with(|rule| Rule { scope: Scope::Everyone, ..rule }),
        with(|rule| Rule { scope: Scope::Profile("elementaire".parse().unwrap()), ..rule }),
        with(|rule| Rule { scope: Scope::Device("02:00:00:00:00:11".parse().unwrap()), ..rule }),
        largest_act(),
    ];
    let disk = Disk::default();
    let (journal, writer) = opened(&disk, at(0));
    let sequences = acts.each_ref().map(|act| journal.record_act(at(5), CLOCK, act).unwrap());
    writer.finish(at(6)).unwrap();
    let found = find_acts(&disk, &Query::default());
    assert_eq!(found.iter().map(|found| found.sequence).collect::<Vec<_>>(), sequences);
    assert!(found.iter().all(|found| (found.at, found.clock) == (at(5), CLOCK)), "{found:#?}");
    assert_eq!(found.into_iter().map(|found| found.act).collect::<Vec<_>>(), acts);
}

#[test]
fn acts_stand_among_accesses_in_order() {
    let disk = Disk::default();
    let (journal, writer) = opened(&disk, at(0));
    let refused = Asked::tls("A", "casino.example").refused("gambling", "casino.example");
    record(&journal, at(1), refused).unwrap();
    journal.record_act(at(2), CLOCK, &act(Deed::Make)).unwrap();
    record(&journal, at(3), Asked::tls("A", "casino.example")).unwrap();
    journal.record_act(at(4), CLOCK, &act(Deed::RunOut)).unwrap();
    writer.finish(at(5)).unwrap();
    let mut seen = Vec::new();
    each_hit(&disk, &Query::default(), |hit| match hit {
        Hit::Access(found) => seen.push(found.verdict.as_str()),
        Hit::Act(found) => seen.push(found.act.deed.as_str()),
        Hit::Person(_) | Hit::Damage(_) | Hit::Unreadable { .. } => panic!("{hit:?}"),
    });
    assert_eq!(seen, ["refuse", "make", "permit", "run-out"]);
}

#[test]
fn queries_choose_acts() {
    let disk = Disk::default();
    let (journal, writer) = opened(&disk, at(0));
    journal.record_act(at(10), CLOCK, &act(Deed::Make)).unwrap();
    record(&journal, at(11), Asked::tls("CM2-04", "casino.example")).unwrap();
    writer.finish(at(12)).unwrap();
    let any = Query::default;
    let host = |name: &str| Query { host: Some(model::Host::parse(name).unwrap()), ..any() };
    let person = |name: &str| Query { person: Some(name.parse().unwrap()), ..any() };
    for (query, acts, accesses) in [
        (any(), 1, 1),
        (Query { kind: Some(Kind::Act), ..any() }, 1, 0),
        (Query { kind: Some(Kind::Access(model::AccessKind::Tls)), ..any() }, 0, 1),
        (host("casino.example"), 1, 1),
        (host("example"), 1, 1),
        (host("www.casino.example"), 0, 0),
        (Query { verdict: Some(Verdict::Permit), ..any() }, 1, 1),
        (Query { verdict: Some(Verdict::Refuse), ..any() }, 0, 0),
        (Query { device: Some("CM2-04".to_owned()), ..any() }, 0, 1),
        (person("Mme Martin"), 1, 0),
        (person("M. Petit"), 0, 0),
        (Query { from: Some(at(11)), ..any() }, 0, 1),
        (Query { to: Some(at(11)), ..any() }, 1, 0),
    ] {
        let found = (find_acts(&disk, &query).len(), find(&disk, &query).0.len());
        assert_eq!(found, (acts, accesses), "{query:?}");
    }
}

/// Whoever takes back a rule of somebody else's has done so: her acts are looked for by her name.
#[test]
fn an_act_is_its_authors_and_that_of_who_takes_it_back() {
    let disk = Disk::default();
    let (journal, writer) = opened(&disk, at(0));
    journal.record_act(at(10), CLOCK, &act(Deed::Make)).unwrap();
    let taken_back = Deed::TakeBack { by: "M. Petit".parse().unwrap() };
    journal.record_act(at(11), CLOCK, &act(taken_back)).unwrap();
    writer.finish(at(12)).unwrap();
    for (name, expected) in [("Mme Martin", 2), ("M. Petit", 1), ("M. Durand", 0)] {
        let query = Query { person: Some(name.parse().unwrap()), ..Query::default() };
        assert_eq!(find_acts(&disk, &query).len(), expected, "{name}");
    }
}

/// Somebody waits for what an act opens: the writer is woken, and a power cut takes nothing of it.
#[test]
fn an_act_is_written_at_once_or_refused() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    let woken = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&woken);
    journal.wake_writer_by(move || {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    let sequence = journal.record_act(at(1), CLOCK, &act(Deed::Make)).unwrap();
    assert_eq!(woken.load(Ordering::Relaxed), 1);
    assert!(!journal.is_durable(sequence));
    writer.commit(at(1)).unwrap();
    assert!(journal.is_durable(sequence));
    disk.set_faults(Faults { sync_fails: true, ..Faults::default() });
    let unsafe_one = journal.record_act(at(2), CLOCK, &act(Deed::RunOut)).unwrap();
    writer.commit(at(2)).unwrap_err();
    assert!(!journal.is_durable(unsafe_one));
    assert_eq!(journal.record_act(at(2), CLOCK, &act(Deed::Make)), Err(Unrecorded::Unwritable));
    drop(writer);
    disk.cut_power(0);
    assert_eq!(find_acts(&disk, &Query::default()).len(), 1);
}

/// Acts as they stand on disks in schools: a change of these bytes needs a new version.
#[test]
fn the_format_of_acts_is_the_golden_file() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    journal.record_act(at(1), CLOCK, &act(Deed::Make)).unwrap();
    let category = Rule {
        layer: Layer::School,
        effect: Verdict::Refuse,
        topic: Topic::Category("games".parse().unwrap()),
        scope: Scope::Device("02:00:00:00:00:11".parse().unwrap()),
        until: None,
        from: None,
        ..act(Deed::Make).rule
    };
    let taken_back = Deed::TakeBack { by: "M. Petit".parse().unwrap() };
    journal.record_act(at(2), CLOCK, &Act { rule: category, ..act(taken_back) }).unwrap();
    journal.record_act(at(1_800), CLOCK, &act(Deed::RunOut)).unwrap();
    writer.commit(at(1_800)).unwrap();
    assert_golden(&disk, include_str!("../../testdata/segment-v1-acts.hex"));
}

/// Everything that somebody can do, with every text as long as it may be in the last.
fn person_acts() -> Vec<PersonAct> {
    let name = || "M. Petit".parse().unwrap();
    let long = "\u{1f3eb}".repeat(64);
    let deeds = [
        PersonDeed::SignIn,
        PersonDeed::FailSignIn,
        PersonDeed::SignOut,
        PersonDeed::ChangeSecret,
        PersonDeed::AddPerson { name: name(), role: Role::Teacher },
        PersonDeed::AddPerson { name: name(), role: Role::Head },
        PersonDeed::AddPerson { name: name(), role: Role::Technician },
        PersonDeed::ResetPerson { name: name() },
        PersonDeed::DisablePerson { name: name() },
        PersonDeed::Decline { site: "casino.example".parse().unwrap(), room: None },
        PersonDeed::SignInByPaper,
        PersonDeed::AddTelephone,
        PersonDeed::RemoveTelephone { name: name() },
        PersonDeed::AdoptPoint { words: Sought::new("borne-7: CM2") },
        PersonDeed::ReleasePoint { words: Sought::new("borne-7") },
        PersonDeed::RegisterDevice { words: Sought::new("02:00:00:00:00:11: CM2-04") },
        PersonDeed::ForgetDevice { words: Sought::new("02:00:00:00:00:11: CM2-04") },
        PersonDeed::AddReader { words: Sought::new("head: age1abc") },
        PersonDeed::RemoveReader { words: Sought::new("recovery: age1abc") },
        PersonDeed::InstallRelease { words: Sought::new("1.5.0") },
        PersonDeed::Alter { what: Alteration::RenewWifiKey, words: Sought::new("CM2, tab-07") },
        PersonDeed::Alter { what: Alteration::KeepReport, words: Sought::new("7: casino.example") },
        PersonDeed::Decline {
            site: ("a.".repeat(126) + "b").parse().unwrap(),
            room: Some(long.parse().unwrap()),
        },
    ];
    let act = |deed: PersonDeed| PersonAct {
        author: "Mme Martin".parse().unwrap(),
        device: (deed != PersonDeed::SignIn).then(|| "02:00:00:00:00:11".parse().unwrap()),
        deed,
    };
    let mut acts = deeds.map(act).to_vec();
    if let Some(last) = acts.last_mut() {
        last.author = long.parse().unwrap();
    }
    acts
}

/// Everything that is done with a reading, with every text as long as it may be in the last of each.
fn reading_acts() -> Vec<PersonAct> {
    let long = "\u{1f3eb}".repeat(64);
    let reading = ReadingId::new(7);
    let terms = ReadingTerms {
        purpose: Purpose::Complaint,
        detail: "plainte de la famille".parse().unwrap(),
        from: None,
        to: None,
        target: Some("CM2-04".parse().unwrap()),
        with_people: false,
    };
    let largest = ReadingTerms {
        purpose: Purpose::Maintenance,
        detail: "\u{1f3eb}".repeat(200).parse().unwrap(),
        from: Some(at(1)),
        to: Some(at(2)),
        target: Some(long.parse().unwrap()),
        with_people: true,
    };
    let open = |terms| PersonDeed::OpenReading { reading, terms: Box::new(terms), until: at(3_600) };
    let deeds = [
        open(terms),
        PersonDeed::SearchJournal { reading, sought: Sought::new("host casino.example") },
        PersonDeed::ExportJournal { reading, sought: Sought::new("device CM2-04") },
        PersonDeed::CloseReading { reading, end: ReadingEnd::Hand },
        PersonDeed::CloseReading { reading, end: ReadingEnd::Time },
        open(largest),
        PersonDeed::SearchJournal {
            reading: ReadingId::new(u32::MAX),
            sought: Sought::new(&"é".repeat(600)),
        },
    ];
    let act = |deed: PersonDeed| PersonAct { author: long.parse().unwrap(), device: None, deed };
    deeds.map(act).to_vec()
}

#[test]
fn everything_that_is_done_with_a_reading_comes_back() {
    let disk = Disk::default();
    let (journal, writer) = opened(&disk, at(0));
    for act in reading_acts() {
        journal.record_person_act(at(5), CLOCK, &act).unwrap();
    }
    writer.finish(at(6)).unwrap();
    let found = find_person_acts(&disk, &Query::default());
    assert_eq!(found.into_iter().map(|found| found.act).collect::<Vec<_>>(), reading_acts());
    let host = Query { host: Some(model::Host::parse("casino.example").unwrap()), ..Query::default() };
    assert_eq!(find_person_acts(&disk, &host).len(), 0, "what was looked for is no visit");
}

/// Readings as they stand on disks in schools: a change of these bytes needs a new version.
#[test]
fn the_format_of_readings_is_the_golden_file() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    for act in &reading_acts()[..5] {
        journal.record_person_act(at(1), CLOCK, act).unwrap();
    }
    writer.commit(at(1)).unwrap();
    assert_golden(&disk, include_str!("../../testdata/segment-v1-readings.hex"));
}

/// A lesson from its beginning to its end, with every text as long as it may be in the last.
fn lesson_acts() -> Vec<PersonAct> {
    let long = "\u{1f3eb}".repeat(64);
    let (lesson, room) = (LessonId::new(7), || "CM2".parse().unwrap());
    let settings = |mode: &str, sites: &str, is_wifi_on| {
        let internet = InternetMode::read(mode, sites).unwrap();
        Box::new(LessonSettings { until: at(3_300), internet, is_wifi_on })
    };
    let sites: String = (0..7).map(|it| format!("{it}.{}.{}.fr ", "a".repeat(63), "b".repeat(63))).collect();
    let deeds = [
        PersonDeed::StartLesson { lesson, room: room(), settings: settings("normal", "", true) },
        PersonDeed::ChangeLesson { lesson, room: room(), settings: settings("ent", "", false) },
        PersonDeed::ChangeLesson { lesson, room: room(), settings: settings("closed", "", false) },
        PersonDeed::ChangeLesson {
            lesson,
            room: room(),
            settings: settings("list", "ign.fr vikidia.org", true),
        },
        PersonDeed::EndLesson { lesson, room: room(), ending: LessonEnding::Hand },
        PersonDeed::EndLesson { lesson, room: room(), ending: LessonEnding::TakeOver },
        PersonDeed::EndLesson { lesson, room: room(), ending: LessonEnding::Time },
        PersonDeed::StartLesson {
            lesson: LessonId::new(u32::MAX),
            room: long.parse().unwrap(),
            settings: settings("list", &sites, true),
        },
    ];
    let act = |deed: PersonDeed| PersonAct { author: "Mme Martin".parse().unwrap(), device: None, deed };
    let mut acts = deeds.map(act).to_vec();
    if let Some(last) = acts.last_mut() {
        last.author = long.parse().unwrap();
    }
    acts
}

#[test]
fn a_lesson_and_what_happens_in_it_are_found_by_its_number() {
    let disk = Disk::default();
    let (journal, writer) = opened(&disk, at(0));
    for act in lesson_acts() {
        journal.record_person_act(at(5), CLOCK, &act).unwrap();
    }
    for lesson in [None, Some(7), Some(8)] {
        let asked = Asked { lesson: lesson.map(LessonId::new), ..Asked::dns("CM2-04", "a.fr") };
        record(&journal, at(6), asked).unwrap();
    }
    writer.finish(at(7)).unwrap();
    let found = find_person_acts(&disk, &Query::default());
    assert_eq!(found.into_iter().map(|found| found.act).collect::<Vec<_>>(), lesson_acts());
    let of = |lesson: &str| Query { lesson: Some(lesson.to_owned()), ..Query::default() };
    for (lesson, acts, accesses) in [("7", 7, 1), ("8", 0, 1), ("9", 0, 0)] {
        let query = of(lesson);
        let counts = (find_person_acts(&disk, &query).len(), find(&disk, &query).0.len());
        assert_eq!(counts, (acts, accesses), "{lesson}");
    }
    let room = Query { room: Some("CM2".parse().unwrap()), ..Query::default() };
    assert_eq!(find_person_acts(&disk, &room).len(), 7);
    let lessons: Vec<_> = find(&disk, &Query::default()).0.into_iter().map(|it| it.lesson).collect();
    assert_eq!(
        lessons,
        [None, Some("7".to_owned()), Some("8".to_owned())],
        "no record stands for two lessons"
    );
}

/// Lessons as they stand on disks in schools: a change of these bytes needs a new version.
#[test]
fn the_format_of_lessons_is_the_golden_file() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    for act in &lesson_acts()[..7] {
        journal.record_person_act(at(1), CLOCK, act).unwrap();
    }
    let reason = Reason::Narrowed(Narrowing::Closed);
    let asked = Asked::tls("CM2-04", "a.fr");
    let asked = Asked { verdict: Verdict::Refuse, reason, lesson: Some(LessonId::new(7)), ..asked };
    record(&journal, at(2), asked).unwrap();
    writer.commit(at(2)).unwrap();
    assert_golden(&disk, include_str!("../../testdata/segment-v1-lessons.hex"));
}

#[test]
fn everything_that_somebody_does_comes_back() {
    let disk = Disk::default();
    let (journal, writer) = opened(&disk, at(0));
    for act in person_acts() {
        journal.record_person_act(at(5), CLOCK, &act).unwrap();
    }
    writer.finish(at(6)).unwrap();
    let found = find_person_acts(&disk, &Query::default());
    assert!(found.iter().all(|found| (found.at, found.clock) == (at(5), CLOCK)), "{found:#?}");
    assert_eq!(found.into_iter().map(|found| found.act).collect::<Vec<_>>(), person_acts());
    let any = Query::default;
    let host = |name: &str| Query { host: Some(model::Host::parse(name).unwrap()), ..any() };
    for (query, expected) in [
        (any(), 23),
        (Query { kind: Some(Kind::Act), ..any() }, 23),
        (Query { kind: Some(Kind::Access(model::AccessKind::Tls)), ..any() }, 0),
        (host("casino.example"), 1),
        (host("other.example"), 0),
        (Query { verdict: Some(Verdict::Refuse), ..any() }, 2),
        (Query { verdict: Some(Verdict::Permit), ..any() }, 0),
        (Query { device: Some("02:00:00:00:00:11".to_owned()), ..any() }, 0),
        (Query { from: Some(at(6)), ..any() }, 0),
        (Query { to: Some(at(5)), ..any() }, 0),
    ] {
        assert_eq!(find_person_acts(&disk, &query).len(), expected, "{query:?}");
    }
}

/// What people did as it stands on disks in schools: a change of these bytes needs a new version.
#[test]
fn the_format_of_what_people_do_is_the_golden_file() {
    let disk = Disk::default();
    let (journal, mut writer) = opened(&disk, at(0));
    for act in &person_acts()[..10] {
        journal.record_person_act(at(1), CLOCK, act).unwrap();
    }
    writer.commit(at(1)).unwrap();
    assert_golden(&disk, include_str!("../../testdata/segment-v1-people.hex"));
}

/// The number of a deed stands on disks in schools: 28 and that of the alteration, as docs/formats.md lists them.
#[test]
fn an_alteration_has_the_number_of_its_place() {
    let words = "renew-wifi-key take-wifi-key change-rooms plan-lesson drop-plan keep-report join-hub prepare
                 drop-preparation change-line take-adoption-key do-now
                 renew-adoption-key";
    let first: Vec<_> = words.split_whitespace().map(|word| Alteration::read(word).unwrap()).collect();
    assert_eq!(Alteration::ALL[..first.len()], first);
    for (number, what) in (0_u8..).zip(Alteration::ALL) {
        let disk = Disk::default();
        let (journal, writer) = opened(&disk, at(0));
        let deed = PersonDeed::Alter { what, words: Sought::new("CM2") };
        let act = PersonAct { author: "Mme Martin".parse().unwrap(), device: None, deed };
        journal.record_person_act(at(1), CLOCK, &act).unwrap();
        writer.finish(at(2)).unwrap();
        let found = find_person_acts(&disk, &Query::default());
        assert_eq!(found.into_iter().map(|found| found.act).collect::<Vec<_>>(), [act]);
        let bytes = disk.bytes(SegmentId::FIRST);
        // The deed, the alteration, and three letters, at the record's end.
        assert!(bytes.ends_with(&[28, number, 3, b'C', b'M', b'2']), "{what:?}");
    }
}
