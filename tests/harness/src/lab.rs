//! A whole school.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use tempfile::TempDir;

use crate::appliance::{Appliance, usual_configuration};
use crate::authority::Authority;
use crate::internet;
use crate::machine::{Logs, Machine, Service};
use crate::namespaces::Namespaces;
use crate::school::{Client, PC1_MAC, PC2_MAC, TABLET_MAC, Wiring};
use crate::site::{Site, usual_sites, write_lists};

/// A school with its Internet, running. Ends with this value, or with the process that has it.
#[derive(Debug)]
pub struct Lab {
    /// A classroom PC: 10.77.0.11, fd77::11.
    pub pc1: Machine,
    /// Another classroom PC: 10.77.0.12, fd77::12.
    pub pc2: Machine,
    /// A tablet: 10.77.0.13, fd77::13.
    pub tablet: Machine,
    /// The machine that the box runs on: `lan0`, `wan0`.
    pub appliance: Machine,
    /// Everything beyond the line.
    pub internet: Machine,
    _switch: Machine,
    _services: Vec<Service>,
    sites: Vec<Site>,
    // Last: the files go when nothing uses them any more.
    directory: TempDir,
}

impl Lab {
    /// Builds a school with the usual sites: `mediatheque.example` and `encyclopedie.example` that pass,
    /// `casino.example` and `adulte.example` that are on the lists of their categories, and
    /// `notcasino.example`, which is not.
    ///
    /// # Errors
    /// A program that the lab needs is missing, or namespaces are not allowed.
    pub fn new() -> Result<Self> {
        Self::build(usual_sites()?, Logs::Printed)
    }

    /// Builds the same school for a person to look at: what its programs log stays in their files, where a test
    /// prints it at the end.
    ///
    /// # Errors
    /// As [`Lab::new`].
    pub fn quiet() -> Result<Self> {
        Self::build(usual_sites()?, Logs::Dropped)
    }

    /// Builds a school with these sites.
    ///
    /// # Errors
    /// As [`Lab::new`].
    pub fn with_sites(sites: Vec<Site>) -> Result<Self> {
        Self::build(sites, Logs::Printed)
    }

    fn build(sites: Vec<Site>, logs: Logs) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("preau-lab-").tempdir()?;
        let authority = Authority::new(directory.path())?;
        write_lists(&sites, &directory.path().join("blacklists"))?;
        let namespaces = Arc::new(Namespaces::new(directory.path())?);
        let certificate = authority.certificate();
        let machine = |name| Machine::new(&namespaces, name, directory.path().join(name), &certificate, logs);
        let (pc1, pc2, tablet) = (machine("pc1")?, machine("pc2")?, machine("tablet")?);
        let (switch, appliance, internet) = (machine("switch")?, machine("appliance")?, machine("internet")?);
        let clients = [
            (&pc1, Client { mac: PC1_MAC, number: 11 }),
            (&pc2, Client { mac: PC2_MAC, number: 12 }),
            (&tablet, Client { mac: TABLET_MAC, number: 13 }),
        ];
        let namespaces = &namespaces;
        Wiring { namespaces, clients, switch: &switch, appliance: &appliance, internet: &internet }
            .connect(&sites)?;
        let services = internet::start(&internet, &authority, &sites)?;
        Ok(Self {
            pc1,
            pc2,
            tablet,
            appliance,
            internet,
            _switch: switch,
            _services: services,
            sites,
            directory,
        })
    }

    /// The machine of this name.
    #[must_use]
    pub fn machine(&self, name: &str) -> Option<&Machine> {
        let machines = [&self.pc1, &self.pc2, &self.tablet, &self.appliance, &self.internet];
        machines.into_iter().find(|machine| machine.name() == name)
    }

    /// A box with this configuration, the text of a file; it does not run yet. Its data folder is empty at first.
    ///
    /// # Errors
    /// The program is not built.
    pub fn appliance_with(&self, configuration: &str) -> Result<Appliance<'_>> {
        Appliance::new(&self.appliance, configuration)
    }

    /// The box as a school has it: the lists of the sites, the two PCs registered, answering.
    ///
    /// # Errors
    /// The program is not built, or does not work.
    pub fn start_appliance(&self) -> Result<Appliance<'_>> {
        let mut appliance = self.appliance_with(&usual_configuration())?;
        appliance.build_lists(&self.lists())?;
        appliance.add_usual_devices()?;
        appliance.start()?;
        appliance.wait_until_ready(&self.pc1)?;
        Ok(appliance)
    }

    /// The sites of the Internet.
    #[must_use]
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// A directory that goes with the lab.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The lists that the sites are in: a directory in the layout of UT1.
    #[must_use]
    pub fn lists(&self) -> PathBuf {
        self.directory().join("blacklists")
    }

    /// The certificate of the authority that the Internet trusts, in PEM.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.directory().join("ca.pem")
    }

    /// The file that every site serves as `/big.bin`.
    #[must_use]
    pub fn big_file(&self) -> PathBuf {
        self.internet.directory().join("big.bin")
    }

    /// The file that every site serves as `/film.bin`, which caches may keep.
    #[must_use]
    pub fn film(&self) -> PathBuf {
        self.internet.directory().join("film.bin")
    }

    /// What reached the Internet's web servers: a line for each request, with its scheme, host, client, method,
    /// path, status and size.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn requests(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.internet.directory().join("access.log"))?)
    }
}
