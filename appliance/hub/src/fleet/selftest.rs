//! What there is to say of the self-test of a school's filter.

use model::Timestamp;
use replication::SelftestHealth;

use super::{DAY_MS, Finding};

/// Days without a self-test that is over: one is made each night.
const OLD_DAYS: i64 = 3;
/// Days in which self-tests may come to nothing: one that is cut is made again the next night.
const UNPROVEN_DAYS: i64 = 2;
/// Days after which a way around the filter that is open is red: somebody has had time to look.
const OPEN_DAYS_RED: i64 = 3;

/// Judges what a box told of its last self-test when it was heard of.
pub(super) fn judge(health: &SelftestHealth, seen: Timestamp) -> Vec<Finding> {
    let days_since = |at: i64| seen.unix_ms().saturating_sub(at) / DAY_MS;
    let since_ms = health.since_ms.unwrap_or(health.at_ms);
    let (since, days) = (Timestamp::from_unix_ms(since_ms), days_since(since_ms));
    let came = match health.outcome.as_str() {
        SelftestHealth::CLOSED => None,
        SelftestHealth::OPEN => {
            Some(Finding::Open { failed: health.failed, since, is_long: days >= OPEN_DAYS_RED })
        }
        _ => (days >= UNPROVEN_DAYS).then_some(Finding::Untested(since)),
    };
    let age = days_since(health.at_ms);
    came.into_iter().chain((age >= OLD_DAYS).then_some(Finding::Selftest(age))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::history::Level;

    const SEEN: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);

    fn ago(days: i64) -> i64 {
        SEEN.unix_ms() - days * DAY_MS
    }

    #[test]
    fn a_way_around_is_amber_and_red_once_it_stays() {
        let check = |outcome: &str, at_days: i64, since_days: Option<i64>, expected: &[(&str, Level)]| {
            let health = SelftestHealth {
                at_ms: ago(at_days),
                outcome: outcome.to_owned(),
                since_ms: since_days.map(ago),
                failed: 2,
                ..SelftestHealth::default()
            };
            let found = judge(&health, SEEN);
            let found: Vec<_> = found.iter().map(|finding| (finding.name(), finding.level())).collect();
            assert_eq!(found, expected, "{outcome} {at_days} {since_days:?}");
        };
        check("closed", 0, None, &[]);
        check("closed", 2, None, &[]);
        check("closed", 3, None, &[("selftest", Level::Amber)]);
        check("open", 0, Some(0), &[("open", Level::Amber)]);
        check("open", 0, None, &[("open", Level::Amber)]);
        check("open", 1, Some(2), &[("open", Level::Amber)]);
        check("open", 0, Some(3), &[("open", Level::Red)]);
        check("open", 9, Some(9), &[("open", Level::Red), ("selftest", Level::Amber)]);
        check("cut", 0, Some(1), &[]);
        check("cut", 0, Some(2), &[("untested", Level::Amber)]);
        check("unproven", 1, Some(4), &[("untested", Level::Amber)]);
        // A box whose clock is ahead: its clock is told, and not an age of less than nothing.
        check("closed", -9, None, &[]);
    }
}
