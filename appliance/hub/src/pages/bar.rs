//! The line above the pages of somebody who is signed in: who she is, where she may go, the way out.

use super::frame::Place;
use crate::register::people::Member;

/// The pages of everybody, by their paths.
const PAGES: [(&str, &str); 10] = [
    ("/", "nav-schools"),
    ("/regles", "nav-rules"),
    ("/categories", "nav-locks"),
    ("/demandes", "nav-wishes"),
    ("/contenus", "nav-content"),
    ("/listes", "nav-lists"),
    ("/versions", "nav-releases"),
    ("/alertes", "nav-alerts"),
    ("/actes", "nav-acts"),
    ("/secret", "nav-secret"),
];

/// The line.
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) links: Vec<Link>,
    pub(crate) token: String,
}

/// A page of hers.
pub(crate) struct Link {
    pub(crate) path: &'static str,
    pub(crate) label: String,
    pub(crate) is_current: bool,
}

impl Bar {
    /// The line of somebody on the page of this path. Whoever has not shown all that she has to goes nowhere else.
    pub(crate) fn new(place: Place<'_>, member: &Member, token: &str, path: &str) -> Self {
        let is_whole = !member.has_first_secret && member.has_key;
        let link = |&(to, key): &(&'static str, &str)| Link {
            path: to,
            label: place.say(key),
            is_current: to == path,
        };
        let duties: Vec<String> =
            member.duties.iter().map(|duty| place.say(&format!("duty-{duty}"))).collect();
        Self {
            name: member.name.as_str().to_owned(),
            role: duties.join(", "),
            links: PAGES.iter().filter(|_| is_whole).map(link).collect(),
            token: token.to_owned(),
        }
    }
}
