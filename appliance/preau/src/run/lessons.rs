//! The lessons as the running box keeps them: those that run are a part of the policy, and end at their minute.
//!
//! A lesson only narrows, so it waits for no record: its acts are kept in the transaction that begins, changes or ends it, and
//! the journal has them a moment later. Where it takes none, the web is closed in any case.

use access::Instant;
use model::Lesson;
use store::{Store, StoreError};

/// The lessons whose end is not noted yet.
#[derive(Default)]
pub(crate) struct Lessons {
    open: Vec<Lesson>,
    /// Those that the policy had at the last look; `None` before the first one.
    in_force: Option<Vec<Lesson>>,
    is_failure_told: bool,
}

impl Lessons {
    /// What the store says now.
    pub(crate) fn replace(&mut self, open: Vec<Lesson>) {
        self.open = open;
    }

    /// Those that belong to the policy; whether one runs at a time is told by the time.
    pub(crate) fn open(&self) -> &[Lesson] {
        &self.open
    }

    /// Ends the lessons whose time is up. Returns whether others belong to the policy than after the last time: the first time,
    /// always.
    pub(crate) fn keep(&mut self, store: &mut Store, now: Instant) -> bool {
        if let Some(now) = now.plausible() {
            // Those that ended are read with the next look. Until then, and also where this fails, the time ends them.
            let outcome = store.lapse_lessons(now).map(drop);
            self.tell(outcome);
        }
        if self.in_force.as_ref() == Some(&self.open) {
            return false;
        }
        self.in_force = Some(self.open.clone());
        true
    }

    /// A failure is told once, until all is well again.
    fn tell(&mut self, outcome: Result<(), StoreError>) {
        let is_told = std::mem::replace(&mut self.is_failure_told, outcome.is_err());
        if let Err(error) = outcome
            && !is_told
        {
            let error = anyhow::Error::from(error);
            tracing::error!("lessons that are over are not noted as such: {error:#}");
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{ClockQuality, InternetMode, LessonSettings, NewLesson, Timestamp};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms((1_795_422_600 + seconds) * 1_000)
    }

    fn instant(seconds: i64, quality: ClockQuality) -> Instant {
        Instant { at: at(seconds), quality }
    }

    #[test]
    fn a_lesson_ends_by_itself_and_the_policy_follows_each_change_once() {
        use ClockQuality::{Synchronised, Unset};
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("state.sqlite")).unwrap();
        let mut lessons = Lessons::default();
        let mut look = |store: &mut Store, now: Instant| {
            lessons.replace(store.open_lessons().unwrap());
            (lessons.keep(store, now), lessons.open().len())
        };
        assert_eq!(look(&mut store, instant(0, Synchronised)), (true, 0), "the first look");
        let settings = LessonSettings { until: at(60), internet: InternetMode::Closed, is_wifi_on: true };
        let (teacher, room) = ("Mme Martin".parse().unwrap(), "CM2".parse().unwrap());
        let new = NewLesson::new(teacher, room, at(0), settings).unwrap();
        store.start_lesson(new, None, None, Synchronised).unwrap();
        assert_eq!(look(&mut store, instant(1, Synchronised)), (true, 1));
        assert_eq!(look(&mut store, instant(59, Synchronised)), (false, 1));
        // Who knows what time it is.
        assert_eq!(look(&mut store, instant(9_999, Unset)), (false, 1));
        assert_eq!(look(&mut store, instant(60, Synchronised)), (false, 1));
        assert_eq!(look(&mut store, instant(60, Synchronised)), (true, 0));
        let deeds: Vec<_> =
            store.waiting_person_acts(9).unwrap().iter().map(|it| it.act.deed.as_str()).collect();
        assert_eq!(deeds, ["start-lesson", "end-lesson"]);
    }
}
