//! Reading TLS's presentation language (RFC 8446 section 3): big-endian numbers and length-prefixed vectors.

/// What is left of a message. Every read either takes all that it asks for, or nothing.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*bytes))
    }

    pub(super) fn u24(&mut self) -> Option<usize> {
        let ([high, middle, low], rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low))
    }

    /// A vector whose length takes one byte.
    pub(super) fn vector8(&mut self) -> Option<Cursor<'a>> {
        let mut ahead = *self;
        let length = usize::from(ahead.u8()?);
        let vector = ahead.take(length)?;
        *self = ahead;
        Some(Cursor(vector))
    }

    /// A vector whose length takes two bytes.
    pub(super) fn vector16(&mut self) -> Option<Cursor<'a>> {
        let mut ahead = *self;
        let length = usize::from(ahead.u16()?);
        let vector = ahead.take(length)?;
        *self = ahead;
        Some(Cursor(vector))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_message_yields_nothing() {
        assert_eq!(Cursor::new(&[1]).u16(), None);
        assert_eq!(Cursor::new(&[1, 2]).u24(), None);
        assert!(Cursor::new(&[2, 1]).vector8().is_none());
        assert!(Cursor::new(&[0, 2, 1]).vector16().is_none());
    }

    #[test]
    fn vectors_leave_what_follows() {
        let mut cursor = Cursor::new(&[1, 7, 0, 2, 8, 9, 5]);
        assert_eq!(cursor.vector8().map(Cursor::rest), Some(&[7][..]));
        assert_eq!(cursor.vector16().map(Cursor::rest), Some(&[8, 9][..]));
        assert_eq!(cursor.u8(), Some(5));
        assert!(cursor.is_empty());
    }
}
