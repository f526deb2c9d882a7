//! Filter profiles.

use std::collections::BTreeSet;

use jiff::civil::Weekday;
use model::{Category, ProfileName};

use crate::calendar::{Moment, TimeOfDay};
use crate::safe_search::SafeSearch;

/// What a group of devices may see, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The name that devices refer to.
    pub name: ProfileName,
    /// What is shown of the web in general.
    pub mode: Mode,
    /// The categories that are refused, by their names or aliases.
    pub refused: BTreeSet<Category>,
    /// The categories that are permitted: what a white-list mode shows, and exceptions to refused ones elsewhere.
    pub permitted: BTreeSet<Category>,
    /// Which search engines are led to their safe variants.
    pub safe_search: SafeSearch,
    /// What is different at certain times; of several that apply, each adds to those before it.
    pub hours: Vec<Hours>,
}

impl Profile {
    /// An open profile that refuses these categories, at all times.
    #[must_use]
    pub fn open(name: ProfileName, refused: BTreeSet<Category>) -> Self {
        Self {
            name,
            mode: Mode::Open,
            refused,
            permitted: BTreeSet::new(),
            safe_search: SafeSearch::default(),
            hours: vec![],
        }
    }
}

/// What a profile shows of the web.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// All but what is refused.
    Open,
    /// Only what a permitted category or the workspace has.
    WhiteList,
    /// Only the school's online workspace (ENT).
    Workspace,
    /// Nothing.
    Closed,
}

impl Mode {
    /// The word that configuration files and command lines use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::WhiteList => "white-list",
            Self::Workspace => "ent",
            Self::Closed => "closed",
        }
    }
}

impl std::str::FromStr for Mode {
    type Err = ModeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let modes = [Self::Open, Self::WhiteList, Self::Workspace, Self::Closed];
        modes.into_iter().find(|mode| mode.as_str() == text).ok_or(ModeError)
    }
}

/// The text is no mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a mode is `open`, `white-list`, `ent` or `closed`")]
pub struct ModeError;

/// What a profile changes at certain times of the school's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    /// The days of the week.
    pub days: Days,
    /// The season.
    pub season: Season,
    /// From this time on.
    pub from: TimeOfDay,
    /// Up to this time, not included.
    pub to: TimeOfDay,
    /// The mode meanwhile; `None`: as otherwise.
    pub mode: Option<Mode>,
    /// Categories that are refused meanwhile, too.
    pub refused: BTreeSet<Category>,
    /// Categories that are not refused meanwhile.
    pub released: BTreeSet<Category>,
}

impl Hours {
    /// Whether these hours are now.
    #[must_use]
    pub fn include(&self, moment: &Moment) -> bool {
        let in_season = match self.season {
            Season::Always => true,
            Season::Term => !moment.is_holiday,
            Season::Holidays => moment.is_holiday,
        };
        in_season && self.days.contains(moment.weekday) && (self.from..self.to).contains(&moment.time)
    }
}

/// A part of the school year.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Season {
    /// The whole year.
    #[default]
    Always,
    /// Outside the holidays.
    Term,
    /// In the holidays.
    Holidays,
}

impl std::str::FromStr for Season {
    type Err = SeasonError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "always" => Ok(Self::Always),
            "term" => Ok(Self::Term),
            "holidays" => Ok(Self::Holidays),
            _ => Err(SeasonError),
        }
    }
}

/// The text is no season.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a season is `always`, `term` or `holidays`")]
pub struct SeasonError;

/// Days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u8);

impl Days {
    /// The whole week.
    pub const ALL: Self = Self(0b111_1111);

    /// Whether this day is among them.
    #[must_use]
    pub fn contains(self, day: Weekday) -> bool {
        self.0 & Self::bit(day) != 0
    }

    fn bit(day: Weekday) -> u8 {
        1 << day.to_monday_zero_offset()
    }
}

impl FromIterator<Weekday> for Days {
    fn from_iter<I: IntoIterator<Item = Weekday>>(days: I) -> Self {
        Self(days.into_iter().fold(0, |bits, day| bits | Self::bit(day)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_have_a_day_a_season_and_an_end() {
        let noon = Hours {
            days: [Weekday::Monday, Weekday::Friday].into_iter().collect(),
            season: Season::Term,
            from: "12:00".parse().unwrap(),
            to: "13:30".parse().unwrap(),
            mode: None,
            refused: BTreeSet::new(),
            released: BTreeSet::new(),
        };
        let check = |weekday, time: &str, is_holiday, expected| {
            let moment = Moment { weekday, time: time.parse().unwrap(), is_holiday };
            assert_eq!(noon.include(&moment), expected, "{moment:?}");
        };
        check(Weekday::Monday, "11:59", false, false);
        check(Weekday::Monday, "12:00", false, true);
        check(Weekday::Friday, "13:29", false, true);
        check(Weekday::Friday, "13:30", false, false);
        check(Weekday::Tuesday, "12:30", false, false);
        check(Weekday::Monday, "12:30", true, false);
    }

    #[test]
    fn modes_have_words() {
        for mode in [Mode::Open, Mode::WhiteList, Mode::Workspace, Mode::Closed] {
            assert_eq!(mode.as_str().parse(), Ok(mode));
        }
        assert_eq!("Open".parse::<Mode>(), Err(ModeError));
    }
}
