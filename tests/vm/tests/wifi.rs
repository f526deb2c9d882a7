//! The box's own Wi-Fi, as tablets meet it: the program itself drives Debian's hostapd, on simulated radios of the kernel, for
//! lessons; Debian's `wpa_supplicant` joins, and what is in the air is listened to.

#![cfg(target_arch = "x86_64")]

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use harness::preau_binary;
use model::{Device, Mac, RoomName};
use ring::rand::SystemRandom;
use store::{KeyOwner, Store};
use vm::Guest;
use wifi::{Passphrase, Ssid};

/// Two rooms: one key for all, with WPA3 beside WPA2; and a key for each tablet.
const CONFIGURATION: &str = r#"version = 1

[school]
name = "École Jules-Ferry"

[lan]
interface = "br0"
ipv4_network = "10.77.0.0/24"
ipv4_address = "10.77.0.1"

[[lan.apart]]
interface = "br-staff"
ipv4_network = "10.77.8.0/24"
ipv4_address = "10.77.8.1"

[wan]
interface = "wan0"
ipv6 = false

[wifi]
country = "FR"
listener = "hwsim0"

[[wifi.network]]
room = "CM2"
ssid = "tilleul"

[[wifi.network]]
room = "CM1"
ssid = "hetre"
keys = "device"

[[wifi.network.apart]]
bridge = "br-staff"
profiles = ["adulte"]

[[access_point]]
name = "borne-cm2"
room = "CM2"
kind = "hostapd"
interface = "wlan0"
channel = 36

[[access_point]]
name = "borne-cm1"
room = "CM1"
kind = "hostapd"
interface = "wlan1"
bridge = "br0"
channel = 40
"#;

/// The kernel loads the rest of these by itself once they are asked for.
const RADIO_MODULES: [&str; 7] = ["mac80211_hwsim", "ccm", "ctr", "cmac", "gcm", "bridge", "dummy"];
const FIREWALL_MODULES: [&str; 14] = [
    "nf_tables",
    "nft_ct",
    "nft_chain_nat",
    "nft_nat",
    "nft_fib_inet",
    "nft_fib_ipv4",
    "nft_fib_ipv6",
    "nft_hash",
    "nft_limit",
    "nft_log",
    "nft_reject_inet",
    "nfnetlink_log",
    "nf_conntrack_netlink",
    "nf_log_syslog",
];

/// Tablets of the other room: two whose traffic is looked at, the teacher's, and the rest of a class set.
const LOOKED_AT: [&str; 2] = ["tab-02", "tab-03"];
const TEACHERS: &str = "prof-01";
const REST: std::ops::RangeInclusive<u8> = 4..=30;

/// What the school, the tablets and the listener do. Every step says what it found.
const SCRIPT: &str = include_str!("wifi.sh");

#[test]
fn the_box_switches_its_radios_for_lessons_and_never_without() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut guest = Guest::new()?.file("/etc/school.toml", CONFIGURATION.as_bytes())?;
    guest = guest.own_program(&preau_binary()?, "preau")?;
    for file in ["regulatory.db", "regulatory.db.p7s"] {
        guest = guest
            .file(&format!("/lib/firmware/{file}"), &fs::read(Path::new("/lib/firmware").join(file))?)?;
    }
    for program in ["hostapd", "wpa_supplicant", "wpa_cli", "iw", "ip", "tcpdump", "nft"] {
        guest = guest.program(program)?;
    }
    for module in RADIO_MODULES.iter().chain(&FIREWALL_MODULES) {
        guest = guest.module(module)?;
    }
    guest = register(guest, folder.path())?;
    let report = guest.run(SCRIPT)?;
    println!("{}", report.log);
    ensure!(report.status == 0, "{}", report.log);
    for expected in ["pairwise_cipher=CCMP", "group_cipher=CCMP"] {
        ensure!(report.log.contains(expected), "{expected}: {}", report.log);
    }
    let capture = folder.path().join("air.pcap");
    fs::write(&capture, report.files.get("air.pcap").context("a capture of the air")?)?;
    check(&capture)
}

/// The school's devices and their keys, and what the class set joins with: made here, where it takes a moment.
fn register(mut guest: Guest, folder: &Path) -> Result<Guest> {
    let file = folder.join("state.sqlite");
    let mut store = Store::open(&file)?;
    let rest = REST.map(|number| format!("tab-{number:02}"));
    let class = LOOKED_AT.iter().map(|name| (*name).to_owned()).chain(rest).map(|name| (name, "elementaire"));
    let (room, ssid): (RoomName, Ssid) = ("CM1".parse()?, "hetre".parse()?);
    let device = |number: u8, name: &str, room: &RoomName, profile: &str| -> Result<Device> {
        let mac = Mac::new([2, 0, 0, 0, 1, number]);
        Ok(Device { mac, name: name.parse()?, room: Some(room.clone()), profile: profile.parse()? })
    };
    store.add_device(&device(1, "pc-01", &"CM2".parse()?, "elementaire")?)?;
    for (number, (name, profile)) in (2..).zip(class.chain([(TEACHERS.to_owned(), "adulte")])) {
        store.add_device(&device(number, &name, &room, profile)?)?;
        let key = Passphrase::draw(&SystemRandom::new())?;
        let owner = KeyOwner { room: room.clone(), device: Some(name.parse()?) };
        store.add_wifi_key(&owner, key.reveal(), system::clock::now())?;
        let Some(own) = name.strip_prefix("tab-").filter(|_| !LOOKED_AT.contains(&name.as_str())) else {
            continue;
        };
        let words = format!(
            "ctrl_interface=/run/class\nnetwork={{\nssid=\"{ssid}\"\nscan_freq=5200\nfreq_list=5200\nkey_mgmt=WPA-PSK\npsk={}\n}}\n",
            key.pmk(&ssid).reveal_hex()
        );
        guest = guest.file(&format!("/etc/class/tab{own}.conf"), words.as_bytes())?;
    }
    drop(store);
    guest.file("/etc/data/state.sqlite", &fs::read(file)?)
}

/// The beacons say what the configuration claims.
#[expect(clippy::disallowed_methods, reason = "the box's own program, as a technician runs it")]
fn check(capture: &Path) -> Result<()> {
    let mut command = Command::new(preau_binary()?);
    let output = command.args(["wifi", "check", "--ssid", "tilleul"]).arg(capture).output()?;
    let printed = String::from_utf8(output.stdout)?;
    ensure!(output.status.success() && printed.contains("no fault"), "{printed}");
    Ok(())
}
