//! `preau device`.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use model::{Device, Mac, RoomName, Tester};
use store::{Added, Store};

use crate::config::Config;
use crate::data_folder;

/// Registers `device`, whose profile must be one of `config`'s.
pub(crate) fn add(data: &Path, config: &Config, device: &Device) -> anyhow::Result<ExitCode> {
    if !config.filter.profiles.iter().any(|profile| profile.name == device.profile) {
        let known =
            config.filter.profiles.iter().map(|profile| profile.name.as_str()).collect::<Vec<_>>().join(", ");
        bail!("there is no profile `{}`; known: {known}", device.profile);
    }
    if Tester::of(device.mac).is_some() || device.name.as_str().starts_with(Tester::NAME_START) {
        bail!(
            "names that begin with `{}`, and their addresses, are those of the self-test",
            Tester::NAME_START
        );
    }
    let mut store = open(data)?;
    let mut out = std::io::stdout().lock();
    match store.add_device(device)? {
        Added::New => writeln!(out, "registered {} as {}", device.mac, describe(device))?,
        Added::Replaced(before) => {
            writeln!(out, "{} was {}, is now {}", device.mac, describe(&before), describe(device))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Gives a device an address for good, one of `config`'s network.
pub(crate) fn fix(data: &Path, config: &Config, mac: Mac, address: Ipv4Addr) -> anyhow::Result<ExitCode> {
    let school = config.network.as_ref().map(|network| &network.school);
    let school = school.filter(|school| school.leases.is_some());
    let school = school.context("the configuration has no [dhcp]: this box gives no addresses")?;
    if !school.is_for_devices(address) {
        bail!("{address} is not an address of a device in {}", school.ipv4.0);
    }
    open(data)?.fix_address(mac, address)?;
    writeln!(std::io::stdout(), "{mac} has {address} from its next request on")?;
    Ok(ExitCode::SUCCESS)
}

/// Lets a device have any address again.
pub(crate) fn release(data: &Path, mac: Mac) -> anyhow::Result<ExitCode> {
    match open(data)?.release_address(mac)? {
        Some(address) => writeln!(std::io::stdout(), "{address} is nobody's any more")?,
        None => bail!("{mac} has no address for good"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Lists the registered devices, by name, with the addresses that they have for good.
pub(crate) fn list(data: &Path) -> anyhow::Result<ExitCode> {
    let store = open(data)?;
    let addresses: BTreeMap<Mac, Ipv4Addr> = store.fixed_addresses()?.into_iter().collect();
    let mut out = std::io::stdout().lock();
    for device in store.devices()? {
        let room = device.room.as_ref().map_or("-", RoomName::as_str);
        let address = addresses.get(&device.mac).map_or("-".to_owned(), Ipv4Addr::to_string);
        writeln!(out, "{}\t{}\t{room}\t{}\t{address}", device.mac, device.name, device.profile)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Forgets a device.
pub(crate) fn remove(data: &Path, mac: Mac) -> anyhow::Result<ExitCode> {
    match open(data)?.remove_device(mac)? {
        Some(device) => writeln!(std::io::stdout(), "forgot {mac}, which was {}", describe(&device))?,
        None => bail!("{mac} is not registered"),
    }
    Ok(ExitCode::SUCCESS)
}

fn open(data: &Path) -> anyhow::Result<Store> {
    data_folder::make(data)?;
    Ok(Store::open(&data.join(data_folder::STATE_FILE))?)
}

fn describe(device: &Device) -> String {
    match &device.room {
        Some(room) => format!("{} in {room}, profile {}", device.name, device.profile),
        None => format!("{}, profile {}", device.name, device.profile),
    }
}

#[cfg(test)]
mod tests {
    use model::ProfileName;

    use super::*;

    /// Nobody registers a device that passes for one of the self-test's.
    #[test]
    fn the_self_tests_devices_are_nobodys() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::load_or_default(None).unwrap();
        let tester = Tester::new(1).unwrap();
        let device = |mac: Mac, name: &str| {
            let profile = ProfileName::unknown();
            Device { mac, name: name.parse().unwrap(), room: None, profile }
        };
        let plain: Mac = "02:00:00:00:00:11".parse().unwrap();
        for refused in [device(tester.mac(), "CM2-01"), device(plain, "autotest-inconnu")] {
            let error = add(folder.path(), &config, &refused).unwrap_err().to_string();
            assert!(error.contains("self-test"), "{error}");
        }
        add(folder.path(), &config, &device(plain, "CM2-01")).unwrap();
    }
}
