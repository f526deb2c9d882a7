//! How long somebody waits after wrong secrets.
//!
//! Two counts are kept of each device: of its failures with one person's name, and of those with any name. A class
//! that tries a teacher's PIN on its own PCs makes its own PCs wait, never hers. A third is kept of each name, on all
//! devices where she never signed in: whoever makes up devices gains no guesses by them.

use model::{Failures, Timestamp};

/// Longest doubling that is computed: far beyond every longest pause.
const DOUBLINGS_MAX: u32 = 20;

/// What is watched: some failures are free, then each pause is twice the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// One person's name on one device.
    Pair,
    /// All names on one device.
    Device,
    /// One person's name on all devices where she never signed in.
    Name,
}

/// The figures of a [`Watch`]; times in milliseconds.
struct Rule {
    free: u32,
    first_ms: u64,
    longest_ms: u64,
    forgotten_ms: u64,
}

impl Watch {
    fn rule(self) -> Rule {
        match self {
            // Four slips of a finger cost nothing. 24 pauses of an hour a day are 24 of a million PINs.
            Self::Pair => {
                Rule { free: 4, first_ms: 15_000, longest_ms: 3_600_000, forgotten_ms: 24 * 3_600_000 }
            }
            // 23 pauses of an hour a day: some forty guesses, on however many devices.
            Self::Name => {
                Rule { free: 8, first_ms: 15_000, longest_ms: 3_600_000, forgotten_ms: 24 * 3_600_000 }
            }
            // A PC of the class: its teacher waits for five minutes at most when pupils have played with it.
            Self::Device => Rule { free: 12, first_ms: 15_000, longest_ms: 300_000, forgotten_ms: 3_600_000 },
        }
    }

    /// How many milliseconds are left to wait; 0 when a secret may be tried. Where the last failure is of a time that
    /// `now` has not reached, the whole pause is left: whoever asks again sees to it that it begins to pass.
    #[must_use]
    pub fn pause_ms(self, failures: Failures, now: Timestamp) -> u64 {
        let rule = self.rule();
        let Some(last) = failures.last else { return 0 };
        let over = failures.count.saturating_sub(rule.free);
        if over == 0 || now.ms_since(last) >= rule.forgotten_ms {
            return 0;
        }
        let doublings = (over - 1).min(DOUBLINGS_MAX);
        let pause = (rule.first_ms << doublings).min(rule.longest_ms);
        pause.saturating_sub(now.ms_since(last))
    }

    /// The failures once there is another one.
    #[must_use]
    pub fn add(self, failures: Failures, now: Timestamp) -> Failures {
        let is_forgotten = failures.last.is_none_or(|last| now.ms_since(last) >= self.rule().forgotten_ms);
        let before = if is_forgotten { 0 } else { failures.count };
        Failures { count: before.saturating_add(1), last: Some(now) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: i64 = 60_000;
    const HOUR_MS: i64 = 60 * MINUTE_MS;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_795_422_600_000 + ms)
    }

    #[test]
    fn pauses_grow_to_a_limit_and_are_forgotten() {
        let check = |watch: Watch, count: u32, after_ms: i64, expected_s: u64| {
            let failures = Failures { count, last: Some(at(0)) };
            assert_eq!(watch.pause_ms(failures, at(after_ms)), expected_s * 1_000, "{watch:?} {count}");
        };
        check(Watch::Pair, 4, 0, 0);
        check(Watch::Pair, 5, 0, 15);
        check(Watch::Pair, 5, 14_000, 1);
        check(Watch::Pair, 5, 15_000, 0);
        check(Watch::Pair, 6, 0, 30);
        check(Watch::Pair, 9, 0, 240);
        check(Watch::Pair, 13, 0, 3_600);
        check(Watch::Pair, u32::MAX, 0, 3_600);
        check(Watch::Pair, 6, -HOUR_MS, 30);
        check(Watch::Name, 8, 0, 0);
        check(Watch::Name, 9, 0, 15);
        check(Watch::Name, 100, 0, 3_600);
        check(Watch::Device, 12, 0, 0);
        check(Watch::Device, 13, 0, 15);
        check(Watch::Device, 100, 0, 300);
        check(Watch::Device, 100, HOUR_MS, 0);
        assert_eq!(Watch::Pair.pause_ms(Failures::default(), at(0)), 0);
    }

    #[test]
    fn failures_add_up_until_they_are_forgotten() {
        let one = Watch::Pair.add(Failures::default(), at(0));
        assert_eq!(one, Failures { count: 1, last: Some(at(0)) });
        let two = Watch::Pair.add(one, at(MINUTE_MS));
        assert_eq!(two, Failures { count: 2, last: Some(at(MINUTE_MS)) });
        assert_eq!(Watch::Pair.add(two, at(25 * HOUR_MS)).count, 1);
    }

    /// What a patient class can try within hours, out of a million: decision 0010 counts on it.
    #[test]
    fn a_day_of_guessing_is_a_few_guesses() {
        let guesses = |watch: Watch, hours: i64| {
            let (mut failures, mut now, mut guesses) = (Failures::default(), 0, 0);
            while now < hours * HOUR_MS {
                match i64::try_from(watch.pause_ms(failures, at(now))).unwrap() {
                    0 => {
                        failures = watch.add(failures, at(now));
                        guesses += 1;
                    }
                    pause => now += pause,
                }
            }
            guesses
        };
        assert_eq!((guesses(Watch::Pair, 7), guesses(Watch::Name, 7)), (18, 22));
        assert_eq!((guesses(Watch::Pair, 24), guesses(Watch::Name, 24)), (35, 39));
    }
}
