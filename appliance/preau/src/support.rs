//! A text for whoever helps from afar: versions, state, counters, settings. No name of a person, a device or a site, no
//! address, no key.
//!
//! Invariant: nothing that people have typed is copied. Settings are shown by a list of what may be; of messages there is the
//! place in the program that told them.

mod settings;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use jiff::tz::TimeZone;
use model::Timestamp;
use store::Store;

use crate::condition::{Complaint, Condition, Found};
use crate::config::Config;
use crate::data_folder::STATE_FILE;
use crate::times;

/// The box that is told of.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Its configuration file; without it, the embedded default.
    pub(crate) config: Option<PathBuf>,
    /// Its data folder.
    pub(crate) data: PathBuf,
}

/// Writes the text to a file, or prints it.
pub(crate) fn support(place: &Place, out: Option<&Path>) -> anyhow::Result<ExitCode> {
    let text = write(place);
    match out {
        Some(file) => {
            std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
        }
        None => std::io::stdout().write_all(text.as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The text. What cannot be read is said, and the rest is there: a box that is broken is what it is for.
pub(crate) fn write(place: &Place) -> String {
    let mut text = format!(
        "Préau {}: support file\nIt names no person, no device, no site and no address. Read it before you send it.\n\
         made: {}\nsystem: {}\n",
        env!("CARGO_PKG_VERSION"),
        moment(system::clock::now()),
        system::machine::describe(),
    );
    let parts = [
        ("state", read_condition(&place.data)),
        ("numbers", count(&place.data)),
        ("settings", read_settings(place.config.as_deref())),
    ];
    for (title, part) in parts {
        // Writing to a text cannot fail.
        let _written = write!(text, "\n[{title}]\n{part}");
    }
    text
}

fn moment(at: Timestamp) -> String {
    times::write(at, &TimeZone::UTC)
}

/// How the running box is.
fn read_condition(data: &Path) -> String {
    let condition = match Condition::read(data) {
        Ok(Some(condition)) => condition,
        Ok(None) => return "no box has run on this data folder\n".to_owned(),
        Err(_) => return "it cannot be read\n".to_owned(),
    };
    let mut lines = vec![format!("written {} by version {}", moment(condition.at()), condition.version)];
    lines.extend(
        condition
            .nameless
            .iter()
            .map(|Found { topic, level, lines, .. }| format!("{level}\t{topic}\t{}", lines.join(" "))),
    );
    lines.push("\n[counters since the start]".to_owned());
    lines.extend(condition.counters.iter().map(|(name, count)| format!("{name}\t{count}")));
    lines.push("\n[complaints since the start: level, place in the program, how often, last]".to_owned());
    lines.extend(condition.complaints.iter().map(|Complaint { level, place, count, last_ms }| {
        format!("{level}\t{place}\t{count}\t{}", moment(Timestamp::from_unix_ms(*last_ms)))
    }));
    lines.join("\n") + "\n"
}

/// How much there is of each thing.
fn count(data: &Path) -> String {
    let file = data.join(STATE_FILE);
    if !file.is_file() {
        return "there is no state file\n".to_owned();
    }
    let counts = Store::open(&file).ok().and_then(|store| store.counts().ok());
    let Some(counts) = counts else { return "the state file cannot be read\n".to_owned() };
    counts.into_iter().map(|(name, count)| format!("{name}\t{count}\n")).collect()
}

fn read_settings(config: Option<&Path>) -> String {
    let Some(path) = config else { return "the embedded default\n".to_owned() };
    match Config::load(path) {
        // A key that is wrong may be a name.
        Err(crate::config::ConfigError::Wrong { problems, .. }) => {
            format!("{} mistakes: `preau check` tells them\n", problems.len())
        }
        Err(crate::config::ConfigError::Unreadable { .. }) => "the file cannot be read\n".to_owned(),
        Ok(_) => std::fs::read_to_string(path)
            .ok()
            .and_then(|text| settings::describe(&text))
            .unwrap_or_else(|| "the file cannot be read\n".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_that_never_ran_is_told_of_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { config: None, data: folder.path().to_owned() };
        let text = write(&place);
        for expected in ["no box has run", "there is no state file", "the embedded default"] {
            assert!(text.contains(expected), "{text}");
        }
        // Whoever asks makes nothing.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let out = folder.path().join("out.txt");
        support(&place, Some(&out)).unwrap();
        assert!(std::fs::read_to_string(out).unwrap().starts_with("Préau "));
    }

    #[test]
    fn a_configuration_that_is_wrong_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("preau.toml");
        std::fs::write(&config, "version = 1\n[canari]\nmot = \"canari\"\n").unwrap();
        let text = write(&Place { config: Some(config), data: folder.path().to_owned() });
        assert!(text.contains("mistakes: `preau check`") && !text.contains("canari"), "{text}");
    }
}
