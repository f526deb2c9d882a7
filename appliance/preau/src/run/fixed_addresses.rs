//! Keeps the file of addresses that devices have for good, which dnsmasq reads.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use addressing::{School, plan_fixed};
use anyhow::Context as _;
use model::Mac;
use store::{Generation, Store};
use system::derived::write_derived;

use crate::config::Config;
use crate::data_folder::STATE_FILE;

/// How often the state is looked at: somebody gives a printer its address, and then switches it on.
const PERIOD: Duration = Duration::from_secs(1);
/// Looks at the state for each look at the file, which somebody else may have changed or removed.
const FILE_EVERY: u32 = 10;

/// Reads the intent, writes the file.
pub(crate) struct FixedAddressKeeper {
    school: School,
    state_file: PathBuf,
    file: PathBuf,
    store: Option<Store>,
    generation: Option<Generation>,
    addresses: Vec<(Mac, Ipv4Addr)>,
    is_told: bool,
}

impl FixedAddressKeeper {
    /// Reads nothing yet. `None` where the box gives no addresses.
    pub(crate) fn new(config: &Config, data: &Path, file: Option<&Path>) -> Option<Self> {
        let school = config.network.as_ref().map(|network| network.school.clone())?;
        let file = file.filter(|_| school.leases.is_some())?.to_owned();
        let state_file = data.join(STATE_FILE);
        let (store, generation, addresses) = (None, None, vec![]);
        Some(Self { school, state_file, file, store, generation, addresses, is_told: false })
    }

    /// Keeps the file until it is told to stop.
    pub(crate) fn keep(mut self, stopped: &Receiver<()>) {
        let mut rounds: u32 = 0;
        loop {
            self.look(rounds.is_multiple_of(FILE_EVERY));
            rounds = rounds.wrapping_add(1);
            if stopped.recv_timeout(PERIOD) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }

    fn look(&mut self, is_due: bool) {
        match self.try_look(is_due) {
            Ok(()) => self.is_told = false,
            Err(error) => {
                if !self.is_told {
                    tracing::error!("the fixed addresses of devices cannot be kept: {error:#}");
                }
                self.is_told = true;
                // Opened anew the next time: somebody may have put things right.
                (self.store, self.generation) = (None, None);
            }
        }
    }

    fn try_look(&mut self, is_due: bool) -> anyhow::Result<()> {
        let is_new = self.read()?;
        if !is_new && !is_due {
            return Ok(());
        }
        let fixed = plan_fixed(&self.school, &self.addresses);
        if is_new {
            fixed.unusable.iter().for_each(|unusable| tracing::warn!("{unusable}: it gets one of the pool"));
        }
        let write = || format!("cannot write {}", self.file.display());
        if write_derived(&self.file, &fixed.text).with_context(write)? {
            tracing::info!(devices = fixed.text.lines().count(), "fixed addresses are written for dnsmasq");
        }
        Ok(())
    }

    /// Reads the addresses when the state has moved. Whether it has.
    fn read(&mut self) -> anyhow::Result<bool> {
        let store = match &mut self.store {
            Some(store) => store,
            absent => absent.insert(Store::open(&self.state_file)?),
        };
        let generation = store.generation()?;
        if self.generation == Some(generation) {
            return Ok(false);
        }
        self.addresses = store.fixed_addresses()?;
        self.generation = Some(generation);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use model::Device;

    use super::*;

    #[test]
    fn the_file_follows_the_state_and_is_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let (file, mac) = (folder.path().join("dhcp-hosts"), "02:00:00:00:00:11".parse::<Mac>().unwrap());
        let config = Config::load(Path::new("../../docs/preau.example.toml")).unwrap();
        let mut keeper = FixedAddressKeeper::new(&config, folder.path(), Some(&file)).unwrap();
        let read = || fs::read_to_string(&file).unwrap();
        keeper.look(false);
        assert_eq!(read(), "");
        let mut store = Store::open(&folder.path().join(STATE_FILE)).unwrap();
        let profile = "adulte".parse().unwrap();
        store.add_device(&Device { mac, name: "Imprimante".parse().unwrap(), room: None, profile }).unwrap();
        store.fix_address(mac, "10.77.0.21".parse().unwrap()).unwrap();
        keeper.look(false);
        assert_eq!(read(), "02:00:00:00:00:11,10.77.0.21\n");
        fs::remove_file(&file).unwrap();
        keeper.look(false);
        assert!(!file.exists(), "the file is looked at now and then only");
        keeper.look(true);
        assert_eq!(read(), "02:00:00:00:00:11,10.77.0.21\n");
    }

    #[test]
    fn a_box_that_gives_no_addresses_keeps_no_file() {
        let config = Config::load_or_default(None).unwrap();
        let file = Path::new("dhcp-hosts");
        assert!(FixedAddressKeeper::new(&config, Path::new("data"), Some(file)).is_none());
    }
}
