//! What a TLS client says first: an honest one, and those that look for a way past the gate.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// Bytes of a hello that no packet holds, and that still fits into the gate's limit: post-quantum keys, twice over.
const LARGE_BYTES: usize = 6_000;
/// The extension that fills a hello up (RFC 7685).
const PADDING: u16 = 21;
/// Most bytes of each piece of a hello that is cut up.
const PIECE_BYTES: usize = 7;

/// What an honest client says to `server`; empty for a name that no client could say.
pub(crate) fn honest(server: &str) -> Vec<u8> {
    let Ok(name) = ServerName::try_from(server.to_owned()) else { return Vec::new() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let Ok(config) = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
    else {
        return Vec::new();
    };
    // Nobody is believed: the hello is all there is of the handshake.
    let config = config.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let mut bytes = Vec::new();
    if let Ok(mut connection) = ClientConnection::new(Arc::new(config), name) {
        // Writing into memory does not fail.
        let _written = connection.write_tls(&mut bytes);
    }
    bytes
}

/// A hello that names `server`, whatever that is, or nobody.
pub(crate) fn made(server: Option<&str>) -> Vec<u8> {
    record(&handshake(server, 0))
}

/// A hello that is larger than any packet.
pub(crate) fn large(server: &str) -> Vec<u8> {
    record(&handshake(Some(server), LARGE_BYTES))
}

/// A hello whose TCP segments cut the name.
pub(crate) fn in_segments(server: &str) -> Vec<Vec<u8>> {
    // Around the name: a segment for each few bytes of the whole would take the gate's patience.
    let hello = made(Some(server));
    let from = hello.windows(server.len()).position(|window| window == server.as_bytes()).unwrap_or(0);
    let (before, rest) = hello.split_at(from);
    let (name, after) = rest.split_at(server.len().min(rest.len()));
    let pieces = name.chunks(PIECE_BYTES).map(<[u8]>::to_vec);
    std::iter::once(before.to_vec()).chain(pieces).chain([after.to_vec()]).collect()
}

/// A hello in many records, which a filter that reads the first one does not put together.
pub(crate) fn in_records(server: &str) -> Vec<u8> {
    handshake(Some(server), 0).chunks(PIECE_BYTES).flat_map(record).collect()
}

/// The handshake message (RFC 8446 section 4.1.2). Nobody answers with the key shares, so they are any bytes.
fn handshake(server: Option<&str>, bytes_min: usize) -> Vec<u8> {
    let name = server.map(|server| {
        let name = [&[0], prefixed::<2>(server.as_bytes()).as_slice()].concat();
        extension(0, &prefixed::<2>(&name))
    });
    let key_share = prefixed::<2>(&[&[0, 29], prefixed::<2>(&[7; 32]).as_slice()].concat());
    let mut extensions = [
        name.unwrap_or_default(),
        extension(43, &[4, 3, 4, 3, 3]),
        extension(10, &[0, 4, 0, 29, 0, 23]),
        extension(13, &[0, 8, 4, 3, 8, 4, 4, 1, 8, 5]),
        extension(51, &key_share),
    ]
    .concat();
    let start = [[3, 3].as_slice(), &[42; 32], &prefixed::<1>(&[9; 32])].concat();
    let suites = prefixed::<2>(&[0x13, 0x01, 0x13, 0x02, 0xc0, 0x2b, 0xc0, 0x2f]);
    let padding = bytes_min.saturating_sub(start.len() + suites.len() + extensions.len());
    if padding > 0 {
        extensions.extend(extension(PADDING, &vec![0; padding]));
    }
    let body = [start, suites, vec![1, 0], prefixed::<2>(&extensions)].concat();
    [vec![1], prefixed::<3>(&body)].concat()
}

fn record(content: &[u8]) -> Vec<u8> {
    [vec![22, 3, 1], prefixed::<2>(content)].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [kind.to_be_bytes().to_vec(), prefixed::<2>(content)].concat()
}

/// `content` after its length in so many bytes.
fn prefixed<const BYTES: usize>(content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    [length.get(length.len() - BYTES..).unwrap_or_default(), content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(bytes: &[u8]) -> bool {
        bytes.windows(12).any(|window| window == b"site.example")
    }

    #[test]
    fn hellos_name_the_server() {
        for hello in [honest("site.example"), made(Some("site.example")), large("site.example")] {
            assert!(names(&hello));
            assert_eq!(hello.len(), 5 + usize::from(u16::from_be_bytes([hello[3], hello[4]])));
            assert_eq!(hello[0], 22);
        }
        assert!(large("site.example").len() > 4 * 1460);
        assert!(!names(&made(None)));
        assert_eq!(honest("not a name"), b"");
    }

    #[test]
    fn pieces_are_the_whole_and_cut_the_name() {
        let pieces = in_segments("site.example");
        assert_eq!(pieces.concat(), made(Some("site.example")));
        assert!(pieces.iter().all(|piece| !names(piece)), "{pieces:?}");
        let records = in_records("site.example");
        assert!(!names(&records));
        let contents: Vec<u8> =
            records.chunks(5 + PIECE_BYTES).flat_map(|record| record[5..].to_vec()).collect();
        assert_eq!(contents, handshake(Some("site.example"), 0));
    }
}
