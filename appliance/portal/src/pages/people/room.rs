//! A room and its lesson, as a part of the teacher's page.

use model::{InternetMode, Lesson, LessonId, Narrowing, Timestamp};

use crate::pages::Place;
use crate::pages::frame::name_host;
use crate::pages::reason::name_minute;
use crate::{Hold, Language, Missed, RoomNow, SeenDevice, WifiStatus};

const MINUTE_MS: u64 = 60_000;
/// How long a device that was seen counts as being there.
const THERE_MS: u64 = 5 * MINUTE_MS;
/// Most absent devices that are named in one line: of a class set that is not charged, the list below says the rest.
const ABSENT_MAX: usize = 6;
/// The steps by which a lesson is extended, in minutes.
const STEPS: [i64; 2] = [5, 15];
/// The lengths that a lesson may begin with besides the usual one, in minutes.
const LENGTHS: [u32; 4] = [25, 45, 90, 180];

/// The room.
pub(super) struct RoomView {
    pub(super) rooms: Vec<Choice>,
    pub(super) room: String,
    pub(super) stage: Stage,
    pub(super) taken: Option<String>,
    pub(super) minutes: u32,
    pub(super) lengths: Vec<u32>,
    pub(super) start: String,
    pub(super) sites: String,
    pub(super) has_wifi: bool,
    pub(super) devices: Vec<DeviceLine>,
    pub(super) there: Option<String>,
    /// Who is not there.
    pub(super) absent: Option<String>,
    /// Who tried with a wrong key.
    pub(super) wrong_keys: Vec<String>,
    pub(super) missed: Vec<MissedLine>,
}

/// A room that may be chosen.
pub(super) struct Choice {
    pub(super) name: String,
    pub(super) is_current: bool,
}

/// What goes on in the room.
pub(super) enum Stage {
    /// She teaches in no room.
    Nowhere,
    /// Nothing.
    Free,
    /// A lesson of a colleague, with its number.
    Other { number: u32, line: String },
    /// A lesson that she may change.
    Own(Box<OwnLesson>),
}

/// A lesson under way.
pub(super) struct OwnLesson {
    pub(super) number: u32,
    pub(super) left: String,
    pub(super) internet: String,
    /// The class that gives the state its colour.
    pub(super) tone: &'static str,
    pub(super) modes: Vec<ModeButton>,
    pub(super) is_narrowed: bool,
    pub(super) wifi: Option<WifiButton>,
    pub(super) steps: Vec<Step>,
}

pub(super) struct ModeButton {
    pub(super) word: &'static str,
    pub(super) label: String,
    pub(super) is_current: bool,
}

pub(super) struct WifiButton {
    pub(super) state: String,
    pub(super) tone: &'static str,
    pub(super) is_on: bool,
}

/// A later end.
pub(super) struct Step {
    pub(super) label: String,
    pub(super) until_ms: i64,
}

pub(super) struct DeviceLine {
    pub(super) name: String,
    pub(super) seen: String,
    pub(super) is_there: bool,
}

pub(super) struct MissedLine {
    pub(super) site: String,
    pub(super) name: String,
    pub(super) facts: String,
    pub(super) can_open: bool,
}

/// The room of a page.
pub(super) fn describe_room(
    language: Language,
    place: &Place,
    now: &RoomNow,
    time: Option<Timestamp>,
) -> RoomView {
    let name = now.room.as_ref().map(ToString::to_string).unwrap_or_default();
    let choices = now
        .rooms
        .iter()
        .map(|room| Choice { name: room.to_string(), is_current: now.room.as_ref() == Some(room) });
    let devices: Vec<_> = now.devices.iter().map(|it| describe_device(language, place, it, time)).collect();
    let there = devices.iter().filter(|line| line.is_there).count();
    let (there, all) = (group(language, there), group(language, devices.len()));
    let count = [("there", there.as_str()), ("all", all.as_str())];
    RoomView {
        rooms: choices.collect(),
        stage: describe_stage(language, place, now, time),
        taken: now.taken.as_ref().filter(|_| now.lesson.as_ref().is_none_or(|_| !now.is_hers)).map(|end| {
            let at = name_minute(&place.timezone, end.at).unwrap_or_default();
            language.say_with("lesson-taken", &[("by", end.by.as_str()), ("at", &at)])
        }),
        minutes: now.minutes,
        lengths: LENGTHS.into_iter().filter(|minutes| *minutes != now.minutes).collect(),
        start: language.say_with("lesson-start", &[("minutes", &now.minutes.to_string())]),
        sites: now.sites.replace(' ', "\n"),
        has_wifi: now.wifi != WifiStatus::None,
        absent: tell_absent(language, &devices),
        wrong_keys: tell_wrong_keys(language, now),
        there: (!devices.is_empty()).then(|| language.say_with("lesson-there", &count)),
        devices,
        missed: now.missed.iter().map(|it| describe_missed(language, it)).collect(),
        room: name,
    }
}

fn describe_stage(language: Language, place: &Place, now: &RoomNow, time: Option<Timestamp>) -> Stage {
    match (&now.room, &now.lesson) {
        (None, _) => Stage::Nowhere,
        (Some(_), None) => Stage::Free,
        (Some(_), Some(lesson)) if now.is_hers => {
            Stage::Own(Box::new(describe_lesson(language, place, lesson, now.wifi, time)))
        }
        (Some(_), Some(lesson)) => {
            let until = name_minute(&place.timezone, lesson.until).unwrap_or_default();
            let words = [("teacher", lesson.teacher.as_str()), ("until", until.as_str())];
            Stage::Other { number: lesson.id.number(), line: language.say_with("lesson-occupied", &words) }
        }
    }
}

fn describe_lesson(
    language: Language,
    place: &Place,
    lesson: &Lesson,
    wifi: WifiStatus,
    time: Option<Timestamp>,
) -> OwnLesson {
    let left_ms = time.map_or(0, |time| lesson.until.ms_since(time));
    let (minutes, until) = (left_ms.div_ceil(MINUTE_MS), name_minute(&place.timezone, lesson.until));
    let minutes = language.group_digits(minutes);
    let until = until.unwrap_or_default();
    let narrowing = lesson.internet.narrowing();
    let mode = |word: &'static str, key: &str, narrowed: Option<Narrowing>| ModeButton {
        word,
        label: language.say(key),
        is_current: narrowing == narrowed,
    };
    OwnLesson {
        number: lesson.id.number(),
        left: language.say_with("lesson-left", &[("minutes", &minutes), ("until", &until)]),
        internet: tell_internet(language, &lesson.internet),
        tone: match narrowing {
            None => "good",
            Some(Narrowing::List | Narrowing::Workspace) => "warning",
            Some(Narrowing::Closed) => "bad",
        },
        modes: vec![
            mode("normal", "lesson-mode-normal", None),
            mode("ent", "lesson-mode-ent", Some(Narrowing::Workspace)),
            mode("closed", "lesson-mode-closed", Some(Narrowing::Closed)),
        ],
        is_narrowed: narrowing.is_some(),
        wifi: tell_wifi(language, place, wifi).map(|(state, tone)| WifiButton {
            state,
            tone,
            is_on: lesson.is_wifi_on,
        }),
        steps: STEPS.iter().map(|step| describe_step(language, lesson, *step)).collect(),
    }
}

fn describe_step(language: Language, lesson: &Lesson, minutes: i64) -> Step {
    Step {
        label: language.say_with("lesson-extend", &[("minutes", &minutes.to_string())]),
        // The end itself: the second click of a double one changes nothing.
        until_ms: lesson.until.unix_ms().saturating_add(minutes.saturating_mul(60_000)),
    }
}

/// What the class may open, in words.
pub(super) fn tell_internet(language: Language, internet: &InternetMode) -> String {
    match internet {
        InternetMode::Normal => language.say("lesson-internet-normal"),
        InternetMode::List(sites) => {
            let names: Vec<_> = sites.names().iter().map(|site| name_host(&site.clone().into())).collect();
            language.say_with("lesson-internet-list", &[("sites", &names.join(", "))])
        }
        InternetMode::WorkspaceOnly => language.say("lesson-internet-ent"),
        InternetMode::Closed => language.say("lesson-internet-closed"),
    }
}

/// The state of the Wi-Fi and its colour; `None` where there is none.
fn tell_wifi(language: Language, place: &Place, wifi: WifiStatus) -> Option<(String, &'static str)> {
    let since = |key: &str, since: Timestamp| {
        let since = name_minute(&place.timezone, since).unwrap_or_default();
        language.say_with(key, &[("since", &since)])
    };
    Some(match wifi {
        WifiStatus::None => return None,
        WifiStatus::Off => (language.say("lesson-wifi-off"), "neutral"),
        WifiStatus::OffUnverified => (language.say("lesson-wifi-unverified"), "neutral"),
        WifiStatus::Starting => (language.say("lesson-wifi-starting"), "warning"),
        WifiStatus::On { since: at } => (since("lesson-wifi-on", at), "good"),
        WifiStatus::Unreachable { since: at } => (since("lesson-wifi-unreachable", at), "bad"),
    })
}

fn describe_device(
    language: Language,
    place: &Place,
    device: &SeenDevice,
    time: Option<Timestamp>,
) -> DeviceLine {
    let is_there = device.last.zip(time).is_some_and(|(last, time)| time.ms_since(last) < THERE_MS);
    let seen = match device.last.and_then(|last| name_minute(&place.timezone, last)) {
        _ if is_there => language.say("lesson-seen-now"),
        Some(at) => language.say_with("lesson-seen-at", &[("at", &at)]),
        None => language.say("lesson-seen-never"),
    };
    DeviceLine { name: device.name.clone(), seen, is_there }
}

/// The devices that are not there, by name; `None` where all are, or none is: then nobody looks for one of them.
fn tell_absent(language: Language, devices: &[DeviceLine]) -> Option<String> {
    let absent = devices.iter().filter(|line| !line.is_there).map(|line| line.name.as_str());
    let names: Vec<_> = absent.take(ABSENT_MAX + 1).collect();
    if names.is_empty() || devices.iter().all(|line| !line.is_there) {
        return None;
    }
    let shown = names.get(..ABSENT_MAX).unwrap_or(&names).join(", ");
    let key = if names.len() > ABSENT_MAX { "lesson-absent-many" } else { "lesson-absent" };
    Some(language.say_with(key, &[("names", &shown)]))
}

/// Who tried the Wi-Fi with a wrong key: the school's devices by name.
fn tell_wrong_keys(language: Language, now: &RoomNow) -> Vec<String> {
    if now.wifi == WifiStatus::None {
        return vec![];
    }
    let names = now.old_keys.get(..ABSENT_MAX).unwrap_or(&now.old_keys).join(", ");
    let known = (!names.is_empty()).then(|| language.say_with("lesson-old-key", &[("names", &names)]));
    let strange = (now.strange_keys > 0)
        .then(|| language.say_with("lesson-strange-key", &[("count", &group(language, now.strange_keys))]));
    known.into_iter().chain(strange).collect()
}

fn describe_missed(language: Language, missed: &Missed) -> MissedLine {
    let count = group(language, missed.devices);
    let devices = match missed.devices {
        0 | 1 => language.say("wish-asker"),
        _ => language.say_with("wish-askers", &[("count", &count)]),
    };
    let hold = match missed.hold {
        Hold::Open => Some("wish-open"),
        Hold::By(model::Layer::Commune) => Some("wish-commune"),
        Hold::By(model::Layer::School) => Some("wish-school"),
        Hold::By(model::Layer::Lesson) => None,
        Hold::Lesson => Some("wish-lesson"),
        Hold::Nobody => Some("wish-nobody"),
    };
    let facts = std::iter::once(devices).chain(hold.map(|key| language.say(key)));
    MissedLine {
        name: name_host(&missed.site.clone().into()),
        site: missed.site.to_string(),
        facts: facts.collect::<Vec<_>>().join(" · "),
        can_open: missed.hold == Hold::By(model::Layer::Lesson),
    }
}

fn group(language: Language, count: usize) -> String {
    language.group_digits(u64::try_from(count).unwrap_or(u64::MAX))
}

/// The lesson for which a request of this room can be granted.
pub(super) fn granting(now: &RoomNow) -> Option<(LessonId, &model::RoomName)> {
    let lesson = now.lesson.as_ref().filter(|_| now.is_hers)?;
    Some((lesson.id, &lesson.room))
}
