//! Files that the configuration names, and reads.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};

/// Largest file that is read, in bytes: a thousand times what a school needs. A device file or a disk image has no
/// end, or none that is worth waiting for.
pub(crate) const FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads a whole file, unless it is too large.
///
/// # Errors
/// The system's error; [`io::ErrorKind::FileTooLarge`] for a file of more than [`FILE_BYTES_MAX`] bytes.
pub(crate) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let length = File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if u64::try_from(length).is_ok_and(|length| length > FILE_BYTES_MAX) {
        let message = format!("larger than {} MiB: is it another file?", FILE_BYTES_MAX >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// Why a file of certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum AuthorityError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It is broken.
    #[error("is no PEM file: {0}")]
    Broken(#[from] pem::Error),
    /// It is empty, or holds something else.
    #[error("holds no certificate")]
    Empty,
}

/// The certificates in a PEM file.
///
/// # Errors
/// [`AuthorityError`]; a file without any certificate is one.
pub(super) fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, AuthorityError> {
    let bytes = read_file(path)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes).collect::<Result<_, _>>()?;
    if certificates.is_empty() { Err(AuthorityError::Empty) } else { Ok(certificates) }
}
