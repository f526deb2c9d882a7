//! The page in place of an online workspace (ENT) that cannot be reached.

use askama::Template;
use model::Host;

use super::Place;
use super::frame::{Detail, Frame, name_host, render};
use crate::Language;

/// Says that the line is down, what became of what was sent, and what of the workspace is there all the same.
#[derive(Clone, Copy, Debug)]
pub struct Outage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// The workspace's name.
    pub host: &'a Host,
    /// What became of what was sent.
    pub delivery: Delivery,
    /// What was typed, to be sent again.
    pub typed: Option<Typed<'a>>,
    /// Whether files were among it.
    pub has_files: bool,
    /// Titles and paths of pages that are there.
    pub kept: &'a [(&'a str, &'a str)],
}

/// What became of what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Nothing was to be sent: the page tries again by itself.
    Nothing,
    /// Nothing of it was sent.
    Unsent,
    /// It broke off before all was sent: it has not arrived.
    Half,
    /// It may have arrived.
    Unknown,
}

/// A form as it was filled in.
#[derive(Clone, Copy)]
pub struct Typed<'a> {
    /// Where it goes: a path on the workspace, where this page is shown as well.
    pub target: &'a str,
    /// Names and values.
    pub fields: &'a [(String, String)],
    /// Files that were chosen, by the names of their fields and their own: they have to be chosen again.
    pub files: &'a [(&'a str, &'a str)],
    /// Whether it goes as `multipart/form-data`.
    pub is_multipart: bool,
}

impl std::fmt::Debug for Typed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Typed").field("fields", &self.fields.len()).finish_non_exhaustive()
    }
}

#[derive(Template)]
#[template(path = "outage.html")]
struct View<'a> {
    frame: Frame<'a>,
    title: String,
    lead: String,
    host: String,
    retries: bool,
    typed: Option<Typed<'a>>,
    shown: Vec<Shown<'a>>,
    /// Names of fields, and what is said of them.
    files: Vec<(&'a str, String)>,
    actions: Vec<String>,
    kept: &'a [(&'a str, &'a str)],
    details: Vec<Detail>,
}

/// A field, as a person reads it.
struct Shown<'a> {
    name: &'a str,
    value: &'a str,
    rows: usize,
}

/// What a page of the workspace says of itself when it is shown without the line: how old it is, in the language of the
/// schools, as the page is.
#[must_use]
pub fn stale_notice(age_s: u64) -> String {
    let (key, count) = match age_s / 60 {
        minutes @ 0..120 => ("outage-stale-minutes", minutes.max(1)),
        minutes @ 120..2_880 => ("outage-stale-hours", minutes / 60),
        minutes => ("outage-stale-days", minutes / 1_440),
    };
    Language::French.say_with(key, &[("count", &Language::French.group_digits(count))])
}

/// Letters of a line, about: what is longer, or has lines of its own, is shown as text.
const LINE_CHARS: usize = 60;
/// Lines of a text that are seen at once.
const ROWS_MAX: usize = 12;

impl Outage<'_> {
    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let (title, lead) = match self.delivery {
            Delivery::Nothing => ("outage-title", "outage-lead"),
            Delivery::Unsent => ("outage-title-unsent", "outage-lead-unsent"),
            Delivery::Half => ("outage-title-half", "outage-lead-half"),
            Delivery::Unknown => ("outage-title-unknown", "outage-lead-unknown"),
        };
        let host = name_host(self.host);
        let typed = self.typed.filter(|typed| is_on_this_server(typed.target));
        render(&View {
            frame: Frame::new(self.place, language),
            title: language.say(title),
            lead: language.say(lead),
            retries: self.delivery == Delivery::Nothing,
            shown: typed.map_or(vec![], |typed| shown(typed.fields)),
            files: typed.map_or(vec![], |typed| {
                let say = |name: &str| language.say_with("outage-file", &[("name", name)]);
                typed.files.iter().map(|(field, name)| (*field, say(name))).collect()
            }),
            actions: self.actions(typed.is_some()).iter().map(|key| language.say(key)).collect(),
            typed,
            kept: self.kept,
            details: vec![
                Detail::new(language.say("frame-site"), host.as_str()),
                Detail::new(language.say("outage-cause"), language.say("outage-cause-line")),
            ],
            host,
        })
    }

    fn actions(&self, is_shown: bool) -> Vec<&'static str> {
        let mut actions = Vec::new();
        if self.delivery == Delivery::Nothing {
            actions.push("outage-wait");
        } else if self.has_files && !is_shown {
            actions.push("outage-files");
        } else if !is_shown {
            actions.push("outage-back");
        }
        actions.push("outage-tell");
        actions
    }
}

/// Whether a target is a path here, and names no other server.
fn is_on_this_server(target: &str) -> bool {
    target.starts_with('/') && !target.starts_with("//") && !target.contains('\\')
}

/// What a person typed, without what pages add for themselves.
fn shown(fields: &[(String, String)]) -> Vec<Shown<'_>> {
    let is_typed = |(name, value): &&(String, String)| {
        let name = name.to_ascii_lowercase();
        !value.trim().is_empty()
            && !name.starts_with('_')
            && !["token", "csrf"].iter().any(|it| name.contains(it))
    };
    let rows = |value: &str| value.lines().map(|line| 1 + line.chars().count() / LINE_CHARS).sum::<usize>();
    let shown = fields.iter().filter(is_typed);
    shown.map(|(name, value)| Shown { name, value, rows: rows(value).min(ROWS_MAX) }).collect()
}
