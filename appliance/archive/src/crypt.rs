//! Encryption to people: age (age-encryption.org/v1), with X25519 keys. Who has one of the secret keys reads a file, with
//! this program or with `age`; the box has none.
//!
//! The library draws its randomness from the operating system: nothing here could be given any.

use std::fmt;
use std::io::{BufRead, Cursor, Read, Seek, Write as _};
use std::str::FromStr;

use age::secrecy::ExposeSecret as _;
use age::x25519;

/// Most bytes of a table that is decrypted: no sealed file holds more.
const TABLE_BYTES_MAX: u64 = 256 << 20;
/// How age encrypts: in pieces of this size, the last one shorter, ...
const PIECE_BYTES: u64 = 64 << 10;
/// ... each with so many bytes more.
const TAG_BYTES: u64 = 16;
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
pub struct Identity(x25519::Identity);

impl Identity {
    /// A new one. It is told once, and kept by nobody here.
    #[must_use]
    pub fn generate() -> Self {
        Self(x25519::Identity::generate())
    }

    /// What files are encrypted to.
    #[must_use]
    pub fn reader(&self) -> ReaderKey {
        ReaderKey(self.0.to_public())
    }

    /// As `age` reads it from a file.
    #[must_use]
    pub fn write(&self) -> String {
        format!("# public key: {}\n{}\n", self.0.to_public(), self.0.to_string().expose_secret())
    }

    /// All keys of a file, as `age-keygen` writes it: one a line, remarks after `#`.
    ///
    /// # Errors
    /// [`CryptError::Identity`] where there is none, or something else.
    pub fn read_all(text: &str) -> Result<Vec<Self>, CryptError> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys: Result<Vec<_>, _> = lines.take(IDENTITIES_MAX).map(|line| line.parse().map(Self)).collect();
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

/// The way into an encrypted file, which is decrypted piece by piece as it is read; `None` where it is for none of these
/// keys.
pub(crate) fn unlock<R: BufRead + Seek>(
    file: R,
    identities: &[Identity],
) -> Result<Option<impl Read + Seek + use<R>>, CryptError> {
    let failed = |error: &dyn fmt::Display| CryptError::Decrypt(error.to_string());
    let decryptor = age::Decryptor::new_buffered(file).map_err(|error| failed(&error))?;
    let keys = identities.iter().map(|identity| &identity.0 as &dyn age::Identity);
    match decryptor.decrypt(keys) {
        Ok(reader) => Ok(Some(reader)),
        Err(age::DecryptError::NoMatchingKeys) => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

/// Decrypts a file; `None` where it is for none of these keys.
///
/// # Errors
/// [`CryptError::Decrypt`] where it is not what was encrypted.
pub fn decrypt(file: &[u8], identities: &[Identity]) -> Result<Option<Vec<u8>>, CryptError> {
    let Some(reader) = unlock(Cursor::new(file), identities)? else { return Ok(None) };
    let mut bytes = Vec::new();
    let read = reader.take(TABLE_BYTES_MAX).read_to_end(&mut bytes);
    read.map_err(|error| CryptError::Decrypt(error.to_string()))?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

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
