//! Millions of list lines in memory, and their order.

use std::cmp::Ordering;

use crate::compiler::BuildError;
use crate::set::{CategoryId, CategorySet};

/// Most bytes of all lines of one kind together: UT1 needs 150 MB, and a place among them has 32 bits.
const LINES_BYTES_MAX: usize = 1 << 30;
/// Most lines of one kind: four times UT1. A list of very short lines must not fill the memory.
const LINES_MAX: usize = 20_000_000;
/// Bytes of a key that are compared without a look at the key itself.
const PREFIX_BYTES: usize = 12;
/// Bytes of a line before its key: the lengths of key and spelling, and the category.
const HEAD_BYTES: usize = 5;

/// Set in the category's byte of a line that is to be taken out: categories have seven bits.
const REMOVAL: u8 = 0x80;

/// The keys of all lines of one kind, each with its category and, where it differs, its spelling.
#[derive(Default)]
pub(crate) struct Keys {
    /// The lines one after the other: head, key, spelling.
    lines: Vec<u8>,
    /// For each line the beginning of its key, then its place: most comparisons need no more.
    order: Vec<u128>,
    has_removals: bool,
}

/// One line as it was kept.
pub(crate) struct Line<'k> {
    /// The text that is compared.
    pub(crate) key: &'k [u8],
    /// The text in the list, where it is not the usual one of the key.
    pub(crate) spelling: &'k [u8],
    category: u8,
}

/// All lines of one key together.
#[derive(Clone, Copy)]
pub(crate) struct Merged {
    /// The line that stands for them: the first of the first category. [`Keys::line`] finds it.
    pub(crate) place: u32,
    /// The number of the set of categories that have it.
    pub(crate) set: u16,
}

impl Keys {
    /// Keeps a line of the category that was the `category`-th to be met. No spelling: the usual one.
    pub(crate) fn add(&mut self, category: u8, key: &[u8], spelling: &str) -> Result<(), BuildError> {
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).map_err(|_| BuildError::TooLarge);
        let place = u32::try_from(self.lines.len()).map_err(|_| BuildError::TooLarge)?;
        if self.lines.len() > LINES_BYTES_MAX || self.order.len() >= LINES_MAX {
            return Err(BuildError::TooLarge);
        }
        self.lines.extend_from_slice(&length(key)?.to_le_bytes());
        self.lines.extend_from_slice(&length(spelling.as_bytes())?.to_le_bytes());
        self.lines.push(category);
        self.lines.extend_from_slice(key);
        self.lines.extend_from_slice(spelling.as_bytes());
        self.order.push(u128::from_be_bytes(prefix_of(key)) | u128::from(place));
        Ok(())
    }

    /// Takes every line of the category with this key out again, whether it came already or will come.
    pub(crate) fn remove(&mut self, category: u8, key: &[u8]) -> Result<(), BuildError> {
        self.has_removals = true;
        self.add(category | REMOVAL, key, "")
    }

    /// Sorts the lines by their keys and merges those of one key. `ranks` has the place of each category in
    /// the alphabetical order; `number_set` gives a number to each set of categories; `see_removed` hears of each
    /// line that was taken out, by its category's number.
    pub(crate) fn merge(
        &mut self,
        ranks: &[CategoryId],
        mut number_set: impl FnMut(CategorySet) -> Result<u16, BuildError>,
        mut see_removed: impl FnMut(u8),
    ) -> Result<Vec<Merged>, BuildError> {
        let mut order = std::mem::take(&mut self.order);
        order.sort_unstable_by(|&a, &b| self.compare(a, b).then(a.cmp(&b)));
        let rank_of = |place| ranks.get(usize::from(self.line(place)?.category)).copied();
        let mut merged = Vec::new();
        let mut places = Vec::new();
        for same in order.chunk_by(|&a, &b| self.compare(a, b).is_eq()) {
            places.clear();
            places.extend(same.iter().map(|&entry| place_of(entry)));
            if self.has_removals {
                self.take_out(&mut places, &mut see_removed);
            }
            let ranked = places.iter().filter_map(|&place| Some((rank_of(place)?, place)));
            let Some((_, place)) = ranked.clone().min() else { continue };
            let set = number_set(ranked.map(|(rank, _)| rank).collect())?;
            merged.push(Merged { place, set });
        }
        Ok(merged)
    }

    /// Leaves of the lines of one key those that stay.
    fn take_out(&self, places: &mut Vec<u32>, see_removed: &mut impl FnMut(u8)) {
        let category_of = |place: u32| self.line(place).map(|line| line.category);
        let bit_of = |category: u8| 1_u128.checked_shl((category & !REMOVAL).into()).unwrap_or(0);
        let removals = places.iter().filter_map(|&place| category_of(place).filter(|c| c & REMOVAL != 0));
        let removed = removals.fold(0, |set, category| set | bit_of(category));
        places.retain(|&place| {
            let Some(category) = category_of(place).filter(|category| category & REMOVAL == 0) else {
                return false;
            };
            let stays = removed & bit_of(category) == 0;
            if !stays {
                see_removed(category);
            }
            stays
        });
    }

    /// The line at a place.
    pub(crate) fn line(&self, place: u32) -> Option<Line<'_>> {
        let rest = self.lines.get(usize::try_from(place).ok()?..)?;
        let (&[k0, k1, s0, s1, category], rest) = rest.split_first_chunk::<HEAD_BYTES>()?;
        let (key, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([k0, k1])))?;
        let spelling = rest.get(..usize::from(u16::from_le_bytes([s0, s1])))?;
        Some(Line { key, spelling, category })
    }

    fn compare(&self, a: u128, b: u128) -> Ordering {
        let key_of = |entry| self.line(place_of(entry)).map(|line| line.key);
        (a >> u32::BITS).cmp(&(b >> u32::BITS)).then_with(|| key_of(a).cmp(&key_of(b)))
    }
}

/// The first bytes of a key where a big-endian number has its high ones; then nothing.
fn prefix_of(key: &[u8]) -> [u8; 16] {
    let mut prefix = [0; 16];
    prefix.iter_mut().zip(key.iter().take(PREFIX_BYTES)).for_each(|(to, from)| *to = *from);
    prefix
}

/// The low half word of an entry of [`Keys::order`].
fn place_of(entry: u128) -> u32 {
    let [.., a, b, c, d] = entry.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_one_key_merge_in_key_order() {
        let mut keys = Keys::default();
        for (category, key, spelling) in [
            (0, "com.very-long-example.b", ""),
            (1, "com.very-long-example.a", ""),
            (0, "com", "Com"),
            (0, "com.very-long-example.a", "A.very-long-example.com"),
            (1, "com", ".com"),
            (1, "com", "com."),
        ] {
            keys.add(category, key.as_bytes(), spelling).unwrap();
        }
        // The category that was met first is the second in the alphabet.
        let ranks = [1, 0].map(|rank| CategoryId::new(rank).unwrap());
        let number = |set: CategorySet| Ok(u16::try_from(set.bits()).unwrap());
        let merged: Vec<_> = keys
            .merge(&ranks, number, |_| {})
            .unwrap()
            .into_iter()
            .map(|merged| {
                let line = keys.line(merged.place).unwrap();
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                (text(line.key), text(line.spelling), merged.set)
            })
            .collect();
        let expected = [
            ("com", ".com", 0b11),
            ("com.very-long-example.a", "", 0b11),
            ("com.very-long-example.b", "", 0b10),
        ];
        assert_eq!(merged, expected.map(|(key, spelling, set)| (key.to_owned(), spelling.to_owned(), set)));
    }

    #[test]
    fn keys_that_do_not_fit_are_refused() {
        let key = vec![b'a'; usize::from(u16::MAX) + 1];
        assert!(matches!(Keys::default().add(0, &key, ""), Err(BuildError::TooLarge)));
    }
}
