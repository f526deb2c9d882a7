//! The reader of journal segments: for searches, and for a box that starts.

use std::ops::ControlFlow;

use journal::simulation::Disk;
use journal::{Hit, Query, SegmentId, Sequence, search};
use model::{Act, Host, PersonAct, Timestamp};

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

/// A record as far as another reading must find the same.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Access(Sequence, Option<Host>),
    Act(Sequence, Act),
    Person(Sequence, PersonAct),
}

fn find(disk: &Disk) -> Vec<Seen> {
    let mut found = Vec::new();
    let outcome = search(disk, &Query::default(), |hit| {
        match hit {
            Hit::Access(access) => found.push(Seen::Access(access.sequence, access.host)),
            Hit::Act(act) => found.push(Seen::Act(act.sequence, act.act)),
            Hit::Person(act) => found.push(Seen::Person(act.sequence, act.act)),
            Hit::Damage(_) | Hit::Unreadable { .. } => {}
        }
        ControlFlow::Continue(())
    });
    assert!(outcome.is_ok(), "a disk in memory is always listed");
    found
}
