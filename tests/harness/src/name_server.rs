//! A name server of a test's own that takes changes by a key (RFC 2136): Debian's Knot DNS, over a temporary folder.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::patience::wait_until;

/// Where Debian keeps it: an ordinary user's PATH does not look there.
const PROGRAM: &str = "/usr/sbin/knotd";
const KEY_NAME: &str = "preau";
const SECRET: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
/// Ports that are tried: somebody else may take one in the moment between.
const PORTS_MAX: u32 = 3;

/// A server. It ends with its value, and leaves nothing.
#[derive(Debug)]
pub struct NameServer {
    _folder: tempfile::TempDir,
    process: Child,
    address: SocketAddr,
}

impl NameServer {
    /// Starts it, with one zone that has nothing but its head. The server that the zone names does not serve it: nobody waits for that one.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub fn start(zone: &str) -> Result<Self> {
        let mut outcome = Self::start_once(zone);
        for _ in 1..PORTS_MAX {
            if outcome.is_ok() {
                break;
            }
            outcome = Self::start_once(zone);
        }
        outcome
    }

    fn start_once(zone: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (place, address) = (folder.path(), free_address()?);
        let head = format!(
            "$ORIGIN {zone}.\n$TTL 60\n@ SOA localhost. root.localhost. 1 60 60 600 60\n@ NS localhost.\n"
        );
        fs::write(place.join("zone"), head)?;
        fs::write(place.join("knot.conf"), configure(&place.display().to_string(), address, zone))?;
        #[expect(clippy::disallowed_methods, reason = "the lab runs programs")]
        let mut command = Command::new(PROGRAM);
        command.arg("-c").arg(place.join("knot.conf"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(place.join("log"))?);
        let process =
            command.spawn().context("Knot DNS is not installed: ./dev test installs Debian's knot")?;
        let mut server = Self { _folder: folder, process, address };
        wait_for(&mut server.process, address, "Knot DNS")?;
        Ok(server)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The key that may change the zone: its name, and its secret (HMAC-SHA-256) in base 64.
    #[must_use]
    pub fn key(&self) -> (&'static str, &'static str) {
        (KEY_NAME, SECRET)
    }

    /// The texts that it has by a name, one a line, each in quotation marks.
    ///
    /// # Errors
    /// It cannot be asked.
    pub fn look_up(&self, name: &str) -> Result<String> {
        #[expect(clippy::disallowed_methods, reason = "the lab runs programs")]
        let mut command = Command::new("dig");
        command.args(["@127.0.0.1", "-p", &self.address.port().to_string(), "+short", "+tcp", "TXT", name]);
        let said = command.output().context("dig is not installed")?;
        ensure!(said.status.success(), "dig: {}", String::from_utf8_lossy(&said.stdout));
        Ok(String::from_utf8_lossy(&said.stdout).into_owned())
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn configure(place: &str, address: SocketAddr, zone: &str) -> String {
    format!(
        "server:\n  listen: {}@{}\n  rundir: {place}\n\
         database:\n  storage: {place}\n\
         key:\n  - id: {KEY_NAME}\n    algorithm: hmac-sha256\n    secret: {SECRET}\n\
         acl:\n  - id: change\n    key: {KEY_NAME}\n    action: update\n\
         zone:\n  - domain: {zone}\n    storage: {place}\n    file: zone\n    acl: change\n\
         log:\n  - target: stderr\n    any: info\n",
        address.ip(),
        address.port()
    )
}

/// A port of loopback that nobody has.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Waits until a program takes connections.
pub(crate) fn wait_for(process: &mut Child, address: SocketAddr, name: &str) -> Result<()> {
    wait_until(&format!("{name} to answer"), || {
        ensure!(process.try_wait()?.is_none(), "{name} ended");
        Ok(TcpStream::connect(address).is_ok())
    })
}
