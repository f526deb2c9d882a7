//! Readings of the journal: who looks into it, why, at what, and until when.

use std::fmt;
use std::str::FromStr;

use crate::number::number;
use crate::{Mac, Motive, PersonName, Timestamp};

/// Longest reading: a working day. Whoever needs more opens another one, and says why again.
pub const READING_MINUTES_MAX: u32 = 8 * 60;
/// How long one lasts unless its opener says otherwise: what looking for one thing takes.
pub const READING_MINUTES_USUAL: u32 = 60;
/// Longest window of a reading that is about no device, in days: whoever looks at a whole school looks at one incident.
pub const WINDOW_DAYS_MAX: u32 = 31;
/// Longest window of a reading about one device, in days: nothing is kept longer.
pub const DEVICE_WINDOW_DAYS_MAX: u32 = 366;
const DAY_MS: i64 = 86_400_000;
/// Longest name of a device that a reading is about, in characters; longer ones name nothing.
const TARGET_CHARACTERS_MAX: usize = 64;
/// Longest text that says what was looked for, in bytes: a host name, two names and two times stay below.
const SOUGHT_BYTES_MAX: usize = 512;

number! {
    /// The number of a reading. It is never used again.
    ReadingId
}

/// For what reasons somebody may look into the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Something happened at school: a pupil saw what he should not have, somebody was harassed, a machine was misused.
    Incident,
    /// A family, a pupil or a colleague complains.
    Complaint,
    /// A judge or the police ask for it, in writing (code de procédure pénale, articles 60-1, 77-1-1, 99-3).
    Judicial,
    /// The data protection officer checks (RGPD article 39).
    Oversight,
    /// Somebody asks for what is kept of her or of her child (RGPD article 15).
    Access,
    /// Something does not work, and the log of today tells why.
    Maintenance,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 6] =
        [Self::Incident, Self::Complaint, Self::Judicial, Self::Oversight, Self::Access, Self::Maintenance];

    /// The word that records and command lines use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Complaint => "complaint",
            Self::Judicial => "judicial",
            Self::Oversight => "oversight",
            Self::Access => "access",
            Self::Maintenance => "maintenance",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Purpose {
    type Err = PurposeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text).ok_or(PurposeError)
    }
}

/// The text is no purpose's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a reason: incident, complaint, judicial, oversight, access or maintenance")]
pub struct PurposeError;

/// The device that a reading is about, as somebody typed it: a name or a hardware address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target(Box<str>);

impl Target {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        // Where formats write lines, a hyphen stands for none.
        let is_fit = !text.is_empty()
            && text != "-"
            && text.chars().count() <= TARGET_CHARACTERS_MAX
            && !text.chars().any(char::is_control);
        is_fit.then(|| Self(text.into())).ok_or(TargetError)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text can name no device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a device: a name of at most {TARGET_CHARACTERS_MAX} characters, or a hardware address")]
pub struct TargetError;

/// What a search or an export was for, as a record tells it: one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sought(Box<str>);

impl Sought {
    /// The line of any text: what does not fit a line is a space, and what is too long is cut.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let line = line.trim();
        let line = line.get(..line.floor_char_boundary(SOUGHT_BYTES_MAX)).unwrap_or(line);
        Self(line.trim_end().into())
    }

    /// The line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a reading is for, and what it may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadingTerms {
    /// Why, from the list.
    pub purpose: Purpose,
    /// Why, in words.
    pub detail: Motive,
    /// Nothing before this time.
    pub from: Option<Timestamp>,
    /// Nothing at or after this time.
    pub to: Option<Timestamp>,
    /// Nothing of another device.
    pub target: Option<Target>,
    /// Whether names of people are shown, too.
    pub with_people: bool,
}

/// A reading was asked for that sees too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unbounded {
    /// It has no time, or one without an end.
    #[error("a reading needs a time window or a device")]
    Everything,
    /// Its window is empty.
    #[error("the window ends before it begins")]
    Empty,
    /// Its window is too long for all devices, or for one.
    #[error("the window is longer than {0} days")]
    Long(u32),
}

impl ReadingTerms {
    /// The same with both ends, where it is about a device: the longest time up to the end of the reading, unless somebody
    /// asked for another. Without that, a hold that keeps older days would make it longer.
    #[must_use]
    pub fn bounded(self, until: Timestamp) -> Self {
        if self.target.is_none() {
            return self;
        }
        let to = self.to.unwrap_or(until);
        let longest_ms = i64::from(DEVICE_WINDOW_DAYS_MAX) * DAY_MS;
        let first = || Timestamp::from_unix_ms(to.unix_ms().saturating_sub(longest_ms));
        Self { from: Some(self.from.unwrap_or_else(first)), to: Some(to), ..self }
    }

    /// Whether it sees no more than a reading may: a time with two ends, of one device or of all.
    ///
    /// # Errors
    /// [`Unbounded`].
    pub fn check(&self) -> Result<(), Unbounded> {
        Self::check_window(self.from, self.to, self.target.is_some())
    }

    /// Whether a window, of one device or of all, is no more than a reading may see.
    ///
    /// # Errors
    /// [`Unbounded`].
    pub fn check_window(
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        is_of_device: bool,
    ) -> Result<(), Unbounded> {
        let days_max = if is_of_device { DEVICE_WINDOW_DAYS_MAX } else { WINDOW_DAYS_MAX };
        match (from, to) {
            (Some(from), Some(to)) if to <= from => Err(Unbounded::Empty),
            (Some(from), Some(to)) if to.ms_since(from) > u64::from(days_max) * DAY_MS.unsigned_abs() => {
                Err(Unbounded::Long(days_max))
            }
            (Some(_), Some(_)) => Ok(()),
            (None, _) | (_, None) => Err(Unbounded::Everything),
        }
    }
}

/// A reading, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Its number.
    pub id: ReadingId,
    /// Who opened it.
    pub author: PersonName,
    /// On which device; `None` on the box's own command line.
    pub machine: Option<Mac>,
    /// For what.
    pub terms: ReadingTerms,
    /// When it was opened.
    pub opened: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
    /// When it ended, and how; `None` while it is open.
    pub closed: Option<(Timestamp, ReadingEnd)>,
    /// How many pages of results were looked at.
    pub searches: u32,
    /// How many extracts were taken.
    pub exports: u32,
    /// How many of them had the sealed files of their time, which are everybody's.
    pub whole_exports: u32,
    /// Who made a card in the opener's name in the day before, where that was somebody else.
    pub card_by: Option<PersonName>,
}

impl Reading {
    /// Whether it is open at this time. A clock that was set back behind its opening ends it: nobody could say when else it
    /// would end.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        /// What a time server takes a clock back by, now and then.
        const STEP_MS: u64 = 60_000;
        self.closed.is_none() && now < self.until && self.opened.ms_since(now) < STEP_MS
    }
}

/// How a reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadingEnd {
    /// Somebody ended it.
    Hand,
    /// Its time was over.
    Time,
}

impl ReadingEnd {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Hand, Self::Time];

    /// The word that records use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hand => "hand",
            Self::Time => "time",
        }
    }

    /// The end of this word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|end| end.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_795_392_000_000 + ms)
    }

    fn terms(from: Option<i64>, to: Option<i64>, target: Option<&str>) -> ReadingTerms {
        ReadingTerms {
            purpose: Purpose::Incident,
            detail: "vidéo choquante en CM2".parse().unwrap(),
            from: from.map(at),
            to: to.map(at),
            target: target.map(|target| target.parse().unwrap()),
            with_people: false,
        }
    }

    #[test]
    fn a_reading_sees_a_window_or_a_device() {
        let check = |from, to, target, expected: Result<(), Unbounded>| {
            assert_eq!(terms(from, to, target).check(), expected, "{from:?} {to:?} {target:?}");
        };
        check(None, None, None, Err(Unbounded::Everything));
        check(Some(0), None, None, Err(Unbounded::Everything));
        check(None, Some(0), None, Err(Unbounded::Everything));
        check(None, None, Some("CM2-04"), Err(Unbounded::Everything));
        check(Some(0), Some(DAY_MS), None, Ok(()));
        check(Some(0), Some(0), None, Err(Unbounded::Empty));
        check(Some(0), Some(31 * DAY_MS), None, Ok(()));
        check(Some(0), Some(31 * DAY_MS + 1), None, Err(Unbounded::Long(31)));
        check(Some(0), Some(366 * DAY_MS), Some("CM2-04"), Ok(()));
        check(Some(0), Some(366 * DAY_MS + 1), Some("CM2-04"), Err(Unbounded::Long(366)));
    }

    #[test]
    fn a_reading_of_a_device_is_of_a_year_at_most() {
        let check = |from, to, target, expected: [Option<i64>; 2], outcome: Result<(), Unbounded>| {
            let terms = terms(from, to, target).bounded(at(0));
            assert_eq!(
                [terms.from, terms.to],
                expected.map(|bound| bound.map(at)),
                "{from:?} {to:?} {target:?}"
            );
            assert_eq!(terms.check(), outcome, "{from:?} {to:?} {target:?}");
        };
        let (device, year) = (Some("CM2-04"), 366 * DAY_MS);
        check(None, None, device, [Some(-year), Some(0)], Ok(()));
        check(Some(-DAY_MS), None, device, [Some(-DAY_MS), Some(0)], Ok(()));
        check(None, Some(-DAY_MS), device, [Some(-year - DAY_MS), Some(-DAY_MS)], Ok(()));
        // As `du=2020-01-01` alone.
        check(Some(-year - 1), None, device, [Some(-year - 1), Some(0)], Err(Unbounded::Long(366)));
        check(Some(-DAY_MS), None, None, [Some(-DAY_MS), None], Err(Unbounded::Everything));
    }

    #[test]
    fn a_reading_ends_with_its_time_and_when_the_clock_goes_back() {
        let reading = Reading {
            id: ReadingId::new(1),
            author: "Mme Durand".parse().unwrap(),
            machine: None,
            terms: terms(None, None, Some("CM2-04")),
            opened: at(0),
            until: at(3_600_000),
            closed: None,
            searches: 0,
            exports: 0,
            whole_exports: 0,
            card_by: None,
        };
        for (ms, expected) in
            [(0, true), (3_599_999, true), (3_600_000, false), (-59_999, true), (-60_000, false)]
        {
            assert_eq!(reading.is_open(at(ms)), expected, "{ms}");
        }
        let closed = Reading { closed: Some((at(5), ReadingEnd::Hand)), ..reading };
        assert!(!closed.is_open(at(6)));
    }

    #[test]
    fn texts_are_lines() {
        assert_eq!(Sought::new("host a.fr\nroom CM2\u{7}").as_str(), "host a.fr room CM2");
        assert_eq!(Sought::new(&"é".repeat(400)).as_str().len(), 512);
        for wrong in ["", "  ", "a\nb", &"x".repeat(65)] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong:?}");
        }
        for purpose in Purpose::ALL {
            assert_eq!(purpose.as_str().parse(), Ok(purpose));
        }
        for end in ReadingEnd::ALL {
            assert_eq!(ReadingEnd::read(end.as_str()), Some(end));
        }
    }
}
