//! The school's time: its zone, its days, its holidays.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use model::Timestamp;

/// Minutes of a day, on its clock.
const DAY_MINUTES: u16 = 24 * 60;

/// The school's time zone and holidays.
#[derive(Clone, Debug)]
pub struct Calendar {
    timezone: TimeZone,
    holidays: Vec<Holidays>,
}

impl Calendar {
    /// The calendar of a school in this zone.
    #[must_use]
    pub fn new(timezone: TimeZone, holidays: Vec<Holidays>) -> Self {
        Self { timezone, holidays }
    }

    /// What the school's clock and calendar show at a point in time.
    #[must_use]
    pub fn moment(&self, at: Timestamp) -> Moment {
        // A time beyond what a calendar can show is no lesson's.
        let at = jiff::Timestamp::from_millisecond(at.unix_ms()).unwrap_or_default();
        let local = self.timezone.to_datetime(at);
        let minute = i16::from(local.hour()) * 60 + i16::from(local.minute());
        let date = local.date();
        Moment {
            weekday: date.weekday(),
            time: TimeOfDay(minute.unsigned_abs()),
            is_holiday: self.holidays.iter().any(|holidays| holidays.contains(date)),
        }
    }
}

impl Default for Calendar {
    /// UTC, without holidays.
    fn default() -> Self {
        Self::new(TimeZone::UTC, vec![])
    }
}

/// Days without school.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holidays {
    first: Date,
    last: Date,
}

impl Holidays {
    /// From the first day to the last one, both included; `None` when they are the wrong way round.
    #[must_use]
    pub fn new(first: Date, last: Date) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    fn contains(&self, date: Date) -> bool {
        (self.first..=self.last).contains(&date)
    }
}

impl std::str::FromStr for Holidays {
    type Err = HolidaysError;

    /// Two dates as ISO 8601 writes an interval: `2026-12-19/2027-01-03`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, last) = text.split_once('/').ok_or(HolidaysError)?;
        let date = |text: &str| text.parse::<Date>().map_err(|_| HolidaysError);
        Self::new(date(first)?, date(last)?).ok_or(HolidaysError)
    }
}

/// The text is no pair of dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the first and the last day of holidays, such as 2026-12-19/2027-01-03")]
pub struct HolidaysError;

/// What the school's clock and calendar show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The day of the week.
    pub weekday: Weekday,
    /// The time on the clock, to the minute.
    pub time: TimeOfDay,
    /// Whether the day lies in the holidays.
    pub is_holiday: bool,
}

/// A time on the clock: minutes since midnight, up to and including 24:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(u16);

impl TimeOfDay {
    /// `hour`:`minute`; `None` beyond 24:00.
    #[must_use]
    pub fn new(hour: u8, minute: u8) -> Option<Self> {
        let minutes = u16::from(hour) * 60 + u16::from(minute);
        (minute < 60 && minutes <= DAY_MINUTES).then_some(Self(minutes))
    }

    /// Minutes since midnight.
    #[must_use]
    pub fn minutes(self) -> u16 {
        self.0
    }
}

impl std::fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl std::str::FromStr for TimeOfDay {
    type Err = TimeOfDayError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| {
            let is_plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| is_plain).ok_or(TimeOfDayError)
        };
        let (hour, minute) = text.split_once(':').ok_or(TimeOfDayError)?;
        Self::new(number(hour)?, number(minute)?).ok_or(TimeOfDayError)
    }
}

/// The text is no time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time of day such as 08:30, up to 24:00")]
pub struct TimeOfDayError;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_unix_ms(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn the_clock_of_the_school_counts() {
        let paris = Calendar::new(TimeZone::get("Europe/Paris").unwrap(), vec![]);
        let check = |utc: &str, weekday: Weekday, time: &str| {
            let moment = paris.moment(at(utc));
            assert_eq!((moment.weekday, moment.time.to_string().as_str()), (weekday, time), "{utc}");
        };
        check("2026-11-24T07:30:00Z", Weekday::Tuesday, "08:30");
        check("2026-06-30T22:30:00Z", Weekday::Wednesday, "00:30");
        // The night of the change to summer time has no 02:30, the night of the change back has two.
        check("2026-03-29T00:59:00Z", Weekday::Sunday, "01:59");
        check("2026-03-29T01:00:00Z", Weekday::Sunday, "03:00");
        check("2026-10-25T00:30:00Z", Weekday::Sunday, "02:30");
        check("2026-10-25T01:30:00Z", Weekday::Sunday, "02:30");
    }

    #[test]
    fn holidays_are_whole_days_of_the_school() {
        let date = |text: &str| text.parse::<Date>().unwrap();
        assert_eq!(Holidays::new(date("2027-01-03"), date("2026-12-19")), None);
        let christmas = Holidays::new(date("2026-12-19"), date("2027-01-03")).unwrap();
        let paris = Calendar::new(TimeZone::get("Europe/Paris").unwrap(), vec![christmas]);
        for (utc, expected) in [
            ("2026-12-18T22:59:59Z", false),
            ("2026-12-18T23:00:00Z", true),
            ("2027-01-03T22:59:59Z", true),
            ("2027-01-03T23:00:00Z", false),
        ] {
            assert_eq!(paris.moment(at(utc)).is_holiday, expected, "{utc}");
        }
    }

    #[test]
    fn holidays_are_two_dates() {
        assert!("2026-12-19/2027-01-03".parse::<Holidays>().is_ok());
        for text in ["", "2026-12-19", "2027-01-03/2026-12-19", "2026-12-19/2026-13-01", "Noël/Pâques"] {
            assert_eq!(text.parse::<Holidays>(), Err(HolidaysError), "{text}");
        }
    }

    #[test]
    fn times_of_day() {
        for text in ["00:00", "08:30", "23:59", "24:00"] {
            assert_eq!(text.parse::<TimeOfDay>().unwrap().to_string(), text);
        }
        for text in ["", "8:30", "08:60", "24:01", "08h30", "+8:30", "08:3O", "008:3"] {
            assert_eq!(text.parse::<TimeOfDay>(), Err(TimeOfDayError), "{text}");
        }
    }
}
