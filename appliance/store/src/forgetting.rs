//! What is forgotten with time.

use model::Timestamp;
use rusqlite::Transaction;

use crate::letters::{prune as prune_letters, prune_orders};
use crate::requests::prune as prune_requests;
use crate::{Store, StoreError};

const DAY_MS: i64 = 24 * 3_600_000;
/// How long somebody who may no longer sign in is kept: a year, as long as the records and the rules that name her.
const DISABLED_MS: i64 = 365 * DAY_MS;
/// How long failures are kept: as long as the longest of them counts.
const FAILURES_MS: i64 = DAY_MS;
/// How long a lesson is kept after its end, with its uses of the Wi-Fi: a year, as long as the records that name it.
const LESSON_MS: i64 = 365 * DAY_MS;
/// How long a reading is kept after its end: as long as its records.
const READING_MS: i64 = 365 * DAY_MS;
/// 2026-01-01 00:00:00 UTC. Before, there was no box: a clock that shows that was not set.
pub(crate) const FIRST_BOX_MS: i64 = 1_767_225_600_000;
/// How long a session is kept after its last use: longer than any lasts.
const SESSION_MS: i64 = DAY_MS;

impl Store {
    /// Forgets what nobody looks for any more: old requests and who asked, also of the commune, and what its hub had the box do; failures, sessions that are
    /// over, people who may not sign in for a year and what they planned, lessons of a year ago. `now` must be the true time: by a clock that runs ahead, all of it would be old.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    pub fn forget_old(&mut self, now: Timestamp) -> Result<(), StoreError> {
        self.write(|transaction| {
            prune_requests(transaction, now)?;
            prune_letters(transaction, now)?;
            prune_orders(transaction, now)?;
            prune_failures(transaction, now)?;
            let before = |ms: i64| now.unix_ms().saturating_sub(ms);
            transaction.execute("DELETE FROM session WHERE used_ms < ?1", [before(SESSION_MS)])?;
            // Whoever was disabled by a clock that showed 1970 was there by then.
            transaction
                .execute("DELETE FROM person WHERE max(disabled_ms, made_ms) < ?1", [before(DISABLED_MS)])?;
            // Whoever has her name next planned nothing of that.
            transaction
                .execute("DELETE FROM lesson_plan WHERE teacher NOT IN (SELECT name FROM person)", ())?;
            // What was ended by a clock that showed 1970 had an end of its own.
            transaction.execute(
                "DELETE FROM lesson WHERE ended_ms IS NOT NULL AND max(ended_ms, until_ms) < ?1",
                [before(LESSON_MS)],
            )?;
            prune_readings(transaction, before(READING_MS))?;
            Ok(())
        })
    }
}

/// One that an act waits for stays: the act is told with its words. Of one that ended without the time nobody knows how old
/// it is: it goes when there are too many.
fn prune_readings(transaction: &Transaction<'_>, horizon: i64) -> rusqlite::Result<()> {
    transaction.execute(
        "DELETE FROM reading WHERE closed_ms >= ?1 AND closed_ms < ?2
         AND id NOT IN (SELECT reading FROM person_act WHERE reading IS NOT NULL)",
        [FIRST_BOX_MS, horizon],
    )?;
    Ok(())
}

/// What a clock that ran ahead has counted counts from now on.
fn prune_failures(transaction: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
    let horizon = now.unix_ms().saturating_sub(FAILURES_MS);
    transaction.execute("DELETE FROM failure WHERE last_ms < ?1", [horizon])?;
    transaction.execute("UPDATE failure SET last_ms = ?1 WHERE last_ms > ?1", [now.unix_ms()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use model::{Failures, InternetMode, LessonPlan, Machine, Role};

    use super::*;
    use crate::Second;
    use crate::people::tests::{add, at, open};
    use crate::{NameHash, Tally};

    #[test]
    fn what_somebody_planned_goes_with_her() {
        let (_folder, mut store) = open();
        let by = "M. Petit".parse().unwrap();
        let gone = add(&mut store, "Mme Martin", Role::Teacher, &["CM2"]);
        add(&mut store, "M. Bernard", Role::Head, &[]);
        for teacher in ["Mme Martin", "M. Bernard"] {
            let plan = LessonPlan {
                teacher: teacher.parse().unwrap(),
                room: "CM2".parse().unwrap(),
                weekday: 0,
                from_minute: 540,
                minutes: 55,
                internet: InternetMode::Normal,
                is_wifi_on: false,
            };
            store.add_plan(&plan).unwrap();
        }
        store.disable_person(gone.id, at(0), (&by, None)).unwrap();
        store.forget_old(at(DISABLED_MS)).unwrap();
        assert_eq!(store.plans().unwrap().len(), 2, "she may come back");
        store.forget_old(at(DISABLED_MS + 1)).unwrap();
        let left: Vec<_> =
            store.plans().unwrap().into_iter().map(|(_, plan)| plan.teacher.to_string()).collect();
        assert_eq!(left, ["M. Bernard"]);
    }

    #[test]
    fn people_failures_and_sessions_are_forgotten_in_their_time() {
        let (_folder, mut store) = open();
        let by = "M. Petit".parse().unwrap();
        let gone = add(&mut store, "Mme Martin", Role::Teacher, &["CM2"]);
        let here = add(&mut store, "M. Bernard", Role::Head, &[]);
        store.disable_person(gone.id, at(0), (&by, None)).unwrap();
        let place = || (Machine::Mac("02:00:00:00:00:11".parse().unwrap()), None);
        store.begin_session(&[1; 32], (&here, "$first$", &Second::Nothing), place(), at(0)).unwrap();
        let (old, ahead) = (Tally::Device(None), Tally::Pair(NameHash::of(&here.name), None));
        let failures = |ms| Failures { count: 7, last: Some(at(ms)) };
        store.keep_failures(&[(old, failures(0)), (ahead, failures(900 * DAY_MS))], None).unwrap();

        store.forget_old(at(DAY_MS)).unwrap();
        assert_eq!(store.failures(old).unwrap(), failures(0));
        assert_eq!(store.failures(ahead).unwrap(), failures(DAY_MS), "it counts from now on");
        assert!(store.find_session(&[1; 32]).unwrap().is_some());
        store.forget_old(at(DAY_MS + 1)).unwrap();
        assert_eq!(store.failures(old).unwrap(), Failures::default());
        assert_eq!(store.find_session(&[1; 32]).unwrap(), None);
        store.forget_old(at(DISABLED_MS)).unwrap();
        assert_eq!(store.people().unwrap().len(), 2);
        store.forget_old(at(DISABLED_MS + 1)).unwrap();
        assert_eq!(store.people().unwrap(), std::slice::from_ref(&here));
        // Her name is free, her number is not.
        assert!(add(&mut store, "Mme Martin", Role::Teacher, &["CM2"]).id > here.id);
    }
}
