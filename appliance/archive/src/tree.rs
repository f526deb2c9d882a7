//! The Merkle tree over a log's leaves (RFC 9162 section 2.1).

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use sha2::Sha256;
use sha2::digest::Output;

use crate::hash::{HASH_BYTES, Hash};

/// Most hashes of a proof: two for each doubling of a log of 2⁶³ leaves.
const PROOF_HASHES_MAX: usize = 128;

/// What two subtrees are hashed with before them.
const NODE_PREFIX: u8 = 1;

/// All leaves of a log, and what a proof needs.
#[derive(Default)]
pub struct Tree(MemoryBackedTree<Sha256, Vec<u8>>);

impl Tree {
    /// Adds a leaf.
    pub fn push(&mut self, leaf: &str) {
        self.0.push(leaf.as_bytes().to_vec());
    }

    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.len()
    }

    /// The root. That of a tree without leaves is no log's.
    #[must_use]
    pub fn root(&self) -> Hash {
        let root: [u8; HASH_BYTES] = (*self.0.root().as_bytes()).into();
        Hash::from(root)
    }

    /// That the tree had these many leaves before, and only grew since; `None` where it never had.
    #[must_use]
    pub fn prove_growth(&self, from: u64) -> Option<Vec<Hash>> {
        if from == 0 || from > self.size() {
            return None;
        }
        let added = usize::try_from(self.size() - from).ok()?;
        hashes(self.0.prove_consistency(added).as_bytes())
    }

    /// That a leaf, counted from 0, is in the tree.
    #[must_use]
    pub fn prove_leaf(&self, place: u64) -> Option<Vec<Hash>> {
        if place >= self.size() {
            return None;
        }
        hashes(self.0.prove_inclusion(usize::try_from(place).ok()?).as_bytes())
    }
}

/// The root of a tree whose leaves have these hashes (RFC 9162 section 2.1.1).
pub(crate) fn root_of(leaves: impl Iterator<Item = Hash>) -> Hash {
    // Whole subtrees, each smaller than the one before, with the number of their leaves.
    let mut whole: Vec<(u64, Hash)> = Vec::new();
    for leaf in leaves {
        let mut grown = (1, leaf);
        while let Some((count, left)) = whole.pop_if(|(count, _)| *count == grown.0) {
            grown = (2 * count, join(&left, &grown.1));
        }
        whole.push(grown);
    }
    let hashes = whole.into_iter().rev().map(|(_, hash)| hash);
    hashes.reduce(|right, left| join(&left, &right)).unwrap_or_else(|| Hash::of(&[]))
}

/// The hash of two subtrees.
fn join(left: &Hash, right: &Hash) -> Hash {
    Hash::of(&[&[NODE_PREFIX], left.as_bytes().as_slice(), right.as_bytes()].concat())
}

/// Whether a tree of `size` leaves with this root only grew from one of `from` leaves with that root.
#[must_use]
pub fn is_growth((size, root): (u64, Hash), (from, old_root): (u64, Hash), proof: &[Hash]) -> bool {
    if from == size {
        return root == old_root && proof.is_empty();
    }
    if proof.len() > PROOF_HASHES_MAX {
        return false;
    }
    let Ok(proof) = ConsistencyProof::<Sha256>::try_from_bytes(concat(proof)) else { return false };
    root_hash(root, size).verify_consistency(&root_hash(old_root, from), &proof).is_ok()
}

/// Whether a tree of `size` leaves with this root has this leaf at this place, counted from 0.
#[must_use]
pub fn has_leaf((size, root): (u64, Hash), (place, leaf): (u64, &str), proof: &[Hash]) -> bool {
    if proof.len() > PROOF_HASHES_MAX || place >= size {
        return false;
    }
    let Ok(proof) = InclusionProof::<Sha256>::try_from_bytes(concat(proof)) else { return false };
    root_hash(root, size).verify_inclusion(&leaf.as_bytes().to_vec(), place, &proof).is_ok()
}

fn root_hash(root: Hash, size: u64) -> RootHash<Sha256> {
    RootHash::new(Output::<Sha256>::from(*root.as_bytes()), size)
}

fn hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    rest.is_empty().then(|| hashes.iter().copied().map(Hash::from).collect())
}

fn concat(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(Hash::as_bytes).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_follows_from_the_hashes_of_the_leaves() {
        let mut tree = Tree::default();
        let mut hashes = Vec::new();
        assert_eq!(root_of(std::iter::empty()), tree.root());
        for number in 1..=70 {
            let leaf = format!("leaf {number}\n");
            tree.push(&leaf);
            hashes.push(Hash::of(&[&[0], leaf.as_bytes()].concat()));
            assert_eq!(root_of(hashes.iter().copied()), tree.root(), "{number} leaves");
        }
    }
}
