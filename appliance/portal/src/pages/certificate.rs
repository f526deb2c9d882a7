//! The page where devices get the box's certificate.

use askama::Template;

use super::Place;
use super::frame::{Detail, Frame, render};
use crate::{Authority, Language};

/// Says what the certificate is for and what it cannot do, and offers it.
#[derive(Clone, Copy, Debug)]
pub struct Certificate<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Whose certificate it is; `None` where the box has none to show.
    pub authority: Option<&'a Authority>,
}

#[derive(Template)]
#[template(path = "certificate.html")]
struct View<'a> {
    frame: Frame<'a>,
    tone: &'static str,
    headline: String,
    lead: String,
    is_there: bool,
    file_path: &'static str,
    command: &'static str,
    details: Vec<Detail>,
}

impl Certificate<'_> {
    /// Where the page is.
    pub const PATH: &'static str = "/certificat";
    /// Where the certificate itself is, in DER.
    pub const FILE_PATH: &'static str = "/certificat/preau.crt";
    /// The command that tells the fingerprint where nobody can have changed it on the way.
    const COMMAND: &'static str = "preau ca show";

    /// The HTTP status of the page: OK, or Service Unavailable (RFC 9110 section 15.6.4).
    #[must_use]
    pub fn status(&self) -> u16 {
        if self.authority.is_some() { 200 } else { 503 }
    }

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let (tone, headline, lead) = match self.authority {
            Some(_) => ("good", "certificate-headline", "certificate-lead"),
            None => ("warning", "certificate-headline-none", "certificate-lead-none"),
        };
        render(&View {
            frame: Frame::new(self.place, language),
            tone,
            headline: language.say(headline),
            lead: language.say(lead),
            is_there: self.authority.is_some(),
            file_path: Self::FILE_PATH,
            command: Self::COMMAND,
            details: self.authority.map_or_else(Vec::new, |authority| describe(language, authority)),
        })
    }
}

fn describe(language: Language, authority: &Authority) -> Vec<Detail> {
    vec![
        Detail::new(language.say("certificate-fingerprint"), group(&authority.fingerprint)),
        Detail::new(language.say("certificate-names"), authority.names.join(", ")),
        Detail::new(language.say("certificate-doh"), authority.page_url(Authority::NAMES_PATH)),
    ]
}

/// A fingerprint with room to break the line, four bytes at a time: so people compare it.
fn group(fingerprint: &str) -> String {
    let bytes: Vec<&str> = fingerprint.split(':').collect();
    bytes.chunks(4).map(|group| group.join(":")).collect::<Vec<_>>().join(": ")
}
