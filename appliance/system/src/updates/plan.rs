//! When the lists are fetched.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Span, Zoned};
use model::Timestamp;

use super::State;
use crate::clock::is_set;

/// Updates begin between one and five o'clock: nobody is at school, and UT1 asks to stay away from 8 to 19 h.
const NIGHT_BEGINS_HOUR: i8 = 1;
/// How long the window is: each school has its own moment in it, so that not all ask at once.
const NIGHT_SECONDS: u64 = 4 * 3_600;
/// A list that was not compared with the mirror's for so long does not wait for the night.
const OLD: Duration = Duration::from_hours(48);
/// Schools that come back after the same power cut do not ask in the same moment.
const SPREAD_SECONDS: u64 = 600;
/// The pause after the first failure; each further one doubles it ...
pub(super) const PAUSE: Duration = Duration::from_mins(5);
/// ... up to this.
const PAUSE_MAX: Duration = Duration::from_hours(6);

/// When a school's box fetches its lists.
#[derive(Clone, Debug)]
pub struct Plan {
    time_zone: TimeZone,
    /// A number of the school's own.
    number: u64,
}

impl Plan {
    /// The plan of a school. `school` is what tells it from others: its UAI, or its name.
    #[must_use]
    pub fn new(school: &str, time_zone: TimeZone) -> Self {
        let [a, b, c, d, ..] = md5::compute(school).0;
        Self { time_zone, number: u64::from(u32::from_le_bytes([a, b, c, d])) }
    }

    /// When to fetch next, as seen at `now`: at the start, and after each update. Never before `now`; `None` while the clock
    /// was never set: a box cannot know then when night is, nor how old its list is.
    ///
    /// `has_list` is what [`has_list`](super::Places::has_list) says: a school without a list does not wait.
    #[must_use]
    pub fn next(&self, now: Timestamp, state: Option<&State>, has_list: bool) -> Option<Timestamp> {
        (is_set(now) || !has_list).then(|| self.moment(now, state, has_list))
    }

    fn moment(&self, now: Timestamp, state: Option<&State>, has_list: bool) -> Timestamp {
        if let Some(failed) = state.filter(|state| state.failures > 0) {
            let last = failed.attempted.filter(|last| *last <= now).unwrap_or(now);
            return later(last, pause(failed.failures)).max(now);
        }
        let checked = state.and_then(|state| state.checked).filter(|checked| *checked <= now);
        if !has_list {
            return now;
        }
        if checked.is_none_or(|checked| now.ms_since(checked) > ms(OLD)) {
            return later(now, Duration::from_secs(self.number % SPREAD_SECONDS));
        }
        // A day that the time zone cannot place does not come; a day later is soon enough.
        self.next_night(now).unwrap_or_else(|| later(now, Duration::from_hours(24)))
    }

    /// The school's moment in the first window after `now`.
    fn next_night(&self, now: Timestamp) -> Option<Timestamp> {
        let now_there =
            jiff::Timestamp::from_millisecond(now.unix_ms()).ok()?.to_zoned(self.time_zone.clone());
        let moment = |day: &Zoned| -> Option<Timestamp> {
            let begin = day.date().at(NIGHT_BEGINS_HOUR, 0, 0, 0).to_zoned(self.time_zone.clone()).ok()?;
            let begin = Timestamp::from_unix_ms(begin.timestamp().as_millisecond());
            Some(later(begin, Duration::from_secs(self.number % NIGHT_SECONDS)))
        };
        let today = moment(&now_there)?;
        if today > now { Some(today) } else { moment(&now_there.checked_add(Span::new().days(1)).ok()?) }
    }
}

fn pause(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(u32::BITS - 1);
    PAUSE.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(PAUSE_MAX)
}

pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_unix_ms(at.unix_ms().saturating_add(by))
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_unix_ms(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn show(at: Timestamp) -> String {
        jiff::Timestamp::from_millisecond(at.unix_ms()).unwrap().to_string()
    }

    /// A school whose moment is an hour and a second into the window, and a second after others.
    fn plan(zone: &str) -> Plan {
        Plan { time_zone: TimeZone::get(zone).unwrap(), number: 14_400 * 3_601 + 3_601 }
    }

    fn checked(text: &str) -> State {
        State { attempted: Some(at(text)), checked: Some(at(text)), ..State::default() }
    }

    #[test]
    fn nights_in_the_schools_time_zone() {
        let check = |zone: &str, now: &str, expected: &str| {
            let state = checked(now);
            assert_eq!(show(plan(zone).moment(at(now), Some(&state), true)), expected, "{zone} {now}");
        };
        check("Europe/Paris", "2026-11-24T08:00:00Z", "2026-11-25T01:00:01Z");
        check("Europe/Paris", "2026-11-24T01:00:00Z", "2026-11-24T01:00:01Z");
        check("Europe/Paris", "2026-11-24T01:00:01Z", "2026-11-25T01:00:01Z");
        check("Europe/Paris", "2026-07-24T08:00:00Z", "2026-07-25T00:00:01Z");
        check("Indian/Reunion", "2026-11-24T08:00:00Z", "2026-11-24T22:00:01Z");
        // The night when 2 h to 3 h come twice, and the one when they do not come.
        check("Europe/Paris", "2026-10-24T20:00:00Z", "2026-10-25T00:00:01Z");
        check("Europe/Paris", "2026-10-25T00:00:01Z", "2026-10-26T01:00:01Z");
        check("Europe/Paris", "2026-03-28T20:00:00Z", "2026-03-29T01:00:01Z");
        check("Europe/Paris", "2026-03-29T01:00:01Z", "2026-03-30T00:00:01Z");
    }

    #[test]
    fn a_missing_list_does_not_wait_and_an_old_one_hardly() {
        let now = "2026-11-24T08:00:00Z";
        let check = |state: Option<&State>, has_list: bool, expected: &str| {
            assert_eq!(show(plan("Europe/Paris").moment(at(now), state, has_list)), expected, "{state:?}");
        };
        check(None, false, now);
        check(Some(&checked("2026-11-24T07:00:00Z")), false, now);
        check(None, true, "2026-11-24T08:00:01Z");
        check(Some(&checked("2026-11-22T07:59:59Z")), true, "2026-11-24T08:00:01Z");
        check(Some(&checked("2026-11-22T08:00:00Z")), true, "2026-11-25T01:00:01Z");
        // The clock was set back: what it said then is worth nothing.
        check(Some(&checked("2027-01-01T00:00:00Z")), true, "2026-11-24T08:00:01Z");
    }

    #[test]
    fn pauses_grow_after_failures() {
        let last = at("2026-11-24T08:00:00Z");
        let check = |failures: u32, now: &str, expected: &str| {
            let state = State { attempted: Some(last), failures, ..State::default() };
            assert_eq!(
                show(plan("Europe/Paris").moment(at(now), Some(&state), true)),
                expected,
                "{failures}"
            );
        };
        check(1, "2026-11-24T08:00:10Z", "2026-11-24T08:05:00Z");
        check(2, "2026-11-24T08:00:10Z", "2026-11-24T08:10:00Z");
        check(6, "2026-11-24T08:00:10Z", "2026-11-24T10:40:00Z");
        check(8, "2026-11-24T08:00:10Z", "2026-11-24T14:00:00Z");
        check(u32::MAX, "2026-11-24T08:00:10Z", "2026-11-24T14:00:00Z");
        // Started anew after the pause was over, and with a clock that was set back.
        check(1, "2026-11-24T09:00:00Z", "2026-11-24T09:00:00Z");
        check(1, "2026-11-24T07:00:00Z", "2026-11-24T07:05:00Z");
    }

    #[test]
    fn schools_are_spread_over_the_window() {
        let moments: std::collections::BTreeSet<u64> = (0..1_000)
            .map(|school| Plan::new(&format!("075{school:04}E"), TimeZone::UTC).number % NIGHT_SECONDS / 900)
            .collect();
        assert_eq!(moments.len(), 16, "some quarter of an hour of the window has no school");
    }
}
