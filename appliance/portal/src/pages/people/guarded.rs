//! The page that leads to the sign-in by TLS: nobody's secret crosses the classroom in clear.

use askama::Template;

use super::SignInPage;
use crate::pages::frame::{Frame, render};
use crate::pages::{Certificate, Place};
use crate::{Authority, Language};

/// Leads to the same box by HTTPS, and says what to do where a browser does not know its certificate.
#[derive(Clone, Copy, Debug)]
pub struct GuardedPage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who vouches for the box; `None` where nobody does, and nobody signs in.
    pub authority: Option<&'a Authority>,
}

#[derive(Template)]
#[template(path = "people/guarded.html")]
struct View<'a> {
    frame: Frame<'a>,
    url: Option<String>,
    certificate_path: &'static str,
}

impl GuardedPage<'_> {
    /// The HTTP status of the page: Forbidden, or Service Unavailable (RFC 9110 sections 15.5.4 and 15.6.4).
    #[must_use]
    pub fn status(&self) -> u16 {
        if self.authority.is_some() { 403 } else { 503 }
    }

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        render(&View {
            frame: Frame::new(self.place, language),
            url: self.authority.map(|authority| authority.page_url(SignInPage::PATH)),
            certificate_path: Certificate::PATH,
        })
    }
}
