//! Once a day, what is old is forgotten: by a clock that is right only.

use access::Instant;
use model::{ClockQuality, Timestamp};
use store::Store;

/// How often: what is kept for a day is kept for two at most.
const PERIOD_MS: u64 = 24 * 3_600_000;

/// When something was forgotten last. A box that starts begins with it.
#[derive(Default)]
pub(crate) struct Forgetting {
    last: Option<Timestamp>,
}

impl Forgetting {
    /// Forgets what is old, when it is time.
    pub(crate) fn keep(&mut self, store: &mut Store, now: Instant) {
        let is_due = self.last.is_none_or(|last| now.at < last || now.at.ms_since(last) >= PERIOD_MS);
        if !is_due || now.quality != ClockQuality::Synchronised {
            return;
        }
        self.last = Some(now.at);
        if let Err(error) = store.forget_old(now.at) {
            let error = anyhow::Error::from(error);
            tracing::error!("what is old about people is not forgotten before tomorrow: {error:#}");
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{Failures, Role};
    use store::{NewPerson, Tally};

    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn a_day_is_a_day_by_a_clock_that_is_right() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("state.sqlite")).unwrap();
        let at = |hours: i64| Timestamp::from_unix_ms(1_795_422_600_000 + hours * HOUR_MS);
        let mut forgetting = Forgetting::default();
        let mut look = |store: &mut Store, hours: i64, quality| {
            forgetting.keep(store, Instant { at: at(hours), quality });
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
}
