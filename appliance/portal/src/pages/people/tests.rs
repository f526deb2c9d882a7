//! The pages of people, in every state that changes their words.

mod technician;

use model::{Person, PersonId, ReadingId, Role, Selection, Timestamp};

use super::*;
use crate::pages::{Asking, Why, samples};
use crate::{
    Card, Classes, Custody, Findings, Language, NewCodes, ReadingList, RoomNow, ShownKey, TelephoneState,
    Tile, Trouble, WifiStatus,
};

const TROUBLES: [Trouble; 36] = [
    Trouble::Code,
    Trouble::PointSilent,
    Trouble::NotWorkspace,
    Trouble::Unregistered,
    Trouble::Day,
    Trouble::Occupied,
    Trouble::LessonOver,
    Trouble::LessonsRun,
    Trouble::Length,
    Trouble::Sites,
    Trouble::Wrong,
    Trouble::Wait(1),
    Trouble::Wait(3_599),
    Trouble::Busy,
    Trouble::SecretShort,
    Trouble::SecretLong,
    Trouble::SecretSimple,
    Trouble::SecretSame,
    Trouble::NameTaken,
    Trouble::Field,
    Trouble::TooMany,
    Trouble::Full,
    Trouble::Declined,
    Trouble::Answered,
    Trouble::Unknown,
    Trouble::Stronger,
    Trouble::Denied,
    Trouble::NoClock,
    Trouble::Window,
    Trouble::Key,
    Trouble::Ended,
    Trouble::Locked,
    Trouble::Outside,
    Trouble::TooMuch,
    Trouble::ReadingsFull,
    Trouble::Unavailable,
];

/// Every page, with a name for it.
pub(in crate::pages) fn all(language: Language) -> Vec<(String, String)> {
    let place = samples::place();
    let mut pages = Vec::new();
    let mut push = |name: &str, html: String| pages.push((format!("{}-{name}", language.tag()), html));
    for trouble in TROUBLES {
        let page = TroublePage { place: &place, trouble, back: "/connexion" };
        push(&format!("{trouble:?}"), page.render(language));
    }
    for authority in [None, Some(&samples::authority())] {
        let page = GuardedPage { place: &place, authority };
        push(&format!("guarded-{}", authority.is_some()), page.render(language));
    }
    let signed = technicians(language).into_iter().chain(sign_ins(language));
    for (name, html) in signed.chain(keys::tests::all(language)).chain(line::tests::all(language)) {
        push(&name, html);
    }
    for person in
        [samples::teacher(), samples::head(), samples::newcomer(Role::Technician), samples::officer()]
    {
        let page =
            SecretPage { place: &place, person: &person, token: "0", trouble: Some(Trouble::SecretShort) };
        push(&format!("secret-of-{}", person.role), page.render(language));
        push(&format!("teacher-{}", person.role), teacher(&person, language));
        push(&format!("head-{}", person.role), head(&person, language));
        let people = [
            samples::teacher(),
            samples::newcomer(Role::Technician),
            Person {
                disabled: Some(samples::at(0)),
                has_telephone: true,
                ..samples::newcomer(Role::Teacher)
            },
        ];
        for rooms in [&["CM2".parse().unwrap()][..], &[]] {
            let page = StaffPage { place: &place, person: &person, people: &people, rooms, token: "0" };
            push(&format!("people-{}-{}", person.role, rooms.len()), page.render(language));
        }
        let card = Card { person: person.clone(), secret: "40281793".to_owned() };
        let page = CardPage { place: &place, person: &person, card: &card, token: "0" };
        push(&format!("card-of-{}", person.role), page.render(language));
    }
    for (name, html) in telephones(language) {
        push(name, html);
    }
    for (name, html) in points_and_devices(language) {
        push(&name, html);
    }
    push("why-asked", why(language));
    let (rooms_of, person) = (["CM2".parse().unwrap()], samples::teacher());
    for (name, rooms, plans) in [("full", &rooms_of[..], samples::plans()), ("empty", &[], vec![])] {
        let page = WeekPage { place: &place, person: &person, plans: &plans, rooms, minutes: 55, token: "0" };
        push(&format!("page-week-{name}"), page.render(language));
    }
    for (name, rooms, lines) in [("full", &rooms_of[..], samples::preparations()), ("empty", &[], vec![])] {
        let tomorrow = "2026-11-30".parse().ok();
        let (lines, library) = (lines.as_slice(), Vec::new());
        let library = library.as_slice();
        let page =
            PreparePage { place: &place, person: &person, lines, library, rooms, tomorrow, token: "0" };
        push(&format!("page-prepare-{name}"), page.render(language));
    }
    for (name, html) in commune(language) {
        push(name, html);
    }
    for (name, html) in rooms(language) {
        push(&format!("room-{name}"), html);
    }
    for (name, html) in journal(language) {
        push(name, html);
    }
    pages
}

/// The technician's page of a box of which all is known, and of one of which nothing is.
fn technicians(language: Language) -> Vec<(String, String)> {
    let place = samples::place();
    let mut pages = Vec::new();
    let mut push = |name: &str, html: String| pages.push((name.to_owned(), html));
    let chores = samples::chores();
    for (name, diagnosis) in [("known", samples::diagnosis()), ("nothing", crate::Diagnosis::default())] {
        let (person, status) = (&samples::head(), &samples::status());
        let page = TechnicianPage {
            place: &place,
            person,
            status,
            diagnosis: &diagnosis,
            token: "t",
            new_points: usize::from(name == "known"),
            chores: if name == "known" { chores.as_slice() } else { &[] },
        };
        push(&format!("technician-{name}"), page.render(language));
    }
    for lessons in [0, 2] {
        let release = crate::WaitingRelease { lessons, ..samples::waiting_release() };
        let page = InstallPage { place: &place, person: &samples::head(), release: &release, token: "0" };
        push(&format!("install-{lessons}"), page.render(language));
    }
    let never = crate::HubSeat { hub: None, ..samples::hub_seat() };
    let failed = crate::JoinStep::Failed(crate::Setback::Used);
    let failures = (12, Some(crate::HubFault::Silent));
    let failed = crate::HubSeat { step: failed, failures, ..samples::hub_seat() };
    let asking = crate::HubSeat { step: crate::JoinStep::Asking, ..samples::hub_seat() };
    let joined = crate::HubSeat { step: crate::JoinStep::Joined, ..samples::hub_seat() };
    for (name, seat) in [("never", never), ("failed", failed), ("asking", asking), ("joined", joined)] {
        let (person, hub, trouble) = (&samples::head(), "hub.commune.example", None);
        let page = SeatPage { place: &place, person, seat: &seat, hub, trouble, token: "0" };
        push(&format!("hub-{name}"), page.render(language));
    }
    pages
}

/// The sign-in, for whoever it is.
fn sign_ins(language: Language) -> Vec<(String, String)> {
    let place = samples::place();
    let mut pages = Vec::new();
    let mut push = |name: &str, html: String| pages.push((name.to_owned(), html));
    let teachers = [Tile { id: samples::teacher().id, name: samples::teacher().name }];
    for (name, choice, trouble) in [
        ("nobody", Choice::Nobody, None),
        ("tile", Choice::Tile(teachers[0].id), Some(Trouble::Wrong)),
        ("absent", Choice::Tile(samples::head().id), None),
        ("named", Choice::Named("M. Bernard"), None),
    ] {
        let (token, is_clock_set) = ("0", trouble.is_none());
        let page = SignInPage { place: &place, teachers: &teachers, choice, token, is_clock_set, trouble };
        push(&format!("sign-in-{name}"), page.render(language));
        let page = SignInPage { teachers: &[], ..page };
        push(&format!("sign-in-{name}-alone"), page.render(language));
    }
    pages
}

/// The pages of access points and of devices, and the one by which tablets join.
fn points_and_devices(language: Language) -> Vec<(String, String)> {
    let place = samples::place();
    let mut pages = Vec::new();
    let mut push = |name: &str, html: String| pages.push((name.to_owned(), html));
    for (name, points) in [("heard", samples::points()), ("none", crate::Points::default())] {
        let page = PointsPage { place: &place, person: &samples::head(), points: &points, token: "0" };
        push(&format!("points-{name}"), page.render(language));
    }
    for (name, state) in [("off", crate::JoinState::Off), ("own", crate::JoinState::OwnKeys)] {
        let code = crate::JoinCode { room: None, state };
        push(&format!("tablets-{name}"), tablets(&code, language));
    }
    push("tablets", tablets(&samples::join_code(), language));
    for (name, list) in [("full", samples::device_list()), ("empty", crate::DeviceList::default())] {
        let page = DevicesPage { place: &place, person: &samples::head(), list: &list, token: "0" };
        push(&format!("page-devices-{name}"), page.render(language));
    }
    for (name, networks) in [("full", samples::networks()), ("empty", vec![])] {
        let page = NetworksPage { place: &place, person: &samples::head(), networks: &networks, token: "0" };
        push(&format!("page-networks-{name}"), page.render(language));
    }
    pages
}

/// The page for the projector, with a room whose devices come.
fn tablets(code: &crate::JoinCode, language: Language) -> String {
    let (place, person, room) = (samples::place(), samples::teacher(), samples::room_now());
    let now = Some(samples::at(20));
    JoinPage { place: &place, person: &person, code, room: &room, now, token: "0" }.render(language)
}

/// Who projects the picture sees who is missing, and why.
#[test]
fn the_page_of_the_picture_tells_who_is_there_and_who_has_an_old_key() {
    let html = tablets(&samples::join_code(), Language::French);
    for expected in ["en ligne", "Clé Wi-Fi périmée", "data-live=\"/enseignant/direct\"", "<svg"] {
        assert!(html.contains(expected), "{expected}: {html}");
    }
    let code = crate::JoinCode { room: None, state: crate::JoinState::Off };
    assert!(!tablets(&code, Language::French).contains("en ligne"), "nothing to join");
}

/// The pages of somebody's telephone: before it is known, after, without a clock; and codes on paper.
fn telephones(language: Language) -> [(&'static str, String); 5] {
    let (place, person) = (samples::place(), samples::head());
    let key =
        ShownKey { letters: "GEZDGNBV".to_owned(), address: "otpauth://totp/a?secret=GEZDGNBV".to_owned() };
    let show = |papers: Option<u32>, is_asked: bool, is_clock_set: bool, trouble: Option<Trouble>| {
        let state = TelephoneState { papers, is_asked };
        let page = TelephonePage {
            place: &place,
            person: &person,
            state,
            key: &key,
            is_clock_set,
            token: "0",
            trouble,
        };
        page.render(language)
    };
    let codes = NewCodes(vec!["abcd-efgh-jkmn-pqrs".to_owned()]);
    let papers = PapersPage { place: &place, person: &person, codes: &codes, token: "0" };
    [
        ("page-telephone-asked", show(None, true, true, None)),
        ("page-telephone-none", show(None, false, true, Some(Trouble::Code))),
        ("page-telephone-known", show(Some(7), true, true, None)),
        ("page-telephone-clock", show(None, false, false, None)),
        ("papers", papers.render(language)),
    ]
}

/// The page of the commune, with all that can stand there, and with nothing.
fn commune(language: Language) -> [(&'static str, String); 2] {
    let (place, head, teacher) = (samples::place(), samples::head(), samples::teacher());
    let (full, empty) = (samples::commune_desk(), crate::CommuneDesk::default());
    let page = CommunePage { place: &place, person: &head, desk: &full, site: "a<b>", token: "0" };
    let none = CommunePage { person: &teacher, desk: &empty, ..page };
    [("page-commune-full", page.render(language)), ("page-commune-empty", none.render(language))]
}

/// The pages of the journal: with readings and without, of a reading before and after a search, and after a restart.
fn journal(language: Language) -> [(&'static str, String); 9] {
    let (place, person, readings) = (samples::place(), samples::head(), samples::readings());
    let (summary, findings, cards) = (samples::summary(), samples::findings(), samples::cards());
    let (list, none, holds) = (samples::reading_list(), ReadingList::default(), samples::holds());
    let (custody, unknown) = (samples::custody(), Custody::default());
    let page = JournalPage {
        place: &place,
        person: &person,
        list: &list,
        cards: &cards,
        holds: Some(&holds),
        custody: Some(&custody),
        summary: Some(&summary),
        now: Some(samples::at(20)),
        token: "0",
        trouble: None,
    };
    let empty = JournalPage {
        list: &none,
        cards: &[],
        holds: Some(&[]),
        custody: Some(&unknown),
        summary: None,
        now: None,
        trouble: Some(Trouble::Window),
        ..page
    };
    let officer = samples::officer();
    let watched = JournalPage { person: &officer, trouble: None, ..page };
    let lost = JournalPage { holds: None, custody: None, ..page };
    let selection = Selection {
        host: model::Host::parse("example").ok(),
        verdict: Some(model::Verdict::Refuse),
        lesson: Some(model::LessonId::new(7)),
        with_people: true,
        ..Selection::default()
    };
    let (choice, no_choice) = (samples::lesson_choice(), crate::LessonChoice::default());
    let reading = ReadingPage {
        place: &place,
        person: &person,
        reading: &readings[0],
        is_unlocked: true,
        selection: &selection,
        choice: &choice,
        found: Some(&findings),
        token: "0",
        trouble: None,
    };
    let nothing = Findings::default();
    let of_device =
        ReadingPage { reading: &readings[1], choice: &no_choice, found: Some(&nothing), ..reading };
    let locked = ReadingPage { is_unlocked: false, found: None, trouble: Some(Trouble::Key), ..reading };
    [
        ("journal", page.render(language)),
        ("page-journal-empty", empty.render(language)),
        ("page-journal-of-officer", watched.render(language)),
        ("page-journal-without-register", lost.render(language)),
        ("page-reading-found", reading.render(language)),
        ("page-reading-of-device", of_device.render(language)),
        ("page-reading-locked", locked.render(language)),
        ("page-classes", classes(&samples::classes(), language)),
        ("page-classes-cut", classes(&Classes { is_cut: true, ..Classes::default() }, language)),
    ]
}

fn classes(classes: &Classes, language: Language) -> String {
    let (place, person) = (&samples::place(), &samples::head());
    ClassesPage { place, person, id: ReadingId::new(7), classes, token: "0" }.render(language)
}

/// A lesson is chosen, not typed; whose it was stands there only where the reading shows people.
#[test]
fn a_reading_offers_the_lessons_of_its_time() {
    let pages = journal(Language::French);
    let html = |name: &str| &pages.iter().find(|(known, _)| *known == name).unwrap().1;
    let found = html("page-reading-found");
    let chosen = "<option value=\"7\" selected>CM2 · ";
    assert!(found.contains(chosen) && found.contains(" · Mme Martin</option>"), "{found}");
    assert!(found.contains("Les 1 derniers cours"), "{found}");
    assert!(
        found.contains("<input type=\"hidden\" name=\"cours\" value=\"7\">"),
        "the next page is of it, too"
    );
    // One that the list has not stays chosen.
    let of_device = html("page-reading-of-device");
    assert!(of_device.contains("<option value=\"7\" selected>cours n° 7</option>"), "{of_device}");
    assert!(!html("page-reading-locked").contains("id=\"cours\""));
    let list = html("journal");
    assert!(
        list.contains("extraits avec les fichiers scellés, donc avec les accès de tous\u{a0}: 1"),
        "{list}"
    );
}

/// The numbers come from the office as they may be told; the page adds nobody to them, and names each reason in words.
#[test]
fn an_overview_of_classes_names_no_device_and_nobody() {
    let pages = journal(Language::French);
    let html = |name: &str| &pages.iter().find(|(known, _)| *known == name).unwrap().1;
    let page = html("page-classes");
    for expected in [
        "24/11/2026",
        "<td class=\"n\">1\u{202f}204</td>",
        " × 12, commune_noire × 9",
        "connexion QUIC × 5",
        "horaires de fermeture × 7",
        "règle de la commune × 7",
        "moins de cinq appareils",
        "Journées scellées que cette clé n’ouvre pas\u{a0}: 2.",
        "href=\"/direction/journal/lecture?n=7\"",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    for never in ["CM2-04", "Mme Martin", "02:00:00", "musée"] {
        assert!(!page.contains(never), "{never}: {page}");
    }
    let cut = html("page-classes-cut");
    assert!(cut.contains("elle durait trop longtemps") && !cut.contains("<table"), "{cut}");
    let is_offered = |name: &str| html(name).contains("action=\"/direction/journal/classes\"");
    assert!(is_offered("page-reading-found"));
    assert!(!is_offered("page-reading-of-device") && !is_offered("page-reading-locked"));
}

#[test]
fn an_overview_of_classes_ends_where_a_page_does() {
    let day = samples::classes().days.remove(0);
    let many = Classes { days: vec![day; 1_003], ..Classes::default() };
    let page = classes(&many, Language::English);
    assert_eq!(page.matches("<tr><td").count(), 1_000);
    assert!(page.contains("3 more lines"), "{page}");
}

#[test]
fn the_journal_tells_who_can_read_it_and_how_long_it_is_kept() {
    let pages = journal(Language::French);
    let html = |name: &str| &pages.iter().find(|(known, _)| *known == name).unwrap().1;
    for expected in [
        "age1&#60;dpo&#62;",
        "Qui\u{a0}: appareil, salle, personne",
        "90 jours (ce qui est déjà scellé\u{a0}: 365 jours pour le moment)",
        "Des durées ont été raccourcies. À partir du",
        "Décidé par La commune",
        "Signé par Mme &#60;DPO&#62; le",
    ] {
        assert!(html("journal").contains(expected), "{expected}: {}", html("journal"));
    }
    for expected in ["scellées en clair", "un an.", "Aucun DPO n’a encore signé"] {
        assert!(html("page-journal-empty").contains(expected), "{expected}");
    }
    let signs = |name: &str| html(name).contains("name=\"numeros\" value=\"12\"");
    assert!(signs("page-journal-of-officer") && !signs("journal"));
}

#[test]
fn readings_are_shown_and_ended_without_the_register_of_seals() {
    let pages = journal(Language::French);
    let html = |name: &str| &pages.iter().find(|(known, _)| *known == name).unwrap().1;
    let is_told = |name: &str| html(name).contains("Le registre des scellés ne peut pas être lu");
    let lost = html("page-journal-without-register");
    assert!(is_told("page-journal-without-register") && !is_told("journal"), "{lost}");
    assert!(lost.contains("name=\"lecture\" value=\"7\"") && lost.contains("id=\"past\""), "{lost}");
    assert!(!lost.contains("id=\"kept\"") && !lost.contains("scellées en clair"), "nobody knows: {lost}");
}

#[test]
fn a_reading_shows_sites_and_no_more_than_was_asked_for() {
    let pages = journal(Language::French);
    let html = |name: &str| &pages.iter().find(|(known, _)| *known == name).unwrap().1;
    let found = html("page-reading-found");
    for expected in [
        "www.musée.example (www.xn--muse-dpa.example)",
        "xn--scrip-t-alert.example × 1\u{202f}204",
        "acte d’un adulte\u{a0}: connexion",
        "Mme Martin",
        "vidéo &#60;choquante&#62; vue en CM2 &#38; signalée",
        "name=\"apres\" value=\"4711\"",
        "Journées scellées que cette clé n’ouvre pas\u{a0}: 2.",
    ] {
        assert!(found.contains(expected), "{expected}: {found}");
    }
    let of_device = html("page-reading-of-device");
    assert!(of_device.contains("value=\"CM2-04\" readonly"), "{of_device}");
    assert!(
        !of_device.contains("name=\"personnes\"") && !of_device.contains("id=\"personne\""),
        "{of_device}"
    );
    let locked = html("page-reading-locked");
    assert!(locked.contains("Le boîtier n’a pas la clé") && !locked.contains("name=\"site\""), "{locked}");
    let journal = html("journal");
    assert!(
        journal.contains("lecture?n=7") && !journal.contains("lecture?n=5"),
        "only her own is gone on with"
    );
    assert!(journal.contains("name=\"lecture\" value=\"7\"") && journal.contains("Mme Durand"), "{journal}");
    assert!(!journal.contains("value=\"maintenance\""), "{journal}");
    let is_overseen = |name: &str| html(name).contains("value=\"oversight\"");
    assert!(is_overseen("page-journal-of-officer") && !is_overseen("journal"), "{journal}");
    for expected in [
        "1\u{202f}205 recherches de maintenance le",
        "103 lectures en tout",
        "Ce qui n’est pas encore scellé remonte au",
        "href=\"/direction/journal?avant=5#past\"",
        "réquisition &#60;26/123&#62;",
        "CM2-&#60;04&#62;",
        "affaire classée",
        "name=\"numero\" value=\"412\"",
    ] {
        assert!(journal.contains(expected), "{expected}: {journal}");
    }
    assert!(!journal.contains("value=\"318\""), "what is lifted is not lifted again");
    let card = "Une carte qui permet de lire le journal a été faite au nom de M. Bernard par";
    let officers = "La carte de DPO de Mme Lefort a été faite par M. Bernard le";
    assert!(journal.contains(officers) && !journal.contains("au nom de Mme Lefort"), "{journal}");
    assert!(
        journal.contains(card) && journal.contains("carte refaite la veille ou le jour même par Mme Martin"),
        "{journal}"
    );
}

fn teacher(person: &Person, language: Language) -> String {
    let (place, wishes, standing) = (samples::place(), samples::wishes(), samples::standing());
    let now = Some(samples::at(20));
    let room = samples::room_now();
    let page = TeacherPage {
        place: &place,
        person,
        room: &room,
        wishes: &wishes,
        standing: &standing,
        now,
        token: "0",
        is_following: true,
    };
    let nothing = RoomNow::default();
    let empty =
        TeacherPage { room: &nothing, wishes: &[], standing: &[], now: None, is_following: false, ..page };
    assert!(empty.render(language).contains("/enseignant?suivre"));
    page.render(language)
}

fn head(person: &Person, language: Language) -> String {
    let (place, wishes, standing) = (samples::place(), samples::wishes(), samples::standing());
    let now = Some(samples::at(20));
    let reports = samples::reports();
    let page = HeadPage {
        place: &place,
        person,
        reports: &reports,
        wishes: &wishes,
        standing: &standing,
        now,
        lacks_keys: true,
        token: "0",
    };
    page.render(language)
}

fn why(language: Language) -> String {
    let (place, visitor, asked) = (samples::place(), samples::device(), samples::asked());
    let asking = Some(Asking { token: "0", asked: &asked, now: Some(samples::at(20)) });
    let (client, refusals) = ("10.77.0.11".parse().unwrap(), samples::refusals());
    let page =
        Why { place: &place, visitor: &visitor, client, refusals: &refusals, is_clock_set: true, asking };
    page.render(language)
}

/// The teacher's page with her room in every state.
fn rooms(language: Language) -> Vec<(String, String)> {
    let (place, person, own) = (samples::place(), samples::teacher(), samples::room_now());
    let with = |mode: &str| {
        let internet = model::InternetMode::read(mode, "ign.fr").unwrap();
        let lesson = own.lesson.clone().map(|lesson| model::Lesson { internet, ..lesson });
        RoomNow { lesson, missed: vec![], ..own.clone() }
    };
    let end = model::LessonEnd {
        at: samples::at(19),
        how: model::LessonEnding::TakeOver,
        by: "M. Petit".parse().unwrap(),
    };
    let mut states = vec![
        ("free".to_owned(), RoomNow { lesson: None, ..own.clone() }),
        ("other".to_owned(), RoomNow { is_hers: false, taken: Some(end), ..own.clone() }),
        ("bare".to_owned(), RoomNow { devices: vec![], rooms: vec![], ..with("normal") }),
    ];
    states.extend(["normal", "ent", "closed"].map(|mode| (mode.to_owned(), with(mode))));
    let since = samples::at(18);
    for wifi in [
        WifiStatus::None,
        WifiStatus::Off,
        WifiStatus::OffUnverified,
        WifiStatus::Starting,
        WifiStatus::Unreachable { since },
    ] {
        states.push((
            format!("{wifi:?}").split(' ').next().unwrap().to_owned(),
            RoomNow { wifi, ..own.clone() },
        ));
    }
    let render = |room: &RoomNow| {
        let page = TeacherPage {
            place: &place,
            person: &person,
            room,
            wishes: &samples::wishes(),
            standing: &[],
            now: Some(samples::at(20)),
            token: "0",
            is_following: false,
        };
        page.render(language)
    };
    states.iter().map(|(name, room)| (name.clone(), render(room))).collect()
}

#[test]
fn files_of_the_commune_are_shown_with_how_much_of_them_is_here() {
    let (place, person) = (samples::place(), samples::teacher());
    let file = samples::library_file("volcan.mp4");
    let page_of = |here: u64, has_no_room: bool| {
        let library = [crate::LibraryLine { file: file.clone(), here, has_no_room }];
        let page = PreparePage {
            place: &place,
            person: &person,
            lines: &[],
            library: &library,
            rooms: &[],
            tomorrow: None,
            token: "0",
        };
        page.render(Language::French)
    };
    let link = format!("href=\"{}\"", crate::library_path(&file));
    let page = |here: u64| page_of(here, false);
    let (waiting, coming, here) = (page(0), page(6_000_000), page(file.bytes));
    assert!(waiting.contains("Arrive la nuit prochaine") && !waiting.contains(&link), "{waiting}");
    assert!(coming.contains("En route\u{a0}: 6 Mo sur 13") && !coming.contains(&link), "{coming}");
    assert!(here.contains("Prêt") && here.contains(&link), "{here}");
    assert!(here.contains("Le volcan &#60;film&#62;"), "{here}");
    let full = page_of(0, true);
    assert!(full.contains("n’a pas de place pour ce fichier") && !full.contains(&link), "{full}");
}

#[test]
fn a_lesson_shows_what_it_is_and_one_touch_for_each_change() {
    let pages = rooms(Language::French);
    let html = |name: &str| &pages.iter().find(|(known, _)| known == name).unwrap().1;
    let has = |name: &str, all: &[&str]| {
        for text in all {
            assert!(html(name).contains(text), "{name}: {text}: {}", html(name));
        }
    };
    has(
        "free",
        &["Commencer le cours (55\u{a0}min)", "name=\"wifi\" value=\"1\"", "action=\"/enseignant/cours\""],
    );
    has(
        "other",
        &[
            "Mme Martin a cette salle jusqu’à 11:45.",
            "name=\"prendre\" value=\"7\"",
            "M. Petit a pris cette salle",
        ],
    );
    has(
        "normal",
        &[
            "Encore 35\u{a0}min, jusqu’à 11:45",
            "value=\"closed\" class=\"big\"",
            "Éteindre le Wi-Fi",
            "1 sur 3",
        ],
    );
    has("closed", &["Rouvrir Internet", "id=\"mode-closed\" aria-pressed=\"true\""]);
    assert!(!html("None").contains("Wi-Fi") && html("Unreachable").contains("ne répond plus depuis 11:08"));
    // The request of this room, and what was missed, are opened for the lesson.
    let own = teacher(&samples::teacher(), Language::French);
    for expected in [
        "name=\"cours\" value=\"7\">Permettre pour ce cours",
        "name=\"site\" value=\"jeux.example\"",
        "Seulement vikidia.org, musée.example (xn--muse-dpa.example) et l’ENT",
        "CM2-&#60;02&#62;",
    ] {
        assert!(own.contains(expected), "{expected}: {own}");
    }
    for never in ["poker.example", "ferme.example", "ouvert.example", "rien.example", "jamais.example"] {
        assert!(!own.contains(&format!("name=\"site\" value=\"{never}\"")), "{never}");
    }
}

/// The sites that a page has a button for.
fn asked_for(html: &str) -> Vec<&str> {
    html.split("name=\"site\" value=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn a_device_asks_for_what_somebody_may_open_and_learns_the_answer() {
    let html = why(Language::French);
    // Not what is asked for already, also under another name of the site, nor what names no site; what the head decides
    // is asked for, too.
    assert_eq!(asked_for(&html), ["jeux.example"]);
    for expected in [
        "l’enseignante ou l’enseignant le voit",
        "la direction de l’école le voit",
        "Ouvert par Mme Martin jusqu’au",
        "autre.example",
    ] {
        assert!(html.contains(expected), "{expected}: {html}");
    }
}

#[test]
fn a_teacher_opens_what_a_lesson_may_open() {
    let html = teacher(&samples::teacher(), Language::French);
    let forms: Vec<_> = html.split("<form").filter(|form| form.contains("name=\"demande\"")).collect();
    let opening: Vec<_> = forms.iter().filter(|form| form.contains("name=\"minutes\"")).collect();
    assert_eq!((opening.len(), forms.len()), (1, 5), "{html}");
    assert!(opening[0].contains("value=\"7\"") && forms.iter().all(|form| form.contains("name=\"refus\"")));
    for expected in ["elle seule peut l’ouvrir", "la direction peut l’ouvrir", "Ce site est ouvert"] {
        assert!(html.contains(expected), "{expected}: {html}");
    }
    assert!(html.contains("encore 25\u{a0}min, jusqu’à\u{a0}"), "{html}");
    let html = head(&samples::head(), Language::French);
    assert_eq!(html.matches("name=\"jusqu\"").count(), 3, "the lesson's, the school's, and her own rule's");
    assert_eq!(html.matches("name=\"demande\"").count(), 5, "the head declines anything");
}

#[test]
fn nobody_changes_herself_and_a_technician_nobody_who_reads_the_journal() {
    let place = samples::place();
    let people = [samples::teacher(), samples::head(), samples::officer()];
    let offered = |person: &Person| {
        let page = StaffPage { place: &place, person, people: &people, rooms: &[], token: "0" };
        let html = page.render(Language::French);
        let numbers = [1, 2, 3].map(|id| html.contains(&format!("name=\"personne\" value=\"{id}\"")));
        let roles = Role::ALL.map(|role| html.contains(&format!("<option value=\"{role}\"")));
        assert_eq!(html.contains("la personne que la commune a désignée"), roles[3], "{html}");
        (numbers, roles)
    };
    // A box without a command line has nobody but the head for the officer.
    assert_eq!(offered(&samples::head()), ([true, false, true], [true; 4]));
    let technician = Person { id: PersonId::new(9), ..samples::newcomer(Role::Technician) };
    assert_eq!(offered(&technician), ([true, false, false], [true, false, true, false]));
}
