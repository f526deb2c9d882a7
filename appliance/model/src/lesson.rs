//! Lessons: somebody has a room for a time, with its Internet and its Wi-Fi.

use std::fmt;
use std::str::FromStr;

use crate::number::number;
use crate::{DomainName, DomainNameError, PersonName, RoomName, Timestamp};

/// Longest lesson, in minutes: 8 hours, the longest school day, lunch included. A lesson that is extended is not longer.
pub const LESSON_MINUTES_MAX: u32 = 8 * 60;
/// What a lesson lasts where nobody says otherwise, in minutes.
pub const LESSON_MINUTES_USUAL: u32 = 55;
/// Most sites of a lesson's list: what a class looks at in an hour, and a teacher reads over at a glance.
pub const LESSON_SITES_MAX: usize = 20;
/// Longest list, in bytes, with one between two sites: it fits a record together with all else that it tells.
const LIST_BYTES_MAX: usize = 1_000;
const MINUTE_MS: u64 = 60_000;

number! {
    /// The number of a lesson. It is never used again.
    LessonId
}

/// What the devices of the room may reach of the web during a lesson. A mode only narrows: it opens nothing that is closed
/// without it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum InternetMode {
    /// What each device may reach in any case.
    #[default]
    Normal,
    /// Only these sites and the school's online workspace (ENT), as far as they are open otherwise.
    List(SiteList),
    /// Only the workspace.
    WorkspaceOnly,
    /// Nothing.
    Closed,
}

impl InternetMode {
    /// The words of all modes.
    pub const WORDS: [&'static str; 4] = ["normal", "list", "ent", "closed"];

    /// The word that records and command lines use.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        self.narrowing().map_or("normal", Narrowing::as_str)
    }

    /// How it narrows; `None` where it does not.
    #[must_use]
    pub fn narrowing(&self) -> Option<Narrowing> {
        match self {
            Self::Normal => None,
            Self::List(_) => Some(Narrowing::List),
            Self::WorkspaceOnly => Some(Narrowing::Workspace),
            Self::Closed => Some(Narrowing::Closed),
        }
    }

    /// The sites that it names.
    #[must_use]
    pub fn sites(&self) -> &[DomainName] {
        match self {
            Self::List(sites) => sites.names(),
            Self::Normal | Self::WorkspaceOnly | Self::Closed => &[],
        }
    }

    /// The mode of this word, with the sites of a list.
    ///
    /// # Errors
    /// [`ModeError`] when there is no such mode, or the list is none.
    pub fn read(word: &str, sites: &str) -> Result<Self, ModeError> {
        match word {
            "normal" => Ok(Self::Normal),
            "list" => Ok(Self::List(sites.parse()?)),
            "ent" => Ok(Self::WorkspaceOnly),
            "closed" => Ok(Self::Closed),
            _ => Err(ModeError::Unknown),
        }
    }
}

/// How a lesson narrows what a device may reach: a mode without its sites, as a verdict tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Narrowing {
    /// To a list of sites.
    List,
    /// To the workspace.
    Workspace,
    /// To nothing.
    Closed,
}

impl Narrowing {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::List, Self::Workspace, Self::Closed];

    /// The word that records use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Workspace => "ent",
            Self::Closed => "closed",
        }
    }
}

/// Why there is no such mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModeError {
    /// Another word.
    #[error("a mode is normal, list, ent or closed")]
    Unknown,
    /// The sites are no list.
    #[error(transparent)]
    Sites(#[from] SitesError),
}

/// The sites of a lesson's list: at least one, each once, each with all names under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteList(Vec<DomainName>);

impl SiteList {
    /// The sites, in the order in which they were named.
    #[must_use]
    pub fn names(&self) -> &[DomainName] {
        &self.0
    }

    /// Whether it names this host, or a site above it.
    #[must_use]
    pub fn covers(&self, host: &DomainName) -> bool {
        self.0.iter().any(|site| host.is_under(site))
    }
}

impl FromStr for SiteList {
    type Err = SitesError;

    /// Reads sites as people paste them: names or whole addresses, between spaces, commas or ends of lines. What comes after the
    /// host is left out, and so is `www.`: who names a page wants the site.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_between = |c: char| c.is_whitespace() || c == ',' || c == ';';
        let mut sites: Vec<DomainName> = Vec::new();
        for word in text.split(is_between).filter(|word| !word.is_empty()) {
            let site = read_site(word)?;
            if !sites.contains(&site) {
                sites.push(site);
            }
            if sites.len() > LESSON_SITES_MAX {
                return Err(SitesError::TooMany);
            }
        }
        let list = Self(sites);
        match list.0.len() {
            0 => Err(SitesError::Empty),
            _ if list.to_string().len() > LIST_BYTES_MAX => Err(SitesError::TooMany),
            _ => Ok(list),
        }
    }
}

fn read_site(word: &str) -> Result<DomainName, SitesError> {
    let wrong = |source| SitesError::Site { word: word.into(), source };
    let host = word.split_once("://").map_or(word, |(_, rest)| rest);
    let host = host.split(['/', '?', '#', ':']).next().unwrap_or(host);
    let name = DomainName::parse(host).map_err(wrong)?;
    let bare = name.as_str().strip_prefix("www.").and_then(|bare| DomainName::parse(bare).ok());
    let site = bare.filter(|bare| !bare.is_public_suffix()).unwrap_or(name);
    if site.is_public_suffix() { Err(SitesError::PublicSuffix(word.into())) } else { Ok(site) }
}

impl fmt::Display for SiteList {
    /// With a space between two sites, as it is parsed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, site) in self.0.iter().enumerate() {
            let between = if place == 0 { "" } else { " " };
            write!(f, "{between}{site}")?;
        }
        Ok(())
    }
}

/// Why sites are no list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SitesError {
    /// None is named.
    #[error("the list names no site")]
    Empty,
    /// More than anybody looks at in a lesson.
    #[error("a lesson's list has at most {LESSON_SITES_MAX} sites")]
    TooMany,
    /// Names of all the world lie right under it.
    #[error("`{0}` is a public suffix (fr, gouv.fr), and nobody's site: name one under it")]
    PublicSuffix(Box<str>),
    /// A word that is no site.
    #[error("`{word}` is no site: {source}")]
    Site {
        /// The word.
        word: Box<str>,
        /// Why.
        source: DomainNameError,
    },
}

/// What can be changed of a lesson while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LessonSettings {
    /// Up to when, not included.
    pub until: Timestamp,
    /// What the devices of the room may reach.
    pub internet: InternetMode,
    /// Whether the room has its Wi-Fi.
    pub is_wifi_on: bool,
}

/// A lesson that nobody has kept yet. It is one that may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLesson {
    teacher: PersonName,
    room: RoomName,
    from: Timestamp,
    settings: LessonSettings,
}

impl NewLesson {
    /// A lesson that begins now.
    ///
    /// # Errors
    /// [`UnfitLesson`] when it cannot have this end.
    pub fn new(
        teacher: PersonName,
        room: RoomName,
        from: Timestamp,
        settings: LessonSettings,
    ) -> Result<Self, UnfitLesson> {
        check_end(from, settings.until, from)?;
        Ok(Self { teacher, room, from, settings })
    }

    /// Who has the room.
    #[must_use]
    pub fn teacher(&self) -> &PersonName {
        &self.teacher
    }

    /// Which room.
    #[must_use]
    pub fn room(&self) -> &RoomName {
        &self.room
    }

    /// From when on.
    #[must_use]
    pub fn from(&self) -> Timestamp {
        self.from
    }

    /// How it begins.
    #[must_use]
    pub fn settings(&self) -> &LessonSettings {
        &self.settings
    }

    /// The lesson, once it has a number.
    #[must_use]
    pub fn keep(self, id: LessonId) -> Lesson {
        let Self { teacher, room, from, settings } = self;
        let LessonSettings { until, internet, is_wifi_on } = settings;
        Lesson { id, teacher, room, from, until, internet, is_wifi_on, ended: None }
    }
}

fn check_end(from: Timestamp, until: Timestamp, now: Timestamp) -> Result<(), UnfitLesson> {
    if until <= now {
        return Err(UnfitLesson::Over);
    }
    let ms = until.ms_since(from);
    if ms > u64::from(LESSON_MINUTES_MAX) * MINUTE_MS { Err(UnfitLesson::TooLong) } else { Ok(()) }
}

/// Why a lesson cannot have this end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnfitLesson {
    /// The end is not ahead.
    #[error("the end has passed already")]
    Over,
    /// Longer than a school day.
    #[error("a lesson lasts at most {} hours", LESSON_MINUTES_MAX / 60)]
    TooLong,
}

/// A lesson as the box keeps it. In a room there is one at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// Its number.
    pub id: LessonId,
    /// Who has the room.
    pub teacher: PersonName,
    /// Which room.
    pub room: RoomName,
    /// From when on.
    pub from: Timestamp,
    /// Up to when, not included.
    pub until: Timestamp,
    /// What the devices of the room may reach.
    pub internet: InternetMode,
    /// Whether the room has its Wi-Fi.
    pub is_wifi_on: bool,
    /// How it ended, once that is noted.
    pub ended: Option<LessonEnd>,
}

impl Lesson {
    /// Whether it is under way. By a clock that is not set, or was set back behind its beginning, no lesson is.
    #[must_use]
    pub fn is_running(&self, now: Option<Timestamp>) -> bool {
        self.ended.is_none() && now.is_some_and(|now| (self.from..self.until).contains(&now))
    }

    /// When it was over, or will be. What a clock that was not set says of its end counts for nothing.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        let noted = self.ended.as_ref().map(|end| end.at);
        noted.filter(|at| (self.from..self.until).contains(at)).unwrap_or(self.until)
    }

    /// What can be changed of it.
    #[must_use]
    pub fn settings(&self) -> LessonSettings {
        LessonSettings { until: self.until, internet: self.internet.clone(), is_wifi_on: self.is_wifi_on }
    }

    /// The lesson with these settings from now on.
    ///
    /// # Errors
    /// [`UnfitLesson`] when it cannot have this end.
    pub fn change(self, settings: LessonSettings, now: Timestamp) -> Result<Self, UnfitLesson> {
        check_end(self.from, settings.until, now)?;
        let LessonSettings { until, internet, is_wifi_on } = settings;
        Ok(Self { until, internet, is_wifi_on, ..self })
    }
}

/// How a lesson ended, when, and by whom: its teacher where its time was up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LessonEnd {
    /// When.
    pub at: Timestamp,
    /// How.
    pub how: LessonEnding,
    /// By whom.
    pub by: PersonName,
}

/// How a lesson ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LessonEnding {
    /// Somebody ended it.
    Hand,
    /// A colleague took the room over.
    TakeOver,
    /// Its time was up.
    Time,
}

impl LessonEnding {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Hand, Self::TakeOver, Self::Time];

    /// The word that records and the state file use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hand => "hand",
            Self::TakeOver => "take-over",
            Self::Time => "time",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_795_422_600_000);

    fn after(minutes: i64) -> Timestamp {
        Timestamp::from_unix_ms(NOW.unix_ms() + minutes * 60_000)
    }

    fn settings(minutes: i64) -> LessonSettings {
        LessonSettings { until: after(minutes), internet: InternetMode::Closed, is_wifi_on: true }
    }

    fn new(minutes: i64) -> Result<NewLesson, UnfitLesson> {
        NewLesson::new("Mme Martin".parse().unwrap(), "CM2".parse().unwrap(), NOW, settings(minutes))
    }

    #[test]
    fn a_lesson_has_an_end_within_the_day() {
        assert_eq!(new(0).map(drop), Err(UnfitLesson::Over));
        assert_eq!(new(1).map(drop), Ok(()));
        assert_eq!(new(480).map(drop), Ok(()));
        assert_eq!(new(481).map(drop), Err(UnfitLesson::TooLong));
        let lesson = new(60).unwrap().keep(LessonId::new(7));
        assert_eq!(lesson.clone().change(settings(480), after(59)).map(|it| it.until), Ok(after(480)));
        // Extended again and again, it is still the lesson that began then.
        assert_eq!(lesson.clone().change(settings(481), after(59)).map(drop), Err(UnfitLesson::TooLong));
        assert_eq!(lesson.change(settings(30), after(30)).map(drop), Err(UnfitLesson::Over));
    }

    #[test]
    fn a_lesson_runs_by_a_clock_that_is_set() {
        let lesson = new(60).unwrap().keep(LessonId::new(7));
        for (now, expected) in [
            (Some(after(0)), true),
            (Some(after(59)), true),
            (Some(after(60)), false),
            (Some(after(-1)), false),
            (None, false),
        ] {
            assert_eq!(lesson.is_running(now), expected, "{now:?}");
        }
        let end = LessonEnd { at: after(5), how: LessonEnding::Hand, by: lesson.teacher.clone() };
        let ended = Lesson { ended: Some(end.clone()), ..lesson.clone() };
        assert!(!ended.is_running(Some(after(10))));
        assert_eq!((lesson.end(), ended.end()), (after(60), after(5)));
        // Somebody ended it while the clock showed 1970.
        let unset = LessonEnd { at: Timestamp::from_unix_ms(60_000), ..end };
        assert_eq!(Lesson { ended: Some(unset), ..lesson }.end(), after(60));
    }

    #[test]
    fn sites_are_read_as_people_paste_them() {
        let check = |text: &str, expected: Result<&str, &str>| {
            let list = text.parse::<SiteList>();
            let said = list.as_ref().map(ToString::to_string).map_err(ToString::to_string);
            match expected {
                Ok(expected) => assert_eq!(said.as_deref(), Ok(expected), "{text:?}"),
                Err(expected) => assert!(said.as_ref().unwrap_err().contains(expected), "{said:?}"),
            }
        };
        check("fr.vikidia.org", Ok("fr.vikidia.org"));
        check(
            "https://www.Geoportail.gouv.fr/carte?x=1, fr.vikidia.org;\nvikidia.org:443 fr.vikidia.org",
            Ok("geoportail.gouv.fr fr.vikidia.org vikidia.org"),
        );
        check("https://www.gouv.fr/", Ok("www.gouv.fr"));
        check(" ,; ", Err("names no site"));
        check("gouv.fr", Err("nobody's site"));
        check("une phrase qui explique", Err("`une`"));
        check(&(0..21).map(|it| format!("site{it}.example ")).collect::<String>(), Err("at most 20 sites"));
        let long = format!("{}.example ", ["a".repeat(60), "b".repeat(60)].join("."));
        let many = (0..9).map(|it| format!("site{it}.{long}")).collect::<String>();
        check(&many, Err("at most 20 sites"));
        let list: SiteList = "vikidia.org".parse().unwrap();
        let covers = |host: &str| list.covers(&host.parse().unwrap());
        assert_eq!(["vikidia.org", "fr.vikidia.org", "avikidia.org"].map(covers), [true, true, false]);
    }

    #[test]
    fn modes_have_words() {
        for word in InternetMode::WORDS {
            assert_eq!(InternetMode::read(word, "vikidia.org").unwrap().as_str(), word);
        }
        assert_eq!(InternetMode::read("Closed", ""), Err(ModeError::Unknown));
        assert_eq!(InternetMode::read("list", ""), Err(ModeError::Sites(SitesError::Empty)));
    }
}
