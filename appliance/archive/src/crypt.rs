//! Encryption to people: age (age-encryption.org/v1), with X25519 keys. Who has one of the secret keys reads a file, with
//! this program or with `age`; the box has none.
//!
//! The library draws its randomness from the operating system: nothing here could be given any.

use std::cell::Cell;
use std::fmt;
use std::io::{BufRead, BufReader, Read, Seek, Write as _};
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};

use age::secrecy::ExposeSecret as _;
use age::stream::StreamReader;
use age::{DecryptError, x25519};
use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};

/// Most bytes of a table that is decrypted: no sealed file holds more.
const TABLE_BYTES_MAX: u64 = 256 << 20;
/// How age encrypts: in pieces of this size, the last one shorter, ...
pub(crate) const PIECE_BYTES: u64 = 64 << 10;
/// ... each with so many bytes more.
const TAG_BYTES: u64 = 16;
/// How long a piece is in the file.
const SEALED_PIECE_BYTES: u64 = PIECE_BYTES + TAG_BYTES;
/// Between the header of a file and its pieces stands a number of this length, which the key of its pieces is made with, ...
const SALT_BYTES: usize = 16;
/// ... for this purpose.
const PAYLOAD: &[u8] = b"payload";
/// Most keys in a file of identities.
const IDENTITIES_MAX: usize = 64;

/// The public key of somebody who may read sealed files: `age1...`.
#[derive(Clone, PartialEq, Eq)]
pub struct ReaderKey(x25519::Recipient);

impl fmt::Display for ReaderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ReaderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ReaderKey {
    type Err = CryptError;

    fn from_str(text: &str) -> Result<Self, CryptError> {
        text.parse().map(Self).map_err(|_| CryptError::Reader)
    }
}

/// A secret key, with which its owner reads.
pub struct Identity {
    secret: x25519::Identity,
    /// Which of a file's keys was hers the last time. Nothing in a file says whose each is: to try one takes an X25519, and the files of
    /// a box have them in the same order for years.
    place: AtomicUsize,
}

impl From<x25519::Identity> for Identity {
    fn from(secret: x25519::Identity) -> Self {
        Self { secret, place: AtomicUsize::new(0) }
    }
}

impl Identity {
    /// A new one. It is told once, and kept by nobody here.
    #[must_use]
    pub fn generate() -> Self {
        x25519::Identity::generate().into()
    }

    /// What files are encrypted to.
    #[must_use]
    pub fn reader(&self) -> ReaderKey {
        ReaderKey(self.secret.to_public())
    }

    /// As `age` reads it from a file.
    #[must_use]
    pub fn write(&self) -> String {
        let secret = self.secret.to_string();
        format!("# public key: {}\n{}\n", self.secret.to_public(), secret.expose_secret())
    }

    /// All keys of a file, as `age-keygen` writes it: one a line, remarks after `#`.
    ///
    /// # Errors
    /// [`CryptError::Identity`] where there is none, or something else.
    pub fn read_all(text: &str) -> Result<Vec<Self>, CryptError> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let parse = |line: &str| line.parse::<x25519::Identity>().map(Self::from);
        let keys: Result<Vec<_>, _> = lines.take(IDENTITIES_MAX).map(parse).collect();
        match keys {
            Ok(keys) if !keys.is_empty() => Ok(keys),
            Ok(_) | Err(_) => Err(CryptError::Identity),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("reader", &self.reader()).finish_non_exhaustive()
    }
}

/// Something cannot be encrypted or decrypted.
#[derive(Debug, thiserror::Error)]
pub enum CryptError {
    /// The text is no public key.
    #[error("not a public key of age, as age1 and 58 letters and digits")]
    Reader,
    /// The text is no secret key.
    #[error("no secret key of age, as AGE-SECRET-KEY-1 and 58 letters and digits")]
    Identity,
    /// The library says so.
    #[error("it cannot be encrypted: {0}")]
    Encrypt(String),
    /// It is not what was encrypted.
    #[error("it cannot be decrypted: {0}")]
    Decrypt(String),
}

/// Encrypts a file to all who may read it.
///
/// # Errors
/// [`CryptError::Encrypt`]; without readers, nobody could read it.
pub fn encrypt(bytes: &[u8], readers: &[ReaderKey]) -> Result<Vec<u8>, CryptError> {
    let failed = |error: &dyn fmt::Display| CryptError::Encrypt(error.to_string());
    let recipients = readers.iter().map(|reader| &reader.0 as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(recipients).map_err(|error| failed(&error))?;
    let mut file = Vec::new();
    let mut writer = encryptor.wrap_output(&mut file).map_err(|error| failed(&error))?;
    writer.write_all(bytes).map_err(|error| failed(&error))?;
    writer.finish().map_err(|error| failed(&error))?;
    Ok(file)
}

/// Where the pieces of an encrypted file lie that hold a table's bytes from this place on: how many of its last bytes.
#[must_use]
pub(crate) fn sealed_tail_bytes(table_bytes: u64, at: u64) -> u64 {
    let before = at / PIECE_BYTES * PIECE_BYTES;
    let rest = table_bytes.saturating_sub(before);
    rest.saturating_add(rest.div_ceil(PIECE_BYTES).max(1).saturating_mul(TAG_BYTES))
}

/// Somebody's secret key that is tried on a file, and remembers what it found.
struct Trial<'i> {
    identity: &'i Identity,
    found: Cell<Option<[u8; FILE_KEY_BYTES]>>,
}

impl<'i> Trial<'i> {
    fn new(identity: &'i Identity) -> Self {
        Self { identity, found: Cell::new(None) }
    }
}

impl age::Identity for Trial<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        let found = age::Identity::unwrap_stanza(&self.identity.secret, stanza)?;
        if let Ok(key) = &found {
            self.found.set(Some(*key.expose_secret()));
        }
        Some(found)
    }

    /// Tries first what was hers in the file before.
    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        let last = self.identity.place.load(Ordering::Relaxed);
        let hinted = stanzas.get(last).map(|stanza| (last, stanza));
        let others = stanzas.iter().enumerate().filter(|(place, _)| *place != last);
        hinted.into_iter().chain(others).find_map(|(place, stanza)| {
            let found = self.unwrap_stanza(stanza)?;
            self.identity.place.store(place, Ordering::Relaxed);
            Some(found)
        })
    }
}

/// What opens the pieces of an encrypted file, each by itself and where it lies in memory. The library opens the file: its header is read and
/// verified there. That it hands out a piece costs as much again as to decrypt it: copies of it, and one that is wiped.
pub(crate) struct PieceKey {
    key: LessSafeKey,
    /// Where the pieces begin in the file.
    start: u64,
}

impl PieceKey {
    /// That of a file, which is read from its beginning; `None` where it is for none of these keys.
    pub(crate) fn unlock<R: Read + Seek>(
        mut file: BufReader<R>,
        identities: &[Identity],
    ) -> Result<Option<Self>, CryptError> {
        let failed = |error: &dyn fmt::Display| CryptError::Decrypt(error.to_string());
        let trials: Vec<Trial<'_>> = identities.iter().map(Trial::new).collect();
        if unlock(&mut file, &trials)?.is_none() {
            return Ok(None);
        }
        let Some(file_key) = trials.iter().find_map(|trial| trial.found.take()) else { return Ok(None) };
        let start = file.stream_position().map_err(|error| failed(&error))?;
        let mut salt = [0; SALT_BYTES];
        let back = i64::try_from(SALT_BYTES).unwrap_or(0);
        file.seek_relative(-back)
            .and_then(|()| file.read_exact(&mut salt))
            .map_err(|error| failed(&error))?;
        let (extracted, purpose) = (Salt::new(HKDF_SHA256, &salt).extract(&file_key), [PAYLOAD]);
        let key = extracted.expand(&purpose, &CHACHA20_POLY1305).map_err(|error| failed(&error))?;
        Ok(Some(Self { key: LessSafeKey::new(UnboundKey::from(key)), start }))
    }

    /// How long the table is, in a file so long; `None` for what cannot be.
    pub(crate) fn table_bytes(&self, file_bytes: u64) -> Option<u64> {
        let sealed = file_bytes.checked_sub(self.start)?;
        sealed.checked_sub(sealed.div_ceil(SEALED_PIECE_BYTES).max(1).checked_mul(TAG_BYTES)?)
    }

    /// Where a piece lies in the file.
    pub(crate) fn place_of(&self, piece: u64) -> Option<u64> {
        piece.checked_mul(SEALED_PIECE_BYTES)?.checked_add(self.start)
    }

    /// Decrypts what lies in a file so long from a piece on, up to the end of a piece or of the file. The table's bytes come to stand at the
    /// beginning, without a gap; returns how many they are.
    pub(crate) fn open(&self, first: u64, file_bytes: u64, bytes: &mut [u8]) -> Result<usize, CryptError> {
        let wrong = || CryptError::Decrypt("a piece of it is not what was encrypted".to_owned());
        let sealed = file_bytes.checked_sub(self.start).ok_or_else(wrong)?;
        let last = sealed.div_ceil(SEALED_PIECE_BYTES).max(1) - 1;
        let piece_bytes = usize::try_from(SEALED_PIECE_BYTES).unwrap_or(usize::MAX);
        let (mut at, mut opened) = (0_usize, 0_usize);
        for piece in first.. {
            if at >= bytes.len() {
                break;
            }
            let end = at.saturating_add(piece_bytes).min(bytes.len());
            // What was decrypted before is in front of it: the tags that are gone leave a gap.
            let rest = bytes.get_mut(opened..end).ok_or_else(wrong)?;
            let nonce = nonce_of(piece, piece == last);
            let plain =
                self.key.open_within(nonce, Aad::empty(), rest, at - opened..).map_err(|_| wrong())?;
            opened += plain.len();
            at = end;
        }
        Ok(opened)
    }
}

/// A piece's number in eleven bytes, then whether it is the last one.
fn nonce_of(piece: u64, is_last: bool) -> Nonce {
    let number = (u128::from(piece) << 8) | u128::from(is_last);
    let [_, _, _, _, nonce @ ..] = number.to_be_bytes();
    Nonce::assume_unique_for_key(nonce)
}

/// Opens a file with what is tried on it, and verifies its header; `None` where nothing fits.
fn unlock<R: BufRead>(file: R, trials: &[Trial<'_>]) -> Result<Option<StreamReader<R>>, CryptError> {
    let failed = |error: &dyn fmt::Display| CryptError::Decrypt(error.to_string());
    let decryptor = age::Decryptor::new_buffered(file).map_err(|error| failed(&error))?;
    match decryptor.decrypt(trials.iter().map(|trial| trial as &dyn age::Identity)) {
        Ok(reader) => Ok(Some(reader)),
        Err(DecryptError::NoMatchingKeys) => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

/// Decrypts a file; `None` where it is for none of these keys.
///
/// # Errors
/// [`CryptError::Decrypt`] where it is not what was encrypted.
pub fn decrypt(file: &[u8], identities: &[Identity]) -> Result<Option<Vec<u8>>, CryptError> {
    let trials: Vec<Trial<'_>> = identities.iter().map(Trial::new).collect();
    let Some(reader) = unlock(file, &trials)? else { return Ok(None) };
    let mut bytes = Vec::new();
    let read = reader.take(TABLE_BYTES_MAX).read_to_end(&mut bytes);
    read.map_err(|error| CryptError::Decrypt(error.to_string()))?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Opens the pieces `first` to `end` of a file.
    fn open(file: &[u8], identity: &Identity, first: u64, end: u64) -> Result<Vec<u8>, CryptError> {
        let reader = BufReader::with_capacity(100, Cursor::new(file));
        let key = PieceKey::unlock(reader, std::slice::from_ref(identity))?.expect("its reader's key");
        let place = |piece: u64| usize::try_from(key.place_of(piece).unwrap()).unwrap().min(file.len());
        let mut bytes = file[place(first)..place(end)].to_vec();
        let opened = key.open(first, file.len() as u64, &mut bytes)?;
        bytes.truncate(opened);
        Ok(bytes)
    }

    #[test]
    fn pieces_are_opened_as_the_library_closes_them() {
        let (head, officer) = (Identity::generate(), Identity::generate());
        let piece = usize::try_from(PIECE_BYTES).unwrap();
        for length in [0, 1, piece - 1, piece, piece + 1, 2 * piece, 3 * piece + 7] {
            let table: Vec<u8> = (0..length).map(|place| u8::try_from(place % 251).unwrap()).collect();
            let file = encrypt(&table, &[head.reader(), officer.reader()]).unwrap();
            for identity in [&head, &officer, &head] {
                assert_eq!(open(&file, identity, 0, 9).unwrap(), table, "{length}");
                let unlocked = BufReader::new(Cursor::new(&file));
                let key = PieceKey::unlock(unlocked, std::slice::from_ref(identity)).unwrap().unwrap();
                assert_eq!(key.table_bytes(file.len() as u64), Some(length as u64));
            }
            // The first and the second of the keys in the file: the next one is tried there first.
            assert_eq!([&head, &officer].map(|it| it.place.load(Ordering::Relaxed)), [0, 1]);
            for first in 0..length.div_ceil(piece) {
                for end in first + 1..=length.div_ceil(piece) {
                    let expected = &table[first * piece..length.min(end * piece)];
                    let (first, end) = (u64::try_from(first).unwrap(), u64::try_from(end).unwrap());
                    let opened = open(&file, &officer, first, end).unwrap();
                    assert_eq!(opened, expected, "{first}..{end} of {length}");
                }
            }
        }
    }

    #[test]
    fn a_piece_is_opened_nowhere_but_in_its_place() {
        let head = Identity::generate();
        let piece = usize::try_from(PIECE_BYTES).unwrap();
        let sealed = usize::try_from(SEALED_PIECE_BYTES).unwrap();
        let file = encrypt(&vec![7; 3 * piece], &[head.reader()]).unwrap();
        let start = file.len() - 3 * sealed;
        assert!(open(&file, &head, 0, 3).is_ok());
        // Cut after a piece: what was in the middle says nowhere that it is the last.
        assert!(open(&file[..file.len() - sealed], &head, 1, 2).is_err(), "cut");
        let mut swapped = file.clone();
        swapped[start..].rotate_left(sealed);
        for first in 0..3 {
            assert!(open(&swapped, &head, first, first + 1).is_err(), "piece {first} in another's place");
        }
        for place in [start, start + sealed - 1, start + sealed, file.len() - 1] {
            let mut changed = file.clone();
            changed[place] ^= 1;
            assert!(open(&changed, &head, 0, 3).is_err(), "byte {place}");
        }
        // The number before the pieces is covered by no hash of the header: with another, no piece opens.
        let mut other = file;
        other[start - 1] ^= 1;
        assert!(open(&other, &head, 0, 1).is_err());
        let unlocked = PieceKey::unlock(BufReader::new(Cursor::new(&other)), &[Identity::generate()]);
        assert!(unlocked.unwrap().is_none(), "for somebody else");
    }

    #[test]
    fn each_reader_reads_and_nobody_else() {
        let (head, officer, stranger) = (Identity::generate(), Identity::generate(), Identity::generate());
        let table = b"who saw what".repeat(20_000);
        let file = encrypt(&table, &[head.reader(), officer.reader()]).unwrap();
        for identity in [&head, &officer] {
            let again = Identity::read_all(&identity.write()).unwrap();
            assert_eq!(decrypt(&file, &again).unwrap().as_ref(), Some(&table));
        }
        assert_eq!(decrypt(&file, &[stranger]).unwrap(), None);
        assert_eq!(decrypt(&file, &[]).unwrap(), None);
        assert!(!file.windows(12).any(|part| part == b"who saw what"));
        let mut changed = file.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(decrypt(&changed, &[head]).is_err());
        assert!(decrypt(&file[..file.len() - 1], &[officer]).is_err());
        assert!(encrypt(&table, &[]).is_err(), "for nobody");
    }

    #[test]
    fn keys_are_spelt_as_age_spells_them() {
        let identity = Identity::generate();
        let reader = identity.reader();
        assert_eq!(reader.to_string().parse::<ReaderKey>().unwrap(), reader);
        assert!(format!("{reader}x").parse::<ReaderKey>().is_err());
        assert!(!format!("{identity:?}").contains("SECRET"));
        for wrong in ["", "# nothing\n", "age1", &reader.to_string()] {
            assert!(Identity::read_all(wrong).is_err(), "{wrong}");
        }
    }
}
