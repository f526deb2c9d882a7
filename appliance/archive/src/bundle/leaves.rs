//! The leaves of a log as an extract shows them: whoever has all of them reckons the root of the checkpoint anew, and sees
//! which files were sealed, what times they have, and which are deleted.
//!
//! A hold, and its end, is somebody else's case: the extract has their hashes alone. No seal hides behind one, because its
//! records would be missing between the seals around it; where none follows, it might, and a verification says so.

use crate::hash::Hash;
use crate::leaf::{Leaf, is_private};
use crate::lines::Lines;
use crate::log::{LOG_BYTES_MAX, Log};
use crate::seal::Seal;
use crate::tree::root_of;

/// The first line of what stands for a leaf that is not shown.
const FIRST_LINE: &str = "PREAU HIDDEN LEAF 1";
/// What an entry ends with: its last line's end, and an empty line.
const BREAK: &str = "\n\n";

/// A leaf, or what stands for it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shown {
    Leaf(Box<Leaf>),
    Hidden(Hash),
}

impl Shown {
    fn is_seal(&self) -> bool {
        matches!(self, Self::Leaf(leaf) if leaf.seal().is_some())
    }
}

/// All leaves of a log, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Leaves(Vec<Shown>);

impl Leaves {
    /// Those of a log.
    pub(crate) fn of(log: &Log) -> Self {
        let show = |leaf: &Leaf| match is_private(leaf) {
            true => Shown::Hidden(leaf.hash()),
            false => Shown::Leaf(Box::new(leaf.clone())),
        };
        Self(log.leaves().map(show).collect())
    }

    /// Reads them; where that fails, which one is wrong, counted from 1.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, u64> {
        let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= LOG_BYTES_MAX);
        let mut rest = text.ok_or(1_u64)?;
        let mut shown = Vec::new();
        for number in 1.. {
            if rest.is_empty() {
                break;
            }
            let (leaf, after) = rest.split_once(BREAK).ok_or(number)?;
            shown.push(read(&format!("{leaf}\n"), number).ok_or(number)?);
            rest = after;
        }
        Ok(Self(shown))
    }

    /// How they stand in the extract.
    pub(crate) fn write(&self) -> String {
        let write = |shown: &Shown| match shown {
            Shown::Leaf(leaf) => format!("{leaf}\n"),
            Shown::Hidden(hash) => format!("{FIRST_LINE}\nsha256 {hash}\n\n"),
        };
        self.0.iter().map(write).collect()
    }

    /// How many there are, and the root of their tree.
    pub(crate) fn size_and_root(&self) -> (u64, Hash) {
        let hashes = self.0.iter().map(|shown| match shown {
            Shown::Leaf(leaf) => leaf.hash(),
            Shown::Hidden(hash) => *hash,
        });
        (self.0.len() as u64, root_of(hashes))
    }

    /// Those that are shown.
    pub(crate) fn shown(&self) -> impl DoubleEndedIterator<Item = &Leaf> + Clone {
        self.0.iter().filter_map(|shown| match shown {
            Shown::Leaf(leaf) => Some(&**leaf),
            Shown::Hidden(_) => None,
        })
    }

    /// The seals.
    pub(crate) fn seals(&self) -> impl Iterator<Item = &Seal> {
        self.shown().filter_map(Leaf::seal)
    }

    /// How many leaves are hidden after the last seal that is shown.
    pub(crate) fn count_hidden_at_end(&self) -> u64 {
        let end = self.0.iter().rev().take_while(|shown| !shown.is_seal());
        end.filter(|shown| matches!(shown, Shown::Hidden(_))).count() as u64
    }

    /// The first leaf whose records do not follow those of the leaves before: something is left out, or hidden.
    pub(crate) fn find_gap(&self) -> Option<u64> {
        let mut through = 0;
        for leaf in self.shown() {
            let Some((after, up_to)) = leaf.sequences() else { continue };
            if after != through || up_to < through {
                return Some(leaf.number());
            }
            through = up_to;
        }
        None
    }
}

fn read(text: &str, number: u64) -> Option<Shown> {
    let mut lines = Lines::new(text);
    if lines.next() == Some(FIRST_LINE) {
        let hash = lines.value("sha256").ok()?;
        return lines.is_at_end().then_some(Shown::Hidden(hash));
    }
    let leaf: Leaf = text.parse().ok()?;
    (leaf.number() == number && !is_private(&leaf)).then(|| Shown::Leaf(Box::new(leaf)))
}
