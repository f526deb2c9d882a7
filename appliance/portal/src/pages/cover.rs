//! The cover of an extract of the journal: what it is, for whom and why, what it proves, how to verify it. On paper.

use askama::Template;
use jiff::tz::TimeZone;
use model::{ClockQuality, Motive, PersonName, Purpose, ReadingId, Selection, Timestamp, Verdict};

use super::frame::render;
use super::journal::{name_purpose, name_second};
use super::reason::format_time;
use super::twice::{Twice, say};
use crate::Language;

/// Files that the cover names: more would be a book. All are in the manifest.
const FILES_SHOWN_MAX: usize = 24;
/// What the extract is called in the command.
const FILE: &str = "extrait.zip";

/// Which cover this is. A change of its words or its look makes another: whoever verifies an extract makes the cover again, and
/// can only compare it with one of the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoverVersion {
    /// It tells times without their offset, so that one hour of autumn stands there twice.
    First,
    /// It tells them with it.
    Second,
}

impl CoverVersion {
    /// That of covers that are made now.
    pub const LATEST: Self = Self::Second;

    fn number(self) -> u32 {
        match self {
            Self::First => 1,
            Self::Second => 2,
        }
    }

    fn read(number: &str) -> Option<Self> {
        let number: u32 = number.parse().ok()?;
        [Self::First, Self::Second].into_iter().find(|version| version.number() == number)
    }
}

/// What a cover says that the manifest of its extract does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoverPlace {
    /// Which cover it is.
    pub version: CoverVersion,
    /// The school's name.
    pub school: String,
    /// The name of its time zone.
    pub time_zone: String,
}

/// A file of an extract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoverFile {
    /// Its name.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub hash: String,
}

/// A kind of field that was deleted when its time was over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedKind {
    /// Its word: `access`, `who`, `destination`, `traffic` or `acts`.
    pub word: &'static str,
    /// Of which seals, in words of numbers: `3, 5–9`.
    pub seals: String,
}

/// The cover of an extract. It stands alone: no script, no other address.
#[derive(Clone, Debug)]
pub struct ExportCover<'c> {
    /// Which one.
    pub version: CoverVersion,
    /// The school's name.
    pub school: &'c str,
    /// By which clock it lives.
    pub time_zone: &'c TimeZone,
    /// The box's public key.
    pub key: &'c str,
    /// When it was made.
    pub made: Timestamp,
    /// How far the clock was to be trusted then.
    pub clock: ClockQuality,
    /// Who asked for it.
    pub author: &'c PersonName,
    /// Why, from the list.
    pub purpose: Purpose,
    /// Why, in words.
    pub detail: &'c Motive,
    /// Within which reading.
    pub reading: Option<ReadingId>,
    /// What was asked for.
    pub selection: &'c Selection,
    /// How many records it has.
    pub rows: u64,
    /// How many of them were not sealed yet.
    pub unsealed: u64,
    /// Sealed files of that time that nobody gave a key for.
    pub locked: u64,
    /// Sealed files and segments that the disk did not give back.
    pub unreadable: u64,
    /// What of that time is deleted.
    pub deleted: &'c [DeletedKind],
    /// Whether sealed files are with it, whole.
    pub is_whole: bool,
    /// Its files, this one and the manifest aside.
    pub files: &'c [CoverFile],
}

#[derive(Template)]
#[template(path = "cover.html")]
struct View<'c> {
    cover: ShownCover<'c>,
    lines: Vec<Line>,
    proofs: Vec<Twice>,
    more: Option<Twice>,
    file: &'static str,
    version: u32,
    time_zone: &'c str,
}

/// What the template takes of the cover as it is.
struct ShownCover<'c> {
    school: &'c str,
    key: &'c str,
    files: &'c [CoverFile],
}

struct Line {
    name: Twice,
    value: Twice,
}

impl ExportCover<'_> {
    /// The whole page.
    #[must_use]
    pub fn render(&self) -> String {
        let shown = self.files.get(..FILES_SHOWN_MAX.min(self.files.len())).unwrap_or_default();
        let hidden = self.files.len() - shown.len();
        let count = hidden.to_string();
        render(&View {
            cover: ShownCover { school: self.school, key: self.key, files: shown },
            lines: self.lines(),
            proofs: self.proofs(),
            more: (hidden > 0)
                .then(|| Twice::of(|language| language.say_with("cover-more", &[("count", &count)]))),
            file: FILE,
            version: self.version.number(),
            time_zone: self.time_zone.iana_name().unwrap_or_default(),
        })
    }

    /// Where a cover says that it was made; `None` for one of a newer version, which cannot be made again.
    #[must_use]
    pub fn read_place(html: &str) -> Option<CoverPlace> {
        let read = |name: &str| {
            let (_, rest) = html.split_once(&format!("<meta name=\"preau-{name}\" content=\""))?;
            rest.split_once('"').map(|(value, _)| unescape(value))
        };
        let version = CoverVersion::read(&read("cover")?)?;
        Some(CoverPlace { version, school: read("school")?, time_zone: read("time-zone")? })
    }

    fn lines(&self) -> Vec<Line> {
        let Selection { from, to, device, room, lesson, person, host, category, verdict, with_people } =
            self.selection;
        let time = |at: Timestamp| Twice::of(|language| self.name_time(language, at));
        let line = |key: &str, value: Twice| Some(Line { name: say(key), value });
        let text = |key: &str, value: Option<String>| value.and_then(|value| line(key, Twice::same(value)));
        let count = |key: &str, value: u64| line(key, Twice::of(|language| language.group_digits(value)));
        let counted = |key: &str, value: u64| if value > 0 { count(key, value) } else { None };
        let lines = [
            line("cover-author", Twice::same(self.author.as_str())),
            line("cover-purpose", Twice::of(|language| name_purpose(language, self.purpose))),
            line("cover-detail", Twice::same(self.detail.as_str())),
            text("cover-reading", self.reading.map(|reading| reading.to_string())),
            line("cover-made", time(self.made)),
            name_doubt(self.clock).and_then(|key| line("cover-clock", say(key))),
            from.and_then(|from| line("cover-from", time(from))),
            to.and_then(|to| line("cover-to", time(to))),
            text("frame-device", device.as_ref().map(ToString::to_string)),
            text("frame-room", room.as_ref().map(ToString::to_string)),
            text("cover-lesson", lesson.map(|lesson| lesson.to_string())),
            text("cover-person", person.as_ref().map(ToString::to_string)),
            text("frame-site", host.as_ref().map(ToString::to_string)),
            category.as_ref().and_then(|category| {
                line("refusal-category", Twice::of(|language| language.name_category(category)))
            }),
            verdict.and_then(|verdict| line("cover-verdict", say(name_verdict(verdict)))),
            line("cover-people", say(if *with_people { "cover-yes" } else { "cover-no" })),
            count("cover-rows", self.rows),
            counted("cover-unsealed", self.unsealed),
            counted("cover-locked", self.locked),
            counted("cover-unreadable", self.unreadable),
        ];
        let deleted = self.deleted.iter().map(|kind| Line {
            name: say(name_deleted(kind.word)),
            value: Twice::of(|language| language.say_with("cover-deleted-seals", &[("seals", &kind.seals)])),
        });
        lines.into_iter().flatten().chain(deleted).collect()
    }

    fn name_time(&self, language: Language, at: Timestamp) -> String {
        let time = name_second(language, self.time_zone, at);
        match (self.version, format_time(self.time_zone, at, "\u{a0}%:z")) {
            (CoverVersion::Second, Some(offset)) => time + &offset,
            (CoverVersion::First, _) | (CoverVersion::Second, None) => time,
        }
    }

    /// What the extract proves, and what it does not.
    fn proofs(&self) -> Vec<Twice> {
        let rows = if self.is_whole { "cover-proof-whole" } else { "cover-proof-rows" };
        let keys =
            ["cover-proof-signed", "cover-proof-seals", rows, "cover-proof-device", "cover-proof-time"];
        keys.map(say).into()
    }
}

/// What is wrong with a clock.
fn name_doubt(clock: ClockQuality) -> Option<&'static str> {
    match clock {
        ClockQuality::Synchronised => None,
        ClockQuality::Unsynchronised => Some("cover-clock-alone"),
        ClockQuality::Unset => Some("cover-clock-unset"),
    }
}

fn name_verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Permit => "cover-permit",
        Verdict::Refuse => "cover-refuse",
    }
}

fn name_deleted(word: &str) -> &'static str {
    match word {
        "who" => "cover-deleted-who",
        "destination" => "cover-deleted-destination",
        "traffic" => "cover-deleted-traffic",
        "acts" => "cover-deleted-acts",
        _ => "cover-deleted-access",
    }
}

/// What a value was before it stood in a page.
fn unescape(text: &str) -> String {
    let marks = [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")];
    marks.iter().fold(text.to_owned(), |text, (escaped, mark)| text.replace(escaped, mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cover(clock: ClockQuality) -> String {
        cover_of(CoverVersion::LATEST, clock)
    }

    /// A cover with everything that one can say, by a clock of this quality.
    fn cover_of(version: CoverVersion, clock: ClockQuality) -> String {
        let (author, detail) = ("Mme Durand".parse().unwrap(), "réquisition 118".parse().unwrap());
        let at = Timestamp::from_unix_ms;
        let selection = Selection {
            from: Some(at(0)),
            to: Some(at(1)),
            device: "CM2-04".parse().ok(),
            room: "CM2".parse().ok(),
            // A release that does not know of lessons cannot read the manifest of such an extract: no cover of before had that line.
            lesson: None,
            person: "Mme Martin".parse().ok(),
            host: model::Host::parse("casino.example").ok(),
            category: "games".parse().ok(),
            verdict: Some(Verdict::Refuse),
            with_people: true,
        };
        let file = |name: &str| CoverFile { name: name.to_owned(), bytes: 7, hash: "00".to_owned() };
        let kinds = ["access", "who", "destination", "traffic", "acts"];
        let cover = ExportCover {
            version,
            school: "École « d’à côté » <&\"'>",
            time_zone: &TimeZone::get("Europe/Paris").unwrap(),
            key: "key",
            made: at(60_000),
            clock,
            author: &author,
            purpose: Purpose::Judicial,
            detail: &detail,
            reading: Some(ReadingId::new(7)),
            selection: &selection,
            rows: 4,
            unsealed: 3,
            locked: 2,
            unreadable: 1,
            deleted: &kinds.map(|word| DeletedKind { word, seals: "3".to_owned() }),
            is_whole: true,
            files: &(0..30).map(|it| file(&format!("f{it}"))).collect::<Vec<_>>(),
        };
        cover.render()
    }

    #[test]
    fn a_cover_says_where_it_was_made() {
        for version in [CoverVersion::First, CoverVersion::Second] {
            let html = cover_of(version, ClockQuality::Synchronised);
            let school = "École « d’à côté » <&\"'>".to_owned();
            let place = CoverPlace { version, school, time_zone: "Europe/Paris".to_owned() };
            assert_eq!(ExportCover::read_place(&html), Some(place));
        }
        let html = cover(ClockQuality::Synchronised);
        let of = |number: u32| format!("name=\"preau-cover\" content=\"{number}\"");
        let latest = CoverVersion::LATEST.number();
        assert_eq!(ExportCover::read_place(&html.replace(&of(latest), &of(latest + 1))), None);
        assert_eq!(ExportCover::read_place(""), None);
    }

    /// Whoever changes the cover, its words included, makes another version of it: those of before have to stay as they were.
    #[test]
    fn the_cover_of_each_version_is_this_one() {
        let first = cover_of(CoverVersion::First, ClockQuality::Synchronised);
        let hash = ring::digest::digest(&ring::digest::SHA256, first.as_bytes());
        let hash: String = hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, "2149613c96e67f78");
        // The second is the first but for the offsets.
        let second = cover_of(CoverVersion::Second, ClockQuality::Synchronised);
        let numbered = |number: u32| format!("name=\"preau-cover\" content=\"{number}\"");
        assert_ne!(second, first);
        assert_eq!(second.replace("\u{a0}+01:00", "").replace(&numbered(2), &numbered(1)), first);
    }

    #[test]
    fn a_cover_tells_its_times_with_their_offset() {
        let html = cover(ClockQuality::Synchronised);
        assert!(html.contains("01/01/1970\u{a0}01:01:00\u{a0}+01:00"), "{html}");
        let html = cover_of(CoverVersion::First, ClockQuality::Synchronised);
        assert!(html.contains("01/01/1970\u{a0}01:01:00<"), "{html}");
    }

    #[test]
    fn a_cover_says_that_its_time_is_in_doubt() {
        let check = |clock, expected: Option<&str>| {
            let html = cover(clock);
            let told = ["n’était pas réglée", "aucun serveur de temps"]
                .into_iter()
                .find(|words| html.contains(words));
            assert_eq!(told, expected, "{clock}: {html}");
        };
        check(ClockQuality::Synchronised, None);
        check(ClockQuality::Unsynchronised, Some("aucun serveur de temps"));
        check(ClockQuality::Unset, Some("n’était pas réglée"));
    }
}
