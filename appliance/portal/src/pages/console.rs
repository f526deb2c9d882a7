//! What the box's own screen shows: a few lines, without a name of anybody, of a device or of a site.

use super::enrol::tell;
use super::{Finding, diagnose};
use crate::{Diagnosis, Enrolment, Language, Status};

/// How the box is, for its screen.
#[derive(Clone, Copy, Debug)]
pub struct Console<'a> {
    /// How the box is.
    pub status: &'a Status,
    /// How its machine is.
    pub diagnosis: &'a Diagnosis,
    /// How far its enrolment is; `None` where it is none of a fresh box.
    pub enrolment: Option<&'a Enrolment>,
    /// The address of its hub, and the school that it is there; `None` where it is nobody's.
    pub hub: Option<(&'a str, &'a str)>,
    /// The fingerprint of the box's authority: who gives the certificate to a device compares it here, where nobody on the wire has a hand in it.
    pub fingerprint: Option<&'a str>,
}

/// A paragraph of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleLine {
    /// How it is meant: `good`, `neutral`, `warning`, `bad`.
    pub tone: &'static str,
    /// The words.
    pub text: String,
}

/// What the screen says by itself, whatever the box does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleText {
    /// Whose screen it is.
    Title,
    /// The box does not run.
    Silent,
    /// Where the box's pages are.
    Pages,
    /// Its addresses.
    Addresses,
    /// It has none.
    NoAddress,
    /// How the data are wiped.
    ResetHint,
    /// What to type, and what it does.
    ResetAsk,
    /// The word was not that one.
    ResetWrong,
    /// It is ordered.
    ResetOrdered,
    /// Nothing came of it.
    ResetFailed,
}

impl ConsoleText {
    /// The word that is typed to have the data wiped.
    pub const RESET_WORD: &'static str = "EFFACER";

    /// In the language of the people who stand before it.
    #[must_use]
    pub fn say(self) -> String {
        let key = match self {
            Self::Title => "console-title",
            Self::Silent => "console-silent",
            Self::Pages => "console-pages",
            Self::Addresses => "console-addresses",
            Self::NoAddress => "console-no-address",
            Self::ResetHint => "console-reset-hint",
            Self::ResetAsk => "console-reset-ask",
            Self::ResetWrong => "console-reset-wrong",
            Self::ResetOrdered => "console-reset-ordered",
            Self::ResetFailed => "console-reset-failed",
        };
        Language::French.say_with(key, &[("word", Self::RESET_WORD)])
    }
}

impl Console<'_> {
    /// The paragraphs, the most important first.
    #[must_use]
    pub fn lines(&self) -> Vec<ConsoleLine> {
        let language = Language::French;
        let mut lines: Vec<ConsoleLine> = Vec::new();
        if let Some(enrolment) = self.enrolment {
            let told = tell(language, enrolment);
            lines.push(ConsoleLine { tone: "neutral", text: told.headline });
            let troubles = told.troubles.into_iter().map(|text| ConsoleLine { tone: "bad", text });
            let others = told.lines.into_iter().map(|text| ConsoleLine { tone: "neutral", text });
            lines.extend(troubles.chain(others));
        }
        let (tone, key) = match self.status.is_open {
            true => ("good", "console-open"),
            false => ("bad", "console-closed"),
        };
        lines.push(ConsoleLine { tone, text: language.say(key) });
        if let Some((hub, school)) = self.hub {
            // Who finds a box enrolled sees whether it is the commune's.
            let text = language.say_with("console-hub", &[("hub", hub), ("school", school)]);
            lines.push(ConsoleLine { tone: "neutral", text });
        }
        let mut findings = diagnose(language, &self.status.without_names(), &self.diagnosis.without_names());
        // What is in the way of an enrolment is told above.
        let is_told = |finding: &Finding| {
            finding.lines.first().is_some_and(|text| lines.iter().any(|line| line.text == *text))
        };
        findings.retain(|finding| matches!(finding.level, "bad" | "warning") && !is_told(finding));
        // The order of the page stays within each.
        findings.sort_by_key(|finding| finding.level != "bad");
        lines.extend(findings.into_iter().map(describe));
        lines.extend(self.fingerprint.map(|fingerprint| ConsoleLine {
            tone: "neutral",
            text: language.say_with("console-certificate", &[("fingerprint", fingerprint)]),
        }));
        lines
    }
}

fn describe(finding: Finding) -> ConsoleLine {
    let Finding { level, name, lines, remedy, topic: _ } = finding;
    let text = lines.into_iter().chain(remedy).collect::<Vec<_>>().join(" ");
    let variables = [("name", name.as_str()), ("text", text.as_str())];
    ConsoleLine { tone: level, text: Language::French.say_with("console-finding", &variables) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::samples;
    use crate::{AccessPoint, EnrolmentStep, Health, Line, Setback, Upstream, WayOut, WifiStatus};

    #[test]
    fn the_worst_stands_first_and_nothing_names_a_device_or_a_server() {
        let mut status = samples::status();
        status.is_open = false;
        status.upstreams = vec![Upstream { server: "192.0.2.53".to_owned(), health: Health::Bad }];
        let mut diagnosis = samples::diagnosis();
        diagnosis.line = Some(Line::Down);
        diagnosis.access_points = vec![AccessPoint {
            name: "borne-cm2".to_owned(),
            status: WifiStatus::Unreachable { since: model::Timestamp::from_unix_ms(0) },
            wrong_keys: 0,
            trouble: Some("borne-cm2 does not take the key".to_owned()),
        }];
        let step = EnrolmentStep::Failed(Setback::Wrong);
        let enrolment = Enrolment { way: WayOut::Unplugged, step };
        let enrolment = Some(&enrolment);
        let (hub, fingerprint) = (None, Some("0A:F3"));
        let lines = Console { status: &status, diagnosis: &diagnosis, enrolment, hub, fingerprint }.lines();
        let last = lines.last().unwrap();
        assert!(last.tone == "neutral" && last.text.ends_with("0A:F3"), "{last:?}");
        let text: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert!(text[0].contains("attend le code") && text[1].contains("Pas de ligne"), "{text:?}");
        let text = text.join("\n");
        assert!(!text.contains("borne-cm2") && !text.contains("192.0.2.53"), "{text}");
        assert!(text.contains("Le web est fermé"), "{text}");
        let tones: Vec<&str> = lines.iter().skip(3).map(|line| line.tone).collect();
        let tones = &tones[..tones.len() - 1];
        assert!(tones.is_sorted_by_key(|tone| *tone != "bad"), "{tones:?}");
        let hub = Some(("https://hub.commune.example:443", "École Jules-Ferry"));
        let (enrolment, fingerprint) = (None, None);
        let lines = Console { status: &status, diagnosis: &diagnosis, enrolment, hub, fingerprint }.lines();
        assert!(lines[0].text.contains("Le web est fermé"), "{lines:?}");
        let whose = &lines[1].text;
        assert!(whose.contains("hub.commune.example") && whose.contains("Jules-Ferry"), "{lines:?}");
    }

    /// A screen has few rows.
    #[test]
    fn what_is_in_the_way_is_told_once() {
        let (status, mut diagnosis) = (samples::status(), samples::diagnosis());
        diagnosis.line = Some(Line::Crossed);
        diagnosis.is_school_unplugged = true;
        let enrolment = Enrolment { way: WayOut::Crossed, step: EnrolmentStep::Waiting };
        for enrolment in [Some(&enrolment), None] {
            let console =
                Console { status: &status, diagnosis: &diagnosis, enrolment, hub: None, fingerprint: None };
            let text: Vec<String> = console.lines().into_iter().map(|line| line.text).collect();
            let text = text.join("\n");
            assert_eq!(text.matches("réseau même de l’école").count(), 1, "{text}");
            assert!(text.contains("Rien au bout des câbles de l’école"), "{text}");
        }
    }

    #[test]
    fn the_word_is_in_the_words_that_ask_for_it() {
        assert!(ConsoleText::ResetAsk.say().contains(ConsoleText::RESET_WORD));
        assert!(!ConsoleText::Silent.say().contains("console-"));
    }
}
