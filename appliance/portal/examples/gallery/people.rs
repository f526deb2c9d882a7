//! The pages of people who sign in, and what they show.

use model::{
    Answer, InternetMode, Layer, Lesson, LessonEnd, LessonEnding, LessonId, LessonPlan, Obstacle, Override,
    OverrideId, Person, PersonId, PlanId, RequestId, Role, RoomName, Rule, Scope, SiteRequest, Timestamp,
    Topic, Verdict,
};
use portal::pages::Place;
use portal::pages::people::{
    CardPage, Choice, CouncilSheet, DoorSheet, GuardedPage, HeadPage, SecretPage, SignInPage, StaffPage,
    TeacherPage, TroublePage, WeekPage, WifiSheet,
};
use portal::{
    Asked, Card, Hold, Language, Missed, RoomNow, SeenDevice, Tile, Trouble, WifiLine, WifiStatus, Wish,
};

use super::{Error, NOW_MS, Write, authority, place};

const NAMES: [&str; 7] = [
    "Mme Martin",
    "M. Lefebvre",
    "Mme Nguyen",
    "M. Abdallah",
    "Mme Saint-Germain-des-Prés",
    "Mme Petit",
    "Remplaçante",
];

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_unix_ms(NOW_MS + minutes * 60_000)
}

fn person(number: u32, name: &str, role: Role, rooms: &[&str]) -> Result<Person, Error> {
    Ok(Person {
        id: PersonId::new(number),
        name: name.parse()?,
        role,
        rooms: rooms.iter().map(|room| room.parse()).collect::<Result<_, _>>()?,
        made: at(-10_000),
        disabled: None,
        has_first_secret: false,
        has_telephone: false,
    })
}

fn request(number: u32, site: &str, askers: u32, lifter: Layer) -> Result<SiteRequest, Error> {
    Ok(SiteRequest {
        id: RequestId::new(number),
        site: site.parse()?,
        room: Some("CM2".parse()?),
        obstacle: Obstacle { reason: "listed".into(), category: Some("games".parse()?), lifter },
        asked: at(-8),
        askers,
        answer: None,
    })
}

fn rule(number: u32, site: &str, layer: Layer, minutes: i64) -> Result<Override, Error> {
    let scope = if layer == Layer::School { Scope::Everyone } else { Scope::Room("CM2".parse()?) };
    Ok(Override {
        id: OverrideId::new(number),
        rule: Rule {
            layer,
            effect: Verdict::Permit,
            topic: Topic::Site(site.parse()?),
            scope,
            author: "Mme Martin".parse()?,
            motive: "demandé en classe".parse()?,
            from: Some(at(-8)),
            until: Some(at(minutes)),
        },
        made: at(-8),
        ended: None,
        is_start_recorded: true,
        is_end_recorded: false,
    })
}

fn answered(number: u32, site: &str, granted: Option<Override>) -> Result<Wish, Error> {
    let answer = Answer { by: "Mme Martin".parse()?, at: at(-4), granted: granted.as_ref().map(|it| it.id) };
    let request = SiteRequest { answer: Some(answer), ..request(number, site, 4, Layer::Lesson)? };
    Ok(Wish { request, hold: Hold::Open, granted })
}

fn wishes() -> Result<Vec<Wish>, Error> {
    let open = |number, site: &str, askers, lifter| -> Result<Wish, Error> {
        Ok(Wish { request: request(number, site, askers, lifter)?, hold: Hold::By(lifter), granted: None })
    };
    Ok(vec![
        open(7, "www.jeux-de-logique.example", 12, Layer::Lesson)?,
        open(8, "histoire-des-jeux.example", 1, Layer::Lesson)?,
        open(9, "paris.example", 2, Layer::Commune)?,
        open(10, "musique.example", 1, Layer::School)?,
        answered(5, "echecs.example", Some(rule(3, "echecs.example", Layer::Lesson, 42)?))?,
        answered(4, "courses.example", None)?,
    ])
}

fn standing() -> Result<Vec<Override>, Error> {
    Ok(vec![
        rule(3, "echecs.example", Layer::Lesson, 42)?,
        rule(2, "olympiades.example", Layer::School, 9_000)?,
    ])
}

/// A room in a lesson of hers.
fn room(mode: &str) -> Result<RoomNow, Error> {
    let lesson = Lesson {
        id: LessonId::new(7),
        teacher: "Mme Martin".parse()?,
        room: "CM2".parse()?,
        from: at(-20),
        until: at(35),
        internet: InternetMode::read(mode, "vikidia.org geoportail.gouv.fr")?,
        is_wifi_on: true,
        ended: None,
    };
    let devices = (1..=14).map(|number| SeenDevice {
        name: format!("CM2-{number:02}"),
        last: (number != 7).then(|| at(if number < 12 { -1 } else { -30 })),
    });
    let missed = |site: &str, devices, hold| -> Result<Missed, Error> {
        Ok(Missed { site: site.parse()?, devices, hold })
    };
    Ok(RoomNow {
        rooms: vec!["CM1".parse()?, "CM2".parse()?, "Bibliothèque".parse()?],
        room: Some(lesson.room.clone()),
        lesson: Some(lesson),
        is_hers: true,
        taken: None,
        sites: "vikidia.org geoportail.gouv.fr".to_owned(),
        minutes: 55,
        old_keys: vec!["tab-07".to_owned()],
        strange_keys: 2,
        wifi: WifiStatus::On { since: at(-19) },
        devices: devices.collect(),
        missed: vec![
            missed("jeux-de-logique.example", 12, Hold::By(Layer::Lesson))?,
            missed("paris-en-ligne.example", 1, Hold::By(Layer::Commune))?,
        ],
    })
}

/// The room in other states.
fn rooms() -> Result<Vec<(&'static str, RoomNow)>, Error> {
    let end = LessonEnd { at: at(-2), how: LessonEnding::TakeOver, by: "M. Lefebvre".parse()? };
    let other = room("normal")?;
    let lesson = other.lesson.clone().map(|it| Lesson { teacher: end.by.clone(), ..it });
    Ok(vec![
        ("free", RoomNow { lesson: None, ..room("normal")? }),
        ("other", RoomNow { is_hers: false, taken: Some(end), lesson, ..other }),
        ("closed", room("closed")?),
        ("list", RoomNow { wifi: WifiStatus::Unreachable { since: at(-3) }, ..room("list")? }),
        ("no-wifi", RoomNow { wifi: WifiStatus::None, missed: vec![], ..room("ent")? }),
    ])
}

/// What the device of the page of refusals asked for.
pub(super) fn asked() -> Result<Vec<Asked>, Error> {
    let of = |wish: Wish| Asked { request: wish.request, granted: wish.granted };
    Ok(vec![
        Asked { request: request(9, "www.jeux.example", 2, Layer::School)?, granted: None },
        of(answered(5, "echecs.example", Some(rule(3, "echecs.example", Layer::Lesson, 42)?))?),
        of(answered(4, "courses.example", None)?),
    ])
}

pub(super) fn write_people(language: Language, write: Write<'_>) -> Result<(), Error> {
    let place = place()?;
    let teacher = person(1, "Mme Martin", Role::Teacher, &["CM1", "CM2"])?;
    let head = person(2, "M. Bernard", Role::Head, &[])?;
    write_sign_in(language, write)?;
    let first = Person { has_first_secret: true, ..teacher.clone() };
    for (name, person, trouble) in
        [("secret-first", &first, None), ("secret", &head, Some(Trouble::SecretSimple))]
    {
        write(name, SecretPage { place: &place, person, token: "0", trouble }.render(language))?;
    }
    let (wishes, standing, now) = (wishes()?, standing()?, Some(at(0)));
    let room = room("normal")?;
    let page = TeacherPage {
        place: &place,
        person: &teacher,
        room: &room,
        wishes: &wishes,
        standing: standing.get(..1).unwrap_or_default(),
        now,
        token: "0",
        is_following: false,
    };
    write("teacher", page.render(language))?;
    write("teacher-none", TeacherPage { wishes: &[], standing: &[], ..page }.render(language))?;
    for (name, room) in rooms()? {
        write(&format!("room-{name}"), TeacherPage { room: &room, ..page }.render(language))?;
    }
    write_week(&place, &teacher, language, write)?;
    let reports = [rule(6, "image-choquante.example", Layer::School, 9_000)?];
    let page = HeadPage {
        place: &place,
        person: &head,
        reports: &reports,
        wishes: &wishes,
        standing: &standing,
        now,
        lacks_keys: true,
        token: "0",
    };
    write("head", page.render(language))?;
    write_wifi(&place, write)?;
    let mut people = vec![first.clone(), head.clone()];
    people.push(Person { disabled: now, ..person(3, "M. Lefebvre", Role::Teacher, &[])? });
    people.push(person(4, "Service informatique", Role::Technician, &[])?);
    let rooms: Vec<RoomName> =
        ["CE2", "CM1", "CM2", "Bibliothèque"].iter().map(|room| room.parse()).collect::<Result<_, _>>()?;
    let page = StaffPage { place: &place, person: &head, people: &people, rooms: &rooms, token: "0" };
    write("staff", page.render(language))?;
    for (name, person, secret) in
        [("card", first, "40281793"), ("card-head", head.clone(), "k7pm-x2hd-9tqv-ej4w")]
    {
        let card = Card { person, secret: secret.to_owned() };
        write(name, CardPage { place: &place, person: &head, card: &card, token: "0" }.render(language))?;
    }
    let page = TroublePage { place: &place, trouble: Trouble::Stronger, back: TeacherPage::PATH };
    write("trouble", page.render(language))?;
    Ok(())
}

/// The sheets about the Wi-Fi.
fn write_wifi(place: &Place, write: Write<'_>) -> Result<(), Error> {
    let line = |room: &str, minute: i64, off: Option<i64>| -> Result<WifiLine, Error> {
        Ok(WifiLine {
            lesson: LessonId::new(7),
            room: room.parse()?,
            on: at(minute),
            on_by: "Mme Martin".parse()?,
            off: off
                .map(|off| (at(off), "Mme Martin".parse()))
                .map(|(at, by)| Ok::<_, Error>((at, by?)))
                .transpose()?,
        })
    };
    let lines = [line("CM2", -20, None)?, line("Bibliothèque", -1_500, Some(-1_445))?];
    write("wifi-register", WifiSheet { place, lines: &lines, now: Some(at(0)) }.render())?;
    let rooms: Vec<RoomName> = vec!["CM2".parse()?, "Bibliothèque".parse()?];
    write("wifi-council", CouncilSheet { place, rooms: &rooms, now: Some(at(0)) }.render())?;
    write("wifi-council-none", CouncilSheet { place, rooms: &[], now: None }.render())?;
    write("wifi-door", DoorSheet { place }.render())?;
    Ok(())
}

fn write_sign_in(language: Language, write: Write<'_>) -> Result<(), Error> {
    let place = place()?;
    let mut teachers = Vec::new();
    for (id, name) in (1..).zip(NAMES) {
        teachers.push(Tile { id: PersonId::new(id), name: name.parse()? });
    }
    for (name, choice, trouble) in [
        ("sign-in", Choice::Nobody, None),
        ("sign-in-tile", Choice::Tile(PersonId::new(1)), Some(Trouble::Wait(240))),
        ("sign-in-named", Choice::Named(""), None),
    ] {
        let page = SignInPage {
            place: &place,
            teachers: &teachers,
            choice,
            token: "0",
            is_clock_set: true,
            trouble,
        };
        write(name, page.render(language))?;
    }
    for (name, authority) in [("guarded", Some(&authority())), ("guarded-none", None)] {
        write(name, GuardedPage { place: &place, authority }.render(language))?;
    }
    Ok(())
}

/// A teacher's week, with lessons and without.
fn write_week(place: &Place, person: &Person, language: Language, write: Write<'_>) -> Result<(), Error> {
    let plan = |weekday, from_minute, internet, is_wifi_on| -> Result<LessonPlan, Error> {
        let (teacher, room) = (person.name.clone(), "CM2".parse()?);
        Ok(LessonPlan { teacher, room, weekday, from_minute, minutes: 55, internet, is_wifi_on })
    };
    let sites = InternetMode::read("list", "vikidia.org geoportail.gouv.fr")?;
    let plans = [
        (PlanId::new(4), plan(0, 540, InternetMode::WorkspaceOnly, true)?),
        (PlanId::new(5), plan(3, 825, sites, false)?),
    ];
    let rooms = ["CM1".parse()?, "CM2".parse()?];
    let page = WeekPage { place, person, plans: &plans, rooms: &rooms, minutes: 55, token: "0" };
    write("week", page.render(language))?;
    Ok(write("week-none", WeekPage { plans: &[], ..page }.render(language))?)
}
