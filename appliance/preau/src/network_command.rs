//! `preau network`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use addressing::{Paths, render_dnsmasq, render_networkd, render_networkd_apart};
use anyhow::Context;
use system::derived::{remove_derived, write_derived};

use crate::config::Config;

/// The school's port, for systemd-networkd.
const NETWORKD_FILE: &str = "lan.network";
/// How the files of networks apart begin, for systemd-networkd: those of bridges, and of the box's addresses there.
const APART_PREFIX: &str = "apart-";
/// What devices are given, for dnsmasq.
const DNSMASQ_FILE: &str = "dnsmasq.conf";

/// Writes what the programs beside the box have to know of `config` into `folder`. Where the configuration has nothing for one
/// of them, its file goes.
pub(crate) fn write(config: &Config, folder: &Path, paths: Paths<'_>) -> anyhow::Result<ExitCode> {
    let school = config.network.as_ref().map(|network| &network.school);
    let files = [
        (NETWORKD_FILE.to_owned(), school.map(render_networkd)),
        (DNSMASQ_FILE.to_owned(), school.and_then(|school| render_dnsmasq(school, paths))),
    ];
    let apart = school.map(render_networkd_apart).unwrap_or_default();
    let gone = find_apart(folder)?.into_iter().filter(|name| !apart.iter().any(|(kept, _)| kept == name));
    let gone: Vec<_> = gone.map(|name| (name, None)).collect();
    let apart = apart.into_iter().map(|(name, text)| (name, Some(text)));
    for (name, text) in files.into_iter().chain(apart).chain(gone) {
        let path = folder.join(name);
        let written = match text {
            Some(text) => write_derived(&path, &text).map(drop),
            None => remove_derived(&path),
        };
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The files of networks apart that are there: a network that the configuration no longer has goes.
fn find_apart(folder: &Path) -> anyhow::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
        entries => entries.with_context(|| format!("cannot read {}", folder.display()))?,
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter(|name| name.starts_with(APART_PREFIX)).collect())
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
            let entries = fs::read_dir(folder.path()).unwrap();
            let mut names: Vec<_> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort_unstable();
            names
        };
        write(&config, folder.path(), paths).unwrap();
        assert_eq!(names(), [DNSMASQ_FILE, NETWORKD_FILE]);
        let text = fs::read_to_string(folder.path().join(DNSMASQ_FILE)).unwrap();
        assert!(text.contains("dhcp-hostsfile=/run/hosts\n"), "{text}");
        let apart = addressing::ApartSchool {
            interface: "br-staff".parse().unwrap(),
            ipv4: ("10.77.8.0/24".parse().unwrap(), "10.77.8.1".parse().unwrap()),
            pool: None,
        };
        config.network.as_mut().unwrap().school.apart.push(apart);
        write(&config, folder.path(), paths).unwrap();
        let apart = ["apart-1.netdev", "apart-1.network"];
        assert_eq!(names(), [&apart[..], &[DNSMASQ_FILE, NETWORKD_FILE]].concat());
        config.network.as_mut().unwrap().school.apart.clear();
        write(&config, folder.path(), paths).unwrap();
        assert_eq!(names(), [DNSMASQ_FILE, NETWORKD_FILE]);
        config.network.as_mut().unwrap().school.leases = None;
        write(&config, folder.path(), paths).unwrap();
        assert_eq!(names(), [NETWORKD_FILE]);
        config.network = None;
        write(&config, folder.path(), paths).unwrap();
        assert!(names().is_empty());
    }
}
