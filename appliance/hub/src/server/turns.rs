//! Whose turn it is at the files of boxes: neither a store that is slow nor a box that was stolen keeps all threads from those who ask the register
//! alone.
//!
//! Invariant: what holds a place goes with the work onto its thread: whoever hangs up meanwhile frees nothing before that is done.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::rt::time::timeout;
use actix_web::web;
use replication::Refusal;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::BLOCKING_THREADS;
use crate::register::BoxId;

/// Pieces of one box that are under way at once: the connection before may have been cut without a word.
const OF_ONE_MAX: u32 = 2;
/// Threads that are the register's, however many wait for the files.
const LEFT_TO_REGISTER: usize = 3;
/// Longest wait for a turn: a box that hears nothing for thirty seconds gives up, and the work takes its time as well.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who works at the files.
pub(super) struct Turns {
    at_files: Arc<Semaphore>,
    under_way: Mutex<BTreeMap<BoxId, u32>>,
}

/// A thread that may wait for the files; it is free again with its end.
pub(super) struct Turn {
    _permit: OwnedSemaphorePermit,
}

/// A piece of a box that is under way, up to its end.
pub(super) struct UnderWay {
    of: web::Data<Turns>,
    who: BoxId,
}

impl Default for Turns {
    fn default() -> Self {
        let threads = BLOCKING_THREADS.saturating_sub(LEFT_TO_REGISTER);
        Self { at_files: Arc::new(Semaphore::new(threads)), under_way: Mutex::default() }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut under_way = self.of.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let left = under_way.get(&self.who).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            under_way.remove(&self.who);
        } else {
            under_way.insert(self.who, left);
        }
    }
}

impl Turns {
    /// Waits until the files have a thread for one more.
    ///
    /// # Errors
    /// [`Refusal::TooOften`]: too many wait.
    pub(super) async fn take(&self) -> Result<Turn, Refusal> {
        match timeout(PATIENCE, Arc::clone(&self.at_files).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Turn { _permit: permit }),
            Ok(Err(_)) | Err(_) => Err(Refusal::TooOften),
        }
    }
}

/// Lets one more piece of a box in.
///
/// # Errors
/// [`Refusal::TooOften`]: it has enough of them under way.
pub(super) fn let_in(of: &web::Data<Turns>, who: BoxId) -> Result<UnderWay, Refusal> {
    let mut under_way = of.under_way.lock().unwrap_or_else(PoisonError::into_inner);
    let count = under_way.entry(who).or_default();
    if *count >= OF_ONE_MAX {
        return Err(Refusal::TooOften);
    }
    *count += 1;
    Ok(UnderWay { of: web::Data::clone(of), who })
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_box_has_two_pieces_under_way_and_another_one_its_own() {
        let turns = web::Data::new(Turns::default());
        let let_in = |who: u64| let_in(&turns, BoxId(who));
        let (first, _second) = (let_in(1).unwrap(), let_in(1).unwrap());
        assert!(matches!(let_in(1), Err(Refusal::TooOften)));
        assert!(let_in(2).is_ok());
        drop(first);
        let third = let_in(1).unwrap();
        assert!(let_in(1).is_err());
        drop(third);
        assert_eq!(turns.under_way.lock().unwrap().len(), 1, "who is done is forgotten");
    }

    #[actix_web::test]
    async fn a_store_that_hangs_leaves_threads_to_the_register() {
        let turns = Turns::default();
        let mut held = Vec::new();
        while let Some(turn) = turns.take().now_or_never() {
            held.push(turn.unwrap());
        }
        assert_eq!(held.len(), BLOCKING_THREADS - LEFT_TO_REGISTER);
        drop(held.pop());
        assert!(turns.take().await.is_ok());
    }
}
