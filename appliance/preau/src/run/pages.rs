//! The portal's pages, as the gate shows them.

use access::Recorded;
use model::Host;
use policy::{Decided, Refusal};
use portal::{Language, pages};
use proxy::{Page, Pages, Unreachable};

/// Renders for one place.
pub(crate) struct PortalPages {
    pub(crate) place: pages::Place,
}

impl Pages for PortalPages {
    fn refusal(&self, refusal: &Recorded<Refusal>, accept_language: Option<&str>) -> Page {
        let refusal = refusal.decision();
        let view = pages::Refusal {
            place: &self.place,
            subject: refusal.subject(),
            host: refusal.host(),
            reason: refusal.reason(),
        };
        page(view.render(Language::negotiate(accept_language)))
    }

    fn closed(&self, accept_language: Option<&str>) -> Page {
        let view = pages::Closed { place: &self.place, host: None };
        page(view.render(Language::negotiate(accept_language)))
    }

    fn unreachable(&self, host: &Host, cause: Unreachable, accept_language: Option<&str>) -> Page {
        let cause = match cause {
            Unreachable::NoAddress => pages::Cause::NoAddress,
            Unreachable::NoResolver => pages::Cause::NoResolver,
            Unreachable::NoAnswer => pages::Cause::NoAnswer,
            Unreachable::Forbidden => pages::Cause::Inward,
        };
        let view = pages::Unreachable { place: &self.place, host, cause };
        page(view.render(Language::negotiate(accept_language)))
    }
}

fn page(html: String) -> Page {
    Page { content_type: "text/html; charset=utf-8", body: html.into() }
}
