//! The page that a mayor reads: whether the filter held, in plain words, on one sheet of paper.

use askama::Template;

use super::checks::format_moment;
use super::frame::render;
use super::twice::{Twice, say};
use crate::selftest::{SelftestLine, SelftestRun, selftest_word};

/// What the attacks are about, in the order of the page.
const FAMILIES: [&str; 9] =
    ["control", "names", "encryption", "web", "ports", "inside", "lists", "search", NETWORK];
/// Of these, what came is told on the page, too: whoever is to find another device needs its addresses.
const NETWORK: &str = "network";
/// Lines of what is open, and of what was not tested: more do not fit onto the sheet.
const OPEN_MAX: usize = 4;
const UNTESTED_MAX: usize = 2;
/// Names that stand behind an attack.
const WITH_MAX: usize = 3;
/// Longest of them, in characters.
const WITH_CHARACTERS_MAX: usize = 30;

/// A self-test in two languages, the French one first. It stands alone: no script, no other address.
#[derive(Clone, Copy, Debug)]
pub struct SelftestReport<'r> {
    run: &'r SelftestRun,
    /// Most lines of what is open, and of what was not tested.
    lines_max: [usize; 2],
}

#[derive(Template)]
#[template(path = "selftest.html")]
struct View<'r> {
    run: &'r SelftestRun,
    tone: &'static str,
    verdict: Twice,
    facts: Twice,
    list: Option<Twice>,
    helpdesk: Option<Twice>,
    rows: Vec<Row>,
    open: Vec<Twice>,
    untested: Vec<Twice>,
}

/// A family of attacks.
struct Row {
    name: Twice,
    closed: usize,
    open: usize,
    untested: usize,
    class: &'static str,
    word: Twice,
}

impl<'r> SelftestReport<'r> {
    /// The report of a run.
    #[must_use]
    pub fn of(run: &'r SelftestRun) -> Self {
        Self { run, lines_max: [OPEN_MAX, UNTESTED_MAX] }
    }

    /// The same with every line, however many sheets that takes.
    #[must_use]
    pub fn whole(self) -> Self {
        Self { lines_max: [usize::MAX; 2], ..self }
    }

    /// The whole page.
    #[must_use]
    pub fn render(self) -> String {
        let (run, [open_max, untested_max]) = (self.run, self.lines_max);
        let is_unproven =
            run.lines.iter().any(|line| line.family == "control" && line.outcome == "not-tested");
        let (tone, verdict) = match (run.is_whole, run.is_good) {
            (true, true) if is_unproven => ("warning", "selftest-report-unproven"),
            (true, true) => ("good", "selftest-report-good"),
            (true, false) => ("bad", "selftest-report-bad"),
            (false, _) => ("warning", "selftest-report-cut"),
        };
        render(&View {
            run,
            tone,
            verdict: say(verdict),
            facts: self.facts(),
            list: self.list(),
            helpdesk: run.helpdesk.as_ref().map(|helpdesk| {
                Twice::of(|language| language.say_with("selftest-report-helpdesk", &[("helpdesk", helpdesk)]))
            }),
            rows: FAMILIES.iter().filter_map(|family| self.row(family)).collect(),
            open: self.describe("fail", open_max),
            untested: self.describe("not-tested", untested_max),
        })
    }

    fn facts(self) -> Twice {
        Twice::of(|language| {
            let at = format_moment(language, self.run.started, &self.run.time_zone).unwrap_or_default();
            let way = selftest_word(language, "way", &self.run.way);
            let variables = [("date", at.as_str()), ("way", &way), ("program", &self.run.program)];
            language.say_with("selftest-report-facts", &variables)
        })
    }

    fn list(self) -> Option<Twice> {
        let lines = self.run.list_lines?;
        Some(Twice::of(|language| {
            let lines = language.group_digits(lines);
            let built = self.run.list_built;
            match built.and_then(|built| format_moment(language, built, &self.run.time_zone)) {
                Some(date) => {
                    language.say_with("selftest-report-list", &[("lines", &lines), ("date", &date)])
                }
                None => language.say_with("selftest-report-list-undated", &[("lines", &lines)]),
            }
        }))
    }

    fn row(self, family: &str) -> Option<Row> {
        let of_family = || self.run.lines.iter().filter(|line| line.family == family);
        let count = |outcome| of_family().filter(|line| line.outcome == outcome).count();
        let (closed, open, untested) = (count("pass"), count("fail"), count("not-tested"));
        let (class, outcome) = match (closed, open) {
            (0, 0) => ("neutral", "not-tested"),
            (_, 0) => ("good", "pass"),
            (..) => ("bad", "fail"),
        };
        of_family().next()?;
        Some(Row {
            name: Twice::of(|language| selftest_word(language, "family", family)),
            closed,
            open,
            untested,
            class,
            word: Twice::of(|language| match (family, outcome) {
                ("control", "pass") => "OK".to_owned(),
                ("control", "fail") => "!".to_owned(),
                _ => selftest_word(language, "outcome", outcome),
            }),
        })
    }

    /// The attacks with this outcome: what was tried, with what, and why. Those of the same kind are told once.
    fn describe(self, outcome: &str, lines_max: usize) -> Vec<Twice> {
        let lines: Vec<&SelftestLine> =
            self.run.lines.iter().filter(|line| line.outcome == outcome).collect();
        let mut groups: Vec<(&SelftestLine, Vec<&str>)> = Vec::new();
        for line in lines {
            let same = groups.iter_mut().find(|(first, _)| first.id == line.id && first.why == line.why);
            match same {
                Some((_, with)) if !with.contains(&line.with.as_str()) => with.push(&line.with),
                Some(_) => {}
                None => groups.push((line, vec![&line.with])),
            }
        }
        let more = groups.len().saturating_sub(lines_max);
        let count = more.to_string();
        let more = (more > 0)
            .then(|| Twice::of(|language| language.say_with("selftest-report-more", &[("count", &count)])));
        let shown = groups.iter().take(lines_max).map(|(line, with)| {
            Twice::of(|language| {
                let what = selftest_word(language, "attack", &line.id);
                let why =
                    line.why.as_deref().map(|why| selftest_word(language, "why", why)).unwrap_or_default();
                let with = with.iter().filter(|text| !text.is_empty()).take(WITH_MAX);
                let with: Vec<String> = with.map(|text| shorten(text)).collect();
                let with = if with.is_empty() { String::new() } else { format!(" ({})", with.join(", ")) };
                let is_told = line.family == NETWORK && outcome == "fail" && !line.detail.is_empty();
                let detail = if is_told { format!(" ({})", line.detail) } else { String::new() };
                let advice = selftest_word(language, "advice", &line.family);
                let advice = if outcome == "fail" { format!(" → {advice}") } else { String::new() };
                format!("{what}{with} – {why}{detail}{advice}")
            })
        });
        shown.chain(more).collect()
    }
}

fn shorten(text: &str) -> String {
    let short: String = text.chars().take(WITH_CHARACTERS_MAX).collect();
    if short.len() < text.len() { short + "…" } else { short }
}
