//! A radio of the box, as tablets meet it: Debian's hostapd, with the configuration that the box makes, on a simulated
//! radio of the kernel, and Debian's wpa_supplicant.

#![cfg(target_arch = "x86_64")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use harness::preau_binary;
use vm::Guest;

/// What the tablets and the listener do. Every step says what it found.
const SCRIPT: &str = r#"
modprobe mac80211_hwsim radios=3 || exit 1
iw reg set FR
ip link set hwsim0 up
await 5 ip link show wlan2

heard() { timeout 3 tcpdump -Z root -c 1 -i hwsim0 'type mgt subtype beacon and wlan addr3 '"$BSSID" 2>/dev/null | grep -q Beacon; }
BSSID=$(cat /sys/class/net/wlan0/address)

hostapd -B -f /tmp/hostapd.log /etc/hostapd.conf || { cat /tmp/hostapd.log; exit 1; }
cli() { hostapd_cli -p /run/hostapd -i wlan0 "$@"; }
await 10 cli ping || exit 1
heard && { echo "it sends before anybody told it to"; exit 1; }
echo "silent at its start"

cli update_beacon | grep -q OK || exit 1
await 5 heard || exit 1
echo "sends once it is told to"
timeout 4 tcpdump -Z root -c 10 -i hwsim0 -w /tmp/air.pcap 'type mgt subtype beacon' 2>/dev/null
send /tmp/air.pcap

# join NAME RADIO NETWORK: a tablet that knows this of the network.
join() {
    printf 'ctrl_interface=/run/%s\nnetwork={\nssid="tilleul"\nscan_freq=5180\nfreq_list=5180\n%s\n}\n' "$1" "$3" > "/tmp/$1.conf"
    ip netns add "$1"
    iw phy "$2" set netns name "$1"
    ip netns exec "$1" wpa_supplicant -B -i "wlan${2#phy}" -D nl80211 -c "/tmp/$1.conf" -f "/tmp/$1.log" || exit 1
}
joined() { wpa_cli -p "/run/$1" status | grep -q "^wpa_state=COMPLETED"; }
leave() { wpa_cli -p "/run/$1" terminate >/dev/null; await 5 test ! -S "/run/$1"; }

join old phy1 "key_mgmt=WPA-PSK
psk=\"$(cat /etc/key)\""
await 20 joined old || { cat /tmp/old.log; exit 1; }
wpa_cli -p /run/old status | grep -E "^(pairwise_cipher|group_cipher|key_mgmt)="
cli all_sta | grep -q "keyid=all" || { cli all_sta; exit 1; }
echo "WPA2 joins, and its key is known by name"

join new phy2 "key_mgmt=SAE
ieee80211w=2
sae_password=\"$(cat /etc/key)\""
await 20 joined new || { cat /tmp/new.log; exit 1; }
wpa_cli -p /run/new status | grep -q "^pmf=[12]" || exit 1
echo "WPA3 joins, with its management frames protected"

cli raw STOP_AP | grep -q OK || exit 1
await 5 bash -c '! wpa_cli -p /run/old status | grep -q COMPLETED' || exit 1
heard && { echo "it still sends"; exit 1; }
echo "silent once it is told to"

cli update_beacon
leave old
sed 's/^psk=.*/psk="k7pm-x2hd-9tqv-ej4w-zzzz"/' /tmp/old.conf > /tmp/wrong.conf
ip netns exec old wpa_supplicant -B -i wlan1 -D nl80211 -c /tmp/wrong.conf -f /tmp/wrong.log
await 30 grep -q "WRONG_KEY" /tmp/wrong.log || { cat /tmp/wrong.log; exit 1; }
joined old && { echo "a wrong key joins"; exit 1; }
echo "a wrong key is refused"
"#;

const KEY: &str = "h6bp-4rra-28yu-jnx7-jp78";

#[test]
fn tablets_join_what_the_box_configures_and_the_air_says_what_the_file_does() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let network = folder.path().join("tilleul");
    let printed = preau(
        &["wifi", "join", "--ssid", "tilleul", "--wpa3", "--key-stdin", "--interface", "wlan0", "--out"],
        &network,
    )?;
    ensure!(printed.contains(KEY), "{printed}");
    let configuration = fs::read_to_string(network.join("hostapd.conf"))?;
    // The file of keys is elsewhere in the machine.
    let keys = network.join("hostapd.keys").display().to_string();
    let configuration = configuration.replace(&keys, "/etc/hostapd.keys");

    let mut guest = Guest::new()?
        .file("/etc/hostapd.conf", configuration.as_bytes())?
        .file("/etc/hostapd.keys", &fs::read(network.join("hostapd.keys"))?)?
        .file("/etc/key", KEY.as_bytes())?;
    for file in ["regulatory.db", "regulatory.db.p7s"] {
        guest = guest
            .file(&format!("/lib/firmware/{file}"), &fs::read(Path::new("/lib/firmware").join(file))?)?;
    }
    for program in ["hostapd", "hostapd_cli", "wpa_supplicant", "wpa_cli", "iw", "ip", "tcpdump"] {
        guest = guest.program(program)?;
    }
    for module in ["mac80211_hwsim", "ccm", "ctr", "cmac", "gcm"] {
        guest = guest.module(module)?;
    }
    let report = guest.run(SCRIPT)?;
    println!("{}", report.log);
    ensure!(report.status == 0, "{}", report.log);
    ensure!(
        report.log.contains("pairwise_cipher=CCMP") && report.log.contains("group_cipher=CCMP"),
        "{}",
        report.log
    );

    let capture = folder.path().join("air.pcap");
    fs::write(&capture, report.files.get("air.pcap").context("a capture of the air")?)?;
    let printed = preau(&["wifi", "check", "--ssid", "tilleul"], &capture)?;
    ensure!(printed.contains("no fault"), "{printed}");
    Ok(())
}

/// Runs the program with the key on its standard input, as a technician types it.
#[expect(clippy::disallowed_methods, reason = "the box's own program, as a technician runs it")]
fn preau(arguments: &[&str], file: &Path) -> Result<String> {
    let mut command = Command::new(preau_binary()?);
    command.args(arguments).arg(file).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    child.stdin.take().context("standard input")?.write_all(format!("{KEY}\n").as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout)?)
}
