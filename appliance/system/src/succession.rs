//! The state of another box, put into this one's data folder in one step.
//!
//! ```text
//! DATA/succession.part   filled, and made durable    a power cut: it is nothing, and goes
//! DATA/succession        the same under its name     a power cut: whoever opens the data folder next goes on
//! each file to its place, the identity last
//! the configuration besides, where the box reads it  where that fails, it is kept, and told
//! then the folder goes
//! ```
//!
//! Invariant: at any moment the box is as it was, or on its way to be whole; what was half put in place is never worked with. What lies outside of
//! the data folder keeps no box from being whole.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::lists::{give_to_owner_of, replace_with_mode, temporary_beside};
use crate::private::{PrivateFolder, PrivateLock};

const FOLDER: &str = "succession";
const PART: &str = "succession.part";
/// A configuration that could not be put where the box reads its own, in the data folder: the box's copy of what it runs with takes the other
/// place.
pub const KEPT_CONFIGURATION: &str = "configuration.inherited.toml";
/// Where the configuration goes besides, as a path.
const PLACE_FILE: &str = "configuration.place";
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// A configuration has no secrets: each program of the box reads it.
const CONFIGURATION_MODE: u32 = 0o644;
/// What SQLite keeps beside the state of before: with another state it would be mixed.
const COMPANIONS: [&str; 2] = ["state.sqlite-wal", "state.sqlite-shm"];

/// What is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heirloom {
    /// Devices, people, rules: a state file.
    State,
    /// The box's own authority.
    Authority,
    /// The configuration file.
    Configuration,
    /// What the other box had sealed.
    Catalogue,
    /// What the box is at its hub from now on.
    Identity,
}

impl Heirloom {
    /// In the order in which they are put in place: with its identity the box is another one's heir, and whole.
    const ALL: [Self; 5] =
        [Self::State, Self::Authority, Self::Configuration, Self::Catalogue, Self::Identity];

    /// Its place in the data folder.
    fn place(self) -> &'static str {
        match self {
            Self::State => "state.sqlite",
            Self::Authority => "authority",
            Self::Configuration => "configuration.toml",
            Self::Catalogue => "hub/predecessor",
            Self::Identity => "hub/identity",
        }
    }

    /// Its name among what is on its way.
    fn name(self) -> &'static str {
        match self {
            Self::State => "state.sqlite",
            Self::Authority => "authority",
            Self::Configuration => "configuration.toml",
            Self::Catalogue => "predecessor",
            Self::Identity => "identity",
        }
    }
}

/// A configuration that could not be put where the box reads its own. Everything else is in its place.
#[derive(Debug)]
pub struct Unplaced {
    /// Where it should be.
    pub place: PathBuf,
    /// Where it is.
    pub kept: PathBuf,
    /// What the system says.
    pub error: io::Error,
}

/// A data folder that takes over another one's state.
#[derive(Clone, Debug)]
pub struct Succession(PathBuf);

impl Succession {
    /// Of a data folder. Touches nothing yet.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self(data.to_owned())
    }

    /// Whether one was begun that is to be finished.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.0.join(FOLDER).is_dir()
    }

    /// Begins: writes all that is to be put in place. `configuration` is where the box reads its own, where that is known.
    ///
    /// # Errors
    /// The disk's, or `configuration` is where nothing can be written; nothing has changed then.
    pub fn stage(
        &self,
        heirlooms: &[(Heirloom, &[u8])],
        configuration: Option<&Path>,
        _lock: &PrivateLock,
    ) -> io::Result<()> {
        let part = self.0.join(PART);
        remove_folder(&part)?;
        DirBuilder::new().mode(FOLDER_MODE).create(&part)?;
        give_to_owner_of(&self.0, &File::open(&part)?)?;
        for (heirloom, bytes) in heirlooms {
            replace_with_mode(&part.join(heirloom.name()), bytes, FILE_MODE)?;
        }
        let has_configuration = heirlooms.iter().any(|(heirloom, _)| *heirloom == Heirloom::Configuration);
        if let Some(place) = configuration.filter(|_| has_configuration) {
            let place = std::path::absolute(place)?;
            prove_writable(&place)?;
            let text = place.to_str().ok_or(io::ErrorKind::InvalidFilename)?;
            replace_with_mode(&part.join(PLACE_FILE), text.as_bytes(), FILE_MODE)?;
        }
        Ok(())
    }

    /// The state that was written, to be looked at before it counts.
    #[must_use]
    pub fn staged_state(&self) -> PathBuf {
        self.0.join(PART).join(Heirloom::State.name())
    }

    /// Removes what was written and does not count.
    ///
    /// # Errors
    /// The disk's.
    pub fn abandon(&self, _lock: &PrivateLock) -> io::Result<()> {
        remove_folder(&self.0.join(PART))
    }

    /// From here on, it is done: a power cut only puts it off. Says where the configuration is, if not where it should be.
    ///
    /// # Errors
    /// The disk's; nothing has changed then.
    pub fn commit(&self, lock: &PrivateLock) -> io::Result<Option<Unplaced>> {
        let part = self.0.join(PART);
        for entry in fs::read_dir(&part)? {
            File::open(entry?.path())?.sync_all()?;
        }
        File::open(&part)?.sync_all()?;
        fs::rename(&part, self.0.join(FOLDER))?;
        File::open(&self.0)?.sync_all()?;
        self.finish(lock)
    }

    /// Puts each file in its place. It may be done in part already. Says where the configuration is, if not where it should be.
    ///
    /// # Errors
    /// The disk's; it is gone on with by whoever comes next.
    pub fn finish(&self, _lock: &PrivateLock) -> io::Result<Option<Unplaced>> {
        let folder = self.0.join(FOLDER);
        for heirloom in Heirloom::ALL {
            let from = folder.join(heirloom.name());
            if !from.exists() {
                continue;
            }
            if heirloom == Heirloom::State {
                self.remove_companions()?;
            }
            let place = self.0.join(heirloom.place());
            let around = place.parent().unwrap_or(&self.0);
            PrivateFolder::new(around).make()?;
            fs::rename(&from, &place)?;
            File::open(around)?.sync_all()?;
        }
        let unplaced = self.place_configuration()?;
        remove_folder(&folder)?;
        File::open(&self.0)?.sync_all()?;
        Ok(unplaced)
    }

    fn remove_companions(&self) -> io::Result<()> {
        for name in COMPANIONS {
            match fs::remove_file(self.0.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Puts the configuration where the box reads it, or keeps it beside the box's copy of the one that it runs with: the box that starts next
    /// writes that one anew.
    fn place_configuration(&self) -> io::Result<Option<Unplaced>> {
        let place = match fs::read_to_string(self.0.join(FOLDER).join(PLACE_FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            place => PathBuf::from(place?),
        };
        let from = self.0.join(Heirloom::Configuration.place());
        let bytes = match fs::read(&from) {
            // It was kept when the power was cut.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes?,
        };
        let Err(error) = replace_configuration(&place, &bytes) else { return Ok(None) };
        let kept = self.0.join(KEPT_CONFIGURATION);
        fs::rename(&from, &kept)?;
        File::open(&self.0)?.sync_all()?;
        Ok(Some(Unplaced { place, kept, error }))
    }
}

/// Puts a configuration where the box reads its own, whole or not at all. The one before stays beside it: it has the names of this machine's ports.
///
/// # Errors
/// The disk's.
pub fn replace_configuration(place: &Path, bytes: &[u8]) -> io::Result<()> {
    let before = match fs::read(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        before => Some(before?),
    };
    if before.as_deref() == Some(bytes) {
        return Ok(());
    }
    let mut mode = CONFIGURATION_MODE;
    if let Some(before) = before {
        mode = fs::metadata(place)?.permissions().mode() & 0o777;
        let mut beside = place.as_os_str().to_owned();
        beside.push(".before");
        replace_with_mode(Path::new(&beside), &before, mode)?;
    }
    replace_with_mode(place, bytes, mode)
}

/// Whether a file can be put there: it is better known before anything has changed.
///
/// # Errors
/// It cannot, with the place.
pub fn prove_writable(place: &Path) -> io::Result<()> {
    let proven = if place.is_dir() {
        Err(io::ErrorKind::IsADirectory.into())
    } else {
        temporary_beside(place).map(drop)
    };
    proven.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", place.display())))
}

fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heirlooms() -> [(Heirloom, &'static [u8]); 5] {
        [
            (Heirloom::State, b"the state"),
            (Heirloom::Authority, b"the authority"),
            (Heirloom::Configuration, b"version = 1"),
            (Heirloom::Catalogue, b"{}"),
            (Heirloom::Identity, b"who it is"),
        ]
    }

    fn read(path: &Path) -> Option<String> {
        fs::read_to_string(path).ok()
    }

    #[test]
    fn a_power_cut_leaves_a_fresh_box_or_a_whole_one() {
        // After so many files were put in place.
        for done in 0..=heirlooms().len() {
            let around = tempfile::tempdir().unwrap();
            let data = around.path().join("data");
            let lock = PrivateFolder::new(&data.join("hub")).lock().unwrap();
            let (succession, own) = (Succession::new(&data), around.path().join("preau.toml"));
            fs::write(&own, "version = 0").unwrap();
            fs::write(data.join("state.sqlite"), "blank").unwrap();
            fs::write(data.join("state.sqlite-wal"), "blank").unwrap();
            succession.stage(&heirlooms(), Some(&own), &lock).unwrap();
            assert!(!succession.is_pending());
            assert_eq!(read(&data.join("state.sqlite")).as_deref(), Some("blank"), "nothing has changed");
            // The same again: somebody tries once more after the cut.
            succession.stage(&heirlooms(), Some(&own), &lock).unwrap();
            fs::rename(data.join(PART), data.join(FOLDER)).unwrap();
            for heirloom in &Heirloom::ALL[..done] {
                if *heirloom == Heirloom::State {
                    succession.remove_companions().unwrap();
                }
                fs::rename(data.join(FOLDER).join(heirloom.name()), data.join(heirloom.place())).unwrap();
            }
            assert!(succession.is_pending());
            succession.finish(&lock).unwrap();
            for (heirloom, bytes) in heirlooms() {
                let found = fs::read(data.join(heirloom.place())).unwrap();
                assert_eq!(found, bytes, "{heirloom:?} after {done}");
            }
            assert!(!data.join("state.sqlite-wal").exists() && !succession.is_pending());
            assert!(!data.join(PART).exists());
            assert_eq!(read(&own).as_deref(), Some("version = 1"), "after {done}");
            let mode = fs::metadata(data.join("authority")).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, FILE_MODE);
        }
    }

    #[test]
    fn a_place_that_cannot_be_written_keeps_no_box_from_being_whole() {
        let around = tempfile::tempdir().unwrap();
        let data = around.path().join("data");
        let lock = PrivateFolder::new(&data.join("hub")).lock().unwrap();
        let succession = Succession::new(&data);
        // It is known before anything has changed.
        let own = around.path().join("etc/preau.toml");
        let refused = succession.stage(&heirlooms(), Some(&own), &lock).unwrap_err();
        assert!(refused.to_string().contains("etc/preau.toml"), "{refused}");
        fs::create_dir_all(&own).unwrap();
        let refused = succession.stage(&heirlooms(), Some(&own), &lock).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::IsADirectory);
        succession.abandon(&lock).unwrap();
        assert!(!data.join(PART).exists() && !succession.is_pending());
        assert_eq!(read(&data.join("hub/identity")), None);

        // After the power cut, whoever goes on may not write where the command could.
        fs::remove_dir(&own).unwrap();
        succession.stage(&heirlooms(), Some(&own), &lock).unwrap();
        fs::create_dir(&own).unwrap();
        let unplaced = succession.commit(&lock).unwrap().unwrap();
        assert_eq!(unplaced.place, own);
        assert_eq!(read(&unplaced.kept).as_deref(), Some("version = 1"));
        assert_eq!(read(&data.join("hub/identity")).as_deref(), Some("who it is"));
        assert!(!succession.is_pending(), "the box is whole, and starts");
    }

    #[test]
    fn what_brings_no_configuration_leaves_the_own_one_alone() {
        let around = tempfile::tempdir().unwrap();
        let data = around.path().join("data");
        let lock = PrivateFolder::new(&data.join("hub")).lock().unwrap();
        let (succession, own) = (Succession::new(&data), around.path().join("preau.toml"));
        fs::write(&own, "version = 0").unwrap();
        fs::write(data.join("configuration.toml"), "version = 2").unwrap();
        let identity: (Heirloom, &[u8]) = (Heirloom::Identity, b"who it is");
        succession.stage(&[identity], Some(&own), &lock).unwrap();
        assert!(succession.commit(&lock).unwrap().is_none());
        assert_eq!(read(&own).as_deref(), Some("version = 0"));
    }

    #[test]
    fn the_configuration_of_before_stays_beside_the_new_one() {
        let around = tempfile::tempdir().unwrap();
        let data = around.path().join("data");
        let lock = PrivateFolder::new(&data.join("hub")).lock().unwrap();
        let (succession, own) = (Succession::new(&data), around.path().join("preau.toml"));
        fs::write(&own, "version = 0").unwrap();
        for _ in 0..2 {
            succession.stage(&heirlooms(), Some(&own), &lock).unwrap();
            succession.commit(&lock).unwrap();
            assert_eq!(read(&own).as_deref(), Some("version = 1"));
            assert_eq!(read(&around.path().join("preau.toml.before")).as_deref(), Some("version = 0"));
        }
        let other = around.path().join("other.toml");
        succession.stage(&heirlooms(), Some(&other), &lock).unwrap();
        succession.commit(&lock).unwrap();
        assert_eq!(read(&other).as_deref(), Some("version = 1"));
        assert!(!around.path().join("other.toml.before").exists());
    }
}
