//! What the commune decides of the configuration of a school's box.

use std::collections::BTreeMap;

use askama::Template;
use model::Timestamp;
use portal::Language;
use replication::{ConfigurationDelay, ConfigurationHealth, School};

use super::bar::Bar;
use super::frame::{Frame, Place, render};
use crate::configurations::Fault;
use crate::register::configurations::Version;

/// Mistakes that a page shows: with more, it is another file.
const FAULTS_MAX: usize = 20;

/// What stands in the form.
pub(crate) struct Draft<'a> {
    pub(crate) text: &'a str,
    /// The version that whoever writes has seen as the last one; 0: none.
    pub(crate) before: u64,
    pub(crate) faults: &'a [Fault],
    /// Where the text is from, where it is not the last version.
    pub(crate) origin: Origin<'a>,
}

/// Where a text is from.
#[derive(Clone, Copy)]
pub(crate) enum Origin<'a> {
    /// The last version, or whoever writes.
    Own,
    /// An earlier version.
    Earlier,
    /// Another school.
    Other(&'a str),
}

/// What the page is made of.
pub(crate) struct SettingsPage<'a> {
    pub(crate) place: Place<'a>,
    pub(crate) bar: Bar,
    pub(crate) school: &'a School,
    pub(crate) versions: &'a [Version],
    /// What the box has told of it.
    pub(crate) health: Option<&'a ConfigurationHealth>,
    /// Schools that have settings as well.
    pub(crate) others: &'a [School],
    pub(crate) draft: Draft<'a>,
    pub(crate) may_act: bool,
}

#[derive(Template)]
#[template(path = "settings.html")]
struct View<'a> {
    frame: Frame<'a>,
    uai: &'a str,
    name: &'a str,
    state: Vec<String>,
    is_refused: bool,
    faults: Vec<String>,
    note: Option<String>,
    text: &'a str,
    before: u64,
    others: &'a [School],
    versions: Vec<Line>,
    may_act: bool,
}

struct Line {
    number: u64,
    made: String,
    author: String,
    is_last: bool,
    is_empty: bool,
}

impl SettingsPage<'_> {
    /// The page.
    pub(crate) fn render(self) -> String {
        let Self { place, bar, school, versions, health, others, draft, may_act } = self;
        let Draft { text, before, faults, origin } = draft;
        let last = versions.first().map(|version| version.number);
        let line = |version: &Version| Line {
            number: version.number,
            made: place.moment(version.made),
            author: version.author.clone(),
            is_last: Some(version.number) == last,
            is_empty: version.text.is_empty(),
        };
        render(&View {
            uai: &school.uai,
            name: &school.name,
            state: tell_state(place, versions, health),
            is_refused: health.is_some_and(|health| health.refused.is_some()),
            faults: faults.iter().take(FAULTS_MAX).map(|fault| tell_fault(place, fault)).collect(),
            note: match origin {
                Origin::Own => None,
                Origin::Earlier => Some(place.say("settings-older")),
                Origin::Other(name) => Some(place.say_with("settings-copied", &[("name", name)])),
            },
            text,
            before,
            others,
            versions: versions.iter().map(line).collect(),
            may_act,
            frame: Frame::new(place, Some(bar)),
        })
    }
}

fn tell_fault(place: Place<'_>, fault: &Fault) -> String {
    let (line, column) = (fault.line.to_string(), fault.column.to_string());
    let what = match place.language {
        Language::French => &fault.french,
        Language::English => &fault.english,
    };
    let variables = [("line", line.as_str()), ("column", column.as_str()), ("what", what.as_str())];
    place.say_with("settings-fault", &variables)
}

/// What the box works by, what waits, what it has not taken.
fn tell_state(place: Place<'_>, versions: &[Version], health: Option<&ConfigurationHealth>) -> Vec<String> {
    if versions.is_empty() && health.is_none() {
        return vec![place.say("settings-never")];
    }
    let Some(health) = health else { return vec![place.say("settings-unheard")] };
    let made: BTreeMap<u64, Timestamp> = versions.iter().map(|it| (it.number, it.made)).collect();
    let when = |number: u64| made.get(&number).map_or_else(|| number.to_string(), |made| place.moment(*made));
    let mut lines = vec![match health.in_force {
        Some(number) if made.contains_key(&number) => {
            place.say_with("settings-in-force", &[("when", &when(number))])
        }
        Some(number) => place.say_with("settings-in-force-other", &[("number", &number.to_string())]),
        None => place.say("settings-own"),
    }];
    if let Some(ConfigurationDelay { number, why }) = &health.waiting {
        lines.push(place.say_with(&format!("settings-{why}"), &[("when", &when(*number))]));
    }
    if let Some(ConfigurationDelay { number, why }) = &health.refused {
        lines.push(place.say_with("settings-refused", &[("when", &when(*number)), ("why", why)]));
    }
    lines
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::register::people::{Duty, Member, MemberId};

    static ZONE: TimeZone = TimeZone::UTC;
    const HOSTILE: &str = "</textarea><script>alert(1)</script>";

    fn page(
        language: Language,
        may_act: bool,
        health: Option<&ConfigurationHealth>,
        draft: Draft<'_>,
    ) -> String {
        let place = Place { commune: "Saint-Exemple", timezone: &ZONE, language };
        let member = Member {
            id: MemberId(1),
            name: "Mme Petit".parse().unwrap(),
            duties: [Duty::Technician].into(),
            has_first_secret: false,
            has_key: true,
            disabled: None,
            account: None,
        };
        let school = |uai: &str| School { uai: uai.to_owned(), name: HOSTILE.to_owned(), rooms: vec![] };
        let version = |number: u64, text: &str| Version {
            number,
            text: text.to_owned(),
            author: HOSTILE.to_owned(),
            made: Timestamp::from_unix_ms(1_795_392_000_000),
        };
        let versions = [version(9, ""), version(7, HOSTILE)];
        SettingsPage {
            place,
            bar: Bar::new(place, &member, "token", "/ecole"),
            school: &school("0750655E"),
            versions: &versions,
            health,
            others: &[school("0692345Z")],
            draft,
            may_act,
        }
        .render()
    }

    fn draft(faults: &[Fault]) -> Draft<'_> {
        Draft { text: HOSTILE, before: 9, faults, origin: Origin::Own }
    }

    #[test]
    fn nothing_is_shown_unescaped_and_readers_send_nothing() {
        let fault = Fault { line: 3, column: 1, french: HOSTILE.to_owned(), english: HOSTILE.to_owned() };
        for (language, may_act) in [(Language::French, true), (Language::English, false)] {
            let html = page(language, may_act, None, draft(std::slice::from_ref(&fault)));
            assert!(!html.contains("<script>"), "{html}");
            assert_eq!(html.matches("</textarea>").count(), 1);
            assert_eq!(html.contains("name=\"de\""), may_act);
            assert_eq!(html.contains(" readonly"), !may_act);
        }
    }

    #[test]
    fn how_far_it_has_come_is_told() {
        let told = |health: &ConfigurationHealth| page(Language::French, true, Some(health), draft(&[]));
        let delay = |number, why: &str| Some(ConfigurationDelay { number, why: why.to_owned() });
        let own = ConfigurationHealth::default();
        assert!(told(&own).contains("ses propres réglages."));
        let runs = ConfigurationHealth { in_force: Some(7), ..own.clone() };
        assert!(told(&runs).contains("la version du 23/11/2026"));
        assert!(told(&ConfigurationHealth { in_force: Some(5), ..own.clone() }).contains("n’a plus (5)"));
        for wait in ConfigurationHealth::WAITS {
            let html = told(&ConfigurationHealth { waiting: delay(9, wait), ..runs.clone() });
            assert!(!html.contains(&format!("settings-{wait}")) && html.contains("23/11/2026"), "{html}");
        }
        let refused = ConfigurationHealth { refused: delay(9, "3:1: no profile"), ..runs };
        assert!(told(&refused).contains("3:1: no profile"));
    }
}
