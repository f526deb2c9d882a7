//! Names as they stand in messages.

use model::{DomainName, LABEL_BYTES_MAX, NAME_BYTES_MAX};

/// Longest name on the wire, in bytes, with its length bytes and the root's zero (RFC 1035 section 2.3.4).
const WIRE_BYTES_MAX: usize = 255;

/// A name of a question: labels behind their lengths, ended by the root's zero, uncompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireName<'a>(&'a [u8]);

impl<'a> WireName<'a> {
    /// Reads a name from the front of `bytes`. A compression pointer is no part of one: in a question it could
    /// only point into the header.
    pub(super) fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let mut end = 0_usize;
        loop {
            let length = usize::from(*bytes.get(end)?);
            if length > LABEL_BYTES_MAX {
                return None;
            }
            end += 1 + length;
            if end > WIRE_BYTES_MAX {
                return None;
            }
            if length == 0 {
                let (name, rest) = bytes.split_at_checked(end)?;
                return Some((Self(name), rest));
            }
        }
    }

    /// The bytes, in the client's own case.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether it is the root: no label at all.
    #[must_use]
    pub fn is_root(self) -> bool {
        self.0.len() <= 1
    }

    /// The name as the filter compares it.
    ///
    /// # Errors
    /// [`NotADomain`] for the root, for a last label of digits, and for labels with other characters than
    /// letters, digits, hyphens and underscores: a dot *inside* a label above all.
    pub fn to_domain(self) -> Result<DomainName, NotADomain> {
        let mut text = [0_u8; NAME_BYTES_MAX];
        let inner = self.0.get(1..self.0.len().saturating_sub(1)).ok_or(NotADomain)?;
        let text = text.get_mut(..inner.len()).ok_or(NotADomain)?;
        text.copy_from_slice(inner);
        if inner.contains(&b'.') || !inner.is_ascii() {
            return Err(NotADomain);
        }
        let mut next = usize::from(*self.0.first().ok_or(NotADomain)?);
        while let Some(length) = text.get_mut(next) {
            next += 1 + usize::from(*length);
            *length = b'.';
        }
        let text = std::str::from_utf8(text).map_err(|_| NotADomain)?;
        DomainName::parse(text).map_err(|_| NotADomain)
    }
}

/// The name cannot be a host's name, so no list can judge it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a name that a host can have")]
pub struct NotADomain;

/// Writes a name in the form of messages, uncompressed: two bytes longer than its text.
pub fn write_name(name: &DomainName, bytes: &mut Vec<u8>) {
    for label in name.as_str().split('.') {
        // Labels of a DomainName have at most 63 bytes.
        bytes.push(u8::try_from(label.len()).unwrap_or(0));
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_one_form() {
        let check = |bytes: &[u8], expected: Result<&str, NotADomain>| {
            let (name, rest) = WireName::read(bytes).unwrap();
            assert!(rest.is_empty());
            assert_eq!(name.to_domain().as_ref().map(DomainName::as_str), expected.as_ref().copied());
        };
        check(b"\x03www\x07eXaMple\x02fr\0", Ok("www.example.fr"));
        check(b"\x02fr\0", Ok("fr"));
        check(b"\x06_dmarc\x02fr\0", Ok("_dmarc.fr"));
        check(b"\0", Err(NotADomain));
        check(b"\x07a.b.com\x02fr\0", Err(NotADomain));
        check(b"\x03a.b\0", Err(NotADomain));
        check(b"\x02a.\0", Err(NotADomain));
        check(b"\x03a b\x02fr\0", Err(NotADomain));
        check(b"\x03a\0b\x02fr\0", Err(NotADomain));
        check(b"\x05\xc3\xa9col\x02fr\0", Err(NotADomain));
        check(b"\x01\xff\0", Err(NotADomain));
        check(b"\x03127\x011\0", Err(NotADomain));
    }

    #[test]
    fn broken_names_are_not_read() {
        let too_long = [b"\x3f".as_slice(), &[b'a'; 63]].concat().repeat(4);
        for bytes in [
            b"".as_slice(),
            b"\x03ww",
            b"\x03www",
            b"\xc0\x0c",
            b"\x03www\xc0\x0c",
            b"\x40\0",
            &[&too_long[..], b"\0"].concat(),
        ] {
            assert_eq!(WireName::read(bytes), None, "{bytes:?}");
        }
        let longest = [&too_long[..192], b"\x3d", &[b'a'; 61], b"\0"].concat();
        assert_eq!(longest.len(), WIRE_BYTES_MAX);
        let (name, _) = WireName::read(&longest).unwrap();
        assert_eq!(name.to_domain().unwrap().as_str().len(), NAME_BYTES_MAX);
    }

    #[test]
    fn written_names_read_back() {
        for text in ["fr", "www.example.fr", "a.b.c.d"] {
            let name = DomainName::parse(text).unwrap();
            let mut bytes = Vec::new();
            write_name(&name, &mut bytes);
            assert_eq!(bytes.len(), text.len() + 2);
            assert_eq!(WireName::read(&bytes).unwrap().0.to_domain().unwrap(), name);
        }
    }
}
