//! The technician's page, of a box that is well and of one that is not.

use model::{Device, Mac, Person, PersonId, Role, Timestamp};
use portal::pages::Place;
use portal::pages::people::{
    DevicesPage, InstallPage, LinePage, NetworksPage, PapersPage, PointsPage, TechnicianPage, TelephonePage,
};
use portal::{
    AccessPoint, AdoptedPointLine, Certificates, Chore, ChoreLine, ChoreState, DeviceList, Diagnosis, Disk,
    Health, HeardPoint, Language, Line, LineFault, LineSeat, LineShown, Machine, NewCodes, Points,
    ReleaseStage, RoomKeys, Sealing, ShownKey, Status, SystemRelease, TelephoneState, Trouble, TypedLine,
    WaitingRelease, WifiStatus,
};

use super::{Error, NOW_MS, Write, place, status};

pub(crate) fn write_technicians(language: Language, write: Write<'_>) -> Result<(), Error> {
    let (place, status, good) = (place()?, status()?, diagnosis());
    let person = Person {
        id: PersonId::new(9),
        name: "Mme Petit".parse()?,
        role: Role::Technician,
        rooms: vec![],
        made: Timestamp::from_unix_ms(NOW_MS),
        disabled: None,
        has_first_secret: false,
        has_telephone: false,
    };
    let show = |status: &Status, diagnosis: &Diagnosis| {
        let token = "jeton";
        let states = [ChoreState::Failed, ChoreState::Running, ChoreState::Free, ChoreState::Free];
        let chores = Chore::ALL.into_iter().zip(states).map(|(chore, state)| ChoreLine { chore, state });
        let chores: Vec<_> = chores.collect();
        let page = TechnicianPage {
            place: &place,
            person: &person,
            status,
            diagnosis,
            token,
            new_points: 1,
            chores: &chores,
        };
        page.render(language)
    };
    write("technician", show(&status, &good))?;
    let mut broken = status.clone();
    broken.upstreams.iter_mut().for_each(|upstream| upstream.health = Health::Bad);
    let since = Timestamp::from_unix_ms(NOW_MS);
    let points = [("borne-cm2", WifiStatus::Unreachable { since }, 0), ("borne-cp", WifiStatus::Off, 2)];
    let points = points.map(|(name, status, wrong_keys)| AccessPoint {
        name: name.to_owned(),
        status,
        wrong_keys,
        trouble: (wrong_keys > 0).then(|| "the channel is refused".to_owned()),
    });
    let machine = Machine { temperature_c: Some(84), memory_free_bytes: 200_000_000, ..good.machine.clone() };
    let sealing = Some(Sealing { has_readers: false, waits_since: None });
    let line = Some(Line::Down);
    let bad = Diagnosis { line, machine, sealing, access_points: points.into(), ..good };
    write("technician-broken", show(&broken, &bad))?;
    for (name, lessons) in [("install", 0), ("install-lessons", 2)] {
        let release = WaitingRelease { version: "1.5.0".parse()?, lessons };
        let page = InstallPage { place: &place, person: &person, release: &release, token: "0" };
        write(name, page.render(language))?;
    }
    write_lines(language, (&place, &person), write)?;
    write_telephones(language, &place, &person, write)?;
    write_devices(language, &place, &person, write)?;
    write_networks(language, &place, &person, write)?;
    write_points(language, &place, &person, write)
}

/// The line of a fresh box, by DHCP, and that of one with a fixed address which was mistyped.
fn write_lines(
    language: Language,
    (place, person): (&Place, &Person),
    write: Write<'_>,
) -> Result<(), Error> {
    let seat = LineSeat { shown: LineShown::Dhcp, is_typed: false, is_in_force: true };
    let page = LinePage { place, person: None, seat: &seat, typed: None, trouble: None, token: "0" };
    write("line-fresh", page.render(language))?;
    let shown = LineShown::Fixed {
        address: "192.0.2.10/24".to_owned(),
        gateway: "192.0.2.1".to_owned(),
        resolvers: "192.0.2.53".to_owned(),
    };
    let seat = LineSeat { shown, is_typed: true, is_in_force: true };
    let page = LinePage { person: Some(person), seat: &seat, ..page };
    write("line", page.render(language))?;
    let typed = TypedLine::Fixed { address: "192.0.2.10/24", gateway: "192.0.3.1", resolvers: "192.0.2.53" };
    let page = LinePage { typed: Some(typed), trouble: Some(LineFault::Gateway.into()), ..page };
    write("line-mistyped", page.render(language))?;
    Ok(())
}

/// The devices of some rooms, and of a school that has none yet.
fn write_devices(language: Language, place: &Place, person: &Person, write: Write<'_>) -> Result<(), Error> {
    let seen = Some(Timestamp::from_unix_ms(NOW_MS));
    let device = |last: u8, name: &str, room: Option<&str>| -> Result<(Device, Option<Timestamp>), Error> {
        let room = room.map(str::parse).transpose()?;
        let mac = Mac::new([0x02, 0, 0, 0, 0, last]);
        Ok((
            Device { mac, name: name.parse()?, room, profile: "elementaire".parse()? },
            seen.filter(|_| last > 1),
        ))
    };
    let list = DeviceList {
        devices: vec![device(1, "Tablette volante", None)?, device(2, "CM2-01", Some("CM2"))?],
        rooms: vec!["CM2".parse()?, "Bibliothèque".parse()?],
        profiles: vec!["elementaire".parse()?, "adulte".parse()?],
        asker: Some(Mac::new([0x02, 0, 0, 0, 0, 9])),
    };
    for (name, list) in [("devices", list), ("devices-none", DeviceList::default())] {
        write(name, DevicesPage { place, person, list: &list, token: "0" }.render(language))?;
    }
    Ok(())
}

/// A room whose devices share a key, one where each has its own, one that has none yet; and a school without Wi-Fi.
fn write_networks(language: Language, place: &Place, person: &Person, write: Write<'_>) -> Result<(), Error> {
    let made = Timestamp::from_unix_ms(NOW_MS);
    let room = |name: &str, ssid: &str, devices: &[Option<&str>]| -> Result<RoomKeys, Error> {
        let mut keys = Vec::new();
        for device in devices {
            keys.push((device.map(str::parse).transpose()?, made));
        }
        Ok(RoomKeys { room: name.parse()?, ssid: ssid.to_owned(), is_in_lesson: name == "CM2", keys })
    };
    let rooms = [
        room("CM2", "tilleul", &[None])?,
        room("CM1", "hetre", &[Some("tab-06"), Some("tab-07")])?,
        room("CP", "frene", &[])?,
    ];
    for (name, networks) in [("networks", &rooms[..]), ("networks-none", &[])] {
        write(name, NetworksPage { place, person, networks, token: "0" }.render(language))?;
    }
    Ok(())
}

/// The page of a telephone before it is known, after, and on a box without the time; codes on paper.
fn write_telephones(
    language: Language,
    place: &Place,
    person: &Person,
    write: Write<'_>,
) -> Result<(), Error> {
    let key = ShownKey {
        letters: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_owned(),
        address: "otpauth://totp/Pr%C3%A9au:Mme%20Petit?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_owned(),
    };
    for (name, papers, is_clock_set, trouble) in [
        ("telephone", None, true, None),
        ("telephone-known", Some(7), true, Some(Trouble::Code)),
        ("telephone-clock", None, false, None),
    ] {
        let state = TelephoneState { papers, is_asked: true };
        let page = TelephonePage { place, person, state, key: &key, is_clock_set, token: "0", trouble };
        write(name, page.render(language))?;
    }
    let codes = NewCodes((0..8).map(|number| format!("k7pm-x2hd-9tqv-ej{number}w")).collect());
    Ok(write("telephone-papers", PapersPage { place, person, codes: &codes, token: "0" }.render(language))?)
}

/// Access points that were plugged in, one of them for the second time; none; and a box that believes none.
fn write_points(language: Language, place: &Place, person: &Person, write: Write<'_>) -> Result<(), Error> {
    let heard = |last: u8, former: Option<&str>| -> Result<HeardPoint, Error> {
        Ok(HeardPoint {
            mac: Mac::new([0x02, 0xaa, 0x5c, 0x10, 0x33, last]),
            address: [10, 77, 0, last].into(),
            certificate: [last; 32],
            former: former.map(str::parse).transpose()?,
        })
    };
    let adopted = AdoptedPointLine {
        name: "borne-02aa5c103315".parse()?,
        mac: Mac::new([0x02, 0xaa, 0x5c, 0x10, 0x33, 0x15]),
        room: "CM2".parse()?,
        by: person.name.clone(),
        at: Timestamp::from_unix_ms(NOW_MS),
        has_former_key: true,
    };
    let points = Points {
        has_key: true,
        has_files: true,
        heard: vec![heard(21, Some("borne-02aa5c103315"))?, heard(22, None)?],
        adopted: vec![adopted],
        rooms: vec!["CM2".parse()?, "Bibliothèque".parse()?],
    };
    let none = Points { has_key: true, ..Points::default() };
    for (name, points) in [("points", points), ("points-none", none), ("points-no-key", Points::default())] {
        write(name, PointsPage { place, person, points: &points, token: "0" }.render(language))?;
    }
    Ok(())
}

fn diagnosis() -> Diagnosis {
    let at = Timestamp::from_unix_ms(NOW_MS);
    Diagnosis {
        at: Some(at),
        line: Some(Line::Up),
        line_seat: None,
        is_school_unplugged: false,
        disk: Some(Disk {
            free_bytes: 180_000_000_000,
            reserved_bytes: 134_000_000,
            bytes_a_day: 3_000_000,
            days_left: None,
            is_tight: false,
        }),
        machine: Machine {
            memory_bytes: 8_000_000_000,
            memory_free_bytes: 6_100_000_000,
            temperature_c: Some(51),
            up_s: 40 * 86_400,
        },
        certificates: Some(Certificates {
            authority: Timestamp::from_unix_ms(2_524_607_999_000),
            shown: None,
        }),
        hub: None,
        release: Some(SystemRelease {
            running: "1.4.0".to_owned(),
            since: Some(at),
            is_blessed: true,
            stage: ReleaseStage::Coming { version: "1.5.0".to_owned() },
            failed: None,
        }),
        configuration: None,
        sealing: Some(Sealing { has_readers: true, waits_since: None }),
        access_points: vec![],
    }
}
