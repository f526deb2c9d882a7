//! The commune's hub, on the Internet's machine.

use std::path::Path;

use anyhow::{Context, Result};
use harness::{Machine, Service, preau_binary, wait_until};

/// The school whose box it is.
pub(crate) const SCHOOL: &str = "0750655E";
/// Where it listens: an address of the Internet's machine, by which boxes reach it.
const LISTEN: &str = "192.0.2.1:8443";

/// A hub that runs.
pub(crate) struct Hub<'lab> {
    machine: &'lab Machine,
    program: String,
    data: String,
    _service: Service,
}

impl<'lab> Hub<'lab> {
    /// Starts one that knows the school and its room `CM2`.
    pub(crate) fn start(internet: &'lab Machine) -> Result<Self> {
        let text = |path: &Path| path.to_str().map(str::to_owned).context("a path that is text");
        let program = text(&preau_binary()?)?;
        let data = text(&internet.directory().join("hub-data"))?;
        let service =
            internet.start("hub", &[program.as_str(), "hub", "--data", &data, "--listen", LISTEN])?;
        wait_until("the hub to listen", || Ok(service.log()?.contains("witness ")))
            .with_context(|| service.log().unwrap_or_default())?;
        let hub = Self { machine: internet, program, data, _service: service };
        hub.command(&["school", "add", SCHOOL, "École Jules-Ferry", "--room", "CM2"])?;
        Ok(hub)
    }

    /// Runs one of its commands, which succeeds.
    pub(crate) fn command(&self, arguments: &[&str]) -> Result<String> {
        let whole = [&[self.program.as_str(), "hub"], arguments, &["--data", &self.data]].concat();
        self.machine.run(&whole)?.success()
    }

    /// A code by which a box enrols.
    pub(crate) fn code(&self, more: &[&str]) -> Result<String> {
        Ok(self.command(&[&["code", SCHOOL], more].concat())?.trim().to_owned())
    }

    /// What boxes are told.
    pub(crate) fn url(&self) -> String {
        format!("https://{LISTEN}")
    }
}
