//! Questions and answers of DNS, as few as a benchmark needs.

pub mod authority;
pub mod load;
pub mod peers;
pub mod steady;

/// Bytes of a DNS header (RFC 1035 section 4.1.1).
const HEADER_BYTES: usize = 12;
/// The largest message that a client of these benchmarks takes (RFC 6891).
const MESSAGE_BYTES_MAX: usize = 1_232;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
}

impl Kind {
    const fn code(self) -> u8 {
        match self {
            Self::A => 1,
            Self::Aaaa => 28,
        }
    }
}

/// Writes a question as a classroom's PC does, with EDNS; its number (two bytes) is 0.
#[must_use]
pub fn question(name: &str, kind: Kind) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    for label in name.split('.') {
        // Names of lists have labels of at most 63 bytes.
        bytes.push(u8::try_from(label.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.extend_from_slice(&[0, 0, kind.code(), 0, 1]);
    let [high, low] = u16::try_from(MESSAGE_BYTES_MAX).unwrap_or_default().to_be_bytes();
    bytes.extend_from_slice(&[0, 0, 41, high, low, 0, 0, 0, 0, 0, 0]);
    bytes
}
