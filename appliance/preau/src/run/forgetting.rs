//! Once a day, what is old is forgotten: by a clock that is believed only, as what the journal deletes.
//!
//! One answer of a time server that is a year ahead would forget the whole list of readings at once.

use std::time::{Duration, Instant as Steady};

use access::Instant;
use model::{ClockQuality, Timestamp};
use store::Store;

/// How often: what is kept for a day is kept for two at most.
const PERIOD_MS: u64 = 24 * 3_600_000;
/// How long the clock has to go on evenly before it is believed where the log of seals cannot vouch for it: as long as that
/// asks for after a leap.
const STEADY: Duration = Duration::from_secs(3 * 24 * 3_600);
/// How far the clock may part from the one that nobody sets before that is a leap. Less is a box that was suspended, or
/// a first answer of a time server.
const LEAP_MS: u128 = 2 * 24 * 3_600_000;
/// How often the log of seals is asked about a clock in doubt: it is read whole.
const ASK_PERIOD: Duration = Duration::from_secs(3_600);

/// When something was forgotten last, and how the clock has gone since the box was started. A box that starts begins
/// with it.
#[derive(Default)]
pub(crate) struct Forgetting {
    last: Option<Timestamp>,
    /// Since when the clock goes on evenly, by itself and by the one that nobody sets.
    since: Option<(Timestamp, Steady)>,
    /// Whether it has leapt since the start: what the log of seals thinks of it came before.
    has_leapt: bool,
    asked: Option<Steady>,
}

impl Forgetting {
    /// Forgets what is old, when it is time. `is_known` tells whether the log of seals believes the clock.
    pub(crate) fn keep(
        &mut self,
        store: &mut Store,
        now: Instant,
        steady: Steady,
        is_known: impl FnOnce() -> bool,
    ) {
        if now.quality != ClockQuality::Synchronised {
            return;
        }
        self.watch(now.at, steady);
        let is_due = self.last.is_none_or(|last| now.at < last || now.at.ms_since(last) >= PERIOD_MS);
        if !is_due || !self.is_believed(steady, is_known) {
            return;
        }
        self.last = Some(now.at);
        if let Err(error) = store.forget_old(now.at) {
            let error = anyhow::Error::from(error);
            tracing::error!("what is old about people is not forgotten before tomorrow: {error:#}");
        }
    }

    /// Notes whether the clock goes on evenly.
    fn watch(&mut self, now: Timestamp, steady: Steady) {
        let is_leap = self.since.is_some_and(|(at, from)| {
            let shown_ms = i128::from(now.unix_ms()) - i128::from(at.unix_ms());
            let gone_ms = steady.saturating_duration_since(from).as_millis();
            i128::try_from(gone_ms).is_ok_and(|gone_ms| (shown_ms - gone_ms).unsigned_abs() > LEAP_MS)
        });
        self.has_leapt |= is_leap;
        if is_leap || self.since.is_none() {
            self.since = Some((now, steady));
        }
    }

    fn is_believed(&mut self, steady: Steady, is_known: impl FnOnce() -> bool) -> bool {
        let has_passed = |since: Steady, time: Duration| steady.saturating_duration_since(since) >= time;
        if self.since.is_some_and(|(_, since)| has_passed(since, STEADY)) {
            return true;
        }
        if self.has_leapt || self.asked.is_some_and(|asked| !has_passed(asked, ASK_PERIOD)) {
            return false;
        }
        self.asked = Some(steady);
        is_known()
    }
}

#[cfg(test)]
mod tests {
    use model::{Failures, Role};
    use store::{NewPerson, Tally};
    use system::clock::monotonic;

    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn a_day_is_a_day_by_a_clock_that_is_right() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("state.sqlite")).unwrap();
        let at = |hours: i64| Timestamp::from_unix_ms(1_795_422_600_000 + hours * HOUR_MS);
        let (mut forgetting, start) = (Forgetting::default(), monotonic());
        let mut look = |store: &mut Store, hours: i64, quality| {
            let steady = start + Duration::from_secs(hours.unsigned_abs() * 3_600);
            forgetting.keep(store, Instant { at: at(hours), quality }, steady, || true);
            store.failures(Tally::Device(None)).unwrap().count
        };
        let fail = |store: &mut Store, hours: i64| {
            let failures = Failures { count: 3, last: Some(at(hours)) };
            store.keep_failures(&[(Tally::Device(None), failures)], None).unwrap();
        };
        use ClockQuality::{Synchronised, Unset, Unsynchronised};
        fail(&mut store, 0);
        assert_eq!(look(&mut store, 9_000, Unsynchronised), 3);
        assert_eq!(look(&mut store, 9_000, Unset), 3);
        assert_eq!(look(&mut store, 1, Synchronised), 3);
        assert_eq!(look(&mut store, 24, Synchronised), 3, "not yet");
        assert_eq!(look(&mut store, 25, Synchronised), 0);
        let new = NewPerson { name: "Mme Martin".parse().unwrap(), role: Role::Teacher, rooms: vec![] };
        let by = "M. Petit".parse().unwrap();
        let id = store.add_person(&new, "x", at(0), (&by, None)).unwrap().id;
        store.disable_person(id, at(0), (&by, None)).unwrap();
        look(&mut store, 50, Synchronised);
        assert_eq!(store.people().unwrap().len(), 1);
        look(&mut store, 366 * 24, Synchronised);
        assert_eq!(store.people().unwrap(), []);
    }
    /// What is kept of somebody who may sign in no more, a year later by a clock that says so.
    struct Box {
        _folder: tempfile::TempDir,
        store: Store,
        forgetting: Forgetting,
        start: Steady,
    }

    impl Box {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let mut store = Store::open(&folder.path().join("state.sqlite")).unwrap();
            let new = NewPerson { name: "Mme Martin".parse().unwrap(), role: Role::Teacher, rooms: vec![] };
            let by = "M. Petit".parse().unwrap();
            let id = store.add_person(&new, "x", Self::at(0), (&by, None)).unwrap().id;
            store.disable_person(id, Self::at(0), (&by, None)).unwrap();
            Self { _folder: folder, store, forgetting: Forgetting::default(), start: monotonic() }
        }

        fn at(hours: i64) -> Timestamp {
            Timestamp::from_unix_ms(1_795_422_600_000 + hours * HOUR_MS)
        }

        /// Whether she is forgotten when the clock shows this, so many hours after the start; and whether the log was asked.
        fn look(&mut self, shown: i64, hours: u64, is_known: bool) -> (bool, bool) {
            let (mut is_asked, steady) = (false, self.start + Duration::from_secs(hours * 3_600));
            let now = Instant { at: Self::at(shown), quality: ClockQuality::Synchronised };
            self.forgetting.keep(&mut self.store, now, steady, || {
                is_asked = true;
                is_known
            });
            (self.store.people().unwrap().is_empty(), is_asked)
        }
    }

    const YEAR: i64 = 366 * 24;

    #[test]
    fn one_wrong_answer_of_a_time_server_forgets_nothing() {
        // The box starts with it.
        let mut it = Box::new();
        assert_eq!(it.look(YEAR, 0, false), (false, true));
        assert_eq!(it.look(YEAR, 0, true), (false, false), "not each time");
        assert_eq!(it.look(YEAR + 1, 1, false), (false, true));
        // It is put right: nothing was lost.
        assert_eq!(it.look(2, 2, true), (false, false));
        // Or it was right: a box that was off for a year, whose log cannot be read.
        let mut it = Box::new();
        assert_eq!(it.look(YEAR, 0, false), (false, true));
        assert_eq!(it.look(YEAR + 71, 71, false), (false, true));
        assert_eq!(it.look(YEAR + 72, 72, false), (true, false));
        // The log knows of that year.
        assert_eq!(Box::new().look(YEAR, 0, true), (true, true));
    }

    #[test]
    fn a_leap_while_the_box_runs_forgets_nothing_for_days() {
        let mut it = Box::new();
        assert_eq!(it.look(0, 0, true), (false, true));
        // The log would believe a leap of some weeks, and one that it heard of before.
        assert_eq!(it.look(YEAR, 5, true), (false, false));
        assert_eq!(it.look(YEAR + 71, 76, true), (false, false));
        assert_eq!(it.look(YEAR + 72, 77, true), (true, false));
        // It leaps there and back.
        let mut it = Box::new();
        it.look(0, 0, true);
        assert_eq!(it.look(YEAR, 40, true), (false, false));
        assert_eq!(it.look(90, 90, true), (false, false));
        assert_eq!(it.look(YEAR, 180, true), (false, false));
    }
}
