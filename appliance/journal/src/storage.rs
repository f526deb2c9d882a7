//! Where segments are kept: the ports that the system room fills with files.

use std::fmt;
use std::io;

/// The number of a segment: each new one is above all that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentId(u64);

impl SegmentId {
    /// The first segment of a box.
    pub const FIRST: Self = Self(1);

    /// The segment with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number itself.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {}", self.0)
    }
}

/// Segments that can be read, also while a box writes them.
pub trait Source {
    /// One segment, read from its first byte to its last.
    type Reader: io::Read;

    /// All segments, in ascending order. A journal that was never written has none.
    ///
    /// # Errors
    /// The storage cannot be read.
    fn list(&self) -> io::Result<Vec<SegmentId>>;

    /// Opens a segment for reading.
    ///
    /// # Errors
    /// It does not exist or cannot be read.
    fn open(&self, segment: SegmentId) -> io::Result<Self::Reader>;
}

/// Segments as they were listed once. What is removed meanwhile cannot be opened any more, and is told: it is not missing in
/// silence.
#[derive(Debug)]
pub struct Listed<'s, S> {
    source: &'s S,
    segments: Vec<SegmentId>,
}

impl<'s, S: Source> Listed<'s, S> {
    /// All segments of now.
    ///
    /// # Errors
    /// They cannot be listed.
    pub fn new(source: &'s S) -> io::Result<Self> {
        Ok(Self { source, segments: source.list()? })
    }

    /// These segments, in their order.
    #[must_use]
    pub fn of(source: &'s S, segments: Vec<SegmentId>) -> Self {
        Self { source, segments }
    }

    /// Without the segments that another place has.
    #[must_use]
    pub fn without(mut self, is_elsewhere: impl Fn(SegmentId) -> bool) -> Self {
        self.segments.retain(|segment| !is_elsewhere(*segment));
        self
    }
}

impl<S: Source> Source for Listed<'_, S> {
    type Reader = S::Reader;

    fn list(&self) -> io::Result<Vec<SegmentId>> {
        Ok(self.segments.clone())
    }

    fn open(&self, segment: SegmentId) -> io::Result<S::Reader> {
        self.source.open(segment)
    }
}

/// The highest numbers that were used by what is kept elsewhere now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Floor {
    /// Of a segment.
    pub segment: u64,
    /// Of a record.
    pub sequence: u64,
}

/// Segments that one writer owns.
pub trait Storage: Source {
    /// The segment that is being written.
    type Active: Active;

    /// Becomes the only writer. Called again after a failure.
    ///
    /// # Errors
    /// Another process writes this journal, or the storage cannot be written.
    fn acquire(&mut self) -> io::Result<()>;

    /// What was sealed, and may be here no longer: new segments and records get numbers above these, even when somebody
    /// has taken away every segment.
    fn floor(&self) -> Floor {
        Floor::default()
    }

    /// Creates an empty segment that a power cut does not take away.
    ///
    /// # Errors
    /// It exists, or the storage cannot be written.
    fn create(&mut self, segment: SegmentId) -> io::Result<Self::Active>;

    /// Ends a segment: gives back the space that was reserved beyond its end, and makes durable what a process
    /// that was killed may have left on the way to the disk.
    ///
    /// # Errors
    /// The storage cannot be written.
    fn end(&mut self, segment: SegmentId) -> io::Result<()>;

    /// Removes a segment that holds no record.
    ///
    /// # Errors
    /// The storage cannot be written.
    fn remove(&mut self, segment: SegmentId) -> io::Result<()>;
}

/// The segment that is being written.
pub trait Active {
    /// Takes disk space for the `bytes` from `offset` on, without making the segment longer, so that writing
    /// them cannot fail for want of space.
    ///
    /// # Errors
    /// [`io::ErrorKind::StorageFull`], or the disk fails.
    fn reserve(&mut self, offset: u64, bytes: u64) -> io::Result<()>;

    /// Checks that the segment is still where readers look for it, and at least `bytes` long: a file that was
    /// removed, moved or cut short takes writes that nobody will ever read.
    ///
    /// # Errors
    /// It is not: the segment has to be given up.
    fn check_in_place(&self, bytes: u64) -> io::Result<()>;

    /// Puts back what readers need beside the segment, its key for instance, where somebody took it away.
    ///
    /// # Errors
    /// It cannot be put back: the segment stays as it is, and nothing else has what is needed. It is tried again.
    fn keep_readable(&self) -> io::Result<()> {
        Ok(())
    }

    /// Disk space that is neither used nor reserved by anybody.
    ///
    /// # Errors
    /// The disk fails.
    fn free_bytes(&self) -> io::Result<u64>;

    /// Writes all of `bytes` from `offset` on. After a failure, any part of them may have been written, and the segment is not
    /// written any more.
    ///
    /// # Errors
    /// The disk is full or fails, or something was written there, or tried, before.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Returns when all that was written survives a power cut.
    ///
    /// # Errors
    /// The disk fails: what was written since the last success may be lost, even if a later call succeeds.
    fn sync(&mut self) -> io::Result<()>;
}
