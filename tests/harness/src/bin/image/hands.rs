//! Somebody stands before the machine: a screen, a keyboard, and sticks in the pocket. The screen says how the box is, a stick enrols it,
//! no key opens a shell, and a word has it forget everything.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::Lab;

use crate::booted::{Booted, Parts, START_WITHIN, beside, copy_disk, now, workshop};
use crate::classroom::{answers, check_filter, give_line, lease, open, resolve, rewire};
use crate::hub::{Hub, SCHOOL};
use crate::monitor::Monitor;
use crate::replacement::trouble;
use crate::screen::wait_for_words;
use crate::stick::Stick;

/// Where the pictures of the screen stay, beside the image.
const PICTURES: &str = "hands";
/// A site that a pupil has opened before the box was made fresh again.
const SITE: &str = "mediatheque.example";
const ENROL_PAGE: &str = "http://preau.lan/inscription";
/// How long the box may take to say or do what somebody before it has brought about.
const SOON: Duration = Duration::from_secs(300);
/// How long is looked whether a key has done something after all.
const LONG_ENOUGH: Duration = Duration::from_secs(10);

/// The screen of a box that is nobody's, and of one that is.
const FRESH: &str = "Ce boîtier est neuf : il attend le code de la commune";
const ENROLLED: &str = "Ce boîtier est inscrit";
const IDLE: &str = "Touche R : effacer tout ce que ce boîtier a gardé.";
const ASKED: &str = "Tapez EFFACER puis Entrée ; une autre touche annule.";
const NOTHING_ERASED: &str = "Rien n'a été effacé.";
const BAD_FILE: &str = "Le fichier preau-enrol.toml de la clé USB n'est pas bon";
/// What somebody has written into the file who knows no better.
const NONSENSE: &str = "code: ABCD 1234\n";
/// The word as an AZERTY keyboard gives it to a kernel that takes all keyboards for American ones: its A lies where those have the Q.
const WORD: [&str; 7] = ["e", "f", "f", "q", "c", "e", "r"];

const BOOT_ID: &str = "cat /proc/sys/kernel/random/boot_id";
/// What can change by a key: which start it is, which screen is in front, the program at the screen and how often it began anew,
/// whether the data can be written, and who waits for somebody to sign in.
const STATE: &str = "cat /proc/sys/kernel/random/boot_id /sys/class/tty/tty0/active
    systemctl show -P MainPID -P NRestarts preau-console
    findmnt -no OPTIONS /var | cut -d, -f1
    pgrep -lx 'agetty|login|sulogin' || echo nobody";
/// What the school's box has that a fresh one has not.
const MARK: &str = "set -e
    echo kept > /var/lib/preau/mark; sync /var/lib/preau/mark
    test -e /var/lib/preau/hub/identity";
const KEPT: &str = "cat /var/lib/preau/mark && test -e /var/lib/preau/hub/identity";
/// The volume: its identifier, the key that all of it is encrypted with, and the beginning of where that key lies, itself encrypted.
const VOLUME: &str = "set -e
    device=/dev/disk/by-partlabel/preau-data
    rm -f /run/test-key
    cryptsetup luksUUID $device
    echo | cryptsetup luksDump --batch-mode --dump-volume-key --volume-key-file /run/test-key $device > /dev/null
    base64 -w 0 /run/test-key; echo
    offset=$(cryptsetup luksDump $device | sed -n 's/.*Area offset:\\([0-9]*\\).*/\\1/p' | head -1)
    dd if=$device bs=512 skip=$((offset / 512)) count=1 iflag=direct status=none | base64 -w 0; echo";

/// The volume of all that a box keeps, as its key's holder sees it.
#[derive(PartialEq, Eq)]
struct Volume {
    uuid: String,
    key: String,
    /// A piece of the key as it lies on the disk: without all pieces nobody has the key.
    piece: Vec<u8>,
}

/// Whoever stands before the machine, and looks at its screen.
struct Technician {
    monitor: Monitor,
    pictures: PathBuf,
    taken: u32,
}

/// From the first start to the word, and what is left after it.
pub(crate) fn run(image: &Path) -> Result<()> {
    let workshop = workshop(image)?;
    let lab = Lab::quiet()?;
    let hub = Hub::start(&lab.internet)?;
    rewire(&lab)?;
    let _line = give_line(&lab.internet)?;
    let disk = workshop.path().join("disk.raw");
    copy_disk(&lab, image, &disk)?;
    let nonsense = Stick::exfat(&lab, workshop.path(), "nonsense")?;
    let file = format!("hub = \"{}\"\ncode = \"{}\"\n", hub.url(), hub.code(&[])?);
    let good = Stick::fat(&lab, workshop.path(), "good", &file)?;

    let parts = Parts { image, disk: &disk, log: None, beside: &[], is_attended: true };
    let mut machine = Booted::start(&lab, &parts)?;
    let mut technician = Technician::come(&machine, image)?;
    machine.wait("the first answer", START_WITHIN, |_| answers(&lab.pc2))?;
    println!("first answer        {:.1} s after power-on", machine.seconds());
    let shown = wait_for_words(&mut machine, FRESH, START_WITHIN)?;
    println!("the screen          {:.1} s after power-on", machine.seconds());
    shown.print();
    technician.look("fresh")?;
    machine.settle()?;
    lease(&lab.pc1)?;
    // Whoever hears of a code once more is told of another trouble: the line has to be there.
    machine.wait("the line", START_WITHIN, |_| Ok(resolve(&lab.pc1, SITE)? == "198.51.100.10\n"))?;

    show_nonsense(&mut machine, &mut technician, &lab, &nonsense)?;
    enrol(&mut machine, &mut technician, &hub, &good)?;
    // Once more where the box was starting anew.
    machine.wait("the record", SOON, |machine| {
        open(&lab.pc1, &format!("http://{SITE}/"))?;
        Ok(count_records(machine)?.is_some_and(|found| found > 0))
    })?;
    machine.inside(MARK)?;
    try_keys(&mut machine, &mut technician)?;
    restart_in_order(&mut machine, &mut technician, &lab)?;
    reset(&mut machine, &mut technician, &lab, &nonsense, &disk)?;
    restart_after_reset(&mut machine, &mut technician, &lab)
}

/// A stick that is no good is told in words, on the screen and on the page; nothing is lost.
fn show_nonsense(
    machine: &mut Booted<'_>,
    technician: &mut Technician,
    lab: &Lab,
    stick: &Stick,
) -> Result<()> {
    stick.plug(&mut technician.monitor)?;
    stick.write(machine, NONSENSE)?;
    // A slow machine may have read it already.
    stick.unplug(&mut technician.monitor)?;
    let began = now();
    stick.plug(&mut technician.monitor)?;
    let shown = wait_for_words(machine, BAD_FILE, SOON)?;
    println!("a stick's nonsense  told {:.1} s after it was plugged in", began.elapsed().as_secs_f64());
    ensure!(shown.text().contains(FRESH), "it is not fresh any more: {}", shown.text());
    technician.look("nonsense")?;
    let told = trouble(&lab.pc1)?.context("the page says nothing of the stick")?;
    ensure!(told.contains("preau-enrol.toml"), "the page says: {told}");
    ensure!(open(&lab.pc1, ENROL_PAGE)?.text.contains("name=\"code\""), "no code can be typed any more");
    check_filter(&lab.pc2)?;
    stick.unplug(&mut technician.monitor)
}

/// A stick with a code makes it the school's box.
fn enrol(machine: &mut Booted<'_>, technician: &mut Technician, hub: &Hub<'_>, stick: &Stick) -> Result<()> {
    let before = stick.bytes()?;
    let began = now();
    let told = |what: &str, began: Instant| {
        println!("{what:<20}{:.1} s after the stick was plugged in", began.elapsed().as_secs_f64());
    };
    stick.plug(&mut technician.monitor)?;
    machine.wait("the box at the hub", SOON, |_| {
        let boxes = hub.command(&["box", "list"])?;
        Ok(boxes.lines().any(|line| line.contains(&format!("\t{SCHOOL}\tenrolled\t"))))
    })?;
    told("enrolled", began);
    let shown = wait_for_words(machine, ENROLLED, SOON)?;
    told("told on the screen", began);
    shown.print();
    // Its commune's settings may have it start anew in the first minute.
    technician.look("enrolled")?;
    stick.unplug(&mut technician.monitor)?;
    ensure!(stick.bytes()? == before, "the stick is not as it was");
    Ok(())
}

/// No key but one does anything: there is no shell, no name is asked for, and the kernel takes no orders.
fn try_keys(machine: &mut Booted<'_>, technician: &mut Technician) -> Result<()> {
    machine.settle()?;
    let before = machine.inside(STATE)?;
    ensure!(before.contains("\ntty1\n") && before.ends_with("rw\nnobody\n"), "{before}");
    // There is no other screen: the kernel goes to none that no program has opened.
    technician.monitor.press("alt-f2")?;
    technician.monitor.press_each(&["ret", "r", "o", "o", "t", "ret", "i", "d", "ret"])?;
    std::thread::sleep(LONG_ENOUGH);
    technician.look("other")?;
    let state = machine.inside(STATE)?;
    ensure!(state == before, "{state}, after {before}");
    // The kernel's own keys: end all programs at this screen, take the disks away, start at once, show all tasks.
    technician.monitor.press_each(&["alt-sysrq-k", "alt-sysrq-u", "alt-sysrq-b", "alt-sysrq-t"])?;
    // What interrupts a program elsewhere.
    technician.monitor.press_each(&["ctrl-c", "ctrl-z", "ctrl-d", "ctrl-backslash", "ctrl-s", "esc"])?;
    std::thread::sleep(LONG_ENOUGH);
    let state = machine.inside(STATE)?;
    ensure!(state == before, "{state}, after {before}");
    let shown = wait_for_words(machine, IDLE, SOON)?;
    ensure!(shown.text().contains("Chaque accès est noté, le web est ouvert."), "{}", shown.text());
    println!("keys                no shell, no name that is asked for, nothing stopped");
    Ok(())
}

/// The three keys that start any PC anew do so in order, and nothing is lost.
fn restart_in_order(machine: &mut Booted<'_>, technician: &mut Technician, lab: &Lab) -> Result<()> {
    let began = now();
    let boot = machine.inside(BOOT_ID)?;
    technician.monitor.press("ctrl-alt-delete")?;
    wait_for_start(machine, &boot)?;
    machine.wait("an answer", START_WITHIN, |_| answers(&lab.pc2))?;
    println!("Ctrl+Alt+Del        starts anew, an answer after {:.1} s", began.elapsed().as_secs_f64());
    machine.settle()?;
    ensure!(machine.inside(KEPT)? == "kept\n", "what was kept is gone");
    // By its folder: QEMU's firmware has no identity, and the machine another one at each start.
    let ended =
        machine.inside("journalctl -D /var/log/journal -b -1 -o cat -u preau --no-pager | tail -3")?;
    ensure!(ended.contains("Stopped preau.service"), "the box was not stopped in order: {ended}");
    Ok(())
}

/// Another word changes nothing; the word has everything forgotten, and the box is fresh.
fn reset(
    machine: &mut Booted<'_>,
    technician: &mut Technician,
    lab: &Lab,
    stick: &Stick,
    disk: &Path,
) -> Result<()> {
    let (boot, before) = (machine.inside(BOOT_ID)?, Volume::look(machine)?);
    ensure!(before.opens(machine)?, "its key opens it");
    ensure!(is_on_disk(disk, &before.piece)?, "its key lies on the disk");
    wait_for_words(machine, IDLE, SOON)?;
    technician.monitor.press_each(&["r", "e", "f", "f", "q", "c", "e", "ret"])?;
    wait_for_words(machine, NOTHING_ERASED, SOON)?;
    wait_for_words(machine, IDLE, SOON)?;
    // The word without its beginning is none either.
    technician.monitor.press("esc")?;
    technician.monitor.press_each(&WORD)?;
    technician.monitor.press("ret")?;
    std::thread::sleep(LONG_ENOUGH);
    ensure!(
        machine.inside(BOOT_ID)? == boot && machine.inside(KEPT)? == "kept\n",
        "a wrong word did something"
    );
    println!("a wrong word        changes nothing");

    // A box that is enrolled reads no stick; a fresh one does that finds it there.
    stick.plug(&mut technician.monitor)?;
    // Its last letter has asked for the word once more, and Enter has ended that: the next key asks anew.
    wait_for_words(machine, NOTHING_ERASED, SOON)?;
    technician.monitor.press("r")?;
    wait_for_words(machine, ASKED, SOON)?;
    technician.monitor.press_each(&WORD)?;
    let shown = wait_for_words(machine, &format!("{ASKED} EFFACER"), SOON)?;
    ensure!(!shown.text().contains(BAD_FILE), "a box in use has read a stick");
    technician.look("word")?;
    let began = now();
    technician.monitor.press("ret")?;
    technician.look_at_once("erasing")?;
    wait_for_start(machine, &boot)?;
    let shown = wait_for_words(machine, FRESH, START_WITHIN)?;
    println!(
        "the word            {:.1} s until the screen says that it is fresh",
        began.elapsed().as_secs_f64()
    );
    shown.print();
    wait_for_words(machine, BAD_FILE, SOON)?;
    println!("a stick             is read that was there at the start");
    technician.look("fresh-again")?;
    look_after_reset(machine, lab, &before)?;
    machine.settle()?;
    machine.inside("sync")?;
    ensure!(!is_on_disk(disk, &before.piece)?, "the key of before still lies on the disk");
    println!("the key of before   opens nothing, and is nowhere on the disk");
    Ok(())
}

/// The word was for one start: the next one forgets nothing of what the box has kept since.
fn restart_after_reset(machine: &mut Booted<'_>, technician: &mut Technician, lab: &Lab) -> Result<()> {
    let (boot, volume) = (machine.inside(BOOT_ID)?, Volume::look(machine)?);
    technician.monitor.press("ctrl-alt-delete")?;
    wait_for_start(machine, &boot)?;
    machine.wait("an answer", START_WITHIN, |_| answers(&lab.pc2))?;
    machine.settle()?;
    ensure!(Volume::look(machine)? == volume, "the start after the next one has erased it once more");
    println!("another start       forgets nothing");
    Ok(())
}

/// Nothing of the school is there.
fn look_after_reset(machine: &mut Booted<'_>, lab: &Lab, before: &Volume) -> Result<()> {
    machine.wait("an answer", START_WITHIN, |_| answers(&lab.pc2))?;
    lease(&lab.pc1)?;
    machine.wait("the page of a fresh box", START_WITHIN, |_| {
        Ok(open(&lab.pc1, ENROL_PAGE)?.text.contains("name=\"code\""))
    })?;
    check_filter(&lab.pc2)?;
    let left = machine.inside(
        "ls -d /var/lib/preau/mark /var/lib/preau/hub/identity /sys/firmware/efi/efivars/FactoryReset-* 2>/dev/null
        true",
    )?;
    ensure!(left.is_empty(), "left: {left}");
    let starts = machine.inside("journalctl -D /var/log/journal -F _BOOT_ID | wc -l")?;
    ensure!(starts == "1\n", "the machine's journal knows {starts} starts");
    machine.wait("the box's journal", SOON, |machine| Ok(count_records(machine)?.is_some()))?;
    ensure!(count_records(machine)? == Some(0), "the box's journal knows what was before");
    let after = Volume::look(machine)?;
    ensure!(after.uuid != before.uuid && after.key != before.key, "the same volume");
    ensure!(after.opens(machine)? && !before.opens(machine)?, "the key of before opens it");
    Ok(())
}

/// Waits for another start.
fn wait_for_start(machine: &mut Booted<'_>, before: &str) -> Result<()> {
    machine.wait("another start", START_WITHIN, |machine| {
        Ok(machine.peek(BOOT_ID)?.is_some_and(|boot| boot != before))
    })
}

/// How many accesses to the site are in the box's journal; `None` where it cannot be asked yet.
fn count_records(machine: &mut Booted<'_>) -> Result<Option<usize>> {
    let search = format!(
        "runuser -u preau -- preau journal search --json --reason maintenance --host {SITE} --data /var/lib/preau"
    );
    let found = machine.peek(&search)?;
    Ok(found.map(|found| found.lines().filter(|line| line.contains(SITE)).count()))
}

impl Volume {
    fn look(machine: &mut Booted<'_>) -> Result<Self> {
        let said = machine.inside(VOLUME)?;
        let mut lines = said.lines().map(str::to_owned);
        let mut next = || lines.next().filter(|line| !line.is_empty()).context("no volume");
        Ok(Self { uuid: next()?, key: next()?, piece: STANDARD.decode(next()?)? })
    }

    /// Whether its key is that of the volume that is there now.
    fn opens(&self, machine: &mut Booted<'_>) -> Result<bool> {
        let said = machine.inside(&format!(
            "echo {} | base64 -d > /run/test-key
            cryptsetup open --test-passphrase --volume-key-file /run/test-key /dev/disk/by-partlabel/preau-data 2>&1
            echo $?",
            self.key
        ))?;
        if said.lines().next_back() == Some("0") {
            return Ok(true);
        }
        ensure!(said.contains("does not match"), "{said}");
        Ok(false)
    }
}

/// Whether the disk has a sector of these bytes.
fn is_on_disk(disk: &Path, sector: &[u8]) -> Result<bool> {
    ensure!(sector.iter().any(|byte| *byte != 0), "an empty sector is everywhere");
    let mut file = File::open(disk)?;
    let mut bytes = vec![0; sector.len() << 12];
    loop {
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read(rest)? {
                0 => break,
                count => filled += count,
            }
        }
        let read = bytes.get(..filled).unwrap_or_default();
        if read.chunks(sector.len()).any(|found| found == sector) {
            return Ok(true);
        }
        if filled < bytes.len() {
            return Ok(false);
        }
    }
}

impl Technician {
    fn come(machine: &Booted<'_>, image: &Path) -> Result<Self> {
        let pictures = beside(image)?.join(PICTURES);
        fs::create_dir_all(&pictures)?;
        Ok(Self { monitor: machine.monitor()?, pictures, taken: 0 })
    }

    /// Takes a picture of the screen as it stands, once it has been drawn anew.
    fn look(&mut self, name: &str) -> Result<()> {
        std::thread::sleep(Duration::from_secs(2));
        self.look_at_once(name)
    }

    /// The same of a screen that is gone in a moment.
    fn look_at_once(&mut self, name: &str) -> Result<()> {
        self.taken += 1;
        let picture = self.pictures.join(format!("{}-{name}.png", self.taken));
        self.monitor.take_picture(&picture)?;
        println!("picture             {}", picture.display());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sector_is_found_wherever_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let disk = folder.path().join("disk");
        let sector = [7; 512];
        let write = |sectors: usize, at: usize| {
            let mut bytes = vec![0; sectors * 512];
            bytes[at * 512..][..512].copy_from_slice(&sector);
            fs::write(&disk, bytes).unwrap();
        };
        for (sectors, at) in [(1, 0), (4_096, 4_095), (4_097, 4_096), (10_000, 5_000)] {
            write(sectors, at);
            assert!(is_on_disk(&disk, &sector).unwrap(), "{sectors}, {at}");
            assert!(!is_on_disk(&disk, &[8; 512]).unwrap(), "{sectors}, {at}");
        }
        assert!(is_on_disk(&disk, &[0; 512]).is_err());
    }
}
