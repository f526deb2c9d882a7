//! The keys that open what is sealed: whose there are, and a new one on paper.

use askama::Template;
use model::{Person, ReaderRole};
use qrcode::EcLevel;

use super::bar::Bar;
use super::journal::name_moment;
use super::trouble::tell;
use crate::pages::Place;
use crate::pages::frame::{Frame, render};
use crate::pages::key_picture::draw;
use crate::pages::safe::group_key;
use crate::{KeyLine, KeyList, Language, NewKey, Trouble};

/// Shows to which keys days are sealed, and makes one.
#[derive(Clone, Copy, Debug)]
pub struct KeysPage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who is signed in.
    pub person: &'a Person,
    /// The keys.
    pub list: &'a KeyList,
    /// The token of the forms.
    pub token: &'a str,
    /// Why something was not done.
    pub trouble: Option<Trouble>,
}

#[derive(Template)]
#[template(path = "people/keys.html")]
struct View<'a> {
    frame: Frame<'a>,
    bar: Bar<'a>,
    trouble: Option<String>,
    is_lacking: bool,
    lacks_safe: bool,
    configured: &'a [String],
    made: Vec<Row<'a>>,
    waiting: Vec<(String, &'a str)>,
    roles: Vec<(&'static str, String)>,
    token: &'a str,
}

/// A key, as lines of a list.
struct Row<'a> {
    number: usize,
    title: String,
    public: &'a str,
    facts: String,
    is_hers: bool,
    is_last: bool,
}

impl KeysPage<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where the page is, and where a key is made.
    pub const PATH: &'static str = "/direction/journal/cles";
    /// Where somebody says that she keeps one.
    pub const KEEP_PATH: &'static str = "/direction/journal/cles/garder";
    /// Where one is taken away.
    pub const REMOVE_PATH: &'static str = "/direction/journal/cles/retirer";

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let KeyList { configured, made, waiting } = self.list;
        let keeps = |role: &ReaderRole| role.is_kept_by(self.person.role);
        let roles = ReaderRole::ALL.into_iter().filter(keeps);
        render(&View {
            frame: Frame::new(self.place, language),
            bar: Bar::new(language, self.person, self.token, super::JournalPage::PATH),
            trouble: self.trouble.map(|trouble| tell(language, trouble)),
            is_lacking: configured.is_empty() && made.is_empty(),
            // A configuration has one for the safe, or none at all.
            lacks_safe: configured.is_empty()
                && !made.is_empty()
                && made.iter().all(|key| key.role != ReaderRole::Recovery),
            configured,
            made: made.iter().enumerate().map(|(number, key)| self.describe(language, number, key)).collect(),
            waiting: waiting.iter().map(|(role, public)| (name(language, *role), public.as_str())).collect(),
            roles: roles.map(|role| (role.as_str(), name(language, role))).collect(),
            token: self.token,
        })
    }

    fn describe<'k>(&self, language: Language, number: usize, key: &'k KeyLine) -> Row<'k> {
        let at = name_moment(language, self.place, key.at);
        let facts = [("by", key.by.as_str()), ("at", at.as_str())];
        Row {
            number,
            title: name(language, key.role),
            public: &key.public,
            facts: language.say_with("keys-facts", &facts),
            is_hers: key.role.is_kept_by(self.person.role),
            is_last: self.list.made.iter().filter(|other| other.role == key.role).count() == 1,
        }
    }
}

/// Shows a key, once, to be printed. It is confirmed on the other page: here its end would be read from the screen, and prove no paper.
#[derive(Clone, Copy)]
pub struct KeyPaper<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who is signed in.
    pub person: &'a Person,
    /// The key.
    pub key: &'a NewKey,
    /// The token of the forms.
    pub token: &'a str,
}

#[derive(Template)]
#[template(path = "people/key_paper.html")]
struct PaperView<'a> {
    frame: Frame<'a>,
    bar: Bar<'a>,
    title: String,
    groups: Vec<String>,
    picture: String,
    public: &'a str,
    made: String,
    now: Vec<String>,
    later: Vec<String>,
    /// The file of the key, inside the address of a link.
    file: String,
}

impl KeyPaper<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let NewKey { role, public, secret, made } = self.key;
        let now: &[&str] = match role {
            ReaderRole::Head | ReaderRole::Officer => &["keys-paper-print", "keys-paper-keep"],
            ReaderRole::Recovery => &["safe-now-print", "safe-now-seal"],
        };
        let later = ["safe-later-file", "safe-later-read", "safe-later-new"];
        let later = later.iter().filter(|_| *role == ReaderRole::Recovery);
        render(&PaperView {
            frame: Frame::new(self.place, language),
            bar: Bar::new(language, self.person, self.token, ""),
            title: name(language, *role),
            groups: group_key(secret),
            // As on the sheet for the safe: a quarter of it may be gone.
            picture: draw(secret, EcLevel::Q).unwrap_or_default(),
            public,
            made: name_moment(language, self.place, *made),
            now: now.iter().map(|key| language.say(key)).collect(),
            later: later.map(|key| language.say(key)).collect(),
            // As `age` reads it; the browser makes a file of it without asking the box.
            file: format!("data:text/plain,%23%20public%20key:%20{public}%0A{}%0A", secret.as_str()),
        })
    }
}

/// Whose a key is.
fn name(language: Language, role: ReaderRole) -> String {
    language.say(match role {
        ReaderRole::Head => "keys-role-head",
        ReaderRole::Officer => "keys-role-officer",
        ReaderRole::Recovery => "keys-role-recovery",
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::pages::samples;

    const LANGUAGES: [Language; 2] = [Language::French, Language::English];

    /// Every page, with a name for it.
    pub(crate) fn all(language: Language) -> Vec<(String, String)> {
        let (place, list, none) = (samples::place(), samples::keys(), KeyList::default());
        let (head, officer) = (samples::head(), samples::officer());
        let page = KeysPage { place: &place, person: &head, list: &list, token: "0", trouble: None };
        let mut pages = vec![
            ("keys".to_owned(), page.render(language)),
            ("keys of the officer".to_owned(), KeysPage { person: &officer, ..page }.render(language)),
            ("no key".to_owned(), KeysPage { list: &none, ..page }.render(language)),
        ];
        for trouble in [Trouble::KeyEnd, Trouble::LastKey, Trouble::LastOfRole] {
            let html = KeysPage { trouble: Some(trouble), ..page }.render(language);
            pages.push((format!("keys, {trouble:?}"), html));
        }
        for role in ReaderRole::ALL {
            let key = NewKey { role, ..samples::new_key() };
            let html = KeyPaper { place: &place, person: &head, key: &key, token: "0" }.render(language);
            pages.push((format!("key of the {role}"), html));
        }
        pages
    }

    #[test]
    fn the_page_tells_whose_keys_there_are_and_makes_those_of_whoever_looks() {
        let (place, list) = (samples::place(), samples::keys());
        for (person, roles) in [(samples::head(), 3), (samples::officer(), 1)] {
            let page = KeysPage { place: &place, person: &person, list: &list, token: "0", trouble: None };
            for html in LANGUAGES.map(|language| page.render(language)) {
                assert_eq!(html.matches("<option value=").count(), roles, "{html}");
                assert!(html.contains("age1configured") && html.contains("age1&#60;safe&#62;"), "{html}");
                assert!(html.contains("age1waiting") && html.contains(KeysPage::KEEP_PATH), "{html}");
                // The officer takes away none of the head's.
                assert_eq!(
                    html.matches(KeysPage::REMOVE_PATH).count(),
                    if roles == 3 { 2 } else { 0 },
                    "{html}"
                );
                assert!(!html.contains("role=\"alert\""), "{html}");
            }
        }
    }

    #[test]
    fn a_school_without_keys_is_told_what_that_means() {
        let (place, person, list) = (samples::place(), samples::head(), KeyList::default());
        let trouble = Some(Trouble::KeyEnd);
        let page = KeysPage { place: &place, person: &person, list: &list, token: "0", trouble };
        for (language, none) in LANGUAGES.into_iter().zip(["en clair", "in the clear"]) {
            let html = page.render(language);
            assert!(html.contains(none) && html.contains("role=\"alert\""), "{html}");
        }
    }

    #[test]
    fn a_school_whose_safe_is_empty_is_told_so_and_everybody_to_compare() {
        let (place, person) = (samples::place(), samples::head());
        let of = |configured: &[&str], roles: &[ReaderRole]| {
            let configured = configured.iter().map(|key| (*key).to_owned()).collect();
            let made = samples::keys().made.into_iter().filter(|key| roles.contains(&key.role)).collect();
            let list = KeyList { configured, made, waiting: Vec::new() };
            let page = KeysPage { place: &place, person: &person, list: &list, token: "0", trouble: None };
            let html = page.render(Language::English);
            assert!(html.contains("Compare"), "{html}");
            html.contains("no recovery key")
        };
        assert!(of(&[], &[ReaderRole::Head]));
        assert!(!of(&[], &ReaderRole::ALL) && !of(&["age1configured"], &[ReaderRole::Head]));
        assert!(!of(&[], &[]), "there is none at all, and that is said");
    }

    #[test]
    fn a_new_key_is_in_letters_as_a_picture_and_as_a_file() {
        let (place, person) = (samples::place(), samples::head());
        for role in ReaderRole::ALL {
            let key = NewKey { role, ..samples::new_key() };
            let page = KeyPaper { place: &place, person: &person, key: &key, token: "0" };
            for html in LANGUAGES.map(|language| page.render(language)) {
                let letters = html.split("<strong class=\"code\">").nth(1).unwrap().split("</strong>").next();
                assert_eq!(letters.unwrap().replace(' ', ""), *key.secret, "{html}");
                let file =
                    format!("data:text/plain,%23%20public%20key:%20{}%0A{}%0A", key.public, *key.secret);
                // Beside the mark of the page.
                assert!(html.contains(&file) && html.matches("<svg").count() == 2, "{html}");
                assert_eq!(html.contains("age --decrypt"), role == ReaderRole::Recovery, "{html}");
                // Whoever confirms it does not see it any more.
                let next = format!("href=\"{}\"", KeysPage::PATH);
                assert!(html.contains(&next) && !html.contains(KeysPage::KEEP_PATH), "{html}");
            }
        }
    }
}
