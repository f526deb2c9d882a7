//! One of everything that pages show, for tests.

mod chores;

use std::sync::Arc;

use model::{
    Answer, Answered, ClockQuality, CommuneAnswer, CommuneNotice, CommuneOrder, CommuneOrderKind,
    CommuneRequest, CommuneRequestId, Device, Fault, Host, InternetMode, Layer, Lesson, LessonId, LessonPlan,
    MadeCard, NewCommuneRequest, NewPreparation, Obstacle, Override, OverrideId, Person, PersonDeed,
    PersonId, PlanId, Preparation, PreparationId, PreparationStage, Purpose, ReaderRole, Reading, ReadingEnd,
    ReadingId, ReadingTerms, Reason, RequestId, Role, Rule, Ruling, Scope, SiteRequest, Subject, Timestamp,
    Topic, UnknownDevice, Verdict, When,
};

use super::Place;
use crate::{
    Asked, Authority, ClassDay, Classes, CommuneDesk, Custody, Enrolment, EnrolmentStep, Findings, Firewall,
    FoundDeed, FoundLine, Health, Held, Hold, KeptField, KeyLine, KeyList, LessonChoice, ListOrigin,
    ListStatus, Listener, Missed, NewKey, PreparationLine, ReadingList, Refused, RefusedCount, RoomNow,
    RoutineDay, SeenDevice, SelftestOutcome, SelftestStatus, Service, Setback, Status, Summary, Trial,
    TrialKind, UpdateOutcome, UpdateStatus, Upstream, WayOut, WifiStatus, Wish,
};

pub(crate) use chores::{chores, selftest_run};

pub(crate) fn place() -> Place {
    Place {
        school: "École Jean-Jaurès".to_owned(),
        helpdesk: Some("01 23 45 67 89".to_owned()),
        portal_url: Some("http://preau.lan/".to_owned()),
        timezone: jiff::tz::TimeZone::get("Europe/Paris").unwrap(),
    }
}

pub(crate) fn typed() -> Vec<(String, String)> {
    [("titre", "Noël"), ("texte", "Bonjour\r\n<b>à tous</b>"), ("csrf", "7f\""), ("vide", "")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

pub(crate) fn authority() -> Authority {
    Authority {
        certificate_der: b"certificate".to_vec(),
        fingerprint: ["0A", "F3"].repeat(16).join(":"),
        names: ["preau.lan", "10.77.0.1", "fd77::1"].map(str::to_owned).into(),
        origin: "https://preau.lan".to_owned(),
    }
}

/// A fresh box, from its first start to its last.
pub(crate) fn enrolments() -> Vec<(&'static str, Enrolment)> {
    let step = |way, step| Enrolment { way, step };
    vec![
        ("waiting", step(WayOut::Open, EnrolmentStep::Waiting)),
        ("unplugged", step(WayOut::Unplugged, EnrolmentStep::Waiting)),
        ("unaddressed", step(WayOut::Unaddressed, EnrolmentStep::Failed(Setback::Silent))),
        ("crossed", step(WayOut::Crossed, EnrolmentStep::Waiting)),
        ("portless", step(WayOut::Portless, EnrolmentStep::Waiting)),
        ("asking", step(WayOut::Open, EnrolmentStep::Asking)),
        ("inheriting", step(WayOut::Open, EnrolmentStep::Inheriting(None))),
        ("inheriting-late", step(WayOut::Open, EnrolmentStep::Inheriting(Some(Setback::HubBroken)))),
        ("restarting", step(WayOut::Open, EnrolmentStep::Restarting)),
        ("done", step(WayOut::Open, EnrolmentStep::Done("École <b>Jules-Ferry</b>".to_owned()))),
        ("unpeopled", step(WayOut::Open, EnrolmentStep::Unpeopled("École <b>Jules-Ferry</b>".to_owned()))),
    ]
}

pub(crate) fn device() -> Subject {
    Subject::Device(Arc::new(Device {
        mac: "02:00:00:00:00:11".parse().unwrap(),
        name: "CM2-04".parse().unwrap(),
        room: Some("CM2".parse().unwrap()),
        profile: "elementaire".parse().unwrap(),
    }))
}

pub(crate) fn unknown() -> Subject {
    let mac = "02:00:00:00:00:99".parse().ok();
    Subject::Unknown(UnknownDevice { mac, address: "10.77.0.99".parse().unwrap() })
}

pub(crate) fn listed(category: &str, entry: &str) -> Reason {
    Reason::Listed { category: category.parse().unwrap(), entry: entry.into() }
}

fn locked(category: &str, entry: &str) -> Reason {
    Reason::Locked { category: category.parse().unwrap(), entry: entry.into() }
}

/// A refusal for each reason that is neither a list's nor a fault of the request.
pub(crate) fn decided() -> Vec<Reason> {
    let ruled = |layer| {
        Reason::Ruled(Arc::new(Ruling {
            layer,
            entry: "poker.example".into(),
            author: "Mme Martin".parse().unwrap(),
            until: (layer != Layer::Commune).then(|| at(60)),
        }))
    };
    let locked = locked("gambling", "poker.example");
    let others = [Reason::NotListed, Reason::NotWhiteListed, Reason::ClosedHours, locked];
    let others = others.into_iter().chain(model::Narrowing::ALL.map(Reason::Narrowed));
    others.chain([Layer::Commune, Layer::School, Layer::Lesson].map(ruled)).collect()
}

fn person(number: u32, name: &str, role: Role, rooms: &[&str]) -> Person {
    Person {
        id: PersonId::new(number),
        name: name.parse().unwrap(),
        role,
        rooms: rooms.iter().map(|room| room.parse().unwrap()).collect(),
        made: at(0),
        disabled: None,
        has_first_secret: false,
        has_telephone: false,
    }
}

pub(crate) fn teacher() -> Person {
    person(1, "Mme Martin", Role::Teacher, &["CM1", "CM2"])
}

pub(crate) fn head() -> Person {
    person(2, "M. Bernard", Role::Head, &[])
}

pub(crate) fn officer() -> Person {
    person(3, "Mme Lefort", Role::Officer, &[])
}

/// Somebody who has not used her card.
pub(crate) fn newcomer(role: Role) -> Person {
    Person { has_first_secret: true, ..person(3, "Mme Durand", role, &[]) }
}

/// A request of a room, with what stands against it.
pub(crate) fn request(number: u32, site: &str, lifter: Layer) -> SiteRequest {
    SiteRequest {
        id: RequestId::new(number),
        site: site.parse().unwrap(),
        room: Some("CM2".parse().unwrap()),
        obstacle: Obstacle { reason: "listed".into(), category: Some("gambling".parse().unwrap()), lifter },
        asked: at(12),
        askers: number,
        answer: None,
    }
}

/// The room of the teacher, in a lesson of hers that shows a list, with all that a page tells.
pub(crate) fn room_now() -> RoomNow {
    let lesson = Lesson {
        id: LessonId::new(7),
        teacher: teacher().name,
        room: "CM2".parse().unwrap(),
        from: at(0),
        until: at(55),
        internet: InternetMode::read("list", "vikidia.org xn--muse-dpa.example").unwrap(),
        is_wifi_on: true,
        ended: None,
    };
    let device = |name: &str, last: Option<i64>| SeenDevice { name: name.to_owned(), last: last.map(at) };
    let missed = |site: &str, devices, hold| Missed { site: site.parse().unwrap(), devices, hold };
    RoomNow {
        rooms: ["CM1", "CM2"].map(|room| room.parse().unwrap()).into(),
        room: Some(lesson.room.clone()),
        is_hers: true,
        taken: None,
        sites: "vikidia.org ign.fr".to_owned(),
        minutes: 55,
        old_keys: vec!["tab-07".to_owned()],
        strange_keys: 2,
        wifi: WifiStatus::On { since: at(1) },
        devices: vec![device("CM2-01", Some(19)), device("CM2-<02>", Some(3)), device("CM2-03", None)],
        missed: vec![
            missed("jeux.example", 3, Hold::By(Layer::Lesson)),
            missed("poker.example", 1, Hold::By(Layer::Commune)),
            missed("ferme.example", 1, Hold::By(Layer::School)),
            missed("ouvert.example", 1, Hold::Open),
            missed("rien.example", 1, Hold::Lesson),
            missed("jamais.example", 1, Hold::Nobody),
        ],
        lesson: Some(lesson),
    }
}

/// A lesson that a reading may be narrowed to; there are others.
pub(crate) fn lesson_choice() -> LessonChoice {
    LessonChoice { lessons: room_now().lesson.into_iter().collect(), is_cut: true }
}

/// A planned lesson of the teacher.
pub(crate) fn plans() -> Vec<(PlanId, LessonPlan)> {
    let plan = LessonPlan {
        teacher: teacher().name,
        room: "CM2".parse().unwrap(),
        weekday: 0,
        from_minute: 540,
        minutes: 55,
        internet: InternetMode::WorkspaceOnly,
        is_wifi_on: true,
    };
    vec![(PlanId::new(4), plan)]
}

/// What the school asked of the commune, and was told.
pub(crate) fn commune_desk() -> CommuneDesk {
    let request =
        |number: u32, sent: Option<i64>, is_urgent: bool, answered: Option<Answered>| CommuneRequest {
            id: CommuneRequestId::new(number),
            wanted: NewCommuneRequest {
                site: format!("site{number}.example").parse().unwrap(),
                wants: if number.is_multiple_of(2) { Verdict::Permit } else { Verdict::Refuse },
                author: teacher().name,
                motive: "sortie <du 12>".parse().unwrap(),
                is_urgent,
            },
            asked: at(0),
            sent: sent.map(at),
            answer: answered.map(|answered| CommuneAnswer {
                answered,
                author: "M. <Blanc>".parse().unwrap(),
                motive: "oui <et non>".parse().unwrap(),
                at: at(5),
            }),
        };
    let order = |kind: CommuneOrderKind| CommuneOrder { at: at(9), kind, about: "a <b>".to_owned() };
    CommuneDesk {
        is_enrolled: true,
        requests: vec![
            request(1, None, false, None),
            request(2, None, true, None),
            request(3, Some(1), true, None),
            request(4, Some(1), false, Some(Answered::All)),
            request(5, Some(1), false, Some(Answered::School)),
            request(6, Some(1), false, Some(Answered::No)),
        ],
        notices: vec![CommuneNotice { made: at(0), author: teacher().name, text: "Jeudi <6 h>".to_owned() }],
        orders: CommuneOrderKind::ALL.into_iter().map(order).collect(),
    }
}

/// What the teacher has the box prepare, at each stage.
pub(crate) fn preparations() -> Vec<PreparationLine> {
    let wanted = |number: u32| NewPreparation {
        place: format!("https://ent.example/document/{number}").parse().unwrap(),
        title: format!("Le volcan <{number}>").parse().unwrap(),
        room: number.is_multiple_of(2).then(|| "CM2".parse().unwrap()),
        by: teacher().name,
        device: "02:00:00:00:00:11".parse().unwrap(),
        made: at(0),
        until: at(60 * 24),
    };
    let line = |number: u32, stage: PreparationStage, progress: Option<(u64, u64)>| {
        let id = PreparationId::new(number);
        PreparationLine {
            preparation: Preparation { id, wanted: wanted(number), kept: None, stage, tried: None },
            progress,
        }
    };
    vec![
        line(1, PreparationStage::Here, None),
        line(2, PreparationStage::Waiting, Some((12_300_000, 40_000_000))),
        line(3, PreparationStage::Waiting, Some((12_300_000, 0))),
        line(4, PreparationStage::Waiting, None),
        line(5, PreparationStage::Refused, None),
        line(6, PreparationStage::NotShared, None),
        line(7, PreparationStage::Missing, None),
        line(8, PreparationStage::Full, None),
        line(9, PreparationStage::Elsewhere, None),
        line(10, PreparationStage::Personal, None),
        line(11, PreparationStage::Closed, None),
    ]
}

/// A file from the commune.
pub(crate) fn library_file(name: &str) -> model::LibraryFile {
    let name: model::FileName = name.parse().unwrap();
    model::LibraryFile {
        sha256: "ab".repeat(32),
        bytes: 12_300_000,
        media: model::MediaType::of(&name),
        title: "Le volcan <film>".parse().unwrap(),
        name,
        until: at(60 * 24),
    }
}

/// What a teacher closed for the school.
pub(crate) fn reports() -> Vec<Override> {
    let rule = granted(None).rule;
    let rule = Rule { layer: Layer::School, effect: Verdict::Refuse, scope: Scope::Everyone, ..rule };
    vec![Override { id: OverrideId::new(4), rule, ..granted(None) }]
}

/// The first rule that stands, which answers a request.
pub(crate) fn granted(until: Option<Timestamp>) -> Override {
    Override {
        id: OverrideId::new(3),
        rule: Rule {
            layer: Layer::Lesson,
            effect: Verdict::Permit,
            topic: Topic::Site("jeux.example".parse().unwrap()),
            scope: Scope::Room("CM2".parse().unwrap()),
            author: "Mme Martin".parse().unwrap(),
            motive: "demandé en classe".parse().unwrap(),
            from: Some(at(10)),
            until,
        },
        made: at(10),
        ended: None,
        is_start_recorded: true,
        is_end_recorded: false,
    }
}

fn answered(number: u32, granted: Option<Override>) -> Wish {
    let by = "Mme Martin".parse().unwrap();
    let answer = Some(Answer { by, at: at(15), granted: granted.as_ref().map(|it| it.id) });
    let request = SiteRequest { answer, room: None, ..request(number, "jeux.example", Layer::Lesson) };
    Wish { request, hold: Hold::Open, granted }
}

/// A request in each state.
pub(crate) fn wishes() -> Vec<Wish> {
    let open =
        |number, site, hold| Wish { request: request(number, site, Layer::Lesson), hold, granted: None };
    vec![
        open(7, "www.poker.example", Hold::By(Layer::Lesson)),
        open(1, "ferme.example", Hold::By(Layer::School)),
        open(2, "adulte.example", Hold::By(Layer::Commune)),
        open(0, "ouvert.example", Hold::Open),
        open(4, "tunnel.example", Hold::Nobody),
        answered(5, Some(granted(Some(at(45))))),
        answered(1, Some(granted(None))),
        answered(1, Some(granted(Some(at(1))))),
        answered(2, None),
    ]
}

/// A rule for each kind of end and each kind of scope.
pub(crate) fn standing() -> Vec<Override> {
    let with = |scope: Scope, until| {
        let it = granted(until);
        Override { rule: Rule { scope, ..it.rule }, ..it }
    };
    let closed = granted(None);
    let games = Topic::Category("games".parse().unwrap());
    vec![
        granted(Some(at(45))),
        with(Scope::Everyone, Some(at(9_000))),
        with(Scope::Profile("adulte".parse().unwrap()), None),
        with(Scope::Device("02:00:00:00:00:11".parse().unwrap()), Some(at(50))),
        Override { rule: Rule { effect: Verdict::Refuse, topic: games, ..closed.rule.clone() }, ..closed },
    ]
}

/// What the device of [`refusals`] asked for: one is refused still, one was granted, one declined.
pub(crate) fn asked() -> Vec<Asked> {
    let plain = |number, site, lifter| Asked { request: request(number, site, lifter), granted: None };
    let of = |wish: Option<Wish>| wish.map(|wish| Asked { request: wish.request, granted: wish.granted });
    let mut asked = vec![
        plain(1, "poker.example", Layer::Lesson),
        plain(2, "proxy.example", Layer::Commune),
        plain(3, "autre.example", Layer::Lesson),
    ];
    asked.extend(of(wishes().into_iter().nth(5)));
    asked
}

pub(crate) fn host(text: &str) -> Host {
    Host::parse(text).unwrap()
}

/// A machine that is well, with two access points of which one is gone.
pub(crate) fn diagnosis() -> crate::Diagnosis {
    let point = |name: &str, status| crate::AccessPoint {
        name: name.to_owned(),
        status,
        wrong_keys: 0,
        trouble: None,
    };
    crate::Diagnosis {
        at: Some(at(0)),
        line: Some(crate::Line::Up),
        line_seat: Some(crate::LineSeat { is_in_force: true, ..line_seat() }),
        is_school_unplugged: false,
        disk: Some(crate::Disk {
            free_bytes: 180_000_000_000,
            reserved_bytes: 134_000_000,
            bytes_a_day: 3_000_000,
            days_left: None,
            is_tight: false,
        }),
        machine: crate::Machine {
            memory_bytes: 8_000_000_000,
            memory_free_bytes: 6_100_000_000,
            temperature_c: Some(51),
            up_s: 40 * 86_400,
        },
        certificates: Some(crate::Certificates { authority: at(9_000), shown: Some(at(9_000)) }),
        hub: None,
        release: None,
        configuration: None,
        sealing: Some(crate::Sealing { has_readers: true, waits_since: Some(at(-300)) }),
        access_points: vec![
            point("borne-cm2", WifiStatus::Unreachable { since: at(1) }),
            point("borne-cp", WifiStatus::Off),
        ],
    }
}

pub(crate) fn status() -> Status {
    let listener = |service, address: &str| Listener { service, address: address.parse().unwrap() };
    let trial = |kind, command: &str| Trial { kind, command: command.to_owned() };
    Status {
        is_open: true,
        journal_days: None,
        list: ListStatus {
            origin: ListOrigin::Built(Some(Timestamp::from_unix_ms(1_786_924_800_000))),
            entries: 637_941,
            categories: 66,
            is_refused: false,
            missing: Vec::new(),
        },
        update: Some(UpdateStatus {
            last: Some((Timestamp::from_unix_ms(1_786_924_800_000), UpdateOutcome::Good)),
            next: Some(Timestamp::from_unix_ms(1_787_011_200_000)),
            held: Vec::new(),
            time_zone: jiff::tz::TimeZone::UTC,
        }),
        selftest: Some(SelftestStatus {
            last: Some((
                Timestamp::from_unix_ms(1_786_924_800_000),
                SelftestOutcome::Closed { passed: 81, untested: 2 },
            )),
            strangers: Vec::new(),
            next: Timestamp::from_unix_ms(1_787_011_200_000),
            time_zone: jiff::tz::TimeZone::UTC,
        }),
        upstreams: vec![Upstream { server: "192.0.2.53".to_owned(), health: Health::Good }],
        clock: ClockQuality::Synchronised,
        firewall: Firewall::Applied,
        listeners: vec![
            listener(Service::Portal, "10.77.0.1:8000"),
            listener(Service::PortalTls, "127.0.0.1:8444"),
            listener(Service::Dns, "10.77.0.1:53"),
            listener(Service::Dns, "[fd77::1]:53"),
            listener(Service::DnsTls, "10.77.0.1:853"),
            listener(Service::GateTls, "10.77.0.1:8443"),
            listener(Service::GateHttp, "10.77.0.1:8080"),
            listener(Service::ExplicitProxy, "10.77.0.1:3128"),
        ],
        trials: vec![
            trial(TrialKind::Refused, "dig @10.77.0.1 www.poker.example"),
            trial(TrialKind::Permitted, "curl -x http://10.77.0.1:3128 http://www.education.example/"),
            trial(TrialKind::Journal, "preau journal search --reason maintenance --device CM2-04"),
        ],
        version: "0.1.0".to_owned(),
    }
}

/// Minutes after ten to eleven on a Tuesday in November, by the clock of Paris.
pub(crate) fn at(minute: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_795_513_800_000 + minute * 60_000)
}

/// A refusal of each kind that the page of refusals words in its own way.
pub(crate) fn refusals() -> Vec<Refused> {
    let refused = |name: Option<&str>, reason: Reason, first: i64, count: u32| Refused {
        host: name.map(host),
        is_noise: reason == Reason::Fault(Fault::Evasion),
        reason,
        first: at(first),
        last: at(14),
        count,
    };
    let ruled = decided().into_iter().filter(|reason| reason.lifter() == Some(Layer::School));
    let mut refusals = vec![
        refused(Some("www.poker.example"), listed("gambling", "poker.example"), 11, 7),
        refused(Some("poker.example"), listed("gambling", "poker.example"), 14, 3),
        refused(None, Reason::Fault(Fault::Unnamed), 14, 1),
        refused(Some("proxy.example"), locked("redirector", "proxy.example"), 14, 1),
    ];
    refusals.extend(ruled.map(|reason| refused(Some("jeux.example"), reason, 14, 1)));
    refusals
}

pub(crate) fn noise() -> Vec<Refused> {
    let host = Some(host("mask.icloud.com"));
    let reason = Reason::Fault(Fault::Evasion);
    vec![Refused { host, reason, first: at(3), last: at(14), count: 1_204, is_noise: true }]
}

/// The head's reading that is open, one that she ended, and one that ran out.
pub(crate) fn readings() -> Vec<Reading> {
    let terms = ReadingTerms {
        purpose: Purpose::Incident,
        detail: "vidéo <choquante> vue en CM2 & signalée".parse().unwrap(),
        from: Some(at(-1_440)),
        to: Some(at(0)),
        target: None,
        with_people: true,
    };
    let open = Reading {
        id: ReadingId::new(7),
        author: head().name,
        machine: None,
        terms,
        opened: at(15),
        until: at(75),
        closed: None,
        searches: 3,
        exports: 2,
        whole_exports: 1,
        card_by: None,
    };
    let terms = ReadingTerms {
        purpose: Purpose::Judicial,
        from: None,
        to: None,
        target: Some("CM2-04".parse().unwrap()),
        with_people: false,
        ..open.terms.clone()
    };
    let ended = Reading {
        id: ReadingId::new(6),
        terms: terms.clone(),
        closed: Some((at(10), ReadingEnd::Hand)),
        ..open.clone()
    };
    let other = "Mme Durand".parse().unwrap();
    let lapsed = Reading {
        id: ReadingId::new(5),
        author: other,
        card_by: Some(teacher().name),
        terms,
        closed: Some((at(10), ReadingEnd::Time)),
        ..open.clone()
    };
    vec![open, ended, lapsed]
}

/// A page of results: an access, a refused one, one of an address, an act.
pub(crate) fn reading_list() -> ReadingList {
    let routine = vec![RoutineDay { day: at(0), count: 1_205 }];
    ReadingList {
        readings: readings(),
        routine,
        total: 103,
        next: Some(ReadingId::new(5)),
        is_full: true,
        unsealed_since: Some(at(-9_999)),
    }
}

pub(crate) fn cards() -> Vec<MadeCard> {
    let by = newcomer(Role::Technician).name;
    let (of_head, of_officer) = (head(), officer());
    vec![
        MadeCard { name: of_head.name.clone(), role: of_head.role, by, at: at(-60) },
        MadeCard { name: of_officer.name, role: of_officer.role, by: of_head.name, at: at(-400 * 1_440) },
    ]
}

pub(crate) fn findings() -> Findings {
    let line = FoundLine {
        when: When::Shown(at(-60)),
        device: Some("CM2-04".to_owned()),
        room: Some("CM2".parse().unwrap()),
        host: Some(host("www.musée.example")),
        verdict: Some(Verdict::Permit),
        reason: Some(Reason::NotListed),
        count: 1,
        person: None,
        deed: None,
    };
    let refused = FoundLine {
        host: Some(host("xn--scrip<t>alert.example".replace(['<', '>'], "-").as_str())),
        verdict: Some(Verdict::Refuse),
        reason: Some(listed("gambling", "poker.example")),
        count: 1_204,
        ..line.clone()
    };
    let address = FoundLine {
        when: When::Reckoned(at(-59)),
        host: Some(host("203.0.113.7")),
        device: Some("inconnu-10.77.0.99".to_owned()),
        ..refused.clone()
    };
    let act = FoundLine {
        when: When::Between(Some(at(-90)), None),
        device: None,
        room: None,
        host: None,
        verdict: None,
        reason: None,
        person: Some("Mme Martin".to_owned()),
        deed: Some(FoundDeed::Person(PersonDeed::SignIn)),
        ..line.clone()
    };
    Findings {
        lines: vec![line, refused, address, act],
        next: Some(4_711),
        locked: 2,
        nameless: 3,
        unreadable: 1,
        is_cut: true,
    }
}

/// Two readers, a shorter number that is not yet for what is sealed, and an officer who has signed.
pub(crate) fn custody() -> Custody {
    let kept = [("access", 365), ("who", 90), ("destination", 365), ("traffic", 365), ("acts", 365)];
    Custody {
        readers: ["age1head", "age1<dpo>"].map(str::to_owned).to_vec(),
        readers_since: Some(at(-9_000)),
        kept: kept.map(|(word, days)| KeptField { word, days, settled_days: 365 }).to_vec(),
        entry: Some(12),
        kept_since: Some(at(-600)),
        signed: "La commune".parse().ok(),
        approvals: vec![("Mme <DPO>".parse().unwrap(), at(-300))],
        settles: Some(at(6_000)),
    }
}

/// A key of the configuration, two that were made on the pages, and one that waits to be confirmed.
pub(crate) fn keys() -> KeyList {
    let made = |public: &str, role| KeyLine {
        public: public.to_owned(),
        role,
        by: "M. <Bernard>".parse().unwrap(),
        at: at(-700),
    };
    KeyList {
        configured: vec!["age1configured".to_owned()],
        made: vec![made("age1head", ReaderRole::Head), made("age1<safe>", ReaderRole::Recovery)],
        waiting: vec![(ReaderRole::Officer, "age1waiting".to_owned())],
    }
}

/// A key that was made just now.
pub(crate) fn new_key() -> NewKey {
    let secret = format!("AGE-SECRET-KEY-1{}", "Q9Z2".repeat(14) + "XY");
    NewKey { role: ReaderRole::Head, public: "age1new".to_owned(), secret: secret.into(), made: at(0) }
}

/// A hold in force, and one that was lifted.
pub(crate) fn holds() -> Vec<Held> {
    let hold = Held {
        number: 412,
        since: at(-900),
        from: Some(at(-2_000)),
        to: None,
        device: Some("CM2-<04>".to_owned()),
        author: "Mme Durand".parse().unwrap(),
        reason: "réquisition <26/123>".parse().unwrap(),
        lifted: None,
    };
    let lifted = (at(-800), "M. Bernard".parse().unwrap(), "affaire classée".parse().unwrap());
    vec![hold.clone(), Held { number: 318, from: None, device: None, lifted: Some(lifted), ..hold }]
}

/// Two classes, and what is of rooms too small to be told alone.
pub(crate) fn classes() -> Classes {
    let day = |room: Option<&str>, accesses, refused: &[(&str, u64)]| ClassDay {
        day: "2026-11-24".parse().unwrap(),
        room: room.map(|room| room.parse().unwrap()),
        accesses,
        refused: refused.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect(),
    };
    let faults = Fault::ALL.map(|fault| (fault.as_str(), 5));
    let reasons: Vec<_> = decided().iter().map(|reason| (reason.as_str(), 7)).collect();
    let days = vec![
        day(Some("CM2"), 1_204, &[("games", 12), ("commune_noire", 9)]),
        day(Some("CP"), 60, &faults),
        day(None, 44, &reasons),
    ];
    Classes { days, locked: 2, unreadable: 0, uncounted: 3, is_cut: false }
}

pub(crate) fn summary() -> Summary {
    let count = |room: Option<&str>, category: Option<&str>, count| RefusedCount {
        room: room.map(|room| room.parse().unwrap()),
        category: category.map(|category| category.parse().unwrap()),
        count,
    };
    let refused = vec![count(Some("CM2"), Some("games"), 1_204), count(None, None, 12)];
    Summary { refused, hidden: 7 }
}

/// Access points: one that was heard, one that somebody has reset, one that was adopted.
pub(crate) fn waiting_release() -> crate::WaitingRelease {
    crate::WaitingRelease { version: "1.5.0".parse().unwrap(), lessons: 2 }
}

/// A box at a commune's hub.
pub(crate) fn hub_seat() -> crate::HubSeat {
    let hub = ("https://hub.commune.example:8443".to_owned(), "École Jules-Ferry".to_owned());
    crate::HubSeat { hub: Some(hub), failures: (0, None), step: crate::JoinStep::Nothing }
}

/// A line without DHCP, not in force yet.
pub(crate) fn line_seat() -> crate::LineSeat {
    let shown = crate::LineShown::Fixed {
        address: "192.0.2.10/24".to_owned(),
        gateway: "192.0.2.1".to_owned(),
        resolvers: "192.0.2.53, 198.51.100.53".to_owned(),
    };
    crate::LineSeat { shown, is_typed: true, is_in_force: false }
}

pub(crate) fn points() -> crate::Points {
    let mac = |last: u8| model::Mac::new([2, 0xaa, 0, 0, 0, last]);
    let name: model::AccessPointName = "borne-02aa00000002".parse().unwrap();
    let heard = [(1, None), (2, Some(name.clone()))].map(|(last, former)| crate::HeardPoint {
        mac: mac(last),
        address: [10, 77, 0, 20 + last].into(),
        certificate: [last; 32],
        former,
    });
    let adopted = crate::AdoptedPointLine {
        name,
        mac: mac(2),
        room: "CM2".parse().unwrap(),
        by: head().name,
        at: at(0),
        has_former_key: true,
    };
    crate::Points {
        has_key: true,
        has_files: true,
        heard: heard.into(),
        adopted: vec![adopted],
        rooms: vec!["CM2".parse().unwrap(), "Salle <des> maîtres".parse().unwrap()],
    }
}

/// What a class set joins by.
pub(crate) fn join_code() -> crate::JoinCode {
    let state = crate::JoinState::Shown { ssid: "<tilleul>".to_owned(), picture: "<svg></svg>".to_owned() };
    crate::JoinCode { room: Some("CM2".parse().unwrap()), state }
}

/// A room with one key for all, one with a key for each device, and one that has none yet.
pub(crate) fn networks() -> Vec<crate::RoomKeys> {
    let room = |name: &str, keys: &[Option<&str>]| crate::RoomKeys {
        room: name.parse().unwrap(),
        ssid: "tilleul".to_owned(),
        is_in_lesson: name == "CM2",
        keys: keys.iter().map(|device| (device.map(|name| name.parse().unwrap()), at(0))).collect(),
    };
    vec![room("CM2", &[None]), room("CM1", &[Some("tab-06"), Some("tab-07")]), room("CP", &[])]
}

/// Devices of a room, and one that moves.
pub(crate) fn device_list() -> crate::DeviceList {
    let device = |last: u8, name: &str, room: Option<&str>| Device {
        mac: model::Mac::new([2, 0, 0, 0, 0, last]),
        name: name.parse().unwrap(),
        room: room.map(|room| room.parse().unwrap()),
        profile: "elementaire".parse().unwrap(),
    };
    crate::DeviceList {
        devices: vec![
            (device(3, "Chariot-<1>", None), None),
            (device(1, "CM2-01", Some("CM2")), Some(at(1))),
            (device(2, "CM2-02", Some("CM2")), None),
        ],
        rooms: vec!["CM2".parse().unwrap()],
        profiles: vec!["elementaire".parse().unwrap(), "adulte".parse().unwrap()],
        asker: Some(model::Mac::new([2, 0, 0, 0, 0, 9])),
    }
}
