//! `preau wifi`.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Read as _, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use portal::JoinFile;
use ring::rand::SystemRandom;
use wifi::lint::{OnAir, Place, Rule, Severity, check, check_capture, check_key, check_name, is_capture};
use wifi::{DeviceKey, Network, Passphrase, Radio, Ssid, render_hostapd, render_keys};

use crate::config::{Config, read_file_up_to};
use crate::join_files::JoinDesk;
use crate::times::parse_end;

/// Largest capture that is read, in MiB: minutes in a house full of networks.
const CAPTURE_MIB_MAX: u64 = 64;
/// More than any key: whoever pipes a file into the program by mistake is told so.
const KEY_BYTES_MAX: u64 = 1024;

/// Prints what is wrong with configurations of access points, and with what captures have of them; exit status 1 when
/// something must not be so.
pub(crate) fn check_files(files: &[PathBuf], ssids: &[Ssid], config: &Config) -> anyhow::Result<ExitCode> {
    let place = config.school.place();
    let mut report = Report { out: std::io::stdout().lock(), is_refused: false };
    for file in files {
        let bytes = read_file_up_to(file, CAPTURE_MIB_MAX)
            .with_context(|| format!("cannot read {}", file.display()))?;
        let checked = if is_capture(&bytes) {
            report.check_capture(file, &bytes, ssids, &place)
        } else {
            report.check_configuration(file, &String::from_utf8_lossy(&bytes), &place)
        };
        checked.with_context(|| file.display().to_string())?;
    }
    Ok(if report.is_refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What is printed, line by line.
struct Report<W> {
    out: W,
    is_refused: bool,
}

impl<W: Write> Report<W> {
    fn check_configuration(&mut self, file: &Path, text: &str, place: &Place) -> anyhow::Result<()> {
        let findings = check(text, place)?;
        for finding in &findings {
            self.tell(&format!("{}:{}", file.display(), finding.line), finding.rule)?;
        }
        if findings.is_empty() {
            writeln!(self.out, "{}: no fault", file.display())?;
        }
        Ok(())
    }

    fn check_capture(
        &mut self,
        file: &Path,
        bytes: &[u8],
        ssids: &[Ssid],
        place: &Place,
    ) -> anyhow::Result<()> {
        let networks = check_capture(bytes, place)?;
        let is_meant = |name: &str| ssids.is_empty() || ssids.iter().any(|ssid| ssid.as_str() == name);
        for OnAir { bssid, ssid, rules } in networks.iter().filter(|network| is_meant(&network.ssid)) {
            let name = if ssid.is_empty() { "(hidden)".to_owned() } else { ssid.escape_debug().to_string() };
            let network = format!("{}: {name} {bssid}", file.display());
            for &rule in rules {
                self.tell(&network, rule)?;
            }
            if rules.is_empty() {
                writeln!(self.out, "{network}: no fault")?;
            }
        }
        for ssid in ssids {
            if !networks.iter().any(|network| network.ssid == ssid.as_str()) {
                self.is_refused = true;
                writeln!(self.out, "{}: {ssid}: no beacon was heard", file.display())?;
            }
        }
        Ok(())
    }

    fn tell(&mut self, place: &str, rule: Rule) -> std::io::Result<()> {
        let severity = match rule.severity() {
            Severity::Refuse => {
                self.is_refused = true;
                "refused"
            }
            Severity::Advise => "advice",
        };
        writeln!(self.out, "{place}: {severity}: {} ({})", rule.explanation(), rule.source())
    }
}

/// A network that devices shall join.
pub(crate) struct Joining {
    pub(crate) ssid: Ssid,
    pub(crate) security: wifi::Security,
    /// The radio of this machine that serves it, if one does.
    pub(crate) radio: Option<Radio>,
    /// Whether the key is typed on standard input; otherwise a new one is drawn.
    pub(crate) is_key_typed: bool,
    /// When devices forget it, as people type times.
    pub(crate) until: Option<String>,
    /// The folder of the files.
    pub(crate) out: PathBuf,
}

/// Writes the files by which devices join, and prints the key: for whoever configures the access point.
pub(crate) fn join(joining: Joining, config: &Config, data: &Path) -> anyhow::Result<ExitCode> {
    let passphrase = if joining.is_key_typed { read_key()? } else { Passphrase::draw(&SystemRandom::new())? };
    let network = Network { ssid: joining.ssid, passphrase, security: joining.security };
    refuse_weak(&network, &config.school.place())?;
    let until = joining.until.as_deref().map(|text| parse_end(text, &config.school.timezone)).transpose();
    let removal = until.context("--until")?.map(|until| jiff::Timestamp::from_millisecond(until.unix_ms()));
    let removal = removal.transpose()?;
    let desk = JoinDesk::new(config);
    let trust = desk.find_trust(data)?;
    let write = |kind: JoinFile| {
        let bytes = desk.write(kind, &network, trust.as_ref(), removal)?;
        anyhow::Ok((format!("{}.{}", kind.as_str(), kind.ending()), bytes))
    };
    let files = JoinFile::ALL.into_iter().map(write).collect::<anyhow::Result<Vec<_>>>()?;
    make_folder(&joining.out)?;
    let radio = joining.radio.iter().flat_map(|radio| serve(&network, radio, &joining.out));
    let radio = radio.map(|(name, bytes)| (name.to_owned(), bytes));
    for (name, bytes) in files.into_iter().chain(radio) {
        write_new(&joining.out.join(name), &bytes)?;
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}\t{}", network.ssid, network.passphrase.reveal())?;
    writeln!(out, "PMK\t{}", network.passphrase.pmk(&network.ssid).reveal_hex())?;
    writeln!(
        out,
        "Whoever has a file of {} has the key: remove them when the devices have joined.",
        joining.out.display()
    )?;
    if trust.is_none() {
        writeln!(out, "The box has no certificate yet: the files bring the network alone.")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What hostapd needs to serve the network.
fn serve(network: &Network, radio: &Radio, out: &Path) -> [(&'static str, Vec<u8>); 2] {
    const KEYS: &str = "hostapd.keys";
    let key = DeviceKey::new("all", &network.passphrase, &network.ssid);
    // hostapd reads it from wherever it was started.
    let place = std::path::absolute(out).unwrap_or_else(|_| out.to_owned()).join(KEYS);
    let configuration = render_hostapd(&network.served(), radio, &place.display().to_string());
    [("hostapd.conf", configuration.into_bytes()), (KEYS, render_keys(&[key]).into_bytes())]
}

/// A weak network is spread to no device.
fn refuse_weak(network: &Network, place: &Place) -> anyhow::Result<()> {
    let name = network.ssid.as_str();
    let of_key = check_key(network.passphrase.reveal(), name, place);
    let faults: Vec<Rule> = check_name(name, place).into_iter().chain(of_key).collect();
    if faults.is_empty() {
        return Ok(());
    }
    let told = faults.iter().map(|rule| format!("\n  {} ({})", rule.explanation(), rule.source()));
    bail!("no device should join the network {name}:{}", told.collect::<String>())
}

fn read_key() -> anyhow::Result<Passphrase> {
    let mut text = String::new();
    std::io::stdin().lock().take(KEY_BYTES_MAX).read_to_string(&mut text).context("cannot read the key")?;
    Ok(text.trim_end_matches(['\r', '\n']).parse()?)
}

/// The folder is its owner's alone.
fn make_folder(path: &Path) -> anyhow::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("cannot make the folder {}", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A file that others may still need is not written over.
fn write_new(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = match opened {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{} is there already: name another folder", path.display())
        }
        opened => opened.with_context(|| format!("cannot write {}", path.display()))?,
    };
    file.write_all(bytes).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use system::authority;

    use super::*;
    use crate::data_folder::AUTHORITY_FILE;

    fn joining(ssid: &str, out: &Path) -> Joining {
        Joining {
            ssid: ssid.parse().unwrap(),
            security: wifi::Security::Wpa2,
            radio: None,
            is_key_typed: false,
            until: Some("2027-07-05".to_owned()),
            out: out.to_owned(),
        }
    }

    #[test]
    fn files_for_devices_are_their_makers_alone_and_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let (config, out) = (Config::load_or_default(None).unwrap(), folder.path().join("out"));
        let names = pki::Names::new(["preau.lan".parse().unwrap()], ["10.77.0.1".parse().unwrap()]);
        authority::open(&folder.path().join(AUTHORITY_FILE), names).unwrap();
        join(joining("tilleul", &out), &config, folder.path()).unwrap();
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&out).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            names.push(entry.file_name().into_string().unwrap());
        }
        names.sort();
        assert_eq!(names, ["chromebook.onc", "ipad.mobileconfig", "qr.svg", "windows.xml"]);
        let profile = std::fs::read_to_string(out.join("ipad.mobileconfig")).unwrap();
        for expected in ["com.apple.security.root", "<date>2027-07-05T22:00:00Z</date>", "lan.preau"] {
            assert!(profile.contains(expected), "{expected}: {profile}");
        }
        let again = join(joining("tilleul", &out), &config, folder.path()).unwrap_err();
        assert!(again.to_string().contains("is there already"), "{again}");
        assert_eq!(std::fs::read_to_string(out.join("ipad.mobileconfig")).unwrap(), profile);
    }

    #[test]
    fn a_name_that_tells_is_spread_to_no_device() {
        let folder = tempfile::tempdir().unwrap();
        let (config, out) = (Config::load_or_default(None).unwrap(), folder.path().join("out"));
        let refused = join(joining("Livebox-ecole", &out), &config, folder.path()).unwrap_err().to_string();
        assert!(refused.contains("many networks have") && refused.contains("children are here"), "{refused}");
        assert!(!out.exists());
    }
}
