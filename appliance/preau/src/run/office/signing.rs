//! Signing in, going on, signing out.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{MutexGuard, PoisonError};

use model::{Failures, Person, PersonAct, PersonDeed, PersonId, Role, Timestamp};
use people::{Secret, SecretError, StoredSecret, Token, Watch, is_alive};
use portal::{Claimed, Tile, Trouble};
use store::{NameHash, Second, Store, StoreError, Tally};

use super::{Asker, Office};

/// Most sign-ins that wait for one another: with a tenth of a second each, whoever waits hardly notices. The portal
/// has a thread more than these.
pub(super) const HASHERS_MAX: usize = 3;
/// Most sessions that are over while the state file cannot be written: five of each person of a large school.
const ENDED_MAX: usize = 500;
/// How often the use of a session is noted: not each page costs a write.
const TOUCH_MS: u64 = 60_000;

/// A place among those who wait for a hash.
pub(super) struct Turn<'a>(&'a AtomicUsize);

impl<'a> Turn<'a> {
    pub(super) fn take(hashers: &'a AtomicUsize) -> Result<Self, Trouble> {
        let turn = Self(hashers);
        if hashers.fetch_add(1, Ordering::AcqRel) >= HASHERS_MAX { Err(Trouble::Busy) } else { Ok(turn) }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Whom somebody says to be: a name, and whoever bears it.
#[derive(Clone, Copy)]
struct Claimant {
    id: Option<PersonId>,
    name: NameHash,
}

impl Claimant {
    fn of(person: &Person) -> Self {
        Self { id: Some(person.id), name: NameHash::of(&person.name) }
    }

    /// What is counted of a failure of hers on a device: where she is known to sign in, what happens elsewhere makes her
    /// wait for nothing.
    fn read_counts(self, store: &Store, asker: &Asker) -> Result<Vec<(Watch, Tally, Failures)>, StoreError> {
        let device = asker.registered();
        let mut tallies =
            vec![(Watch::Device, Tally::Device(device)), (Watch::Pair, Tally::Pair(self.name, device))];
        let is_familiar = self.id.map_or(Ok(false), |id| store.is_familiar(id, device))?;
        if !is_familiar {
            tallies.push((Watch::Name, Tally::Name(self.name)));
        }
        tallies.into_iter().map(|(watch, tally)| Ok((watch, tally, store.failures(tally)?))).collect()
    }
}

impl Office {
    pub(super) fn list_teachers(&self) -> Result<Vec<Tile>, Trouble> {
        let people = self.work(|store| store.people())?;
        let teachers = people.into_iter().filter(|it| it.role == Role::Teacher && it.disabled.is_none());
        Ok(teachers.map(|it| Tile { id: it.id, name: it.name }).collect())
    }

    pub(super) fn begin(
        &self,
        client: IpAddr,
        who: &Claimed,
        secret: &str,
        code: &str,
    ) -> Result<String, Trouble> {
        let asker = self.identify(client);
        let claimant = self.find_claimant(who)?;
        let secret = Secret::typed(secret).map_err(|_| Trouble::Wrong)?;
        let (person, stored, second) = self.check_secret(&asker, claimant, &secret, Some(code))?;
        self.start_session(&asker, &person, &stored, &second)
    }

    /// Tiles are the teachers': by a number that is no teacher's, nobody signs in, and nobody learns whose it is.
    fn find_claimant(&self, who: &Claimed) -> Result<Claimant, Trouble> {
        Ok(match who {
            Claimed::Tile(id) => {
                let credential = self.work(|store| store.find_credential(*id))?;
                let teacher = credential.map(|(person, _)| person).filter(|it| it.role == Role::Teacher);
                teacher.map_or(Claimant { id: None, name: NameHash::of_number(*id) }, |it| Claimant::of(&it))
            }
            Claimed::Named(name) => {
                let person = self.work(|store| store.find_person(name))?;
                Claimant { id: person.map(|person| person.id), name: NameHash::of(name) }
            }
        })
    }

    pub(super) fn start_session(
        &self,
        asker: &Asker,
        person: &Person,
        stored: &StoredSecret,
        second: &Second,
    ) -> Result<String, Trouble> {
        let token = Token::draw(&self.random).ok_or(Trouble::Unavailable)?;
        let (hash, now) = (token.hash(), self.clock.now().at);
        let place = (asker.machine, asker.registered());
        self.write(|store| store.begin_session(&hash.0, (person, stored.as_phc(), second), place, now))?;
        let over = Tally::Pair(NameHash::of(&person.name), asker.registered());
        self.notebook.forget(|tally| tally == over);
        Ok(token.reveal())
    }

    /// Whose secret this is, if it is this person's, what it was compared with, and the code beside it; without `code`, somebody is signed
    /// in. A wrong secret or code is counted, and makes this device wait: it is not said which was wrong.
    fn check_secret(
        &self,
        asker: &Asker,
        claimant: Claimant,
        secret: &Secret,
        code: Option<&str>,
    ) -> Result<(Person, StoredSecret, Second), Trouble> {
        // Whoever has to wait takes no turn from others.
        self.check_pause(asker, claimant)?;
        let _turn = Turn::take(&self.hashers)?;
        let _alone = self.hashing.lock().unwrap_or_else(PoisonError::into_inner);
        // Those before may have been this device's.
        self.check_pause(asker, claimant)?;
        let credential = match claimant.id {
            Some(id) => self.work(|store| store.find_credential(id))?,
            None => None,
        };
        let credential = credential.filter(|(person, _)| person.disabled.is_none());
        let (person, stored) = credential.unzip();
        let stored = stored.map(StoredSecret::from_phc);
        let is_right = secret.matches(stored.as_ref()).map_err(|_| Trouble::Unavailable)?;
        let second = match (&person, code) {
            (Some(person), Some(code)) if is_right => self.judge_second(person, code)?,
            (_, None) if is_right => Some(Second::Session),
            _ => None,
        };
        match (person, stored, second) {
            (Some(person), Some(stored), Some(second)) => Ok((person, stored, second)),
            (wrong, ..) => {
                self.note_failure(asker, claimant, wrong.as_ref())?;
                Err(Trouble::Wrong)
            }
        }
    }

    /// What somebody who is signed in shows of her telephone so far. A wrong code is counted, and makes this device wait.
    pub(super) fn check_second(&self, asker: &Asker, person: &Person, code: &str) -> Result<Second, Trouble> {
        let claimant = Claimant::of(person);
        let _alone = self.hashing.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_pause(asker, claimant)?;
        // Where somebody took her telephone away meanwhile, there is nothing to show.
        if let Some(second) = self.judge_second(person, code)?.filter(|second| *second != Second::Nothing) {
            return Ok(second);
        }
        self.note_failure(asker, claimant, Some(person))?;
        Err(Trouble::Wrong)
    }

    /// The secret of somebody who is signed in, and has no telephone: whoever found her session makes none known. A wrong one is counted,
    /// and makes this device wait.
    pub(super) fn check_own(&self, asker: &Asker, person: &Person, secret: &str) -> Result<Second, Trouble> {
        let secret = Secret::typed(secret).map_err(|_| Trouble::Wrong)?;
        self.check_secret(asker, Claimant::of(person), &secret, None)?;
        Ok(Second::Nothing)
    }

    fn check_pause(&self, asker: &Asker, claimant: Claimant) -> Result<(), Trouble> {
        let now = self.clock.now().at;
        let counts = self.work(|store| claimant.read_counts(store, asker))?;
        let pauses = counts
            .into_iter()
            .map(|(watch, tally, kept)| watch.pause_ms(self.notebook.read(tally, kept, now), now));
        match pauses.max() {
            None | Some(0) => Ok(()),
            Some(pause_ms) => Err(Trouble::Wait(pause_ms.div_ceil(1_000))),
        }
    }

    /// Counts a failure. What the state file does not take (a full disk, too many acts) is remembered.
    fn note_failure(
        &self,
        asker: &Asker,
        claimant: Claimant,
        person: Option<&Person>,
    ) -> Result<(), Trouble> {
        let now = self.clock.now().at;
        let act = person.map(|person| PersonAct {
            author: person.name.clone(),
            device: asker.machine.mac(),
            deed: PersonDeed::FailSignIn,
        });
        let counts = self.work(|store| claimant.read_counts(store, asker))?.into_iter();
        let counts = counts.map(|(watch, tally, kept)| (tally, self.notebook.add(watch, tally, kept, now)));
        let counts: Vec<_> = counts.collect();
        self.write(|store| store.keep_failures(&counts, act.as_ref()))?;
        self.notebook.settle(counts.iter().map(|(tally, _)| *tally));
        Ok(())
    }

    pub(super) fn go_on(&self, client: IpAddr, token: &str, is_use: bool) -> Result<Option<Person>, Trouble> {
        let Some(hash) = Token::parse(token).map(|token| token.hash().0) else { return Ok(None) };
        if self.ended().contains(&hash) {
            self.close(hash, None);
            return Ok(None);
        }
        let Some(session) = self.work(|store| store.find_session(&hash))? else { return Ok(None) };
        let (machine, now) = (self.identify(client).machine, self.clock.now().at);
        // Shown by another machine, it was read on the way: it goes on where it began, and nowhere else.
        if session.machine != machine {
            return Ok(None);
        }
        if !is_alive(session.person.role, session.began, session.used, now) {
            self.close(hash, None);
            return Ok(None);
        }
        if is_use && is_worth_noting(session.used, now) {
            self.write(|store| store.touch_session(&hash, now))?;
        }
        Ok(Some(session.person))
    }

    pub(super) fn leave(&self, client: IpAddr, token: &str) -> Result<(), Trouble> {
        let Some(person) = self.go_on(client, token, false)? else { return Ok(()) };
        let Some(hash) = Token::parse(token).map(|token| token.hash().0) else { return Ok(()) };
        let device = self.identify(client).machine.mac();
        let act = PersonAct { author: person.name, device, deed: PersonDeed::SignOut };
        self.close(hash, Some(&act));
        Ok(())
    }

    /// Ends a session. Where the state file cannot be written (a full disk), it is over all the same, and is ended there
    /// when it is shown again; after a restart, its own time ends it.
    ///
    /// The keys of its readings go with it. The readings stay open: they go on with the keys given again.
    fn close(&self, hash: [u8; 32], act: Option<&PersonAct>) {
        self.readings.wipe_session(&hash);
        if self.write(|store| store.end_session(&hash, act)).is_ok() {
            self.ended().remove(&hash);
            return;
        }
        let mut ended = self.ended();
        if ended.len() < ENDED_MAX {
            ended.insert(hash);
        }
    }

    /// A set is right even after a panic elsewhere.
    fn ended(&self) -> MutexGuard<'_, HashSet<[u8; 32]>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn replace_secret(
        &self,
        client: IpAddr,
        person: &Person,
        old: &str,
        new: &str,
    ) -> Result<String, Trouble> {
        let asker = self.identify(client);
        let old = Secret::typed(old).map_err(|_| Trouble::Wrong)?;
        let new = Secret::chosen(new, person.role).map_err(name_secret_error)?;
        if old == new {
            return Err(Trouble::SecretSame);
        }
        let (person, before, second) = self.check_secret(&asker, Claimant::of(person), &old, None)?;
        let stored = self.hash(&new)?;
        let (secrets, device) = ((before.as_phc(), stored.as_phc()), asker.machine.mac());
        let person = self.write(|store| store.change_secret(person.id, secrets, device))?;
        // All her sessions are over, and so are the keys that they gave.
        self.readings.wipe_keys_of(&person.name);
        self.start_session(&asker, &person, &stored, &second)
    }

    /// Hashes a secret, when it is its turn.
    pub(super) fn hash(&self, secret: &Secret) -> Result<StoredSecret, Trouble> {
        let _turn = Turn::take(&self.hashers)?;
        let _alone = self.hashing.lock().unwrap_or_else(PoisonError::into_inner);
        secret.hash(&self.random).map_err(|_| Trouble::Unavailable)
    }
}

fn is_worth_noting(used: Timestamp, now: Timestamp) -> bool {
    now.ms_since(used) >= TOUCH_MS
}

fn name_secret_error(error: SecretError) -> Trouble {
    match error {
        SecretError::Short => Trouble::SecretShort,
        SecretError::Long => Trouble::SecretLong,
        SecretError::Simple => Trouble::SecretSimple,
    }
}
