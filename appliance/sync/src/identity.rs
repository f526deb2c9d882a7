//! What a box is at its hub, on the disk: `DATA/hub`.
//!
//! | file | |
//! |---|---|
//! | `identity` | the hub, its authority, the box's key, certificate and school, as JSON: one file, so that a power cut leaves one whole identity |
//! | `heir` | the same of a box that is about to take another one's place: it counts once that one's state is here, too |
//! | `applicant` | the keys that the box tried to enrol with, the last ones, each with the number of its code: where the answer is lost, it asks again with the same key |
//! | `night` | what became of the last nights, as JSON |
//! | `snapshot` | which state of the box went to the hub last, or is on its way, as JSON |
//! | `snapshot.age` | what is on its way, encrypted to the hub |
//! | `predecessor` | what the box before had sealed, as JSON |
//! | `web-key.pem` | the key of a certificate for the commune's names that is being made |
//! | `web.pem` | such a certificate with its key and chain, as it is shown |
//! | `lock` | held by whoever enrols or syncs |

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use archive::Hash;
use pki::{MemberKey, WebCertificate};
use replication::limits::SNAPSHOT_BYTES_MAX;
use replication::{CodeNumber, Encoded, Enrolled};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};
use system::private::{PrivateFolder, PrivateLock};
use zeroize::{Zeroize as _, Zeroizing};

use crate::error::SyncError;
use crate::url::HubUrl;

const FOLDER: &str = "hub";
const IDENTITY_FILE: &str = "identity";
const HEIR_FILE: &str = "heir";
const APPLICANT_FILE: &str = "applicant";
const NIGHT_FILE: &str = "night";
const WEB_KEY_FILE: &str = "web-key.pem";
const WEB_FILE: &str = "web.pem";
const SNAPSHOT_FILE: &str = "snapshot";
const SNAPSHOT_BYTES_FILE: &str = "snapshot.age";
/// The version of both files of JSON.
const VERSION: u32 = 1;
/// Keys that are kept of codes that were tried: whoever types another code meanwhile may still come back to the one before.
const APPLICANTS_MAX: usize = 4;

/// The folder of what a box is at its hub.
#[derive(Clone, Debug)]
pub struct HubFolder(PrivateFolder);

/// What a box is at its hub.
#[derive(Debug)]
pub struct Identity {
    /// Where the hub is.
    pub url: HubUrl,
    /// The certificate of its authority, in DER.
    pub authority: Vec<u8>,
    /// What the hub said that the box is.
    pub enrolled: Enrolled,
    /// The box's own key.
    pub key: MemberKey,
}

/// What became of the last nights.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NightState {
    /// When one succeeded last, in milliseconds since 1970.
    pub succeeded_ms: Option<i64>,
    /// When one was tried last.
    pub tried_ms: Option<i64>,
    /// How many failed since.
    pub failures: u32,
    /// Why the last one did.
    pub error: Option<String>,
    /// Whether it did because the hub does not take the box.
    #[serde(default)]
    pub is_refused: bool,
    /// The kind of the reason, for pages. A file that an older program has written has none.
    #[serde(default)]
    pub fault: Option<NightFault>,
}

/// Why a night failed, as far as somebody can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NightFault {
    /// Nobody answers.
    Silent,
    /// The box's clock is wrong.
    Clock,
    /// What answers is not the hub.
    Stranger,
    /// The hub does not take the box.
    Refused,
    /// The hub answers, and cannot do it.
    Broken,
    /// The box's disk.
    Disk,
    /// The hub brings what is older than what is here.
    Old,
    /// What the hub has signed is not what it had to be.
    Unsigned,
}

/// Which state of the box went to the hub last, or is on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SnapshotOnItsWay {
    /// What tells it from another state.
    pub(crate) content: String,
    /// To whom it is encrypted.
    pub(crate) reader: String,
    /// The hash of what is sent.
    pub(crate) hash: String,
}

/// The file `identity`.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    hub: String,
    authority: Encoded,
    key: String,
    enrolled: Enrolled,
}

/// The file `applicant`.
#[derive(Serialize, Deserialize)]
struct StoredApplicant {
    version: u32,
    #[serde(flatten)]
    last: StoredKey,
    /// Those of other codes before, the latest first.
    #[serde(default)]
    before: Vec<StoredKey>,
}

/// The key of a code.
#[derive(Serialize, Deserialize)]
struct StoredKey {
    number: String,
    key: String,
}

impl Drop for StoredKey {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl HubFolder {
    /// In a data folder. Touches nothing yet.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self(PrivateFolder::new(&data.join(FOLDER)))
    }

    /// Keeps others from enrolling or syncing at the same time.
    ///
    /// # Errors
    /// [`SyncError::Busy`], or the disk's.
    pub fn lock(&self) -> Result<PrivateLock, SyncError> {
        self.0.lock().map_err(|error| {
            if error.kind() == io::ErrorKind::ResourceBusy {
                return SyncError::Busy;
            }
            SyncError::Disk { what: self.name(FOLDER), source: error }
        })
    }

    /// Whether the box was enrolled once.
    #[must_use]
    pub fn is_enrolled(&self) -> bool {
        self.0.path(IDENTITY_FILE).exists()
    }

    /// What the box is; `None` where it was never enrolled.
    ///
    /// # Errors
    /// [`SyncError::Damaged`], or the disk's.
    pub fn read(&self) -> Result<Option<Identity>, SyncError> {
        let Some(text) = self.text(IDENTITY_FILE)? else { return Ok(None) };
        let identity = parse(&Zeroizing::new(text));
        identity.map(Some).ok_or_else(|| SyncError::Damaged(self.name(IDENTITY_FILE)))
    }

    /// What tells one enrolment from the next: when it was kept.
    #[must_use]
    pub fn identity_stamp(&self) -> Option<SystemTime> {
        self.0.path(IDENTITY_FILE).metadata().and_then(|file| file.modified()).ok()
    }

    /// Keeps what the box is.
    ///
    /// # Errors
    /// The disk's; the box is then what it was.
    pub fn keep(&self, identity: &Identity) -> Result<(), SyncError> {
        self.replace(IDENTITY_FILE, &self.write(identity)?)
    }

    /// What a box is that is about to take another one's place; `None` where it is not.
    ///
    /// # Errors
    /// [`SyncError::Damaged`], or the disk's.
    pub fn read_heir(&self) -> Result<Option<Identity>, SyncError> {
        let Some(text) = self.text(HEIR_FILE)? else { return Ok(None) };
        let identity = parse(&Zeroizing::new(text));
        identity.map(Some).ok_or_else(|| SyncError::Damaged(self.name(HEIR_FILE)))
    }

    /// Keeps what a box is going to be once it has the other one's state. Until then it is nothing at the hub.
    ///
    /// # Errors
    /// The disk's.
    pub fn keep_heir(&self, identity: &Identity) -> Result<(), SyncError> {
        self.replace(HEIR_FILE, &self.write(identity)?)
    }

    /// Forgets it: it is what it was to be, or never will.
    ///
    /// # Errors
    /// The disk's.
    pub fn forget_heir(&self) -> Result<(), SyncError> {
        self.0.remove(HEIR_FILE).map_err(SyncError::disk(self.name(HEIR_FILE)))
    }

    /// The key to enrol with by a code: the one of the try before, where there was one by this code, whatever was tried since. It is on the disk
    /// before anybody hears of it.
    ///
    /// # Errors
    /// The disk's.
    pub fn open_applicant(&self, number: &CodeNumber) -> Result<MemberKey, SyncError> {
        let kept = self.text(APPLICANT_FILE)?.map(Zeroizing::new);
        let mut before = kept.map(|text| parse_applicants(&text)).unwrap_or_default();
        let same = before.iter().find(|it| it.number == number.as_str());
        if let Some(key) = same.and_then(|it| MemberKey::read(&it.key).ok()) {
            return Ok(key);
        }
        let key = MemberKey::generate()
            .map_err(|_| SyncError::disk("random bytes")(io::ErrorKind::Other.into()))?;
        before.retain(|it| it.number != number.as_str());
        before.truncate(APPLICANTS_MAX.saturating_sub(1));
        let last = StoredKey { number: number.to_string(), key: key.write() };
        let stored = StoredApplicant { version: VERSION, last, before };
        let text = Zeroizing::new(serde_json::to_string_pretty(&stored).unwrap_or_default());
        self.replace(APPLICANT_FILE, &text)?;
        Ok(key)
    }

    /// Forgets it: the box is what it wanted to be.
    ///
    /// # Errors
    /// The disk's.
    pub fn forget_applicant(&self) -> Result<(), SyncError> {
        self.0.remove(APPLICANT_FILE).map_err(SyncError::disk(self.name(APPLICANT_FILE)))
    }

    /// The text of the file `identity`, for whoever puts it in place together with other files.
    ///
    /// # Errors
    /// [`SyncError::NoHub`] where it is no whole identity.
    pub fn write(&self, identity: &Identity) -> Result<Zeroizing<String>, SyncError> {
        if !identity.is_whole() {
            return Err(SyncError::NoHub(identity.url.to_string()));
        }
        let stored = Stored {
            version: VERSION,
            hub: identity.url.to_string(),
            authority: Encoded(identity.authority.clone()),
            key: identity.key.write(),
            enrolled: identity.enrolled.clone(),
        };
        let name = self.name(IDENTITY_FILE);
        let text =
            serde_json::to_string_pretty(&stored).map_err(|error| SyncError::disk(name)(error.into()))?;
        Ok(Zeroizing::new(text))
    }

    /// Which state of the box went last, or is on its way. What cannot be read was none: it goes again.
    pub(crate) fn snapshot(&self) -> Option<SnapshotOnItsWay> {
        let text = self.text(SNAPSHOT_FILE).ok().flatten()?;
        serde_json::from_str(&text).ok()
    }

    /// The bytes of the one on its way; `None` where they are not here any more.
    pub(crate) fn snapshot_bytes(&self, of: &SnapshotOnItsWay) -> Option<Vec<u8>> {
        let bytes = self.0.read_bytes(SNAPSHOT_BYTES_FILE, SNAPSHOT_BYTES_MAX).ok().flatten()?;
        (Hash::of(&bytes).to_string() == of.hash).then_some(bytes)
    }

    /// Keeps one that is on its way. The bytes come first: a power cut between leaves none.
    pub(crate) fn keep_snapshot(&self, of: &SnapshotOnItsWay, bytes: &[u8]) -> Result<(), SyncError> {
        let kept = self.0.replace_bytes(SNAPSHOT_BYTES_FILE, bytes);
        kept.map_err(SyncError::disk(self.name(SNAPSHOT_BYTES_FILE)))?;
        self.replace(SNAPSHOT_FILE, &serde_json::to_string_pretty(of).unwrap_or_default())
    }

    /// What has arrived at the hub is not needed here.
    pub(crate) fn drop_snapshot_bytes(&self) -> Result<(), SyncError> {
        self.0.remove(SNAPSHOT_BYTES_FILE).map_err(SyncError::disk(self.name(SNAPSHOT_BYTES_FILE)))
    }

    /// What became of the last nights. What cannot be read was none: the next night is early then, and no harm is done.
    #[must_use]
    pub fn night(&self) -> NightState {
        let text = self.text(NIGHT_FILE).ok().flatten();
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// Keeps it.
    ///
    /// # Errors
    /// The disk's.
    pub fn keep_night(&self, state: &NightState) -> Result<(), SyncError> {
        self.replace(NIGHT_FILE, &serde_json::to_string_pretty(state).unwrap_or_default())
    }

    /// The key of a certificate for the commune's names that is being made.
    pub(crate) fn web_key(&self) -> Result<Option<Zeroizing<String>>, SyncError> {
        Ok(self.text(WEB_KEY_FILE)?.map(Zeroizing::new))
    }

    pub(crate) fn keep_web_key(&self, pem: &str) -> Result<(), SyncError> {
        self.replace(WEB_KEY_FILE, pem)
    }

    /// The certificate for the commune's names; `None` where there is none.
    ///
    /// # Errors
    /// [`SyncError::Damaged`], or the disk's.
    pub fn web(&self) -> Result<Option<WebCertificate>, SyncError> {
        let Some(text) = self.text(WEB_FILE)?.map(Zeroizing::new) else { return Ok(None) };
        WebCertificate::read(&text).map(Some).ok_or_else(|| SyncError::Damaged(self.name(WEB_FILE)))
    }

    /// Keeps one, with its key: in one file, so that a power cut leaves no other key's. The next one is made with another key.
    pub(crate) fn keep_web(&self, pem: &str) -> Result<(), SyncError> {
        self.replace(WEB_FILE, pem)?;
        self.0.remove(WEB_KEY_FILE).map_err(SyncError::disk(self.name(WEB_KEY_FILE)))
    }

    /// Forgets it, and the key of one that is being made: the commune has taken the names back.
    pub(crate) fn drop_web(&self) -> Result<(), SyncError> {
        self.0.remove(WEB_FILE).map_err(SyncError::disk(self.name(WEB_FILE)))?;
        self.0.remove(WEB_KEY_FILE).map_err(SyncError::disk(self.name(WEB_KEY_FILE)))
    }

    /// What tells one from the next: when it was kept.
    #[must_use]
    pub fn web_stamp(&self) -> Option<SystemTime> {
        self.0.path(WEB_FILE).metadata().and_then(|file| file.modified()).ok()
    }

    fn text(&self, name: &str) -> Result<Option<String>, SyncError> {
        self.0.read(name).map_err(SyncError::disk(self.name(name)))
    }

    fn replace(&self, name: &str, text: &str) -> Result<(), SyncError> {
        self.0.replace(name, text).map_err(SyncError::disk(self.name(name)))
    }

    fn name(&self, name: &str) -> String {
        self.0.path(name).display().to_string()
    }
}

fn parse(text: &str) -> Option<Identity> {
    let stored: Stored = serde_json::from_str(text).ok()?;
    let key = Zeroizing::new(stored.key);
    let (url, key) = (stored.hub.parse().ok()?, MemberKey::read(&key).ok()?);
    let identity = Identity { url, authority: stored.authority.0, enrolled: stored.enrolled, key };
    (stored.version == VERSION && identity.is_whole()).then_some(identity)
}

/// The keys of codes that were tried, the latest first. What cannot be read was none: the box asks with another key.
fn parse_applicants(text: &str) -> Vec<StoredKey> {
    let stored: Option<StoredApplicant> = serde_json::from_str(text).ok();
    let stored = stored.filter(|stored| stored.version == VERSION);
    stored.map_or_else(Vec::new, |StoredApplicant { last, before, .. }| {
        [last].into_iter().chain(before).collect()
    })
}

impl Identity {
    /// Whether certificate and key belong together: no connection can be made with others.
    fn is_whole(&self) -> bool {
        let chain = vec![CertificateDer::from(self.enrolled.certificate.0.clone())];
        let key = PrivateKeyDer::Pkcs8(self.key.pkcs8());
        CertifiedKey::from_der(chain, key, &Arc::new(default_provider())).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;
    use pki::MemberAuthority;
    use replication::School;

    use super::*;

    fn identity() -> Identity {
        let (authority, key) = (MemberAuthority::generate().unwrap(), MemberKey::generate().unwrap());
        let now = Timestamp::from_unix_ms(1_795_392_000_000);
        let membership = authority.certify(key.public_key(), "0750655E", now).unwrap();
        let school = School { uai: "0750655E".to_owned(), name: "École".to_owned(), rooms: vec![] };
        let enrolled = Enrolled {
            box_id: 7,
            certificate: Encoded(membership.certificate_der),
            valid_ms: (membership.from.unix_ms(), membership.until.unix_ms()),
            school,
            witness_key: "w".to_owned(),
            replaces: false,
        };
        let url = "https://hub.example:8443".parse().unwrap();
        Identity { url, authority: authority.certificate_der(), enrolled, key }
    }

    #[test]
    fn an_identity_comes_back_as_it_was() {
        let data = tempfile::tempdir().unwrap();
        let folder = HubFolder::new(data.path());
        assert!(folder.read().unwrap().is_none() && !folder.is_enrolled());
        let _lock = folder.lock().unwrap();
        assert!(matches!(folder.lock(), Err(SyncError::Busy)));
        let kept = identity();
        folder.keep(&kept).unwrap();
        let read = folder.read().unwrap().unwrap();
        assert_eq!((&read.url, &read.enrolled), (&kept.url, &kept.enrolled));
        assert_eq!(read.key.public_key(), kept.key.public_key());
        let state = NightState { failures: 3, error: Some("x".to_owned()), ..NightState::default() };
        folder.keep_night(&state).unwrap();
        assert_eq!(folder.night(), state);
        // A file that was written before refusals were told apart.
        folder
            .replace(NIGHT_FILE, "{\"succeeded_ms\": 1, \"tried_ms\": 2, \"failures\": 3, \"error\": null}")
            .unwrap();
        assert_eq!((folder.night().failures, folder.night().is_refused), (3, false));
    }

    #[test]
    fn a_box_asks_again_with_the_same_key_by_the_same_code() {
        let data = tempfile::tempdir().unwrap();
        let folder = HubFolder::new(data.path());
        let _lock = folder.lock().unwrap();
        let number = |seed: u8| replication::EnrolmentCode::from_chance(&[seed; 64]).unwrap().number();
        let key = |seed: u8| folder.open_applicant(&number(seed)).unwrap().public_key().to_vec();
        let first = key(3);
        assert_eq!(key(3), first);
        let other = key(4);
        assert_ne!(other, first, "another code");
        assert_eq!((key(3), key(4)), (first.clone(), other), "a code between changes nothing");
        let later: Vec<Vec<u8>> = (5..9).map(key).collect();
        let kept = key(3);
        assert_ne!(kept, first, "only the last few are kept");
        assert_eq!(key(8), later[3]);
        folder.replace(APPLICANT_FILE, "{}").unwrap();
        assert_ne!(key(3), kept, "what cannot be read was none");
        // A file that was written before more than one was kept.
        let text = folder.text(APPLICANT_FILE).unwrap().unwrap();
        let mut fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
        let (kept, _) = (key(3), fields.remove("before").unwrap());
        folder.replace(APPLICANT_FILE, &serde_json::to_string(&fields).unwrap()).unwrap();
        assert_eq!(key(3), kept);
        folder.forget_applicant().unwrap();
        assert!(folder.text(APPLICANT_FILE).unwrap().is_none());
    }

    #[test]
    fn what_does_not_belong_together_is_no_identity() {
        let data = tempfile::tempdir().unwrap();
        let folder = HubFolder::new(data.path());
        let _lock = folder.lock().unwrap();
        let wrong = Identity { key: MemberKey::generate().unwrap(), ..identity() };
        assert!(folder.keep(&wrong).is_err() && !folder.is_enrolled());
        folder.keep(&identity()).unwrap();
        let text = folder.text(IDENTITY_FILE).unwrap().unwrap();
        folder.replace(IDENTITY_FILE, &text.replace("\"version\": 1", "\"version\": 2")).unwrap();
        assert!(matches!(folder.read(), Err(SyncError::Damaged(_))));
        folder.replace(IDENTITY_FILE, &text[..text.len() / 2]).unwrap();
        assert!(matches!(folder.read(), Err(SyncError::Damaged(_))));
    }
}
