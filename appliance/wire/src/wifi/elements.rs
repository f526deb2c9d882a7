//! Elements: a number, a length and as many bytes (IEEE 802.11-2020 section 9.4.2.1).

/// Elements until the bytes end, or do not make one.
pub(super) struct Elements<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[number, length], rest) = self.0.split_first_chunk()?;
        let (body, rest) = rest.split_at_checked(usize::from(length))?;
        self.0 = rest;
        Some((number, body))
    }
}

/// Little-endian fields, one after the other.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn u16(&mut self) -> Option<u16> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_le_bytes(*bytes))
    }

    pub(super) fn four(&mut self) -> Option<[u8; 4]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    /// A count, and as many selectors of four bytes: all of them, or none.
    pub(super) fn selectors(&mut self) -> Option<&'a [[u8; 4]]> {
        let count = usize::from(self.u16()?);
        let (selectors, _) = self.0.as_chunks();
        let selectors = selectors.get(..count)?;
        self.0 = self.0.get(count * 4..)?;
        Some(selectors)
    }
}
