//! How the box is, thing by thing: a level, words, and what to do.

mod machine;

use jiff::tz::TimeZone;
use model::{ClockQuality, Timestamp};

use crate::{
    Firewall, Health, Language, ListOrigin, ListStatus, Listener, SelftestOutcome, SelftestStatus, Service,
    Status, UpdateOutcome, UpdateStatus, Upstream,
};

pub(super) use machine::check_machine;

/// One thing that a technician looks at first.
pub(super) struct Check {
    pub(super) topic: Topic,
    pub(super) name: String,
    pub(super) level: Level,
    pub(super) word: String,
    pub(super) lines: Vec<String>,
}

impl Check {
    pub(super) fn new(language: Language, topic: Topic, (level, lines): (Level, Vec<String>)) -> Self {
        Self { topic, name: language.say(topic.name_key()), level, word: language.say(level.key()), lines }
    }

    /// What somebody should do, where somebody has to.
    pub(super) fn remedy(&self, language: Language) -> Option<String> {
        self.level.needs_attention().then(|| language.say(self.topic.remedy_key()))
    }
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    Journal,
    Keys,
    Sealing,
    List,
    Update,
    Selftest,
    Upstream,
    Firewall,
    Clock,
    Certificate,
    Line,
    School,
    Stranger,
    Hub,
    Configuration,
    Release,
    Disk,
    Memory,
    Temperature,
    AccessPoint,
}

impl Topic {
    /// The word for programs.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Keys => "keys",
            Self::Sealing => "sealing",
            Self::List => "list",
            Self::Update => "update",
            Self::Selftest => "selftest",
            Self::Upstream => "upstream",
            Self::Firewall => "firewall",
            Self::Clock => "clock",
            Self::Certificate => "certificate",
            Self::Line => "line",
            Self::School => "school",
            Self::Stranger => "stranger",
            Self::Hub => "hub",
            Self::Configuration => "configuration",
            Self::Release => "release",
            Self::Disk => "disk",
            Self::Memory => "memory",
            Self::Temperature => "temperature",
            Self::AccessPoint => "access-point",
        }
    }

    fn name_key(self) -> &'static str {
        match self {
            Self::Journal => "home-journal",
            Self::Keys => "diagnosis-keys",
            Self::Sealing => "diagnosis-sealing",
            Self::List => "home-list",
            Self::Update => "home-update",
            Self::Selftest => "home-selftest",
            Self::Upstream => "home-upstream",
            Self::Firewall => "home-firewall",
            Self::Clock => "home-clock",
            Self::Certificate => "certificate-title",
            Self::Line => "diagnosis-line",
            Self::School => "diagnosis-school",
            Self::Stranger => "diagnosis-stranger",
            Self::Hub => "diagnosis-hub",
            Self::Configuration => "diagnosis-configuration",
            Self::Release => "diagnosis-release",
            Self::Disk => "diagnosis-disk",
            Self::Memory => "diagnosis-memory",
            Self::Temperature => "diagnosis-temperature",
            Self::AccessPoint => "diagnosis-access-point",
        }
    }

    fn remedy_key(self) -> &'static str {
        match self {
            Self::Journal => "diagnosis-do-journal",
            Self::Keys => "diagnosis-do-keys",
            Self::Sealing => "diagnosis-do-sealing",
            Self::List => "diagnosis-do-list",
            Self::Update => "diagnosis-do-update",
            Self::Selftest => "diagnosis-do-selftest",
            Self::Upstream => "diagnosis-do-upstream",
            Self::Firewall => "diagnosis-do-firewall",
            Self::Clock => "diagnosis-do-clock",
            Self::Certificate => "diagnosis-do-certificate",
            Self::Line => "diagnosis-do-line",
            Self::School => "diagnosis-do-school",
            Self::Stranger => "diagnosis-do-stranger",
            Self::Hub => "diagnosis-do-hub",
            Self::Configuration => "diagnosis-do-configuration",
            Self::Release => "diagnosis-do-release",
            Self::Disk => "diagnosis-do-disk",
            Self::Memory => "diagnosis-do-memory",
            Self::Temperature => "diagnosis-do-temperature",
            Self::AccessPoint => "diagnosis-do-access-point",
        }
    }
}

/// How it is, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Good,
    Neutral,
    Warning,
    Bad,
}

impl Level {
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Neutral => "neutral",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Good => "home-good",
            Self::Neutral => "home-neutral",
            Self::Warning => "home-warning",
            Self::Bad => "home-bad",
        }
    }

    pub(super) fn needs_attention(self) -> bool {
        matches!(self, Self::Warning | Self::Bad)
    }
}

/// How the box is, thing by thing.
pub(super) fn check_all(language: Language, status: &Status) -> Vec<Check> {
    let check = |topic, found| Check::new(language, topic, found);
    let update = status.update.as_ref();
    let update = update.map(|update| check(Topic::Update, check_update(language, update)));
    let mut checks = vec![
        check(Topic::Journal, check_journal(language, status)),
        check(Topic::List, check_list(language, &status.list)),
    ];
    checks.extend(update);
    let selftest = status.selftest.as_ref();
    checks.extend(selftest.map(|selftest| check(Topic::Selftest, check_selftest(language, selftest))));
    checks.extend([
        check(Topic::Upstream, check_upstreams(language, &status.upstreams)),
        check(Topic::Firewall, check_firewall(language, status.firewall)),
        check(Topic::Clock, check_clock(language, status.clock)),
        check(Topic::Certificate, check_certificate(language, &status.listeners)),
    ]);
    checks
}

fn check_journal(language: Language, status: &Status) -> (Level, Vec<String>) {
    if !status.is_open {
        return (Level::Bad, vec![language.say("home-journal-closed")]);
    }
    let open = language.say("home-journal-open");
    match status.journal_days {
        Some(days) => {
            let days = language.group_digits(days);
            (Level::Warning, vec![open, language.say_with("home-journal-days", &[("days", &days)])])
        }
        None => (Level::Good, vec![open]),
    }
}

fn check_list(language: Language, list: &ListStatus) -> (Level, Vec<String>) {
    let entries = language.group_digits(list.entries);
    let categories = language.group_digits(list.categories);
    let date = match list.origin {
        ListOrigin::Built(Some(at)) => format_date(language, at),
        ListOrigin::Built(None) | ListOrigin::Embedded => None,
    };
    let mut variables = vec![("entries", entries.as_str()), ("categories", &categories)];
    variables.extend(date.as_deref().map(|date| ("date", date)));
    let (level, key) = match (list.origin, &date) {
        (ListOrigin::Embedded, _) => (Level::Warning, "home-list-embedded"),
        (ListOrigin::Built(_), Some(_)) => (Level::Good, "home-list-built"),
        (ListOrigin::Built(_), None) => (Level::Good, "home-list-undated"),
    };
    let mut lines = vec![language.say_with(key, &variables)];
    if !list.missing.is_empty() {
        let missing: Vec<String> =
            list.missing.iter().map(|category| language.name_category(category)).collect();
        lines.push(language.say_with("home-list-missing", &[("categories", &missing.join(", "))]));
    }
    if list.is_refused {
        lines.push(language.say("home-list-refused"));
        return (Level::Bad, lines);
    }
    let is_whole = list.missing.is_empty();
    (if is_whole { level } else { Level::Warning }, lines)
}

/// The day of a moment, by the clock of Greenwich: a list changes at night, and the hour does not matter.
pub(super) fn format_date(language: Language, at: Timestamp) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(at.unix_ms()).ok()?;
    let format = match language {
        Language::French => "%d/%m/%Y",
        Language::English => "%Y-%m-%d",
    };
    Some(at.strftime(format).to_string())
}

fn check_update(language: Language, update: &UpdateStatus) -> (Level, Vec<String>) {
    let moment = |at: Timestamp| format_moment(language, at, &update.time_zone).unwrap_or_default();
    let (level, line) = match update.last {
        None => (Level::Neutral, language.say("home-update-none")),
        Some((at, outcome)) => {
            let (level, key) = match outcome {
                UpdateOutcome::Good => (Level::Good, "home-update-good"),
                UpdateOutcome::Held => (Level::Warning, "home-update-held"),
                UpdateOutcome::Line => (Level::Warning, "home-update-line"),
                UpdateOutcome::Mirror => (Level::Warning, "home-update-mirror"),
                UpdateOutcome::List => (Level::Warning, "home-update-list"),
                UpdateOutcome::Disk => (Level::Bad, "home-update-disk"),
                UpdateOutcome::Ended => (Level::Warning, "home-update-ended"),
            };
            (level, language.say_with(key, &[("date", &moment(at))]))
        }
    };
    let losses = update.held.iter().map(|shrunk| {
        let [before, after] = [shrunk.before, shrunk.after].map(|lines| language.group_digits(lines));
        let category = language.name_category(&shrunk.category);
        language
            .say_with("home-update-loss", &[("category", &category), ("before", &before), ("after", &after)])
    });
    let accept = (!update.held.is_empty()).then(|| language.say("home-update-accept"));
    let next = update.next.map(|at| language.say_with("home-update-next", &[("date", &moment(at))]));
    let level = if update.held.is_empty() || level == Level::Bad { level } else { Level::Warning };
    (level, std::iter::once(line).chain(losses).chain(accept).chain(next).collect())
}

fn check_selftest(language: Language, selftest: &SelftestStatus) -> (Level, Vec<String>) {
    let moment = |at| format_moment(language, at, &selftest.time_zone).unwrap_or_default();
    let next = language.say_with("home-selftest-next", &[("date", &moment(selftest.next))]);
    let Some((at, outcome)) = selftest.last else {
        return (Level::Neutral, vec![language.say("home-selftest-none"), next]);
    };
    let date = moment(at);
    let (level, line) = match outcome {
        SelftestOutcome::Closed { passed, untested } => {
            let [passed, untested] = [passed, untested].map(|count| language.group_digits(count));
            let variables = [("date", date.as_str()), ("passed", &passed), ("untested", &untested)];
            (Level::Good, language.say_with("home-selftest-closed", &variables))
        }
        SelftestOutcome::Unproven => {
            (Level::Warning, language.say_with("home-selftest-unproven", &[("date", &date)]))
        }
        SelftestOutcome::Open { failed } => {
            let failed = language.group_digits(failed);
            let variables = [("date", date.as_str()), ("failed", &failed)];
            (Level::Bad, language.say_with("home-selftest-open", &variables))
        }
        SelftestOutcome::Cut => (Level::Warning, language.say_with("home-selftest-cut", &[("date", &date)])),
        SelftestOutcome::Running => {
            (Level::Neutral, language.say_with("home-selftest-running", &[("date", &date)]))
        }
    };
    (level, vec![line, next])
}

/// A moment as the school's clocks show it.
pub(super) fn format_moment(language: Language, at: Timestamp, time_zone: &TimeZone) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(at.unix_ms()).ok()?.to_zoned(time_zone.clone());
    let format = match language {
        Language::French => "%d/%m/%Y %H:%M",
        Language::English => "%Y-%m-%d %H:%M",
    };
    Some(at.strftime(format).to_string())
}

fn check_upstreams(language: Language, upstreams: &[Upstream]) -> (Level, Vec<String>) {
    if upstreams.is_empty() {
        return (Level::Bad, vec![language.say("home-upstream-none")]);
    }
    let lines = upstreams.iter().map(|upstream| {
        let key = match upstream.health {
            Health::Good => "home-upstream-good",
            Health::Bad => "home-upstream-bad",
            Health::Unknown => "home-upstream-unknown",
        };
        language.say_with(key, &[("server", &upstream.server)])
    });
    let count = |health: Health| upstreams.iter().filter(|upstream| upstream.health == health).count();
    let level = match (count(Health::Good), count(Health::Bad)) {
        (0, 0) => Level::Neutral,
        (_, 0) => Level::Good,
        (_, bad) if bad == upstreams.len() => Level::Bad,
        _ => Level::Warning,
    };
    (level, lines.collect())
}

fn check_firewall(language: Language, firewall: Firewall) -> (Level, Vec<String>) {
    let (level, key) = match firewall {
        Firewall::Applied => (Level::Good, "home-firewall-applied"),
        Firewall::Absent => (Level::Neutral, "home-firewall-absent"),
        Firewall::Failed => (Level::Bad, "home-firewall-failed"),
    };
    (level, vec![language.say(key)])
}

fn check_clock(language: Language, clock: ClockQuality) -> (Level, Vec<String>) {
    let (level, key) = match clock {
        ClockQuality::Synchronised => (Level::Good, "home-clock-synchronised"),
        ClockQuality::Unsynchronised => (Level::Warning, "home-clock-unsynchronised"),
        ClockQuality::Unset => (Level::Bad, "home-clock-unset"),
    };
    (level, vec![language.say(key)])
}

/// With a certificate the portal listens for TLS; without one it does not.
fn check_certificate(language: Language, listeners: &[Listener]) -> (Level, Vec<String>) {
    let is_there = listeners.iter().any(|listener| listener.service == Service::PortalTls);
    let (level, key) = match is_there {
        true => (Level::Good, "home-certificate-good"),
        false => (Level::Warning, "home-certificate-none"),
    };
    (level, vec![language.say(key)])
}
