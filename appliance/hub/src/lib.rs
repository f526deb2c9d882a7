//! The commune's hub: schools, boxes, and what they send each night.
//!
//! What it knows is in a [`Register`], what boxes send in [`Blobs`]: both are ports with one suite of tests for every engine. What it
//! does is in [`Hub`]; [`serve`] puts it on the network. docs/decisions/0024 tells why it is as it is.
//!
//! Invariant: a request counts only with a certificate that the register knows and nobody has revoked. Nothing that a box sends can be
//! read here but what the box says of itself: sealed files are encrypted to readers of the school.

pub mod acme;
pub mod adoption;
pub mod alerts;
pub mod blobs;
pub mod configurations;
mod enrolling;
#[cfg(test)]
mod fixture;
pub mod fleet;
pub mod library;
pub mod lists;
mod metrics;
mod office;
pub mod oidc;
mod pace;
mod pages;
pub mod policy;
pub mod register;
pub mod releases;
mod server;
mod sheets;
mod signing;
mod survey;
mod texts;
mod tides;
pub mod wishes;

use std::sync::Arc;

use archive::{Identity, SigningKey};
use model::Timestamp;
use replication::{EnrolmentCode, Refusal};
use ring::rand::{SecureRandom as _, SystemRandom};

pub use enrolling::Enroller;
pub use office::{Office, Settings};
pub use server::{Listening, serve};
pub use survey::{survey, write_test};

use blobs::{Blobs, Kind, OWN, Place};
use register::{BoxId, NewCode, Register, RegisterError};

/// How often a new code may meet an old one's number before something else is wrong.
const CODE_TRIES_MAX: u32 = 20;
/// How long what was begun of a file lies before it goes: a box may be off for the holidays of two weeks, and goes on then.
const PART_PATIENCE_MS: u64 = 16 * 86_400_000;
/// How long a whole file lies that nobody has noted: a box asks once more in the next nights, and it is noted then.
const WHOLE_PATIENCE_MS: u64 = 16 * 86_400_000;
/// Random bytes for a code: twelve fair ones are always among them.
const CHANCE_BYTES: usize = 64;
/// Files that go in one round, so that a hub that was off for a month does other things between.
const DUE_MAX: u32 = 1_000;
const HOUR_MS: u64 = 3_600_000;
/// Failures in a row that end a round: a store that hangs takes its time for each file, and the next round comes.
const FAILURES_MAX: u32 = 3;

/// A hub.
pub struct Hub {
    /// What it knows.
    pub register: Arc<dyn Register>,
    /// What boxes have sent.
    pub blobs: Arc<dyn Blobs>,
    /// Who enrols boxes.
    pub enroller: Enroller,
    /// By which it signs how far logs have grown.
    pub witness: SigningKey,
    /// By which states of boxes are read: they are encrypted to it.
    pub snapshot_key: Identity,
    /// What the time is.
    pub clock: fn() -> Timestamp,
    /// Who works at its pages; without it, it has none.
    pub office: Option<Office>,
    /// The lists that it serves; without it, it serves none.
    pub lists: Option<lists::ListShelf>,
    /// Where files for pupils lie that people bring to its pages.
    pub incoming: library::Incoming,
}

impl Hub {
    /// Removes the files whose time is over; how many.
    ///
    /// # Errors
    /// [`Refusal::Broken`]; the log has the reason. It is tried again.
    pub fn forget_due(&self) -> Result<usize, Refusal> {
        let now = (self.clock)();
        let mut due = self.register.due_files(now, DUE_MAX).map_err(enrolling::tell)?;
        begin_elsewhere(&mut due, now);
        let (mut removed, mut failed) = (0, 0);
        for (of, hash) in &due {
            // One that stays keeps no other.
            if let Err(error) = self.blobs.remove(Place::sealed(*of, *hash)) {
                tracing::error!(%error, id = of.0, %hash, "a file whose time is over cannot be removed");
                failed += 1;
                if failed == FAILURES_MAX {
                    break;
                }
                continue;
            }
            self.register.forget_file(*of, *hash).map_err(enrolling::tell)?;
            (removed, failed) = (removed + 1, 0);
        }
        if removed == 0 && !due.is_empty() { Err(Refusal::Broken) } else { Ok(removed) }
    }
}

impl Hub {
    /// Removes what lies among the files and nobody knows of: what was begun and never went on, and what was whole when a hub was killed before it
    /// had noted it; how many.
    ///
    /// # Errors
    /// [`Refusal::Broken`]; the log has the reason. It is tried again.
    pub fn sweep(&self) -> Result<usize, Refusal> {
        let now = (self.clock)();
        let (mut removed, mut failed) = (0, 0);
        let boxes = self.register.boxes().map_err(enrolling::tell)?;
        let mut owners: Vec<BoxId> = boxes.iter().map(|state| state.id).chain([OWN]).collect();
        begin_elsewhere(&mut owners, now);
        for of in owners {
            let lying = self.blobs.lying(of).map_err(|error| {
                tracing::error!(%error, id = of.0, "the files of a box cannot be listed");
                Refusal::Broken
            })?;
            let files = self.register.files(of).map_err(enrolling::tell)?;
            for it in lying {
                let is_old = |patience_ms: u64| it.changed <= now && now.ms_since(it.changed) > patience_ms;
                let is_stray = match (it.is_part, it.place.kind) {
                    (true, _) => is_old(PART_PATIENCE_MS),
                    (false, Kind::Sealed) => {
                        is_old(WHOLE_PATIENCE_MS) && !files.iter().any(|file| file.hash == it.place.hash)
                    }
                    (false, Kind::State) => {
                        let known = self.register.has_snapshot(of, it.place.hash);
                        is_old(WHOLE_PATIENCE_MS) && !known.map_err(enrolling::tell)?
                    }
                    (false, Kind::Release) => {
                        let known = self.register.has_release_file(it.place.hash);
                        is_old(WHOLE_PATIENCE_MS) && !known.map_err(enrolling::tell)?
                    }
                    (false, Kind::Library) => {
                        let known = self.register.has_library_file(it.place.hash, now);
                        is_old(WHOLE_PATIENCE_MS) && !known.map_err(enrolling::tell)?
                    }
                };
                if !is_stray {
                    continue;
                }
                let gone =
                    if it.is_part { self.blobs.remove_part(it.place) } else { self.blobs.remove(it.place) };
                match gone {
                    Ok(()) => (removed, failed) = (removed + 1, 0),
                    Err(error) => {
                        tracing::error!(%error, id = of.0, "a stray file cannot be removed");
                        failed += 1;
                    }
                }
                if failed == FAILURES_MAX {
                    return Err(Refusal::Broken);
                }
            }
        }
        if removed > 0 {
            tracing::info!(removed, "files that nobody knew of were removed");
        }
        Ok(removed)
    }
}

/// Each hour's round begins with another one: what can never be removed keeps nothing else from going.
fn begin_elsewhere<T>(list: &mut [T], now: Timestamp) {
    let hour = now.unix_ms().unsigned_abs() / HOUR_MS;
    let first = hour.checked_rem(list.len() as u64).unwrap_or(0);
    list.rotate_left(usize::try_from(first).unwrap_or(0));
}

/// Makes a code for a box of a school, good until a time.
///
/// # Errors
/// [`RegisterError`].
pub fn make_code(
    register: &dyn Register,
    uai: &model::Uai,
    is_replacement: bool,
    until: Timestamp,
) -> Result<EnrolmentCode, RegisterError> {
    for _ in 0..CODE_TRIES_MAX {
        let mut bytes = [0; CHANCE_BYTES];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| RegisterError::Engine("there is no randomness".into()))?;
        let Some(code) = EnrolmentCode::from_chance(&bytes) else { continue };
        let new = NewCode { code: code.clone(), uai: uai.clone(), is_replacement, until };
        match register.add_code(&new) {
            Err(RegisterError::Taken) => {}
            added => return added.map(|()| code),
        }
    }
    Err(RegisterError::Taken)
}

#[cfg(test)]
mod tests {
    use archive::Hash;

    use super::*;
    use crate::blobs::{AppendError, Arrived, Lying};
    use crate::fixture::{EARLY, LATE};
    use crate::register::{StoredFile, StoredSnapshot};

    #[test]
    fn what_nobody_knows_of_is_swept_once_it_is_old() {
        let folder = tempfile::tempdir().unwrap();
        let (mut hub, of) = fixture::open(folder.path());
        let put = |place: Place, text: &[u8], total: u64| hub.blobs.append(place, 0, total, text).unwrap();
        let (known, stray) = (Hash::of(b"known"), Hash::of(b"stray"));
        for place in [Place::sealed, Place::state] {
            put(place(of, known), b"known", 5);
            put(place(of, stray), b"stray", 5);
            put(place(of, Hash::of(b"begun")), b"be", 5);
        }
        let file = StoredFile { hash: known, name: "a".to_owned(), bytes: 5, until: LATE };
        hub.register.add_file(of, &file, EARLY).unwrap();
        hub.register.add_snapshot(of, &StoredSnapshot { hash: known, bytes: 5, at: EARLY }).unwrap();
        assert_eq!(hub.sweep().unwrap(), 0, "what has just arrived may be noted in a moment");
        hub.clock = || LATE;
        assert_eq!(hub.sweep().unwrap(), 4);
        assert_eq!(hub.sweep().unwrap(), 0);
        for place in [Place::sealed, Place::state] {
            assert_eq!(hub.blobs.arrived(place(of, known)).unwrap(), Arrived::Whole(5));
            assert_eq!(hub.blobs.arrived(place(of, stray)).unwrap(), Arrived::Part(0));
        }
    }

    #[test]
    fn what_belongs_to_a_release_stays_and_what_was_cut_goes() {
        let folder = tempfile::tempdir().unwrap();
        let (mut hub, _) = fixture::open(folder.path());
        let release = register::releases::suite::release("1.4.0");
        let known: Hash = release.files()[0].sha256.parse().unwrap();
        hub.register.add_release(&release, EARLY).unwrap();
        let text = "1.4.0 SHA256SUMS";
        assert_eq!(Hash::of(text.as_bytes()), known);
        for text in [text, "of a release that was never whole"] {
            let place = Place::release(Hash::of(text.as_bytes()));
            hub.blobs.append(place, 0, text.len() as u64, text.as_bytes()).unwrap();
        }
        assert_eq!(hub.sweep().unwrap(), 0);
        hub.clock = || LATE;
        assert_eq!(hub.sweep().unwrap(), 1);
        assert_eq!(hub.blobs.arrived(Place::release(known)).unwrap(), Arrived::Whole(16));
    }

    #[test]
    fn a_file_for_pupils_goes_once_its_day_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let (mut hub, _) = fixture::open(folder.path());
        let over = Timestamp::from_unix_ms(LATE.unix_ms() - 1);
        for (mark, until) in [("map", LATE), ("film", over)] {
            let file = register::library::suite::file(mark, until);
            hub.register.add_to_library(&[None], &file, "M. Blanc", EARLY).unwrap();
            let place = Place::library(Hash::of(mark.as_bytes()));
            hub.blobs.append(place, 0, file.bytes, mark.as_bytes()).unwrap();
        }
        assert_eq!(hub.sweep().unwrap(), 0);
        hub.clock = || Timestamp::from_unix_ms(LATE.unix_ms() - 1);
        assert_eq!(hub.sweep().unwrap(), 1);
        assert_eq!(hub.blobs.arrived(Place::library(Hash::of(b"map"))).unwrap(), Arrived::Whole(3));
    }

    /// A store that removes nothing, and counts how often it was asked.
    #[derive(Default)]
    struct Stuck(std::sync::atomic::AtomicU32);

    impl Blobs for Stuck {
        fn arrived(&self, _: Place) -> std::io::Result<Arrived> {
            Ok(Arrived::Part(0))
        }
        fn append(&self, _: Place, _: u64, _: u64, _: &[u8]) -> Result<Arrived, AppendError> {
            Ok(Arrived::Part(0))
        }
        fn read(&self, _: Place, _: u64) -> std::io::Result<Option<Vec<u8>>> {
            Ok(None)
        }
        fn read_part(&self, _: Place, _: u64, _: u64) -> std::io::Result<Option<Vec<u8>>> {
            Ok(None)
        }
        fn lying(&self, of: BoxId) -> std::io::Result<Vec<Lying>> {
            let lie = |mark: u8| Lying {
                place: Place::sealed(of, Hash::of(&[mark])),
                is_part: false,
                changed: EARLY,
            };
            Ok((0..9).map(lie).collect())
        }
        fn remove_part(&self, place: Place) -> std::io::Result<()> {
            self.remove(place)
        }
        fn remove(&self, _: Place) -> std::io::Result<()> {
            let _before = self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Err(std::io::ErrorKind::TimedOut.into())
        }
    }

    #[test]
    fn a_store_that_hangs_ends_the_round_after_three_files() {
        let folder = tempfile::tempdir().unwrap();
        let (mut hub, of) = fixture::open(folder.path());
        let stuck = Arc::new(Stuck::default());
        hub.blobs = Arc::<Stuck>::clone(&stuck);
        let asked = || stuck.0.swap(0, std::sync::atomic::Ordering::SeqCst);
        for mark in 20..29_u8 {
            let file = StoredFile { hash: Hash::of(&[mark]), name: "a".to_owned(), bytes: 5, until: EARLY };
            hub.register.add_file(of, &file, EARLY).unwrap();
        }
        assert!(hub.forget_due().is_err());
        assert_eq!(asked(), FAILURES_MAX);
        hub.clock = || LATE;
        assert!(hub.sweep().is_err());
        assert_eq!(asked(), FAILURES_MAX);
    }

    #[test]
    fn each_hour_begins_with_another_one() {
        let at = |hours: i64| {
            let mut list = [0, 1, 2, 3];
            begin_elsewhere(&mut list, Timestamp::from_unix_ms(hours * 3_600_000 + 1));
            list
        };
        assert_eq!((at(4), at(5), at(7)), ([0, 1, 2, 3], [1, 2, 3, 0], [3, 0, 1, 2]));
        begin_elsewhere(&mut [(); 0], EARLY);
    }
}
