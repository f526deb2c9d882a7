//! The pages and documents that are here for everybody, for whoever finds the line down.

use std::collections::VecDeque;
use std::io::Read as _;
use std::sync::{Mutex, PoisonError};

use ::http::{StatusCode, header};
use cache::{Audience, Key, Span, Stored, Validity};
use flate2::read::GzDecoder;

use super::body::Body;
use crate::pages::KeptPage;

/// Pages that are known by their titles: what a class opens in some weeks. The oldest leave first.
const PAGES_MAX: usize = 256;
/// Pages that are told at once: a list that is read at one glance.
const TOLD_MAX: usize = 12;
/// Of a page, so much is looked through for its title.
const HEAD_BYTES: u64 = 16 * 1024;
/// Longest title that is told, in letters.
const TITLE_CHARS_MAX: usize = 120;
/// Longest path: a longer one is a program's.
const PATH_BYTES_MAX: usize = 512;
/// What people read or watch, beside pages: beginnings of media types.
const DOCUMENTS: [&str; 7] = [
    "application/pdf",
    "application/vnd.oasis.",
    "application/vnd.openxmlformats-officedocument.",
    "application/msword",
    "application/epub+zip",
    "audio/",
    "video/",
];

/// Pages, the newest last.
#[derive(Default)]
pub(super) struct Catalogue(Mutex<VecDeque<Listed>>);

struct Listed {
    name: u128,
    host: String,
    /// The number of its body.
    body: u64,
    page: KeptPage,
    validity: Validity,
}

/// What is told of a response, the number of its body, and what it is worth.
pub(super) type Told = (u64, KeptPage, Validity);

impl Catalogue {
    /// Notes a page of that name, or takes it away.
    pub(super) fn note(&self, name: u128, key: &Key, page: Option<Told>) {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pages.retain(|listed| listed.name != name);
        if let Some((body, page, validity)) = page {
            if pages.len() >= PAGES_MAX {
                pages.pop_front();
            }
            pages.push_back(Listed { name, host: key.host().to_owned(), body, page, validity });
        }
    }

    /// What a page of that name is called, where its body is still this one.
    pub(super) fn find_title(&self, name: u128, body: u64) -> Option<String> {
        let pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let listed = pages.iter().find(|listed| listed.name == name && listed.body == body)?;
        Some(listed.page.title.clone())
    }

    /// These are gone.
    pub(super) fn forget(&self, names: &[u128]) {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pages.retain(|listed| !names.contains(&listed.name));
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len() >= PAGES_MAX
    }

    /// The newest of a host. What may have been changed is served, and told, where it `is_prepared` alone.
    pub(super) fn list(&self, host: &str, is_prepared: impl Fn(u128) -> bool) -> Vec<KeptPage> {
        let pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_served = |listed: &&Listed| listed.validity == Validity::Standing || is_prepared(listed.name);
        let own = pages.iter().rev().filter(|listed| listed.host == host).filter(is_served);
        own.map(|listed| listed.page.clone()).take(TOLD_MAX).collect()
    }
}

/// What is told of a response; `None` for what nobody opens by itself, is not for everybody, or would not be served where
/// nobody can be asked. A query may have somebody's secret in it. `title` is what these very bytes are known to be called.
pub(super) fn page_of(key: &Key, stored: &Stored, body: &Body, title: Option<String>) -> Option<Told> {
    let path = key.path_and_query();
    let kind = stored.headers.get(header::CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase();
    let is_page = kind.starts_with("text/html");
    let is_opened = is_page || DOCUMENTS.iter().any(|document| kind.starts_with(document));
    let is_for_all = stored.audience == Audience::Everyone && stored.status == StatusCode::OK;
    let is_strict = stored.terms.must_revalidate || stored.terms.no_cache;
    let is_served = !is_strict && stored.validity != Validity::Withdrawn;
    let is_plain = path.len() <= PATH_BYTES_MAX && !path.starts_with("//") && !path.contains(['?', '\\']);
    if !(is_opened && is_for_all && is_served && is_plain) {
        return None;
    }
    let title = title.or_else(|| is_page.then(|| read_title(stored, body)).flatten());
    let title = title.unwrap_or_else(|| path.to_owned());
    Some((body.number(), KeptPage { title, path: path.to_owned() }, stored.validity))
}

/// Blocks the thread.
fn read_title(stored: &Stored, body: &Body) -> Option<String> {
    let head = body.read(Span::new(0, body.length()?.min(HEAD_BYTES))?).ok()?;
    let text = match stored.headers.get(header::CONTENT_ENCODING).map(|coding| coding.as_bytes()) {
        None => head.to_vec(),
        Some(b"gzip") => {
            let mut text = Vec::new();
            // It is cut short: what was decoded until then counts.
            let _outcome = GzDecoder::new(&*head).take(HEAD_BYTES).read_to_end(&mut text);
            text
        }
        Some(_) => return None,
    };
    find_title(&String::from_utf8_lossy(&text))
}

fn find_title(html: &str) -> Option<String> {
    let small = html.to_ascii_lowercase();
    let tag = small.find("<title")?;
    let start = tag + small.get(tag..)?.find('>')? + 1;
    let end = start + small.get(start..)?.find("</title")?;
    let mut title = html.get(start..end)?.split_whitespace().collect::<Vec<_>>().join(" ");
    for (entity, letter) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")] {
        title = title.replace(entity, letter);
    }
    let title: String = title.chars().filter(|c| !c.is_control()).take(TITLE_CHARS_MAX).collect();
    (!title.is_empty() && !title.contains(char::REPLACEMENT_CHARACTER)).then_some(title)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::stored;

    fn page(path: &str) -> Option<Told> {
        Some((7, KeptPage { title: path.to_owned(), path: path.to_owned() }, Validity::Standing))
    }

    #[test]
    fn the_newest_are_told_and_the_list_has_an_end() {
        let catalogue = Catalogue::default();
        let key = |host: &str| Key::new(host, "/").unwrap();
        for number in 0..300_u32 {
            catalogue.note(number.into(), &key("ent.example"), page(&format!("/{number}")));
        }
        catalogue.note(1_000, &key("other.example"), page("/elsewhere"));
        assert!(catalogue.is_full());
        let told = catalogue.list("ent.example", |_| false);
        assert_eq!((told.len(), told[0].path.as_str()), (TOLD_MAX, "/299"));
        catalogue.note(298, &key("ent.example"), page("/298"));
        catalogue.note(299, &key("ent.example"), None);
        catalogue.forget(&[297]);
        let told = catalogue.list("ent.example", |_| false).into_iter().map(|page| page.path);
        assert_eq!(told.take(3).collect::<Vec<_>>(), ["/298", "/296", "/295"]);
    }

    #[test]
    fn what_a_form_may_have_changed_is_told_where_it_is_prepared() {
        let catalogue = Catalogue::default();
        let fields = [("content-type", "application/pdf"), ("cache-control", "public, max-age=60")];
        let body = Body::whole(7, tempfile::tempfile().unwrap(), 5, true);
        for (name, validity) in [(1, Validity::Standing), (2, Validity::Doubted), (3, Validity::Withdrawn)] {
            let key = Key::new("ent.example", &format!("/{name}")).unwrap();
            catalogue.note(name, &key, page_of(&key, &stored(&fields).at_best(validity), &body, None));
        }
        let told = |is_prepared: bool| {
            let pages = catalogue.list("ent.example", |_| is_prepared);
            pages.into_iter().map(|page| page.path).collect::<Vec<_>>()
        };
        assert_eq!((told(true), told(false)), (vec!["/2".into(), "/1".into()], vec!["/1".into()]));
    }

    #[test]
    fn the_title_of_the_same_bytes_is_not_read_again() {
        let catalogue = Catalogue::default();
        let key = Key::new("ent.example", "/lecon").unwrap();
        let stored = stored(&[("content-type", "text/html"), ("cache-control", "public, max-age=60")]);
        // Nothing can be read of it.
        let body = Body::whole(7, tempfile::tempfile().unwrap(), 5, true);
        let told = KeptPage { title: "Leçon".to_owned(), path: "/lecon".to_owned() };
        catalogue.note(1, &key, Some((7, told, Validity::Standing)));
        let title = |number| {
            let (of, page, _) = page_of(&key, &stored, &body, catalogue.find_title(1, number)).unwrap();
            assert_eq!(of, 7);
            page.title
        };
        assert_eq!((title(7).as_str(), title(8).as_str()), ("Leçon", "/lecon"));
        assert_eq!(catalogue.find_title(2, 7), None);
    }

    #[test]
    fn a_title_is_what_a_page_calls_itself() {
        let check = |html: &str, expected: Option<&str>| {
            assert_eq!(find_title(html).as_deref(), expected, "{html}");
        };
        check("<html><TITLE lang=fr>\n Leçon &amp; 1\n</Title>", Some("Leçon & 1"));
        check("<title>&lt;script&gt;</title>", Some("<script>"));
        check("<title> </title>", None);
        check("<title>never ended", None);
        check("no title", None);
        check(&format!("<title>{}</title>", "é".repeat(500)), Some("é".repeat(TITLE_CHARS_MAX).as_str()));
        check("<title>\u{fffd}</title>", None);
    }
}
