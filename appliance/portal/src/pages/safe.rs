//! The sheet for the commune's safe: the recovery key of the journal, on paper.

use askama::Template;
use jiff::tz::TimeZone;
use model::Timestamp;
use qrcode::EcLevel;

use super::frame::render;
use super::journal::name_second;
use super::key_picture::draw;
use super::twice::{Twice, say};
use crate::Language;

/// Letters of a group of the key: what somebody who types it holds in mind.
const GROUP_CHARACTERS: usize = 6;
/// What every secret key begins with: nobody has to read that in groups.
const KEY_BEGIN: &str = "AGE-SECRET-KEY-1";

/// A recovery key. Whoever sees the page has it.
#[derive(Clone, Copy)]
pub struct SafeSheet<'s> {
    /// The school's name.
    pub school: &'s str,
    /// By which clock it lives.
    pub time_zone: &'s TimeZone,
    /// When the key was made.
    pub made: Timestamp,
    /// The public key, for the configuration.
    pub public: &'s str,
    /// The secret key.
    pub secret: &'s str,
}

#[derive(Template)]
#[template(path = "safe.html")]
struct View<'s> {
    sheet: &'s SafeSheet<'s>,
    groups: Vec<String>,
    picture: String,
    made: String,
    now: Vec<Twice>,
    later: Vec<Twice>,
}

impl SafeSheet<'_> {
    /// The whole page.
    #[must_use]
    pub fn render(&self) -> String {
        render(&View {
            sheet: self,
            groups: group_key(self.secret),
            // A telephone without a line reads it. Paper ages in a safe: a quarter of it may be gone.
            picture: draw(self.secret, EcLevel::Q).unwrap_or_default(),
            made: name_second(Language::French, self.time_zone, self.made),
            now: ["safe-now-print", "safe-now-seal", "safe-now-delete"].map(say).into(),
            later: ["safe-later-file", "safe-later-read", "safe-later-new"].map(say).into(),
        })
    }
}

/// A secret key in groups, as somebody types it: first what every one begins with.
pub(super) fn group_key(secret: &str) -> Vec<String> {
    let (begin, rest) = secret.split_at_checked(KEY_BEGIN.len()).unwrap_or((secret, ""));
    let letters: Vec<char> = rest.chars().collect();
    let groups = letters.chunks(GROUP_CHARACTERS).map(|group| group.iter().collect());
    std::iter::once(begin.to_owned()).chain(groups).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_on_the_sheet_in_letters_and_as_a_picture() {
        let secret = format!("AGE-SECRET-KEY-1{}", "Q9Z2".repeat(15).get(..58).unwrap());
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let sheet = SafeSheet {
            school: "École <Jean-Jaurès>",
            time_zone: &zone,
            made: Timestamp::from_unix_ms(1_795_513_800_000),
            public: "age1abc",
            secret: &secret,
        };
        let html = sheet.render();
        let groups: String = html.split("<code>").nth(1).unwrap().split("</code>").next().unwrap().into();
        assert_eq!(groups.replace("<br>", "").replace(' ', ""), secret);
        assert!(html.contains("<svg") && html.contains("recovery = 'age1abc'"), "{html}");
        assert!(html.contains("École &#60;Jean-Jaurès&#62;") && html.contains("24/11/2026"), "{html}");
    }
}
