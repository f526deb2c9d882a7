//! An authority of a test's own that certifies what is proved to it (ACME): Debian's Pebble, by which the field tries its clients.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::authority::Authority;
use crate::name_server::{free_address, wait_for};

const PROGRAM: &str = "/usr/bin/pebble";
/// Ports that are tried: somebody else may take one in the moment between.
const PORTS_MAX: u32 = 3;

/// An authority. It ends with its value, and leaves nothing.
#[derive(Debug)]
pub struct Pebble {
    folder: tempfile::TempDir,
    process: Child,
    address: SocketAddr,
}

impl Pebble {
    /// Starts it. It looks for proofs at this name server.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub fn start(names: SocketAddr) -> Result<Self> {
        Self::start_with(names, "")
    }

    /// The same, which serves whom an account with it vouches for: this one, by its number and its key.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_bound(names: SocketAddr, (id, key): (&str, &str)) -> Result<Self> {
        let bound = format!(
            r#", "externalAccountBindingRequired": true, "externalAccountMACKeys": {{"{id}": "{key}"}}"#
        );
        Self::start_with(names, &bound)
    }

    fn start_with(names: SocketAddr, more: &str) -> Result<Self> {
        let mut outcome = Self::start_once(names, more);
        for _ in 1..PORTS_MAX {
            if outcome.is_ok() {
                break;
            }
            outcome = Self::start_once(names, more);
        }
        outcome
    }

    fn start_once(names: SocketAddr, more: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let place = folder.path();
        let authority = Authority::new(place)?;
        let (chain, key) = authority.issue(&["localhost"], &[IpAddr::V4(Ipv4Addr::LOCALHOST)])?;
        let (address, management) = (free_address()?, free_address()?);
        let (chain, key) = (chain.display(), key.display());
        let config = format!(
            r#"{{"pebble": {{"listenAddress": "{address}", "managementListenAddress": "{management}",
                "certificate": "{chain}", "privateKey": "{key}", "httpPort": 1, "tlsPort": 1{more}}}}}"#
        );
        fs::write(place.join("pebble.json"), config)?;
        #[expect(clippy::disallowed_methods, reason = "the lab runs programs")]
        let mut command = Command::new(PROGRAM);
        command.arg("-config").arg(place.join("pebble.json")).args(["-dnsserver", &names.to_string()]);
        // It would wait for some seconds, and refuse some of what is right, so that clients learn patience.
        command.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_WFE_NONCEREJECT", "0");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(place.join("log"))?);
        let process =
            command.spawn().context("Pebble is not installed: ./dev test installs Debian's pebble")?;
        let mut server = Self { folder, process, address };
        wait_for(&mut server.process, address, "Pebble")?;
        Ok(server)
    }

    /// Where it says what it offers.
    #[must_use]
    pub fn directory(&self) -> String {
        format!("https://{}/dir", self.address)
    }

    /// Who vouches for its own door, in PEM.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
