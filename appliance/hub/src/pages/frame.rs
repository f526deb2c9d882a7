//! What all pages of the hub have around them.

use std::sync::LazyLock;

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use model::Timestamp;
use portal::Language;
use portal::shared::STYLE;
use ring::digest::{SHA256, digest};

use super::bar::Bar;
use crate::texts::TEXTS;

/// What the hub's pages have beside the style sheet of the boxes' pages.
const OWN_STYLE: &str = include_str!("hub.css");

/// What every page may do, as its `Content-Security-Policy`: its own style sheets, by their SHA-256, forms to where it is itself, and
/// nothing else.
pub(crate) static SECURITY_POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |style: &str| STANDARD.encode(digest(&SHA256, style.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}' 'sha256-{}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        hash(STYLE),
        hash(OWN_STYLE)
    )
});

/// What a page shows when it cannot be rendered.
const UNRENDERED: &str = "<!doctype html><html lang=\"fr\"><meta charset=\"utf-8\"><title>Préau</title>\
    <p>Cette page n’a pas pu être affichée.</p></html>";

/// Where a page is shown, and to whom.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Whose hub it is.
    pub(crate) commune: &'a str,
    /// By which clock the commune lives.
    pub(crate) timezone: &'a TimeZone,
    /// What it is said in.
    pub(crate) language: Language,
}

impl Place<'_> {
    pub(crate) fn say(self, key: &str) -> String {
        self.say_with(key, &[])
    }

    pub(crate) fn say_with(self, key: &str, variables: &[(&'static str, &str)]) -> String {
        TEXTS.say(self.language, key, variables)
    }

    /// A moment, as people write it.
    pub(crate) fn moment(self, at: Timestamp) -> String {
        self.write(at, ["%d/%m/%Y\u{a0}%H:%M", "%Y-%m-%d\u{a0}%H:%M"])
    }

    /// A day.
    pub(crate) fn day(self, at: Timestamp) -> String {
        self.write(at, ["%d/%m/%Y", "%Y-%m-%d"])
    }

    fn write(self, at: Timestamp, [french, english]: [&str; 2]) -> String {
        let format = match self.language {
            Language::French => french,
            Language::English => english,
        };
        let at = jiff::Timestamp::from_millisecond(at.unix_ms()).unwrap_or_default();
        at.to_zoned(self.timezone.clone()).strftime(format).to_string()
    }
}

/// The part that layout and pages share.
pub(crate) struct Frame<'a> {
    pub(crate) place: Place<'a>,
    pub(crate) bar: Option<Bar>,
}

impl<'a> Frame<'a> {
    pub(crate) fn new(place: Place<'a>, bar: Option<Bar>) -> Self {
        Self { place, bar }
    }

    /// A text of the page's language.
    pub(crate) fn say(&self, key: &str) -> String {
        self.place.say(key)
    }

    pub(crate) fn styles(&self) -> [&'static str; 2] {
        [STYLE, OWN_STYLE]
    }

    /// What goes with the forms of somebody who is signed in.
    pub(crate) fn token(&self) -> &str {
        self.bar.as_ref().map_or("", |bar| &bar.token)
    }
}

/// Renders a whole page.
pub(crate) fn render(page: &impl Template) -> String {
    page.render().unwrap_or_else(|error| {
        tracing::error!(%error, "a page cannot be rendered");
        UNRENDERED.to_owned()
    })
}
