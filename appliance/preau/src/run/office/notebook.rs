//! Failures as the office remembers them beside the state file: while the file takes nothing, and while the clock shows
//! a time before them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::{Failures, Timestamp};
use people::Watch;
use store::Tally;

/// Most counts that are remembered: as many as the state file has. Of more, the one of the earliest time goes first.
const NOTES_MAX: usize = 4_096;

/// The office's notebook. It is lost with the process; the state file is not.
#[derive(Default)]
pub(super) struct Notebook(Mutex<HashMap<Tally, Note>>);

#[derive(Clone, Copy)]
struct Note {
    /// The failures that the state file has not taken.
    unkept: Option<Failures>,
    /// How many failures there were when the note was made.
    count: u32,
    /// When it was, by the clock of that moment.
    made: Timestamp,
}

impl Notebook {
    /// The failures as they count at this time, where the state file has `kept`.
    ///
    /// Those that a clock will have to reach first count from the first look at them: a box that boots in 1970 has
    /// people wait for the pause, and not for its clock.
    pub(super) fn read(&self, tally: Tally, kept: Failures, now: Timestamp) -> Failures {
        let mut notes = self.lock();
        let note = notes.get(&tally).copied();
        let unkept = note.and_then(|note| note.unkept);
        let failures = unkept.unwrap_or(kept);
        if failures.last.is_none_or(|last| last <= now) {
            return failures;
        }
        let known = note.filter(|note| note.count == failures.count && note.made <= now);
        let made = known.map_or(now, |note| note.made);
        add(&mut notes, tally, Note { unkept, count: failures.count, made });
        Failures { last: Some(made), ..failures }
    }

    /// The failures with another one. They are remembered until the state file has them.
    pub(super) fn add(&self, watch: Watch, tally: Tally, kept: Failures, now: Timestamp) -> Failures {
        let more = watch.add(self.read(tally, kept, now), now);
        let mut notes = self.lock();
        let before = notes.get(&tally).and_then(|note| note.unkept).unwrap_or(kept);
        // A time that was reached once stays: else a box whose plug was pulled, and that boots in 1970, would have
        // forgotten all when the time is known.
        let failures = Failures { last: more.last.max(before.last), ..more };
        add(&mut notes, tally, Note { unkept: Some(failures), count: failures.count, made: now });
        failures
    }

    /// Notes that the state file has what was added.
    pub(super) fn settle(&self, tallies: impl Iterator<Item = Tally>) {
        let mut notes = self.lock();
        for tally in tallies {
            if let Some(note) = notes.get_mut(&tally) {
                note.unkept = None;
            }
        }
    }

    /// Forgets counts that are over: somebody signed in, or has a new card.
    pub(super) fn forget(&self, is_over: impl Fn(Tally) -> bool) {
        self.lock().retain(|tally, _| !is_over(*tally));
    }

    /// A note is replaced whole, so all are right even after a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, HashMap<Tally, Note>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(notes: &mut HashMap<Tally, Note>, tally: Tally, note: Note) {
    if notes.len() >= NOTES_MAX && !notes.contains_key(&tally) {
        let earliest = notes.iter().min_by_key(|(_, note)| note.made).map(|(tally, _)| *tally);
        if let Some(earliest) = earliest {
            notes.remove(&earliest);
        }
    }
    notes.insert(tally, note);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TALLY: Tally = Tally::Device(None);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms((1_795_422_600 + seconds) * 1_000)
    }

    fn pause_s(notebook: &Notebook, kept: Failures, now: Timestamp) -> u64 {
        Watch::Pair.pause_ms(notebook.read(TALLY, kept, now), now) / 1_000
    }

    #[test]
    fn a_pause_passes_by_a_clock_that_was_set_back() {
        let notebook = Notebook::default();
        let kept = Failures { count: 6, last: Some(at(100_000)) };
        for (seconds, expected) in [(0, 30), (10, 20), (29, 1), (30, 0), (60, 0)] {
            assert_eq!(pause_s(&notebook, kept, at(seconds)), expected, "{seconds}");
        }
        // Another step back begins it anew, and so does another failure.
        assert_eq!(pause_s(&notebook, kept, at(-50)), 30);
        let more = notebook.add(Watch::Pair, TALLY, kept, at(0));
        assert_eq!(more, Failures { count: 7, last: kept.last }, "the time that was reached stays");
        notebook.settle([TALLY].into_iter());
        assert_eq!(pause_s(&notebook, more, at(0)), 60);
        assert_eq!(pause_s(&notebook, more, at(60)), 0);
        // The clock is put right: all is as it was kept.
        assert_eq!(pause_s(&notebook, more, at(100_001)), 59);
        // A day by a clock that was never put right forgets as well.
        assert_eq!(notebook.add(Watch::Pair, TALLY, more, at(10)).count, 8);
        assert_eq!(notebook.add(Watch::Pair, TALLY, more, at(10 + 24 * 3_600)).count, 1);
    }

    #[test]
    fn what_the_state_file_does_not_take_is_remembered() {
        let notebook = Notebook::default();
        let kept = Failures { count: 2, last: Some(at(0)) };
        for expected in 3..=6 {
            assert_eq!(notebook.add(Watch::Pair, TALLY, kept, at(1)).count, expected);
        }
        assert_eq!(pause_s(&notebook, kept, at(1)), 30);
        let other = Tally::Device(Some("02:00:00:00:00:11".parse().unwrap()));
        assert_eq!(notebook.read(other, Failures::default(), at(1)), Failures::default());
        notebook.forget(|tally| tally == TALLY);
        assert_eq!(notebook.read(TALLY, kept, at(1)), kept);
    }

    #[test]
    fn notes_are_few() {
        let notebook = Notebook::default();
        let number = |number: usize| {
            let [.., a, b] = number.to_be_bytes();
            Tally::Device(Some(model::Mac::new([2, 0, 0, 0, a, b])))
        };
        for (place, second) in (0..NOTES_MAX + 2).zip(0..) {
            notebook.add(Watch::Device, number(place), Failures::default(), at(second));
        }
        let count = |place| notebook.read(number(place), Failures::default(), at(9_999)).count;
        assert_eq!(notebook.lock().len(), NOTES_MAX);
        assert_eq!([count(0), count(1), count(2), count(NOTES_MAX + 1)], [0, 0, 1, 1]);
    }
}
