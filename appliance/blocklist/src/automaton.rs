//! Reads the automata that the `fst` crate compiles (its format version 3).
//!
//! The crate's own reader trusts its bytes and panics on others. This one returns nothing instead, so that no
//! index, however it came to its checksum, brings the filter down.
//!
//! Invariant: any bytes are read in bounds, and a walk takes one step per byte of its key.

/// The version that the `fst` crate writes into its first eight bytes.
const VERSION: u64 = 3;
/// Number of keys, root address, checksum: what follows the last node.
const FOOTER_BYTES: usize = 8 + 8 + 4;
/// From this number of transitions on, a node has a table of the places of all 256 bytes in its lists.
const INDEXED_TRANSITIONS_MIN: usize = 33;
/// The address of the node that ends a key and has no transitions; it takes no bytes.
const END_ADDRESS: usize = 0;
/// The bytes that nodes of one transition keep in six bits of their state, by these six bits less one
/// (`COMMON_INPUTS_INV` of the crate).
const COMMON_INPUTS: &[u8; 63] = b"te/oasripcnw.hlm-du012g=:bf3y5&_4v9678k%?xCDASFIBEjPTzRNM+LOqHG";

/// Where an automaton begins; its nodes stay in the index's bytes.
#[derive(Clone, Copy)]
pub(crate) struct Automaton {
    root: usize,
}

impl Automaton {
    /// Finds the root; `None` where the bytes are not an automaton of this version.
    pub(crate) fn open(section: &[u8]) -> Option<Self> {
        let version = section.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))?;
        let (nodes, footer) = section.split_at_checked(section.len().checked_sub(FOOTER_BYTES)?)?;
        let root = footer.get(8..16)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))?;
        let root = usize::try_from(root).ok()?;
        (version == VERSION && root < nodes.len()).then_some(Self { root })
    }

    /// Starts at the root. `section` is the section that was opened.
    pub(crate) fn walk(self, section: &[u8]) -> Walk<'_> {
        Walk { section, address: self.root, value: 0 }
    }
}

/// A way through an automaton along the bytes of a key.
pub(crate) struct Walk<'s> {
    section: &'s [u8],
    /// Of the node that the walk has reached.
    address: usize,
    /// The sum of the outputs on the way.
    value: u64,
}

impl Walk<'_> {
    /// Goes on by one byte; `None` when no key goes on like this, and then the walk is over.
    #[inline]
    pub(crate) fn step(&mut self, byte: u8) -> Option<()> {
        let transition = follow(self.section, self.address, byte)?;
        self.value = self.value.checked_add(transition.output)?;
        self.address = transition.target;
        Some(())
    }

    /// The value of the key that ends here, if one does.
    pub(crate) fn value(&self) -> Option<u64> {
        self.value.checked_add(read_final_output(self.section, self.address)?)
    }
}

struct Transition {
    target: usize,
    output: u64,
}

/// The transition of a node for a byte. A node's last byte, at its address, tells what stands before it.
fn follow(section: &[u8], address: usize, byte: u8) -> Option<Transition> {
    let (rest, state) = read_state(section, address)?;
    match state >> 6 {
        0b11 => follow_next(rest, state, byte),
        0b10 => follow_one(rest, state, byte),
        _ => Many::read(rest, state)?.follow(byte),
    }
}

/// The output of a node where keys end.
fn read_final_output(section: &[u8], address: usize) -> Option<u64> {
    if address == END_ADDRESS {
        return Some(0);
    }
    let (rest, state) = read_state(section, address)?;
    if state >> 6 == 0b01 { Many::read(rest, state)?.final_output() } else { None }
}

/// The state of a node that has transitions, and what stands before it.
fn read_state(section: &[u8], address: usize) -> Option<(Backwards<'_>, u8)> {
    let mut rest = Backwards(section.get(..=address).filter(|_| address != END_ADDRESS)?);
    let state = rest.byte()?;
    Some((rest, state))
}

/// One transition without output, to the node that ends right before this one.
fn follow_next(mut rest: Backwards<'_>, state: u8, byte: u8) -> Option<Transition> {
    let target = (rest.input(state)? == byte).then(|| rest.0.len().checked_sub(1))??;
    Some(Transition { target, output: 0 })
}

/// One transition.
fn follow_one(mut rest: Backwards<'_>, state: u8, byte: u8) -> Option<Transition> {
    if rest.input(state)? != byte {
        return None;
    }
    let (target_bytes, output_bytes) = rest.sizes()?;
    let distance = read_integer(rest.bytes(target_bytes)?)?;
    let output = read_integer(rest.bytes(output_bytes)?)?;
    Some(Transition { target: go_back(rest.0.len(), distance)?, output })
}

/// A node of any number of transitions, or one where keys end. The lists are in one order.
struct Many<'s> {
    inputs: &'s [u8],
    targets: &'s [u8],
    target_bytes: usize,
    outputs: &'s [u8],
    output_bytes: usize,
    /// `None` where no key ends.
    final_output: Option<&'s [u8]>,
    start: usize,
}

impl<'s> Many<'s> {
    #[inline]
    fn read(mut rest: Backwards<'s>, state: u8) -> Option<Self> {
        let count = match state & 0b11_1111 {
            0 => match rest.byte()? {
                // A single transition is written in the state, so that 1 is free to stand for all bytes.
                1 => 256,
                count => usize::from(count),
            },
            count => usize::from(count),
        };
        let (target_bytes, output_bytes) = rest.sizes()?;
        if count >= INDEXED_TRANSITIONS_MIN {
            // The inputs stand beside the targets and say the same as this table.
            rest.bytes(256)?;
        }
        let inputs = rest.bytes(count)?;
        let targets = rest.bytes(count * target_bytes)?;
        let outputs = rest.bytes(count * output_bytes)?;
        let is_final = state & 0b0100_0000 != 0;
        let final_output = if is_final { Some(rest.bytes(output_bytes)?) } else { None };
        let start = rest.0.len();
        Some(Self { inputs, targets, target_bytes, outputs, output_bytes, final_output, start })
    }

    #[inline]
    fn follow(self, byte: u8) -> Option<Transition> {
        let position = self.inputs.iter().position(|&input| input == byte)?;
        let distance = read_integer(nth(self.targets, position, self.target_bytes)?)?;
        let output = read_integer(nth(self.outputs, position, self.output_bytes)?)?;
        Some(Transition { target: go_back(self.start, distance)?, output })
    }

    fn final_output(&self) -> Option<u64> {
        read_integer(self.final_output?)
    }
}

/// Takes bytes off the end.
struct Backwards<'s>(&'s [u8]);

impl<'s> Backwards<'s> {
    fn byte(&mut self) -> Option<u8> {
        let (last, rest) = self.0.split_last()?;
        self.0 = rest;
        Some(*last)
    }

    fn bytes(&mut self, count: usize) -> Option<&'s [u8]> {
        let (rest, taken) = self.0.split_at_checked(self.0.len().checked_sub(count)?)?;
        self.0 = rest;
        Some(taken)
    }

    /// The byte of a single transition: in the state, or before it.
    fn input(&mut self, state: u8) -> Option<u8> {
        match usize::from(state & 0b11_1111) {
            0 => self.byte(),
            common => COMMON_INPUTS.get(common - 1).copied(),
        }
    }

    /// How many bytes a target and an output take.
    fn sizes(&mut self) -> Option<(usize, usize)> {
        let sizes = self.byte()?;
        Some((usize::from(sizes >> 4), usize::from(sizes & 0b1111)))
    }
}

fn nth(list: &[u8], index: usize, size: usize) -> Option<&[u8]> {
    list.get(index * size..(index + 1) * size)
}

/// A little-endian number of at most eight bytes.
fn read_integer(bytes: &[u8]) -> Option<u64> {
    let mut whole = [0; 8];
    whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(u64::from_le_bytes(whole))
}

/// The address that lies `distance` before a node's start; none stands for the end.
fn go_back(start: usize, distance: u64) -> Option<usize> {
    match usize::try_from(distance).ok()? {
        0 => Some(END_ADDRESS),
        distance => start.checked_sub(distance),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;

    fn find(section: &[u8], key: &[u8]) -> Option<u64> {
        let mut walk = Automaton::open(section)?.walk(section);
        key.iter().try_for_each(|&byte| walk.step(byte))?;
        walk.value()
    }

    fn compile(map: &BTreeMap<Vec<u8>, u64>) -> Vec<u8> {
        fst::Map::from_iter(map.iter().map(|(key, &value)| (key, value))).unwrap().into_fst().into_inner()
    }

    #[test]
    fn nodes_of_every_width() {
        for width in [0, 1, 2, 31, 32, 33, 34, 62, 63, 64, 65, 255, 256_u16] {
            let key = |n: u16| vec![u8::try_from(n).unwrap(), b'x', b'y'];
            let map: BTreeMap<_, _> = (0..width).map(|n| (key(n), u64::from(n) * 1_000)).collect();
            let section = compile(&map);
            for n in 0..256 {
                assert_eq!(find(&section, &key(n)), map.get(&key(n)).copied(), "{n} of {width}");
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_crate(
            map in btree_map(vec(prop_oneof!["[a-e.]", "\\PC"].prop_map(|s| s.into_bytes()), 0..6)
                .prop_map(|parts| parts.concat()), any::<u64>(), 0..200),
            others in vec(vec(b'a'..b'f', 0..6), 0..50),
        ) {
            let section = compile(&map);
            let reference = fst::Map::new(section.as_slice()).unwrap();
            for key in map.keys().chain(&others) {
                prop_assert_eq!(find(&section, key), reference.get(key));
            }
        }

        #[test]
        fn any_bytes_are_read_in_bounds(
            map in btree_map(vec(b'a'..b'f', 0..6), any::<u64>(), 1..50),
            edits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
            keys in vec(vec(b'a'..b'f', 0..8), 1..50),
        ) {
            let mut section = compile(&map);
            for (at, byte) in edits {
                let at = at.index(section.len());
                section[at] = byte;
            }
            for key in keys {
                find(&section, &key);
            }
        }
    }
}
