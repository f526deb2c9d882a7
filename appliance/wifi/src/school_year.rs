//! When keys have had their time.

use jiff::tz::TimeZone;
use model::Timestamp;

/// The first month of a school year, as far as keys are concerned: nobody is there in August, and the devices get the new
/// ones before the children come.
const FIRST_MONTH: i8 = 8;

/// Whether something was made in an earlier school year than `now`. A clock that ran ahead makes nothing old.
#[must_use]
pub fn is_of_an_earlier_year(made: Timestamp, now: Timestamp, time_zone: &TimeZone) -> bool {
    let year = |at: Timestamp| {
        let at = jiff::Timestamp::from_millisecond(at.unix_ms()).ok()?.to_zoned(time_zone.clone());
        Some(at.year() - i16::from(at.month() < FIRST_MONTH))
    };
    year(made).zip(year(now)).is_some_and(|(made, now)| made < now)
}

/// When the school year of `now` ends: what devices were given for it goes by itself then. `None` for a time that no calendar has.
#[must_use]
pub fn end_of_school_year(now: Timestamp, time_zone: &TimeZone) -> Option<jiff::Timestamp> {
    let now = jiff::Timestamp::from_millisecond(now.unix_ms()).ok()?.to_zoned(time_zone.clone());
    let year = now.year().checked_add(i16::from(now.month() >= FIRST_MONTH))?;
    let end = jiff::civil::Date::new(year, FIRST_MONTH, 1).ok()?;
    Some(end.to_zoned(time_zone.clone()).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_ends_with_july() {
        let time_zone = TimeZone::get("Europe/Paris").unwrap();
        let check = |now: &str, expected: &str| {
            let now = now.parse::<jiff::Timestamp>().unwrap().as_millisecond();
            let end = end_of_school_year(Timestamp::from_unix_ms(now), &time_zone).unwrap();
            assert_eq!(end.to_string(), expected, "{now}");
        };
        check("2026-11-30T08:00:00Z", "2027-07-31T22:00:00Z");
        check("2027-07-31T21:59:59Z", "2027-07-31T22:00:00Z");
        check("2027-07-31T22:00:00Z", "2028-07-31T22:00:00Z");
        assert_eq!(end_of_school_year(Timestamp::from_unix_ms(i64::MAX), &time_zone), None);
    }

    #[test]
    fn a_year_begins_in_august_by_the_schools_clock() {
        let time_zone = TimeZone::get("Europe/Paris").unwrap();
        let at = |text: &str| {
            let at = text.parse::<jiff::civil::DateTime>().unwrap().to_zoned(time_zone.clone()).unwrap();
            Timestamp::from_unix_ms(at.timestamp().as_millisecond())
        };
        let check = |made: &str, now: &str, expected: bool| {
            assert_eq!(is_of_an_earlier_year(at(made), at(now), &time_zone), expected, "{made} {now}");
        };
        check("2026-09-01T08:00", "2027-07-31T23:59", false);
        check("2026-09-01T08:00", "2027-08-01T00:00", true);
        check("2027-08-01T00:00", "2028-01-05T08:00", false);
        check("2027-02-01T08:00", "2027-08-20T08:00", true);
        check("2027-09-01T08:00", "2026-09-01T08:00", false);
        check("2027-09-01T08:00", "1970-01-01T00:00", false);
    }
}
