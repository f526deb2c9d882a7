//! The lists as the hub serves them: one archive, fetched and looked at once, with the differences that lead to it, for all boxes.
//!
//! Whoever fetches and publishes is a process of its own; here is what it leaves: a folder of files that only ever are replaced whole, and a small
//! file that says what became of the last try.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use jiff::tz::TimeZone;
use portal::Language;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::pages::Place;
use crate::register::history::{Channel, NewAlert};

/// What became of the last try, in the folder. Nobody is served a name that begins with a full stop.
const STATE_FILE: &str = ".state.json";
/// Longest name of a file that is served.
const NAME_BYTES_MAX: usize = 200;
/// Categories that a letter names.
const NAMED_MAX: usize = 10;

/// The folder.
#[derive(Clone, Debug)]
pub struct ListShelf(PathBuf);

/// What became of the last try.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListState {
    /// When it was, in milliseconds since 1970.
    pub tried_ms: Option<i64>,
    /// When the mirror was last known to have what is here.
    pub checked_ms: Option<i64>,
    /// When what is served was published.
    pub published_ms: Option<i64>,
    /// The checksum of the archive that it was made of, as the mirror says it.
    pub published_sum: Option<String>,
    /// The mirror.
    pub mirror: String,
    /// Bytes of the archive.
    pub bytes: u64,
    /// The differences that lead to it, with their bytes; the one from the newest state first.
    pub differences: Vec<(String, u64)>,
    /// Categories that a list which is held back has lost much of: name, lines before, lines after.
    pub losses: Vec<(String, u64, u64)>,
    /// Why the last try failed.
    pub failure: Option<String>,
    /// What people were told last.
    pub told: Told,
}

/// What people were told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// Nothing, or that all is well.
    #[default]
    Well,
    /// A list is held back.
    Held,
    /// Nothing comes.
    Failed,
}

/// A file that is served.
pub(crate) struct Served {
    pub(crate) file: File,
    pub(crate) bytes: u64,
    /// What tells it from the one before: each is a new file.
    pub(crate) tag: String,
    pub(crate) modified: std::time::SystemTime,
}

impl ListShelf {
    /// In this folder. Touches nothing yet.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// What became of the last try; `None` where there was none.
    #[must_use]
    pub fn state(&self) -> Option<ListState> {
        serde_json::from_slice(&std::fs::read(self.state_file()).ok()?).ok()
    }

    /// The file of that.
    #[must_use]
    pub fn state_file(&self) -> PathBuf {
        self.0.join(STATE_FILE)
    }

    /// A file of the folder itself; `None` where there is none.
    pub(crate) fn open(&self, name: &str) -> io::Result<Option<Served>> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if name.is_empty()
            || name.len() > NAME_BYTES_MAX
            || name.starts_with('.')
            || !name.bytes().all(is_plain)
        {
            return Ok(None);
        }
        let file = match File::open(self.0.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let known = file.metadata()?;
        if !known.is_file() {
            return Ok(None);
        }
        let modified = known.modified()?;
        let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        let tag = format!("\"{:x}-{:x}\"", known.len(), since.as_nanos());
        Ok(Some(Served { file, bytes: known.len(), tag, modified }))
    }
}

impl ListState {
    /// What people are to be told, where they were not told it.
    #[must_use]
    pub fn news(&self, failed_long: bool) -> Option<Told> {
        let told = match (self.losses.is_empty(), failed_long) {
            (false, _) => Told::Held,
            (true, true) => Told::Failed,
            (true, false) => Told::Well,
        };
        (told != self.told).then_some(told)
    }

    /// A letter or a call that says so.
    #[must_use]
    pub fn write_alert(&self, told: Told, channel: Channel, commune: &str, timezone: &TimeZone) -> NewAlert {
        let place = Place { commune, timezone, language: Language::French };
        let key = match told {
            Told::Held => "letter-lists-held",
            Told::Failed => "letter-lists-failed",
            Told::Well => "letter-lists-well",
        };
        let body = match channel {
            Channel::Mail => {
                let mut lines = vec![place.say(key), String::new()];
                lines.extend(self.losses.iter().take(NAMED_MAX).map(|(name, before, after)| {
                    let (before, after) = (before.to_string(), after.to_string());
                    let said = [("category", name.as_str()), ("before", &before), ("after", &after)];
                    format!("- {}", place.say_with("lists-loss", &said))
                }));
                lines.extend(self.failure.iter().map(|failure| format!("- {failure}")));
                lines.extend([String::new(), place.say("letter-end")]);
                lines.join("\n")
            }
            Channel::Webhook => json!({
                "version": 1,
                "event": "lists",
                "state": told,
                "losses": self.losses,
                "failure": self.failure,
            })
            .to_string(),
        };
        NewAlert { channel, uai: String::new(), subject: place.say(&format!("{key}-subject")), body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_folder_are_served_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = ListShelf::new(&folder.path().join("published"));
        std::fs::create_dir_all(folder.path().join("published/sub")).unwrap();
        std::fs::write(folder.path().join("secret"), "secret").unwrap();
        std::fs::write(folder.path().join("published/blacklists.tar.gz"), "list").unwrap();
        std::fs::write(shelf.state_file(), "{\"tried_ms\":5}").unwrap();
        let served = shelf.open("blacklists.tar.gz").unwrap().unwrap();
        assert_eq!(served.bytes, 4);
        for name in
            ["../secret", "..", "", ".state.json", "sub", "sub/x", "nothing", "a\0b", &"a".repeat(201)]
        {
            assert!(shelf.open(name).unwrap().is_none(), "{name}");
        }
        assert_eq!(shelf.state().unwrap(), ListState { tried_ms: Some(5), ..ListState::default() });
        // Another file of the same name and length is another one to whoever asks.
        let other = folder.path().join("published/other");
        std::fs::write(&other, "LIST").unwrap();
        let later = served.modified + std::time::Duration::from_secs(1);
        File::options().append(true).open(&other).unwrap().set_modified(later).unwrap();
        std::fs::rename(other, folder.path().join("published/blacklists.tar.gz")).unwrap();
        assert_ne!(shelf.open("blacklists.tar.gz").unwrap().unwrap().tag, served.tag);
    }

    #[test]
    fn people_are_told_once_of_what_changes() {
        let well = ListState::default();
        let held = ListState { losses: vec![("adult".to_owned(), 100, 5)], ..ListState::default() };
        assert_eq!((well.news(false), well.news(true)), (None, Some(Told::Failed)));
        assert_eq!(held.news(true), Some(Told::Held));
        let told = ListState { told: Told::Held, ..held.clone() };
        assert_eq!(
            (told.news(false), ListState { losses: vec![], ..told }.news(false)),
            (None, Some(Told::Well))
        );
        let letter = held.write_alert(Told::Held, Channel::Mail, "Saint-Exemple", &TimeZone::UTC);
        assert!(letter.body.contains("adult") && letter.body.contains("100") && letter.uai.is_empty());
        let call = held.write_alert(Told::Held, Channel::Webhook, "Saint-Exemple", &TimeZone::UTC);
        assert!(call.body.contains("\"state\":\"held\""), "{}", call.body);
    }
}
