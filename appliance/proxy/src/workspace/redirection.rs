//! Where a workspace leads to for something that is prepared.

use ::http::{HeaderMap, StatusCode, header};
use model::WorkspacePlace;

/// Where an answer leads (RFC 9110 section 15.4).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Redirection {
    pub(super) place: WorkspacePlace,
    pub(super) is_permanent: bool,
}

impl Redirection {
    /// Where an answer to a request for `from` leads, as far as that can be kept for others: without a query where it is for now
    /// alone, because then the right to it is in there.
    pub(super) fn read(from: &WorkspacePlace, status: StatusCode, headers: &HeaderMap) -> Option<Self> {
        let is_permanent = match status {
            StatusCode::MOVED_PERMANENTLY | StatusCode::PERMANENT_REDIRECT => true,
            StatusCode::FOUND | StatusCode::SEE_OTHER | StatusCode::TEMPORARY_REDIRECT => false,
            _ => return None,
        };
        let place = resolve(from, headers.get(header::LOCATION)?.to_str().ok()?)?;
        (is_permanent || !place.path.contains('?')).then_some(Self { place, is_permanent })
    }
}

/// Where a reference leads from a place (RFC 3986 section 5.2); `None` where it is no place of a workspace.
fn resolve(from: &WorkspacePlace, reference: &str) -> Option<WorkspacePlace> {
    let reference = reference.split('#').next().unwrap_or_default();
    let (scheme, rest) = match reference.find([':', '/', '?']).and_then(|at| reference.split_at_checked(at)) {
        Some((scheme, rest)) if rest.starts_with(':') => (Some(scheme), rest.get(1..).unwrap_or_default()),
        Some(_) | None => (None, reference),
    };
    let is_secure = scheme.is_none_or(|scheme| scheme.eq_ignore_ascii_case("https"));
    let is_followed = is_secure && (scheme.is_none() || rest.starts_with("//"));
    let (host, path) = match rest.strip_prefix("//").filter(|_| is_followed) {
        Some(rest) => {
            let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            (host.strip_suffix(":443").unwrap_or(host), path.to_owned())
        }
        None if is_followed => (from.host.as_str(), join(&from.path, rest)),
        None => return None,
    };
    format!("https://{host}{}", without_dots(&path)).parse().ok()
}

/// A relative reference, joined to the path that it is found at.
fn join(path: &str, reference: &str) -> String {
    let bare = path.split('?').next().unwrap_or_default();
    let folder = bare.rsplit_once('/').map_or("", |(folder, _)| folder);
    match reference.chars().next() {
        None => path.to_owned(),
        Some('/') => reference.to_owned(),
        Some('?') => format!("{bare}{reference}"),
        Some(_) => format!("{folder}/{reference}"),
    }
}

/// A path and query without the segments that lead up and nowhere (RFC 3986 section 5.2.4).
fn without_dots(path: &str) -> String {
    let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        if segment == ".." {
            kept.pop();
        }
        if ![".", ".."].contains(&segment) {
            kept.push(segment);
        } else if segments.peek().is_none() {
            kept.push("");
        }
    }
    format!("/{}{query}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_leads_where_a_browser_goes() {
        let check = |reference: &str, expected: Option<&str>| {
            let from = "https://ent.example/cours/1/film?page=2".parse().unwrap();
            let place = resolve(&from, reference).map(|place| place.to_string());
            assert_eq!(place.as_deref(), expected, "{reference}");
        };
        check("https://media.ent.example/film", Some("https://media.ent.example/film"));
        check("HTTPS://ENT.example:443", Some("https://ent.example/"));
        check("https://ent.example?a=/../b#c", Some("https://ent.example/?a=/../b"));
        check("//media.ent.example/film", Some("https://media.ent.example/film"));
        check("/film#1", Some("https://ent.example/film"));
        check("film.mp4", Some("https://ent.example/cours/1/film.mp4"));
        check("./film.mp4", Some("https://ent.example/cours/1/film.mp4"));
        check("../2/", Some("https://ent.example/cours/2/"));
        check("..", Some("https://ent.example/cours/"));
        check("../../../../film", Some("https://ent.example/film"));
        check("?page=3", Some("https://ent.example/cours/1/film?page=3"));
        check("", Some("https://ent.example/cours/1/film?page=2"));
        check("film?at=1:20", Some("https://ent.example/cours/1/film?at=1:20"));
        for elsewhere in [
            "http://ent.example/film",
            "https:film",
            "javascript:1",
            "https://ent.example:8443/film",
            "https://marie@ent.example/film",
            "//",
            "/a b",
            "/<film>",
        ] {
            check(elsewhere, None);
        }
        check(&format!("/{}", "a".repeat(600)), None);
    }

    #[test]
    fn what_is_for_now_alone_is_followed_without_a_query() {
        let check = |status: StatusCode, location: &'static str, expected: Option<bool>| {
            let from = "https://ent.example/film".parse().unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, ::http::HeaderValue::from_static(location));
            let read = Redirection::read(&from, status, &headers);
            assert_eq!(read.map(|read| read.is_permanent), expected, "{status} {location}");
        };
        check(StatusCode::FOUND, "/new", Some(false));
        check(StatusCode::FOUND, "/new?until=1", None);
        check(StatusCode::MOVED_PERMANENTLY, "/new?id=1", Some(true));
        check(StatusCode::NOT_MODIFIED, "/new", None);
    }
}
