//! What the program complains of, counted by the place in it: for whoever helps from afar. What was said stays in the
//! machine's log: it may name a device or a site.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::Timestamp;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::condition::Complaint;

/// Most places that are kept: the program has fewer that warn.
const PLACES_MAX: usize = 256;

/// The places that have complained.
#[derive(Clone, Default)]
pub(crate) struct Complaints(Arc<Mutex<Places>>);

type Places = BTreeMap<(&'static str, u32), (Level, u64, Timestamp)>;

impl Complaints {
    /// All of them, in the order of the places.
    pub(crate) fn list(&self) -> Vec<Complaint> {
        let places = self.lock();
        let list = places.iter().map(|((module, line), (level, count, last))| Complaint {
            level: level.to_string(),
            place: format!("{module}:{line}"),
            count: *count,
            last_ms: last.unix_ms(),
        });
        list.collect()
    }

    fn note(&self, place: (&'static str, u32), level: Level, at: Timestamp) {
        let mut places = self.lock();
        if places.len() >= PLACES_MAX && !places.contains_key(&place) {
            return;
        }
        let (_, count, last) = places.entry(place).or_insert((level, 0, at));
        *count = count.saturating_add(1);
        *last = at;
    }

    /// An entry is right at every moment, so all are right even after a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for Complaints {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() <= Level::WARN {
            let place = (metadata.module_path().unwrap_or("?"), metadata.line().unwrap_or(0));
            self.note(place, *metadata.level(), system::clock::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn a_place_is_counted_and_what_it_said_is_not_kept() {
        let complaints = Complaints::default();
        let subscriber = tracing_subscriber::registry().with(complaints.clone());
        tracing::subscriber::with_default(subscriber, || {
            for name in ["CM2-04", "canari"] {
                tracing::warn!(name, "the device {name} is not well");
            }
            tracing::info!("all is well");
            tracing::error!("nothing is well");
        });
        let list = complaints.list();
        let told: Vec<_> = list.iter().map(|it| (it.level.as_str(), it.count)).collect();
        assert_eq!(told, [("WARN", 2), ("ERROR", 1)]);
        let text = format!("{list:?}");
        assert!(text.contains("preau::run::complaints::tests:") && !text.contains("canari"), "{text}");
    }

    #[test]
    fn there_are_never_more_places_than_the_limit() {
        let (complaints, at) = (Complaints::default(), Timestamp::from_unix_ms(1));
        for line in 0..u32::try_from(PLACES_MAX).unwrap() + 9 {
            complaints.note(("module", line), Level::WARN, at);
        }
        complaints.note(("module", 0), Level::WARN, at);
        let list = complaints.list();
        assert_eq!((list.len(), list[0].count), (PLACES_MAX, 2));
    }
}
