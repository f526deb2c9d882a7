//! The name servers that are measured: the box, and what Debian has. All forward to the same authority, all
//! filter with the same names, all answer with one thread, all are on the loopback.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

use super::{Kind, question};
use crate::listed::Listed;
use crate::process::{Program, command};

/// Where the authority answers.
pub const AUTHORITY_PORT: u16 = 5_399;
/// What the box allows each device here: a benchmark asks from few addresses, and measures the box, not its limit.
const QUESTIONS_PER_SECOND: u32 = 1_000_000;
/// The refused names, as unbound reads them.
const UNBOUND_NAMES: &str = "unbound-zones.conf";
/// The refused names, as dnsmasq reads them.
const DNSMASQ_NAMES: &str = "dnsmasq-names.conf";
/// How long a peer may take to read 4.6 million lines.
const START_SECONDS_MAX: u32 = 600;

/// A name server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The box.
    Preau,
    /// Debian's unbound.
    Unbound,
    /// Debian's dnsmasq.
    Dnsmasq,
}

impl Peer {
    /// All of them, the box first.
    pub const ALL: [Self; 3] = [Self::Preau, Self::Unbound, Self::Dnsmasq];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Preau => "preau",
            Self::Unbound => "unbound",
            Self::Dnsmasq => "dnsmasq",
        }
    }

    /// Where it answers.
    #[must_use]
    pub fn address(self) -> SocketAddr {
        let port = match self {
            Self::Preau => 5_300,
            Self::Unbound => 5_301,
            Self::Dnsmasq => 5_302,
        };
        (Ipv4Addr::LOCALHOST, port).into()
    }

    /// Adds a refused name to the list that a peer has in `folder`; it reads it at its next hang-up. The box's list is
    /// compiled instead.
    ///
    /// # Errors
    /// The list is not there.
    pub fn add_name(self, folder: &Path, name: &str) -> Result<()> {
        let (file, line) = match self {
            Self::Preau => bail!("the box's list is compiled"),
            Self::Unbound => (UNBOUND_NAMES, unbound_line(name)),
            Self::Dnsmasq => (DNSMASQ_NAMES, dnsmasq_line(name)),
        };
        let mut file = File::options().append(true).open(folder.join(file))?;
        Ok(writeln!(file, "{line}")?)
    }

    /// Starts it and waits until it answers. Its files are in `folder`.
    ///
    /// # Errors
    /// It is not there, or does not answer.
    pub fn start(self, listed: &Listed, folder: &Path) -> Result<Program> {
        let command = match self {
            Self::Preau => preau(listed, folder)?,
            Self::Unbound => unbound(listed, folder)?,
            Self::Dnsmasq => dnsmasq(listed, folder)?,
        };
        let mut program = Program::start(self.name(), command, folder)?;
        program.wait_until(START_SECONDS_MAX, || answers(self.address()))?;
        Ok(program)
    }
}

/// Whether a server answers at all.
fn answers(server: SocketAddr) -> bool {
    ask(server, "ready.example").is_ok()
}

/// Whether a server answers to `name` with this address.
#[must_use]
pub fn is_answered_with(server: SocketAddr, name: &str, address: [u8; 4]) -> bool {
    ask(server, name).is_ok_and(|reply| reply.windows(address.len()).any(|bytes| bytes == address))
}

fn ask(server: SocketAddr, name: &str) -> std::io::Result<Vec<u8>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(Duration::from_millis(200)))?;
    socket.connect(server)?;
    socket.send(&question(name, Kind::A))?;
    let mut reply = [0; super::MESSAGE_BYTES_MAX];
    let length = socket.recv(&mut reply)?;
    Ok(reply.get(..length).unwrap_or_default().to_vec())
}

/// A name's line in the list of a peer that takes names.
fn unbound_line(name: &str) -> String {
    format!("local-zone: \"{name}\" always_nxdomain")
}

/// As [`unbound_line`]. Of its forms for a refused name it is the one that dnsmasq reads anew without a restart.
fn dnsmasq_line(name: &str) -> String {
    format!("server=/{name}/")
}

fn preau(listed: &Listed, folder: &Path) -> Result<std::process::Command> {
    let data = folder.join("data");
    // The journal of an earlier run would be recovered first.
    if data.exists() {
        fs::remove_dir_all(&data)?;
    }
    let refused: Vec<String> = listed.categories.iter().map(|category| format!("{category:?}")).collect();
    let configuration = format!(
        "version = 1
[school]
name = \"École du banc d'essai\"
[dns]
questions_per_second = {QUESTIONS_PER_SECOND}
[[dns.upstream]]
address = \"127.0.0.1\"
port = {AUTHORITY_PORT}
[lists]
index = {index:?}
[[profile]]
name = \"inconnu\"
refused = [{refused}]
",
        index = listed.index,
        refused = refused.join(", "),
    );
    let path = folder.join("preau.toml");
    fs::write(&path, configuration)?;
    let mut preau = command(&harness::preau_binary()?.to_string_lossy());
    preau.arg("run").arg("--config").arg(path).arg("--data").arg(data);
    Ok(preau)
}

/// The leanest form that unbound has for a refused name, without its checking of DNSSEC, which the box leaves to
/// its upstream; and caches that hold every name of the measurement.
fn unbound(listed: &Listed, folder: &Path) -> Result<std::process::Command> {
    let zones = folder.join(UNBOUND_NAMES);
    write_lines(&zones, listed, unbound_line)?;
    let configuration = format!(
        "server:
  directory: \"{folder}\"
  chroot: \"\"
  username: \"\"
  pidfile: \"\"
  use-syslog: no
  interface: 127.0.0.1
  port: {port}
  access-control: 127.0.0.0/8 allow
  num-threads: 1
  module-config: \"iterator\"
  do-not-query-localhost: no
  do-ip6: no
  msg-cache-size: 32m
  rrset-cache-size: 64m
  include: \"{zones}\"
remote-control:
  control-enable: no
forward-zone:
  name: \".\"
  forward-addr: 127.0.0.1@{AUTHORITY_PORT}
",
        folder = folder.display(),
        port = Peer::Unbound.address().port(),
        zones = zones.display(),
    );
    let path = folder.join("unbound.conf");
    fs::write(&path, configuration)?;
    let mut unbound = command("unbound");
    unbound.args(["-d", "-p", "-c"]).arg(path);
    Ok(unbound)
}

fn dnsmasq(listed: &Listed, folder: &Path) -> Result<std::process::Command> {
    let names = folder.join(DNSMASQ_NAMES);
    write_lines(&names, listed, dnsmasq_line)?;
    let mut configuration = String::new();
    for line in [
        &format!("port={}", Peer::Dnsmasq.address().port()),
        "listen-address=127.0.0.1",
        "bind-interfaces",
        "keep-in-foreground",
        "user=root",
        "group=root",
        "pid-file=",
        "no-resolv",
        "no-hosts",
        "cache-size=150000",
        "dns-forward-max=1000",
        &format!("server=127.0.0.1#{AUTHORITY_PORT}"),
        &format!("servers-file={}", names.display()),
    ] {
        writeln!(configuration, "{line}")?;
    }
    let path = folder.join("dnsmasq.conf");
    fs::write(&path, configuration)?;
    let mut dnsmasq = command("dnsmasq");
    dnsmasq.arg(format!("--conf-file={}", path.display()));
    Ok(dnsmasq)
}

fn write_lines(path: &Path, listed: &Listed, line: fn(&str) -> String) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for name in &listed.names {
        writeln!(file, "{}", line(name))?;
    }
    Ok(file.flush()?)
}
