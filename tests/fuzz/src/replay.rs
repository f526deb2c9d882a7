//! Replays the corpus of every target, and variants of it: the part of fuzzing that every build can afford.

use std::fs;
use std::path::{Path, PathBuf};

use super::TARGETS;

/// Variants of each corpus file: enough to visit each field of a small file, and a second in all.
const VARIANTS: u64 = 500;

#[test]
fn corpus_and_variants_of_every_target() {
    for (name, run) in TARGETS {
        let files = corpus(name);
        assert!(!files.is_empty(), "the target {name} has no corpus");
        for file in files {
            let data = fs::read(&file).unwrap();
            println!("{}", file.display());
            run(&data);
            for seed in 1..=VARIANTS {
                run(&vary(&data, seed));
            }
        }
    }
}

#[test]
fn each_corpus_has_its_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for entry in fs::read_dir(root).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(TARGETS.iter().any(|(target, _)| name.to_str() == Some(target)), "{name:?}");
    }
}

fn corpus(target: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// A file with a few bytes changed, cut off or repeated: the same for the same seed.
fn vary(data: &[u8], seed: u64) -> Vec<u8> {
    let mut random = Xorshift(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut varied = data.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(varied.len().max(1));
        match random.below(5) {
            0 => varied.truncate(at),
            1 if at < varied.len() => varied[at] ^= 1 << random.below(8),
            2 if at < varied.len() => varied[at] = [0, 1, 0x7f, 0xff][random.below(4)],
            3 => varied.insert(at, varied.get(at).copied().unwrap_or(0)),
            _ if at < varied.len() => drop(varied.remove(at)),
            _ => varied.push(0),
        }
    }
    varied
}

/// Marsaglia's 64-bit generator: good enough to spread changes over a file.
struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}
