//! What a browser says first.

/// A ClientHello that names `server`, in one TLS record (RFC 8446 section 4.1.2), of the size of a browser's.
///
/// Nobody answers it here, so the key shares are any bytes.
#[must_use]
pub fn client_hello(server: &str) -> Vec<u8> {
    /// Browsers fill up to this (RFC 7685); with post-quantum keys they go beyond.
    const BYTES: usize = 512;
    const PADDING: u16 = 21;
    let name = prefixed::<2>(&[&[0], prefixed::<2>(server.as_bytes()).as_slice()].concat());
    let key_share = prefixed::<2>(&[&[0, 29], prefixed::<2>(&[7; 32]).as_slice()].concat());
    let mut extensions = [
        extension(0, &name),
        extension(43, &[4, 3, 4, 3, 3]),
        extension(10, &[0, 4, 0, 29, 0, 23]),
        extension(13, &[0, 6, 4, 3, 8, 4, 4, 1]),
        extension(16, &[0, 12, 2, b'h', b'2', 8, b'h', b't', b't', b'p', b'/', b'1', b'.', b'1']),
        extension(51, &key_share),
    ]
    .concat();
    let start = [[3, 3].as_slice(), &[42; 32], &prefixed::<1>(&[9; 32])].concat();
    let suites = prefixed::<2>(&[0x13, 0x01, 0x13, 0x02, 0xc0, 0x2b, 0xc0, 0x2f]);
    let before = start.len() + suites.len() + extensions.len();
    extensions.extend(extension(PADDING, &vec![0; BYTES.saturating_sub(before)]));
    let body = [start, suites, vec![1, 0], prefixed::<2>(&extensions)].concat();
    let handshake = [vec![1], prefixed::<3>(&body)].concat();
    [vec![22, 3, 1], prefixed::<2>(&handshake)].concat()
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

    #[test]
    fn its_lengths_add_up() {
        let hello = client_hello("short.example");
        assert_eq!(hello.len(), 5 + usize::from(u16::from_be_bytes([hello[3], hello[4]])));
        assert_eq!(hello.len(), 9 + usize::from(u16::from_be_bytes([hello[7], hello[8]])));
        assert!(hello.windows(13).any(|window| window == b"short.example"));
        assert!((512..600).contains(&hello.len()));
    }
}
