//! What the commune decides of the box's configuration: how far it has come, and the way back.
//!
//! ```text
//! said by the sheet --refused by the box's own parser-----------------------> refused: never again, another number may be
//!        |
//!        +--nobody has a lesson--> in the file, on trial --a start, a minute--> in force
//!                                       |
//!                                       +--no start of three lasts a minute, or it cannot be read--> refused; back to what was before
//! ```
//!
//! Invariant: the note is on the disk before the file is changed, so that whatever start comes next knows what was there before.

use std::io;
use std::path::Path;

use model::CommuneConfiguration;
use replication::limits::REASON_LENGTH_MAX;
use replication::{ConfigurationDelay, ConfigurationHealth};
use serde::{Deserialize, Serialize};
use system::private::PrivateFolder;
use system::succession::replace_configuration;

use crate::config::{Config, ConfigError, Halves, join, number_of, read_file_up_to};

/// The note, in the hub's folder of the data.
const FOLDER: &str = "hub";
const FILE: &str = "configuration";
/// Most bytes of it: twice what the commune may say.
const BYTES_MAX: u64 = 256 << 10;
/// Largest configuration that is read, in MiB, as the parser has it.
const MIB_MAX: u64 = 1;
/// Starts that a configuration on trial is given: a power cut or two are no verdict.
const STARTS_MAX: u32 = 3;

/// Why something is not in force yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Wait {
    /// Somebody has a lesson.
    Lesson,
    /// It is in the file, and the box has to be started anew.
    Restart,
    /// The box cannot write its file, or has none.
    File,
}

impl Wait {
    fn as_str(self) -> &'static str {
        match self {
            Self::Lesson => "lesson",
            Self::Restart => "restart",
            Self::File => "file",
        }
    }
}

/// A configuration that has not run for a minute yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trial {
    pub(crate) number: u64,
    /// Starts with it so far.
    pub(crate) starts: u32,
    /// What the commune had decided before.
    pub(crate) before: Option<(u64, String)>,
}

/// How far it has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// What the box was started with last.
    pub(crate) in_force: Option<u64>,
    pub(crate) waiting: Option<(u64, Wait)>,
    /// What was not taken, and why, in English.
    pub(crate) refused: Option<(u64, String)>,
    pub(crate) trial: Option<Trial>,
}

impl Note {
    /// What stands on the disk. One that cannot be read is none: what is refused is refused once more.
    pub(crate) fn read(data: &Path) -> Self {
        let bytes = folder(data).read_bytes(FILE, BYTES_MAX).ok().flatten();
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Puts it on the disk.
    pub(crate) fn keep(&self, data: &Path) -> io::Result<()> {
        let text = serde_json::to_string(self).map_err(io::Error::other)?;
        let folder = folder(data);
        folder.make()?;
        folder.replace(FILE, &text)
    }

    /// Says why a configuration is not taken.
    pub(crate) fn refuse(&mut self, number: u64, why: &str) {
        let why = why.chars().map(|it| if it.is_control() { ' ' } else { it });
        self.refused = Some((number, why.take(REASON_LENGTH_MAX).collect()));
        self.waiting = None;
    }

    /// What the hub is told; `None` where the commune decides nothing here.
    pub(crate) fn health(&self) -> Option<ConfigurationHealth> {
        let Self { in_force, waiting, refused, trial: _ } = self.clone();
        let waiting =
            waiting.map(|(number, wait)| ConfigurationDelay { number, why: wait.as_str().to_owned() });
        let refused = refused.map(|(number, why)| ConfigurationDelay { number, why });
        let health = ConfigurationHealth { in_force, waiting, refused };
        (health != ConfigurationHealth::default()).then_some(health)
    }
}

fn folder(data: &Path) -> PrivateFolder {
    PrivateFolder::new(&data.join(FOLDER))
}

/// The text of a configuration file.
pub(crate) fn read_text(file: &Path) -> io::Result<String> {
    String::from_utf8(read_file_up_to(file, MIB_MAX)?).map_err(io::Error::other)
}

/// The file with what the commune decides in the place of what it decided before.
pub(crate) fn renew(text: &str, decided: &CommuneConfiguration) -> String {
    join(&Halves::split(text).own, Some((decided.number, &decided.text)))
}

/// What a box starts with, and what is to be told of it.
pub(crate) struct Start {
    pub(crate) config: Config,
    pub(crate) told: Vec<String>,
}

/// Reads the configuration of a box that starts. What the commune has decided keeps no box from starting: where it does, what was there before is
/// put back.
///
/// # Errors
/// As [`Config::load`]: the box's own half is wrong.
pub(crate) fn start(file: Option<&Path>, data: &Path) -> Result<Start, ConfigError> {
    let Some(file) = file else {
        return Ok(Start { config: Config::load_or_default(None)?, told: Vec::new() });
    };
    // Whatever else is wrong with it, reading it says.
    let Ok(text) = read_text(file) else {
        return Ok(Start { config: Config::load(file)?, told: Vec::new() });
    };
    let before = Note::read(data);
    let mut way_back = WayBack { file, data, text, note: before.clone(), told: Vec::new() };
    way_back.count();
    let config = way_back.parse()?;
    let WayBack { text, mut note, mut told, .. } = way_back;
    note.in_force = number_of(&text);
    if note.waiting.is_some_and(|(number, _)| Some(number) == note.in_force) {
        note.waiting = None;
    }
    if note != before
        && let Err(error) = note.keep(data)
    {
        told.push(format!("how far the commune's configuration has come cannot be noted: {error}"));
    }
    Ok(Start { config, told })
}

/// Whoever finds the configuration that a box can start with.
struct WayBack<'f> {
    file: &'f Path,
    data: &'f Path,
    text: String,
    note: Note,
    told: Vec<String>,
}

impl WayBack<'_> {
    /// Counts a start with what is on trial. What is not in the file was never put there: the power was cut before.
    fn count(&mut self) {
        let number = number_of(&self.text);
        let Some(trial) = self.note.trial.as_mut() else { return };
        if Some(trial.number) != number {
            self.note.trial = None;
            return;
        }
        trial.starts = trial.starts.saturating_add(1);
        if trial.starts > STARTS_MAX {
            self.go_back("the box did not run with it for a minute, three times");
        }
    }

    /// Reads what there is, and goes back as far as it has to.
    fn parse(&mut self) -> Result<Config, ConfigError> {
        loop {
            match Config::parse(&self.text) {
                Ok(config) => return Ok(config),
                Err(problems) if self.is_own_fault() => {
                    return Err(ConfigError::Wrong { path: self.file.to_owned(), problems });
                }
                Err(problems) => {
                    let why: Vec<String> = problems.iter().map(ToString::to_string).collect();
                    self.go_back(&why.join("; "));
                }
            }
        }
    }

    /// Whether it is the box's own half that is wrong: nothing that the commune takes back would mend it.
    fn is_own_fault(&self) -> bool {
        number_of(&self.text).is_none() || Config::parse(&Halves::split(&self.text).own).is_err()
    }

    /// Puts what was in force before into the place of what the commune has decided last; the box's own alone where there was nothing. The note says so
    /// before the file does: after a power cut between the two, the next start goes back once more, and the number stays refused. A trial is over only
    /// where the file was written.
    fn go_back(&mut self, why: &str) {
        let Some(number) = number_of(&self.text) else { return };
        let trial = self.note.trial.clone().filter(|trial| trial.number == number);
        let commune = trial.and_then(|trial| trial.before);
        let restored = Halves { commune, ..Halves::split(&self.text) }.join();
        // What the commune decided last is not tried again, whatever becomes of what was there before it.
        if self.told.is_empty() {
            self.note.refuse(number, why);
        }
        self.told.push(format!("the commune's configuration {number} is taken back: {why}"));
        if let Err(error) = self.note.keep(self.data) {
            self.told.push(format!("that it is taken back cannot be noted: {error}"));
        }
        match replace_configuration(self.file, restored.as_bytes()) {
            Ok(()) => self.note.trial = None,
            Err(error) => {
                let place = self.file.display();
                self.told.push(format!("{place} cannot be written: {error}"));
            }
        }
        self.text = restored;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    const OWN: &str = "version = 1\n[school]\nname = \"Boîtier\"\n";
    const GOOD: &str = "[school]\nname = \"École\"\n";
    const BAD: &str = "[school]\nname = 5\n";

    /// A box with its file.
    struct Place {
        data: tempfile::TempDir,
        file: PathBuf,
    }

    impl Place {
        fn new(commune: Option<(u64, &str)>, trial: Option<Trial>) -> Self {
            let data = tempfile::tempdir().unwrap();
            let file = data.path().join("preau.toml");
            fs::write(&file, join(OWN, commune)).unwrap();
            let place = Self { data, file };
            if trial.is_some() {
                Note { trial, ..Note::default() }.keep(place.data.path()).unwrap();
            }
            place
        }

        /// Starts the box: the school's name, and what is noted.
        fn start(&self) -> (String, Note) {
            let start = start(Some(&self.file), self.data.path()).unwrap();
            (start.config.school.name, Note::read(self.data.path()))
        }

        fn number(&self) -> Option<u64> {
            number_of(&fs::read_to_string(&self.file).unwrap())
        }
    }

    fn trial(number: u64, before: Option<(u64, &str)>) -> Option<Trial> {
        let before = before.map(|(number, text)| (number, text.to_owned()));
        Some(Trial { number, starts: 0, before })
    }

    #[test]
    fn a_box_that_does_not_last_with_it_goes_back_to_what_it_had() {
        let place = Place::new(Some((9, GOOD)), trial(9, Some((7, "[school]\nname = \"Avant\"\n"))));
        for starts in 1..=STARTS_MAX {
            let (name, note) = place.start();
            assert_eq!((name.as_str(), note.trial.unwrap().starts), ("École", starts));
            assert_eq!(note.in_force, Some(9));
        }
        let (name, note) = place.start();
        assert_eq!((name.as_str(), place.number(), note.in_force), ("Avant", Some(7), Some(7)));
        assert_eq!((note.refused.as_ref().unwrap().0, note.trial.is_none()), (9, true));
        assert!(note.health().unwrap().is_right());
        assert_eq!(place.start().0, "Avant", "it stays so");
    }

    /// The disk is full, or the power was cut between the note and the file: the box goes back at each start, until the file says so.
    #[test]
    fn what_cannot_be_put_back_is_put_back_later() {
        let place = Place::new(Some((9, GOOD)), trial(9, Some((7, "[school]\nname = \"Avant\"\n"))));
        for _ in 1..=STARTS_MAX {
            assert_eq!(place.start().0, "École");
        }
        // Where the copy of before goes, something is in the way.
        let beside = place.data.path().join("preau.toml.before");
        fs::create_dir(&beside).unwrap();
        for _ in 0..2 {
            let (name, note) = place.start();
            assert_eq!((name.as_str(), place.number(), note.in_force), ("Avant", Some(9), Some(7)));
            assert_eq!((note.refused.unwrap().0, note.trial.unwrap().number), (9, 9));
        }
        fs::remove_dir(&beside).unwrap();
        let (name, note) = place.start();
        assert_eq!((name.as_str(), place.number(), note.in_force), ("Avant", Some(7), Some(7)));
        assert_eq!((note.refused.unwrap().0, note.trial), (9, None));
    }

    #[test]
    fn what_cannot_be_read_bricks_no_box() {
        // What was there before cannot be read either: a newer program has written both.
        for before in [None, Some((7, BAD))] {
            let place = Place::new(Some((9, BAD)), trial(9, before));
            let (name, note) = place.start();
            assert_eq!((name.as_str(), place.number(), note.in_force), ("Boîtier", None, None));
            assert_eq!(note.refused.unwrap().0, 9, "what the commune decided last, not what was before it");
            assert_eq!(fs::read_to_string(&place.file).unwrap(), OWN, "letter by letter");
        }
        // It had been in force for long, and nobody remembers what was before.
        let place = Place::new(Some((9, BAD)), None);
        assert_eq!(place.start().0, "Boîtier");
        // The box's own mistakes are told as ever, and what the commune decides stays.
        for commune in [None, Some((7, GOOD))] {
            let place = Place::new(None, None);
            let file = join("version = 1\n[lesson]\nminutes = 0\n", commune);
            fs::write(&place.file, &file).unwrap();
            assert!(start(Some(&place.file), place.data.path()).is_err());
            assert_eq!(fs::read_to_string(&place.file).unwrap(), file);
        }
    }

    #[test]
    fn a_power_cut_before_the_file_was_written_is_no_trial() {
        let place = Place::new(Some((7, GOOD)), trial(9, Some((7, GOOD))));
        let (_, note) = place.start();
        assert_eq!((note.trial, note.in_force, note.refused), (None, Some(7), None));
    }

    #[test]
    fn what_is_told_may_be_shown() {
        let mut note = Note::default();
        assert_eq!(note.health(), None);
        note.waiting = Some((9, Wait::Lesson));
        for wait in [Wait::Lesson, Wait::Restart, Wait::File] {
            note.waiting = Some((9, wait));
            assert!(note.health().unwrap().is_right(), "{wait:?}");
        }
        note.refuse(9, &"3:1: a\u{1b}\n".repeat(200));
        assert!(note.health().unwrap().is_right() && note.waiting.is_none());
    }
}
