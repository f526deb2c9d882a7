//! What a session may read again without the line: the files that the server granted it, and their keys.
//!
//! A ledger is a file of its own for each session, encrypted under a key that is derived from the session's cookie (HKDF, RFC
//! 5869; ChaCha20-Poly1305, RFC 8439), which the box does not keep. Its name is derived likewise. Without the cookie nobody
//! reads it, nor the files that it has the keys of; with it, that session reads what it was granted, until the end.
//!
//! Invariant: nothing of a ledger, and nothing that leads to one, is on the disk in clear: no host, no path, no name of a file.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use model::Timestamp;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use serde::{Deserialize, Serialize};

use crate::key::{Key, Vary};
use crate::sealing::{FileKey, KEY_BYTES};
use crate::stored::{Audience, Stored, Validity};
use crate::terms::Terms;

/// What a ledger begins with.
const LEDGER_MAGIC: [u8; 8] = *b"PREAULDG";
const VERSION: u16 = 1;
/// Bytes of magic, version and nonce.
const HEAD_BYTES: usize = LEDGER_MAGIC.len() + 2 + NONCE_LEN;
/// Grants of one session: a pupil opens some dozens of files a day. The oldest leave first.
pub const GRANTS_MAX: usize = 256;
/// Longest ledger that is read: as many grants as there can be, each with a long path and a long name.
pub const LEDGER_BYTES_MAX: usize = GRANTS_MAX * 12 * 1024;
/// What the derivation is for; another use of the same cookie has other keys.
const SALT: &[u8] = b"preau ent ledger v1";
/// Days in milliseconds.
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// What a session's cookie leads to.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKeys {
    name: u128,
    key: [u8; KEY_BYTES],
}

impl SessionKeys {
    /// Derives them from the secret that a session is known by on this host. `None` where the derivation fails, which it does
    /// not.
    #[must_use]
    pub fn derive(host: &str, secret: &[u8]) -> Option<Self> {
        let prk = Salt::new(HKDF_SHA256, SALT).extract(secret);
        let host = host.to_ascii_lowercase();
        let mut name = [0; 16];
        let mut key = [0; KEY_BYTES];
        prk.expand(&[b"name", host.as_bytes()], Bytes(name.len())).ok()?.fill(&mut name).ok()?;
        prk.expand(&[b"key", host.as_bytes()], Bytes(key.len())).ok()?.fill(&mut key).ok()?;
        Some(Self { name: u128::from_be_bytes(name), key })
    }

    /// The name of the session's ledger.
    #[must_use]
    pub fn name(&self) -> u128 {
        self.name
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&CHACHA20_POLY1305, &self.key).ok().map(LessSafeKey::new)
    }
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKeys(..)")
    }
}

/// So many bytes of a derivation.
struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

/// A file that a session was granted.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// What it is kept under.
    pub key: Key,
    /// Its head.
    pub stored: Stored,
    /// The name of the file that its bytes are in.
    pub file: u128,
    /// Their number.
    pub length: u64,
    /// What they are encrypted under.
    pub file_key: FileKey,
    /// From then on it is granted no more.
    pub until: Timestamp,
}

/// The grants of a session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    grants: Vec<Grant>,
}

/// Why a ledger cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerDamage {
    /// It is something else.
    #[error("no ledger of a session")]
    Foreign,
    /// It is of another version.
    #[error("a ledger of another version")]
    Version,
    /// It is damaged, or another session's.
    #[error("a ledger that this session's key does not open")]
    Sealed,
    /// It is whole, and says what cannot be.
    #[error("a ledger that says what cannot be")]
    Content,
}

#[derive(Serialize, Deserialize)]
struct WrittenGrant {
    host: String,
    path_and_query: String,
    fields: Vec<(String, Vec<u8>)>,
    requested_ms: i64,
    received_ms: i64,
    file: u128,
    length: u64,
    file_key: [u8; KEY_BYTES],
    until_ms: i64,
}

impl Ledger {
    /// Notes that a file is granted, for so many days. Another version of it takes the place of the one before. False where
    /// there is nothing new to write: it is granted already, for more than half of that time.
    pub fn grant(&mut self, grant: Grant, now: Timestamp, days: u32) -> bool {
        let is_known = |known: &Grant| {
            let is_same = known.key == grant.key
                && known.file == grant.file
                && known.stored.headers == grant.stored.headers;
            is_same && Self::lasts(known.until, now, days)
        };
        if self.grants.iter().any(is_known) {
            return false;
        }
        self.grants.retain(|known| known.key != grant.key && known.until > now);
        if self.grants.len() >= GRANTS_MAX {
            self.grants.remove(0);
        }
        self.grants.push(grant);
        true
    }

    /// The end of a grant that begins now.
    #[must_use]
    pub fn end(now: Timestamp, days: u32) -> Timestamp {
        let ms = i64::try_from(u64::from(days).saturating_mul(DAY_MS)).unwrap_or(i64::MAX);
        Timestamp::from_unix_ms(now.unix_ms().saturating_add(ms))
    }

    /// Whether what is granted until then need not be granted anew, for so many days: more than half of them are left.
    #[must_use]
    pub fn lasts(until: Timestamp, now: Timestamp, days: u32) -> bool {
        let half_ms = u64::from(days).saturating_mul(DAY_MS) / 2;
        until.ms_since(now) > half_ms && until <= Self::end(now, days)
    }

    /// Until when a file is granted; `None` where it is not, whatever was before.
    #[must_use]
    pub fn until(&self, file: u128) -> Option<Timestamp> {
        self.grants.iter().find(|grant| grant.file == file).map(|grant| grant.until)
    }

    /// What was granted of a key, and is not over.
    #[must_use]
    pub fn find(&self, key: &Key, now: Timestamp) -> Option<&Grant> {
        self.grants.iter().find(|grant| grant.key == *key && now < grant.until)
    }

    /// The ledger as it is written. The nonce is chance: a session's ledger is written again and again under one key. `None`
    /// where it cannot be encrypted, which does not happen.
    #[must_use]
    pub fn seal(&self, keys: &SessionKeys, nonce: [u8; NONCE_LEN]) -> Option<Vec<u8>> {
        let mut payload = self.encode();
        let mut bytes = head(nonce);
        let aad = Aad::from(bytes.clone());
        keys.cipher()?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut payload)
            .ok()?;
        bytes.append(&mut payload);
        Some(bytes)
    }

    /// Reads a ledger.
    ///
    /// # Errors
    /// [`LedgerDamage`]; whoever reads does as if there were none.
    pub fn open(keys: &SessionKeys, bytes: &[u8]) -> Result<Self, LedgerDamage> {
        let rest = bytes.strip_prefix(&LEDGER_MAGIC).ok_or(LedgerDamage::Foreign)?;
        let (version, rest) = rest.split_first_chunk::<2>().ok_or(LedgerDamage::Sealed)?;
        if u16::from_le_bytes(*version) != VERSION {
            return Err(LedgerDamage::Version);
        }
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>().ok_or(LedgerDamage::Sealed)?;
        if bytes.len() > LEDGER_BYTES_MAX {
            return Err(LedgerDamage::Content);
        }
        let aad = Aad::from(bytes.get(..HEAD_BYTES).unwrap_or_default());
        let mut payload = sealed.to_vec();
        let cipher = keys.cipher().ok_or(LedgerDamage::Sealed)?;
        let opened = cipher
            .open_in_place(Nonce::assume_unique_for_key(*nonce), aad, &mut payload)
            .map_err(|_| LedgerDamage::Sealed)?;
        Self::decode(opened)
    }

    /// What is encrypted.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let written: Vec<WrittenGrant> = self.grants.iter().map(write_grant).collect();
        // Into memory, which does not fail; were it to, the ledger would be read as one that says what cannot be.
        postcard::to_stdvec(&written).unwrap_or_default()
    }

    /// Reads what was encrypted.
    ///
    /// # Errors
    /// [`LedgerDamage::Content`].
    pub fn decode(payload: &[u8]) -> Result<Self, LedgerDamage> {
        let written: Vec<WrittenGrant> = postcard::from_bytes(payload).map_err(|_| LedgerDamage::Content)?;
        let grants: Option<Vec<Grant>> = written.iter().map(read_grant).collect();
        let grants = grants.filter(|grants| grants.len() <= GRANTS_MAX).ok_or(LedgerDamage::Content)?;
        Ok(Self { grants })
    }
}

fn head(nonce: [u8; NONCE_LEN]) -> Vec<u8> {
    [&LEDGER_MAGIC[..], &VERSION.to_le_bytes(), &nonce].concat()
}

fn write_grant(grant: &Grant) -> WrittenGrant {
    let headers = grant.stored.headers.iter();
    WrittenGrant {
        host: grant.key.host().to_owned(),
        path_and_query: grant.key.path_and_query().to_owned(),
        fields: headers.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect(),
        requested_ms: grant.stored.requested.unix_ms(),
        received_ms: grant.stored.received.unix_ms(),
        file: grant.file,
        length: grant.length,
        file_key: *grant.file_key.bytes(),
        until_ms: grant.until.unix_ms(),
    }
}

fn read_grant(written: &WrittenGrant) -> Option<Grant> {
    let mut headers = HeaderMap::with_capacity(written.fields.len());
    for (name, value) in &written.fields {
        headers.append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value).ok()?);
    }
    let received = Timestamp::from_unix_ms(written.received_ms);
    Some(Grant {
        key: Key::new(&written.host, &written.path_and_query)?,
        stored: Stored {
            status: StatusCode::OK,
            terms: Terms::read(&HeaderMap::new(), &[], received),
            headers,
            requested: Timestamp::from_unix_ms(written.requested_ms),
            received,
            vary: Vary::default(),
            audience: Audience::Authorised,
            validity: Validity::Standing,
        },
        file: written.file,
        length: written.length,
        file_key: FileKey::new(written.file_key),
        until: Timestamp::from_unix_ms(written.until_ms),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::tests::map;
    use crate::stored::tests::at;

    const DAY_S: i64 = 24 * 60 * 60;

    fn keys(secret: &str) -> SessionKeys {
        SessionKeys::derive("ent.example", secret.as_bytes()).unwrap()
    }

    fn grant(path: &str, tag: &str, now_s: i64) -> Grant {
        let headers = map(&[("content-type", "application/pdf"), ("etag", tag), ("content-length", "5")]);
        let stored = Stored {
            terms: Terms::read(&HeaderMap::new(), &[], at(0)),
            audience: Audience::Authorised,
            headers,
            ..crate::stored::tests::stored(&[])
        };
        Grant {
            key: Key::new("ent.example", path).unwrap(),
            stored,
            file: 7,
            length: 5,
            file_key: FileKey::new([9; KEY_BYTES]),
            until: Ledger::end(at(now_s), 7),
        }
    }

    fn sample() -> Ledger {
        let mut ledger = Ledger::default();
        assert!(ledger.grant(grant("/workspace/document/1", "a", 0), at(0), 7));
        assert!(ledger.grant(grant("/workspace/document/2", "\"b\"", 0), at(0), 7));
        ledger
    }

    #[test]
    fn only_the_sessions_own_cookie_opens_it() {
        let (ledger, lina) = (sample(), keys("0123456789abcdef"));
        let bytes = ledger.seal(&lina, [1; NONCE_LEN]).unwrap();
        assert_eq!(Ledger::open(&lina, &bytes), Ok(ledger));
        for other in
            [keys("0123456789abcdeg"), SessionKeys::derive("other.example", b"0123456789abcdef").unwrap()]
        {
            assert_ne!(other.name(), lina.name());
            assert_eq!(Ledger::open(&other, &bytes), Err(LedgerDamage::Sealed));
        }
        for word in [&b"document"[..], b"example", b"pdf", &[9; 8]] {
            assert!(!bytes.windows(word.len()).any(|part| part == word), "{word:?}");
        }
        assert_eq!(format!("{lina:?}"), "SessionKeys(..)");
    }

    #[test]
    fn the_golden_file_is_what_is_written() {
        let bytes = sample().seal(&keys("0123456789abcdef"), [1; NONCE_LEN]).unwrap();
        let lines = bytes.chunks(32);
        let written: String = lines
            .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n")
            .collect();
        assert_eq!(written, include_str!("../testdata/ledger-v1.hex"));
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_found() {
        let lina = keys("0123456789abcdef");
        let bytes = sample().seal(&lina, [1; NONCE_LEN]).unwrap();
        for place in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[place] ^= 0x40;
            assert!(Ledger::open(&lina, &flipped).is_err(), "{place}");
            assert!(Ledger::open(&lina, &bytes[..place]).is_err(), "{place}");
        }
        assert_eq!(Ledger::open(&lina, b""), Err(LedgerDamage::Foreign));
        assert_eq!(Ledger::open(&lina, b"PREAULDG\x02\x00"), Err(LedgerDamage::Version));
        assert_eq!(Ledger::decode(&[0xff; 9]), Err(LedgerDamage::Content));
    }

    #[test]
    fn a_grant_has_an_end() {
        let mut ledger = sample();
        let key = Key::new("ent.example", "/workspace/document/1").unwrap();
        assert!(ledger.find(&key, at(7 * DAY_S - 1)).is_some());
        assert_eq!(ledger.find(&key, at(7 * DAY_S)), None);
        // Granted again in the second half of its time, it lasts again.
        assert!(!ledger.grant(grant("/workspace/document/1", "a", DAY_S), at(DAY_S), 7));
        assert!(ledger.grant(grant("/workspace/document/1", "a", 4 * DAY_S), at(4 * DAY_S), 7));
        assert!(ledger.find(&key, at(11 * DAY_S - 1)).is_some());
        // What is over is forgotten with the next grant.
        assert!(ledger.grant(grant("/workspace/document/3", "a", 8 * DAY_S), at(8 * DAY_S), 7));
        assert_eq!(ledger.grants.len(), 2);
    }

    #[test]
    fn another_version_takes_the_place_of_the_one_before() {
        let mut ledger = sample();
        assert!(ledger.grant(grant("/workspace/document/1", "c", 1), at(1), 7));
        assert_eq!(ledger.grants.len(), 2);
        let key = Key::new("ent.example", "/workspace/document/1").unwrap();
        assert_eq!(ledger.find(&key, at(1)).unwrap().stored.headers.get("etag").unwrap(), "c");
    }

    #[test]
    fn grants_do_not_pile_up() {
        let mut ledger = Ledger::default();
        for number in 0..GRANTS_MAX + 10 {
            assert!(ledger.grant(grant(&format!("/workspace/document/{number}"), "a", 0), at(0), 7));
        }
        assert_eq!(ledger.grants.len(), GRANTS_MAX);
        let bytes = ledger.seal(&keys("0123456789abcdef"), [1; NONCE_LEN]).unwrap();
        assert!(Ledger::open(&keys("0123456789abcdef"), &bytes).is_ok());
    }
}
