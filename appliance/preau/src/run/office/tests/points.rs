//! Access points that are plugged in, and laptops that claim to be some.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use portal::{AdoptionRoom as _, SaidOfPoint};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use wifi::{AdoptionKey, Announcement};

use super::*;
use crate::run::wifi::HeardPoints;

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const MAC: &str = "02:aa:00:00:00:01";
const RADIOS: &str = "radio0:5g";

/// A machine that shows a certificate on its loopback.
struct Machine {
    config: Arc<ServerConfig>,
    port: u16,
    /// The certificate's fingerprint in digits.
    certificate: String,
    /// Whether it is no longer where it was at first.
    is_away: Arc<AtomicBool>,
}

fn show_certificate() -> Machine {
    let names = pki::Names::new(["openwrt.lan".parse().unwrap()], []);
    let authority = pki::Authority::generate(names.clone()).unwrap();
    let now = (system::clock::now(), ClockQuality::Synchronised);
    let identity = Arc::new(pki::Identity::new(authority, names, move || now));
    let config = Arc::new(identity.server_config(&[]).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let is_away = Arc::new(AtomicBool::new(false));
    answer(listener, &config, &is_away);
    let shown = system::ubus::see_certificate(address).unwrap();
    let certificate = shown.iter().map(|byte| format!("{byte:02x}")).collect();
    Machine { config, port: address.port(), certificate, is_away }
}

/// Shows it to whoever comes, until it is away.
fn answer(listener: TcpListener, config: &Arc<ServerConfig>, is_away: &Arc<AtomicBool>) {
    let (config, is_away) = (Arc::clone(config), Arc::clone(is_away));
    thread::spawn(move || {
        for socket in listener.incoming() {
            let socket = socket.unwrap();
            if is_away.load(Ordering::Relaxed) {
                break;
            }
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, socket);
            // A client that has seen the certificate goes.
            let _gone = std::io::copy(&mut stream, &mut std::io::sink());
        }
    });
}

impl Machine {
    /// It answers at another address, too: itself, or somebody who forwards to it.
    fn answer_elsewhere(&self) {
        let listener = TcpListener::bind((IpAddr::from(ELSEWHERE), self.port)).unwrap();
        answer(listener, &self.config, &Arc::default());
    }

    fn proof(&self) -> String {
        prove(KEY, &self.certificate)
    }
}

/// A school whose box has the commune's key, and where access points answer on this port.
fn school(port: u16) -> School {
    let mut it = School::new();
    let text = "version = 1\n[school]\nname = 'École'\n[[wifi.network]]\nroom = 'CM2'\nssid = 'tilleul'\n";
    let file = it.folder.path().join("preau.toml");
    std::fs::write(&file, text).unwrap();
    let wifi = Config::load(&file).unwrap().wifi;
    let heard = Arc::new(HeardPoints::new(Some(KEY.parse().unwrap())));
    let mut plan = PointPlan::new(heard, &wifi);
    plan.port = port;
    it.office = open(it.folder.path(), &it.desk, &it.hand).with_points(plan);
    it
}

fn prove(key: &str, certificate: &str) -> String {
    let key: AdoptionKey = key.parse().unwrap();
    key.prove(&Announcement::read(MAC, certificate, RADIOS).unwrap())
}

fn say(it: &School, client: [u8; 4], certificate: &str, proof: &str) -> bool {
    let said = SaidOfPoint { mac: MAC, certificate, radios: RADIOS, proof };
    it.office.hear_point(client.into(), &said).unwrap()
}

/// The same school, which has adopted the machine.
fn school_with(machine: &Machine) -> School {
    let it = school(machine.port);
    let (technician, _) = it.person("M. Petit", Role::Technician, &[]);
    assert!(say(&it, HERE, &machine.certificate, &machine.proof()));
    let room = "CM2".parse().unwrap();
    it.office.adopt_point(PC.into(), &technician, MAC.parse().unwrap(), &room).unwrap();
    it
}

/// Where the box knows the one that is adopted.
fn place(it: &School) -> IpAddr {
    it.store().adopted_points().unwrap()[0].address
}

const HERE: [u8; 4] = [127, 0, 0, 1];
const ELSEWHERE: [u8; 4] = [127, 0, 0, 2];

#[test]
fn one_touch_adopts_what_proves_the_communes_key() {
    let machine = show_certificate();
    let it = school(machine.port);
    let (technician, _) = it.person("M. Petit", Role::Technician, &[]);
    let (mac, room): (Mac, RoomName) = (MAC.parse().unwrap(), "CM2".parse().unwrap());
    assert!(say(&it, HERE, &machine.certificate, &machine.proof()));
    // A laptop replays it, and is heard last: it is the same machine, and the one is adopted that shows its certificate.
    assert!(say(&it, ELSEWHERE, &machine.certificate, &machine.proof()));
    let points = it.office.points().unwrap();
    assert_eq!((points.heard.len(), points.adopted.len()), (1, 0));
    assert!(points.has_key && points.rooms == [room.clone()]);
    let elsewhere = "CP".parse().unwrap();
    assert_eq!(it.office.adopt_point(PC.into(), &technician, mac, &elsewhere), Err(Trouble::Field));
    it.office.adopt_point(PC.into(), &technician, mac, &room).unwrap();
    let points = it.office.points().unwrap();
    assert_eq!((points.heard.len(), points.adopted.len()), (0, 1));
    let adopted = it.store().adopted_points().unwrap();
    assert_eq!((adopted[0].name.as_str(), adopted[0].channel), ("borne-02aa00000001", 36));
    assert_eq!(adopted[0].address, IpAddr::from(HERE));
    it.office.release_point(PC.into(), &technician, &adopted[0].name).unwrap();
    assert!(it.office.points().unwrap().adopted.is_empty());
}

#[test]
fn whoever_replays_what_one_said_moves_nothing() {
    let machine = show_certificate();
    let it = school_with(&machine);
    assert!(say(&it, ELSEWHERE, &machine.certificate, &machine.proof()));
    assert_eq!(place(&it), IpAddr::from(HERE));
}

#[test]
fn whoever_forwards_to_one_moves_nothing() {
    let machine = show_certificate();
    let it = school_with(&machine);
    machine.answer_elsewhere();
    assert!(say(&it, ELSEWHERE, &machine.certificate, &machine.proof()));
    assert_eq!(place(&it), IpAddr::from(HERE));
}

#[test]
fn one_that_has_another_address_now_is_followed() {
    let machine = show_certificate();
    let it = school_with(&machine);
    machine.is_away.store(true, Ordering::Relaxed);
    machine.answer_elsewhere();
    assert!(say(&it, ELSEWHERE, &machine.certificate, &machine.proof()));
    assert_eq!(place(&it), IpAddr::from(ELSEWHERE));
}

#[test]
fn a_laptop_that_claims_to_be_one_is_nothing() {
    let Machine { port, certificate, .. } = show_certificate();
    let it = school(port);
    let (technician, _) = it.person("M. Petit", Role::Technician, &[]);
    let (mac, room): (Mac, RoomName) = (MAC.parse().unwrap(), "CM2".parse().unwrap());
    let other = "ff".repeat(32);
    for (certificate, proof) in [
        (&certificate, String::new()),
        (&certificate, prove(&"a".repeat(64), &certificate)),
        // What the true one said, with a certificate of its own.
        (&other, prove(KEY, &certificate)),
    ] {
        assert!(!say(&it, HERE, certificate, &proof), "{certificate} {proof}");
    }
    assert_eq!(it.office.count_heard(), 0, "nobody is shown any of it");
    assert_eq!(it.office.adopt_point(PC.into(), &technician, mac, &room), Err(Trouble::Unknown));
    // What the true one said, word for word: the laptop cannot show its certificate.
    assert!(say(&it, HERE, &other, &prove(KEY, &other)));
    assert_eq!(it.office.adopt_point(PC.into(), &technician, mac, &room), Err(Trouble::PointSilent));
    assert!(it.store().adopted_points().unwrap().is_empty());
    // A box without the key believes nobody.
    let without = open(it.folder.path(), &it.desk, &it.hand);
    let said =
        SaidOfPoint { mac: MAC, certificate: &certificate, radios: RADIOS, proof: &prove(KEY, &certificate) };
    assert_eq!(without.hear_point(HERE.into(), &said), Ok(false));
    assert!(!without.points().unwrap().has_key);
}

/// A stolen key opens nothing new; what hangs on the wall goes on until somebody prepares it anew.
#[test]
fn another_key_is_drawn_and_what_was_adopted_goes_on() {
    let machine = show_certificate();
    let it = school_with(&machine);
    let (technician, _) = it.person("Mme Petit", Role::Technician, &[]);
    let renew = || it.office.renew_adoption_key(PC.into(), &technician);
    assert_eq!(renew(), Err(Trouble::Unknown), "the key is the commune's");
    assert!(it.store().adopted_points().unwrap()[0].former_key.is_none());
    it.store().keep_adoption_key(KEY, Timestamp::from_unix_ms(0)).unwrap();
    renew().unwrap();
    let drawn = it.store().adoption_key().unwrap().unwrap();
    assert_ne!(drawn, KEY);
    let points = it.office.points().unwrap();
    assert!(points.has_files && points.adopted[0].has_former_key);
    // It is followed still, by the key that it has.
    machine.is_away.store(true, Ordering::Relaxed);
    machine.answer_elsewhere();
    assert!(say(&it, ELSEWHERE, &machine.certificate, &machine.proof()));
    assert_eq!(place(&it), IpAddr::from(ELSEWHERE));
    // Whoever has stolen that key is nobody new, and not this one.
    let other = "ff".repeat(32);
    assert!(!say(&it, HERE, &other, &prove(KEY, &other)));
    assert!(!say(&it, HERE, &machine.certificate, &prove(&"a".repeat(64), &machine.certificate)));
    assert_eq!(it.office.count_heard(), 0);
    // Prepared anew, it has another certificate, and is adopted by the key that counts.
    assert!(say(&it, HERE, &other, &prove(&drawn, &other)));
    assert_eq!(it.office.count_heard(), 1);
    // Another one makes that worthless, too.
    renew().unwrap();
    assert_eq!(it.office.count_heard(), 0);
    assert!(!say(&it, HERE, &other, &prove(&drawn, &other)));
    let acts = it.store().waiting_person_acts(99).unwrap();
    assert_eq!(acts.iter().filter(|it| it.act.deed.as_str() == "renew-adoption-key").count(), 2);
}

#[test]
fn files_go_out_with_a_key_of_the_box_alone_and_who_took_them_is_told() {
    let it = school(443);
    let (technician, _) = it.person("M. Petit", Role::Technician, &[]);
    let take = || it.office.point_files(PC.into(), &technician);
    assert_eq!(take(), Err(Trouble::Unknown), "the key is the commune's");
    assert!(!it.office.points().unwrap().has_files);
    it.store().keep_adoption_key(&"a1".repeat(32), Timestamp::from_unix_ms(0)).unwrap();
    assert_eq!(take(), Err(Trouble::Unknown), "it has one, which does not count");
    let it = school(443);
    let (technician, _) = it.person("M. Petit", Role::Technician, &[]);
    it.store().keep_adoption_key(KEY, Timestamp::from_unix_ms(0)).unwrap();
    assert!(it.office.points().unwrap().has_files);
    let packed = it.office.point_files(PC.into(), &technician).unwrap();
    assert_eq!(packed, system::first_boot::pack(KEY).unwrap());
    let acts = it.store().waiting_person_acts(99).unwrap();
    assert_eq!(acts.iter().filter(|it| it.act.deed.as_str() == "take-adoption-key").count(), 1);
}
