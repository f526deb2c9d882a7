//! The reader of journal segments: for searches, and for a box that starts.

use std::ops::ControlFlow;

use journal::simulation::Disk;
use journal::{Hit, Query, SegmentId, Sequence, search};
use model::{Act, Host, Timestamp};

/// Reads `data` as the only segment of a journal, lets a box go on from it, and reads again: what was found
/// before is found afterwards.
///
/// # Panics
/// When it is not.
pub fn run(data: &[u8]) {
    let disk = Disk::default();
    disk.put(SegmentId::FIRST, data.to_vec());
    let before = find(&disk);
    let (journal, mut writer) = journal::open(disk.clone());
    // A journal that a newer program wrote is left alone.
    if writer.commit(Timestamp::from_unix_ms(0)).is_ok() {
        assert!(journal.is_writable());
        assert_eq!(find(&disk), before);
    }
}

fn find(disk: &Disk) -> Vec<(Sequence, Option<Host>, Option<Act>)> {
    let mut found = Vec::new();
    let outcome = search(disk, &Query::default(), |hit| {
        match hit {
            Hit::Access(access) => found.push((access.sequence, access.host, None)),
            Hit::Act(act) => found.push((act.sequence, None, Some(act.act))),
            Hit::Damage(_) | Hit::Unreadable { .. } => {}
        }
        ControlFlow::Continue(())
    });
    assert!(outcome.is_ok(), "a disk in memory is always listed");
    found
}
