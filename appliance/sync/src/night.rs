//! What goes to the hub each night, and what comes back.
//!
//! ```text
//! health   how the box is: first, so that the hub knows of a box whose night is cut
//! renewal  another certificate, once two thirds of its time are over
//! log      the last checkpoint, with a proof that the log only grew; the hub's signature comes back
//! policy   what the commune decides, where it is newer than what is here
//! letters  what the school asks for, and what the commune says to it alone
//! web      a certificate for names that the commune owns, where the school has some
//! state    the box's state, where it has changed, for the box that takes this one's place some day
//! files    each sealed file that the hub does not have, from the byte on where the line was cut
//! release  the release of the box's system that the commune wants to be here, the same way
//! library  files for pupils that the commune wants to be here, the same way
//! health   once more, where files for pupils have come or gone: the commune sees them in the morning
//! ```
//!
//! Each step can be done again. Leaves of the log do not go: who is held, and why, stands in them.

mod files;
mod snapshot;

use std::path::Path;
use std::time::Duration;

use archive::{Form, Log, Note, VerifierKey, Witnessed};
use model::{Release, Timestamp};
use replication::limits::POLICY_BYTES_MAX;
use replication::{
    About, Catalogue, CommunePolicy, Encoded, Enrolled, EnrolmentRequest, Growth, Health, LogState, Signed,
    SignedPolicy, Snapshot,
};
use serde::de::IgnoredAny;
use system::vault::Folder;

use crate::client::Client;
use crate::error::SyncError;
use crate::identity::{HubFolder, Identity};
use crate::letters::{self, Letters};
use crate::{library, release, web};

pub use files::{Limits, StandingFile, standing_files};
pub(crate) use files::{patiently, pause};

/// What is done right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The hub has heard how the box is.
    Health,
    /// The box has another certificate.
    Renewed,
    /// The hub has signed the log with so many entries.
    Log(u64),
    /// The commune's policy of this number is here.
    Policy(u64),
    /// The commune has been told of so many requests.
    Requests(u32),
    /// What the commune says to the school under this number is here.
    Sheet(u64),
    /// There is another certificate for the commune's names, good until then.
    Web(Timestamp),
    /// The hub has the box's state as it is.
    Snapshot,
    /// All of the release of this version is here.
    Release(&'a str),
    /// All of the file that pupils read under this title is here.
    Library(&'a str),
    /// So much of a file is there.
    File {
        /// Its name.
        name: &'a str,
        /// What is there of it, in bytes.
        sent: u64,
        /// All of it.
        total: u64,
    },
}

/// What a night brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NightReport {
    /// Entries of the log that the hub has signed.
    pub log_size: u64,
    /// Files that went whole.
    pub files: u32,
    /// Their bytes, as far as they went this time.
    pub bytes: u64,
    /// Sealed files that stay, because anybody could read them.
    pub plain_files: u64,
    /// Bytes of a release that came this time.
    pub release_bytes: u64,
    /// Bytes of files for pupils that came this time.
    pub library_bytes: u64,
}

/// Which of the commune's documents a box has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its number.
    pub serial: u64,
    /// The key of the hub that signed it.
    pub signer: String,
}

/// Where what comes from the hub goes.
pub trait Intake {
    /// The commune's policy that is here; `None` where none ever was.
    ///
    /// # Errors
    /// [`SyncError::Disk`].
    fn standing(&mut self) -> Result<Option<Standing>, SyncError>;
    /// Puts one that `signer` has signed in its place, all or nothing of it.
    ///
    /// # Errors
    /// [`SyncError::Disk`], [`SyncError::OldPolicy`].
    fn take_policy(&mut self, policy: &CommunePolicy, signer: &str) -> Result<(), SyncError>;
    /// The box's state, for one that takes its place.
    ///
    /// # Errors
    /// [`SyncError::Disk`].
    fn snapshot(&mut self, about: About, catalogue: Catalogue) -> Result<Snapshot, SyncError>;
    /// What the school asks of the commune, and is told; `None` where nobody is there who asks.
    fn letters(&mut self) -> Option<&mut dyn Letters> {
        None
    }
    /// The release of the box's system that is to be fetched, where it is not here yet; `None` where there is none.
    ///
    /// # Errors
    /// [`SyncError::Disk`].
    fn release(&mut self) -> Result<Option<Release>, SyncError> {
        Ok(None)
    }
    /// How the machine is by now: a night may take hours. `None` where nobody looks again.
    fn health(&mut self) -> Option<Health> {
        None
    }
}

/// Whoever watches a night.
pub trait Watch {
    /// Something was done.
    fn report(&mut self, step: Step<'_>);
    /// Waits; whether the night goes on.
    fn pause(&mut self, time: Duration) -> bool;
}

/// A night of a box.
pub struct Night<'n> {
    /// The data of the box.
    pub data: &'n Path,
    /// What it is at its hub. Whoever runs a night has locked it.
    pub folder: &'n HubFolder,
    /// How the machine is.
    pub health: Health,
    /// What it may take of the line.
    pub limits: Limits,
    /// The time.
    pub now: Timestamp,
}

impl Night<'_> {
    /// Does what a night does.
    ///
    /// # Errors
    /// [`SyncError`]; what went is there, and the next night goes on.
    pub fn run(self, intake: &mut dyn Intake, watch: &mut dyn Watch) -> Result<NightReport, SyncError> {
        let Self { data, folder, health, limits, now } = self;
        let mut identity = folder.read()?.ok_or(SyncError::NotEnrolled)?;
        let vault = Folder::new(data);
        let log = vault.read_log().map_err(|error| disk("the log of seals", error))?;
        let mut client = Client::of_box(&identity)?;
        let health = describe(health, (data, folder), &log, &identity);
        let _: IgnoredAny = client.post("/api/v1/health", &health)?;
        watch.report(Step::Health);
        let mut trouble = None;
        if go_on(renew(&client, &mut identity, now), &mut trouble)?.unwrap_or(false) {
            folder.keep(&identity)?;
            client = Client::of_box(&identity)?;
            watch.report(Step::Renewed);
        }
        let log_size = go_on(sign(&client, &vault, &log, &identity, watch), &mut trouble)?;
        go_on(fetch_policy(&client, &identity, intake, watch), &mut trouble)?;
        go_on(letters::exchange(&client, &identity, intake, watch), &mut trouble)?;
        go_on(web::exchange(&client, folder, now, watch), &mut trouble)?;
        let (of, pace) = ((folder, &identity), (limits, now));
        go_on(snapshot::send(&client, of, (&vault, &log), intake, (pace, watch)), &mut trouble)?;
        let sent = go_on(files::send(&client, &vault, &log, pace, watch), &mut trouble)?;
        // After what is the school's; before films, which may take a slow line for nights: a release may mend what lets somebody in.
        let fetched = go_on(release::fetch(&client, data, intake, pace, watch), &mut trouble)?;
        let hub = (&client, &identity);
        let library = go_on(library::fetch(hub, data, intake, pace, watch), &mut trouble)?;
        let told = (&health, now);
        go_on(tell_library(&client, intake, (data, folder), (&log, &identity), told), &mut trouble)?;
        if let Some(error) = trouble {
            return Err(error);
        }
        let (log_size, (files, bytes)) = (log_size.unwrap_or(0), sent.unwrap_or_default());
        let (plain_files, release_bytes) = (health.plain_files.unwrap_or(0), fetched.unwrap_or(0));
        let library_bytes = library.unwrap_or(0);
        Ok(NightReport { log_size, files, bytes, plain_files, release_bytes, library_bytes })
    }
}

/// Tells the hub how the box is once more, where other files for pupils are here than it was told before the night. What was told then is not said
/// again: the hub would see a clock that is slow by as long as the night took.
fn tell_library(
    client: &Client,
    intake: &mut dyn Intake,
    (data, folder): (&Path, &HubFolder),
    (log, identity): (&Log, &Identity),
    (told, now): (&Health, Timestamp),
) -> Result<(), SyncError> {
    if library::describe(data, now) == told.library {
        return Ok(());
    }
    let Some(health) = intake.health() else { return Ok(()) };
    let health = describe(health, (data, folder), log, identity);
    let _: IgnoredAny = client.post("/api/v1/health", &health)?;
    Ok(())
}

/// Tells the hub how the box is, beside its nights.
///
/// # Errors
/// [`SyncError`]; the next night tells it.
pub fn tell_health(data: &Path, folder: &HubFolder, health: Health) -> Result<(), SyncError> {
    let identity = folder.read()?.ok_or(SyncError::NotEnrolled)?;
    let log = Folder::new(data).read_log().map_err(|error| disk("the log of seals", error))?;
    let health = describe(health, (data, folder), &log, &identity);
    let _: IgnoredAny = Client::of_box(&identity)?.post("/api/v1/health", &health)?;
    Ok(())
}

/// A step that fails keeps no other from being done: a log that the hub does not sign is no reason to leave open what the commune has
/// closed. The first failure is told. Where nobody answers, or somebody ends the night, there is no next step.
pub(crate) fn go_on<T>(
    outcome: Result<T, SyncError>,
    trouble: &mut Option<SyncError>,
) -> Result<Option<T>, SyncError> {
    match outcome {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.ends_night() => Err(trouble.take().unwrap_or(error)),
        Err(error) => {
            trouble.get_or_insert(error);
            Ok(None)
        }
    }
}

/// What the log and the identity tell beside what the machine tells.
fn describe(health: Health, (data, folder): (&Path, &HubFolder), log: &Log, identity: &Identity) -> Health {
    // One that cannot be read is told by nothing: another one is asked for.
    let web = folder.web().ok().flatten();
    let gone = log.expiries();
    let kept =
        log.seals().flat_map(|seal| seal.files().map(|(field, file, _)| (seal.number, field, file.form)));
    let plain =
        kept.filter(|(number, field, form)| *form == Form::Plain && !gone.contains_key(&(*number, *field)));
    Health {
        log_size: Some(log.entries().len() as u64),
        sealed_ms: log.last().map(|seal| seal.sealed.unix_ms()),
        plain_files: Some(plain.count() as u64),
        certificate_until_ms: Some(identity.enrolled.valid_ms.1),
        web_until_ms: web.map(|web| web.chain().validity().1.unix_ms()),
        library: library::describe(data, Timestamp::from_unix_ms(health.now_ms)),
        ..health
    }
}

/// Asks for another certificate of the same key, once two thirds of the present one's time are over; whether it got one.
fn renew(client: &Client, identity: &mut Identity, now: Timestamp) -> Result<bool, SyncError> {
    if !is_old(identity.enrolled.valid_ms, now) {
        return Ok(false);
    }
    let request = EnrolmentRequest {
        public_key: Encoded(identity.key.public_key().to_vec()),
        log_key: String::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let enrolled: Enrolled = client.post("/api/v1/certificate", &request)?;
    if enrolled.school.check().is_none() || enrolled.box_id != identity.enrolled.box_id {
        return Err(SyncError::NoHub(client.url()));
    }
    // By whom logs are witnessed was said once, under the code; it is not changed in passing.
    let Enrolled { witness_key, replaces, .. } = identity.enrolled.clone();
    identity.enrolled = Enrolled { witness_key, replaces, ..enrolled };
    Ok(true)
}

fn is_old((from, until): (i64, i64), now: Timestamp) -> bool {
    let life = until.saturating_sub(from);
    now.unix_ms().saturating_sub(from) >= life / 3 * 2
}

/// Has the hub sign what the log has grown into, and keeps its signature where `verify --witness` looks for it.
fn sign(
    client: &Client,
    vault: &Folder,
    log: &Log,
    identity: &Identity,
    watch: &mut dyn Watch,
) -> Result<u64, SyncError> {
    let Some(last) = log.entries().last() else { return Ok(0) };
    let known: LogState = client.get("/api/v1/log")?;
    // Where there is no proof, the hub says why it signs nothing.
    let proof = match known.size {
        0 => vec![],
        size => log.tree().prove_growth(size).unwrap_or_default(),
    };
    let proof = proof.iter().map(ToString::to_string).collect();
    let signed: Signed = client.post("/api/v1/log", &Growth { note: last.note.write(), proof })?;
    let damaged = || SyncError::NoHub(client.url());
    let witness: VerifierKey = identity.enrolled.witness_key.parse().map_err(|_| damaged())?;
    let witnessed = Witnessed::read(&signed.note, &witness).map_err(SyncError::Signature)?;
    if witnessed.note().text() != last.note.text() {
        return Err(damaged());
    }
    vault.write_witnessed(&signed.note).map_err(|error| disk("sealed/witnessed", error))?;
    let size = witnessed.checkpoint().size;
    watch.report(Step::Log(size));
    Ok(size)
}

/// Takes what the commune decides, where the hub has signed it.
pub(crate) fn fetch_policy(
    client: &Client,
    identity: &Identity,
    intake: &mut dyn Intake,
    watch: &mut dyn Watch,
) -> Result<(), SyncError> {
    let offered: SignedPolicy = client.get("/api/v1/policy")?;
    let signer = identity.enrolled.witness_key.as_str();
    let offered = offered.note.map(|text| read_policy(&text, signer).ok_or(SyncError::Policy)).transpose()?;
    if let Some(policy) = choose(intake.standing()?, offered, signer)? {
        intake.take_policy(&policy, signer)?;
        watch.report(Step::Policy(policy.serial));
    }
    Ok(())
}

fn read_policy(text: &str, signer: &str) -> Option<CommunePolicy> {
    let key: VerifierKey = signer.parse().ok()?;
    let note = Note::read_up_to(text, POLICY_BYTES_MAX).ok().filter(|note| note.is_signed_by(&key))?;
    CommunePolicy::read(note.text())
}

/// What is to be put in the place of the policy that is here; `None`: it stays. An old one is refused, though it is signed: whoever plays
/// it again would open what was closed. What another hub has decided is over, also where this one has decided nothing yet: nobody
/// else could take it back.
fn choose(
    standing: Option<Standing>,
    offered: Option<CommunePolicy>,
    signer: &str,
) -> Result<Option<CommunePolicy>, SyncError> {
    let Some(found) = standing else { return Ok(offered) };
    if found.signer != signer {
        return Ok(Some(offered.unwrap_or_default()));
    }
    match offered {
        Some(offered) if offered.serial < found.serial => {
            Err(SyncError::OldPolicy { found: found.serial, given: offered.serial })
        }
        Some(offered) if offered.serial > found.serial => Ok(Some(offered)),
        Some(_) | None => Ok(None),
    }
}

pub(crate) fn disk(what: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SyncError {
    SyncError::Disk { what: what.to_owned(), source: std::io::Error::other(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_taken_where_it_is_newer_or_of_another_hub() {
        let standing = |serial, signer: &str| Some(Standing { serial, signer: signer.to_owned() });
        let policy = |serial| Some(CommunePolicy { serial, ..CommunePolicy::default() });
        let check = |found: Option<Standing>, offered, expected: Option<u64>| {
            let chosen = choose(found, offered, "own").unwrap();
            assert_eq!(chosen.map(|policy| policy.serial), expected);
        };
        check(None, None, None);
        check(None, policy(1), Some(1));
        check(standing(1, "own"), policy(2), Some(2));
        check(standing(2, "own"), policy(2), None);
        check(standing(2, "own"), None, None);
        check(standing(9, "another"), policy(2), Some(2));
        check(standing(9, "another"), None, Some(0));
        let old = choose(standing(3, "own"), policy(2), "own");
        assert!(matches!(old, Err(SyncError::OldPolicy { found: 3, given: 2 })), "{old:?}");
    }

    #[test]
    fn a_certificate_is_renewed_at_two_thirds_of_its_time() {
        let day = 86_400_000;
        let check = |now: i64, expected: bool| {
            assert_eq!(is_old((0, 300 * day), Timestamp::from_unix_ms(now)), expected, "{now}");
        };
        check(0, false);
        check(200 * day - 1, false);
        check(200 * day, true);
        check(400 * day, true);
        check(-day, false);
    }
}
