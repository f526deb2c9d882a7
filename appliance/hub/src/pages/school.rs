//! The pages of one school: how it is and was, its box, its codes, and what the hub keeps of its log.

use askama::Template;
use model::Timestamp;
use replication::{Health, SelftestHealth, read_json};

use super::bar::Bar;
use super::fleet::since;
use super::frame::{Frame, Place, render};
use super::plot::{Series, draw};
use super::spelling::spell;
use super::words::{Told, name_level, sign, tell, tone};
use crate::fleet::Sight;
use crate::register::history::{Kept, Report, SignedState};
use crate::register::people::{Duty, Member};
use crate::register::{BoxState, OpenCode, StoredFile};

const DAY_MS: i64 = 86_400_000;
/// Rows of the table beside the plots: a month.
const ROWS_MAX: usize = 31;
/// Files and checkpoints that a page shows: a year has 365 days, and a day some parts.
pub(crate) const SHOWN_MAX: usize = 1_000;

/// What the page of a school is made of.
pub(crate) struct SchoolPage<'a> {
    pub(crate) place: Place<'a>,
    pub(crate) bar: Bar,
    pub(crate) member: &'a Member,
    pub(crate) sight: &'a Sight,
    pub(crate) standings: &'a [Kept],
    pub(crate) boxes: &'a [BoxState],
    pub(crate) codes: &'a [OpenCode],
    pub(crate) reports: &'a [Report],
}

#[derive(Template)]
#[template(path = "school.html")]
struct View<'a> {
    frame: Frame<'a>,
    tone: &'static str,
    sign: &'static str,
    level: String,
    since: Option<String>,
    uai: &'a str,
    name: &'a str,
    rooms: String,
    told: Vec<Shown>,
    machine: Vec<(String, String)>,
    present: Option<u64>,
    past: Vec<(u64, String)>,
    codes: Vec<(String, String)>,
    plots: Vec<(String, String)>,
    figures: Vec<Figures>,
    may_act: bool,
}

struct Shown {
    tone: &'static str,
    word: String,
    told: Told,
}

/// What a box said on one day.
struct Figures {
    day: String,
    cells: [String; 4],
}

impl SchoolPage<'_> {
    /// The page.
    pub(crate) fn render(self) -> String {
        let Self { place, bar, member, sight, standings, boxes, codes, reports } = self;
        let level = sight.level();
        let said: Vec<(Timestamp, Health)> =
            reports.iter().filter_map(|it| Some((it.at, read_json(it.health.as_bytes())?))).collect();
        let shown = |told: Told| Shown { tone: tone(told.level), word: name_level(place, told.level), told };
        let past = boxes.iter().filter_map(|state| Some((state.id.0, place.moment(state.revoked?))));
        render(&View {
            tone: tone(level),
            sign: sign(level),
            level: name_level(place, level),
            since: since(sight, standings).map(|at| place.moment(at)),
            uai: &sight.school.uai,
            name: &sight.school.name,
            rooms: sight.school.rooms.join(", "),
            told: sight.findings.iter().map(|finding| shown(tell(place, *finding))).collect(),
            machine: describe(place, sight),
            present: sight.present.as_ref().map(|state| state.id.0),
            past: past.collect(),
            codes: codes.iter().map(|code| (code.number.to_string(), place.moment(code.until))).collect(),
            plots: plot(place, &said),
            figures: said.iter().rev().take(ROWS_MAX).map(|(at, it)| figures(place, *at, it)).collect(),
            may_act: member.may(Duty::Technician),
            frame: Frame::new(place, Some(bar)),
        })
    }
}

/// What the box is, as it said last.
fn describe(place: Place<'_>, sight: &Sight) -> Vec<(String, String)> {
    let Some(state) = &sight.present else { return Vec::new() };
    let mut lines = vec![
        (place.say("school-box"), state.id.0.to_string()),
        (place.say("school-enrolled"), place.moment(state.enrolled)),
    ];
    let Some(seen) = state.seen else { return lines };
    lines.push((place.say("school-seen"), place.moment(seen)));
    lines.push((place.say("school-version"), state.version.clone()));
    let Some(health) = &sight.health else { return lines };
    let moment = |ms: i64| place.moment(Timestamp::from_unix_ms(ms));
    let room = |free: Option<u64>, all: Option<u64>| {
        Some(place.say_with("school-room", &[("free", &bytes(free?)), ("all", &bytes(all?))]))
    };
    let found = [
        ("school-disk", room(health.disk_free_bytes, health.disk_bytes)),
        ("school-memory", room(health.memory_free_bytes, health.memory_bytes)),
        ("school-temperature", health.temperature_c.map(|degrees| format!("{degrees}\u{a0}°C"))),
        (
            "school-up",
            health
                .up_s
                .map(|seconds| place.say_with("school-days", &[("days", &(seconds / 86_400).to_string())])),
        ),
        ("school-list", health.list_ms.map(moment)),
        ("school-sealed", health.sealed_ms.map(moment)),
        ("school-log", health.log_size.map(|size| format!("{} / {size}", state.log_size))),
        ("school-certificate", health.certificate_until_ms.map(moment)),
        ("school-policy", health.policy_serial.map(|serial| serial.to_string())),
    ];
    lines.extend(found.into_iter().filter_map(|(key, value)| Some((place.say(key), value?))));
    if let Some(library) = &health.library {
        let (here, all) = (library.here.len().to_string(), library.wanted.to_string());
        let told = place.say_with("content-here", &[("here", &here), ("all", &all)]);
        lines.push((place.say("school-library"), told));
    }
    if let Some(selftest) = &health.selftest {
        lines.push((place.say("school-selftest"), describe_selftest(place, selftest)));
    }
    lines
}

/// When the filter was attacked last, and what came of it.
fn describe_selftest(place: Place<'_>, selftest: &SelftestHealth) -> String {
    let SelftestHealth { at_ms, outcome, passed, failed, untested, names, .. } = selftest;
    let key = match outcome.as_str() {
        SelftestHealth::CLOSED => "selftest-closed",
        SelftestHealth::OPEN => "selftest-open",
        SelftestHealth::UNPROVEN => "selftest-unproven",
        _ => "selftest-cut",
    };
    let when = place.moment(Timestamp::from_unix_ms(*at_ms));
    let [passed, failed, untested] = [passed, failed, untested].map(u32::to_string);
    let word = place.say_with(key, &[("passed", &passed), ("failed", &failed), ("untested", &untested)]);
    if names.is_empty() {
        return format!("{when} – {word}");
    }
    format!("{when} – {word} ({})", names.join(", "))
}

/// Bytes as people read them.
fn bytes(count: u64) -> String {
    const STEPS: [(u32, &str); 3] = [(30, "Go"), (20, "Mo"), (10, "Ko")];
    let step = STEPS.into_iter().find(|(shift, _)| count >> shift >= 10).unwrap_or((10, "Ko"));
    format!("{}\u{a0}{}", count >> step.0, step.1)
}

fn part(free: Option<u64>, all: Option<u64>) -> Option<i64> {
    let percent = free?.saturating_mul(100).checked_div(all?)?;
    i64::try_from(percent).ok()
}

fn list_days(at: Timestamp, health: &Health) -> Option<i64> {
    health.list_ms.map(|list| (at.unix_ms().saturating_sub(list) / DAY_MS).max(0))
}

/// The plots: the disk, the list's age, the temperature, the log.
fn plot(place: Place<'_>, said: &[(Timestamp, Health)]) -> Vec<(String, String)> {
    let (Some((first, _)), Some((last, _))) = (said.first(), said.last()) else { return Vec::new() };
    let ends = [place.day(*first), place.day(*last)];
    let pick = |value: &dyn Fn(Timestamp, &Health) -> Option<i64>| -> Vec<(Timestamp, i64)> {
        said.iter().filter_map(|(at, health)| Some((*at, value(*at, health)?))).collect()
    };
    let all = [
        ("disk", pick(&|_, it| part(it.disk_free_bytes, it.disk_bytes)), 100, "\u{a0}%"),
        ("list", pick(&list_days), 7, "\u{a0}j"),
        ("temperature", pick(&|_, it| it.temperature_c.map(i64::from)), 90, "\u{a0}°"),
        ("log", pick(&|_, it| it.log_size.and_then(|size| i64::try_from(size).ok())), 10, ""),
    ];
    let drawn = all.into_iter().filter(|(_, points, ..)| !points.is_empty());
    drawn
        .map(|(name, points, top, unit)| {
            let values = || points.iter().map(|(_, value)| *value);
            let [least, most, now] = [values().min(), values().max(), values().next_back()]
                .map(|value| value.unwrap_or_default().to_string());
            let variables = [("least", least.as_str()), ("most", most.as_str()), ("last", now.as_str())];
            let title = place.say(&format!("plot-{name}"));
            let picture = draw(&Series {
                name,
                title: title.clone(),
                description: place.say_with("plot-description", &variables),
                points,
                top,
                unit,
                ends: ends.clone(),
            });
            (title, picture)
        })
        .collect()
}

fn figures(place: Place<'_>, at: Timestamp, health: &Health) -> Figures {
    let cells = [
        part(health.disk_free_bytes, health.disk_bytes).map(|percent| format!("{percent}\u{a0}%")),
        list_days(at, health).map(|days| days.to_string()),
        health.temperature_c.map(|degrees| format!("{degrees}\u{a0}°C")),
        health.log_size.map(|size| size.to_string()),
    ];
    Figures { day: place.day(at), cells: cells.map(|cell| cell.unwrap_or_else(|| "–".to_owned())) }
}

#[derive(Template)]
#[template(path = "code.html")]
struct CodeView<'a> {
    frame: Frame<'a>,
    uai: &'a str,
    name: &'a str,
    code: &'a str,
    groups: Vec<Vec<(char, String)>>,
    until: String,
    is_replacement: bool,
    url: &'a str,
}

/// A code, shown once.
pub(crate) fn code(
    place: Place<'_>,
    bar: Bar,
    school: (&str, &str),
    made: (&str, Timestamp, bool),
    url: &str,
) -> String {
    let ((uai, name), (code, until, is_replacement)) = (school, made);
    let (groups, until) = (spell(code), place.moment(until));
    render(&CodeView {
        frame: Frame::new(place, Some(bar)),
        uai,
        name,
        code,
        groups,
        until,
        is_replacement,
        url,
    })
}

#[derive(Template)]
#[template(path = "archive.html")]
struct ArchiveView<'a> {
    frame: Frame<'a>,
    uai: &'a str,
    name: &'a str,
    id: u64,
    log_key: &'a str,
    witness: &'a str,
    signed: Vec<(u64, String)>,
    files: Vec<FileLine>,
    count: usize,
    total: String,
}

struct FileLine {
    name: String,
    bytes: String,
    until: String,
    hash: String,
}

/// What the hub keeps of a box's log: that it is there, never what is in it.
pub(crate) fn archive(
    place: Place<'_>,
    bar: Bar,
    (school, state): (&str, &BoxState),
    witness: &str,
    (signed, stored): (&[SignedState], &[StoredFile]),
) -> String {
    let line = |file: &StoredFile| FileLine {
        name: file.name.clone(),
        bytes: bytes(file.bytes),
        until: place.day(file.until),
        hash: file.hash.to_string(),
    };
    let total = stored.iter().fold(0_u64, |sum, file| sum.saturating_add(file.bytes));
    render(&ArchiveView {
        frame: Frame::new(place, Some(bar)),
        uai: &state.uai,
        name: school,
        id: state.id.0,
        log_key: &state.log_key,
        witness,
        signed: signed.iter().map(|it| (it.size, place.moment(it.at))).collect(),
        files: stored.iter().rev().take(SHOWN_MAX).map(line).collect(),
        count: stored.len(),
        total: bytes(total),
    })
}
