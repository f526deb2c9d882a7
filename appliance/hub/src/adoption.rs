//! What a box had not sent, taken from its disk: by hand, at the hub, once the disk is found. No box that was revoked is let in for it.
//!
//! The log has to be signed by the key that the box enrolled with, and to have grown from what the hub has signed of it: whoever changes a byte
//! of it, or goes on from an old copy, brings nothing in.

use std::io::{self, Read};

use archive::{Finding, Hash, Log, Report, SigningKey, Witnessed};
use model::Timestamp;
use replication::{Growth, Refusal};

use crate::blobs::{AppendError, Arrived, Blobs, Place};
use crate::register::{BoxId, BoxState, Register, RegisterError, StoredFile};
use crate::signing;

/// Bytes that are taken at a time.
const PIECE_BYTES: u64 = 1 << 20;

/// Why nothing, or not this, is taken.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// No box of the commune's ever had this key.
    #[error("no box of this hub has signed by the key {0}: nothing is taken")]
    Stranger(String),
    /// The log is not what the box has made of it.
    #[error(
        "the log is not what the box has sealed, or not what this hub has signed of it: nothing is taken. {0}"
    )]
    Wrong(String),
    /// The hub's own signature is damaged, or the log was signed by another process meanwhile.
    #[error("this hub does not sign the log: {0}")]
    Unsigned(Refusal),
    /// A file is not what was sealed.
    #[error("it is not what was sealed")]
    Changed,
    /// The hub has no room, or its disk fails; or the found one.
    #[error("it cannot be read or kept")]
    Disk(#[from] io::Error),
    /// The database fails.
    #[error(transparent)]
    Register(#[from] RegisterError),
}

/// The box whose log is signed by a key, revoked or not. One that enrolled again goes on with its log: of its numbers, the one counts whose log
/// was signed furthest, and of several the latest.
///
/// # Errors
/// [`AdoptError::Stranger`].
pub fn find_signer(register: &dyn Register, key: &str) -> Result<BoxState, AdoptError> {
    let found = register.boxes()?.into_iter().filter(|state| state.log_key == key);
    let found = found.max_by_key(|state| (state.log_size, state.id));
    found.ok_or_else(|| AdoptError::Stranger(key.to_owned()))
}

/// What this hub has signed of a box's log; `None` where it never did.
///
/// # Errors
/// [`AdoptError`].
pub fn signed_of(
    register: &dyn Register,
    witness: &SigningKey,
    of: BoxId,
) -> Result<Option<Witnessed>, AdoptError> {
    let note = register.signed(of)?;
    let read = note.map(|note| Witnessed::read(&note, witness.verifier())).transpose();
    read.map_err(|_| AdoptError::Unsigned(Refusal::Broken))
}

/// Whether a log may be gone on with. A disk that was lying about may have lost files: these are told one by one, and spoil no other.
///
/// # Errors
/// [`AdoptError::Wrong`].
pub fn judge(report: &Report) -> Result<(), AdoptError> {
    let spoils = |finding: &&Finding| {
        !matches!(
            finding,
            Finding::Missing { .. }
                | Finding::Length { .. }
                | Finding::Bytes { .. }
                | Finding::Unsealed(_)
                | Finding::Unreadable { .. }
        )
    };
    report.findings.iter().find(spoils).map_or(Ok(()), |finding| Err(AdoptError::Wrong(finding.to_string())))
}

/// Signs the end of a box's log, where it has grown from what was signed of it; how many entries it has.
///
/// # Errors
/// [`AdoptError`].
pub fn sign_end(
    register: &dyn Register,
    witness: &SigningKey,
    of: &BoxState,
    log: &Log,
    now: Timestamp,
) -> Result<u64, AdoptError> {
    let last = log.entries().last().ok_or_else(|| AdoptError::Wrong("It is empty".to_owned()))?;
    let proof = match of.log_size {
        0 => vec![],
        size => log.tree().prove_growth(size).unwrap_or_default(),
    };
    let proof = proof.iter().map(ToString::to_string).collect();
    let growth = Growth { note: last.note.write(), proof };
    signing::sign(register, witness, of, &growth, now).map_err(AdoptError::Unsigned)?;
    Ok(log.tree().size())
}

/// Takes a file that the log names, from `source`; its bytes are what was sealed, or none of them stay.
///
/// # Errors
/// [`AdoptError`].
pub fn take_file(
    (register, blobs): (&dyn Register, &dyn Blobs),
    of: BoxId,
    file: &StoredFile,
    source: &mut dyn Read,
) -> Result<(), AdoptError> {
    let place = Place::sealed(of, file.hash);
    // What a cut night has left of it is taken again: it may be anything.
    if let Arrived::Part(1..) = blobs.arrived(place)? {
        blobs.remove(place)?;
    }
    let mut offset = 0;
    loop {
        let mut piece = Vec::new();
        source.take(PIECE_BYTES).read_to_end(&mut piece)?;
        match blobs.append(place, offset, file.bytes, &piece) {
            Ok(Arrived::Whole(_)) => return Ok(register.add_file(of, file, file.until).map(drop)?),
            Ok(Arrived::Part(bytes)) if bytes > offset => offset = bytes,
            // It is shorter than it was, longer, or something else.
            Ok(Arrived::Part(_)) | Err(AppendError::Hash | AppendError::TooMuch) => {
                blobs.remove(place)?;
                return Err(AdoptError::Changed);
            }
            Err(AppendError::Offset(_)) => return Err(io::Error::from(io::ErrorKind::ResourceBusy).into()),
            Err(AppendError::Engine(error)) => return Err(error.into()),
        }
    }
}

/// Whether the hub has a file of a box.
///
/// # Errors
/// [`AdoptError`].
pub fn has_file(register: &dyn Register, of: BoxId, hash: Hash) -> Result<bool, AdoptError> {
    Ok(register.files(of)?.iter().any(|file| file.hash == hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blobs::folder::BlobFolder;
    use crate::register::sqlite::SqliteRegister;
    use crate::register::{Fingerprint, NewBox};

    const NOW: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);

    #[test]
    fn of_a_box_that_enrolled_again_the_log_counts_that_was_signed_furthest() {
        let folder = tempfile::tempdir().unwrap();
        let (hub, first) = crate::fixture::open(folder.path());
        let again = crate::fixture::enrol(&*hub.register, b"again", true);
        let of = || find_signer(&*hub.register, crate::fixture::LOG_KEY).unwrap().id;
        assert_eq!(of(), again);
        assert!(hub.register.keep_signed(first, 0, 3, "three", NOW).unwrap());
        assert_eq!(of(), first);
        assert!(hub.register.keep_signed(again, 0, 4, "four", NOW).unwrap());
        assert_eq!(of(), again);
    }

    #[test]
    fn a_file_is_taken_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let register = SqliteRegister::open(&folder.path().join("register")).unwrap();
        let blobs = BlobFolder::new(&folder.path().join("files"));
        let school =
            replication::School { uai: "0750655E".to_owned(), name: "École".to_owned(), rooms: vec![] };
        register.put_school(&school).unwrap();
        let uai = "0750655E".parse().unwrap();
        let until = Timestamp::from_unix_ms(NOW.unix_ms() + 1);
        let code = crate::make_code(&register, &uai, false, until).unwrap();
        let new = NewBox {
            log_key: "key".to_owned(),
            version: "0.1".to_owned(),
            public_key: b"x".to_vec(),
            certificate: Fingerprint::of(b"x"),
            certificate_until: until,
        };
        let of = register.enrol(&code.number(), &new, NOW).unwrap();
        assert_eq!(find_signer(&register, "key").unwrap().id, of);
        assert!(matches!(find_signer(&register, "another"), Err(AdoptError::Stranger(_))));

        let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
        let hash = Hash::of(&bytes);
        let file = StoredFile { hash, name: "seal".to_owned(), bytes: bytes.len() as u64, until };
        let take = |mut source: &[u8]| take_file((&register, &blobs), of, &file, &mut source);
        blobs.append(Place::sealed(of, hash), 0, file.bytes, b"what a cut night has left").unwrap();
        let mut changed = bytes.clone();
        changed[2_000_000] ^= 1;
        for wrong in [&bytes[..2_999_999], &bytes[..0], &changed, &[&bytes[..], b"x"].concat()] {
            assert!(matches!(take(wrong), Err(AdoptError::Changed)), "{}", wrong.len());
            assert_eq!(blobs.arrived(Place::sealed(of, hash)).unwrap(), Arrived::Part(0));
            assert!(!has_file(&register, of, hash).unwrap());
        }
        take(&bytes).unwrap();
        assert!(has_file(&register, of, hash).unwrap());
        assert_eq!(blobs.read(Place::sealed(of, hash), file.bytes).unwrap(), Some(bytes));
    }
}
