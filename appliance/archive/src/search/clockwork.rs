//! When records of a seal were made whose clock did not show it. What ties them to the true time stands in their own seal,
//! or in one soon after: it is read when the first record asks, seal by seal.

use std::cell::RefCell;

use journal::{ClockTie, Reckoning, Sequence};
use model::{ClockQuality, Timestamp, When};

/// What is known of the times of a seal's records.
pub(super) struct Clockwork<F>(RefCell<Known<F>>);

struct Known<F> {
    reckoning: Reckoning,
    /// The ties of the seal itself, of the one after it, and so on; then those that are not sealed.
    next: F,
}

impl<'t, F: FnMut() -> Option<&'t [ClockTie]>> Clockwork<F> {
    /// One that begins with what the log tells, and asks for more.
    pub(super) fn new(reckoning: Reckoning, next: F) -> Self {
        Self(RefCell::new(Known { reckoning, next }))
    }

    pub(super) fn when(&self, sequence: Sequence, at: Timestamp, clock: ClockQuality) -> When {
        let mut known = self.0.borrow_mut();
        while !known.reckoning.is_settled(sequence, at, clock) {
            let Some(ties) = (known.next)() else { break };
            known.reckoning.extend(ties);
        }
        known.reckoning.when(sequence, at, clock)
    }
}
