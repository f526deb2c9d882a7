//! `preau network`.

use std::path::Path;
use std::process::ExitCode;

use addressing::{Paths, render_dnsmasq, render_networkd};
use anyhow::Context;
use system::derived::{remove_derived, write_derived};

use crate::config::Config;

/// The school's port, for systemd-networkd.
const NETWORKD_FILE: &str = "lan.network";
/// What devices are given, for dnsmasq.
const DNSMASQ_FILE: &str = "dnsmasq.conf";

/// Writes what the programs beside the box have to know of `config` into `folder`. Where the configuration has nothing for one
/// of them, its file goes.
pub(crate) fn write(config: &Config, folder: &Path, paths: Paths<'_>) -> anyhow::Result<ExitCode> {
    let school = config.network.as_ref().map(|network| &network.school);
    let files = [
        (NETWORKD_FILE, school.map(render_networkd)),
        (DNSMASQ_FILE, school.and_then(|school| render_dnsmasq(school, paths))),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        let written = match text {
            Some(text) => write_derived(&path, &text).map(drop),
            None => remove_derived(&path),
        };
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_has_its_file_as_long_as_there_is_something_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths { hosts: Path::new("/run/hosts"), leases: Path::new("/var/leases") };
        let mut config = Config::load(Path::new("../../docs/preau.example.toml")).unwrap();
        let names = || {
            let entries = std::fs::read_dir(folder.path()).unwrap();
            let mut names: Vec<_> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort_unstable();
            names
        };
        write(&config, folder.path(), paths).unwrap();
        assert_eq!(names(), [DNSMASQ_FILE, NETWORKD_FILE]);
        let text = std::fs::read_to_string(folder.path().join(DNSMASQ_FILE)).unwrap();
        assert!(text.contains("dhcp-hostsfile=/run/hosts\n"), "{text}");
        config.network.as_mut().unwrap().school.leases = None;
        write(&config, folder.path(), paths).unwrap();
        assert_eq!(names(), [NETWORKD_FILE]);
        config.network = None;
        write(&config, folder.path(), paths).unwrap();
        assert!(names().is_empty());
    }
}
