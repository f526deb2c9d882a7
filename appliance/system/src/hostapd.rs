//! Radios of the box, by the program hostapd(8): one process for each, in a unit of its own where the box has systemd, else a child
//! of the box.
//!
//! It dies with the box, however the box dies: the child by `PR_SET_PDEATHSIG`, the unit's by the end of its connection to the box
//! ([`keep`]); and the kernel ends the beacons of a process that is gone. It starts silent (`start_disabled`).
//!
//! What hostapd says of itself does not tell whether it sends: `state=ENABLED` is also said in silence. The kernel tells: an
//! interface has a carrier while its access point is started, and none before and after.

mod control;
mod daemon;
mod keeper;
mod process;

use std::ffi::OsString;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use firewall::Interface;
use wifi::{
    Drive, DriveError, Event, Power, Radio, Reality, Setup, Stamp, Stamps, Station, Step, read_station,
    render_hostapd, render_keys, render_vlans,
};

use crate::clock::monotonic;
use crate::lists::replace_with_mode;
use control::Control;
use daemon::Daemon;
pub use keeper::keep;

/// The program, looked for in `PATH`.
const PROGRAM: &str = "hostapd";
/// What tells the kernel how loud a radio is (iw(8)): hostapd has no word for it.
const POWER_PROGRAM: &str = "iw";
/// What hostapd is started with, in its radio's folder.
const CONFIGURATION_FILE: &str = "hostapd.conf";
/// The socket at which units are asked for, beside the radios' folders.
const DOOR: &str = "door";
/// Whoever reads these files has the keys: the box alone.
const OWN: Modes = Modes { folder: 0o700, control: 0o700, file: 0o600 };
/// The box, and hostapd as another user of its group, who may make something only where the socket is by which it is spoken to. The box opens
/// nothing there but that socket, and what it says to it is no secret: whatever takes hostapd over by the air gains nothing by a link.
const SHARED: Modes = Modes { folder: 0o750, control: 0o770, file: 0o640 };
/// How long hostapd takes to be there: half a second, and more where the kernel is slow to change the country.
const START_WITHIN: Duration = Duration::from_secs(10);
/// How long the kernel takes to begin or end sending once hostapd was told to: some milliseconds.
const SWITCH_WITHIN: Duration = Duration::from_secs(2);
/// How long hostapd takes to throw its devices out and to end once it is asked to, and its last words to come.
const END_WITHIN: Duration = Duration::from_secs(1);
/// How often it is looked at meanwhile.
const LOOK_PAUSE: Duration = Duration::from_millis(10);
/// Steps of one walk over the stations: hostapd takes eighty at a time, and repeats some while others join.
const WALK_MAX: usize = 256;
/// Longest path of a socket, in bytes (`sun_path` of unix(7), without its final zero).
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// One radio of the box.
pub struct HostapdRadio {
    program: OsString,
    power_program: OsString,
    folder: PathBuf,
    /// Where a unit is asked for; without it, hostapd is the box's child.
    door: Option<PathBuf>,
    interface: Interface,
    bridge: Option<Interface>,
    running: Option<Running>,
}

/// Who may do what with a radio's files.
struct Modes {
    folder: u32,
    control: u32,
    file: u32,
}

/// What hostapd reads.
struct Files {
    configuration: String,
    keys: String,
    vlans: String,
}

struct Running {
    daemon: Daemon,
    control: Control,
    /// What it was given: hostapd gives no key out.
    given: Stamps,
    /// The name that it must say it serves.
    shown_ssid: String,
}

impl HostapdRadio {
    /// The radio with this interface, by a hostapd that is the box's child. What it needs is kept in a folder under `folder`, which is
    /// made.
    #[must_use]
    pub fn new(folder: &Path, interface: Interface, bridge: Option<Interface>) -> Self {
        // The interface's name is short: the path of a socket has little room.
        let folder = folder.join(interface.as_str());
        let (program, power_program) = (PROGRAM.into(), POWER_PROGRAM.into());
        Self { program, power_program, folder, door: None, interface, bridge, running: None }
    }

    /// The same by a hostapd in a unit of its own, which a socket in `folder` starts (`systemd/system/preau-hostapd.socket`).
    #[must_use]
    pub fn of_unit(folder: &Path, interface: Interface, bridge: Option<Interface>) -> Self {
        Self { door: Some(folder.join(DOOR)), ..Self::new(folder, interface, bridge) }
    }

    fn modes(&self) -> Modes {
        if self.door.is_some() { SHARED } else { OWN }
    }

    fn control_folder(&self) -> PathBuf {
        self.folder.join("control")
    }

    fn keys_file(&self) -> PathBuf {
        self.folder.join("hostapd.keys")
    }

    fn vlans_file(&self) -> PathBuf {
        self.folder.join("hostapd.vlans")
    }

    fn render(&self, setup: &Setup) -> Files {
        let vlans_file = (!setup.bridges.is_empty()).then(|| self.vlans_file().display().to_string());
        let radio = Radio {
            interface: self.interface.to_string(),
            bridge: self.bridge.as_ref().map(ToString::to_string),
            channel: setup.channel,
            country: setup.country,
            isolates_stations: setup.isolates_stations,
            control_folder: self.control_folder().display().to_string(),
            vlans_file,
        };
        let keys_file = self.keys_file().display().to_string();
        Files {
            configuration: render_hostapd(&setup.served(), &radio, &keys_file),
            keys: render_keys(&setup.keys),
            vlans: render_vlans(self.interface.as_str(), &setup.bridges),
        }
    }

    /// Starts hostapd anew with this setup: silent.
    fn set_up(&mut self, setup: &Setup) -> Result<(), DriveError> {
        // The one before goes first: both would want the interface.
        self.running = None;
        let given = self.stamps(setup);
        let Files { configuration, keys, vlans } = self.render(setup);
        let file = self.folder.join(CONFIGURATION_FILE);
        self.prepare().map_err(unfit)?;
        for (path, text) in
            [(&file, &configuration), (&self.keys_file(), &keys), (&self.vlans_file(), &vlans)]
        {
            write(path, text, self.modes().file).map_err(unfit)?;
        }
        let daemon = match &self.door {
            Some(door) => Daemon::ask_for(door, &self.interface),
            None => Daemon::start(&self.program, &file),
        };
        let mut daemon = daemon.map_err(unfit)?;
        let control = self.await_start(&mut daemon)?;
        // It is silent still. Louder than meant is no reason to have no lesson: the kernel keeps to the country's limit.
        if let Err(error) = self.limit_power(setup.power) {
            tracing::warn!(interface = %self.interface, %error, "the radio's power is not limited");
        }
        let shown_ssid = control::show(setup.ssid.as_str().as_bytes());
        self.running = Some(Running { daemon, control, given, shown_ssid });
        Ok(())
    }

    /// Tells the kernel how loud the radio may be, whenever it sends.
    fn limit_power(&self, power: Power) -> io::Result<()> {
        let program = self.power_program.display();
        #[expect(clippy::disallowed_methods, reason = "this is the room that runs programs")]
        let mut command = Command::new(&self.power_program);
        command.args(["dev", self.interface.as_str(), "set", "txpower", "fixed"]);
        command.arg(power.hundredths().to_string()).stdin(Stdio::null()).stdout(Stdio::null());
        let status = command
            .stderr(Stdio::null())
            .status()
            .map_err(|error| io::Error::new(error.kind(), format!("cannot run {program}: {error}")))?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("{program} refuses: {status}"))) }
    }

    fn prepare(&self) -> io::Result<()> {
        let socket = self.control_folder().join(self.interface.as_str());
        if socket.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
            let message =
                format!("{} is too long for a socket: give a shorter data folder", socket.display());
            return Err(io::Error::new(io::ErrorKind::InvalidFilename, message));
        }
        let Modes { folder, control, .. } = self.modes();
        for (path, mode) in [(&self.folder, folder), (&self.control_folder(), control)] {
            let made = DirBuilder::new().recursive(true).mode(mode).create(path);
            // Not by the mode of a process that gives its group nothing.
            made.and_then(|()| fs::set_permissions(path, Permissions::from_mode(mode))).map_err(|error| {
                io::Error::new(error.kind(), format!("cannot make {}: {error}", path.display()))
            })?;
        }
        Ok(())
    }

    /// Waits until hostapd has its interface, or has ended because it cannot.
    fn await_start(&self, daemon: &mut Daemon) -> Result<Control, DriveError> {
        let start = monotonic();
        loop {
            if !daemon.is_running() {
                return Err(DriveError::Refused(daemon.last_words()));
            }
            if let Ok(control) = self.open_control() {
                return Ok(control);
            }
            if monotonic().duration_since(start) > START_WITHIN {
                let message = format!("hostapd does not come up: {}", daemon.last_words());
                return Err(DriveError::Silent(message.into()));
            }
            thread::sleep(LOOK_PAUSE);
        }
    }

    fn open_control(&self) -> io::Result<Control> {
        let socket = self.control_folder().join(self.interface.as_str());
        let mut control = Control::open(&socket, self.folder.join("box"))?;
        let status = control.ask("STATUS")?;
        if control::field(&status, "state") == Some("ENABLED") {
            control.order("ATTACH")?;
            Ok(control)
        } else {
            Err(io::Error::other("not ready yet"))
        }
    }

    fn load_keys(&mut self, setup: &Setup) -> Result<(), DriveError> {
        let Stamps { keys: stamp, .. } = self.stamps(setup);
        let Files { keys, .. } = self.render(setup);
        write(&self.keys_file(), &keys, self.modes().file).map_err(unfit)?;
        let running = self.running.as_mut().ok_or(DriveError::Unset)?;
        running.control.order("RELOAD_WPA_PSK").map_err(failed)?;
        running.given.keys = stamp;
        Ok(())
    }

    fn send(&mut self) -> Result<(), DriveError> {
        let running = self.running.as_mut().ok_or(DriveError::Unset)?;
        running.control.order("UPDATE_BEACON").map_err(failed)?;
        self.await_carrier(true)
    }

    /// A hostapd that does not do so is ended: then it does.
    fn silence(&mut self) -> Result<(), DriveError> {
        let Some(running) = &mut self.running else {
            let message = format!("another program uses {}: stop it", self.interface);
            return Err(DriveError::Refused(message));
        };
        let stopped = running.control.order("STOP_AP").map_err(failed);
        if stopped.and_then(|()| self.await_carrier(false)).is_err() {
            tracing::warn!(interface = %self.interface, "hostapd does not stop sending: it is ended");
            self.running = None;
        }
        self.await_carrier(false)
    }

    fn await_carrier(&self, is_expected: bool) -> Result<(), DriveError> {
        let start = monotonic();
        while has_carrier(&self.interface).map_err(unfit)? != is_expected {
            if monotonic().duration_since(start) > SWITCH_WITHIN {
                let does = if is_expected { "does not begin to send" } else { "does not stop sending" };
                return Err(DriveError::Refused(format!("{} {does}", self.interface)));
            }
            thread::sleep(LOOK_PAUSE);
        }
        Ok(())
    }
}

impl Drive for HostapdRadio {
    fn stamps(&self, setup: &Setup) -> Stamps {
        let Files { configuration, keys, vlans } = self.render(setup);
        Stamps { setup: Stamp::of(&(configuration + &vlans)), keys: Stamp::of(&keys) }
    }

    fn look(&mut self, _: Option<&Setup>) -> Result<Reality, DriveError> {
        let is_sending = has_carrier(&self.interface).map_err(unfit)?;
        let Some(running) = &mut self.running else {
            return Ok(Reality { setup: None, keys: None, is_sending, until: None });
        };
        match running.look() {
            Ok(is_as_given) => {
                let given = is_as_given.then_some(running.given);
                Ok(Reality {
                    setup: given.map(|given| given.setup),
                    keys: given.map(|given| given.keys),
                    is_sending,
                    until: None,
                })
            }
            // It ends with this: what does not answer is started anew.
            Err(error) => {
                let words = running.daemon.last_words();
                self.running = None;
                tracing::error!(interface = %self.interface, %error, "hostapd does not answer, or has ended: {words}");
                Err(failed(error))
            }
        }
    }

    fn apply(&mut self, step: Step, setup: Option<&Setup>) -> Result<(), DriveError> {
        match step {
            Step::Silence => self.silence(),
            Step::SetUp => self.set_up(setup.ok_or(DriveError::Unset)?),
            Step::LoadKeys => self.load_keys(setup.ok_or(DriveError::Unset)?),
            // The box tells it to stop, and it ends with the box: it need not know when.
            Step::Send { until: _ } => self.send(),
        }
    }

    fn stations(&mut self) -> Result<Vec<Station>, DriveError> {
        let Some(running) = &mut self.running else { return Ok(vec![]) };
        running.walk().map_err(failed)
    }

    fn take_events(&mut self) -> Vec<Event> {
        self.running.as_mut().map(|running| running.control.take_events()).unwrap_or_default()
    }
}

impl Running {
    /// Whether it says that it serves what it was given: the network's name, CCMP alone, no WPS.
    fn look(&mut self) -> io::Result<bool> {
        if !self.daemon.is_running() {
            return Err(io::Error::other("it has ended"));
        }
        let said = self.control.ask("GET_CONFIG")?;
        let expected = [
            ("ssid", self.shown_ssid.as_str()),
            ("wps_state", "disabled"),
            ("rsn_pairwise_cipher", "CCMP"),
            ("group_cipher", "CCMP"),
        ];
        Ok(expected.iter().all(|(name, value)| control::field(&said, name) == Some(*value)))
    }

    /// The list is not made at one moment: while devices join, the walk repeats some and misses others.
    fn walk(&mut self) -> io::Result<Vec<Station>> {
        let mut found: Vec<Station> = Vec::new();
        let mut reply = self.control.ask("STA-FIRST")?;
        for _ in 0..WALK_MAX {
            let Some((station, has_proved)) = read_station(&reply) else { break };
            found.retain(|other| other.mac != station.mac);
            found.extend(has_proved.then_some(station));
            reply = self.control.ask(&format!("STA-NEXT {}", station.mac))?;
        }
        Ok(found)
    }
}

/// Whether the access point of this interface is started, as the kernel says. An interface that is down has no carrier.
fn has_carrier(interface: &Interface) -> io::Result<bool> {
    match fs::read_to_string(Path::new("/sys/class/net").join(interface.as_str()).join("carrier")) {
        Ok(text) => Ok(text.trim() == "1"),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(io::Error::new(io::ErrorKind::NotFound, format!("there is no interface {interface}")))
        }
        Err(error) => Err(error),
    }
}

/// What is on the disk already is not written again: so a radio also starts on a disk that is full.
fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    if fs::read_to_string(path).ok().as_deref() != Some(text) {
        replace_with_mode(path, text.as_bytes(), mode)?;
    }
    fs::set_permissions(path, Permissions::from_mode(mode))
}

fn unfit(error: io::Error) -> DriveError {
    DriveError::Unfit(error.into())
}

/// What hostapd says no to is not silence.
fn failed(error: io::Error) -> DriveError {
    let is_refusal = error.kind() == io::ErrorKind::Other;
    if is_refusal { DriveError::Refused(error.to_string()) } else { DriveError::Silent(error.into()) }
}

#[cfg(test)]
mod tests;
