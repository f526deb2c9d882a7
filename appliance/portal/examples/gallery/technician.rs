//! The technician's page, of a box that is well and of one that is not.

use model::{Person, PersonId, Role, Timestamp};
use portal::pages::people::TechnicianPage;
use portal::{
    AccessPoint, Certificates, Diagnosis, Disk, Health, Language, Line, Machine, Sealing, Status, WifiStatus,
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
        TechnicianPage { place: &place, person: &person, status, diagnosis, token: "jeton" }.render(language)
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
        is_troubled: wrong_keys > 0,
    });
    let machine = Machine { temperature_c: Some(84), memory_free_bytes: 200_000_000, ..good.machine.clone() };
    let sealing = Some(Sealing { has_readers: false, waits_since: None });
    let line = Some(Line::Down);
    let bad = Diagnosis { line, machine, sealing, access_points: points.into(), ..good };
    Ok(write("technician-broken", show(&broken, &bad))?)
}

fn diagnosis() -> Diagnosis {
    let at = Timestamp::from_unix_ms(NOW_MS);
    Diagnosis {
        at: Some(at),
        line: Some(Line::Up),
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
        sealing: Some(Sealing { has_readers: true, waits_since: None }),
        access_points: vec![],
    }
}
