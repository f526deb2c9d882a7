//! The reading of the authority's file.

use pki::Authority;

/// The label before the checksum that ends the file.
const CHECKSUM_LABEL: &str = "blake3 ";

/// Reads `data`, and `data` with the right checksum: a file that somebody forged. What is read is written as it was
/// read, and read again as the same.
///
/// # Panics
/// When it is not.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    check(text);
    if let Some((body, _)) = text.rsplit_once(CHECKSUM_LABEL) {
        check(&format!("{body}{CHECKSUM_LABEL}{}\n", blake3::hash(body.as_bytes()).to_hex()));
    }
}

fn check(text: &str) {
    let Ok(authority) = Authority::read(text) else { return };
    let written = authority.write();
    let again = Authority::read(&written);
    assert!(again.is_ok_and(|again| again.write() == written), "{text}");
}
