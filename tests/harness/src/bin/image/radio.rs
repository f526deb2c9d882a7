//! A radio of the box, in the image: the kernel makes two up, one of which serves the room's network, and the other hears it.

use anyhow::{Result, ensure};

use crate::booted::Booted;
use crate::replacement::{DATA, PREAU, SOON};

/// What the lost box's configuration calls the radio of CM2, and its network.
const SERVING: &str = "wlan-absent";
const SSID: &str = "tilleul";
/// The one that hears. The kernel begins to count where nothing has that name yet.
const HEARING: &str = "wlan1";
const CONFIG: &str = "--config /etc/preau/preau.toml";
/// The process that serves.
const HOSTAPD: &str = "pgrep -x hostapd";

/// The radio comes, and a lesson has it send: by a unit of its own, which sees nothing of what the box keeps, and ends when the box is killed,
/// or its keeper stopped. Each time the lesson goes on; with its end all is silent.
pub(crate) fn serve_a_lesson(machine: &mut Booted<'_>) -> Result<()> {
    let bring = format!("modprobe mac80211_hwsim radios=2 && ip link set wlan0 name {SERVING}");
    machine.inside(&format!("{bring} && ip link set {HEARING} up"))?;
    let start = format!("lesson start CM2 --teacher 'Mme Martin' --for 30m --wifi true {CONFIG} {DATA}");
    machine.inside(&format!("{PREAU} {start}"))?;
    machine.wait("the radio", SOON, |machine| is_sending(machine))?;
    let heard = format!("iw dev {HEARING} scan | grep -qx '[[:space:]]*SSID: {SSID}'");
    machine.wait("the network in the air", SOON, |machine| Ok(machine.peek(&heard)?.is_some()))?;

    let pid = machine.inside(HOSTAPD)?;
    let pid = pid.trim();
    let seen =
        machine.inside(&format!("ps -o user= -p {pid}; ls -A /proc/{pid}/root/var/lib/preau | wc -l"))?;
    ensure!(seen.split_whitespace().eq(["preau-hostapd", "0"]), "hostapd is, and sees of the data: {seen}");
    let unit = machine.inside(&format!("cat /proc/{pid}/cgroup"))?;
    ensure!(unit.contains("preau-hostapd@"), "hostapd runs in {unit}");

    machine.inside("systemctl kill --kill-whom=main --signal=KILL preau.service")?;
    await_another(machine, pid)?;
    // As somebody who has taken hostapd over may do with whoever waits for the box's end.
    let pid = machine.inside(HOSTAPD)?;
    let pid = pid.trim();
    machine.inside(&format!("kill -STOP $(ps -o ppid= -p {pid})"))?;
    await_another(machine, pid)?;
    machine.inside(&format!(
        "number=$({PREAU} lesson list {CONFIG} {DATA} | cut -f1) && {PREAU} lesson end \"$number\" --author 'Mme Martin' {DATA}"
    ))?;
    machine.wait("silence", SOON, |machine| Ok(!is_sending(machine)?))
}

/// Waits until this hostapd has ended, and the lesson goes on by another.
fn await_another(machine: &mut Booted<'_>, pid: &str) -> Result<()> {
    machine.wait("the end of the radio", SOON, |machine| {
        Ok(machine.peek(&format!("test ! -e /proc/{pid} && echo gone"))?.is_some())
    })?;
    machine.wait("the lesson's radio again", SOON, |machine| is_sending(machine))
}

/// Whether the kernel says so (`appliance/system`, `hostapd`).
fn is_sending(machine: &mut Booted<'_>) -> Result<bool> {
    let carrier = machine.peek(&format!("cat /sys/class/net/{SERVING}/carrier"))?;
    Ok(carrier.is_some_and(|carrier| carrier.trim() == "1"))
}
