//! All attacks of a run, some at a time, none in a hurry.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use selftest::{Attack, Family, Seen};

use super::attacker::{Sources, perform};
use crate::clock::monotonic;

/// Attacks that are made at once: one that meets silence must not hold up all others, and no pupil is to notice them.
const AT_ONCE: usize = 4;
/// Between two actions of one attack: fifty a second at most, a quarter of what a device may ask for.
const BETWEEN_ACTIONS: Duration = Duration::from_millis(20);
/// A run that is not over then ends: what was not tried is not tested.
const DURATION_MAX: Duration = Duration::from_mins(10);

/// Carries out the attacks, and says what was seen of each, in their order. What there was no time for is missing at the
/// end of an attack's part. Where even what must pass meets nothing but silence ([`is_dead`]), nothing else is tried. To be
/// called where the attacks shall come from: its threads are in the same namespace.
#[must_use]
pub fn carry_out(attacks: &[Attack], sources: Sources) -> Vec<Vec<Seen>> {
    let until = monotonic() + DURATION_MAX;
    let controls = attacks.iter().take_while(|attack| attack.family == Family::Control).count();
    let (controls, others) = attacks.split_at(controls);
    let mut seen = carry_out_all(controls, sources, until);
    if is_dead(&seen) {
        seen.resize(attacks.len(), Vec::new());
    } else {
        seen.extend(carry_out_all(others, sources, until));
    }
    seen
}

/// Whether something was tried, and nothing at all came back: nobody is there.
#[must_use]
pub fn is_dead(seen: &[Vec<Seen>]) -> bool {
    let mut seen = seen.iter().flatten().peekable();
    seen.peek().is_some() && seen.all(|seen| *seen == Seen::Silence)
}

fn carry_out_all(attacks: &[Attack], sources: Sources, until: Instant) -> Vec<Vec<Seen>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wire_is_dead_where_nothing_at_all_comes_back() {
        for (seen, expected) in [
            (vec![], false),
            (vec![vec![], vec![]], false),
            (vec![vec![Seen::Silence], vec![], vec![Seen::Silence, Seen::Silence]], true),
            (vec![vec![Seen::Silence], vec![Seen::Rejected]], false),
            (vec![vec![Seen::NoWay]], false),
        ] {
            assert_eq!(is_dead(&seen), expected, "{seen:?}");
        }
    }
}
