//! Times as people type them.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Zoned};
use model::Timestamp;

/// A text that is no time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time: write 2026-11-23, '2026-11-23 09:30' or 2026-11-23T09:30:00+01:00")]
pub(crate) struct TimeError(String);

/// The moment that a text names; for a date its first.
pub(crate) fn parse_start(text: &str, zone: &TimeZone) -> Result<Timestamp, TimeError> {
    parse(text, zone, Span::new())
}

/// The moment before which things lie that are "until" a text; for a date the first of the next day.
pub(crate) fn parse_end(text: &str, zone: &TimeZone) -> Result<Timestamp, TimeError> {
    parse(text, zone, Span::new().days(1))
}

/// The end that a text names; for a time of day today's.
pub(crate) fn parse_coming(text: &str, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, TimeError> {
    let of_today = || {
        let time = text.trim().parse::<Time>().ok().filter(|_| text.trim().len() == "16:30".len())?;
        let today = jiff::Timestamp::from_millisecond(now.unix_ms()).ok()?.to_zoned(zone.clone()).date();
        Some(today.to_datetime(time).to_zoned(zone.clone()).ok()?.timestamp())
    };
    match of_today() {
        Some(time) => Ok(Timestamp::from_unix_ms(time.as_millisecond())),
        None => parse_end(text, zone),
    }
}

/// The day that a moment is in: its first moment, and that of the next.
pub(crate) fn day_of(at: Timestamp, zone: &TimeZone) -> (Timestamp, Timestamp) {
    let bounds = || {
        let start = jiff::Timestamp::from_millisecond(at.unix_ms())?.to_zoned(zone.clone()).start_of_day()?;
        let end = start.tomorrow()?.start_of_day()?;
        Ok::<_, jiff::Error>(
            [start, end].map(|time| Timestamp::from_unix_ms(time.timestamp().as_millisecond())),
        )
    };
    // A time that no calendar has is in no day.
    let [start, end] = bounds().unwrap_or([at, at]);
    (start, end)
}

/// The last full hour before a moment. By UTC: no zone of a French school is off by less than half an hour, and what is counted up
/// to here stays the same for an hour in any case.
pub(crate) fn last_hour(at: Timestamp) -> Timestamp {
    const HOUR_MS: i64 = 3_600_000;
    Timestamp::from_unix_ms(at.unix_ms().div_euclid(HOUR_MS).saturating_mul(HOUR_MS))
}

/// Whether a moment is the first of a day.
pub(crate) fn is_midnight(at: Timestamp, zone: &TimeZone) -> bool {
    let time = jiff::Timestamp::from_millisecond(at.unix_ms()).map(|at| at.to_zoned(zone.clone()));
    time.is_ok_and(|time| time.start_of_day().is_ok_and(|start| start == time))
}

/// A moment as the school's clock shows it.
pub(crate) fn write(at: Timestamp, zone: &TimeZone) -> String {
    let at = jiff::Timestamp::from_millisecond(at.unix_ms()).unwrap_or_default();
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

fn parse(text: &str, zone: &TimeZone, after_date: Span) -> Result<Timestamp, TimeError> {
    read(text.trim(), zone, after_date)
        .map(|time| Timestamp::from_unix_ms(time.as_millisecond()))
        .ok_or_else(|| TimeError(text.to_owned()))
}

fn read(text: &str, zone: &TimeZone, after_date: Span) -> Option<jiff::Timestamp> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time);
    }
    if text.contains('[') {
        return text.parse::<Zoned>().ok().map(|time| time.timestamp());
    }
    // A `Z` or an offset that did not parse above must not be passed over in silence.
    if text.bytes().any(|byte| matches!(byte, b'Z' | b'z' | b'+')) {
        return None;
    }
    let civil = if text.contains([' ', 'T', 't', ':']) {
        text.parse::<DateTime>().ok()?
    } else {
        text.parse::<Date>().ok()?.checked_add(after_date).ok()?.to_datetime(Time::midnight())
    };
    Some(civil.to_zoned(zone.clone()).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(parse: fn(&str, &TimeZone) -> Result<Timestamp, TimeError>, text: &str, expected: &str) {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let time = parse(text, &zone).unwrap().unix_ms();
        assert_eq!(jiff::Timestamp::from_millisecond(time).unwrap().to_string(), expected, "{text}");
    }

    #[test]
    fn times_in_the_zone_of_the_school() {
        check(parse_start, "2026-11-23", "2026-11-22T23:00:00Z");
        check(parse_start, "2026-07-14", "2026-07-13T22:00:00Z");
        check(parse_start, "2026-11-23 09:30", "2026-11-23T08:30:00Z");
        check(parse_start, " 2026-11-23T09:30:15.250 ", "2026-11-23T08:30:15.25Z");
        check(parse_start, "2026-11-23T09:30:00Z", "2026-11-23T09:30:00Z");
        check(parse_start, "2026-11-23 09:30:00+01:00", "2026-11-23T08:30:00Z");
        check(parse_start, "2026-11-23T09:30:00-05:00", "2026-11-23T14:30:00Z");
    }

    #[test]
    fn until_a_date_is_until_its_end() {
        check(parse_end, "2026-11-23", "2026-11-23T23:00:00Z");
        check(parse_end, "2026-10-25", "2026-10-25T23:00:00Z");
        check(parse_end, "2026-11-23 09:30", "2026-11-23T08:30:00Z");
    }

    #[test]
    fn a_time_of_day_is_todays() {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        // 00:30 on the 24th in Paris, still the 23rd in London.
        let now = parse_start("2026-11-24 00:30", &zone).unwrap();
        let check = |text: &str, expected: &str| {
            let time = parse_coming(text, &zone, now).unwrap().unix_ms();
            assert_eq!(jiff::Timestamp::from_millisecond(time).unwrap().to_string(), expected, "{text}");
        };
        check("16:30", "2026-11-24T15:30:00Z");
        check(" 00:15 ", "2026-11-23T23:15:00Z");
        check("2026-11-25 16:30", "2026-11-25T15:30:00Z");
        check("2026-11-25", "2026-11-25T23:00:00Z");
        for text in ["16", "4pm", "25:00", "16:3"] {
            assert!(parse_coming(text, &zone, now).is_err(), "{text}");
        }
    }

    #[test]
    fn other_texts_say_what_is_accepted() {
        for text in
            ["", "soon", "23/11/2026", "2026-13-01", "2026-11-23 25:00", "2026-11-23T09Z+", "1795392000"]
        {
            let error = parse_start(text, &TimeZone::UTC).unwrap_err();
            assert!(error.to_string().contains("write 2026-11-23"), "{text}");
        }
    }
    #[test]
    fn a_day_ends_where_the_next_begins() {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let at = |text: &str| parse_start(text, &zone).unwrap();
        for (moment, start, end) in [
            ("2026-11-23 09:30", "2026-11-23", "2026-11-24"),
            ("2026-11-23", "2026-11-23", "2026-11-24"),
            // Of 23 and of 25 hours.
            ("2027-03-28 12:00", "2027-03-28", "2027-03-29"),
            ("2027-10-31 23:59", "2027-10-31", "2027-11-01"),
        ] {
            assert_eq!(day_of(at(moment), &zone), (at(start), at(end)), "{moment}");
        }
    }
    #[test]
    fn an_hour_is_full_when_it_is_over() {
        for (ms, expected) in [(0, 0), (3_599_999, 0), (3_600_000, 3_600_000), (-1, -3_600_000)] {
            assert_eq!(last_hour(Timestamp::from_unix_ms(ms)).unix_ms(), expected, "{ms}");
        }
    }
}
