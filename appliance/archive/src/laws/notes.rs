//! What must hold for notes, keys and trees: other programs read them, and agree.

use proptest::prelude::*;
use signed_note::{StandardSigner, StandardVerifier, VerifierList};
use tlog_tiles::tlog::{
    Error as TlogError, Hash as TlogHash, HashReader, check_record, check_tree, prove_tree, stored_hashes,
    tree_hash,
};

use super::fixture::at;
use crate::{Checkpoint, Hash, KeyError, Note, SigningKey, Tree, VerifierKey, has_leaf, is_growth};

fn keys() -> [SigningKey; 2] {
    [SigningKey::of_box([7; 32]).unwrap(), SigningKey::of_witness([9; 32]).unwrap()]
}

#[test]
fn keys_come_back_and_mistyped_ones_do_not() {
    for key in keys() {
        let file = key.write();
        assert_eq!(SigningKey::read(&file).unwrap().write(), file);
        let text = key.verifier().to_string();
        assert_eq!(text.parse::<VerifierKey>().as_ref(), Ok(key.verifier()));
        for place in 0..file.len() {
            let mut bytes = file.clone().into_bytes();
            bytes[place] = if bytes[place] == b'x' { b'y' } else { b'x' };
            assert!(SigningKey::read(&String::from_utf8(bytes).unwrap()).is_err(), "{place}");
            assert!(SigningKey::read(&file[..place]).is_err(), "{place}");
        }
        for place in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[place] = if bytes[place] == b'x' { b'y' } else { b'x' };
            assert!(String::from_utf8(bytes).unwrap().parse::<VerifierKey>().is_err(), "{place}");
        }
    }
    assert_eq!("a+b".parse::<VerifierKey>(), Err(KeyError::Spelling));
}

#[test]
fn the_golden_key_is_read_and_written_back() {
    let golden = include_str!("../../testdata/key-v1.txt");
    let key = SigningKey::read(golden).unwrap();
    assert_eq!((key.write().as_str(), key.verifier()), (golden, keys()[0].verifier()));
}

#[test]
fn another_program_verifies_and_signs_the_same() {
    let [key, _] = keys();
    let text = "preau/journal/x\n3\nAAAA\n".to_owned();
    let signature = key.sign(&text, at(0));
    let note = Note::new(text).with(signature);
    let verifier = StandardVerifier::new(&key.verifier().to_string()).unwrap();
    let theirs = signed_note::Note::from_bytes(note.write().as_bytes()).unwrap();
    let (verified, unverified) = theirs.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!((verified.len(), unverified.len()), (1, 0));
    let secret = key.write().lines().nth(1).unwrap().to_owned();
    let mut again = signed_note::Note::new(note.text().as_bytes(), &[]).unwrap();
    again.add_sigs(&[&StandardSigner::new(&secret).unwrap()]).unwrap();
    assert_eq!(String::from_utf8(again.to_bytes()).unwrap(), note.write());
    assert_eq!(Note::read(&note.write()).as_ref(), Ok(&note));
}

#[test]
fn another_program_reads_checkpoints() {
    let checkpoint = Checkpoint { origin: "preau/journal/x".to_owned(), size: 12, root: Hash::of(b"root") };
    let theirs = tlog_tiles::Checkpoint::from_bytes(checkpoint.write().as_bytes()).unwrap();
    assert_eq!(
        (theirs.origin(), theirs.size(), &theirs.hash().0),
        ("preau/journal/x", 12, checkpoint.root.as_bytes())
    );
    assert_eq!(Checkpoint::read(&checkpoint.write()), Ok(checkpoint.clone()));
    let extended = format!("{}more\n", checkpoint.write());
    assert_eq!(Checkpoint::read(&extended), Ok(checkpoint));
    for wrong in ["", "x\n", "x\n01\nAAAA\n", "\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"] {
        assert!(Checkpoint::read(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_cosignature_is_for_its_time_and_text() {
    let [signer, witness] = keys();
    let text = "preau/journal/x\n3\nAAAA\n";
    let signature = witness.sign(text, at(60));
    assert_eq!(
        witness.verifier().cosigned_at(text, &signature),
        Some(u64::try_from(at(60).unix_ms() / 1_000).unwrap())
    );
    assert!(Note::new(text.to_owned()).with(signature.clone()).is_signed_by(witness.verifier()));
    let mut later = signature.clone();
    later.bytes[7] ^= 1;
    assert_eq!(witness.verifier().cosigned_at(text, &later), None);
    assert_eq!(witness.verifier().cosigned_at("another\n", &signature), None);
    assert_eq!(
        signer.verifier().cosigned_at(text, &signer.sign(text, at(60))),
        None,
        "a box cosigns nothing"
    );
}

#[test]
fn what_is_no_note_is_refused() {
    let [key, _] = keys();
    let note = Note::new("a\n".to_owned()).with(key.sign("a\n", at(0))).write();
    for wrong in [
        "",
        "a\n",
        "a\n\n",
        "a\n\nb\n",
        &note[..note.len() - 1],
        &note.replace('a', "\u{7}"),
        &format!("{note}x"),
    ] {
        assert!(Note::read(wrong).is_err(), "{wrong:?}");
    }
    let of_other = Note::read(&note.replace("a\n\n", "b\n\n")).unwrap();
    assert!(!of_other.is_signed_by(key.verifier()));
}

/// The stored hashes of a tree, as the other program keeps them.
struct Stored(Vec<TlogHash>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<TlogHash>, TlogError> {
        Ok(indexes.iter().map(|index| self.0[usize::try_from(*index).unwrap()]).collect())
    }
}

fn trees(size: u64) -> (Tree, Stored) {
    let (mut tree, mut stored) = (Tree::default(), Stored(Vec::new()));
    for leaf in 0..size {
        let text = format!("leaf {leaf}\n");
        tree.push(&text);
        let hashes = stored_hashes(leaf, text.as_bytes(), &stored).unwrap();
        stored.0.extend(hashes);
    }
    (tree, stored)
}

proptest! {
    #[test]
    fn another_program_makes_the_same_trees_and_proofs(size in 1..40_u64, from in 1..40_u64, leaf in 0..40_u64) {
        let (tree, stored) = trees(size);
        let root = tree_hash(size, &stored).unwrap();
        prop_assert_eq!(tree.root(), Hash::from(root.0));
        let from = 1 + from % size;
        let (before, _) = trees(from);
        let proof = tree.prove_growth(from).unwrap();
        let theirs: Vec<_> = proof.iter().map(|hash| TlogHash(*hash.as_bytes())).collect();
        prop_assert_eq!(&theirs, &prove_tree(size, from, &stored).unwrap());
        prop_assert!(check_tree(&theirs, size, root, from, TlogHash(*before.root().as_bytes())).is_ok());
        prop_assert!(is_growth((size, tree.root()), (from, before.root()), &proof));
        prop_assert!(!is_growth((size, before.root()), (from, before.root()), &proof) || from == size);
        prop_assert!(!is_growth((size, tree.root()), (from, Hash::of(b"")), &proof));
        let leaf = leaf % size;
        let proof = tree.prove_leaf(leaf).unwrap();
        let theirs: Vec<_> = proof.iter().map(|hash| TlogHash(*hash.as_bytes())).collect();
        let hash = tlog_tiles::tlog::record_hash(format!("leaf {leaf}\n").as_bytes());
        prop_assert!(check_record(&theirs, size, root, leaf, hash).is_ok());
        let text = format!("leaf {leaf}\n");
        prop_assert!(has_leaf((size, tree.root()), (leaf, &text), &proof));
        prop_assert!(!has_leaf((size, tree.root()), (leaf, "another\n"), &proof));
    }
}

#[test]
fn there_is_no_proof_of_what_never_was() {
    let (tree, _) = trees(5);
    assert_eq!((tree.prove_growth(0), tree.prove_growth(6), tree.prove_leaf(5)), (None, None, None));
    assert!(!is_growth((5, tree.root()), (0, tree.root()), &[]));
    assert!(!is_growth((5, tree.root()), (6, tree.root()), &[]));
}
