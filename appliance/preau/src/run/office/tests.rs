//! The office over a real store and a real desk, with a clock that the test sets.

use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError};

use access::{Clock, Desk, Directory, Instant, Neighbours, Request};
use journal::Writer;
use journal::simulation::Disk;
use model::{
    AccessKind, ClockQuality, Device, Host, Layer, Mac, NewOverride, Person, Role, Rule, Scope, Timestamp,
    Topic, Verdict,
};
use people::draw_first_secret;
use policy::{Rulebook, Snapshot, Target};
use portal::{Claimed, Hold, Newcomer, Office as _, Reply, Trouble};
use store::NewPerson;

mod devices;
mod hurrying;
mod installing;
mod keys;
mod lessons;
mod lining;
mod memory;
mod moving;
mod networks;
mod points;
mod readings;
mod requests;
mod ruling;
mod telephones;

use super::signing::{HASHERS_MAX, Turn};
use super::*;
use crate::config::Config;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// A PC of the class, another one, the teacher's in the same room, a tablet without a room, and a telephone that
/// nobody registered.
const PC: [u8; 4] = [10, 77, 0, 0x11];
const OTHER_PC: [u8; 4] = [10, 77, 0, 0x12];
const DESK_PC: [u8; 4] = [10, 77, 0, 0x13];
const TABLET: [u8; 4] = [10, 77, 0, 0x14];
const TELEPHONE: [u8; 4] = [10, 77, 0, 0x99];

struct Class;

impl Neighbours for Class {
    fn find_mac(&self, address: IpAddr) -> Option<Mac> {
        match address {
            IpAddr::V4(address) => Some(Mac::new([2, 0, 0, 0, 0, address.octets()[3]])),
            IpAddr::V6(_) => None,
        }
    }
}

/// Milliseconds since the test began; below zero, the clock is not set.
#[derive(Default)]
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Instant {
        let ms = self.0.load(Ordering::Relaxed);
        let quality = if ms < 0 { ClockQuality::Unset } else { ClockQuality::Synchronised };
        Instant { at: Timestamp::from_unix_ms(1_795_422_600_000 + ms), quality }
    }
}

struct School {
    folder: tempfile::TempDir,
    hand: Arc<Hand>,
    desk: Arc<Desk>,
    office: Office,
    /// Without it, nothing could be recorded, and so nothing be refused.
    _writer: Writer<Disk>,
}

impl School {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let device = |last: u8, name: &str, room: Option<&str>, profile: &str| Device {
            mac: Mac::new([2, 0, 0, 0, 0, last]),
            name: name.parse().unwrap(),
            room: room.map(|room| room.parse().unwrap()),
            profile: profile.parse().unwrap(),
        };
        let devices = [
            device(0x11, "CM2-01", Some("CM2"), "elementaire"),
            device(0x12, "CM2-02", Some("CM2"), "elementaire"),
            device(0x13, "Bureau-CM2", Some("CM2"), "adulte"),
            device(0x14, "Tablette", None, "adulte"),
        ];
        let mut store = Store::open(&folder.path().join(STATE_FILE)).unwrap();
        for device in &devices {
            store.add_device(device).unwrap();
        }
        let (journal, mut writer) = journal::open(Disk::default());
        writer.commit(Timestamp::from_unix_ms(0)).unwrap();
        let hand = Arc::new(Hand::default());
        let policy = policy(&[]);
        let directory: Directory = devices.into_iter().collect();
        let clock: Arc<dyn Clock> = Arc::<Hand>::clone(&hand);
        let desk = Arc::new(Desk::new(Arc::new(Class), clock, journal, directory, policy));
        let office = open(folder.path(), &desk, &hand);
        Self { folder, hand, desk, office, _writer: writer }
    }

    fn pass(&self, ms: i64) {
        self.hand.0.fetch_add(ms, Ordering::Relaxed);
    }

    fn store(&self) -> Store {
        Store::open(&self.folder.path().join(STATE_FILE)).unwrap()
    }

    /// Somebody with her own secret, and that secret.
    fn person(&self, name: &str, role: Role, rooms: &[&str]) -> (Person, String) {
        let new = NewPerson {
            name: name.parse().unwrap(),
            role,
            rooms: rooms.iter().map(|room| room.parse().unwrap()).collect(),
        };
        let secret = draw_first_secret(role, &self.office.random).unwrap();
        let stored = secret.hash(&self.office.random).unwrap();
        let now = self.hand.now().at;
        let by = "ligne de commande".parse().unwrap();
        let person = self.store().add_person(&new, stored.as_phc(), now, (&by, None)).unwrap();
        (person, secret.reveal().to_owned())
    }

    fn sign_in(&self, client: [u8; 4], person: &Person, secret: &str) -> Result<String, Trouble> {
        self.office.sign_in(client.into(), &Claimed::Tile(person.id), secret, "")
    }

    fn is_in(&self, client: [u8; 4], token: &str) -> bool {
        self.office.enter(client.into(), token, true).unwrap().is_some()
    }

    /// A client is refused a site, and asks for it.
    fn ask(&self, client: [u8; 4], site: &str) -> Result<(), Trouble> {
        self.refuse(client, site);
        self.office.ask(client.into(), &site.parse().unwrap())
    }

    fn refuse(&self, client: [u8; 4], site: &str) {
        self.seek(client, Target::Host(Host::parse(site).unwrap()));
    }

    fn seek(&self, client: [u8; 4], target: Target) {
        let request = Request { client: client.into(), kind: AccessKind::Http, target, destination: None };
        self.desk.admit(request).unwrap();
    }

    fn reply(&self, person: &Person, site: &str, reply: &Reply) -> Result<(), Trouble> {
        let requests = self.store().requests().unwrap();
        let request = requests.iter().find(|it| it.site.as_str() == site && it.answer.is_none());
        let id = request.ok_or(Trouble::Unknown)?.id;
        self.office.answer(PC.into(), person, id, reply)
    }
}

/// The box's own policy, with some rules more, over lists of a few sites.
fn policy(rules: &[Rule]) -> Snapshot {
    freeze(|rulebook| rulebook.rules.extend_from_slice(rules))
}

fn freeze(change: impl FnOnce(&mut Rulebook)) -> Snapshot {
    let mut ignore = |_: blocklist::Event<'_>| {};
    let mut compiler = blocklist::Compiler::new(&mut ignore);
    for (file, lines) in [
        ("adult/domains", "adult.preau.test\n"),
        ("gambling/domains", "gambling.preau.test\n"),
        ("gambling/urls", "mediatheque.example/jeux\n"),
        ("social_networks/domains", "reseau.example\n"),
    ] {
        compiler.add_file(file, lines.as_bytes()).unwrap();
    }
    let index = blocklist::Index::open(compiler.finish().unwrap().bytes).unwrap();
    let mut rulebook = Config::load_or_default(None).unwrap().rulebook();
    change(&mut rulebook);
    Snapshot::new(Arc::new(index), &rulebook)
}

fn open(folder: &Path, desk: &Arc<Desk>, hand: &Arc<Hand>) -> Office {
    let clock: Arc<dyn Clock> = Arc::<Hand>::clone(hand);
    Office::new(folder, Arc::clone(desk), clock, TimeZone::get("Europe/Paris").unwrap())
}

fn named(name: &str) -> Claimed {
    Claimed::Named(name.parse().unwrap())
}

fn lesson(minutes: u32) -> Reply {
    Reply::Lesson { minutes, motive: "demandé en classe".parse().unwrap() }
}

fn school(day: &str) -> Reply {
    Reply::School { until: day.parse().unwrap(), motive: "concours".parse().unwrap() }
}

#[test]
fn a_device_that_guesses_waits_and_the_teachers_own_does_not() {
    let it = School::new();
    let (teacher, secret) = it.person("Mme Martin", Role::Teacher, &[]);
    for _ in 0..5 {
        assert_eq!(it.sign_in(PC, &teacher, "000001"), Err(Trouble::Wrong));
    }
    assert_eq!(it.sign_in(PC, &teacher, &secret), Err(Trouble::Wait(15)), "also with the right one");
    it.sign_in(OTHER_PC, &teacher, &secret).unwrap();
    it.pass(15_000);
    assert_eq!(it.sign_in(PC, &teacher, "000001"), Err(Trouble::Wrong));
    assert_eq!(it.sign_in(PC, &teacher, &secret), Err(Trouble::Wait(30)));
    // The plug is pulled: nothing is forgotten.
    let again = open(it.folder.path(), &it.desk, &it.hand);
    let claimed = Claimed::Tile(teacher.id);
    assert_eq!(again.sign_in(PC.into(), &claimed, &secret, ""), Err(Trouble::Wait(30)));
    it.pass(30_000);
    it.sign_in(PC, &teacher, &secret).unwrap();
    assert_eq!(it.sign_in(PC, &teacher, "000001"), Err(Trouble::Wrong), "the count began anew");
}

#[test]
fn names_are_told_apart_by_no_pause() {
    let it = School::new();
    let (head, _) = it.person("M. Bernard", Role::Head, &[]);
    let number = Claimed::Tile(head.id);
    for who in [named("M. Bernard"), named("Mme Personne"), number, Claimed::Tile(PersonId::new(99))] {
        it.pass(25 * HOUR_MS);
        let guess = || it.office.sign_in(TELEPHONE.into(), &who, "000001", "");
        for _ in 0..5 {
            assert_eq!(guess(), Err(Trouble::Wrong), "{who:?}");
        }
        assert_eq!(guess(), Err(Trouble::Wait(15)), "{who:?}");
    }
    assert_eq!(
        it.store().waiting_person_acts(99).unwrap().len(),
        1 + 5,
        "nobody's failures are in no record"
    );
}

/// One laptop that takes the hardware addresses of a class.
#[test]
fn guesses_are_few_on_however_many_devices() {
    let it = School::new();
    let (teacher, secret) = it.person("Mme Martin", Role::Teacher, &["CM2"]);
    it.sign_in(PC, &teacher, &secret).unwrap();
    let guess = |client: [u8; 4]| it.sign_in(client, &teacher, "000001");
    for client in [OTHER_PC, DESK_PC, TABLET].repeat(3).into_iter().take(8) {
        assert_eq!(guess(client), Err(Trouble::Wrong));
    }
    assert_eq!(guess(OTHER_PC), Err(Trouble::Wrong));
    for client in [OTHER_PC, DESK_PC, TABLET, TELEPHONE] {
        assert_eq!(guess(client), Err(Trouble::Wait(15)), "{client:?}");
    }
    it.sign_in(PC, &teacher, &secret).unwrap();
    it.pass(15_000);
    // Where she signs in, she is known from then on.
    it.sign_in(TELEPHONE, &teacher, &secret).unwrap();
    assert_eq!(guess(DESK_PC), Err(Trouble::Wrong));
    assert_eq!(guess(TABLET), Err(Trouble::Wait(30)));
    it.sign_in(TELEPHONE, &teacher, &secret).unwrap();
}

#[test]
fn a_clock_that_was_set_back_makes_no_pause_endless() {
    let it = School::new();
    let (teacher, secret) = it.person("Mme Martin", Role::Teacher, &[]);
    for _ in 0..6 {
        it.pass(15_000);
        assert_eq!(it.sign_in(PC, &teacher, "000001"), Err(Trouble::Wrong));
    }
    it.pass(-1_000 * HOUR_MS);
    assert_eq!(it.sign_in(PC, &teacher, &secret), Err(Trouble::Wait(30)));
    it.pass(20_000);
    assert_eq!(it.sign_in(PC, &teacher, &secret), Err(Trouble::Wait(10)));
    it.pass(10_000);
    it.sign_in(PC, &teacher, &secret).unwrap();
}

#[test]
fn a_tile_is_a_teachers() {
    let it = School::new();
    let (head, secret) = it.person("M. Bernard", Role::Head, &[]);
    assert_eq!(it.sign_in(PC, &head, &secret), Err(Trouble::Wrong));
    it.office.sign_in(PC.into(), &named("m. bernard"), &secret, "").unwrap();
}

#[test]
fn all_names_on_a_device_count_together() {
    let it = School::new();
    for name in 0..13 {
        let nobody = named(&format!("Mme Personne {name}"));
        assert_eq!(it.office.sign_in(TELEPHONE.into(), &nobody, "000001", ""), Err(Trouble::Wrong));
    }
    // Another telephone is no other device: nobody registered it.
    let (other, nobody) = ([10, 77, 0, 0x98].into(), named("Mme Personne"));
    assert_eq!(it.office.sign_in(other, &nobody, "000001", ""), Err(Trouble::Wait(15)));
    assert_eq!(it.office.sign_in(PC.into(), &nobody, "000001", ""), Err(Trouble::Wrong));
}

#[test]
fn a_crowd_of_sign_ins_waits_outside() {
    let it = School::new();
    let (teacher, secret) = it.person("Mme Martin", Role::Teacher, &[]);
    let turns: Vec<_> = (0..HASHERS_MAX).map(|_| Turn::take(&it.office.hashers).unwrap()).collect();
    assert_eq!(it.sign_in(PC, &teacher, &secret), Err(Trouble::Busy));
    drop(turns);
    it.sign_in(PC, &teacher, &secret).unwrap();
}

#[test]
fn a_session_counts_where_it_began_as_long_as_it_is_used() {
    let it = School::new();
    let (teacher, secret) = it.person("Mme Martin", Role::Teacher, &[]);
    let token = it.sign_in(PC, &teacher, &secret).unwrap();
    assert!(it.is_in(PC, &token) && !it.is_in(OTHER_PC, &token) && !it.is_in(PC, "00"));
    for _ in 0..3 {
        it.pass(59 * MINUTE_MS);
        assert!(it.is_in(PC, &token));
    }
    // A page that loads anew by itself is no use.
    it.pass(40 * MINUTE_MS);
    assert!(it.office.enter(PC.into(), &token, false).unwrap().is_some());
    it.pass(20 * MINUTE_MS);
    assert!(!it.is_in(PC, &token));
    it.pass(-20 * MINUTE_MS);
    assert!(!it.is_in(PC, &token), "it is over for good");
    let token = it.sign_in(PC, &teacher, &secret).unwrap();
    it.office.sign_out(OTHER_PC.into(), &token).unwrap();
    assert!(it.is_in(PC, &token), "not by somebody else");
    it.office.sign_out(PC.into(), &token).unwrap();
    assert!(!it.is_in(PC, &token));
}

#[test]
fn a_clock_that_ran_ahead_keeps_nobody_out() {
    let it = School::new();
    let (teacher, secret) = it.person("Mme Martin", Role::Teacher, &[]);
    it.pass(1_000 * HOUR_MS);
    for _ in 0..6 {
        it.sign_in(PC, &teacher, &secret).unwrap();
    }
    it.pass(-1_000 * HOUR_MS);
    let token = it.sign_in(PC, &teacher, &secret).unwrap();
    assert!(it.is_in(PC, &token));
}

#[test]
fn an_own_secret_takes_the_place_of_the_card() {
    let it = School::new();
    let (teacher, card) = it.person("Mme Martin", Role::Teacher, &[]);
    let token = it.sign_in(PC, &teacher, &card).unwrap();
    let change = |old: &str, new: &str| it.office.change_secret(PC.into(), &teacher, old, new);
    assert_eq!(change("000001", "402817"), Err(Trouble::Wrong));
    assert_eq!(change(&card, "4028"), Err(Trouble::SecretShort));
    assert_eq!(change(&card, "111111"), Err(Trouble::SecretSimple));
    assert_eq!(change(&card, &card), Err(Trouble::SecretSame));
    let renewed = change(&card, "402817").unwrap();
    assert!(it.is_in(PC, &renewed) && !it.is_in(PC, &token));
    assert_eq!(it.sign_in(OTHER_PC, &teacher, &card), Err(Trouble::Wrong));
    it.sign_in(OTHER_PC, &teacher, "402817").unwrap();
}

#[test]
fn a_device_asks_for_what_was_refused_to_it() {
    let it = School::new();
    let gambling = "gambling.preau.test";
    assert_eq!(it.office.ask(PC.into(), &gambling.parse().unwrap()), Err(Trouble::Unknown));
    it.refuse(OTHER_PC, gambling);
    assert_eq!(it.office.ask(PC.into(), &gambling.parse().unwrap()), Err(Trouble::Unknown));
    it.ask(PC, gambling).unwrap();
    it.ask(OTHER_PC, gambling).unwrap();
    assert_eq!(it.ask(PC, "use-application-dns.net"), Err(Trouble::Unknown), "programs ask for it");
    it.ask(PC, "adult.preau.test").unwrap();
    let (teacher, _) = it.person("Mme Martin", Role::Teacher, &["CM2"]);
    let seen = |person: &Person| -> Vec<_> {
        let wishes = it.office.wishes(person).unwrap();
        wishes.iter().map(|wish| (wish.request.site.to_string(), wish.request.askers, wish.hold)).collect()
    };
    let expected = [
        (gambling.to_owned(), 2, Hold::By(Layer::Lesson)),
        ("adult.preau.test".to_owned(), 1, Hold::By(Layer::Commune)),
    ];
    assert_eq!(seen(&teacher), expected);
    let (elsewhere, _) = it.person("M. Lefebvre", Role::Teacher, &["CM1"]);
    assert_eq!(seen(&elsewhere), []);
    assert_eq!(it.office.asked(PC.into()).unwrap().len(), 2);
    assert_eq!(it.office.asked(TELEPHONE.into()).unwrap(), []);
}

#[test]
fn each_answers_what_is_hers_to_answer() {
    let it = School::new();
    let (gambling, adult) = ("gambling.preau.test", "adult.preau.test");
    let (teacher, _) = it.person("Mme Martin", Role::Teacher, &["CM2"]);
    let (elsewhere, _) = it.person("M. Lefebvre", Role::Teacher, &["CM1"]);
    let (head, _) = it.person("M. Bernard", Role::Head, &[]);
    it.ask(PC, gambling).unwrap();
    it.ask(PC, adult).unwrap();
    it.ask(TELEPHONE, gambling).unwrap();
    for (person, site, reply, expected) in [
        (&elsewhere, gambling, lesson(50), Trouble::Denied),
        (&elsewhere, gambling, Reply::Decline, Trouble::Denied),
        (&teacher, gambling, school("2026-12-18"), Trouble::Denied),
        (&teacher, gambling, lesson(0), Trouble::Field),
        (&teacher, gambling, lesson(481), Trouble::Field),
        (&teacher, gambling, lesson(u32::MAX), Trouble::Field),
        (&head, gambling, school("2020-01-01"), Trouble::Field),
        (&head, gambling, school("9999-12-31"), Trouble::Field),
        (&teacher, adult, lesson(50), Trouble::Stronger),
        (&head, adult, school("2026-12-18"), Trouble::Stronger),
        (&head, adult, lesson(50), Trouble::Stronger),
    ] {
        let outcome = it.reply(person, site, &reply);
        assert_eq!(outcome, Err(expected), "{} {site} {reply:?}", person.name);
    }
    assert_eq!(it.store().overrides().unwrap(), []);
    it.reply(&teacher, adult, &Reply::Decline).unwrap();
    assert_eq!(it.ask(PC, adult), Err(Trouble::Declined));
    it.reply(&teacher, gambling, &lesson(50)).unwrap();
    let made = it.store().overrides().unwrap().pop().unwrap();
    assert_eq!((made.rule.author.as_str(), made.rule.layer), ("Mme Martin", Layer::Lesson));
    assert_eq!(made.rule.until.unwrap().ms_since(it.hand.now().at), 50 * 60_000);
    // The telephone's is left, in no room.
    assert_eq!(it.reply(&teacher, gambling, &lesson(50)), Err(Trouble::Denied));
    assert_eq!(it.reply(&head, gambling, &lesson(50)), Err(Trouble::Denied));
    it.reply(&head, gambling, &school("2026-11-23")).unwrap();
    let made = it.store().overrides().unwrap().pop().unwrap();
    // Midnight in Paris.
    assert_eq!(made.rule.until.unwrap().unix_ms(), 1_795_474_800_000);
    assert_eq!(it.office.end(&teacher, made.id), Err(Trouble::Denied));
    it.office.end(&head, made.id).unwrap();
    assert_eq!(it.office.end(&head, made.id), Err(Trouble::Unknown));
}

#[test]
fn a_box_without_the_time_opens_nothing() {
    let it = School::new();
    let (teacher, _) = it.person("Mme Martin", Role::Teacher, &["CM2"]);
    it.pass(-10 * HOUR_MS);
    it.ask(PC, "gambling.preau.test").unwrap();
    assert_eq!(it.reply(&teacher, "gambling.preau.test", &lesson(50)), Err(Trouble::NoClock));
    it.reply(&teacher, "gambling.preau.test", &Reply::Decline).unwrap();
}

#[test]
fn a_teacher_ends_her_own_rules_only() {
    let it = School::new();
    let (teacher, _) = it.person("Mme Martin", Role::Teacher, &["CM2"]);
    let (head, _) = it.person("M. Bernard", Role::Head, &[]);
    let now = it.hand.now().at;
    let add = |author: &Person, layer: Layer| {
        let rule = Rule {
            layer,
            effect: Verdict::Refuse,
            topic: Topic::Site("casino.example".parse().unwrap()),
            scope: Scope::Room("CM2".parse().unwrap()),
            author: author.name.clone(),
            motive: "exposé".parse().unwrap(),
            from: None,
            until: Some(Timestamp::from_unix_ms(now.unix_ms() + HOUR_MS)),
        };
        let new = NewOverride::new(rule, now).unwrap();
        it.store().add_override(new, ClockQuality::Synchronised).unwrap().id
    };
    let hers = add(&teacher, Layer::Lesson);
    let in_her_name = add(&teacher, Layer::School);
    let heads = add(&head, Layer::Lesson);
    let standing =
        |person: &Person| -> Vec<_> { it.office.standing(person).unwrap().iter().map(|it| it.id).collect() };
    assert_eq!(standing(&teacher), [hers]);
    assert_eq!(standing(&head), [heads, in_her_name, hers]);
    it.pass(2 * HOUR_MS);
    assert_eq!(standing(&head), []);
}

#[test]
fn the_head_keeps_everybody_and_technicians_nobody_who_reads() {
    let it = School::new();
    let (head, _) = it.person("M. Bernard", Role::Head, &[]);
    let (technician, _) = it.person("Service informatique", Role::Technician, &[]);
    let (teacher, secret) = it.person("Mme Martin", Role::Teacher, &[]);
    let new = |name: &str, role: Role, room: &str| Newcomer {
        name: name.parse().unwrap(),
        role,
        rooms: vec![room.parse().unwrap()],
    };
    let add = |by: &Person, new: &Newcomer| it.office.add_person(PC.into(), by, new).map(drop);
    assert_eq!(add(&teacher, &new("M. Lefebvre", Role::Teacher, "CM2")), Err(Trouble::Denied));
    assert_eq!(add(&head, &new("M. Lefebvre", Role::Teacher, "CM9")), Err(Trouble::Field));
    assert_eq!(add(&head, &new("MME MARTIN", Role::Teacher, "CM2")), Err(Trouble::NameTaken));
    add(&head, &new("M. Lefebvre", Role::Teacher, "CM2")).unwrap();
    add(&technician, &new("Mme Petit", Role::Technician, "CM2")).unwrap();

    let token = it.sign_in(PC, &teacher, &secret).unwrap();
    let reset = |by: &Person, id| it.office.reset_person(PC.into(), by, id);
    reset(&head, technician.id).unwrap();
    assert_eq!(reset(&head, head.id).err(), Some(Trouble::Denied));
    assert_eq!(reset(&head, PersonId::new(99)).err(), Some(Trouble::Unknown));
    let card = reset(&head, teacher.id).unwrap();
    assert!(!it.is_in(PC, &token), "at once");
    assert_eq!(it.sign_in(PC, &teacher, &secret), Err(Trouble::Wrong));
    let token = it.sign_in(PC, &teacher, &card.secret).unwrap();
    it.office.disable_person(PC.into(), &head, teacher.id).unwrap();
    assert!(!it.is_in(PC, &token));
    assert_eq!(it.sign_in(OTHER_PC, &teacher, &card.secret), Err(Trouble::Wrong));
    let teachers = it.office.teachers().unwrap();
    assert_eq!(teachers.iter().map(|tile| tile.name.as_str()).collect::<Vec<_>>(), ["M. Lefebvre"]);
    assert_eq!(it.office.disable_person(PC.into(), &head, head.id), Err(Trouble::Denied));
    // Whoever does not read the journal makes no way to read it.
    assert_eq!(it.office.disable_person(PC.into(), &technician, head.id), Err(Trouble::Denied));
    assert_eq!(reset(&technician, head.id).err(), Some(Trouble::Denied));
    for role in [Role::Head, Role::Officer] {
        assert_eq!(add(&technician, &new("M. Faux", role, "CM2")), Err(Trouble::Denied), "{role}");
    }
}

/// Where nobody has a command line, she comes and goes by the head, who is told to everybody who reads as whoever made her.
#[test]
fn the_head_registers_an_officer_and_that_stays_told() {
    let it = School::new();
    let (head, _) = it.person("M. Bernard", Role::Head, &[]);
    let (technician, _) = it.person("Mme Petit", Role::Technician, &[]);
    let new = Newcomer { name: "Mme Lefort".parse().unwrap(), role: Role::Officer, rooms: vec![] };
    let card = it.office.add_person(PC.into(), &head, &new).unwrap();
    let officer = card.person;
    assert!(officer.role == Role::Officer && officer.has_first_secret);
    it.office.sign_in(PC.into(), &named("Mme Lefort"), &card.secret, "").unwrap();
    let told = || -> Vec<String> {
        let cards = it.office.list_reader_cards().unwrap();
        cards.iter().map(|card| format!("{}, {}: {}", card.name, card.role, card.by)).collect()
    };
    let hers = ["Mme Lefort, officer: M. Bernard"];
    assert!(told().iter().any(|card| *card == hers[0]), "{:?}", told());
    it.pass(400 * 24 * HOUR_MS);
    assert_eq!(told(), hers, "a year later, too, and nobody else's");
    // She changes nobody, and no technician changes her.
    let disable = |by: &Person, id| it.office.disable_person(PC.into(), by, id);
    assert_eq!(disable(&officer, head.id), Err(Trouble::Denied));
    assert_eq!(disable(&technician, officer.id), Err(Trouble::Denied));
    assert_eq!(it.office.reset_person(PC.into(), &technician, officer.id).err(), Some(Trouble::Denied));
    let again = it.office.reset_person(PC.into(), &head, officer.id).unwrap();
    disable(&head, officer.id).unwrap();
    let closed = it.office.sign_in(PC.into(), &named("Mme Lefort"), &again.secret, "");
    assert_eq!(closed, Err(Trouble::Wrong));
    assert_eq!(told(), hers, "for thirty days more: she may have read until now");
    let acts = it.store().waiting_person_acts(99).unwrap();
    let by_head: Vec<_> =
        acts.iter().filter(|it| it.act.author == head.name).map(|it| it.act.deed.as_str()).collect();
    assert_eq!(by_head, ["add-person", "reset-person", "disable-person"]);
}

#[test]
fn a_state_file_that_is_put_right_is_used_again() {
    let it = School::new();
    let (teacher, secret) = it.person("Mme Martin", Role::Teacher, &[]);
    let (file, aside) = (it.folder.path().join(STATE_FILE), it.folder.path().join("aside"));
    *it.office.store.lock().unwrap_or_else(PoisonError::into_inner) = None;
    std::fs::rename(&file, &aside).unwrap();
    std::fs::write(&file, "not a database, but somebody's letter".repeat(50)).unwrap();
    assert_eq!(it.sign_in(PC, &teacher, &secret), Err(Trouble::Unavailable));
    std::fs::rename(&aside, &file).unwrap();
    // What can be read shows nothing: it can on a full disk, too.
    let is_told = || it.office.is_failure_told.load(Ordering::Relaxed);
    it.office.teachers().unwrap();
    assert!(is_told());
    it.sign_in(PC, &teacher, &secret).unwrap();
    assert!(!is_told());
}

#[test]
fn failures_count_also_where_they_cannot_be_kept() {
    let it = School::new();
    let (teacher, secret) = it.person("Mme Martin", Role::Teacher, &[]);
    let acts = fill_acts(&mut it.store());
    for _ in 0..5 {
        assert_eq!(it.sign_in(PC, &teacher, "000001"), Err(Trouble::Unavailable));
    }
    assert_eq!(it.sign_in(PC, &teacher, &secret), Err(Trouble::Wait(15)));
    it.pass(15_000);
    assert_eq!(it.sign_in(PC, &teacher, &secret), Err(Trouble::Unavailable));
    for act in acts {
        it.store().forget_person_act(act).unwrap();
    }
    assert_eq!(it.sign_in(PC, &teacher, "000001"), Err(Trouble::Wrong));
    assert_eq!(it.sign_in(PC, &teacher, &secret), Err(Trouble::Wait(30)), "six by now");
    it.pass(30_000);
    it.sign_in(PC, &teacher, &secret).unwrap();
}

#[test]
fn a_session_ends_also_where_the_state_file_takes_nothing() {
    let it = School::new();
    let (teacher, secret) = it.person("Mme Martin", Role::Teacher, &[]);
    let token = it.sign_in(PC, &teacher, &secret).unwrap();
    let hash = people::Token::parse(&token).unwrap().hash().0;
    // As on a full disk, the session is in the file still.
    it.office.ended.lock().unwrap().insert(hash);
    assert!(it.store().find_session(&hash).unwrap().is_some());
    assert!(!it.is_in(PC, &token));
    assert_eq!(it.store().find_session(&hash).unwrap(), None, "it was ended there when it was shown again");
    assert!(it.office.ended.lock().unwrap().is_empty());
}

/// Has as many acts wait for the journal as may.
fn fill_acts(store: &mut Store) -> Vec<i64> {
    let author = "M. Petit".parse().unwrap();
    let id = store.people().unwrap()[0].id;
    let before = store.find_credential(id).unwrap().unwrap().1;
    while store.reset_person(id, &before, Timestamp::from_unix_ms(0), (&author, None)).is_ok() {}
    store.waiting_person_acts(u32::MAX).unwrap().into_iter().map(|waiting| waiting.number).collect()
}
