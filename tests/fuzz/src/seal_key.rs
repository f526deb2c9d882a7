//! The reading of keys: the file of one that signs, and the line of one that verifies.

use archive::{SigningKey, VerifierKey};

/// Reads `data` as both: what is read is written as it was read.
///
/// # Panics
/// When it is not.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(key) = SigningKey::read(text) {
        assert_eq!(key.write(), text);
        assert_eq!(key.verifier().to_string().parse().as_ref(), Ok(key.verifier()));
    }
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
    }
}
