//! The portal's home page: the box at a glance.

use std::net::IpAddr;

use askama::Template;
use jiff::tz::TimeZone;
use model::{ClockQuality, NewPreparation, Subject, Timestamp};

use super::frame::{Detail, Frame, describe_subject, render};
use super::{Certificate, Place, Why};
use crate::{
    Firewall, Health, Language, ListOrigin, ListStatus, Listener, SelftestOutcome, SelftestStatus, Service,
    Status, TrialKind, UpdateOutcome, UpdateStatus, Upstream,
};

/// Says whether the web is open, who the visitor is for the box, what works, what listens, what to try.
#[derive(Clone, Copy, Debug)]
pub struct Home<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// How the box is.
    pub status: &'a Status,
    /// Who looks at the page.
    pub visitor: &'a Subject,
    /// From which address.
    pub client: IpAddr,
    /// What is prepared for lessons.
    pub prepared: &'a [NewPreparation],
}

#[derive(Template)]
#[template(path = "home.html")]
struct View<'a> {
    frame: Frame<'a>,
    tone: &'static str,
    headline: String,
    lead: String,
    is_known: bool,
    register: Option<String>,
    visitor: Vec<Detail>,
    prepared: Vec<(String, &'a str)>,
    why_path: &'static str,
    certificate_path: &'static str,
    checks: Vec<Check>,
    services: Vec<Detail>,
    trials: Vec<Detail>,
    version: &'a str,
}

/// One thing that a technician looks at first.
struct Check {
    name: String,
    level: Level,
    word: String,
    lines: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Good,
    Neutral,
    Warning,
    Bad,
}

impl Level {
    fn class(self) -> &'static str {
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

    fn needs_attention(self) -> bool {
        matches!(self, Self::Warning | Self::Bad)
    }
}

impl Home<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let checks = check_all(language, self.status);
        let (tone, headline, lead) = match checks.iter().filter(|check| check.level.needs_attention()).count()
        {
            _ if !self.status.is_open => ("bad", language.say("home-closed"), "home-closed-lead"),
            0 => ("good", language.say("home-open"), "home-open-lead"),
            1 => ("warning", language.say("home-watch"), "home-watch-lead"),
            several => {
                let count = several.to_string();
                ("warning", language.say_with("home-watch-several", &[("count", &count)]), "home-watch-lead")
            }
        };
        render(&View {
            frame: Frame::new(self.place, language),
            tone,
            headline,
            lead: language.say(lead),
            is_known: matches!(self.visitor, Subject::Device(_)),
            register: self.register_command(),
            visitor: self.describe_visitor(language),
            prepared: self.prepared.iter().map(|it| (it.place.to_string(), it.title.as_str())).collect(),
            why_path: Why::PATH,
            certificate_path: Certificate::PATH,
            checks,
            services: list_services(language, self.status),
            trials: list_trials(language, self.status),
            version: &self.status.version,
        })
    }

    /// The command that makes an unknown device a known one.
    fn register_command(&self) -> Option<String> {
        match self.visitor {
            Subject::Unknown(unknown) => {
                let mac = unknown.mac?.of_a_machine().ok()?;
                Some(format!("preau device add {mac} --name \"CM2-04\" --room CM2 --profile elementaire"))
            }
            Subject::Device(_) => None,
        }
    }

    fn describe_visitor(&self, language: Language) -> Vec<Detail> {
        let mut details = describe_subject(language, self.visitor);
        details.push(Detail::new(language.say("home-address"), self.client.to_string()));
        if let Some(mac) = self.visitor.mac() {
            details.push(Detail::new(language.say("home-mac"), mac.to_string()));
        }
        details
    }
}

fn check_all(language: Language, status: &Status) -> Vec<Check> {
    let check = |name: &str, (level, lines): (Level, Vec<String>)| Check {
        name: language.say(name),
        level,
        word: language.say(level.key()),
        lines,
    };
    let update = status.update.as_ref();
    let update = update.map(|update| check("home-update", check_update(language, update)));
    let mut checks = vec![
        check("home-journal", check_journal(language, status)),
        check("home-list", check_list(language, &status.list)),
    ];
    checks.extend(update);
    let selftest = status.selftest.as_ref();
    checks.extend(selftest.map(|selftest| check("home-selftest", check_selftest(language, selftest))));
    checks.extend([
        check("home-upstream", check_upstreams(language, &status.upstreams)),
        check("home-firewall", check_firewall(language, status.firewall)),
        check("home-clock", check_clock(language, status.clock)),
        check("certificate-title", check_certificate(language, &status.listeners)),
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
fn format_date(language: Language, at: Timestamp) -> Option<String> {
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

/// One line a service, with all its addresses.
fn list_services(language: Language, status: &Status) -> Vec<Detail> {
    let mut listeners = status.listeners.clone();
    listeners.sort_by_key(|listener| (listener.service, listener.address));
    let mut services: Vec<Detail> = Vec::new();
    for listener in listeners {
        let name = language.say(match listener.service {
            Service::Dns => "home-service-dns",
            Service::DnsTls => "home-service-dns-tls",
            Service::GateTls => "home-service-tls",
            Service::GateHttp => "home-service-http",
            Service::ExplicitProxy => "home-service-proxy",
            Service::Portal => "home-service-portal",
            Service::PortalTls => "home-service-portal-tls",
        });
        let address = listener.address.to_string();
        match services.last_mut() {
            Some(last) if last.name == name => last.value = format!("{}, {address}", last.value),
            _ => services.push(Detail::new(name, address)),
        }
    }
    services
}

fn list_trials(language: Language, status: &Status) -> Vec<Detail> {
    let name = |kind: TrialKind| match kind {
        TrialKind::Refused => "home-trial-refused",
        TrialKind::Permitted => "home-trial-permitted",
        TrialKind::Journal => "home-trial-journal",
    };
    let trials = status.trials.iter();
    trials.map(|trial| Detail::new(language.say(name(trial.kind)), trial.command.as_str())).collect()
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
