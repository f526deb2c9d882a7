//! The log of seals, held by whoever adds to it.

use std::io;
use std::path::Path;

use access::Instant;
use archive::{Fact, Form, Log, Policy, ReaderKey, Readers, Retention, SigningKey};

use super::{SealingError, open_key};
use crate::segments::Directory;
use crate::space::Reserve;
use crate::vault::{Folder, Lock};

/// The log, its key, and the folders that it is about. Nobody else adds to it meanwhile.
pub(super) struct Ledger {
    pub(super) folder: Folder,
    pub(super) directory: Directory,
    pub(super) key: SigningKey,
    pub(super) log: Log,
    /// Whether a box runs on the folder. Without one every segment is finished, and none starts meanwhile.
    pub(super) is_running: bool,
    /// The room that is kept for the log alone, then that of the journal.
    reserves: [Reserve; 2],
    _lock: Lock,
}

impl Ledger {
    /// Opens that of a data folder: whole, signed by this box's key, and not shorter than it was.
    pub(super) fn open(data: &Path) -> Result<Self, SealingError> {
        let folder = Folder::new(data);
        let lock = match folder.lock() {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => return Err(SealingError::Busy),
            lock => lock?,
        };
        let mut directory = Directory::new(data);
        let is_running = match directory.lock() {
            Ok(()) => false,
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => true,
            Err(error) => return Err(error.into()),
        };
        let key = open_key(data)?;
        let log = open_log(&folder, &key)?;
        // Not before the log has shown that the key is its own: another's would make every seal look wrong.
        folder.write_key(key.verifier())?;
        directory.erase_gone()?;
        let reserves = [Reserve::of_log(data), Reserve::new(data)];
        let ledger = Self { folder, directory, key, log, is_running, reserves, _lock: lock };
        ledger.keep_room();
        Ok(ledger)
    }

    /// Whether what was sealed up to now is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        let stated = self.log.readers().map(|readers| !readers.is_empty());
        stated.unwrap_or_else(|| self.log.last().is_some_and(|last| last.file.form == Form::Encrypted))
    }

    /// Adds a statement. It is on the disk after [`Ledger::write`].
    pub(super) fn state(&mut self, now: Instant, fact: Fact) {
        self.log.state((now.at, now.quality), fact, &self.key);
    }

    /// States to whom files are sealed, where that is others than before.
    pub(super) fn state_readers(&mut self, now: Instant, readers: Option<&[ReaderKey]>) -> io::Result<()> {
        let Some(readers) = readers.map(|keys| Readers::new(keys.to_vec())) else { return Ok(()) };
        let is_stated = match self.log.readers() {
            Some(stated) => *stated == readers,
            // Nobody, as long as nobody was named.
            None => readers.is_empty() && !self.is_encrypted(),
        };
        if is_stated {
            return Ok(());
        }
        self.state(now, Fact::Readers(readers));
        self.write()
    }

    /// States how long what is kept, where that, or who has decided it, is another than before.
    pub(super) fn state_policy(&mut self, now: Instant, policy: Option<&Policy>) -> io::Result<()> {
        let is_stated = |policy: &Policy| match self.log.policy() {
            Some(stated) => stated == policy,
            None => policy.retention == Retention::default(),
        };
        match policy {
            Some(policy) if !is_stated(policy) => {
                self.state(now, Fact::Policy(policy.clone()));
                self.write()
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Puts the log in the place of the one before, and shows its checkpoint. On a full disk that takes of the room that is kept for
    /// it, then of the journal's: what is past its time could not go otherwise.
    pub(super) fn write(&self) -> io::Result<()> {
        let mut outcome = self.write_once();
        for reserve in &self.reserves {
            match outcome {
                Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                    outcome = if reserve.give_up()? { self.write_once() } else { Err(error) };
                }
                outcome => return outcome,
            }
        }
        outcome
    }

    /// Keeps room for the next log. A disk that has none left has none: that is no reason to do nothing.
    pub(super) fn keep_room(&self) {
        let [own, _] = &self.reserves;
        if let Err(error) = own.keep_for(self.log.to_string().len() as u64) {
            tracing::debug!(%error, "no room is kept for the log of seals");
        }
    }

    fn write_once(&self) -> io::Result<()> {
        self.folder.write_log(&self.log)?;
        self.folder.finish_last(&self.log)
    }
}

/// The log, which this key has signed, and which nobody has cut.
fn open_log(folder: &Folder, key: &SigningKey) -> Result<Log, SealingError> {
    let log = folder.read_log()?;
    let last = log.entries().last();
    if last.is_some_and(|last| !last.note.is_signed_by(key.verifier())) {
        return Err(SealingError::OtherKey);
    }
    let checkpoint = archive::Vault::checkpoint(folder)?;
    let shown = checkpoint.and_then(|text| archive::Note::read(&text).ok());
    let shown = shown.filter(|note| note.is_signed_by(key.verifier()));
    let shown = shown.and_then(|note| archive::Checkpoint::read(note.text()).ok());
    if shown.is_some_and(|shown| shown.size > log.entries().len() as u64) {
        return Err(SealingError::ShortLog);
    }
    folder.finish_last(&log)?;
    Ok(log)
}
