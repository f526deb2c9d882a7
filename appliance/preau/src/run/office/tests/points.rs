//! Access points that are plugged in, and laptops that claim to be some.

use std::net::TcpListener;
use std::thread;

use portal::{AdoptionRoom as _, SaidOfPoint};
use rustls::{ServerConnection, StreamOwned};
use wifi::{AdoptionKey, Announcement};

use super::*;
use crate::run::wifi::HeardPoints;

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const MAC: &str = "02:aa:00:00:00:01";
const RADIOS: &str = "radio0:5g";

/// A machine that shows a certificate on its loopback: the port, and the certificate's fingerprint in digits.
fn show_certificate() -> (u16, String) {
    let names = pki::Names::new(["openwrt.lan".parse().unwrap()], []);
    let authority = pki::Authority::generate(names.clone()).unwrap();
    let now = (system::clock::now(), ClockQuality::Synchronised);
    let identity = Arc::new(pki::Identity::new(authority, names, move || now));
    let config = Arc::new(identity.server_config(&[]).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, socket.unwrap());
            // A client that has seen the certificate goes.
            let _gone = std::io::copy(&mut stream, &mut std::io::sink());
        }
    });
    let shown = system::ubus::see_certificate(address).unwrap();
    (address.port(), shown.iter().map(|byte| format!("{byte:02x}")).collect())
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

const HERE: [u8; 4] = [127, 0, 0, 1];

#[test]
fn one_touch_adopts_what_proves_the_communes_key() {
    let (port, certificate) = show_certificate();
    let it = school(port);
    let (technician, _) = it.person("M. Petit", Role::Technician, &[]);
    let (mac, room): (Mac, RoomName) = (MAC.parse().unwrap(), "CM2".parse().unwrap());
    assert!(say(&it, HERE, &certificate, &prove(KEY, &certificate)));
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
    // It is heard at another address, where it does not answer: whoever replays what it said moves nothing.
    assert!(say(&it, [127, 0, 0, 2], &certificate, &prove(KEY, &certificate)));
    it.office.release_point(PC.into(), &technician, &adopted[0].name).unwrap();
    assert!(it.office.points().unwrap().adopted.is_empty());
}

#[test]
fn a_laptop_that_claims_to_be_one_is_nothing() {
    let (port, certificate) = show_certificate();
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
