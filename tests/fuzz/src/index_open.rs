//! The opening of index files, and lookups in what opens.

use blocklist::{CategoryId, Index, Query};

/// Length of the checksum that ends an index.
const CHECKSUM_BYTES: usize = 32;
/// What is asked of an index that opens.
const QUERIES: [&str; 6] = [
    "example.com",
    "www.a.example.com",
    "192.0.2.1",
    "http://example.com/a?b",
    "xn--bcher-kva.example",
    "com",
];

/// Opens `data`, and `data` with the right checksum: an index that somebody forged. Lookups in what opens may
/// answer anything that fits the index's own categories, and must end.
///
/// # Panics
/// When an answer names a category that there is not.
pub fn run(data: &[u8]) {
    let _refused = Index::open(data.to_vec()).is_err();
    let Some(content) = data.len().checked_sub(CHECKSUM_BYTES).and_then(|end| data.get(..end)) else {
        return;
    };
    let checksum = blake3::hash(content);
    let Ok(index) = Index::open([content, checksum.as_bytes()].concat()) else { return };
    for query in QUERIES.iter().filter_map(|text| text.parse::<Query>().ok()) {
        let set = index.find(&query).map(|found| found.set).unwrap_or_default();
        assert!(set.iter().all(|id: CategoryId| id.rank() < index.categories().len()), "{query}");
    }
}
