//! The cover of an extract of the journal: what it is, for whom and why, what it proves, how to verify it. On paper.

use askama::Template;
use jiff::tz::TimeZone;
use model::{ClockQuality, Motive, PersonName, Purpose, ReadingId, Selection, Timestamp, Verdict};

use super::frame::render;
use super::journal::{name_purpose, name_second};
use super::twice::{Twice, say};

/// Files that the cover names: more would be a book. All are in the manifest.
const FILES_SHOWN_MAX: usize = 24;
/// What the extract is called in the command.
const FILE: &str = "extrait.zip";

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
        })
    }

    fn lines(&self) -> Vec<Line> {
        let Selection { from, to, device, room, person, host, category, verdict, with_people } =
            self.selection;
        let time = |at: Timestamp| Twice::of(|language| name_second(language, self.time_zone, at));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cover_says_that_its_time_is_in_doubt() {
        let (author, detail) = ("Mme Durand".parse().unwrap(), "réquisition 118".parse().unwrap());
        let (zone, selection) = (TimeZone::UTC, Selection::default());
        let check = |clock, expected: Option<&str>| {
            let cover = ExportCover {
                school: "École",
                time_zone: &zone,
                key: "key",
                made: Timestamp::from_unix_ms(60_000),
                clock,
                author: &author,
                purpose: Purpose::Judicial,
                detail: &detail,
                reading: None,
                selection: &selection,
                rows: 0,
                unsealed: 0,
                locked: 0,
                unreadable: 0,
                deleted: &[],
                is_whole: false,
                files: &[],
            };
            let html = cover.render();
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
