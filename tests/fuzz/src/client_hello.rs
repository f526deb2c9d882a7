//! The reader of TLS hellos.

use wire::tls::{ClientHello, HelloError, HelloReader};

/// Reads `data` as the stream of a TLS client: in one piece, byte by byte, and in pieces of 7 bytes. All
/// must come to the same end.
///
/// # Panics
/// When they do not.
pub fn run(data: &[u8]) {
    let whole = read(data, data.len().max(1));
    assert_eq!(whole, read(data, 1), "byte by byte");
    assert_eq!(whole, read(data, 7), "in pieces of 7 bytes");
    if let Err(error) = whole {
        assert_eq!(
            error.alert().is_none(),
            error == HelloError::NotTls,
            "all but non-TLS is answered in TLS"
        );
    }
}

fn read(data: &[u8], piece_bytes: usize) -> Result<Option<ClientHello>, HelloError> {
    let mut reader = HelloReader::default();
    for piece in data.chunks(piece_bytes) {
        if let Some(hello) = reader.push(piece)? {
            return Ok(Some(hello));
        }
    }
    Ok(None)
}
