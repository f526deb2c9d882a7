//! What classes did on the days of a reading, for the page as `preau journal summary` tells it.
//!
//! Invariant: numbers are of whole days, and of the day under way up to the last full hour: two that differ in a moment would show
//! what one device did in it. `archive::Overview` tells none of fewer than five devices.

use std::net::IpAddr;
use std::ops::ControlFlow;

use archive::{FoundAnywhere, Identity, Overview, is_unreadable, query};
use jiff::tz::TimeZone;
use journal::Hit;
use model::{ReadingId, Selection, Timestamp, When};
use portal::{ClassDay, Classes, Reader, Trouble};
use system::sealing::day;

use super::Office;
use super::reading::name_busy;
use crate::reading_command::{append, describe};
use crate::summary_command::SUMMARY;
use crate::times::{day_of, last_hour};

impl Office {
    pub(super) fn count_classes(
        &self,
        client: IpAddr,
        reader: Reader<'_>,
        id: ReadingId,
    ) -> Result<Classes, Trouble> {
        let (keys, selection) = self.prepare(reader, id, &Selection::default())?;
        if selection.device.is_some() {
            return Err(Trouble::Outside);
        }
        let now = self.clock.now().plausible().ok_or(Trouble::NoClock)?;
        let Some(selection) = take_whole_days(selection, now, &self.zone) else {
            return Ok(Classes::default());
        };
        let _alone = self.looking.try_lock().map_err(|error| name_busy(&error))?;
        let sought = append(&describe(&selection, &self.zone), SUMMARY);
        self.note_search(client, reader.person, id, &sought)?;
        self.read_classes(&keys, &selection).ok_or(Trouble::Unavailable)
    }

    /// `None` where the journal cannot be searched at all.
    fn read_classes(&self, keys: &[Identity], selection: &Selection) -> Option<Classes> {
        let (mut overview, mut unreadable) = (Overview::default(), 0);
        let scanned = self.scan(keys, &query(selection), 0, |found| {
            unreadable += usize::from(is_unreadable(&found));
            // Of a day that nobody knows there are no numbers.
            if let FoundAnywhere::Hit(hit) = found
                && let Hit::Access(found) = *hit
                && let When::Shown(at) | When::Reckoned(at) = found.when
            {
                overview.note(day(at, &self.zone), &found);
            }
            ControlFlow::Continue(())
        })?;
        if scanned.is_late {
            return Some(Classes { is_cut: true, ..Classes::default() });
        }
        let uncounted = overview.uncounted();
        Some(Classes {
            days: overview.tell().into_iter().filter_map(describe_day).collect(),
            locked: scanned.searched.seals_locked,
            unreadable: unreadable + usize::from(scanned.is_damaged),
            uncounted,
            is_cut: false,
        })
    }
}

/// `None` for a time that no calendar has.
fn describe_day(told: archive::ClassDay) -> Option<ClassDay> {
    let archive::ClassDay { day, room, accesses, refused } = told;
    Some(ClassDay { day: day.parse().ok()?, room, accesses, refused })
}

/// What of a selection is of whole days; `None` where that is nothing.
fn take_whole_days(selection: Selection, now: Timestamp, zone: &TimeZone) -> Option<Selection> {
    let from = selection.from.map(|from| match day_of(from, zone) {
        (start, _) if start == from => from,
        (_, next) => next,
    });
    let hour = last_hour(now);
    let to = selection.to.map_or(hour, |to| day_of(to, zone).0.min(hour));
    let is_nothing = from.is_some_and(|from| to <= from);
    (!is_nothing).then_some(Selection { from, to: Some(to), ..selection })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::times::parse_start;

    #[test]
    fn an_overview_is_of_whole_days() {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let at = |text: &str| parse_start(text, &zone).unwrap();
        let now = at("2026-11-25 10:40");
        let check = |from: &str, to: &str, expected: Option<(&str, &str)>| {
            let selection = Selection { from: Some(at(from)), to: Some(at(to)), ..Selection::default() };
            let taken = take_whole_days(selection, now, &zone);
            let taken = taken.map(|taken| (taken.from.unwrap(), taken.to.unwrap()));
            assert_eq!(taken, expected.map(|(from, to)| (at(from), at(to))), "{from} {to}");
        };
        check("2026-11-23", "2026-11-25", Some(("2026-11-23", "2026-11-25")));
        check("2026-11-23 09:30", "2026-11-25", Some(("2026-11-24", "2026-11-25")));
        check("2026-11-23", "2026-11-24 23:59", Some(("2026-11-23", "2026-11-24")));
        check("2026-11-25", "2026-11-26", Some(("2026-11-25", "2026-11-25 10:00")));
        check("2026-11-24", "2026-11-25 10:30", Some(("2026-11-24", "2026-11-25")));
        check("2026-11-23 09:30", "2026-11-24 16:00", None);
        check("2026-11-26", "2026-11-27", None);
    }
}
