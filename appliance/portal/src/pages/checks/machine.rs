//! The machine, its line, its certificates, its hub, the access points.

use model::Timestamp;

use super::{Check, Level, Topic, check_all, format_date};
use crate::diagnosis::{
    AccessPoint, Certificates, Configuration, Diagnosis, Disk, Hub, Line, Machine, ReleaseStage, Sealing,
    SystemFailure, SystemRelease,
};
use crate::pages::people::tell_line;
use crate::{Language, LineSeat, ListOrigin, ListStatus, Status, WifiStatus};

const GIGABYTE: u64 = 1_000_000_000;
const MEGABYTE: u64 = 1_000_000;
const DAY_MS: u64 = 86_400_000;
const DAY_S: u64 = 86_400;
/// A list that is older is a list of yesterday's Internet: the mirror has a new one each night, and a line is mended in a week.
const LIST_DAYS_MAX: u64 = 14;
/// Below so many hundredths of its memory a machine is about to slow down, or to end programs.
const MEMORY_PERCENT_WARNING: u64 = 10;
const MEMORY_PERCENT_BAD: u64 = 4;
/// Where small machines begin to slow down by themselves, and where they switch themselves off soon.
const WARM_C: i32 = 80;
const HOT_C: i32 = 92;
/// A certificate with so few days left is not made anew as it should be.
const CERTIFICATE_DAYS_MIN: u64 = 3;
/// For so many days nothing is lost by a hub that is away: a line is down over a weekend now and then.
const HUB_DAYS_MAX: u64 = 3;
/// A release that waits for so many days has met no night in which the box was on.
const RELEASE_DAYS_MAX: u64 = 7;
/// What waits to be sealed for so many days is not sealed for some reason: a box that was off seals when it starts.
const UNSEALED_DAYS: u64 = 3;

/// How the box and its machine are, thing by thing.
pub(in crate::pages) fn check_machine(
    language: Language,
    status: &Status,
    diagnosis: &Diagnosis,
) -> Vec<Check> {
    let mut checks = check_all(language, status);
    for check in &mut checks {
        if check.topic == Topic::List {
            age_list(language, check, &status.list, diagnosis.at);
        } else if check.topic == Topic::Certificate {
            date_certificates(language, check, diagnosis.certificates, diagnosis.at);
        }
    }
    let check = |topic, found| Check::new(language, topic, found);
    let mut first = Vec::new();
    first.extend(
        diagnosis
            .line
            .map(|line| check(Topic::Line, check_line(language, line, diagnosis.line_seat.as_ref()))),
    );
    // At night a switch may be off; by day nobody is there who could say so on a page, and the screen does.
    if diagnosis.is_school_unplugged {
        first.push(check(Topic::School, (Level::Warning, vec![language.say("diagnosis-school-down")])));
    }
    let strangers = status.selftest.iter().flat_map(|selftest| &selftest.strangers);
    let told: Vec<String> =
        strangers.map(|who| language.say_with("diagnosis-stranger-told", &[("who", who)])).collect();
    if !told.is_empty() {
        first.push(check(Topic::Stranger, (Level::Bad, told)));
    }
    first.extend(checks);
    if let Some(Sealing { has_readers, waits_since }) = diagnosis.sealing {
        first.push(check(Topic::Keys, check_keys(language, has_readers)));
        first.push(check(Topic::Sealing, check_sealing(language, waits_since, diagnosis.at)));
    }
    first.push(check(Topic::Hub, check_hub(language, diagnosis.hub, diagnosis.at)));
    let configuration = diagnosis.configuration.as_ref();
    first.extend(configuration.map(|it| check(Topic::Configuration, check_configuration(language, it))));
    let release = diagnosis.release.as_ref();
    first.extend(release.map(|it| check(Topic::Release, check_release(language, it, diagnosis.at))));
    first.extend(diagnosis.disk.map(|disk| check(Topic::Disk, check_disk(language, disk))));
    first.extend([
        check(Topic::Memory, check_memory(language, &diagnosis.machine)),
        check(Topic::Temperature, check_temperature(language, &diagnosis.machine)),
    ]);
    match diagnosis.access_points.as_slice() {
        [] => {
            let none = vec![language.say("diagnosis-access-point-none")];
            first.push(check(Topic::AccessPoint, (Level::Neutral, none)));
        }
        points => {
            first.extend(points.iter().map(|it| check(Topic::AccessPoint, check_access_point(language, it))));
        }
    }
    first
}

/// How old the list is.
fn age_list(language: Language, check: &mut Check, list: &ListStatus, now: Option<Timestamp>) {
    let ListOrigin::Built(Some(built)) = list.origin else { return };
    let Some(days) = now.map(|now| now.ms_since(built) / DAY_MS) else { return };
    let count = language.group_digits(days);
    check.lines.push(language.say_with("diagnosis-list-age", &[("days", &count)]));
    if days > LIST_DAYS_MAX && check.level < Level::Warning {
        *check = Check::new(language, check.topic, (Level::Warning, std::mem::take(&mut check.lines)));
    }
}

/// Until when the certificates are good.
fn date_certificates(
    language: Language,
    check: &mut Check,
    certificates: Option<Certificates>,
    now: Option<Timestamp>,
) {
    let Some(Certificates { authority, shown }) = certificates else { return };
    let mut tell = |key: &str, at: Timestamp| {
        check.lines.push(language.say_with(key, &[("date", &format_date(language, at).unwrap_or_default())]));
    };
    tell("diagnosis-certificate-authority", authority);
    let Some(shown) = shown else { return };
    tell("diagnosis-certificate-shown", shown);
    let is_late = now.is_some_and(|now| shown.ms_since(now) / DAY_MS < CERTIFICATE_DAYS_MIN);
    if is_late && check.level < Level::Warning {
        *check = Check::new(language, check.topic, (Level::Warning, std::mem::take(&mut check.lines)));
    }
}

fn check_line(language: Language, line: Line, seat: Option<&LineSeat>) -> (Level, Vec<String>) {
    let (level, key) = match line {
        Line::Up => (Level::Good, "diagnosis-line-up"),
        Line::Down => (Level::Bad, "diagnosis-line-down"),
        Line::Crossed => (Level::Bad, "enrol-way-crossed"),
        Line::Absent => (Level::Bad, "enrol-way-portless"),
    };
    let mut lines = vec![language.say(key)];
    lines.extend(seat.map(|seat| tell_line(language, &seat.shown)));
    // Without a cable or a port the address cannot be there: that is told already.
    if matches!(line, Line::Up | Line::Crossed) && seat.is_some_and(|seat| !seat.is_in_force) {
        lines.push(language.say("line-waits"));
        return (level.max(Level::Warning), lines);
    }
    (level, lines)
}

/// How long the last good night is ago, and whether the hub takes the box at all.
fn check_hub(language: Language, hub: Option<Hub>, now: Option<Timestamp>) -> (Level, Vec<String>) {
    let Some(Hub { succeeded, failures, is_refused }) = hub else {
        return (Level::Neutral, vec![language.say("diagnosis-hub-none")]);
    };
    let last = match succeeded.and_then(|at| format_date(language, at)) {
        Some(date) => language.say_with("diagnosis-hub-last", &[("date", &date)]),
        None => language.say("diagnosis-hub-never"),
    };
    if is_refused {
        return (Level::Bad, vec![language.say("diagnosis-hub-refused"), last]);
    }
    let mut lines = vec![last];
    if failures > 0 {
        let count = language.group_digits(u64::from(failures));
        lines.push(language.say_with("diagnosis-hub-failures", &[("count", &count)]));
    }
    let is_late =
        |succeeded: Timestamp| now.is_some_and(|now| now.ms_since(succeeded) > HUB_DAYS_MAX * DAY_MS);
    let level = match succeeded {
        None if failures == 0 => Level::Neutral,
        Some(succeeded) if !is_late(succeeded) => Level::Good,
        None | Some(_) => Level::Warning,
    };
    (level, lines)
}

/// What became of the settings that the commune has sent.
fn check_configuration(language: Language, configuration: &Configuration) -> (Level, Vec<String>) {
    let (level, key) = match configuration {
        Configuration::InForce => (Level::Good, "diagnosis-configuration-in-force"),
        Configuration::Lesson => (Level::Good, "diagnosis-configuration-lesson"),
        Configuration::Restart => (Level::Warning, "diagnosis-configuration-restart"),
        Configuration::File => (Level::Warning, "diagnosis-configuration-file"),
        Configuration::Refused { .. } => (Level::Warning, "diagnosis-configuration-refused"),
        Configuration::Inherited => (Level::Warning, "diagnosis-configuration-inherited"),
    };
    let mut lines = vec![language.say(key)];
    if let Configuration::Refused { why } = configuration {
        lines.extend((!why.is_empty()).then(|| why.clone()));
    }
    (level, lines)
}

/// Which release of the system runs, how far another one has come, and which one failed.
fn check_release(
    language: Language,
    release: &SystemRelease,
    now: Option<Timestamp>,
) -> (Level, Vec<String>) {
    let SystemRelease { running, since, is_blessed, stage, failed } = release;
    let date = |at: Timestamp| format_date(language, at).unwrap_or_default();
    let mut lines = vec![match since {
        Some(since) => {
            language.say_with("diagnosis-release-since", &[("version", running), ("date", &date(*since))])
        }
        None => language.say_with("diagnosis-release-running", &[("version", running)]),
    }];
    let mut level = Level::Good;
    if !is_blessed {
        lines.push(language.say("diagnosis-release-unblessed"));
        level = Level::Neutral;
    }
    if let Some((of_stage, line)) = check_stage(language, stage, now) {
        lines.push(line);
        level = level.max(of_stage);
    }
    if let Some(SystemFailure { version, at, why }) = failed {
        lines.push(match at {
            Some(at) => {
                language.say_with("diagnosis-release-failed", &[("version", version), ("date", &date(*at))])
            }
            None => language.say_with("diagnosis-release-failed-undated", &[("version", version)]),
        });
        lines.extend((!why.is_empty()).then(|| why.clone()));
        level = level.max(Level::Warning);
    }
    (level, lines)
}

fn check_stage(language: Language, stage: &ReleaseStage, now: Option<Timestamp>) -> Option<(Level, String)> {
    let say = |key: &str, version: &str| language.say_with(key, &[("version", version)]);
    Some(match stage {
        ReleaseStage::None => return None,
        ReleaseStage::Coming { version } => (Level::Good, say("diagnosis-release-coming", version)),
        ReleaseStage::NoRoom { version } => (Level::Warning, say("diagnosis-release-no-room", version)),
        ReleaseStage::Damaged { version } => (Level::Warning, say("diagnosis-release-damaged", version)),
        ReleaseStage::Waiting { version, since } => {
            // A box that is switched off each night never has one.
            let is_late = now.is_some_and(|now| now.ms_since(*since) > RELEASE_DAYS_MAX * DAY_MS);
            let level = if is_late { Level::Warning } else { Level::Good };
            (level, say("diagnosis-release-waiting", version))
        }
        ReleaseStage::Hurried { version } => (Level::Good, say("diagnosis-release-hurried", version)),
        ReleaseStage::Refused { version, why } => {
            let line = say("diagnosis-release-refused", version);
            (Level::Warning, if why.is_empty() { line } else { format!("{line} {why}") })
        }
        ReleaseStage::Installed { version } => (Level::Good, say("diagnosis-release-installed", version)),
    })
}

/// Whether anybody's key is needed to read what is sealed.
fn check_keys(language: Language, has_readers: bool) -> (Level, Vec<String>) {
    let (level, key) = match has_readers {
        true => (Level::Good, "diagnosis-keys-set"),
        false => (Level::Warning, "diagnosis-keys-none"),
    };
    (level, vec![language.say(key)])
}

/// Whether days are sealed, or wait and pile up.
fn check_sealing(
    language: Language,
    waits_since: Option<Timestamp>,
    now: Option<Timestamp>,
) -> (Level, Vec<String>) {
    let Some(now) = now else {
        return (Level::Neutral, vec![language.say("diagnosis-sealing-unknown")]);
    };
    match waits_since.map(|since| now.ms_since(since) / DAY_MS) {
        Some(days) if days >= UNSEALED_DAYS => {
            let days = language.group_digits(days);
            (Level::Warning, vec![language.say_with("diagnosis-sealing-late", &[("days", &days)])])
        }
        Some(_) | None => (Level::Good, vec![language.say("diagnosis-sealing-good")]),
    }
}

fn check_disk(language: Language, disk: Disk) -> (Level, Vec<String>) {
    let gigabytes = |bytes: u64| language.group_digits(bytes / GIGABYTE);
    let megabytes = |bytes: u64| language.group_digits(bytes / MEGABYTE);
    let (free, reserved, daily) =
        (gigabytes(disk.free_bytes), megabytes(disk.reserved_bytes), megabytes(disk.bytes_a_day));
    let mut lines = vec![
        language.say_with("diagnosis-disk-free", &[("free", &free), ("daily", &daily)]),
        match disk.reserved_bytes {
            0 => language.say("diagnosis-disk-unreserved"),
            _ => language.say_with("diagnosis-disk-reserved", &[("reserved", &reserved)]),
        },
    ];
    if let Some(days) = disk.days_left {
        let days = language.group_digits(days);
        lines.push(language.say_with("diagnosis-disk-days", &[("days", &days)]));
    }
    (if disk.is_tight || disk.reserved_bytes == 0 { Level::Warning } else { Level::Good }, lines)
}

fn check_memory(language: Language, machine: &Machine) -> (Level, Vec<String>) {
    let Some(percent) = machine.memory_free_bytes.saturating_mul(100).checked_div(machine.memory_bytes)
    else {
        return (Level::Neutral, vec![language.say("diagnosis-unknown")]);
    };
    let megabytes = |bytes: u64| language.group_digits(bytes / MEGABYTE);
    let (free, all) = (megabytes(machine.memory_free_bytes), megabytes(machine.memory_bytes));
    let days = language.group_digits(machine.up_s / DAY_S);
    let level = match percent {
        0..MEMORY_PERCENT_BAD => Level::Bad,
        MEMORY_PERCENT_BAD..MEMORY_PERCENT_WARNING => Level::Warning,
        _ => Level::Good,
    };
    let lines = [
        language.say_with("diagnosis-memory-free", &[("free", &free), ("all", &all)]),
        language.say_with("diagnosis-up", &[("days", &days)]),
    ];
    (level, lines.into())
}

fn check_temperature(language: Language, machine: &Machine) -> (Level, Vec<String>) {
    let Some(degrees) = machine.temperature_c else {
        return (Level::Neutral, vec![language.say("diagnosis-temperature-none")]);
    };
    let level = match degrees {
        HOT_C.. => Level::Bad,
        WARM_C.. => Level::Warning,
        _ => Level::Good,
    };
    (level, vec![language.say_with("diagnosis-temperature-is", &[("degrees", &degrees.to_string())])])
}

fn check_access_point(language: Language, point: &AccessPoint) -> (Level, Vec<String>) {
    let (level, key) = match point.status {
        WifiStatus::None | WifiStatus::Starting => (Level::Neutral, "diagnosis-access-point-starting"),
        WifiStatus::Off => (Level::Good, "diagnosis-access-point-off"),
        WifiStatus::OffUnverified => (Level::Good, "diagnosis-access-point-unverified"),
        WifiStatus::On { .. } => (Level::Good, "diagnosis-access-point-on"),
        WifiStatus::Unreachable { .. } => (Level::Bad, "diagnosis-access-point-unreachable"),
    };
    let mut lines = vec![language.say_with(key, &[("name", &point.name)])];
    if let Some(why) = &point.trouble {
        lines.push(language.say("diagnosis-access-point-trouble"));
        lines.extend((!why.is_empty()).then(|| why.clone()));
    }
    if point.wrong_keys > 0 {
        let count = language.group_digits(point.wrong_keys);
        lines.push(language.say_with("diagnosis-access-point-keys", &[("count", &count)]));
    }
    (if point.trouble.is_some() { level.max(Level::Warning) } else { level }, lines)
}
