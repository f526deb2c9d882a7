//! Where a name would be: names lie in buckets by their hash, and a bucket's block says where it begins and, for
//! most names that are not in it, that they are not.
//!
//! Most names that a classroom asks for are in no list: one read of 32 bytes settles each.

/// Start of the bucket, then the filter's words.
const BLOCK_BYTES: usize = 4 + 4 * FILTER_WORDS;
const FILTER_WORDS: usize = 7;
/// A name sets one bit in each word of its block's filter, at the high five bits of its key times these (odd
/// numbers of the split block Bloom filter of Apache Parquet).
const SALTS: [u32; FILTER_WORDS] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947];
/// Names that share a block: so many that the directory stays in caches (6 MB for 4.6 million names), so few that
/// one name in 60 that is not listed passes.
const BUCKET_NAMES: usize = 24;

/// FNV-1a over a name from its last byte to its first, so that one pass over a name meets the hashes of all names
/// above it.
#[derive(Clone, Copy)]
pub(crate) struct NameHash(u64);

impl Default for NameHash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl NameHash {
    /// The hash of a whole name.
    pub(crate) fn of(name: &[u8]) -> Self {
        let mut hash = Self::default();
        name.iter().rev().for_each(|&byte| hash.add(byte));
        hash
    }

    /// Goes on by the byte before those that were added.
    #[inline]
    pub(crate) fn add(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }

    /// The key of the name of the bytes that were added: the finalizer of MurmurHash3.
    #[inline]
    pub(crate) fn key(self) -> NameKey {
        let mixed = (self.0 ^ self.0 >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        let mixed = (mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        NameKey(mixed ^ mixed >> 33)
    }
}

/// What tells a name's bucket and its bits: the high part the one, the low part the others. Buckets are in the order
/// of keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NameKey(u64);

impl NameKey {
    /// The number of its bucket among `count`, which is below it.
    #[inline]
    fn bucket(self, count: usize) -> usize {
        let product = u128::from(self.0) * (count as u128);
        usize::try_from(product >> u64::BITS).unwrap_or_default()
    }

    /// The bit that it sets in each word of the filter.
    #[inline]
    fn bits(self) -> impl Iterator<Item = u32> {
        let [a, b, c, d, ..] = self.0.to_le_bytes();
        let low = u32::from_le_bytes([a, b, c, d]);
        SALTS.into_iter().map(move |salt| 1 << (low.wrapping_mul(salt) >> (u32::BITS - 5)))
    }
}

/// An opened directory.
#[derive(Clone, Copy)]
pub(crate) struct Directory<'s> {
    blocks: &'s [[u8; BLOCK_BYTES]],
}

impl<'s> Directory<'s> {
    /// `None` where the section is not whole blocks.
    pub(crate) fn open(section: &'s [u8]) -> Option<Self> {
        let (blocks, rest) = section.as_chunks();
        rest.is_empty().then_some(Self { blocks })
    }

    /// Where the bucket begins that may hold the name; `None` where no bucket holds it.
    #[inline]
    pub(crate) fn find(self, key: NameKey) -> Option<usize> {
        let block = self.blocks.get(key.bucket(self.blocks.len()))?;
        let (words, _) = block.as_chunks();
        let [start, filter @ ..] = words else { return None };
        let word_and_bit = filter.iter().map(|word| u32::from_le_bytes(*word)).zip(key.bits());
        let missing = word_and_bit.fold(0, |missing, (word, bit)| missing | bit & !word);
        if missing == 0 { usize::try_from(u32::from_le_bytes(*start)).ok() } else { None }
    }
}

/// Writes a directory, bucket by bucket.
pub(crate) struct DirectoryWriter {
    section: Vec<u8>,
    count: usize,
}

impl DirectoryWriter {
    /// For as many names.
    pub(crate) fn new(names: usize) -> Self {
        let count = names.div_ceil(BUCKET_NAMES);
        Self { section: Vec::with_capacity(count * BLOCK_BYTES), count }
    }

    /// How many buckets there are to be.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Whether a name is of the bucket that is to be written next.
    pub(crate) fn is_next(&self, key: NameKey) -> bool {
        key.bucket(self.count) == self.section.len() / BLOCK_BYTES
    }

    /// Writes the block of a bucket.
    pub(crate) fn add(&mut self, start: u32, keys: impl Iterator<Item = NameKey>) {
        let mut filter = [0; FILTER_WORDS];
        keys.for_each(|key| filter.iter_mut().zip(key.bits()).for_each(|(word, bit)| *word |= bit));
        self.section.extend_from_slice(&start.to_le_bytes());
        filter.iter().for_each(|word| self.section.extend_from_slice(&word.to_le_bytes()));
    }

    /// The section.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.section
    }
}
