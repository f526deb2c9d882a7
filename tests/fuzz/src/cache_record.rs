//! The reading of what the ENT's cache keeps of a URI.

use cache::{read_record, write_record};

/// Bytes of the checksum at a record's end.
const CHECKSUM_BYTES: usize = 32;

/// Reads `data`, and `data` with the right checksum: a file that somebody forged. What is read is written so that it is
/// read as the same.
///
/// # Panics
/// When it is not.
pub fn run(data: &[u8]) {
    check(data);
    if let Some((said, _)) = data.split_last_chunk::<CHECKSUM_BYTES>() {
        check(&[said, blake3::hash(said).as_bytes()].concat());
    }
}

fn check(record: &[u8]) {
    let Ok((key, kept)) = read_record(record, &[]) else { return };
    let again = read_record(&write_record(&key, &kept), &[]);
    assert_eq!(again, Ok((key, kept)), "{record:?}");
}
