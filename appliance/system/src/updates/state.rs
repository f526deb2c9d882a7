//! What became of the last update: a small file that the box, its pages and the command line read.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use blocklist::Loss;
use model::{Category, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Done, LockError, Places, Source};
use crate::lists;

/// The file in the folder of the lists.
const STATE_FILE: &str = "state.json";
/// Most bytes that are read of it.
const STATE_BYTES_MAX: u64 = 1 << 20;
/// Longest explanation that is kept, in characters: a server's words could be long.
const DETAIL_CHARACTERS_MAX: usize = 300;

/// The file, by its version.
#[derive(Serialize, Deserialize)]
#[serde(tag = "version")]
enum File {
    #[serde(rename = "1")]
    V1(State),
}

/// What became of the last update, and what the lists here were made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// When it was, or when a held list was accepted.
    #[serde(rename = "attempted_ms", with = "unix_ms")]
    pub attempted: Option<Timestamp>,
    /// When the mirror's list and the one here, in force or held, were last known to be the same.
    #[serde(rename = "checked_ms", with = "unix_ms")]
    pub checked: Option<Timestamp>,
    /// The mirror that was asked.
    pub mirror: Option<String>,
    /// What became of it.
    pub outcome: Option<Outcome>,
    /// Failures since the last success.
    pub failures: u32,
    /// What went wrong, in words for a technician.
    pub detail: Option<String>,
    /// A list that is held back.
    pub held: Option<Held>,
    /// The archives that the newest list here was compiled from, with their MD5 checksums.
    pub(super) built: Vec<(String, String)>,
    /// The archives that the list in force was compiled from.
    #[serde(default)]
    pub(super) in_force: Vec<(String, String)>,
    /// The lines of each category of the list in force, for the day when that list cannot be read.
    #[serde(default)]
    pub(super) lines: BTreeMap<String, u64>,
}

/// What became of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A new list is in force.
    Updated,
    /// The mirror has nothing new.
    Unchanged,
    /// The newest list is held back: it lost too much.
    Held,
    /// A held list was accepted by a person.
    Accepted,
    /// It failed; the list in force stays.
    Failed(Failure),
}

/// What people have to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// The line, or the mirror's machine: nothing or hardly anything came.
    Line,
    /// The mirror: it sends something else than its lists.
    Mirror,
    /// The list: what came whole is none.
    List,
    /// The box's own disk.
    Disk,
    /// The update was ended from outside, or took too long.
    Ended,
}

/// A list that is held back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Since when.
    #[serde(rename = "since_ms", with = "unix_ms")]
    pub since: Option<Timestamp>,
    /// Category, lines in force, lines in the held list.
    losses: Vec<(String, u64, Option<u64>)>,
}

impl Held {
    /// Why.
    #[must_use]
    pub fn losses(&self) -> Vec<Loss> {
        let losses = self.losses.iter();
        losses
            .filter_map(|(category, before, after)| {
                Some(Loss { category: category.parse().ok()?, before: *before, after: *after })
            })
            .collect()
    }
}

impl State {
    /// The state of the lists; `None` before the first update. A file that cannot be read is as good as none:
    /// the next update writes it anew.
    #[must_use]
    pub fn read(places: &Places) -> Option<Self> {
        let path = path_of(places);
        if fs::metadata(&path).ok()?.len() > STATE_BYTES_MAX {
            return None;
        }
        let File::V1(state) = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        Some(state)
    }

    /// Replaces the file in one step.
    pub(super) fn write(self, places: &Places) -> Result<(), LockError> {
        let path = path_of(places);
        let bytes = serde_json::to_vec_pretty(&File::V1(self)).map_err(io::Error::from);
        bytes
            .and_then(|bytes| lists::replace(&path, &bytes))
            .map_err(|source| LockError::Open { path, source })
    }

    /// The file, for those who watch it.
    pub(super) fn path(places: &Places) -> PathBuf {
        path_of(places)
    }

    pub(super) fn after_success(&self, now: Timestamp, source: &Source, done: &Done) -> Self {
        let since = self.held.as_ref().filter(|_| self.built == done.built).and_then(|held| held.since);
        let losses = done.losses.iter();
        let held = Held {
            since: since.or(Some(now)),
            losses: losses.map(|loss| (loss.category.to_string(), loss.before, loss.after)).collect(),
        };
        Self {
            attempted: Some(now),
            checked: Some(now),
            mirror: Some(source.mirror.to_string()),
            outcome: Some(done.outcome),
            failures: 0,
            detail: None,
            held: (done.outcome == Outcome::Held).then_some(held),
            built: done.built.clone(),
            in_force: if done.outcome == Outcome::Held { self.in_force.clone() } else { done.built.clone() },
            lines: by_text(&done.lines),
        }
    }

    pub(super) fn after_failure(
        &self,
        now: Timestamp,
        source: Option<&Source>,
        failure: Failure,
        detail: &str,
    ) -> Self {
        Self {
            attempted: Some(now),
            mirror: source.map(|source| source.mirror.to_string()).or_else(|| self.mirror.clone()),
            outcome: Some(Outcome::Failed(failure)),
            failures: self.failures.saturating_add(1),
            detail: Some(detail.chars().take(DETAIL_CHARACTERS_MAX).collect()),
            ..self.clone()
        }
    }

    /// `lines` are those of the list that was accepted.
    pub(super) fn after_acceptance(&self, now: Timestamp, lines: &BTreeMap<Category, u64>) -> Self {
        Self {
            attempted: Some(now),
            outcome: Some(Outcome::Accepted),
            held: None,
            in_force: self.built.clone(),
            lines: by_text(lines),
            ..self.clone()
        }
    }

    /// The lines of each category of the list in force.
    pub(super) fn lines(&self) -> BTreeMap<Category, u64> {
        self.lines.iter().filter_map(|(category, lines)| Some((category.parse().ok()?, *lines))).collect()
    }
}

fn by_text(lines: &BTreeMap<Category, u64>) -> BTreeMap<String, u64> {
    lines.iter().map(|(category, lines)| (category.to_string(), *lines)).collect()
}

fn path_of(places: &Places) -> PathBuf {
    places.folder.join(STATE_FILE)
}

/// Points in time as milliseconds since 1970.
mod unix_ms {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Timestamp};

    pub(super) fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        at.map(Timestamp::unix_ms).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<i64>::deserialize(deserializer)?.map(Timestamp::from_unix_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(folder: &std::path::Path) -> Places {
        let at = |name: &str| folder.join(name);
        Places { folder: folder.to_owned(), list: at("list"), kept: at("kept"), held: at("held") }
    }

    #[test]
    fn the_state_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let places = places(folder.path());
        assert_eq!(State::read(&places), None);
        let state = State {
            attempted: Some(Timestamp::from_unix_ms(5)),
            outcome: Some(Outcome::Failed(Failure::Line)),
            held: Some(Held { since: None, losses: vec![("adult".to_owned(), 2, None)] }),
            built: vec![("adult.tar.gz".to_owned(), "00".to_owned())],
            ..State::default()
        };
        state.clone().write(&places).unwrap();
        assert_eq!(State::read(&places), Some(state));
    }

    #[test]
    fn a_spoilt_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let places = places(folder.path());
        for text in ["", "{", "[]", "{\"version\":\"2\"}", "{\"version\":\"1\",\"failures\":-1}"] {
            fs::write(path_of(&places), text).unwrap();
            assert_eq!(State::read(&places), None, "{text}");
        }
    }

    #[test]
    fn a_failure_keeps_what_is_known_and_counts() {
        let first = State { checked: Some(Timestamp::from_unix_ms(1)), ..State::default() };
        let at = Timestamp::from_unix_ms(2);
        let second = first.after_failure(at, None, Failure::Line, &"x".repeat(1_000));
        let third = second.after_failure(at, None, Failure::Disk, "");
        assert_eq!((second.failures, third.failures), (1, 2));
        assert_eq!((third.checked, third.attempted), (first.checked, Some(at)));
        assert_eq!(second.detail.map(|detail| detail.len()), Some(DETAIL_CHARACTERS_MAX));
    }
}
