//! How long the disk has had to give back a segment that it does not.
//!
//! A clock that a time server disciplines tells that. Where none ever does, what the machine has run since tells it: of each of its lives
//! from the first try to seal up to the last. So a box without a time server waits as long as another one, by days on which it is on. What a
//! machine ran before it tried counts for nothing: somebody may have put the disk into one that has been on for weeks.
//!
//! Invariant: this only ever ends a wait. Nothing of the log depends on it.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use journal::SegmentId;

use crate::clock::Uptime;
use crate::lists::replace_with_mode;
use crate::regular;
use crate::vault::read_text_of;

/// What is remembered of the wait, in the data folder.
const FILE: &str = "patience";
const FILE_MODE: u32 = 0o600;
const FIRST_WORD: &str = "preau-patience-1";

/// A wait, as it was at the last try to seal.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wait {
    /// The last segment that was finished when it began: those up to it have waited as long.
    through: u64,
    /// How long the machine has run meanwhile, in milliseconds.
    waited_ms: u64,
    /// In which life of the machine the last try was, and how long that had run.
    boot: String,
    uptime_ms: i64,
}

/// How long the box has run while it tried to seal this segment, in milliseconds. `finished` is the last segment that is to be sealed.
/// What cannot be noted is told, and is lost with the try.
pub(super) fn waited_ms(data: &Path, segment: SegmentId, finished: SegmentId) -> u64 {
    let Some(uptime) = Uptime::read() else { return 0 };
    let path = data.join(FILE);
    let text = regular::open(&path).and_then(read_text_of).ok();
    let noted = text.and_then(|text| text.trim_end().parse::<Wait>().ok());
    let wait = go_on(noted.as_ref(), segment, finished, &uptime);
    if noted.as_ref() != Some(&wait)
        && let Err(error) = replace_with_mode(&path, format!("{wait}\n").as_bytes(), FILE_MODE)
    {
        tracing::warn!(%error, path = %path.display(), "how long a segment is waited for cannot be noted");
    }
    wait.waited_ms
}

/// The wait at this moment: the one that is noted where the segment was there when it began, or a new one.
fn go_on(noted: Option<&Wait>, segment: SegmentId, finished: SegmentId, uptime: &Uptime) -> Wait {
    let now = |through: u64, waited_ms: u64| Wait {
        through,
        waited_ms,
        boot: uptime.boot.clone(),
        uptime_ms: uptime.ms,
    };
    match noted.filter(|noted| segment.number() <= noted.through) {
        Some(noted) => {
            let since_ms = if noted.boot == uptime.boot { noted.uptime_ms } else { uptime.ms };
            let run_ms = u64::try_from(uptime.ms.saturating_sub(since_ms)).unwrap_or(0);
            now(noted.through, noted.waited_ms.saturating_add(run_ms))
        }
        None => now(finished.number(), 0),
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { through, waited_ms, boot, uptime_ms } = self;
        write!(f, "{FIRST_WORD} {through} {waited_ms} {boot} {uptime_ms}")
    }
}

/// The file says something else: it is as if there were none.
#[derive(Debug)]
struct WrongWait;

impl FromStr for Wait {
    type Err = WrongWait;

    fn from_str(text: &str) -> Result<Self, WrongWait> {
        let words: Vec<&str> = text.split(' ').collect();
        let [FIRST_WORD, through, waited_ms, boot, uptime_ms] = words.as_slice() else {
            return Err(WrongWait);
        };
        let number = |word: &str| word.parse().map_err(|_| WrongWait);
        Ok(Self {
            through: number(through)?,
            waited_ms: number(waited_ms)?,
            boot: (*boot).to_owned(),
            uptime_ms: uptime_ms.parse().map_err(|_| WrongWait)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    /// Tries to seal: in which life of the machine, after how many hours of it, which segment cannot be read, which one is the last;
    /// after how many hours of waiting that is.
    fn check(tries: &[(&str, i64, u64, u64, u64)]) {
        let mut noted = None;
        for (boot, hours, segment, finished, expected) in tries {
            let uptime = Uptime { boot: (*boot).to_owned(), ms: hours * HOUR_MS };
            let (segment, finished) = (SegmentId::new(*segment), SegmentId::new(*finished));
            let wait = go_on(noted.as_ref(), segment, finished, &uptime);
            assert_eq!(wait.waited_ms, expected * HOUR_MS.unsigned_abs(), "{boot} {hours} {tries:?}");
            assert_eq!(wait.to_string().parse::<Wait>().unwrap(), wait);
            noted = Some(wait);
        }
    }

    #[test]
    fn what_the_machine_has_run_is_summed_up_over_its_lives() {
        check(&[("a", 5, 3, 4, 0), ("a", 29, 3, 5, 24), ("b", 0, 3, 6, 24), ("b", 10, 3, 6, 34)]);
        // An hour's wait in each of its lives counts, however often it starts.
        check(&[
            ("a", 9, 3, 3, 0),
            ("b", 0, 3, 4, 0),
            ("b", 1, 3, 4, 1),
            ("c", 0, 3, 4, 1),
            ("c", 1, 3, 4, 2),
        ]);
        // Another machine has not waited while it ran without the disk.
        check(&[("a", 9, 3, 3, 0), ("laptop", 900, 3, 3, 0), ("laptop", 901, 3, 3, 1), ("a", 10, 3, 3, 1)]);
        // Another that was there from the beginning has waited as long; one that came later has not.
        check(&[("a", 0, 3, 5, 0), ("a", 168, 3, 12, 168), ("a", 168, 5, 12, 168), ("a", 168, 6, 12, 0)]);
        // The steady clock never goes back: whatever says so adds nothing.
        check(&[("a", 9, 3, 3, 0), ("a", 8, 3, 3, 0), ("a", 9, 3, 3, 1)]);
    }

    #[test]
    fn what_is_damaged_is_none() {
        let data = tempfile::tempdir().unwrap();
        let (third, fourth) = (SegmentId::new(3), SegmentId::new(4));
        let path = data.path().join(FILE);
        for text in [
            "",
            "preau-patience-1 4 5 a",
            "preau-patience-1 4 -5 a 6",
            "other 4 5 a 6",
            "preau-patience-1 4 5 a 6 7",
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(waited_ms(data.path(), third, fourth), 0, "{text}");
            let noted = std::fs::read_to_string(&path).unwrap();
            assert!(noted.starts_with("preau-patience-1 4 0 "), "{text}: {noted}");
        }
        std::fs::write(&path, "preau-patience-1 4 604800000 another-life 0\n").unwrap();
        assert!(waited_ms(data.path(), third, fourth) >= 604_800_000);
    }
}
