//! The reading of differences between two states of a list, and of the sheet that names them.

use blocklist::{DifferenceSheet, apply_difference};

/// Most bytes that a difference may lead to here.
const BYTES_MAX: u64 = 1 << 16;

/// Reads `data` as a sheet, which is then read again as it was written, and as a difference from a small list.
///
/// # Panics
/// When the sheet is another one then, or the difference leads to more than it may.
pub fn run(data: &[u8]) {
    if let Ok(sheet) = DifferenceSheet::parse(data) {
        let bytes = sheet.to_bytes().unwrap_or_default();
        assert!(DifferenceSheet::parse(&bytes).is_ok_and(|read| read == sheet), "{data:?}");
    }
    let old = b"blacklists/adult/domains\none.example\ntwo.example\n";
    let mut new = Vec::new();
    let _sum = apply_difference(old, data, BYTES_MAX, &mut new);
    assert!(new.len() as u64 <= BYTES_MAX, "{data:?}");
}
