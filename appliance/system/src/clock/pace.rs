//! Whether the wall clock keeps pace with the machine.
//!
//! A box that was off may find any time at its start. One that is on knows how much time has passed: a time server that is
//! wrong, or somebody who answers in its place, moves the wall clock, and not the steady one. So a clock that leaps while the
//! machine runs is not taken for one that a time server disciplines until it has gone on from there for days, by the steady clock.
//!
//! Invariant: this only ever takes belief away.

use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use access::Instant;
use model::ClockQuality;

use crate::lists::replace_with_mode;
use crate::regular;
use crate::vault::read_text_of;

/// What is remembered of the clock since the machine started, in the data folder.
const FILE: &str = "pace";
const FILE_MODE: u32 = 0o600;
const FIRST_WORD: &str = "preau-pace-1";
const DAY_MS: i64 = 86_400_000;
/// How far the wall clock may be from where it was: a time server that sets a clock right after the start is within it, and what a day
/// more or less deletes was due anyhow.
const STEP_MS_MAX: u64 = DAY_MS as u64;
/// How long it has to go on after a leap.
const CONFIRMATION_MS: i64 = 3 * DAY_MS;

/// How long the machine has run, and in which of its lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Uptime {
    pub(crate) boot: String,
    pub(crate) ms: i64,
}

/// Where the wall clock is, measured from the steady one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pace {
    boot: String,
    ahead_ms: i64,
    leap: Option<Leap>,
}

/// Where it has leapt to, and when, by the steady clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Leap {
    ahead_ms: i64,
    since_ms: i64,
}

/// The same moment; by a clock on its own, where it has leapt since the machine started. What the clock shows is noted in the data
/// folder.
#[must_use]
pub fn keep_pace(data: &Path, now: Instant) -> Instant {
    let (now, pace) = look(data, now);
    let path = data.join(FILE);
    if let Some(pace) = pace
        && let Err(error) = replace_with_mode(&path, format!("{pace}\n").as_bytes(), FILE_MODE)
    {
        tracing::warn!(%error, path = %path.display(), "what the clock shows cannot be noted");
    }
    now
}

/// The same for whoever only looks: nothing is noted.
#[must_use]
pub fn check_pace(data: &Path, now: Instant) -> Instant {
    look(data, now).0
}

/// The same moment as it is to be believed, and what is to be noted, where that is another than what is.
fn look(data: &Path, now: Instant) -> (Instant, Option<Pace>) {
    let uptime = Uptime::read().filter(|_| now.quality == ClockQuality::Synchronised);
    let Some(uptime) = uptime else { return (now, None) };
    let text = regular::open(&data.join(FILE)).and_then(read_text_of).ok();
    let noted = text.and_then(|text| text.trim_end().parse::<Pace>().ok());
    let (pace, is_kept) = judge(noted.as_ref(), now.at.unix_ms(), &uptime);
    let quality = if is_kept { now.quality } else { ClockQuality::Unsynchronised };
    (Instant { quality, ..now }, Some(pace).filter(|pace| noted.as_ref() != Some(pace)))
}

/// What is to be noted, and whether the clock is where it was, or has stayed where it went.
fn judge(noted: Option<&Pace>, now_ms: i64, uptime: &Uptime) -> (Pace, bool) {
    let ahead_ms = now_ms.saturating_sub(uptime.ms);
    let first = Pace { boot: uptime.boot.clone(), ahead_ms, leap: None };
    let Some(noted) = noted.filter(|noted| noted.boot == uptime.boot) else { return (first, true) };
    let is_at = |there: i64| there.abs_diff(ahead_ms) <= STEP_MS_MAX;
    if is_at(noted.ahead_ms) {
        return (Pace { leap: None, ..noted.clone() }, true);
    }
    match noted.leap.filter(|leap| is_at(leap.ahead_ms)) {
        Some(leap) if uptime.ms.saturating_sub(leap.since_ms) >= CONFIRMATION_MS => (first, true),
        Some(_) => (noted.clone(), false),
        None => (Pace { leap: Some(Leap { ahead_ms, since_ms: uptime.ms }), ..noted.clone() }, false),
    }
}

impl Uptime {
    /// As the kernel tells it: proc_uptime(5), random(4).
    pub(crate) fn read() -> Option<Self> {
        let uptime = fs::read_to_string("/proc/uptime").ok()?;
        let (seconds, hundredths) = uptime.split_whitespace().next()?.split_once('.')?;
        let ms = seconds.parse::<i64>().ok()?.checked_mul(1_000)?;
        let ms = ms.checked_add(hundredths.parse::<i64>().ok()?.checked_mul(10)?)?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(Self { boot: boot.trim().to_owned(), ms })
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { boot, ahead_ms, leap } = self;
        write!(f, "{FIRST_WORD} {boot} {ahead_ms}")?;
        match leap {
            Some(Leap { ahead_ms, since_ms }) => write!(f, " {ahead_ms} {since_ms}"),
            None => Ok(()),
        }
    }
}

/// The file says something else: it is as if there were none.
#[derive(Debug)]
struct WrongPace;

impl FromStr for Pace {
    type Err = WrongPace;

    fn from_str(text: &str) -> Result<Self, WrongPace> {
        let mut words = text.split(' ');
        let boot = words.next().filter(|word| *word == FIRST_WORD).and(words.next()).ok_or(WrongPace)?;
        let numbers: Result<Vec<i64>, _> = words.map(str::parse).collect();
        let (ahead_ms, leap) = match numbers.map_err(|_| WrongPace)?.as_slice() {
            [ahead_ms] => (*ahead_ms, None),
            [ahead_ms, to_ms, since_ms] => (*ahead_ms, Some(Leap { ahead_ms: *to_ms, since_ms: *since_ms })),
            _ => return Err(WrongPace),
        };
        Ok(Self { boot: boot.to_owned(), ahead_ms, leap })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moments of a machine: hours that it has run, days that the wall clock shows beyond that. Whether it was believed.
    fn check(boot: &str, noted: &mut Option<Pace>, moments: &[(i64, i64, bool)]) {
        for (hours, days, expected) in moments {
            let uptime = Uptime { boot: boot.to_owned(), ms: hours * 3_600_000 };
            let (pace, is_kept) = judge(noted.as_ref(), uptime.ms + days * DAY_MS, &uptime);
            assert_eq!(is_kept, *expected, "{boot}: {hours} hours, {days} days");
            assert_eq!(pace.to_string().parse::<Pace>().unwrap(), pace);
            *noted = Some(pace);
        }
    }

    #[test]
    fn a_clock_that_leaps_while_the_machine_runs_has_to_go_on_for_three_days() {
        let mut noted = None;
        check("a", &mut noted, &[(1, 0, true), (25, 0, true), (25, 1, true)]);
        // One leap after the other, each from where the clock began.
        check("a", &mut noted, &[(26, 2, false), (26, 69, false), (27, 138, false), (28, 366, false)]);
        check("a", &mut noted, &[(28, 0, true), (29, 366, false), (100, 366, false), (101, 366, true)]);
        check("a", &mut noted, &[(102, 366, true), (103, 0, false)]);
        // Days one by one are a leap all the same.
        check("b", &mut noted, &[(1, 0, true), (1, 1, true), (2, 2, false), (3, 3, false), (4, 4, false)]);
        // Who was off may find any time.
        check("c", &mut noted, &[(0, 900, true), (1, 900, true)]);
    }

    #[test]
    fn what_is_noted_is_gone_by_and_what_is_damaged_is_none() {
        let data = tempfile::tempdir().unwrap();
        let at = |unix_ms| Instant {
            at: model::Timestamp::from_unix_ms(unix_ms),
            quality: ClockQuality::Synchronised,
        };
        let start = crate::clock::now().unix_ms();
        let is_known = |unix_ms| keep_pace(data.path(), at(unix_ms)).quality == ClockQuality::Synchronised;
        assert!(is_known(start));
        assert!(!is_known(start + 366 * DAY_MS));
        assert!(is_known(start + 1_000), "it came back");
        for text in ["", "preau-pace-1 x", "preau-pace-1 x 1 2", "other x 1", "preau-pace-1 x 1 2 3 4"] {
            assert!(text.parse::<Pace>().is_err(), "{text}");
        }
        fs::write(data.path().join(FILE), [0xff; 9]).unwrap();
        assert!(is_known(start + 366 * DAY_MS), "as after a start");
        // Nor does a pipe in its place keep anybody waiting.
        fs::remove_file(data.path().join(FILE)).unwrap();
        nix::unistd::mkfifo(&data.path().join(FILE), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(is_known(start) && !is_known(start + 366 * DAY_MS), "another file took its place");
    }

    #[test]
    fn who_only_looks_notes_nothing() {
        let data = tempfile::tempdir().unwrap();
        let at = |unix_ms| Instant {
            at: model::Timestamp::from_unix_ms(unix_ms),
            quality: ClockQuality::Synchronised,
        };
        let start = crate::clock::now().unix_ms();
        let is_known = |unix_ms| check_pace(data.path(), at(unix_ms)).quality == ClockQuality::Synchronised;
        assert!(is_known(start + 366 * DAY_MS), "nothing is noted yet");
        assert!(!data.path().join(FILE).exists());
        assert_eq!(keep_pace(data.path(), at(start)).quality, ClockQuality::Synchronised);
        let noted = fs::read(data.path().join(FILE)).unwrap();
        assert!(!is_known(start + 366 * DAY_MS) && is_known(start));
        assert_eq!(fs::read(data.path().join(FILE)).unwrap(), noted);
    }
}
