//! What the hub knows: schools, codes, boxes, what they have sent. A port: SQLite fills it, and another database can.

pub mod configurations;
pub mod history;
pub mod library;
pub mod people;
pub mod postgres;
pub mod releases;
mod sql;
pub mod sqlite;
#[cfg(test)]
mod suite;
mod tables;
pub mod transfer;
pub mod web;
pub mod wishes;

use archive::Hash;
use model::{Timestamp, Uai};
use replication::{CodeNumber, CommuneRule, EnrolmentCode, School};
use ring::digest::{SHA256, digest};

/// Wrong tries that burn a code: with three, somebody guesses one of nine thousand million right.
pub const TRIES_MAX: u32 = 3;

/// Certificates of one box that count at a time: it renews its own once in eight months.
pub const CERTIFICATES_MAX: u32 = 8;
/// Exchanges under way: each takes a second or two. With more, the oldest gives way.
pub const EXCHANGES_MAX: u32 = 64;
/// Signed checkpoints that are kept of one box: ten years of nights. Later ones prove earlier ones.
pub const SIGNED_MAX: u32 = 4_096;

/// All that a hub knows, in one place: its register, its people, its history.
pub trait Records: Register + people::Staff + history::History {}

impl<R: Register + people::Staff + history::History> Records for R {}

/// A box, by the number that the hub gave it. A replacement is another box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BoxId(pub u64);

/// A box's certificate, by the SHA-256 of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub(crate) [u8; 32]);

impl Fingerprint {
    /// Of a certificate in DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, certificate).as_ref());
        Self(bytes)
    }
}

/// A code that was made.
#[derive(Clone, Debug)]
pub struct NewCode {
    /// The code.
    pub code: EnrolmentCode,
    /// For a box of this school.
    pub uai: Uai,
    /// Whether the box takes the place of the one that the school has.
    pub is_replacement: bool,
    /// Until when it is good.
    pub until: Timestamp,
}

/// What became of a code.
#[derive(Clone, Debug)]
pub struct CodeState {
    /// The code; `None` where a box enrolled by it, or where it was burnt: then nobody needs it any more.
    pub code: Option<EnrolmentCode>,
    /// Its school.
    pub uai: String,
    /// Until when it is good.
    pub until: Timestamp,
    /// How many wrong tries are left.
    pub tries_left: u32,
    /// Whether the box takes the place of the one that the school has.
    pub is_replacement: bool,
    /// Who enrolled by it, and was not heard of since: the answer may have been lost.
    pub unheard: Option<Unheard>,
}

/// A box that enrolled by a code and was never heard of since.
#[derive(Clone, Debug)]
pub struct Unheard {
    /// The code.
    pub code: EnrolmentCode,
    /// The box.
    pub id: BoxId,
    /// The hash of the key that it enrolled with.
    pub public_key: Hash,
    /// The key of its log of seals.
    pub log_key: String,
}

/// A code by which a box can enrol still, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenCode {
    /// The part of it that is no secret.
    pub number: CodeNumber,
    /// Its school.
    pub uai: String,
    /// Whether the box takes the place of the one that the school has.
    pub is_replacement: bool,
    /// Until when it is good.
    pub until: Timestamp,
    /// How many wrong tries are left.
    pub tries_left: u32,
}

/// A box that enrols.
#[derive(Clone, Debug)]
pub struct NewBox {
    /// The key of its log of seals.
    pub log_key: String,
    /// The version of its program.
    pub version: String,
    /// The key that it asked with.
    pub public_key: Vec<u8>,
    /// Its certificate.
    pub certificate: Fingerprint,
    /// Until when that is good.
    pub certificate_until: Timestamp,
}

/// A box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoxState {
    /// Its number.
    pub id: BoxId,
    /// Its school.
    pub uai: String,
    /// The key of its log of seals.
    pub log_key: String,
    /// The version of its program, when it was heard of last.
    pub version: String,
    /// When it enrolled.
    pub enrolled: Timestamp,
    /// Since when it is none of the commune's any more.
    pub revoked: Option<Timestamp>,
    /// When it was heard of last.
    pub seen: Option<Timestamp>,
    /// How it was then, as it said itself: a `replication::Health` in JSON.
    pub health: Option<String>,
    /// How many entries its log had when the hub signed it last.
    pub log_size: u64,
}

/// A file of a box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// The hash of all its bytes.
    pub hash: Hash,
    /// What the box calls it.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
    /// When it has to be gone.
    pub until: Timestamp,
}

/// The state of a box that it has sent, encrypted to the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSnapshot {
    /// The hash of its bytes.
    pub hash: Hash,
    /// How long it is.
    pub bytes: u64,
    /// When it arrived.
    pub at: Timestamp,
}

/// An enrolment under way: whichever hub is asked goes on with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The code's number.
    pub number: CodeNumber,
    /// What both sides have: `replication::Keys`.
    pub keys: Vec<u8>,
    /// When it began.
    pub begun: Timestamp,
    /// The proof that was taken, in JSON; empty where none was yet.
    pub asked: String,
    /// What was answered: a box that did not hear it asks again.
    pub answer: String,
}

/// A policy that is to take the place of another.
#[derive(Clone, Copy, Debug)]
pub struct NewPolicy<'p> {
    /// The number of the one before; 0: none.
    pub before: u64,
    /// Its own number.
    pub serial: u64,
    /// What is signed.
    pub note: &'p str,
    /// The rule that it adds: where a school has one of its own that says the contrary of the same site, that one goes.
    pub added: Option<&'p CommuneRule>,
    /// When it is made.
    pub at: Timestamp,
}

/// What the register does not do.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The commune has no such school.
    #[error("there is no school {0}: preau hub school add")]
    NoSchool(String),
    /// It has a box.
    #[error("the school {0} has a box: make the code with --replacement, or revoke the box first")]
    HasBox(String),
    /// There is a code with this number.
    #[error("there is a code with this number already")]
    Taken,
    /// The code is used, burnt or too old by now.
    #[error("the code is worth nothing any more")]
    Spent,
    /// The database fails.
    #[error("the register cannot be read or written")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The register. Each call is one transaction; any number of hubs may work on one register.
pub trait Register:
    wishes::Wishes
    + web::Web
    + releases::Releases
    + library::Library
    + configurations::Configurations
    + Send
    + Sync
{
    /// Adds a school, or changes its name and rooms.
    ///
    /// # Errors
    /// [`RegisterError`]; so with all that follow.
    fn put_school(&self, school: &School) -> Result<(), RegisterError>;
    /// The schools, by their identifiers.
    fn schools(&self) -> Result<Vec<School>, RegisterError>;
    /// Keeps a code. A school that has a box gets one for a replacement only.
    fn add_code(&self, code: &NewCode) -> Result<(), RegisterError>;
    /// Finds a code.
    fn find_code(&self, number: &CodeNumber) -> Result<Option<CodeState>, RegisterError>;
    /// The codes that are neither used nor burnt nor too old, by their schools.
    fn open_codes(&self, now: Timestamp) -> Result<Vec<OpenCode>, RegisterError>;
    /// Makes a code worth nothing: its secret is gone. Whether it had one until now.
    fn cancel_code(&self, number: &CodeNumber) -> Result<bool, RegisterError>;
    /// Has the box that enrols by a code for a replacement take over this state of its school, and not the newest; whether there are both.
    fn choose_state(&self, number: &CodeNumber, state: Hash) -> Result<bool, RegisterError>;
    /// Takes one of a code's tries, and says how many are left. With the last one its secret is gone.
    fn spend_try(&self, number: &CodeNumber) -> Result<u32, RegisterError>;
    /// Makes a box of the code's school, once: the code is used. For a replacement, the boxes before are revoked.
    fn enrol(&self, number: &CodeNumber, new: &NewBox, now: Timestamp) -> Result<BoxId, RegisterError>;
    /// Adds a certificate of a box. Those before are good to their end, but for the oldest beyond [`CERTIFICATES_MAX`].
    fn add_certificate(
        &self,
        of: BoxId,
        certificate: Fingerprint,
        until: Timestamp,
    ) -> Result<(), RegisterError>;
    /// Whose certificate this is, revoked or not.
    fn find_box(&self, certificate: Fingerprint) -> Result<Option<BoxState>, RegisterError>;
    /// All boxes, revoked ones too, by school and number.
    fn boxes(&self) -> Result<Vec<BoxState>, RegisterError>;
    /// Revokes a box; whether it was one until now.
    fn revoke(&self, of: BoxId, now: Timestamp) -> Result<bool, RegisterError>;
    /// Notes that a box was heard of, and how it is.
    fn note_health(
        &self,
        of: BoxId,
        version: &str,
        health: &str,
        now: Timestamp,
    ) -> Result<(), RegisterError>;
    /// The last checkpoint of a box's log that the hub has signed.
    fn signed(&self, of: BoxId) -> Result<Option<String>, RegisterError>;
    /// Keeps what the hub signs, where it still has signed `before` entries; whether it does. What was signed earlier
    /// stays, but for the oldest beyond [`SIGNED_MAX`].
    fn keep_signed(
        &self,
        of: BoxId,
        before: u64,
        size: u64,
        note: &str,
        now: Timestamp,
    ) -> Result<bool, RegisterError>;
    /// The commune's policy that was signed last, by its number.
    fn policy(&self) -> Result<Option<(u64, String)>, RegisterError>;
    /// Keeps a newer one, where the one before is still the last: the schools whose own rule went with it. `None` where it is not kept.
    fn keep_policy(&self, new: &NewPolicy<'_>) -> Result<Option<Vec<String>>, RegisterError>;
    /// Notes a file that is whole. One that is noted already keeps its name, and the earlier of both ends, but none before `soonest`. Where its end
    /// comes nearer by that: how many files of the box end before the time that was said of them first.
    fn add_file(
        &self,
        of: BoxId,
        file: &StoredFile,
        soonest: Timestamp,
    ) -> Result<Option<u64>, RegisterError>;
    /// Somebody in the school holds a file: where it would end before `until`, it ends then, also for whoever asks what was said first.
    fn hold_file(&self, of: BoxId, hash: Hash, until: Timestamp) -> Result<(), RegisterError>;
    /// A box's files.
    fn files(&self, of: BoxId) -> Result<Vec<StoredFile>, RegisterError>;
    /// Files that have to be gone by now, at most `count`. Of a revoked box, what it said first counts: what came later may be a thief's word.
    fn due_files(&self, now: Timestamp, count: u32) -> Result<Vec<(BoxId, Hash)>, RegisterError>;
    /// Forgets a file that is gone.
    fn forget_file(&self, of: BoxId, hash: Hash) -> Result<(), RegisterError>;
    /// Notes a box's state that has arrived whole.
    fn add_snapshot(&self, of: BoxId, snapshot: &StoredSnapshot) -> Result<(), RegisterError>;
    /// The last state that a box has sent.
    fn last_snapshot(&self, of: BoxId) -> Result<Option<StoredSnapshot>, RegisterError>;
    /// The states of a school's boxes, the newest first.
    fn snapshots(&self, uai: &str) -> Result<Vec<(BoxId, StoredSnapshot)>, RegisterError>;
    /// States of a box's school beyond its newest one and the first of each of the last `kept` days that have one, whichever of its boxes has sent
    /// them: however many come in a day, those of the days before stay. So does one that was chosen for a box.
    fn surplus_snapshots(&self, of: BoxId, kept: u32) -> Result<Vec<(BoxId, Hash)>, RegisterError>;
    /// Forgets one that is gone.
    fn forget_snapshot(&self, of: BoxId, hash: Hash) -> Result<(), RegisterError>;
    /// Whether a state is noted.
    fn has_snapshot(&self, of: BoxId, hash: Hash) -> Result<bool, RegisterError>;
    /// The state that a box may take over: the last one of its school's boxes before, or the one that was chosen with its code, where it enrolled to take the place of one, and has
    /// sent no state of its own yet.
    fn inheritance(&self, of: BoxId) -> Result<Option<(BoxId, Hash)>, RegisterError>;
    /// Keeps an enrolment under way; those that began until `stale` go, and the oldest beyond [`EXCHANGES_MAX`]. So do secrets of codes that were used, once
    /// nobody asks again by them.
    fn put_exchange(
        &self,
        session: &[u8],
        exchange: &Exchange,
        stale: Timestamp,
    ) -> Result<(), RegisterError>;
    /// Takes it out: two proofs of one session are never judged at the same time.
    fn take_exchange(&self, session: &[u8]) -> Result<Option<Exchange>, RegisterError>;
}
