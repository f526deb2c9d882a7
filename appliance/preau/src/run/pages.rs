//! The portal's pages, as the gate shows them.

use std::sync::Arc;

use access::Recorded;
use model::{Host, LibraryFile};
use policy::{Decided, Refusal};
use portal::{Language, library_path, pages};
use proxy::{Delivery, Outage, Page, Pages, Unreachable};

use super::preparing::Prepared;

/// Renders for one place.
pub(crate) struct PortalPages {
    pub(crate) place: pages::Place,
    /// What is prepared of the workspaces.
    pub(crate) prepared: Arc<Prepared>,
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

    fn stale_notice(&self, age_s: u64) -> String {
        pages::stale_notice(age_s)
    }

    fn outage(&self, outage: &Outage<'_>, accept_language: Option<&str>) -> Page {
        let Outage { host, delivery, typed, has_files, kept } = *outage;
        let delivery = match delivery {
            Delivery::Nothing => pages::Delivery::Nothing,
            Delivery::Unsent => pages::Delivery::Unsent,
            Delivery::Half => pages::Delivery::Half,
            Delivery::Unknown => pages::Delivery::Unknown,
        };
        let chosen: Vec<(&str, &str)> = typed.map_or(vec![], |typed| {
            typed.files.iter().map(|file| (file.field.as_str(), file.name.as_str())).collect()
        });
        let typed = typed.map(|typed| pages::Typed {
            target: &typed.target,
            fields: &typed.fields,
            files: &chosen,
            is_multipart: typed.is_multipart,
        });
        // What a teacher chose comes first, under the name that she gave it.
        let ready = host.name().map(|host| self.prepared.ready_of(host)).unwrap_or_default();
        let chosen = ready.iter().map(|it| (it.title.as_str(), it.place.path.as_str()));
        let is_chosen = |path: &str| ready.iter().any(|it| it.place.path == path);
        let others = kept.iter().filter(|page| !is_chosen(&page.path));
        // Files from the commune lie on the box's own pages, and not under the workspace's name.
        let home = self.place.portal_url.as_deref().map(|home| home.trim_end_matches('/'));
        let files: Vec<(String, String)> = home.map_or(vec![], |home| {
            let place =
                |file: LibraryFile| (file.title.to_string(), format!("{home}{}", library_path(&file)));
            self.prepared.library.ready().into_iter().map(place).collect()
        });
        let files = files.iter().map(|(title, url)| (title.as_str(), url.as_str()));
        let others = others.map(|page| (page.title.as_str(), page.path.as_str()));
        let kept: Vec<(&str, &str)> = chosen.chain(files).chain(others).collect();
        let view = pages::Outage { place: &self.place, host, delivery, typed, has_files, kept: &kept };
        page(view.render(Language::negotiate(accept_language)))
    }
}

fn page(html: String) -> Page {
    Page { content_type: "text/html; charset=utf-8", body: html.into() }
}
