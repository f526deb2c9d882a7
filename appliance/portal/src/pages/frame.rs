//! What all pages have around them.

use askama::Template;
use jiff::tz::TimeZone;
use model::{Host, Subject};

use super::Why;
use crate::Language;

/// The one style sheet, inside every page: a page asks nothing of any other address.
pub const STYLE: &str = include_str!("style.css");

/// What every page may do, as its `Content-Security-Policy`: its own style sheet, by its SHA-256 (a test computes
/// it), forms to where it is itself, and nothing else. Pages carry it themselves too, so that it holds whoever sends them.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
    style-src 'sha256-sMcoWhW8NF3s0camH1N/B/jC90AG7cawVLX69fdQhkw='; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The same for a page that hears of changes: besides, it runs the box's own script, and listens to the box alone.
pub const LIVE_SECURITY_POLICY: &str = "default-src 'none'; \
    style-src 'sha256-sMcoWhW8NF3s0camH1N/B/jC90AG7cawVLX69fdQhkw='; \
    script-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What a page shows when it cannot be rendered: no text of an error reaches a pupil.
const UNRENDERED: &str = "<!doctype html><html lang=\"fr\"><meta charset=\"utf-8\"><title>Préau</title>\
    <p>Cette page n’a pas pu être affichée. Prévenez le service informatique de la commune.</p></html>";

/// Where a page is shown: the same for all pages of a box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The school's name, as people say it: `École Jean-Jaurès`.
    pub school: String,
    /// How to reach the municipality's IT service, if the configuration says so: a telephone number, an address.
    pub helpdesk: Option<String>,
    /// Where the portal's home page is, as an absolute URL; `None` where clients cannot reach it.
    pub portal_url: Option<String>,
    /// By which clock the school lives.
    pub timezone: TimeZone,
}

impl Place {
    /// The place of a page for somebody who should not learn where it is.
    pub(crate) fn nowhere() -> Self {
        Self { school: "Préau".to_owned(), helpdesk: None, portal_url: None, timezone: TimeZone::UTC }
    }

    /// Where a device learns what was refused to it, as an absolute URL.
    #[must_use]
    pub fn why_url(&self) -> Option<String> {
        self.portal_url.as_ref().map(|home| format!("{}{}", home.trim_end_matches('/'), Why::PATH))
    }
}

/// The part that layout and pages share.
pub(super) struct Frame<'a> {
    pub(super) place: &'a Place,
    pub(super) language: Language,
    policy: &'static str,
}

impl<'a> Frame<'a> {
    pub(super) fn new(place: &'a Place, language: Language) -> Self {
        Self { place, language, policy: CONTENT_SECURITY_POLICY }
    }

    /// The frame of a page that hears of changes.
    pub(super) fn live(place: &'a Place, language: Language) -> Self {
        Self { policy: LIVE_SECURITY_POLICY, ..Self::new(place, language) }
    }

    /// A text of the page's language.
    pub(super) fn say(&self, key: &str) -> String {
        self.language.say(key)
    }

    pub(super) fn style(&self) -> &'static str {
        STYLE
    }

    /// The policy without the part that browsers take from a header only.
    pub(super) fn policy(&self) -> &'static str {
        self.policy.split("; frame-ancestors").next().unwrap_or(self.policy)
    }
}

/// A line of a table of details.
pub(super) struct Detail {
    pub(super) name: String,
    pub(super) value: String,
}

impl Detail {
    pub(super) fn new(name: String, value: impl Into<String>) -> Self {
        Self { name, value: value.into() }
    }
}

/// Renders a whole page.
pub(super) fn render(page: &impl Template) -> String {
    page.render().unwrap_or_else(|_| UNRENDERED.to_owned())
}

/// The lines that say who asked, in the words of people.
pub(super) fn describe_subject(language: Language, subject: &Subject) -> Vec<Detail> {
    let mut details = vec![Detail::new(language.say("frame-device"), name_subject(language, subject))];
    if let Some(room) = subject.room() {
        details.push(Detail::new(language.say("frame-room"), room.as_str()));
    }
    details.push(Detail::new(language.say("frame-profile"), profile_of(subject)));
    details
}

pub(super) fn name_subject(language: Language, subject: &Subject) -> String {
    match subject {
        Subject::Device(device) => device.name.to_string(),
        Subject::Unknown(unknown) => {
            let name = match unknown.mac {
                Some(mac) => mac.to_string(),
                None => unknown.address.to_string(),
            };
            language.say_with("frame-unknown-device", &[("name", &name)])
        }
    }
}

pub(super) fn profile_of(subject: &Subject) -> &str {
    match subject {
        Subject::Device(device) => device.profile.as_str(),
        Subject::Unknown(_) => model::UnknownDevice::PROFILE,
    }
}

/// A host as people read it: an internationalised name in its own letters, followed by its A-label form.
pub(super) fn name_host(host: &Host) -> String {
    let Host::Name(name) = host else { return host.to_string() };
    let ascii = name.as_str();
    match idna::domain_to_unicode(ascii) {
        (unicode, Ok(())) if unicode != ascii => format!("{unicode} ({ascii})"),
        _ => ascii.to_owned(),
    }
}
