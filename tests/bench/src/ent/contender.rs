//! A cache on a street of its own, with the ENT's server on one side and a PC on the other.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rustls::ClientConfig;
use tempfile::TempDir;

use super::client::Client;
use super::origin::{Origin, Then};
use super::peers::{PC, Peer, export_authority};
use super::stage::Object;
use super::vouching::{Vouching, client};
use super::{DOOR, NAME, ORIGIN};
use crate::gate::street::Street;
use crate::process::{Program, command, run, wait_until};

/// A box makes its keys at its first start, on a busy machine.
const START_SECONDS_MAX: u32 = 60;
/// Asked until it is answered.
const READY: &str = "/ready";

/// A running cache.
pub struct Contender {
    /// Which.
    pub peer: Peer,
    /// The ENT's server.
    pub origin: Origin,
    street: Street,
    tls: Arc<ClientConfig>,
    programs: Vec<Program>,
    // Last: the files go when nothing uses them any more.
    folder: TempDir,
}

impl Contender {
    /// Starts it, and waits until it answers.
    ///
    /// # Errors
    /// It is not there, or does not answer.
    pub fn start(peer: Peer) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("preau-ent-").tempdir()?;
        open(folder.path())?;
        let vouching = Vouching::new(folder.path())?;
        let street = Street::new()?;
        street.client.run(|| ip(&format!("link set eth0 address {PC}")))?;
        street.internet.run(|| ip(&format!("address add {ORIGIN} dev lo")))?;
        if peer != Peer::Preau {
            street.gateway.run(|| ip(&format!("address add {DOOR} dev lo")))?;
        }
        let origin = Origin::default();
        street.internet.run(|| origin.start(vouching.server()?))?;
        let programs = street.gateway.run(|| peer.start(&vouching, folder.path()))?;
        let mut own = Self { peer, origin, street, tls: client(&vouching.authority)?, programs, folder };
        own.wait_until_ready()?;
        Ok(own)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        self.origin.script(READY, |question, wire| {
            Object::new(1, 1).without_tag().answer(question, wire).map(|()| Then::GoOn)
        });
        let outcome = wait_until(START_SECONDS_MAX, || {
            for program in &mut self.programs {
                ensure!(program.is_running()?, "it ended");
            }
            if self.peer == Peer::Preau && !self.trust_the_box() {
                return Ok(false);
            }
            Ok(self.visit(|client| Ok(client.get(READY, &[])?.status == 200)).unwrap_or_default())
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
    pub fn memory(&self) -> Result<u64> {
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

fn ip(arguments: &str) -> Result<()> {
    let mut ip = command("ip");
    ip.args(arguments.split(' '));
    run(ip)
}
