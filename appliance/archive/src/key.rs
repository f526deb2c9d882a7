//! Keys that sign notes, and keys that verify them: Ed25519, in the spellings of c2sp.org/signed-note.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::hash::Hash;
use crate::note::{Signature, is_name};

/// How long a seed and a public key are.
const KEY_BYTES: usize = 32;
/// What the file of a signing key begins with.
const FIRST_LINE: &str = "PREAU SEAL KEY 1\n";
/// What a signing key begins with, as other programs for signed notes write it.
const PRIVATE: &str = "PRIVATE+KEY+";
/// What the names of keys begin with; the beginning of a hash follows, so that no two boxes have one name.
const BOX_NAME: &str = "preau/journal/";
const WITNESS_NAME: &str = "preau/witness/";

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Notes as they are (algorithm 1 of c2sp.org/signed-note).
    Note,
    /// That a log had this state at a time (algorithm 4, c2sp.org/tlog-cosignature).
    Cosignature,
}

impl Use {
    fn algorithm(self) -> u8 {
        match self {
            Self::Note => 1,
            Self::Cosignature => 4,
        }
    }

    fn read(algorithm: u8) -> Option<Self> {
        [Self::Note, Self::Cosignature].into_iter().find(|other| other.algorithm() == algorithm)
    }
}

/// The text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is spelt in another way.
    #[error("not a key, as NAME+HASH+BASE64")]
    Spelling,
    /// The hash in it is that of another name or key.
    #[error("a mistyped key: its parts do not belong together")]
    Hash,
    /// It is for something else.
    #[error("a key of an unknown kind")]
    Kind,
    /// It is not the file of a key, or not a whole one.
    #[error("not a whole file of a key")]
    File,
}

/// What signatures are verified with. Public.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    r#use: Use,
    public: [u8; KEY_BYTES],
}

impl VerifierKey {
    /// The name: for a box, that of its log.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> u32 {
        let hashed = [self.name.as_bytes(), b"\n", &[self.r#use.algorithm()], &self.public].concat();
        let hash = Hash::of(&hashed);
        hash.as_bytes().first_chunk().map_or(0, |first| u32::from_be_bytes(*first))
    }

    /// Whether this is the key's own signature of that text.
    pub(crate) fn accepts(&self, text: &str, signature: &Signature) -> bool {
        if signature.name != self.name || signature.key_id != self.id() {
            return false;
        }
        let key = UnparsedPublicKey::new(&ED25519, &self.public);
        match self.r#use {
            Use::Note => key.verify(text.as_bytes(), &signature.bytes).is_ok(),
            Use::Cosignature => {
                let Some((time, bytes)) = signature.bytes.split_first_chunk() else { return false };
                let message = cosigned(u64::from_be_bytes(*time), text);
                key.verify(message.as_bytes(), bytes).is_ok()
            }
        }
    }

    /// When this key has cosigned a text: seconds since 1970. `None` where the signature is not its own.
    #[must_use]
    pub fn cosigned_at(&self, text: &str, signature: &Signature) -> Option<u64> {
        let is_own = self.r#use == Use::Cosignature && self.accepts(text, signature);
        let (time, _) = signature.bytes.split_first_chunk()?;
        is_own.then(|| u64::from_be_bytes(*time))
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.r#use.algorithm()], self.public.as_slice()].concat();
        write!(f, "{}+{:08x}+{}", self.name, self.id(), STANDARD.encode(key))
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, rest) = text.split_once('+').ok_or(KeyError::Spelling)?;
        let (id, code) = rest.split_once('+').ok_or(KeyError::Spelling)?;
        let (r#use, public) = read_key(code)?;
        let key = Self { name: name.to_owned(), r#use, public };
        if !is_name(name) {
            return Err(KeyError::Spelling);
        }
        if id != format!("{:08x}", key.id()) {
            return Err(KeyError::Hash);
        }
        Ok(key)
    }
}

/// What signs. Secret: whoever has it is the box, or the witness.
pub struct SigningKey {
    seed: [u8; KEY_BYTES],
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

impl SigningKey {
    /// A box's key of these random bytes.
    ///
    /// # Errors
    /// [`KeyError`], which no seed gives.
    pub fn of_box(seed: [u8; KEY_BYTES]) -> Result<Self, KeyError> {
        Self::named(BOX_NAME, Use::Note, seed)
    }

    /// A witness's key of these random bytes.
    ///
    /// # Errors
    /// [`KeyError`], which no seed gives.
    pub fn of_witness(seed: [u8; KEY_BYTES]) -> Result<Self, KeyError> {
        Self::named(WITNESS_NAME, Use::Cosignature, seed)
    }

    fn named(begin: &str, r#use: Use, seed: [u8; KEY_BYTES]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::Kind)?;
        let hash = Hash::of(pair.public_key().as_ref()).to_string();
        let name = format!("{begin}{}", hash.get(..16).unwrap_or_default());
        Self::new(name, r#use, seed)
    }

    fn new(name: String, r#use: Use, seed: [u8; KEY_BYTES]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::Kind)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Kind)?;
        Ok(Self { seed, pair, verifier: VerifierKey { name, r#use, public } })
    }

    /// What its signatures are verified with.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Signs a text. The time counts for a witness.
    #[must_use]
    pub fn sign(&self, text: &str, at: Timestamp) -> Signature {
        let bytes = match self.verifier.r#use {
            Use::Note => self.pair.sign(text.as_bytes()).as_ref().to_vec(),
            Use::Cosignature => {
                let time = u64::try_from(at.unix_ms() / 1_000).unwrap_or(0);
                let signature = self.pair.sign(cosigned(time, text).as_bytes());
                [&time.to_be_bytes(), signature.as_ref()].concat()
            }
        };
        Signature { name: self.verifier.name.clone(), key_id: self.verifier.id(), bytes }
    }

    /// Reads the file of a key.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn read(text: &str) -> Result<Self, KeyError> {
        let rest = text.strip_prefix(FIRST_LINE).ok_or(KeyError::File)?;
        let line = rest.strip_suffix('\n').ok_or(KeyError::File)?;
        let rest = line.strip_prefix(PRIVATE).ok_or(KeyError::File)?;
        let (name, rest) = rest.split_once('+').ok_or(KeyError::File)?;
        let (id, code) = rest.split_once('+').ok_or(KeyError::File)?;
        let (r#use, seed) = read_key(code)?;
        let key = Self::new(name.to_owned(), r#use, seed)?;
        // The number is a hash of the name and the public key: no letter of the file can be another.
        if !is_name(name) || id != format!("{:08x}", key.verifier.id()) {
            return Err(KeyError::Hash);
        }
        Ok(key)
    }

    /// The file of the key.
    #[must_use]
    pub fn write(&self) -> String {
        let key = [&[self.verifier.r#use.algorithm()], self.seed.as_slice()].concat();
        let VerifierKey { name, .. } = &self.verifier;
        format!("{FIRST_LINE}{PRIVATE}{name}+{:08x}+{}\n", self.verifier.id(), STANDARD.encode(key))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

fn read_key(code: &str) -> Result<(Use, [u8; KEY_BYTES]), KeyError> {
    let bytes = STANDARD.decode(code).map_err(|_| KeyError::Spelling)?;
    let (algorithm, key) = bytes.split_first().ok_or(KeyError::Spelling)?;
    let r#use = Use::read(*algorithm).ok_or(KeyError::Kind)?;
    Ok((r#use, key.try_into().map_err(|_| KeyError::Spelling)?))
}

/// What a witness signs (c2sp.org/tlog-cosignature).
fn cosigned(time_s: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time_s}\n{text}")
}
