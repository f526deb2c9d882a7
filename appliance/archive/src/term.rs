//! When the time of what is sealed is over, and how its deletion stands to that.

use std::collections::BTreeSet;

use model::{ClockQuality, Timestamp};

use crate::bounds::{Bounds, Chronicle};
use crate::leaf::Leaf;
use crate::log::Log;
use crate::retention::{DAY_MS, Field, Retention};
use crate::seal::Seal;
use crate::statement::{Fact, Hold, Promptness};

/// Later than this is late: a night, and one in which the box was busy.
pub(crate) const DELETED_WITHIN_DAYS: u32 = 2;
const ON_TIME_MS: i64 = DELETED_WITHIN_DAYS as i64 * DAY_MS;
/// How long a shorter number has to stand before what is sealed already goes by it: a week in which somebody may see it.
pub const SETTLED_DAYS: u32 = 7;
/// A box that was off says so for this long: meanwhile its clock may have been in doubt.
const BACK_MS: i64 = 7 * DAY_MS;

/// A sealed file whose time is over.
#[derive(Clone, Copy, Debug)]
pub struct Due<'l> {
    /// Its seal.
    pub seal: &'l Seal,
    /// Which of its files.
    pub field: Field,
    /// How many days it was to be kept.
    pub days: u32,
    /// When they were over.
    pub at: Timestamp,
}

/// When the days of a file are over; `None` where nobody knows yet when its records were made.
#[must_use]
pub fn due(bounds: &Bounds, seal: &Seal, days: u32) -> Option<Timestamp> {
    let latest = seal.times.map(|(_, latest)| latest);
    Some(after(bounds.reckon(latest, seal.clocks)?, days))
}

/// The moment so many days after another.
#[must_use]
pub fn after(at: Timestamp, days: u32) -> Timestamp {
    Timestamp::from_unix_ms(at.unix_ms().saturating_add(i64::from(days) * DAY_MS))
}

/// The files whose time is over, that are not deleted and that nobody holds; oldest first.
#[must_use]
pub fn list_due(log: &Log, now: Timestamp) -> Vec<Due<'_>> {
    let (expiries, holds) = (log.expiries(), log.holds());
    let chronicle = Chronicle::new(log.leaves(), now);
    let retention = settled(log.leaves(), &chronicle, now);
    let mut files = Vec::new();
    for seal in log.seals() {
        if seal.is_deleted(&expiries) {
            continue;
        }
        let bounds = chronicle.bounds(seal.number);
        if holds.values().any(|(_, hold)| hold.covers(seal, &bounds)) {
            continue;
        }
        for (field, _, _) in seal.files() {
            let days = log.days_kept(seal.number, field, &retention);
            let over = due(&bounds, seal, days).filter(|at| *at <= now);
            if let Some(at) = over.filter(|_| !expiries.contains_key(&(seal.number, field))) {
                files.push(Due { seal, field, days, at });
            }
        }
    }
    files
}

/// How long what is sealed already is kept: a shorter number is for it only once it has stood for days, a longer one at once. A slip of
/// the pen must not delete a year in the night after it.
pub fn settled<'l>(
    leaves: impl Iterator<Item = &'l Leaf>,
    chronicle: &Chronicle,
    now: Timestamp,
) -> Retention {
    let policies = leaves.filter_map(Leaf::statement).filter_map(|it| Some((it.number, it.policy()?)));
    policies.fold(Retention::default(), |settled, (number, policy)| {
        let entered = chronicle.bounds(number).not_after();
        let has_stood = entered.is_some_and(|at| after(at, SETTLED_DAYS) <= now);
        if has_stood { policy.retention } else { settled.longest(&policy.retention) }
    })
}

/// How a deletion at `now` stands to the time when it was due, by the leaves before it.
pub fn promptness<'l>(
    leaves: impl Iterator<Item = &'l Leaf> + Clone,
    covers: impl Fn(&Hold) -> bool,
    due: Timestamp,
    now: Timestamp,
) -> Promptness {
    if late_by(due, now) <= ON_TIME_MS {
        return Promptness::OnTime;
    }
    if was_held(&leaves, covers, due) {
        return Promptness::Held;
    }
    let back = back_at(leaves, due, now);
    let was_off = late_by(due, back) > ON_TIME_MS && late_by(back, now) <= BACK_MS;
    if was_off { Promptness::Off } else { Promptness::Late }
}

/// When the box was on again after something was due: by clocks that a time server disciplined. A clock on its own may be years ahead, and
/// counts where there is no other: a box that never finds a time server was not off. What shows a time that is still to come is wrong.
fn back_at<'l>(leaves: impl Iterator<Item = &'l Leaf>, due: Timestamp, now: Timestamp) -> Timestamp {
    let set = leaves.map(Leaf::made).filter(|(_, clock)| *clock != ClockQuality::Unset);
    let since = set.filter(|(made, _)| (due..=now).contains(made));
    let first = since.min_by_key(|(made, clock)| (*clock != ClockQuality::Synchronised, *made));
    first.map_or(now, |(made, _)| made)
}

/// Whether a hold was in force when something was due.
fn was_held<'l>(
    leaves: &(impl Iterator<Item = &'l Leaf> + Clone),
    covers: impl Fn(&Hold) -> bool,
    due: Timestamp,
) -> bool {
    let facts = || leaves.clone().filter_map(Leaf::statement);
    let lifted: BTreeSet<u64> = facts()
        .filter_map(|statement| match &statement.fact {
            Fact::Lift(lift) => Some(lift.hold).filter(|_| statement.at < due),
            Fact::Hold(_)
            | Fact::Expiry(_)
            | Fact::Unsealed(_)
            | Fact::Policy(_)
            | Fact::Approval(_)
            | Fact::Readers(_)
            | Fact::Clock => None,
        })
        .collect();
    facts().any(|statement| match &statement.fact {
        Fact::Hold(hold) => !lifted.contains(&statement.number) && covers(hold),
        Fact::Lift(_)
        | Fact::Expiry(_)
        | Fact::Unsealed(_)
        | Fact::Policy(_)
        | Fact::Approval(_)
        | Fact::Readers(_)
        | Fact::Clock => false,
    })
}

fn late_by(due: Timestamp, at: Timestamp) -> i64 {
    at.unix_ms().saturating_sub(due.unix_ms())
}
