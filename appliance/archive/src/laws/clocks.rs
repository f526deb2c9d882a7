//! What must hold for times: records that were made without the time get it when it is known, wherever they are kept by then,
//! and are found by it.

use journal::Query;
use model::{ClockQuality, Timestamp, When};

use super::fixture::{Asked, Box as Appliance, at};
use crate::{Hold, seals_that_may_have};

/// What the clock shows so many seconds after a start without the time.
fn unset(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(seconds * 1_000)
}

fn window(from: i64, to: i64) -> Query {
    Query { from: Some(at(from)), to: Some(at(to)), ..Query::default() }
}

/// When records were made, by a search for them all, and by one that asks for little more than each.
fn check(it: &Appliance, expected: &[(u64, When)]) {
    assert_eq!(it.find(&Query::default()), expected);
    for (number, when) in expected {
        let (When::Shown(time) | When::Reckoned(time)) = *when else { continue };
        let second = |by: i64| Some(Timestamp::from_unix_ms(time.unix_ms() + by));
        let exact = Query { from: second(0), to: second(1), ..Query::default() };
        assert!(it.find(&exact).contains(&(*number, *when)), "{number} is not found at {when:?}");
        let later = Query { from: second(1), ..Query::default() };
        assert!(!it.find(&later).contains(&(*number, *when)), "{number} is found after {when:?}");
    }
}

#[test]
fn a_tie_reaches_over_segments_and_seals() {
    let mut it = Appliance::new();
    // The first segment is begun on a day of the calendar; from the second on the clock begins anew.
    let first = it.record_unset(unset(10), Asked::dns(3, "early.fr"));
    let second = it.record_unset(unset(150), Asked::dns(3, "later.fr"));
    it.commit(unset(200));
    it.seal_by(ClockQuality::Unset, unset(200));
    let found = it.find(&Query::default());
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|(_, when)| matches!(when, When::Between(None, _))), "{found:?}");
    assert_eq!(
        it.find(&Query { to: Some(unset(20)), ..Query::default() }),
        found,
        "what it showed is nothing"
    );
    // In the next seal, and two more after the one of the records.
    it.set_clock(at(1_000), unset(300));
    let known = it.record(at(1_001), Asked::dns(3, "known.fr"));
    let expected = [
        (first, When::Reckoned(at(710))),
        (second, When::Reckoned(at(850))),
        (known, When::Shown(at(1_001))),
    ];
    check(&it, &expected);
    it.commit(at(1_100));
    it.seal(at(1_100));
    check(&it, &expected);
    assert_eq!(it.find(&window(700, 800)), expected[..1]);
    assert_eq!(it.find(&Query { to: Some(at(700)), ..Query::default() }), [], "not by what the clock showed");
    let report = it.verify();
    assert!(report.is_right(), "{report}");
}

/// A box that was switched off before the time came: the days around it say when it was at most.
#[test]
fn a_record_that_nothing_ties_is_in_every_window_that_the_log_leaves_open() {
    let mut it = Appliance::new();
    let before = it.record(at(10), Asked::dns(3, "before.fr"));
    it.commit(at(100));
    it.seal(at(100));
    let lost = it.record_unset(unset(10), Asked::dns(3, "lost.fr"));
    it.commit(unset(110));
    let when = When::Between(Some(at(10)), None);
    assert_eq!(
        it.find(&Query { from: Some(at(50_000)), ..Query::default() }),
        [(lost, when)],
        "until it is sealed"
    );
    it.seal(at(300));
    let after = it.record(at(400), Asked::dns(3, "after.fr"));
    it.commit(at(500));
    it.seal(at(500));
    let when = When::Between(Some(at(10)), Some(at(300)));
    check(&it, &[(before, When::Shown(at(10))), (lost, when), (after, When::Shown(at(400)))]);
    assert_eq!(it.find(&window(200, 250)), [(lost, when)]);
    assert_eq!(it.find(&window(301, 500)), [(after, When::Shown(at(400)))]);
    assert_eq!(it.find(&window(-900, 5)), []);
    let seals =
        |query: &Query| seals_that_may_have(&it.log, query).map(|seal| seal.number).collect::<Vec<_>>();
    assert_eq!(seals(&window(200, 250)), [2]);
    assert_eq!(seals(&window(301, 500)), [3]);
    // A hold goes by the same, and holds besides what a time server's clock may have shown wrongly: all, in a log of minutes,
    // which confirms no clock.
    let hold = |from, to| Hold {
        from: Some(at(from)),
        to: Some(at(to)),
        device: None,
        author: "Mme Martin".parse().unwrap(),
        reason: "réquisition".parse().unwrap(),
    };
    let held = |hold: &Hold| {
        let bounds = |number| crate::Bounds::of(it.log.leaves(), number, at(900));
        let seals = it.log.seals().filter(|seal| hold.covers(seal, &bounds(seal.number)));
        seals.map(|seal| seal.number).collect::<Vec<_>>()
    };
    assert_eq!(held(&hold(200, 250)), [1, 2, 3]);
    assert_eq!(held(&hold(301, 500)), [1, 2, 3]);
}

/// A clock that somebody set wrong by hand.
#[test]
fn what_a_clock_on_its_own_shows_counts_where_it_is_possible() {
    let mut it = Appliance::new();
    let first = it.record(at(10), Asked::dns(3, "first.fr"));
    it.commit(at(100));
    it.seal(at(100));
    let alone = ClockQuality::Unsynchronised;
    let right = it.record_by(alone, at(120), Asked::dns(3, "right.fr"));
    let wrong = it.record_by(alone, at(9_000), Asked::dns(3, "wrong.fr"));
    it.commit(at(9_100));
    it.seal(at(300));
    let between = When::Between(Some(at(10)), Some(at(300)));
    check(&it, &[(first, When::Shown(at(10))), (right, When::Shown(at(120))), (wrong, between)]);
    assert_eq!(it.find(&window(110, 130)), [(right, When::Shown(at(120))), (wrong, between)]);
    assert_eq!(it.find(&window(8_000, 10_000)), []);
}
