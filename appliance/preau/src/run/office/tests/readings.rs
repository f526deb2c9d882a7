//! Readings of the journal: by whom, until when, and what is left of them after a restart.

use model::{InternetMode, LessonSettings, NewLesson, PersonDeed, Purpose, ReadingTerms, Selection, Sought};
use portal::{NewHold, NewReading, Reader, ReadingRoom as _};
use zeroize::Zeroizing;

use super::*;

pub(super) fn new(minutes: u32) -> NewReading {
    let terms = ReadingTerms {
        purpose: Purpose::Incident,
        detail: "vidéo choquante".parse().unwrap(),
        from: None,
        to: None,
        target: Some("CM2-01".parse().unwrap()),
        with_people: false,
    };
    NewReading { terms, minutes, key: Zeroizing::default() }
}

/// Somebody in a session of hers, one for each letter.
pub(super) fn within(person: &Person, session: char) -> Reader<'_> {
    let session = match session {
        'a' => const { &[b'a'; 64] },
        _ => const { &[b'b'; 64] },
    };
    Reader { person, session: std::str::from_utf8(session).unwrap() }
}

fn by(person: &Person) -> Reader<'_> {
    within(person, 'a')
}

fn look(it: &School, person: &Person, id: ReadingId) -> Result<(), Trouble> {
    look_within(it, by(person), id)
}

fn look_within(it: &School, reader: Reader<'_>, id: ReadingId) -> Result<(), Trouble> {
    it.office.look(DESK_PC.into(), reader, id, &Selection::default(), 0).map(drop)
}

#[test]
fn a_reading_is_its_readers_and_ends_with_its_time() {
    let it = School::new();
    let (head, _) = it.person("M. Bernard", Role::Head, &[]);
    let (other, _) = it.person("Mme Durand", Role::Head, &[]);
    let id = it.office.open_reading(DESK_PC.into(), by(&head), &new(60)).unwrap();
    let (reading, is_unlocked) = it.office.reading(by(&head), id).unwrap();
    assert!(is_unlocked, "its keys are here");
    let (from, to) = (reading.terms.from.unwrap(), reading.terms.to.unwrap());
    assert_eq!(
        (to, to.ms_since(from)),
        (reading.until, 366 * 86_400_000),
        "of a device, a year up to its end"
    );
    look(&it, &head, id).unwrap();
    assert_eq!(look(&it, &other, id), Err(Trouble::Denied));
    let of_another = Selection { device: "CM2-02".parse().ok(), ..Selection::default() };
    let outside = it.office.look(DESK_PC.into(), by(&head), id, &of_another, 0);
    assert_eq!(outside.unwrap_err(), Trouble::Outside);
    it.pass(59 * MINUTE_MS);
    look(&it, &head, id).unwrap();
    assert_eq!(it.store().find_reading(id).unwrap().unwrap().searches, 2, "what was outside was no search");
    it.pass(MINUTE_MS);
    assert_eq!(look(&it, &head, id), Err(Trouble::Ended));
    let taken = it.office.extract(DESK_PC.into(), by(&head), id, &Selection::default(), false);
    assert_eq!(taken.unwrap_err(), Trouble::Ended);
    assert_eq!(it.office.unlock_reading(by(&head), id, ""), Err(Trouble::Ended));

    let id = it.office.open_reading(DESK_PC.into(), by(&head), &new(60)).unwrap();
    it.pass(-2 * HOUR_MS);
    assert_eq!(look(&it, &head, id), Err(Trouble::NoClock), "it is not set");
    it.pass(HOUR_MS + MINUTE_MS);
    assert_eq!(look(&it, &head, id), Err(Trouble::Ended), "it was set back");
    it.pass(HOUR_MS);
    let id = it.office.open_reading(DESK_PC.into(), by(&head), &new(60)).unwrap();
    it.office.close_reading(TABLET.into(), &other, id).unwrap();
    assert_eq!(look(&it, &head, id), Err(Trouble::Ended), "a colleague ended it");
}

#[test]
fn a_restart_takes_the_keys_and_leaves_the_reading() {
    let mut it = School::new();
    let (head, _) = it.person("M. Bernard", Role::Head, &[]);
    let id = it.office.open_reading(DESK_PC.into(), by(&head), &new(60)).unwrap();
    it.office = open(it.folder.path(), &it.desk, &it.hand);
    assert!(!it.office.reading(by(&head), id).unwrap().1);
    assert_eq!(look(&it, &head, id), Err(Trouble::Locked));
    assert_eq!(it.office.unlock_reading(by(&head), id, "AGE-SECRET-KEY-1"), Err(Trouble::Key));
    it.office.unlock_reading(by(&head), id, "").unwrap();
    look(&it, &head, id).unwrap();
}

#[test]
fn nobody_else_opens_one_and_nobody_opens_too_much() {
    let it = School::new();
    let (head, _) = it.person("M. Bernard", Role::Head, &[]);
    for role in [Role::Teacher, Role::Technician] {
        let (person, _) = it.person(&format!("Quelqu'un {role}"), role, &[]);
        let opened = it.office.open_reading(DESK_PC.into(), by(&person), &new(60));
        assert_eq!(opened, Err(Trouble::Denied), "{role}");
        let id = it.office.open_reading(DESK_PC.into(), by(&head), &new(60)).unwrap();
        assert_eq!(it.office.reading(by(&person), id).unwrap_err(), Trouble::Denied);
        assert_eq!(it.office.close_reading(DESK_PC.into(), &person, id), Err(Trouble::Denied));
    }
    let check = |change: &dyn Fn(&mut NewReading), expected: Trouble| {
        let mut wrong = new(60);
        change(&mut wrong);
        assert_eq!(it.office.open_reading(DESK_PC.into(), by(&head), &wrong), Err(expected));
    };
    check(&|new| new.terms.target = None, Trouble::Window);
    check(&|new| new.terms.from = Some(Timestamp::from_unix_ms(0)), Trouble::Window);
    check(&|new| new.minutes = 0, Trouble::Field);
    check(&|new| new.minutes = 481, Trouble::Field);
    check(&|new| new.terms.purpose = Purpose::Maintenance, Trouble::Field);
    check(&|new| new.terms.purpose = Purpose::Oversight, Trouble::Field);
    check(&|new| new.key = Zeroizing::new("age1abc".to_owned()), Trouble::Key);
    while it.store().readings(99).unwrap().len() < 8 {
        it.office.open_reading(DESK_PC.into(), by(&head), &new(60)).unwrap();
    }
    check(&|_| {}, Trouble::ReadingsFull);
    it.pass(-HOUR_MS);
    check(&|_| {}, Trouble::NoClock);
}

/// The officer reads with her own key; the numbers that she signs are those in force, and each once.
#[test]
fn an_officer_reads_and_puts_her_name_to_the_numbers() {
    let it = School::new();
    let (head, _) = it.person("M. Bernard", Role::Head, &[]);
    let (officer, _) = it.person("Mme Lefort", Role::Officer, &[]);
    let id = it.office.open_reading(DESK_PC.into(), by(&officer), &new(60)).unwrap();
    look(&it, &officer, id).unwrap();
    assert_eq!(look(&it, &head, id), Err(Trouble::Denied), "nobody reads in another's");
    let hold = NewHold { from: None, to: None, device: None, reason: "plainte".parse().unwrap() };
    assert_eq!(it.office.place_hold(DESK_PC.into(), &officer, &hold), Err(Trouble::Denied));
    assert_eq!(it.office.lift_hold(DESK_PC.into(), &officer, 1, &hold.reason), Err(Trouble::Denied));
    assert!(it.office.wishes(&officer).unwrap().is_empty());
    assert!(it.office.describe_room(&officer).unwrap().rooms.is_empty());

    let custody = || it.office.custody().unwrap();
    assert_eq!((custody().entry, custody().approvals.len(), custody().kept[0].days), (None, 0, 365));
    assert_eq!(it.office.sign_retention(DESK_PC.into(), &head, 0), Err(Trouble::Denied));
    assert_eq!(
        it.office.sign_retention(DESK_PC.into(), &officer, 7),
        Err(Trouble::Unknown),
        "these are not in force"
    );
    it.office.sign_retention(DESK_PC.into(), &officer, 0).unwrap();
    it.office.sign_retention(DESK_PC.into(), &officer, 0).unwrap();
    let signed: Vec<_> = custody().approvals.into_iter().map(|(name, _)| name).collect();
    assert_eq!(signed, std::slice::from_ref(&officer.name));
    // It is a record of the journal, too, once.
    let recorded = it.store().waiting_person_acts(99).unwrap().into_iter().map(|waiting| waiting.act);
    let recorded: Vec<_> = recorded
        .filter(|act| matches!(act.deed, PersonDeed::SignRetention { .. }))
        .map(|act| (act.author, act.deed))
        .collect();
    let words = Sought::new("access 365, who 365, destination 365, traffic 365, acts 365");
    assert_eq!(recorded, [(officer.name.clone(), PersonDeed::SignRetention { words })]);
    // A power cut may have come before the record: it is made up for.
    let mut store = it.store();
    for waiting in store.waiting_person_acts(99).unwrap() {
        store.forget_person_act(waiting.number).unwrap();
    }
    it.office.sign_retention(DESK_PC.into(), &officer, 0).unwrap();
    let waiting = store.waiting_person_acts(99).unwrap();
    let signings =
        waiting.iter().filter(|waiting| matches!(waiting.act.deed, PersonDeed::SignRetention { .. }));
    assert_eq!(signings.count(), 1);
    // Or a full disk, and she tries again the day after.
    forget_acts(&it);
    it.pass(24 * HOUR_MS);
    it.office.sign_retention(DESK_PC.into(), &officer, 0).unwrap();
    assert_eq!(waiting_deeds(&it), ["sign-retention"]);
    assert_eq!(custody().approvals.len(), 1);
}

fn forget_acts(it: &School) {
    let mut store = it.store();
    for waiting in store.waiting_person_acts(99).unwrap() {
        store.forget_person_act(waiting.number).unwrap();
    }
}

fn waiting_deeds(it: &School) -> Vec<&'static str> {
    let waiting = it.store().waiting_person_acts(99).unwrap();
    waiting.iter().map(|waiting| waiting.act.deed.as_str()).collect()
}

/// The log of seals has a hold, and the disk was full when it was to be a record: it is made up for.
#[test]
fn a_hold_without_its_record_is_not_placed_twice() {
    let it = School::new();
    let (head, _) = it.person("M. Bernard", Role::Head, &[]);
    let hold = NewHold { from: None, to: None, device: None, reason: "plainte".parse().unwrap() };
    let place = || it.office.place_hold(DESK_PC.into(), &head, &hold).unwrap();
    let lift = |number| it.office.lift_hold(DESK_PC.into(), &head, number, &hold.reason);
    let number = place();
    forget_acts(&it);
    assert_eq!((place(), it.office.holds().unwrap().len()), (number, 1));
    assert_eq!(waiting_deeds(&it), ["place-hold"]);
    assert_ne!(place(), number, "it is on record: this is another one");
    forget_acts(&it);
    lift(number).unwrap();
    forget_acts(&it);
    lift(number).unwrap();
    assert_eq!(waiting_deeds(&it), ["lift-hold"]);
    assert_eq!(lift(number), Err(Trouble::Unknown), "it is on record, and there is nothing to lift");
}

/// The sealed files are everybody's: whoever reads of one device does not take them along, and the record says who does.
#[test]
fn whole_days_are_taken_within_a_window_and_on_record() {
    let it = School::new();
    let (head, _) = it.person("M. Bernard", Role::Head, &[]);
    let take = |new: &NewReading| {
        let id = it.office.open_reading(DESK_PC.into(), by(&head), new).unwrap();
        it.office.extract(DESK_PC.into(), by(&head), id, &Selection::default(), true)
    };
    assert_eq!(take(&new(60)), Err(Trouble::Outside));
    let now = it.hand.now().at;
    let from = Timestamp::from_unix_ms(now.unix_ms() - 24 * HOUR_MS);
    let terms = ReadingTerms { from: Some(from), to: Some(now), target: None, ..new(60).terms };
    // This school has never sealed anything: there is no key to sign it with.
    assert_eq!(take(&NewReading { terms, ..new(60) }), Err(Trouble::Unavailable));
    let waiting = it.store().waiting_person_acts(99).unwrap();
    let sought: Vec<_> = waiting
        .iter()
        .filter_map(|waiting| {
            let PersonDeed::ExportJournal { sought, .. } = &waiting.act.deed else { return None };
            Some(sought.as_str())
        })
        .collect();
    assert!(sought.len() == 1 && sought[0].ends_with(", with 0 sealed files"), "{sought:?}");
}

#[test]
fn keys_are_of_the_session_that_gave_them() {
    let it = School::new();
    let (head, _) = it.person("M. Bernard", Role::Head, &[]);
    let id = it.office.open_reading(DESK_PC.into(), by(&head), &new(60)).unwrap();
    look(&it, &head, id).unwrap();
    let other = within(&head, 'b');
    assert!(!it.office.reading(other, id).unwrap().1);
    assert_eq!(look_within(&it, other, id), Err(Trouble::Locked));
    let taken = it.office.extract(DESK_PC.into(), other, id, &Selection::default(), false);
    assert_eq!(taken.unwrap_err(), Trouble::Locked);
    look(&it, &head, id).unwrap();
    it.office.unlock_reading(other, id, "").unwrap();
    look_within(&it, other, id).unwrap();
    let nobody = Reader { person: &head, session: "" };
    assert_eq!(look_within(&it, nobody, id), Err(Trouble::Denied));
}

#[test]
fn whoever_signs_out_leaves_no_key() {
    let it = School::new();
    let (head, secret) = it.person("M. Bernard", Role::Head, &[]);
    let sign_in = |secret: &str| it.office.sign_in(PC.into(), &named("M. Bernard"), secret, "").unwrap();
    let token = sign_in(&secret);
    let hers = Reader { person: &head, session: &token };
    let id = it.office.open_reading(PC.into(), hers, &new(60)).unwrap();
    look_within(&it, hers, id).unwrap();
    it.office.sign_out(PC.into(), &token).unwrap();
    assert_eq!(it.office.readings.sessions(), [[0; 32]; 0]);
    assert_eq!(look_within(&it, hers, id), Err(Trouble::Locked));
    let token = sign_in(&secret);
    let again = Reader { person: &head, session: &token };
    assert_eq!(look_within(&it, again, id), Err(Trouble::Locked), "it goes on with the key given again");
    it.office.unlock_reading(again, id, "").unwrap();
    look_within(&it, again, id).unwrap();
    it.office.change_secret(PC.into(), &head, &secret, "trois chats gris").unwrap();
    assert_eq!(it.office.readings.sessions(), [[0; 32]; 0], "all sessions are over");
    // One that is used no more.
    let token = sign_in("trois chats gris");
    let idle = Reader { person: &head, session: &token };
    it.office.unlock_reading(idle, id, "").unwrap();
    let mut intent = super::super::super::intent::Intent::new(it.folder.path());
    intent.read_state().unwrap();
    it.pass(29 * MINUTE_MS);
    intent.keep_readings(&it.office.readings, it.hand.now());
    assert_eq!(it.office.readings.sessions().len(), 1);
    it.pass(MINUTE_MS);
    intent.keep_readings(&it.office.readings, it.hand.now());
    assert_eq!(it.office.readings.sessions(), [[0; 32]; 0]);
}

#[test]
fn a_new_card_ends_the_readings_of_the_old_one() {
    let it = School::new();
    let (head, _) = it.person("M. Bernard", Role::Head, &[]);
    let (other, _) = it.person("Mme Durand", Role::Head, &[]);
    let begin = || it.office.open_reading(DESK_PC.into(), by(&head), &new(60)).unwrap();
    let id = begin();
    it.office.reset_person(DESK_PC.into(), &other, head.id).unwrap();
    assert_eq!(it.office.readings.held(), []);
    assert_eq!(look(&it, &head, id), Err(Trouble::Ended));
    // By the command line, beside the box that runs.
    let id = begin();
    let now = it.hand.now();
    it.store().reset_person(head.id, "x", now.at, (&other.name, None)).unwrap();
    assert_eq!(look(&it, &head, id), Err(Trouble::Ended));
    let mut intent = super::super::super::intent::Intent::new(it.folder.path());
    intent.read_state().unwrap();
    intent.keep_readings(&it.office.readings, now);
    assert_eq!(it.office.readings.held(), []);
}

#[test]
fn the_head_learns_how_far_back_nothing_is_sealed() {
    let it = School::new();
    let unsealed = || it.office.readings(None).unwrap().unsealed_since;
    assert_eq!(unsealed(), None);
    let (journal, mut writer) = journal::open(system::segments::Directory::new(it.folder.path()));
    let now = it.hand.now();
    writer.commit(now.at).unwrap();
    journal.record_clock(now.at, now.quality, now.at).unwrap();
    writer.commit(now.at).unwrap();
    assert_eq!(unsealed(), None, "of today");
    it.pass(24 * HOUR_MS);
    assert_eq!(unsealed(), Some(now.at));
}

/// Five devices of a class are told together, four are not; one device is no class. That somebody looks is noted.
#[test]
fn classes_are_told_of_a_day_and_no_device_in_them() {
    let it = School::new();
    let (head, _) = it.person("M. Bernard", Role::Head, &[]);
    let (journal, mut writer) = journal::open(system::segments::Directory::new(it.folder.path()));
    writer.commit(it.hand.now().at).unwrap();
    let device = |(room, last): (&str, u8)| Device {
        mac: Mac::new([2, 0, 0, 0, 0, last]),
        name: format!("{room}-{last}").parse().unwrap(),
        room: room.parse().ok(),
        profile: "elementaire".parse().unwrap(),
    };
    let places: Vec<_> =
        (0x21..0x26).map(|last| ("CM2", last)).chain((0x31..0x35).map(|last| ("CM1", last))).collect();
    let clock: Arc<dyn Clock> = Arc::<Hand>::clone(&it.hand);
    let directory = places.iter().copied().map(device).collect();
    let desk = Desk::new(Arc::new(Class), clock, journal, directory, policy(&[]));
    for (_, last) in places {
        let target = Target::Host(Host::parse("gambling.preau.test").unwrap());
        let client = [10, 77, 0, last].into();
        desk.admit(Request { client, kind: AccessKind::Http, target, destination: None }).unwrap();
    }
    writer.commit(it.hand.now().at).unwrap();
    it.pass(31 * MINUTE_MS);
    // The 23rd of November, by the clock of Paris.
    let [from, to] = [0, 24].map(|hour| Some(Timestamp::from_unix_ms(1_795_388_400_000 + hour * HOUR_MS)));
    let of_day = NewReading { terms: ReadingTerms { from, to, target: None, ..new(60).terms }, ..new(60) };
    let id = it.office.open_reading(DESK_PC.into(), by(&head), &of_day).unwrap();
    let told = it.office.classes(DESK_PC.into(), by(&head), id).unwrap();
    let days: Vec<_> = told.days.iter().map(|it| (it.room.as_ref(), it.accesses, &it.refused[..])).collect();
    let room: RoomName = "CM2".parse().unwrap();
    assert_eq!(days, [(Some(&room), 5, &[("gambling".to_owned(), 5)][..])]);
    assert_eq!(it.store().find_reading(id).unwrap().unwrap().searches, 1);
    let of_device = it.office.open_reading(DESK_PC.into(), by(&head), &new(60)).unwrap();
    let outside = it.office.classes(DESK_PC.into(), by(&head), of_device);
    assert_eq!(outside.unwrap_err(), Trouble::Outside);
    assert_eq!(it.store().find_reading(of_device).unwrap().unwrap().searches, 0);
}

#[test]
fn the_day_is_counted_up_to_the_last_full_hour() {
    let it = School::new();
    let (journal, mut writer) = journal::open(system::segments::Directory::new(it.folder.path()));
    writer.commit(it.hand.now().at).unwrap();
    let devices = [0x11, 0x12, 0x13].map(|last| Device {
        mac: Mac::new([2, 0, 0, 0, 0, last]),
        name: format!("CM2-{last}").parse().unwrap(),
        room: "CM2".parse().ok(),
        profile: "elementaire".parse().unwrap(),
    });
    let clock: Arc<dyn Clock> = Arc::<Hand>::clone(&it.hand);
    let desk = Desk::new(Arc::new(Class), clock, journal, devices.into_iter().collect(), policy(&[]));
    let mut refuse = |times: usize| {
        for client in [PC, OTHER_PC, DESK_PC].repeat(times) {
            let target = Target::Host(Host::parse("gambling.preau.test").unwrap());
            let request =
                Request { client: client.into(), kind: AccessKind::Http, target, destination: None };
            desk.admit(request).unwrap();
        }
        writer.commit(it.hand.now().at).unwrap();
    };
    let told = || {
        let summary = it.office.summary().unwrap().unwrap();
        (summary.refused.iter().map(|refused| refused.count).collect::<Vec<_>>(), summary.hidden)
    };
    refuse(3);
    let busy = it.office.counted.lock().unwrap();
    assert_eq!(it.office.summary().unwrap(), None, "somebody counts");
    drop(busy);
    assert_eq!(told(), (vec![], 0), "that hour is not over");
    it.pass(31 * MINUTE_MS);
    assert_eq!(told(), (vec![5], 0), "nine, in steps of five");
    refuse(4);
    it.pass(29 * MINUTE_MS);
    assert_eq!(told(), (vec![5], 0), "the same until the next hour");
    it.pass(30 * MINUTE_MS);
    assert_eq!(told(), (vec![20], 0));
}

#[test]
fn a_reading_offers_the_lessons_of_its_window() {
    let it = School::new();
    let (head, _) = it.person("M. Bernard", Role::Head, &[]);
    let (other, _) = it.person("Mme Durand", Role::Head, &[]);
    let now = it.hand.now().at;
    let after = |minutes: i64| Timestamp::from_unix_ms(now.unix_ms() + minutes * MINUTE_MS);
    let start = |room: &str, minute: i64| {
        let until = after(minute + 55);
        let settings = LessonSettings { until, internet: InternetMode::Normal, is_wifi_on: false };
        let (teacher, room) = ("Mme Martin".parse().unwrap(), room.parse().unwrap());
        let new = NewLesson::new(teacher, room, after(minute), settings).unwrap();
        it.store().start_lesson(new, None, None).unwrap().id
    };
    let [_, first, second] = [start("CM2", -3_000), start("CM2", -60), start("CM1", -50)];
    let (from, to) = (Some(after(-120)), Some(after(60)));
    let terms = ReadingTerms { from, to, target: None, ..new(60).terms };
    let id = it.office.open_reading(DESK_PC.into(), by(&head), &NewReading { terms, ..new(60) }).unwrap();
    let offered = |asked: Selection| {
        let choice = it.office.lesson_choice(by(&head), id, &asked).unwrap();
        assert!(!choice.is_cut);
        choice.lessons.into_iter().map(|lesson| lesson.id).collect::<Vec<_>>()
    };
    assert_eq!(offered(Selection::default()), [second, first], "not that of two days ago");
    assert_eq!(offered(Selection { room: "CM2".parse().ok(), ..Selection::default() }), [first]);
    assert_eq!(offered(Selection { from: Some(after(60)), ..Selection::default() }), []);
    let denied = it.office.lesson_choice(by(&other), id, &Selection::default());
    assert_eq!(denied.unwrap_err(), Trouble::Denied);
    // That a lesson was looked for is on record.
    let asked = Selection { lesson: Some(first), ..Selection::default() };
    it.office.look(DESK_PC.into(), by(&head), id, &asked, 0).unwrap();
    let acts = it.store().waiting_person_acts(99).unwrap();
    let is_of = |sought: &Sought| sought.as_str().ends_with("lesson 2");
    let is_search =
        |deed: &PersonDeed| matches!(deed, PersonDeed::SearchJournal { sought, .. } if is_of(sought));
    assert_eq!((first.number(), acts.iter().filter(|it| is_search(&it.act.deed)).count()), (2, 1));
}
