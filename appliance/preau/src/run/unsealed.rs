//! What of the journal waits to be sealed.

use archive::Log;
use journal::{Source as _, inspect};
use model::Timestamp;
use system::segments::Directory;

/// When the first segment was begun that waits to be sealed, by the clock of that moment; `None` where there is none, or nobody
/// can tell.
pub(super) fn find(log: &Log, directory: &Directory) -> Option<Timestamp> {
    let segments = directory.list().ok()?.into_iter();
    let mut waiting = segments.filter(|segment| !log.accounts_for(segment.number()));
    let first = waiting.find_map(|segment| inspect(directory, segment).ok().flatten())?;
    Some(first.created)
}
