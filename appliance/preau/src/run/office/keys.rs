//! Keys of readers: drawn for somebody who keeps them on paper, and in force once she has shown that she does.
//!
//! Invariant: a secret key is in the answer that shows it, and nowhere else. What is remembered of it is its end, until it is confirmed.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use archive::Identity;
use model::{Person, PersonId, ReaderRole};
use portal::{KeyLine, KeyList, NewKey, RemovedKey, Trouble};
use store::PageKey;
use system::clock::monotonic;
use zeroize::Zeroizing;

use super::{Failure, Office};

/// Letters of a secret key's end that somebody types: who has them has the sheet.
const END_LETTERS: usize = 6;
/// How many times somebody may mistype them.
const TRIES_MAX: u32 = 5;
/// How long a key waits to be confirmed: a printer may have to be fetched.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// Most keys that wait: three kinds for some people. A new one takes the place of the oldest.
const WAITING_MAX: usize = 16;

/// What the office knows of keys beside the state file.
#[derive(Default)]
pub(super) struct KeyDesk {
    /// Those of the configuration.
    configured: Vec<String>,
    /// Those that were shown, the oldest first.
    waiting: Mutex<Vec<Waiting>>,
}

/// A key that was shown and is not confirmed.
struct Waiting {
    person: PersonId,
    role: ReaderRole,
    public: String,
    end: Zeroizing<String>,
    drawn: Instant,
    mistypes: u32,
}

impl KeyDesk {
    /// Those that wait still, at this moment.
    fn waiting(&self, now: Instant) -> MutexGuard<'_, Vec<Waiting>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|key| now.saturating_duration_since(key.drawn) < PATIENCE);
        waiting
    }

    fn remember(&self, key: Waiting) {
        let mut waiting = self.waiting(key.drawn);
        // Whoever makes another one of the kind has lost the one before.
        waiting.retain(|other| (other.person, other.role) != (key.person, key.role));
        if waiting.len() >= WAITING_MAX {
            waiting.remove(0);
        }
        waiting.push(key);
    }

    /// Whose key it is, if this person was shown it, and types its end.
    fn confirm(
        &self,
        person: PersonId,
        public: &str,
        typed: &str,
        now: Instant,
    ) -> Result<ReaderRole, Trouble> {
        let mut waiting = self.waiting(now);
        let place = waiting.iter().position(|key| key.person == person && key.public == public);
        let place = place.ok_or(Trouble::Unknown)?;
        let key = waiting.get_mut(place).ok_or(Trouble::Unknown)?;
        let letters = typed.chars().filter(char::is_ascii_alphanumeric);
        let typed: Zeroizing<String> =
            letters.map(|letter| letter.to_ascii_uppercase()).collect::<String>().into();
        if *typed == *key.end {
            return Ok(key.role);
        }
        key.mistypes = key.mistypes.saturating_add(1);
        if key.mistypes >= TRIES_MAX {
            waiting.remove(place);
        }
        Err(Trouble::KeyEnd)
    }

    fn forget(&self, public: &str) {
        self.waiting(monotonic()).retain(|key| key.public != public);
    }
}

impl Office {
    pub(super) fn list_keys(&self, person: &Person) -> Result<KeyList, Trouble> {
        let made = self.work(|store| store.reader_keys())?;
        let made = made.into_iter().map(|PageKey { public, role, by, at }| KeyLine { public, role, by, at });
        let waiting = self.keys.waiting(monotonic());
        let hers = waiting.iter().filter(|key| key.person == person.id);
        Ok(KeyList {
            configured: self.keys.configured.clone(),
            made: made.collect(),
            waiting: hers.map(|key| (key.role, key.public.clone())).collect(),
        })
    }

    /// Whoever found her session makes no key: she shows her secret once more.
    pub(super) fn make_key(
        &self,
        client: IpAddr,
        person: &Person,
        role: ReaderRole,
        secret: &str,
    ) -> Result<NewKey, Trouble> {
        if !role.is_kept_by(person.role) {
            return Err(Trouble::Denied);
        }
        self.check_own(&self.identify(client), person, secret)?;
        let identity = Identity::generate();
        let text = Zeroizing::new(identity.write());
        let line = text.lines().find(|line| !line.starts_with('#')).ok_or(Trouble::Unavailable)?;
        let end =
            line.len().checked_sub(END_LETTERS).and_then(|at| line.get(at..)).ok_or(Trouble::Unavailable)?;
        let public = identity.reader().to_string();
        self.keys.remember(Waiting {
            person: person.id,
            role,
            public: public.clone(),
            end: Zeroizing::new(end.to_owned()),
            drawn: monotonic(),
            mistypes: 0,
        });
        Ok(NewKey { role, public, secret: Zeroizing::new(line.to_owned()), made: self.clock.now().at })
    }

    /// What is kept is noted in the journal with it, or nothing is.
    pub(super) fn confirm_key(
        &self,
        client: IpAddr,
        person: &Person,
        public: &str,
        typed: &str,
    ) -> Result<(), Trouble> {
        let role = match self.keys.confirm(person.id, public, typed, monotonic()) {
            // The second click of a double one: days are sealed to it already.
            Err(Trouble::Unknown) if self.has_made(person, public)? => return Ok(()),
            outcome => outcome?,
        };
        if !role.is_kept_by(person.role) {
            return Err(Trouble::Denied);
        }
        let (by, at) = (person.name.clone(), self.clock.now().at);
        let key = PageKey { public: public.to_owned(), role, by, at };
        let device = self.identify(client).machine.mac();
        self.write(|store| -> Result<(), Failure> {
            if store.reader_keys()?.iter().any(|made| made.public == key.public) {
                return Ok(());
            }
            Ok(store.add_reader_key(&key, device)?)
        })?;
        self.keys.forget(public);
        Ok(())
    }

    fn has_made(&self, person: &Person, public: &str) -> Result<bool, Trouble> {
        let keys = self.work(|store| store.reader_keys())?;
        Ok(keys.iter().any(|made| made.public == public && made.by == person.name))
    }

    /// A box whose last key is gone could seal nothing: what was encrypted up to now does not become plain.
    pub(super) fn take_key_away(
        &self,
        client: IpAddr,
        person: &Person,
        removed: &RemovedKey<'_>,
    ) -> Result<(), Trouble> {
        self.check_own(&self.identify(client), person, removed.secret)?;
        let author = self.author(client, person);
        self.write(|store| -> Result<(), Failure> {
            let keys = store.reader_keys()?;
            let key = keys.iter().find(|key| key.public == removed.public).ok_or(Trouble::Unknown)?;
            if !key.role.is_kept_by(person.role) {
                return Err(Trouble::Denied.into());
            }
            if keys.len() == 1 && self.keys.configured.is_empty() {
                return Err(Trouble::LastKey.into());
            }
            let is_last = keys.iter().filter(|other| other.role == key.role).count() == 1;
            if is_last && !removed.is_last_meant {
                return Err(Trouble::LastOfRole.into());
            }
            Ok(store.remove_reader_key(removed.public, author)?)
        })
    }

    /// The same office of a box whose configuration has these readers.
    pub(crate) fn with_readers(self, configured: Vec<String>) -> Self {
        Self { keys: KeyDesk { configured, ..self.keys }, ..self }
    }
}
