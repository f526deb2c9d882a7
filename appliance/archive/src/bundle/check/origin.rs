//! Where an extract comes from: the seals of its log, and which of them may have what was asked for.

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use super::{BundleFinding, BundleRemark, Check};
use crate::bundle::leaves::Leaves;
use crate::bundle::manifest::{Manifest, VERSION_OF_PROOFS};
use crate::bundle::name;
use crate::bundle::packer::read_hashes;
use crate::bundle::select::{partition, query};
use crate::bundle::zip::Unzipped;
use crate::checkpoint::Checkpoint;
use crate::frames::Frames;
use crate::hash::Hash;
use crate::leaf::Leaf;
use crate::log::expiries;
use crate::retention::Field;
use crate::seal::Seal;
use crate::tree::has_leaf;

/// The seals that an extract may come from.
#[derive(Default)]
pub(super) struct Origin {
    /// In the order of their records: all of the log, or those that an extract of the first version lists.
    pub(super) seals: Vec<Seal>,
    /// Those that may have something of what was asked for, and of which something is left.
    pub(super) wanted: BTreeSet<u64>,
    /// Their parts that are deleted; `None` where the extract does not tell.
    pub(super) deleted: Option<BTreeSet<(u64, Field)>>,
    /// What the log tells of times; nothing where the extract does not have all of it.
    pub(super) frames: Frames,
}

impl Origin {
    /// The seal that has a record.
    pub(super) fn find(&self, record: u64) -> Option<&Seal> {
        let place = self.seals.partition_point(|seal| seal.sequences.1 < record);
        self.seals.get(place).filter(|seal| seal.sequences.0 < record)
    }
}

impl<R: Read + Seek> Check<'_, R> {
    pub(super) fn find_origin(
        &mut self,
        manifest: &Manifest,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Origin, Unzipped> {
        let origin = match manifest.version {
            VERSION_OF_PROOFS => self.check_proofs(manifest, checkpoint)?,
            _ => self.check_leaves(manifest, checkpoint)?,
        };
        self.report.seals = origin.wanted.len() as u64;
        Ok(origin)
    }

    /// All leaves are there: they make the root that the box has signed.
    fn check_leaves(
        &mut self,
        manifest: &Manifest,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Origin, Unzipped> {
        let bytes = self.archive.read(name::LEAVES)?.unwrap_or_default().0;
        let leaves = match Leaves::read(&bytes) {
            Ok(leaves) => leaves,
            Err(number) => {
                self.find(BundleFinding::Leaf(number));
                return Ok(Origin::default());
            }
        };
        let signed = checkpoint.map(|checkpoint| (checkpoint.size, checkpoint.root));
        let (size, root) = leaves.size_and_root();
        if signed.unwrap_or((0, root)) != (size, root) {
            self.find(BundleFinding::Root);
        }
        if let Some(number) = leaves.find_gap() {
            self.find(BundleFinding::Gap(number));
        }
        let asked = query(&manifest.selection);
        let expiries = expiries(leaves.shown().filter_map(Leaf::statement));
        let frames = Frames::new(leaves.shown());
        let seals = leaves.seals().filter(|seal| frames.may_have(seal, &asked));
        let (deleted, wanted) = partition(seals, &expiries);
        if deleted != manifest.deleted {
            self.find(BundleFinding::Deleted);
        }
        self.tell_end(&leaves, manifest);
        let seals = leaves.seals().cloned().collect();
        Ok(Origin { seals, wanted, deleted: Some(expiries.into_keys().collect()), frames })
    }

    /// What was recorded after the last leaf is the box's word, where the time that was asked for reaches so far. Where leaves are
    /// hidden there, so is whatever they stand for: a seal by a clock that was set back may have records of any time.
    fn tell_end(&mut self, leaves: &Leaves, manifest: &Manifest) {
        let is_beyond = |seal: &Seal| {
            let latest = seal.times.filter(|_| seal.is_certain()).map(|(_, latest)| latest);
            manifest.selection.to.is_some_and(|to| latest.is_some_and(|latest| latest >= to))
        };
        if !leaves.seals().any(is_beyond) {
            let last = leaves.seals().last().map_or(0, |seal| seal.sequences.1);
            self.report.remarks.push(BundleRemark::OpenEnd(last));
        }
        let hidden = leaves.count_hidden_at_end();
        if hidden > 0 {
            self.report.remarks.push(BundleRemark::HiddenEnd(hidden));
        }
    }

    /// The seals that an extract of the first version says to come from, each with its proof.
    fn check_proofs(
        &mut self,
        manifest: &Manifest,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Origin, Unzipped> {
        let names = manifest.files.iter().map(|file| &file.name).filter(|name| name.starts_with(name::SEAL));
        let mut origin = Origin::default();
        for name in names {
            let text = self.read_text(name)?.unwrap_or_default();
            let Some((seal, proof)) = read_seal(&text).filter(|(seal, _)| seal_name(seal.number) == *name)
            else {
                self.find(BundleFinding::Seal(name.clone()));
                continue;
            };
            let leaf = (seal.number.saturating_sub(1), seal.to_string());
            let is_there = checkpoint.is_some_and(|checkpoint| {
                has_leaf((checkpoint.size, checkpoint.root), (leaf.0, &leaf.1), &proof)
            });
            if !is_there {
                self.find(BundleFinding::Proof(seal.number));
            }
            origin.wanted.insert(seal.number);
            origin.seals.push(seal);
        }
        origin.seals.sort_by_key(|seal| seal.number);
        self.report.remarks.push(BundleRemark::Listed);
        Ok(origin)
    }
}

/// The name of the file of a seal and its proof.
fn seal_name(number: u64) -> String {
    format!("{}{number:020}", name::SEAL)
}

/// A seal, and the proof that follows it.
fn read_seal(text: &str) -> Option<(Seal, Vec<Hash>)> {
    let (seal, proof) = text.split_once("\n\n")?;
    Some((format!("{seal}\n").parse().ok()?, read_hashes(proof)?))
}
