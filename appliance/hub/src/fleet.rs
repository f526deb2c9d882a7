//! How schools are: green, amber, red, since when, and what there is to do. Pure: what the register has comes in, with the time.

mod selftest;

use std::collections::BTreeMap;

use model::Timestamp;
use replication::{Health, ReleaseHealth, School, read_json};

use crate::register::BoxState;
use crate::register::history::Level;
use crate::register::web::{WebFailure, WebOrder};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// A box comes once a night, at a minute of its own, and makes up for a missed night until the evening: who has not come for so long
/// has missed one.
const NIGHT_GRACE_MS: i64 = 12 * HOUR_MS;
/// Free room on a disk, in hundredths of it, below which somebody should look, and has to. A year of a large school's log takes less
/// than a hundredth.
const DISK_AMBER: u64 = 10;
const DISK_RED: u64 = 3;
/// The same of memory. A box whose memory is full is slow, and not broken.
const MEMORY_AMBER: u64 = 5;
/// Days without another list: it changes each day.
const LIST_DAYS_AMBER: i64 = 7;
const LIST_DAYS_RED: i64 = 30;
/// Days before a certificate's end: it is renewed when two thirds of its year are over, 122 days before.
const CERTIFICATE_DAYS_AMBER: i64 = 90;
const CERTIFICATE_DAYS_RED: i64 = 14;
/// Days before the end of a certificate for the commune's names: public authorities give ninety, and another one is asked for when thirty are left.
const WEB_DAYS_AMBER: i64 = 21;
const WEB_DAYS_RED: i64 = 7;
/// Days without a certificate that the box has asked for: with nobody's failure known, it may be signed by hand; and where browsers warn meanwhile.
const UNCERTIFIED_DAYS_AMBER: i64 = 2;
const UNCERTIFIED_DAYS_RED: i64 = 7;
/// Days since something was sealed: that happens each night.
const SEALED_DAYS_AMBER: i64 = 3;
const SEALED_DAYS_RED: i64 = 10;
/// How far a clock may be off: records are told apart by the second, and a class by the minute.
const CLOCK_AMBER_MS: u64 = 60_000;
const CLOCK_RED_MS: u64 = 600_000;
/// Degrees at which processors slow down.
const TEMPERATURE_AMBER_C: i32 = 85;

/// Something about a school.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// No box has enrolled for it.
    NoBox,
    /// It had one, which was revoked.
    Revoked(Timestamp),
    /// Its box enrolled, and has not come yet.
    NeverCame(Timestamp),
    /// Its box has not come for so many nights.
    Absent {
        /// How many.
        nights: i64,
        /// When it came last.
        since: Timestamp,
        /// Whether somebody has to see to it.
        is_long: bool,
    },
    /// What its box said cannot be read.
    Unreadable,
    /// So many hundredths of the disk are free.
    Disk(u64),
    /// So many hundredths of the memory are.
    Memory(u64),
    /// It has no list of sites.
    NoList,
    /// Its list is so many days old.
    List(i64),
    /// Its certificate for the hub ends in so many days.
    Certificate(i64),
    /// The hub has not signed so many entries of its log.
    Unsigned(u64),
    /// Nothing was sealed for so many days.
    Sealed(i64),
    /// So many sealed files stay on it, because the school has no readers.
    Plain(u64),
    /// Its certificate for the commune's names ends in so many days.
    Web(i64),
    /// What its box has asked for the commune's names is not certified.
    Uncertified(Uncertified),
    /// It does not know the time.
    NoClock,
    /// Its clock is off by so many seconds.
    Clock(u64),
    /// Its processor is so warm.
    Warm(i32),
    /// It works by another number of the commune's policy than the last one.
    Policy(u64),
    /// A release of its system failed there, and it went back to the one before.
    Release,
    /// It has not taken what the commune decides of its configuration.
    Configuration,
    /// Its last self-test found ways around the filter.
    Open {
        /// How many.
        failed: u32,
        /// Since when no self-test has shown that all is closed.
        since: Timestamp,
        /// Whether that is so for days.
        is_long: bool,
    },
    /// Its self-tests come to nothing since then.
    Untested(Timestamp),
    /// Its last self-test is so many days old.
    Selftest(i64),
}

/// A certificate for the commune's names that does not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uncertified {
    /// Since when the box asks for it.
    pub since: Timestamp,
    /// Why the last try has failed; `None` where nobody has failed.
    pub failure: Option<WebFailure>,
    /// When it was tried last, and from when on it is tried again.
    pub tried: Option<(Timestamp, Timestamp)>,
    /// Whether browsers warn of the box, and have for days.
    pub is_long: bool,
}

impl Finding {
    /// How much it is to do with.
    #[must_use]
    pub fn level(self) -> Level {
        let red_if = |is_red: bool| if is_red { Level::Red } else { Level::Amber };
        match self {
            Self::NoBox => Level::Idle,
            Self::Revoked(_) | Self::NoList | Self::NoClock => Level::Red,
            Self::NeverCame(_)
            | Self::Memory(_)
            | Self::Unsigned(_)
            | Self::Plain(_)
            | Self::Warm(_)
            | Self::Policy(_)
            | Self::Release
            | Self::Configuration
            | Self::Untested(_)
            | Self::Selftest(_)
            | Self::Unreadable => Level::Amber,
            Self::Absent { is_long, .. } | Self::Open { is_long, .. } => red_if(is_long),
            Self::Disk(percent) => red_if(percent < DISK_RED),
            Self::List(days) => red_if(days >= LIST_DAYS_RED),
            Self::Certificate(days) => red_if(days < CERTIFICATE_DAYS_RED),
            Self::Sealed(days) => red_if(days >= SEALED_DAYS_RED),
            Self::Web(days) => red_if(days < WEB_DAYS_RED),
            Self::Uncertified(it) => red_if(it.is_long),
            Self::Clock(seconds) => red_if(seconds >= CLOCK_RED_MS / 1_000),
        }
    }

    /// Its name, for programs, and what pages say of it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoBox => "no-box",
            Self::Revoked(_) => "revoked",
            Self::NeverCame(_) => "never-came",
            Self::Absent { .. } => "absent",
            Self::Unreadable => "unreadable",
            Self::Disk(_) => "disk",
            Self::Memory(_) => "memory",
            Self::NoList => "no-list",
            Self::List(_) => "list",
            Self::Certificate(_) => "certificate",
            Self::Unsigned(_) => "unsigned",
            Self::Sealed(_) => "sealed",
            Self::Plain(_) => "plain",
            Self::Web(_) => "web",
            Self::Uncertified(_) => "uncertified",
            Self::NoClock => "no-clock",
            Self::Clock(_) => "clock",
            Self::Warm(_) => "warm",
            Self::Policy(_) => "policy",
            Self::Release => "release",
            Self::Configuration => "configuration",
            Self::Open { .. } => "open",
            Self::Untested(_) => "untested",
            Self::Selftest(_) => "selftest",
        }
    }

    /// The number in what is said of it.
    #[must_use]
    pub fn number(self) -> Option<i64> {
        let wide = |number: u64| Some(i64::try_from(number).unwrap_or(i64::MAX));
        match self {
            Self::Absent { nights, .. } => Some(nights),
            Self::Open { failed, .. } => Some(i64::from(failed)),
            Self::List(days)
            | Self::Certificate(days)
            | Self::Sealed(days)
            | Self::Web(days)
            | Self::Selftest(days) => Some(days),
            Self::Disk(number)
            | Self::Memory(number)
            | Self::Unsigned(number)
            | Self::Plain(number)
            | Self::Clock(number)
            | Self::Policy(number) => wide(number),
            Self::Warm(degrees) => Some(i64::from(degrees)),
            Self::NoBox
            | Self::Revoked(_)
            | Self::NeverCame(_)
            | Self::Unreadable
            | Self::NoList
            | Self::Uncertified(_)
            | Self::NoClock
            | Self::Release
            | Self::Configuration
            | Self::Untested(_) => None,
        }
    }
}

/// A school with its boxes, and what there is to say of it.
#[derive(Clone, Debug)]
pub struct Sight {
    /// The school.
    pub school: School,
    /// The box that it has.
    pub present: Option<BoxState>,
    /// What that said of itself.
    pub health: Option<Health>,
    /// What there is to say; the worst first.
    pub findings: Vec<Finding>,
}

impl Sight {
    /// How the school is: as its worst finding.
    #[must_use]
    pub fn level(&self) -> Level {
        self.findings.iter().map(|finding| finding.level()).max().unwrap_or(Level::Green)
    }
}

/// What all schools are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// What the time is.
    pub now: Timestamp,
    /// After how many nights without its box a school is red.
    pub nights: u32,
    /// The number of the commune's policy; 0 where there is none.
    pub serial: u64,
    /// Since when it is.
    pub published: Timestamp,
}

/// Judges all schools, with what their boxes wait for to be certified; the worst first, then by name.
#[must_use]
pub fn judge_all(
    schools: Vec<School>,
    boxes: Vec<BoxState>,
    pending: &[WebOrder],
    measure: &Measure,
) -> Vec<Sight> {
    let mut of_school: BTreeMap<String, Vec<BoxState>> = BTreeMap::new();
    for state in boxes {
        of_school.entry(state.uai.clone()).or_default().push(state);
    }
    let judge = |school: School| {
        let boxes = of_school.remove(&school.uai).unwrap_or_default();
        judge(school, boxes, pending, measure)
    };
    let mut sights: Vec<Sight> = schools.into_iter().map(judge).collect();
    sights.sort_by(|one, other| {
        other.level().cmp(&one.level()).then_with(|| one.school.name.cmp(&other.school.name))
    });
    sights
}

/// Judges a school by its boxes, those that were revoked among them, and by what is not certified yet of all schools.
#[must_use]
pub fn judge(school: School, boxes: Vec<BoxState>, pending: &[WebOrder], measure: &Measure) -> Sight {
    let revoked = boxes.iter().filter_map(|state| state.revoked).max();
    let present = boxes.into_iter().rfind(|state| state.revoked.is_none());
    let health: Option<Health> =
        present.as_ref().and_then(|state| state.health.as_ref()).and_then(|text| read_json(text.as_bytes()));
    let mut findings = match (&present, revoked) {
        (Some(state), _) => judge_box(state, health.as_ref(), measure),
        (None, Some(at)) => vec![Finding::Revoked(at)],
        (None, None) => vec![Finding::NoBox],
    };
    let order = pending.iter().find(|order| present.is_some() && order.uai == school.uai);
    findings.extend(order.and_then(|order| judge_order(order, health.as_ref(), measure.now)));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level()));
    Sight { school, present, health, findings }
}

fn judge_box(state: &BoxState, health: Option<&Health>, measure: &Measure) -> Vec<Finding> {
    let Some(seen) = state.seen else { return vec![Finding::NeverCame(state.enrolled)] };
    let nights = measure.now.unix_ms().saturating_sub(seen.unix_ms()).saturating_sub(NIGHT_GRACE_MS) / DAY_MS;
    let absent = (nights > 0).then(|| Finding::Absent {
        nights,
        since: seen,
        is_long: nights >= i64::from(measure.nights),
    });
    let said = match health {
        Some(health) => judge_health(state, health, seen, measure),
        None => vec![Finding::Unreadable],
    };
    absent.into_iter().chain(said).collect()
}

/// A request of which nothing was made: at once where somebody has failed, else after some days.
fn judge_order(order: &WebOrder, health: Option<&Health>, now: Timestamp) -> Option<Finding> {
    let days = now.unix_ms().saturating_sub(order.since.unix_ms()) / DAY_MS;
    let failure = order.failure.as_ref().map(|(failure, _)| *failure);
    if failure.is_none() && days < UNCERTIFIED_DAYS_AMBER {
        return None;
    }
    // Of one that is good still, its end is told.
    let until_ms = health.and_then(|health| health.web_until_ms);
    let has_one = until_ms.is_some_and(|until_ms| until_ms > now.unix_ms());
    let is_long = days >= UNCERTIFIED_DAYS_RED && !has_one;
    Some(Finding::Uncertified(Uncertified { since: order.since, failure, tried: order.tried, is_long }))
}

fn judge_health(state: &BoxState, health: &Health, seen: Timestamp, measure: &Measure) -> Vec<Finding> {
    // What a box said holds for the time when it said it, but for what goes on without it.
    let days_since = |at: i64| measure.now.unix_ms().saturating_sub(at) / DAY_MS;
    let part = |free: Option<u64>, all: Option<u64>| {
        free.zip(all).and_then(|(free, all)| free.saturating_mul(100).checked_div(all))
    };
    let list = match health.list_ms.map(|at| seen.unix_ms().saturating_sub(at) / DAY_MS) {
        None => Some(Finding::NoList),
        Some(days) => (days >= LIST_DAYS_AMBER).then_some(Finding::List(days)),
    };
    let certificate = health.certificate_until_ms.map(|until| -days_since(until));
    let web = health.web_until_ms.map(|until| -days_since(until));
    let sealed = health.sealed_ms.map(|at| seen.unix_ms().saturating_sub(at) / DAY_MS);
    let unsigned = health.log_size.map(|size| size.saturating_sub(state.log_size));
    let off_ms = health.now_ms.abs_diff(seen.unix_ms());
    let clock = match health.clock.as_str() {
        "unset" => Some(Finding::NoClock),
        _ => (off_ms >= CLOCK_AMBER_MS).then_some(Finding::Clock(off_ms / 1_000)),
    };
    // A box tells how it is before it takes what is new: with the second night, it has to have it.
    let policy = health
        .policy_serial
        .filter(|_| seen.unix_ms().saturating_sub(measure.published.unix_ms()) >= DAY_MS + NIGHT_GRACE_MS);
    let found = [
        part(health.disk_free_bytes, health.disk_bytes).filter(|it| *it < DISK_AMBER).map(Finding::Disk),
        part(health.memory_free_bytes, health.memory_bytes)
            .filter(|it| *it < MEMORY_AMBER)
            .map(Finding::Memory),
        list,
        certificate.filter(|days| *days < CERTIFICATE_DAYS_AMBER).map(Finding::Certificate),
        web.filter(|days| *days < WEB_DAYS_AMBER).map(Finding::Web),
        unsigned.filter(|count| *count > 0).map(Finding::Unsigned),
        sealed.filter(|days| *days >= SEALED_DAYS_AMBER).map(Finding::Sealed),
        health.plain_files.filter(|count| *count > 0).map(Finding::Plain),
        clock,
        health.temperature_c.filter(|degrees| *degrees >= TEMPERATURE_AMBER_C).map(Finding::Warm),
        policy.filter(|serial| *serial != measure.serial).map(Finding::Policy),
        health.release.as_ref().and_then(ReleaseHealth::failure).map(|_| Finding::Release),
        health.configuration.as_ref().and_then(|it| it.refused.as_ref()).map(|_| Finding::Configuration),
    ];
    let tested = health.selftest.iter().flat_map(|it| selftest::judge(it, seen));
    found.into_iter().flatten().chain(tested).collect()
}

#[cfg(test)]
mod tests;
