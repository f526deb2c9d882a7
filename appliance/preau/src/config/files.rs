//! Files that the configuration names, and reads.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};

/// Largest file that is read, in MiB: a thousand times what a school needs. A device file or a disk image has no end, or
/// none that is worth waiting for.
pub(super) const FILE_MIB_MAX: u64 = 1;

/// Reads a whole file of a configuration, unless it is too large.
///
/// # Errors
/// As [`read_file_up_to`].
pub(super) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    read_file_up_to(path, FILE_MIB_MAX)
}

/// Reads a whole file, unless it has more than `mib_max` MiB.
///
/// # Errors
/// The system's error; [`io::ErrorKind::FileTooLarge`].
pub(crate) fn read_file_up_to(path: &Path, mib_max: u64) -> io::Result<Vec<u8>> {
    let (bytes_max, mut bytes) = (mib_max << 20, Vec::new());
    let length = File::open(path)?.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if u64::try_from(length).is_ok_and(|length| length > bytes_max) {
        let message = format!("larger than {mib_max} MiB: is it another file?");
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
