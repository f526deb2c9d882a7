//! The verification of an extract: whatever somebody hands over.

use std::io::Cursor;

use archive::{BundleTrust, verify_bundle};

/// Verifies `data` as an extract. Only one that the box has signed is right.
///
/// # Panics
/// When another one is.
pub fn run(data: &[u8]) {
    let report = verify_bundle(Cursor::new(data), &BundleTrust::default());
    // Its own key counts: whoever has none cannot sign.
    assert!(!report.is_right() || report.manifest.is_some());
}
