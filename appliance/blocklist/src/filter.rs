//! The prefilter: most names that a classroom asks for are in no list, and this says so for a few bits a line.
//!
//! A binary fuse filter of the hashes of all listed names. It never misses a listed name; one other name in
//! 256 passes it and is then looked up exactly.

use xorf::{BinaryFuse8, BinaryFuse8Ref, DmaSerializable, Filter, FilterRef};

/// The bytes before the fingerprints: seed, segment length and its mask, length of all segments but two.
const DESCRIPTOR_BYTES: usize = BinaryFuse8::DESCRIPTOR_LEN;

/// An opened filter; its fingerprints stay in the index's bytes.
pub(crate) struct NameFilter {
    descriptor: [u8; DESCRIPTOR_BYTES],
}

impl NameFilter {
    /// Checks a filter section; `None` where a lookup could leave its fingerprints.
    pub(crate) fn open(section: &[u8]) -> Option<Self> {
        let (descriptor, fingerprints) = section.split_first_chunk::<DESCRIPTOR_BYTES>()?;
        let [segment, mask, all_but_two] = read_lengths(descriptor)?;
        let bounded = segment.is_power_of_two()
            && mask == segment - 1
            && all_but_two.is_multiple_of(segment)
            && all_but_two + 2 * segment <= u64::try_from(fingerprints.len()).ok()?.min(u64::from(u32::MAX));
        bounded.then_some(Self { descriptor: *descriptor })
    }

    /// Whether the name or a name above it may be listed. `section` is the section that was opened.
    pub(crate) fn may_cover(&self, section: &[u8], name: &str) -> bool {
        let fingerprints = section.get(DESCRIPTOR_BYTES..).unwrap_or_default();
        let filter = BinaryFuse8Ref::from_dma(&self.descriptor, fingerprints);
        let mut hash = NameHash::default();
        name.rsplit('.').any(|label| {
            hash.add_label(label.as_bytes());
            filter.contains(&hash.0)
        })
    }
}

/// Compiles the section: every listed name passes, whatever the hashes are.
///
/// `None` when a thousand seeds did not fit the hashes, which has never been seen.
pub(crate) fn build(mut hashes: Vec<NameHash>) -> Option<Vec<u8>> {
    hashes.sort_unstable();
    hashes.dedup();
    let filter = BinaryFuse8::try_from_iterator(hashes.iter().map(|hash| hash.0)).ok()?;
    let mut section = vec![0; DESCRIPTOR_BYTES];
    filter.dma_copy_descriptor_to(&mut section);
    section.extend_from_slice(filter.dma_fingerprints());
    Some(section)
}

/// FNV-1a over a name's labels from the last to the first, each with a dot before it, so that one pass over a
/// name meets the hashes of all names above it. The filter mixes it with its seed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NameHash(u64);

impl Default for NameHash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl NameHash {
    /// The hash of a name whose labels are given from the last to the first, with dots between them.
    pub(crate) fn of_key(key: &[u8]) -> Self {
        let mut hash = Self::default();
        hash.add_label(key);
        hash
    }

    fn add_label(&mut self, label: &[u8]) {
        for &byte in b".".iter().chain(label) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

fn read_lengths(descriptor: &[u8; DESCRIPTOR_BYTES]) -> Option<[u64; 3]> {
    let (_seed, lengths) = descriptor.split_first_chunk::<8>()?;
    let (lengths, _) = lengths.as_chunks::<4>();
    let [segment, mask, all_but_two] = *lengths else { return None };
    Some([segment, mask, all_but_two].map(|bytes| u64::from(u32::from_le_bytes(bytes))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section_of(names: &[String]) -> Vec<u8> {
        let key = |name: &String| name.rsplit('.').collect::<Vec<_>>().join(".");
        build(names.iter().map(|name| NameHash::of_key(key(name).as_bytes())).collect()).unwrap()
    }

    #[test]
    fn listed_names_and_names_under_them_pass() {
        for count in [0, 1, 2, 3, 100, 5_000] {
            let names: Vec<_> = (0..count).map(|n| format!("site-{n}.example")).collect();
            let section = section_of(&names);
            let filter = NameFilter::open(&section).unwrap();
            for name in &names {
                assert!(filter.may_cover(&section, name), "{name} of {count}");
                assert!(filter.may_cover(&section, &format!("a.b.{name}")), "under {name} of {count}");
            }
            let passing = (0..5_000).filter(|n| filter.may_cover(&section, &format!("other-{n}"))).count();
            assert!(passing < 5_000 / 50, "{passing} of 5000 strange names pass among {count}");
        }
    }

    #[test]
    fn broken_sections_are_refused() {
        let section = section_of(&["example.com".to_owned()]);
        for length in 0..section.len() {
            assert!(NameFilter::open(&section[..length]).is_none(), "{length} bytes");
        }
        for at in 8..DESCRIPTOR_BYTES {
            let mut altered = section.clone();
            altered[at] ^= 0x40;
            if let Some(filter) = NameFilter::open(&altered) {
                filter.may_cover(&altered, "www.example.com");
            }
        }
    }
}
