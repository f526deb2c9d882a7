//! A cache on a street of its own, with the ENT's server on one side and a PC on the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rustls::ClientConfig;
use tempfile::TempDir;

use super::client::Client;
use super::origin::{Origin, Then};
use super::peers::{PC, Peer, export_authority, run_preau};
use super::stage::Object;
use super::vouching::{Vouching, client};
use super::{DOOR, NAME, ORIGIN};
use crate::gate::street::Street;
use crate::process::{Program, Shares, command, run, wait_until};

/// A box makes its keys at its first start, on a busy machine.
const START_SECONDS_MAX: u32 = 60;
/// Asked until it is answered.
const READY: &str = "/ready";

/// Has everything that reaches the ENT's server vanish, or arrive again.
const CUT: &str = "table inet cut { chain in { type filter hook input priority -10; policy drop; }; }";
const MEND: &str = "delete table inet cut";

/// A running cache.
pub struct Contender {
    /// Which.
    pub peer: Peer,
    /// The ENT's server.
    pub origin: Origin,
    street: Street,
    tls: Arc<ClientConfig>,
    programs: Vec<Program>,
    /// What stands behind it, where that is a program.
    _server: Option<Program>,
    // Last: the files go when nothing uses them any more.
    folder: TempDir,
}

impl Contender {
    /// Starts it, and waits until it answers.
    ///
    /// # Errors
    /// It is not there, or does not answer.
    pub fn start(peer: Peer) -> Result<Self> {
        let origin = Origin::default();
        origin.script(READY, |question, wire| {
            Object::new(1, 1).without_tag().answer(question, wire).map(|()| Then::GoOn)
        });
        let serving = origin.clone();
        let serve = |vouching: &Vouching, _: &Path| serving.start(vouching.server()?).map(|()| None);
        Self::start_before(peer, (origin, READY), serve)
    }

    /// The same before another server, which answers the path `ready` with 200 as soon as it is there.
    ///
    /// # Errors
    /// As [`Contender::start`].
    pub fn start_before(
        peer: Peer,
        (origin, ready): (Origin, &str),
        serve: impl FnOnce(&Vouching, &Path) -> Result<Option<Program>> + Send,
    ) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("preau-ent-").tempdir()?;
        open(folder.path())?;
        let vouching = Vouching::new(folder.path())?;
        let street = Street::new()?;
        street.client.run(|| ip(&format!("link set eth0 address {PC}")))?;
        street.internet.run(|| ip(&format!("address add {ORIGIN} dev lo")))?;
        if peer != Peer::Preau {
            street.gateway.run(|| ip(&format!("address add {DOOR} dev lo")))?;
        }
        let server = street.internet.run(|| serve(&vouching, folder.path()))?;
        let programs = street.gateway.run(|| peer.start(&vouching, folder.path()))?;
        let tls = client(&vouching.authority)?;
        let mut own = Self { peer, origin, street, tls, programs, _server: server, folder };
        own.wait_until_ready(ready)?;
        Ok(own)
    }

    fn wait_until_ready(&mut self, ready: &str) -> Result<()> {
        let outcome = wait_until(START_SECONDS_MAX, || {
            for program in &mut self.programs {
                ensure!(program.is_running()?, "it ended");
            }
            if self.peer == Peer::Preau && !self.trust_the_box() {
                return Ok(false);
            }
            Ok(self.visit(|client| Ok(client.get(ready, &[])?.status == 200)).unwrap_or_default())
        });
        outcome.with_context(|| {
            let logs = self.programs.iter().map(Program::log).collect::<String>();
            format!("{} does not answer:\n{logs}", self.peer.name())
        })
    }

    /// The box makes its authority while it starts.
    fn trust_the_box(&mut self) -> bool {
        let trusted = export_authority(self.folder.path()).and_then(|path| client(Path::new(&path)));
        trusted.map(|tls| self.tls = tls).is_ok()
    }

    /// Who vouches for it to devices: a file in PEM.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        let name = if self.peer == Peer::Preau { "box.pem" } else { "authority.pem" };
        self.folder.path().join(name)
    }

    /// Does something at the PC.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn visit<T: Send>(&self, work: impl FnOnce(&Client) -> Result<T> + Send) -> Result<T> {
        let client = Client::new(Arc::clone(&self.tls));
        self.at_the_pc(|| work(&client))
    }

    /// The same with a program of its own.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn at_the_pc<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        self.street.client.run(work)
    }

    /// Cuts the line: packets to the ENT's server vanish.
    ///
    /// # Errors
    /// `nft` is missing.
    pub fn cut(&self) -> Result<()> {
        self.street.internet.run(|| nft(CUT))
    }

    /// Mends the line.
    ///
    /// # Errors
    /// It is not cut.
    pub fn mend(&self) -> Result<()> {
        self.street.internet.run(|| nft(MEND))
    }

    /// Has the box die, and start anew after `meanwhile` in its data folder. It does not wait for it.
    ///
    /// # Errors
    /// Those of `meanwhile`, or it cannot be started.
    pub fn restart(&mut self, meanwhile: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        ensure!(self.peer == Peer::Preau, "only the box keeps its state in one folder");
        self.programs.clear();
        let folder = self.folder.path();
        meanwhile(&folder.join("data"))?;
        self.programs.push(self.street.gateway.run(|| run_preau(folder))?);
        Ok(())
    }

    /// Time of processors that its programs have used so far, in seconds.
    ///
    /// # Errors
    /// They have ended.
    pub fn processor_s(&self) -> Result<f64> {
        self.programs.iter().map(Program::family_processor_s).sum()
    }

    /// What its programs take of memory, each shared page counted once (PSS, proc_pid_smaps(5)).
    ///
    /// # Errors
    /// They have ended.
    pub fn memory(&self) -> Result<Shares> {
        self.programs.iter().map(Program::family_memory).sum()
    }
}

/// Peers give up root for users of their own, who have to come here.
fn open(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?)
}

/// Has the name of the ENT lead to the door, for programs in this sandbox: its mounts are its own.
///
/// # Errors
/// `mount` is missing.
pub fn name_the_door(folder: &Path) -> Result<()> {
    let hosts = folder.join("hosts");
    fs::write(&hosts, format!("127.0.0.1 localhost\n{DOOR} {NAME}\n"))?;
    let mut mount = command("mount");
    mount.arg("--bind").arg(&hosts).arg("/etc/hosts");
    run(mount)
}

fn nft(order: &str) -> Result<()> {
    let mut nft = command("nft");
    nft.arg(order);
    run(nft)
}

fn ip(arguments: &str) -> Result<()> {
    let mut ip = command("ip");
    ip.args(arguments.split(' '));
    run(ip)
}
