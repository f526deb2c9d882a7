//! `preau network`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use addressing::{Paths, render_dnsmasq, render_fixed_line, render_networkd, render_networkd_apart};
use anyhow::Context;
use system::derived::{remove_derived, write_derived};

use crate::config::{Config, LineChoice, Network};
use crate::line;

/// The school's port, for systemd-networkd.
const NETWORKD_FILE: &str = "lan.network";
/// The line's port, for systemd-networkd, where the line has no DHCP.
const LINE_FILE: &str = "wan.network";
/// How the files of networks apart begin, for systemd-networkd: those of bridges, and of the box's addresses there.
const APART_PREFIX: &str = "apart-";
/// What devices are given, for dnsmasq.
const DNSMASQ_FILE: &str = "dnsmasq.conf";

/// Writes what the programs beside the box have to know of `config` into `folder`. Where the configuration has nothing for one
/// of them, its file goes.
/// `line` is where the box keeps what somebody has typed of its line.
pub(crate) fn write(
    config: &Config,
    folder: &Path,
    paths: Paths<'_>,
    line: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let school = config.network.as_ref().map(|network| &network.school);
    let files = [
        (NETWORKD_FILE.to_owned(), school.map(render_networkd)),
        (LINE_FILE.to_owned(), config.network.as_ref().and_then(|network| render_line(network, line))),
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

/// The line's port, where it has no DHCP. What is wrong with the file of what somebody has typed keeps the school's port from nothing.
fn render_line(network: &Network, file: Option<&Path>) -> Option<String> {
    let choice = line::find(network, file).unwrap_or_else(|why| {
        tracing::warn!("what was typed of the line is passed over: {why}");
        line::configured(network)
    });
    match choice {
        LineChoice::Dhcp => None,
        LineChoice::Fixed(line) => Some(render_fixed_line(&network.firewall.intent().wan, &line)),
    }
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
        write(&config, folder.path(), paths, None).unwrap();
        assert_eq!(names(), [DNSMASQ_FILE, NETWORKD_FILE]);
        let text = fs::read_to_string(folder.path().join(DNSMASQ_FILE)).unwrap();
        assert!(text.contains("dhcp-hostsfile=/run/hosts\n"), "{text}");
        let apart = addressing::ApartSchool {
            interface: "br-staff".parse().unwrap(),
            ipv4: ("10.77.8.0/24".parse().unwrap(), "10.77.8.1".parse().unwrap()),
            pool: None,
        };
        config.network.as_mut().unwrap().school.apart.push(apart);
        write(&config, folder.path(), paths, None).unwrap();
        let apart = ["apart-1.netdev", "apart-1.network"];
        assert_eq!(names(), [&apart[..], &[DNSMASQ_FILE, NETWORKD_FILE]].concat());
        config.network.as_mut().unwrap().school.apart.clear();
        write(&config, folder.path(), paths, None).unwrap();
        assert_eq!(names(), [DNSMASQ_FILE, NETWORKD_FILE]);
        config.network.as_mut().unwrap().school.leases = None;
        write(&config, folder.path(), paths, None).unwrap();
        assert_eq!(names(), [NETWORKD_FILE]);
        config.network = None;
        write(&config, folder.path(), paths, None).unwrap();
        assert!(names().is_empty());
    }

    /// Whatever somebody has typed, the school's port has its addresses.
    #[test]
    fn what_was_typed_of_the_line_counts_and_never_keeps_the_school_from_its_port() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths { hosts: Path::new("/run/hosts"), leases: Path::new("/var/leases") };
        let mut config = Config::load(Path::new("../../docs/preau.example.toml")).unwrap();
        let file = folder.path().join("line.toml");
        let written = |config: &Config| {
            write(config, folder.path(), paths, Some(&file)).unwrap();
            let school = fs::read_to_string(folder.path().join(NETWORKD_FILE)).unwrap();
            assert!(
                school.contains("[Match]\nName=lan0\n") && school.contains("Address=10.77.0.1/24\n"),
                "{school}"
            );
            fs::read_to_string(folder.path().join(LINE_FILE)).ok()
        };
        let typed = |address: &str, gateway: &str| {
            let text =
                format!("[wan]\naddress = \"{address}\"\ngateway = \"{gateway}\"\ndns = [\"192.0.2.53\"]\n");
            fs::write(&file, text).unwrap();
        };
        assert_eq!(written(&config), None, "DHCP");
        typed("192.0.2.10/24", "192.0.2.1");
        let line = written(&config).unwrap();
        assert!(line.contains("[Match]\nName=wan0\n") && line.contains("Address=192.0.2.10/24\n"), "{line}");
        // The school's own range, nonsense, and a file that somebody has swapped for another thing.
        typed("10.77.0.7/24", "10.77.0.254");
        assert_eq!(written(&config), None);
        fs::write(&file, [0xff; 5_000]).unwrap();
        assert_eq!(written(&config), None);
        let of_file = addressing::FixedLine::read("198.51.100.7/24", "198.51.100.1", ["192.0.2.53"]).unwrap();
        config.network.as_mut().unwrap().fixed_line = Some(of_file);
        assert!(written(&config).unwrap().contains("Address=198.51.100.7/24\n"), "that of the configuration");
        fs::write(&file, "[wan]\ndhcp = true\n").unwrap();
        assert_eq!(written(&config), None, "what was typed last counts");
        fs::remove_file(&file).unwrap();
        assert!(written(&config).is_some());
    }
}
