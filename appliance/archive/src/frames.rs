//! When what is sealed may have been made: by its own times, and where its clock did not know them, by what the log tells of
//! the seals around it.

use std::collections::BTreeMap;

use journal::{Query, Reckoning, Sequence};
use model::{ClockQuality, Timestamp, When};

use crate::leaf::{Leaf, is_private};
use crate::seal::Seal;

/// A time from which on, and a time before which, where there are such.
pub(crate) type Window = (Option<Timestamp>, Option<Timestamp>);

/// Between which times the records of each seal were made, whatever their clocks showed.
///
/// What stands in a later seal was recorded later, and a seal is made after its records. Holds say nothing here: an extract
/// does not show them, and whoever verifies it is to come to the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frames {
    of: BTreeMap<u64, Window>,
    /// The time of the last record whose time is certain.
    last: Option<Timestamp>,
    /// The number of the last record that is sealed.
    through: u64,
}

impl Frames {
    /// Those of all seals among these leaves, oldest first.
    pub(crate) fn new<'l>(leaves: impl DoubleEndedIterator<Item = &'l Leaf> + Clone) -> Self {
        let mut frames = Self::default();
        for seal in leaves.clone().filter_map(Leaf::seal) {
            frames.of.insert(seal.number, (frames.last, None));
            frames.last = latest_synchronised(seal).or(frames.last);
            frames.through = seal.sequences.1;
        }
        let mut next = None;
        for leaf in leaves.rev().filter(|leaf| !is_private(leaf)) {
            let (made, clock) = leaf.made();
            if clock == ClockQuality::Synchronised {
                next = Some(made);
            }
            let Some(seal) = leaf.seal() else { continue };
            if let Some((_, not_after)) = frames.of.get_mut(&seal.number) {
                *not_after = next;
            }
            next = earliest_certain(seal).or(next);
        }
        frames
    }

    /// What is known of the times of a seal's records before anything is read of them.
    pub(crate) fn reckoning(&self, seal: &Seal) -> Reckoning {
        let (not_before, not_after) = self.get(seal);
        Reckoning::default().within(not_before, not_after).doubting(Sequence::new(self.through))
    }

    /// The same of records after all seals.
    pub(crate) fn reckoning_after_all(&self) -> Reckoning {
        Reckoning::default().within(self.last, None)
    }

    /// Whether a seal may have something of what is asked for, by its times.
    pub(crate) fn may_have(&self, seal: &Seal, query: &Query) -> bool {
        may_be_within(seal.times, seal.clocks, self.get(seal), (query.from, query.to))
    }

    fn get(&self, seal: &Seal) -> Window {
        self.of.get(&seal.number).copied().unwrap_or_default()
    }
}

/// Whether records may have been made within a window, which were made between these times by what their clocks showed, and
/// within this frame whatever they showed; `clocks` are the records by the quality of their clock.
pub(crate) fn may_be_within(
    times: Option<(Timestamp, Timestamp)>,
    [synchronised, alone, unset]: [u64; 3],
    (not_before, not_after): Window,
    window: Window,
) -> bool {
    // Without times it has damage only.
    let Some((earliest, latest)) = times else { return true };
    let shown = When::Between(Some(earliest), Some(latest));
    // A clock that was never set shows nothing; what is said of earlier records has none.
    let is_shown = (unset == 0 || synchronised + alone > 0) && shown.may_be_within(0, window);
    let is_doubtful = alone + unset > 0;
    is_shown || (is_doubtful && When::between(not_before, not_after).may_be_within(0, window))
}

/// The time of the last record that a time server's clock gave, also beside records of a clock that was never set: that one shows less. For
/// what is searched that is enough; what deletions go by asks for more (`Chronicle`).
fn latest_synchronised(seal: &Seal) -> Option<Timestamp> {
    let [synchronised, alone, _] = seal.clocks;
    seal.times.filter(|_| synchronised > 0 && alone == 0).map(|(_, latest)| latest)
}

fn earliest_certain(seal: &Seal) -> Option<Timestamp> {
    seal.times.filter(|_| seal.is_certain()).map(|(earliest, _)| earliest)
}
