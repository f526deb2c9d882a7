//! An access point that is kept: by a toy in its place, which does as it is told, or does not.

use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard};

use access::{Desk, Directory, Neighbours};
use blocklist::builtin;
use journal::simulation::Disk;
use model::{ClockQuality, Device};
use policy::{Rulebook, Snapshot};
use portal::WifiStatus;
use wifi::{Channel, KeyId, KeyPolicy, RoomNetwork, Security, Stamp, Wish};

use super::super::orders::{RoomOrder, keep_keys};
use super::*;
use crate::run::radios::Radios;

/// The tablet as it is registered, and the hardware address that it made up.
const TABLET: Mac = Mac::new([2, 0, 0, 0, 0, 0x11]);
const MADE_UP: Mac = Mac::new([2, 0xaa, 0, 0, 0, 0x77]);

struct World {
    now_ms: AtomicI64,
}

impl Clock for World {
    fn now(&self) -> access::Instant {
        let at = Timestamp::from_unix_ms(self.now_ms.load(Ordering::Relaxed));
        access::Instant { at, quality: ClockQuality::Synchronised }
    }
}

impl Neighbours for World {
    fn find_mac(&self, _: IpAddr) -> Option<Mac> {
        Some(MADE_UP)
    }
}

/// What an access point is, and what it was told.
struct Toy {
    reality: Reality,
    told: Vec<Step>,
    stations: Vec<Station>,
    events: Vec<Event>,
    is_unplugged: bool,
    is_deaf: bool,
}

struct ToyDrive(Arc<Mutex<Toy>>);

impl ToyDrive {
    fn reach(&self) -> Result<MutexGuard<'_, Toy>, DriveError> {
        let toy = self.0.lock().unwrap();
        if toy.is_unplugged { Err(DriveError::Silent("unplugged".into())) } else { Ok(toy) }
    }
}

impl Drive for ToyDrive {
    fn stamps(&self, setup: &Setup) -> Stamps {
        let keys: Vec<_> =
            setup.keys.iter().map(|key| format!("{} {}", key.name, key.pmk.reveal_hex())).collect();
        Stamps { setup: Stamp::of(setup.ssid.as_str()), keys: Stamp::of(&keys.concat()) }
    }

    fn look(&mut self, _: Option<&Setup>) -> Result<Reality, DriveError> {
        Ok(self.reach()?.reality)
    }

    fn apply(&mut self, step: Step, setup: Option<&Setup>) -> Result<(), DriveError> {
        let stamps = setup.map(|setup| self.stamps(setup));
        let mut toy = self.reach()?;
        toy.told.push(step);
        if toy.is_deaf {
            return Ok(());
        }
        let given = |stamps: Option<Stamps>| stamps.ok_or(DriveError::Unset);
        match step {
            Step::Silence => toy.reality.is_sending = false,
            Step::SetUp => {
                let Stamps { setup, keys } = given(stamps)?;
                toy.reality =
                    Reality { setup: Some(setup), keys: Some(keys), is_sending: false, until: None };
            }
            Step::LoadKeys => toy.reality.keys = Some(given(stamps)?.keys),
            Step::Send { .. } => toy.reality.is_sending = true,
        }
        Ok(())
    }

    fn stations(&mut self) -> Result<Vec<Station>, DriveError> {
        Ok(self.reach()?.stations.clone())
    }

    fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().unwrap().events)
    }
}

struct School {
    _folder: tempfile::TempDir,
    world: Arc<World>,
    desk: Arc<Desk>,
    orders: Arc<Orders>,
    radios: Arc<Radios>,
    toy: Arc<Mutex<Toy>>,
    point: Point,
}

/// 2026-11-23, in the morning.
const START_MS: i64 = 1_795_422_600_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(START_MS + seconds * 1_000)
}

fn room() -> model::RoomName {
    "CM2".parse().unwrap()
}

impl School {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = Arc::new(World { now_ms: AtomicI64::new(START_MS) });
        let (journal, _writer) = journal::open(Disk::default());
        let tablet = Device {
            mac: TABLET,
            name: "tab-07".parse().unwrap(),
            room: Some(room()),
            profile: "elementaire".parse().unwrap(),
        };
        let directory: Directory = [tablet].into_iter().collect();
        let policy = Snapshot::new(Arc::new(builtin()), &Rulebook::default());
        let (clock, neighbours): (Arc<dyn Clock>, _) = (Arc::clone(&world) as _, Arc::clone(&world));
        let desk = Arc::new(Desk::new(neighbours, Arc::clone(&clock), journal, directory, policy));
        let radios = Arc::new(Radios::default());
        let board = WifiBoard::open(folder.path(), Arc::clone(&desk), Arc::clone(&radios)).unwrap();
        let orders = Arc::new(Orders::default());
        let reality = Reality { setup: None, keys: None, is_sending: false, until: None };
        let toy = Toy {
            reality,
            told: vec![],
            stations: vec![],
            events: vec![],
            is_unplugged: false,
            is_deaf: false,
        };
        let toy = Arc::new(Mutex::new(toy));
        let kind = Kind::Hostapd { interface: "wlan0".to_owned(), bridge: None };
        let channel = Channel::new(36).unwrap();
        let access_point = AccessPoint { name: "borne-cm2".parse().unwrap(), room: room(), channel, kind };
        let drive = Box::new(ToyDrive(Arc::clone(&toy)));
        let shared =
            Shared { orders: Arc::clone(&orders), board: Arc::new(board), air: Arc::default(), clock };
        let point = Point::new(&access_point, drive, shared);
        Self { _folder: folder, world, desk, orders, radios, toy, point }
    }

    /// The room's lesson ends at this second; its network has the keys of these numbers.
    fn order(&self, until: Option<i64>, keys: &[u32]) {
        let wishes = until.map(|until| Wish { lesson: 3, room: room(), from: at(0), until: at(until) });
        let rooms = [(room(), RoomOrder::of_devices(network(), keys))].into();
        let owners = keys.iter().map(|&number| (KeyId::new(number), TABLET)).collect();
        self.orders.give(Order { wishes: wishes.into_iter().collect(), rooms, owners });
    }

    fn look_at(&mut self, second: i64) -> WifiStatus {
        self.world.now_ms.store(at(second).unix_ms(), Ordering::Relaxed);
        self.point.next_look = monotonic();
        self.point.look();
        self.radios.status(&room())
    }

    fn told(&self) -> Vec<Step> {
        std::mem::take(&mut self.toy.lock().unwrap().told)
    }
}

fn network() -> RoomNetwork {
    RoomNetwork {
        room: room(),
        ssid: "tilleul".parse().unwrap(),
        keys: KeyPolicy::Device,
        security: Security::Wpa2,
        isolates_stations: false,
        apart: vec![],
    }
}

const OFF: WifiStatus = WifiStatus::OffUnverified;

#[test]
fn it_sends_for_a_lesson_and_no_longer() {
    let mut school = School::new();
    school.order(None, &[7]);
    assert_eq!(school.look_at(0), OFF);
    assert_eq!(school.told(), [Step::SetUp]);
    school.order(Some(60), &[7]);
    assert_eq!(school.look_at(1), WifiStatus::On { since: at(1) });
    assert_eq!(school.told(), [Step::Send { until: at(60) }]);
    assert_eq!(school.look_at(59), WifiStatus::On { since: at(1) });
    assert_eq!(school.told(), []);
    // Its time is up, and nobody has said anything.
    assert_eq!(school.look_at(60), OFF);
    assert_eq!(school.told(), [Step::Silence]);
}

#[test]
fn what_sends_unasked_is_silenced_first() {
    let mut school = School::new();
    school.toy.lock().unwrap().reality.is_sending = true;
    assert_eq!(school.look_at(0), OFF, "without any order");
    assert_eq!(school.told(), [Step::Silence]);
    school.toy.lock().unwrap().reality.is_sending = true;
    school.order(Some(60), &[7]);
    assert_eq!(school.look_at(1), WifiStatus::On { since: at(1) });
    assert_eq!(school.told(), [Step::Silence, Step::SetUp, Step::Send { until: at(60) }]);
}

#[test]
fn a_key_that_is_revoked_leaves_the_class_its_lesson() {
    let mut school = School::new();
    school.order(Some(60), &[7, 8]);
    school.look_at(0);
    school.told();
    school.order(Some(60), &[8]);
    assert_eq!(school.look_at(1), WifiStatus::On { since: at(0) });
    assert_eq!(school.told(), [Step::LoadKeys]);
    // Without any key there is nothing to serve.
    school.orders.give(Order { wishes: school.orders.last().wishes.clone(), ..Order::default() });
    assert_eq!(school.look_at(2), OFF);
    assert_eq!(school.told(), [Step::Silence]);
    assert!(school.point.trouble.as_ref().is_some_and(|trouble| trouble.contains("no device")));
}

#[test]
fn an_access_point_that_comes_back_late_is_told_what_it_lacks() {
    let mut school = School::new();
    school.toy.lock().unwrap().is_unplugged = true;
    school.order(Some(60), &[7]);
    assert_eq!(school.look_at(2), WifiStatus::Unreachable { since: at(2) });
    assert_eq!(school.look_at(9), WifiStatus::Unreachable { since: at(2) });
    assert!(school.point.pause > PAUSE_MIN && school.point.trouble.is_some());
    school.toy.lock().unwrap().is_unplugged = false;
    assert_eq!(school.look_at(10), WifiStatus::On { since: at(10) });
    assert_eq!((school.point.pause, &school.point.trouble), (PAUSE_MIN, &None));
    // It was reset meanwhile.
    school.toy.lock().unwrap().reality = Reality { setup: None, keys: None, is_sending: false, until: None };
    assert_eq!(school.look_at(12), WifiStatus::On { since: at(12) });
    assert!(school.told().ends_with(&[Step::SetUp, Step::Send { until: at(60) }]));
}

#[test]
fn one_that_does_not_do_as_it_is_told_is_not_said_to() {
    let mut school = School::new();
    {
        let mut toy = school.toy.lock().unwrap();
        (toy.is_deaf, toy.reality.is_sending) = (true, true);
    }
    assert_eq!(school.look_at(0), WifiStatus::Unreachable { since: at(0) });
    assert!(school.told().len() <= STEPS_MAX + 1, "it is not told for ever");
    assert!(school.point.trouble.as_ref().is_some_and(|trouble| trouble.contains("as it is told")));
}

#[test]
fn a_tablet_is_known_by_its_key() {
    let mut school = School::new();
    let name = |school: &School| school.desk.identify("10.77.0.9".parse().unwrap()).to_string();
    school.order(Some(60), &[7]);
    {
        let mut toy = school.toy.lock().unwrap();
        toy.stations = vec![Station { mac: MADE_UP, key: Some(KeyId::new(7)) }];
        toy.events = vec![Event::WrongKey(MADE_UP), Event::WrongKey(TABLET)];
    }
    school.look_at(0);
    school.look_at(1);
    assert_eq!(name(&school), "tab-07");
    assert_eq!(school.point.wrong_keys.len(), 2);
    assert_eq!(school.radios.wrong_keys(&room()), [TABLET], "also by the address that it made up");
    // A key that is none of a device's says nothing, and what has gone is no longer known.
    for key in [Some(KeyId::new(9)), None] {
        school.toy.lock().unwrap().stations = vec![Station { mac: MADE_UP, key }];
        school.look_at(2);
        assert_eq!(name(&school), format!("inconnu-{MADE_UP}"));
    }
    school.toy.lock().unwrap().stations = vec![Station { mac: MADE_UP, key: Some(KeyId::new(7)) }];
    school.look_at(3);
    assert_eq!(name(&school), "tab-07");
    school.look_at(60);
    assert_eq!(name(&school), format!("inconnu-{MADE_UP}"));
    school.look_at(700);
    assert_eq!(school.point.wrong_keys.len(), 0, "that was long ago");
}

#[test]
fn it_is_silent_when_the_box_stops() {
    let mut school = School::new();
    school.order(Some(60), &[7]);
    school.look_at(0);
    assert!(school.toy.lock().unwrap().reality.is_sending);
    let folder = school._folder.path().to_owned();
    assert_eq!(super::super::read_status(&folder).unwrap().unwrap()[0].status, "on");
    let School { point, toy, radios, _folder, .. } = school;
    let (stop, stopped) = std::sync::mpsc::channel();
    drop(stop);
    point.keep(&stopped);
    assert!(!toy.lock().unwrap().reality.is_sending);
    assert_eq!(super::super::read_status(&folder).unwrap(), None, "no box runs");
    assert_eq!(radios.status(&room()), WifiStatus::None);
}

#[test]
fn keys_are_drawn_once_and_anew_for_each_school_year() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store::Store::open(&folder.path().join("state.sqlite")).unwrap();
    let zone = jiff::tz::TimeZone::get("Europe/Paris").unwrap();
    let device = |name: &str, room: &str| Device {
        mac: TABLET,
        name: name.parse().unwrap(),
        room: Some(room.parse().unwrap()),
        profile: "elementaire".parse().unwrap(),
    };
    let shared = RoomNetwork { room: "CM1".parse().unwrap(), keys: KeyPolicy::Room, ..network() };
    let networks = [network(), shared];
    let devices = [device("tab-07", "CM2"), device("tab-08", "CM2"), device("pc-1", "CM1")];
    let keep = |store: &mut store::Store, devices: &[Device], wishes: &[Wish], days: i64| {
        let now = access::Instant { at: at(days * 86_400), quality: ClockQuality::Synchronised };
        keep_keys(store, &networks, devices, wishes, (now, &zone)).unwrap();
        let keys = store.wifi_keys().unwrap().into_iter();
        keys.map(|key| (key.number, key.owner.device.map(|it| it.to_string()).unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    let named = |keys: &[(u32, &str)]| -> Vec<(u32, String)> {
        keys.iter().map(|&(number, name)| (number, name.to_owned())).collect()
    };
    let first = named(&[(1, "tab-07"), (2, "tab-08"), (3, "")]);
    assert_eq!(keep(&mut store, &devices, &[], 0), first);
    assert_eq!(keep(&mut store, &devices, &[], 200), first);
    let until = at(252 * 86_400);
    let lesson = Wish { lesson: 1, room: room(), from: at(0), until };
    // In August, but in one room somebody teaches.
    assert_eq!(keep(&mut store, &devices, &[lesson], 251), named(&[(1, "tab-07"), (2, "tab-08"), (4, "")]));
    assert_eq!(keep(&mut store, &devices, &[], 252), named(&[(4, ""), (5, "tab-07"), (6, "tab-08")]));
    // A tablet has gone.
    assert_eq!(keep(&mut store, &devices[1..], &[], 253), named(&[(4, ""), (6, "tab-08")]));
}
