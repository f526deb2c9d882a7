//! The reading of what a session may read without the line.

use cache::{Ledger, SessionKeys};

/// Reads `data` as a ledger, and as what is encrypted in one: by somebody who has the cookie. What is read is written so that
/// it is read as the same.
///
/// # Panics
/// When it is not.
pub fn run(data: &[u8]) {
    let Some(keys) = SessionKeys::derive("ent.example", b"0123456789abcdef") else { return };
    assert!(Ledger::open(&keys, data).is_err(), "nobody guesses a key");
    let Ok(ledger) = Ledger::decode(data) else { return };
    assert_eq!(Ledger::decode(&ledger.encode()), Ok(ledger.clone()), "{data:?}");
    let sealed = ledger.seal(&keys, [0; 12]).unwrap_or_default();
    let opened = Ledger::open(&keys, &sealed);
    assert!(opened == Ok(ledger) || sealed.len() > cache::LEDGER_BYTES_MAX, "{data:?}");
}
