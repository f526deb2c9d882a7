//! Releases of the boxes' system, as the hub has them: it stores files and hands them out, and says which school is to have which. That a release is one
//! to be believed, a box finds out by the signature that is among its files; the hub has no key for that.

use std::io;

use archive::Hash;
use model::ReleaseFile;
use replication::limits::PIECE_BYTES_MAX;

use crate::blobs::{AppendError, Arrived, Blobs, Place};

/// How often a piece is put again where another one came between: two commands may add the same release.
const RETRIES_MAX: u32 = 8;

/// Why a file is not among the hub's.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The hub's files cannot be read or written.
    #[error("the hub's files cannot be read or written")]
    Blobs(#[source] io::Error),
    /// The file itself cannot be read.
    #[error("the file cannot be read")]
    Read(#[source] io::Error),
    /// It is not what its sum says, or changed meanwhile.
    #[error("the file is not what its sum says, or it has changed meanwhile")]
    Changed,
    /// Another process does the same.
    #[error("another process puts the same file there")]
    Busy,
}

/// Puts a file of a release among the hub's, from the byte on where it was cut the last time. `read` reads a piece from a byte on.
///
/// # Errors
/// [`KeepError`]; what is there is gone on with.
pub fn keep_file(
    blobs: &dyn Blobs,
    file: &ReleaseFile,
    read: &mut dyn FnMut(&mut [u8], u64) -> io::Result<()>,
) -> Result<(), KeepError> {
    let hash: Hash = file.sha256.parse().map_err(|_| KeepError::Changed)?;
    keep_bytes(blobs, Place::release(hash), file.bytes, read)
}

/// The same of whatever is the hub's own: `total` bytes under their hash.
///
/// # Errors
/// [`KeepError`]; what is there is gone on with.
pub fn keep_bytes(
    blobs: &dyn Blobs,
    place: Place,
    total: u64,
    read: &mut dyn FnMut(&mut [u8], u64) -> io::Result<()>,
) -> Result<(), KeepError> {
    let mut arrived = blobs.arrived(place).map_err(KeepError::Blobs)?;
    let mut retries = 0;
    while let Arrived::Part(offset) = arrived {
        let length = total.saturating_sub(offset).min(PIECE_BYTES_MAX);
        let mut piece = vec![0; usize::try_from(length).unwrap_or(0)];
        read(&mut piece, offset).map_err(KeepError::Read)?;
        arrived = match blobs.append(place, offset, total, &piece) {
            Ok(Arrived::Part(end)) if end == offset => return Err(KeepError::Changed),
            Ok(arrived) => arrived,
            Err(AppendError::Offset(_)) if retries < RETRIES_MAX => {
                retries += 1;
                blobs.arrived(place).map_err(KeepError::Blobs)?
            }
            Err(AppendError::Offset(_)) => return Err(KeepError::Busy),
            Err(AppendError::Hash | AppendError::TooMuch) => return Err(KeepError::Changed),
            Err(AppendError::Engine(error)) => return Err(KeepError::Blobs(error)),
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blobs::folder::BlobFolder;

    fn file(bytes: &[u8], sum_of: &[u8]) -> ReleaseFile {
        let sha256 = Hash::of(sum_of).to_string();
        ReleaseFile { name: "SHA256SUMS".to_owned(), bytes: bytes.len() as u64, sha256 }
    }

    #[test]
    fn a_file_that_was_cut_goes_on_at_the_byte() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobFolder::new(folder.path());
        // Two pieces and a half.
        let bytes: Vec<u8> = (0..655_360_u32).flat_map(u32::to_le_bytes).collect();
        let known = file(&bytes, &bytes);
        let keep = |limit: u64, asked: &mut Vec<u64>| {
            keep_file(&blobs, &known, &mut |piece, offset| {
                asked.push(offset);
                if offset >= limit {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
                let at = usize::try_from(offset).unwrap();
                piece.copy_from_slice(&bytes[at..at + piece.len()]);
                Ok(())
            })
        };
        let mut asked = Vec::new();
        assert!(matches!(keep(1 << 20, &mut asked), Err(KeepError::Read(_))));
        assert_eq!(asked, [0, 1 << 20]);
        asked.clear();
        keep(u64::MAX, &mut asked).unwrap();
        assert_eq!(asked, [1 << 20, 2 << 20], "what is there is not read again");
        asked.clear();
        keep(u64::MAX, &mut asked).unwrap();
        assert_eq!(asked, [0; 0], "it is whole");
        let place = Place::release(known.sha256.parse().unwrap());
        assert!(blobs.read_part(place, 0, known.bytes).unwrap().unwrap() == bytes);
    }

    #[test]
    fn what_is_not_what_its_sum_says_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobFolder::new(folder.path());
        let wrong = file(b"abc", b"another");
        let read = &mut |piece: &mut [u8], _: u64| {
            piece.copy_from_slice(b"abc");
            Ok(())
        };
        assert!(matches!(keep_file(&blobs, &wrong, read), Err(KeepError::Changed)));
        let place = Place::release(wrong.sha256.parse().unwrap());
        assert_eq!(blobs.arrived(place).unwrap(), Arrived::Part(0), "it begins anew");
    }
}
