//! All attacks of a run, some at a time, none in a hurry.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use selftest::{Attack, Seen};

use super::attacker::{Sources, perform};
use crate::clock::monotonic;

/// Attacks that are made at once: one that meets silence must not hold up all others, and no pupil is to notice them.
const AT_ONCE: usize = 4;
/// Between two actions of one attack: fifty a second at most, a quarter of what a device may ask for.
const BETWEEN_ACTIONS: Duration = Duration::from_millis(20);
/// A run that is not over then ends: what was not tried is not tested.
const DURATION_MAX: Duration = Duration::from_mins(10);

/// Carries out the attacks, and says what was seen of each, in their order. What there was no time for is missing at the
/// end of an attack's part. To be called where the attacks shall come from: its threads are in the same namespace.
#[must_use]
pub fn carry_out(attacks: &[Attack], sources: Sources) -> Vec<Vec<Seen>> {
    let until = monotonic() + DURATION_MAX;
    let next = AtomicUsize::new(0);
    let seen = Mutex::new(vec![Vec::new(); attacks.len()]);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(attack) = attacks.get(number) else { break };
                    let found = attempt(attack, sources, until);
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(place) = seen.get_mut(number) {
                        *place = found;
                    }
                }
            });
        }
    });
    seen.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn attempt(attack: &Attack, sources: Sources, until: Instant) -> Vec<Seen> {
    let mut seen = Vec::new();
    for action in attack.actions() {
        if monotonic() >= until {
            break;
        }
        seen.push(perform(action, attack.sender, sources));
        thread::sleep(BETWEEN_ACTIONS);
    }
    seen
}
