//! What changes with the time.

use std::collections::BTreeSet;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use super::school::{at, device, host, profile, say_at, snapshot};
use crate::{Calendar, Days, Holidays, Hours, Mode, Profile, Rulebook, Season};

fn hours(from: &str, to: &str) -> Hours {
    Hours {
        days: Days::ALL,
        season: Season::Always,
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        mode: None,
        refused: BTreeSet::new(),
        released: BTreeSet::new(),
    }
}

fn categories(names: &[&str]) -> BTreeSet<model::Category> {
    names.iter().map(|text| text.parse().unwrap()).collect()
}

fn school(hours: Vec<Hours>) -> Rulebook {
    let christmas = Holidays::new("2026-12-19".parse().unwrap(), "2027-01-03".parse().unwrap()).unwrap();
    Rulebook {
        profiles: vec![Profile { hours, ..profile("elementaire", &["games"]) }],
        calendar: Calendar::new(TimeZone::get("Europe/Paris").unwrap(), vec![christmas]),
        ..Rulebook::default()
    }
}

fn check(rulebook: &Rulebook, cases: &[(Option<&str>, &str, &str)]) {
    let snapshot = snapshot(rulebook);
    for (now, asked, expected) in cases {
        let said = say_at(&snapshot, device("elementaire"), host(asked), now.map(at));
        assert_eq!(said, *expected, "{now:?} {asked}");
    }
}

#[test]
fn categories_open_and_close_by_the_schools_clock() {
    let noon = Hours { released: categories(&["games"]), ..hours("12:00", "13:30") };
    let lesson = Hours { refused: categories(&["gambling"]), ..hours("08:30", "11:30") };
    check(
        &school(vec![noon, lesson]),
        &[
            (Some("2026-11-24T10:59:59Z"), "games.example", "refuse games games.example"),
            (Some("2026-11-24T11:00:00Z"), "games.example", "permit"),
            (Some("2026-11-24T12:29:59Z"), "games.example", "permit"),
            (Some("2026-11-24T12:30:00Z"), "games.example", "refuse games games.example"),
            (Some("2026-11-24T08:00:00Z"), "casino.example", "refuse gambling casino.example"),
            (Some("2026-11-24T11:00:00Z"), "casino.example", "permit"),
            // In summer the same clock is an hour earlier in the world.
            (Some("2026-06-23T09:59:59Z"), "games.example", "refuse games games.example"),
            (Some("2026-06-23T10:00:00Z"), "games.example", "permit"),
            // Without a clock nothing is opened.
            (None, "games.example", "refuse games games.example"),
        ],
    );
}

#[test]
fn the_night_and_the_holidays_are_closed() {
    let night = |from, to| Hours { mode: Some(Mode::Closed), ..hours(from, to) };
    let holidays = Hours { season: Season::Holidays, ..night("00:00", "24:00") };
    let weekend =
        Hours { days: [Weekday::Saturday, Weekday::Sunday].into_iter().collect(), ..night("00:00", "24:00") };
    check(
        &school(vec![night("18:00", "24:00"), night("00:00", "07:00"), holidays, weekend]),
        &[
            (Some("2026-11-24T16:59:59Z"), "other.example", "permit"),
            (Some("2026-11-24T17:00:00Z"), "other.example", "refuse closed-hours"),
            (Some("2026-11-24T23:30:00Z"), "other.example", "refuse closed-hours"),
            (Some("2026-11-25T06:00:00Z"), "other.example", "permit"),
            (Some("2026-11-28T09:00:00Z"), "other.example", "refuse closed-hours"),
            (Some("2026-12-18T09:00:00Z"), "other.example", "permit"),
            (Some("2026-12-21T09:00:00Z"), "other.example", "refuse closed-hours"),
            (Some("2027-01-04T09:00:00Z"), "other.example", "permit"),
        ],
    );
}

/// On the night of the change back, the hour from two to three happens twice; on the other one never.
#[test]
fn the_changes_of_the_clock() {
    let small_hours = Hours { mode: Some(Mode::Closed), ..hours("02:00", "03:00") };
    check(
        &school(vec![small_hours]),
        &[
            (Some("2026-10-24T23:59:00Z"), "other.example", "permit"),
            (Some("2026-10-25T00:00:00Z"), "other.example", "refuse closed-hours"),
            (Some("2026-10-25T01:59:00Z"), "other.example", "refuse closed-hours"),
            (Some("2026-10-25T02:00:00Z"), "other.example", "permit"),
            (Some("2026-03-29T00:59:00Z"), "other.example", "permit"),
            (Some("2026-03-29T01:00:00Z"), "other.example", "permit"),
        ],
    );
}
