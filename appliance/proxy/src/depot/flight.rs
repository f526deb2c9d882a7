//! Requests for the same thing at the same time: one goes, the others wait for what it brings.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// What became of a request that others waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is not known yet.
    Pending,
    /// Look again: it is there now, or somebody else should try.
    Again,
    /// What came is for nobody but the one who asked.
    Alone,
}

/// Requests on their way, by what they are for.
#[derive(Default)]
pub(crate) struct Flights(Mutex<HashMap<u128, watch::Receiver<Outcome>>>);

/// How a request joins.
pub(crate) enum Boarding {
    /// It goes, and tells the others.
    Leader(Landing),
    /// It waits.
    Follower(watch::Receiver<Outcome>),
}

/// The duty to tell the others; dropped, it tells them to look again.
pub(crate) struct Landing {
    flights: Arc<Flights>,
    name: u128,
    told: watch::Sender<Outcome>,
}

impl Flights {
    pub(crate) fn board(self: &Arc<Self>, name: u128) -> Boarding {
        let mut flights = self.lock();
        if let Some(waiting) = flights.get(&name) {
            return Boarding::Follower(waiting.clone());
        }
        let (told, waiting) = watch::channel(Outcome::Pending);
        flights.insert(name, waiting);
        Boarding::Leader(Landing { flights: Arc::clone(self), name, told })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u128, watch::Receiver<Outcome>>> {
        // Entries come and go whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Landing {
    /// Tells the others.
    pub(crate) fn tell(self, outcome: Outcome) {
        self.told.send_replace(outcome);
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.name);
        self.told.send_if_modified(|outcome| {
            let is_untold = *outcome == Outcome::Pending;
            if is_untold {
                *outcome = Outcome::Again;
            }
            is_untold
        });
    }
}

/// Waits for the one who went.
pub(crate) async fn await_landing(mut waiting: watch::Receiver<Outcome>) -> Outcome {
    let outcome = waiting.wait_for(|outcome| *outcome != Outcome::Pending).await;
    outcome.map_or(Outcome::Again, |outcome| *outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_goes_and_the_others_hear_of_it() {
        let flights = Arc::new(Flights::default());
        for outcome in [Outcome::Again, Outcome::Alone] {
            let Boarding::Leader(landing) = flights.board(1) else { panic!("nobody went") };
            let Boarding::Follower(waiting) = flights.board(1) else { panic!("two went") };
            let Boarding::Leader(_other) = flights.board(2) else { panic!("another thing") };
            landing.tell(outcome);
            assert_eq!(await_landing(waiting).await, outcome);
        }
    }

    #[tokio::test]
    async fn one_who_gives_up_leaves_it_to_the_next() {
        let flights = Arc::new(Flights::default());
        let Boarding::Leader(landing) = flights.board(1) else { panic!("nobody went") };
        let Boarding::Follower(waiting) = flights.board(1) else { panic!("two went") };
        drop(landing);
        assert_eq!(await_landing(waiting).await, Outcome::Again);
        assert!(matches!(flights.board(1), Boarding::Leader(_)));
    }
}
