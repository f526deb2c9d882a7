//! The machine: a box's disk in QEMU, with a firmware, where the lab's box would stand.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use harness::{Lab, Machine, Service};

use crate::agent::{self, Agent};
use crate::board::Board;
use crate::monitor::Monitor;

/// How long the box may take from power-on to its first answer. A machine without hardware help takes two minutes, a busy one
/// several times as long.
pub(crate) const START_WITHIN: Duration = Duration::from_secs(1_200);
/// How long a command inside may take.
const COMMAND_WITHIN: Duration = Duration::from_secs(1_200);
/// How long a question may take that is asked again where no answer came: the machine may be about to start anew.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// The disk of the box, in bytes: the image, and room for what the box keeps.
pub(crate) const DISK_BYTES: u64 = 4 << 30;
/// Pause between two questions to a box that starts.
const PAUSE: Duration = Duration::from_millis(500);
/// Places on the machine's bus for disks beside its own.
const PLACES: [&str; 2] = ["0x8", "0x9"];
/// What every machine has. Which port is the line's follows from its place on the bus.
const MACHINE: &str = "-smp 2 -m 1024 -nodefaults -display none -serial file:console.log -device virtio-rng-pci \
    -drive if=pflash,unit=1,format=raw,file=firmware.fd \
    -netdev tap,id=wan,ifname=wan-tap,script=no,downscript=no \
    -device virtio-net-pci,netdev=wan,addr=0x2,mac=02:00:00:00:01:02 \
    -netdev tap,id=lan,ifname=lan-tap,script=no,downscript=no \
    -device virtio-net-pci,netdev=lan,addr=0x3,mac=02:00:00:00:01:03 \
    -device virtio-serial-pci,addr=0x4 -chardev socket,id=test,path=test.socket,server=on,wait=off";

/// What is in the machine.
pub(crate) struct Parts<'p> {
    /// The image that its disk was made of.
    pub(crate) image: &'p Path,
    /// Its disk, which it writes to.
    pub(crate) disk: &'p Path,
    /// Where each write is kept.
    pub(crate) log: Option<&'p Path>,
    /// Files that it can read as disks, by their names: `/dev/disk/by-id/virtio-NAME`.
    pub(crate) beside: &'p [(&'p str, &'p Path)],
    /// Whether somebody can stand before it: it has a screen, a keyboard, and a port for sticks.
    pub(crate) is_attended: bool,
}

/// The machine that runs. The end of this value is a power cut.
pub(crate) struct Booted<'lab> {
    qemu: Service,
    machine: &'lab Machine,
    agent: Agent,
    began: Instant,
}

impl<'lab> Booted<'lab> {
    /// Switches it on for the first time: its firmware remembers nothing.
    ///
    /// # Errors
    /// QEMU or the firmware is missing.
    pub(crate) fn start(lab: &'lab Lab, parts: &Parts<'_>) -> Result<Self> {
        let memory = lab.appliance.directory().join("firmware.fd");
        let board = Board::of(parts.image)?;
        fs::copy(board.firmware()[1], memory)
            .with_context(|| format!("no firmware: Debian's package {}", board.package()))?;
        Self::start_again(lab, parts)
    }

    /// Switches it on once more, with what its firmware remembers of the last time.
    ///
    /// # Errors
    /// QEMU is missing.
    pub(crate) fn start_again(lab: &'lab Lab, parts: &Parts<'_>) -> Result<Self> {
        let folder = lab.appliance.directory();
        let board = Board::of(parts.image)?;
        fs::write(folder.join("console.log"), "")?;
        let began = now();
        let command = command(board, parts)?;
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let qemu = lab.appliance.start("qemu", &command)?;
        let agent =
            Agent::new(&folder.join("test.socket")).with_context(|| qemu.log().unwrap_or_default())?;
        Ok(Self { qemu, machine: &lab.appliance, agent, began })
    }

    /// Seconds since it was switched on.
    pub(crate) fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Waits for something that the machine brings about.
    ///
    /// # Errors
    /// It does not come in time, or the machine ends; what it printed is in the error.
    pub(crate) fn wait(
        &mut self,
        what: &str,
        within: Duration,
        mut condition: impl FnMut(&mut Self) -> Result<bool>,
    ) -> Result<()> {
        let began = now();
        loop {
            let outcome = condition(self);
            let said = || format!("while waiting for {what}\n{}", self.console().unwrap_or_default());
            if outcome.with_context(said)? {
                return Ok(());
            }
            if !self.qemu.is_running()? || began.elapsed() > within {
                bail!("waited in vain for {what}; QEMU: {}\n{}", self.qemu.log()?, self.console()?);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Runs a script inside, which succeeds.
    ///
    /// # Errors
    /// It does not, or nothing is heard of it.
    pub(crate) fn inside(&mut self, script: &str) -> Result<String> {
        let said = self.agent.ask(script, COMMAND_WITHIN)?;
        let said = said.with_context(|| format!("no answer from the machine to: {script}"))?;
        said.success().with_context(|| script.to_owned())
    }

    /// Runs a script inside that may be asked again; `None` where it fails or nothing is heard of it: the machine may be starting.
    ///
    /// # Errors
    /// QEMU has ended.
    pub(crate) fn peek(&mut self, script: &str) -> Result<Option<String>> {
        let said = self.agent.ask(script, ANSWER_WITHIN)?;
        Ok(said.filter(|said| said.status == 0).map(|said| said.text))
    }

    /// Who stands before it, when it is attended.
    ///
    /// # Errors
    /// It is not.
    pub(crate) fn monitor(&self) -> Result<Monitor> {
        Monitor::new(&self.machine.directory().join("monitor.socket"))
    }

    /// Waits until all of it has started, and none of it has failed.
    ///
    /// # Errors
    /// Something has failed; its name is in the error.
    pub(crate) fn settle(&mut self) -> Result<()> {
        self.wait("the shell of the test", START_WITHIN, |machine| Ok(machine.peek("true")?.is_some()))?;
        let said =
            self.inside("systemctl is-system-running --wait; systemctl --failed --no-legend --plain")?;
        ensure!(
            said.lines().next() == Some("running") && said.lines().count() == 1,
            "{said}{}",
            self.console()?
        );
        Ok(())
    }

    /// Shuts it down, and waits for its end.
    ///
    /// # Errors
    /// It does not end.
    pub(crate) fn shut_down(mut self) -> Result<()> {
        self.agent.order("systemctl poweroff")?;
        let began = now();
        while self.qemu.is_running()? {
            ensure!(began.elapsed() < START_WITHIN, "the machine does not shut down\n{}", self.console()?);
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// What the machine printed.
    fn console(&self) -> Result<String> {
        let printed = fs::read(self.machine.directory().join("console.log"))?;
        Ok(String::from_utf8_lossy(&printed).into_owned())
    }
}

/// QEMU, with everything that is in the machine. It runs in the folder of the lab's box.
fn command(board: Board, parts: &Parts<'_>) -> Result<Vec<String>> {
    let words = board.qemu().split_ascii_whitespace().chain(MACHINE.split_ascii_whitespace());
    let mut command: Vec<String> = words.map(str::to_owned).collect();
    let mut add = |option: &str, value: String| command.extend([option.to_owned(), value]);
    add("-device", format!("virtserialport,chardev=test,name={}", agent::PORT));
    add("-drive", format!("if=pflash,unit=0,format=raw,readonly=on,file={}", board.firmware()[0]));
    let disk = absolute(parts.disk)?;
    // Writing zeros is left to writes: QEMU 7.2 may log a zeroing amid another entry.
    let device = "virtio-blk-pci,drive=disk,addr=0x5,write-zeroes=off".to_owned();
    match parts.log {
        None => add("-drive", format!("if=none,id=disk,format=raw,cache=unsafe,discard=unmap,file={disk}")),
        Some(log) => {
            let log = absolute(log)?;
            let file = format!("driver=file,node-name=kept,filename={disk},discard=unmap,cache.no-flush=on");
            add("-blockdev", file);
            add("-blockdev", format!("driver=file,node-name=writes,filename={log},cache.no-flush=on"));
            let log =
                "driver=blklogwrites,node-name=disk,file=kept,log=writes,log-sector-size=512,discard=unmap";
            add("-blockdev", log.to_owned());
        }
    }
    add("-device", device);
    ensure!(parts.beside.len() <= PLACES.len(), "more disks than places");
    for ((name, file), place) in parts.beside.iter().zip(PLACES) {
        let file = absolute(file)?;
        add("-drive", format!("if=none,id={name},format=raw,readonly=on,file={file}"));
        add("-device", format!("virtio-blk-pci,drive={name},serial={name},addr={place}"));
    }
    if parts.is_attended {
        add("-device", board.screen().to_owned());
        add("-device", "qemu-xhci,id=usb,addr=0x7".to_owned());
        add("-device", "usb-kbd,bus=usb.0,port=1".to_owned());
        add("-qmp", "unix:monitor.socket,server=on,wait=off".to_owned());
    }
    for credential in agent::credentials() {
        add("-smbios", credential);
    }
    Ok(command)
}

/// The path of a file that is there, for a program that runs in another folder.
fn absolute(path: &Path) -> Result<String> {
    let path = fs::canonicalize(path).with_context(|| format!("no {}", path.display()))?;
    let text = path.to_str().filter(|text| !text.contains(',')).map(str::to_owned);
    text.with_context(|| format!("QEMU cannot be told of {}", path.display()))
}

/// A folder beside the image, which goes with its value: disks are large, and the machine's folder for temporary files may be
/// memory.
///
/// # Errors
/// The folder of the image cannot be written.
pub(crate) fn workshop(image: &Path) -> Result<tempfile::TempDir> {
    let folder = beside(image)?;
    tempfile::Builder::new()
        .prefix("test-")
        .tempdir_in(&folder)
        .with_context(|| format!("cannot write to {}", folder.display()))
}

/// The folder in which the image is.
///
/// # Errors
/// There is no image.
pub(crate) fn beside(image: &Path) -> Result<PathBuf> {
    let image = fs::canonicalize(image).with_context(|| format!("no image {}", image.display()))?;
    image.parent().map(Path::to_owned).context("an image in a folder")
}

/// Copies a disk, as large as a box's: the image stays as it was built.
///
/// # Errors
/// The disk of this machine is full.
pub(crate) fn copy_disk(lab: &Lab, from: &Path, to: &Path) -> Result<()> {
    let from = absolute(from)?;
    let to_text = to.to_str().context("a path that is text")?;
    lab.appliance.run(&["cp", "--sparse=always", &from, to_text])?.success()?;
    Ok(File::options().write(true).open(to)?.set_len(DISK_BYTES)?)
}

#[expect(clippy::disallowed_methods, reason = "it measures how long a machine takes")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_what_it_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| {
            let path = folder.path().canonicalize().unwrap().join(name);
            fs::write(&path, "").unwrap();
            path
        };
        let (disk, log, release) = (place("disk"), place("log"), place("release"));
        let image = disk.as_path();
        let build = |board, log, beside: &[(&str, &Path)]| {
            command(board, &Parts { image, disk: image, log, beside, is_attended: false })
        };
        let say = |log, beside: &[(&str, &Path)]| build(Board::Pc, log, beside).unwrap().join(" ");
        let plain = say(None, &[]);
        assert!(
            plain.contains(&format!("discard=unmap,file={} -device virtio-blk-pci", disk.display())),
            "{plain}"
        );
        assert!(!plain.contains("-no-reboot") && !plain.contains("blklogwrites"), "{plain}");
        assert_eq!(plain.matches("type=11,value=io.systemd.credential.binary:").count(), 2);
        let logged = say(Some(log.as_path()), &[("release", release.as_path())]);
        assert!(logged.contains(&format!("node-name=writes,filename={}", log.display())), "{logged}");
        assert!(logged.contains("serial=release,addr=0x8"), "{logged}");
        let three = [("a", release.as_path()), ("b", release.as_path()), ("c", release.as_path())];
        assert!(build(Board::Pc, None, &three).is_err());
        assert!(plain.starts_with("qemu-system-x86_64 ") && plain.contains("OVMF_CODE_4M.fd"), "{plain}");
        let other = build(Board::Arm64, None, &[]).unwrap().join(" ");
        assert!(other.starts_with("qemu-system-aarch64 ") && other.contains("AAVMF_CODE.fd"), "{other}");
        assert!(other.contains("addr=0x2,mac=02:00:00:00:01:02") && !other.contains("q35"), "{other}");
        let missing = folder.path().join("missing");
        let parts = |disk, is_attended| Parts { image, disk, log: None, beside: &[], is_attended };
        assert!(command(Board::Pc, &parts(&missing, false)).is_err());
        let attended = |board| command(board, &parts(image, true)).unwrap().join(" ");
        for (board, screen) in [(Board::Pc, "-device VGA,"), (Board::Arm64, "-device ramfb ")] {
            let attended = attended(board);
            assert!(attended.contains(screen) && attended.contains("-device usb-kbd,"), "{attended}");
            assert!(attended.contains("-qmp unix:monitor.socket,"), "{attended}");
        }
        assert!(!plain.contains("VGA") && !plain.contains("-qmp"), "{plain}");
    }
}
