//! The box of a lab: the real program.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::{Context, Result, ensure};

use crate::machine::{Machine, Output, Service};
use crate::patience::wait_until;
use crate::school::{APPLIANCE_IPV4, PC1_MAC, PC2_MAC, RESOLVER_IPV4};

/// The box's own name, which it answers without asking anybody.
const OWN_NAME: &str = "preau.lan";

/// A box: a configuration, a data folder, and the program. Running or not, its data stays.
#[derive(Debug)]
pub struct Appliance<'lab> {
    machine: &'lab Machine,
    binary: String,
    configuration: String,
    data: String,
    service: Option<Service>,
}

impl<'lab> Appliance<'lab> {
    /// A box on `machine` with an empty data folder and this configuration, the text of a file.
    pub(crate) fn new(machine: &'lab Machine, configuration: &str) -> Result<Self> {
        let path = machine.directory().join("preau.toml");
        std::fs::write(&path, configuration)?;
        Ok(Self {
            machine,
            binary: text(&preau_binary()?)?,
            configuration: text(&path)?,
            data: text(&machine.directory().join("data"))?,
            service: None,
        })
    }

    /// Runs another command of the program over the same data, as in `["journal", "search"]`. Whoever looks into the journal
    /// of a box that runs says why; here it is to look after the box, unless a reason is given.
    ///
    /// # Errors
    /// It cannot be started. That it fails is no error here.
    pub fn run(&self, arguments: &[&str]) -> Result<Output> {
        let is_search = arguments.starts_with(&["journal", "search"]);
        let reason: &[&str] = match is_search && !arguments.contains(&"--reason") {
            true => &["--reason", "maintenance"],
            false => &[],
        };
        self.run_as_given(&[arguments, reason].concat())
    }

    /// The same without a reason that is not given.
    ///
    /// # Errors
    /// It cannot be started. That it fails is no error here.
    pub fn run_as_given(&self, arguments: &[&str]) -> Result<Output> {
        self.machine.run(&[&[self.binary.as_str()], arguments, &["--data", &self.data]].concat())
    }

    /// Compiles lists, and puts them where the box looks for them.
    ///
    /// # Errors
    /// The program refuses them.
    pub fn build_lists(&self, source: &Path) -> Result<()> {
        std::fs::create_dir_all(&self.data)?;
        let index = format!("{}/lists.idx", self.data);
        let build = [self.binary.as_str(), "blocklist", "build", &text(source)?, "--out", &index];
        self.machine.run(&build)?.success().map(drop)
    }

    /// Registers a device.
    ///
    /// # Errors
    /// The program refuses it.
    pub fn add_device(&self, mac: &str, name: &str, room: &str, profile: &str) -> Result<()> {
        let device = ["device", "add", mac, "--name", name, "--room", room, "--profile", profile];
        self.run(&[&device[..], &["--config", &self.configuration]].concat())?.success().map(drop)
    }

    /// Registers the two PCs of the lab: `CM2-01` and `CM2-02` in room `CM2`. The tablet stays unknown.
    ///
    /// # Errors
    /// The program refuses them.
    pub fn add_usual_devices(&self) -> Result<()> {
        self.add_device(PC1_MAC, "CM2-01", "CM2", "elementaire")?;
        self.add_device(PC2_MAC, "CM2-02", "CM2", "elementaire")
    }

    /// Starts the box.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(&mut self) -> Result<()> {
        self.start_with(&[])
    }

    /// Starts the box with more options of `preau run`.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start_with(&mut self, options: &[&str]) -> Result<()> {
        self.start_by(&[], options)
    }

    /// Starts the box by another program, which gets the box's whole command as its last arguments.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start_by(&mut self, launcher: &[&str], options: &[&str]) -> Result<()> {
        let arguments = [&self.binary, "run", "--config", &self.configuration, "--data", &self.data];
        self.service = Some(self.machine.start("preau", &[launcher, &arguments[..], options].concat())?);
        Ok(())
    }

    /// Waits until the box answers the school: its own name, asked by `client`.
    ///
    /// # Errors
    /// It ended instead, or never answers; its log is in the error.
    pub fn wait_until_ready(&mut self, client: &Machine) -> Result<()> {
        let address = format!("@{APPLIANCE_IPV4}");
        let question = ["dig", "+time=1", "+tries=1", "+noall", "+comments", &address, OWN_NAME];
        let answers = wait_until("the box to answer", || {
            ensure!(self.is_running()?, "the box ended");
            Ok(client.run(&question)?.stdout.contains("status: NOERROR"))
        });
        answers.with_context(|| self.log().unwrap_or_default())
    }

    /// Whether the program runs.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn is_running(&mut self) -> Result<bool> {
        self.service.as_mut().map_or(Ok(false), Service::is_running)
    }

    /// What the program wrote since the lab began.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.machine.directory().join("preau.log"))?)
    }

    /// The program's process, as the lab numbers it; `None` while it does not run.
    #[must_use]
    pub fn process(&self) -> Option<&str> {
        self.service.as_ref().map(Service::process)
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        Path::new(&self.data)
    }

    /// Ends the program as a power cut would.
    ///
    /// # Errors
    /// It had ended already.
    pub fn kill9(&mut self) -> Result<()> {
        self.end("KILL").map(drop)
    }

    /// Asks the program to stop, and waits until it did.
    ///
    /// # Errors
    /// It had ended already, does not end, or reports a failure.
    pub fn stop(&mut self) -> Result<()> {
        let status = self.end("TERM")?;
        ensure!(status.success(), "the box stopped with {status}:\n{}", self.log()?);
        Ok(())
    }

    fn end(&mut self, signal: &str) -> Result<ExitStatus> {
        let mut service = self.service.take().context("the box does not run")?;
        service.signal(signal)?;
        service.wait()
    }
}

/// A network of the Wi-Fi, and an access point whose radio is not there; added to a configuration.
pub const WIFI_WITHOUT_RADIO: &str = r#"
[[wifi.network]]
room = "CM2"
ssid = "tilleul"

[[access_point]]
name = "borne-cm2"
room = "CM2"
kind = "hostapd"
interface = "wlan-absent"
channel = 36
"#;

/// The configuration of the lab's box: the text of a file.
#[must_use]
pub fn usual_configuration() -> String {
    format!(
        r#"version = 1

[school]
name = "École élémentaire du Laboratoire"
helpdesk = "01 23 45 67 89"

[lan]
interface = "lan0"
ipv4_network = "10.77.0.0/24"
ipv4_address = "{APPLIANCE_IPV4}"
ipv6_network = "fd77::/64"
ipv6_address = "fd77::1"

[wan]
interface = "wan0"

[[dns.upstream]]
address = "{RESOLVER_IPV4}"
"#
    )
}

/// The program to test: the one that `PREAU` names, or the one that was built beside this very program.
///
/// # Errors
/// There is none.
pub fn preau_binary() -> Result<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "this is how another build is tested")]
    if let Some(path) = std::env::var_os("PREAU") {
        return Ok(path.into());
    }
    let program = std::env::current_exe()?;
    let built = program.ancestors().skip(1).take(2).map(|directory| directory.join("preau"));
    let mut built = built.filter(|path| path.is_file());
    built.next().context("the program preau is not built: run `cargo build --package preau`")
}

fn text(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).context("a path that is no text")
}
