//! The cache key: what is asked for (RFC 9111 section 2).

use std::cmp::Reverse;
use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};

/// Longest path and query that is kept: what is longer is a program's, not a page's.
const KEY_BYTES_MAX: usize = 8 * 1024;

/// The URI that a stored response belongs to: host in small letters, path and query as they came. Always `https`, always
/// the default port: nothing else is served.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    text: String,
    host_bytes: usize,
}

impl Key {
    /// The key of a path and query on a host. `None` where it is too long to be kept.
    #[must_use]
    pub fn new(host: &str, path_and_query: &str) -> Option<Self> {
        let path = if path_and_query.is_empty() { "/" } else { path_and_query };
        let is_kept = path.starts_with('/') && path.len() <= KEY_BYTES_MAX;
        if !is_kept {
            return None;
        }
        let mut text = String::with_capacity(host.len() + path.len());
        text.push_str(host);
        text.make_ascii_lowercase();
        text.push_str(path);
        Some(Self { text, host_bytes: host.len() })
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &str {
        self.text.get(..self.host_bytes).unwrap_or_default()
    }

    /// Path and query.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        self.text.get(self.host_bytes..).unwrap_or_default()
    }

    /// All of it, in one spelling: what a disk may make a name of.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Another resource that a response names, by a reference (RFC 3986 section 5.2). `None` where it is on another
    /// server: no server has a say in what another one's responses are worth.
    pub(crate) fn resolve(&self, reference: &str) -> Option<Self> {
        let reference = reference.split('#').next().unwrap_or_default();
        if let Ok(uri) = reference.parse::<Uri>()
            && let Some(authority) = uri.authority()
            && let Some(scheme) = uri.scheme_str()
        {
            let is_here = scheme.eq_ignore_ascii_case("https")
                && authority.host().eq_ignore_ascii_case(self.host())
                && authority.port_u16().is_none_or(|port| port == 443);
            let path = uri.path_and_query().map_or("/", |path| path.as_str());
            return if is_here { Self::new(self.host(), path) } else { None };
        }
        if let Some(rest) = reference.strip_prefix("//") {
            return self.resolve(&format!("https://{rest}"));
        }
        if has_scheme(reference) {
            return None;
        }
        let path = self.path_and_query().split('?').next().unwrap_or_default();
        let merged = match reference.chars().next() {
            Some('/') => reference.to_owned(),
            Some('?') => format!("{path}{reference}"),
            None => self.path_and_query().to_owned(),
            Some(_) => format!("{}/{reference}", path.rsplit_once('/').map_or("", |(folder, _)| folder)),
        };
        Self::new(self.host(), &without_dots(&merged))
    }
}

impl fmt::Debug for Key {
    /// The host only: what a pupil reads is nobody's business, a developer's log's included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("host", &self.host()).finish_non_exhaustive()
    }
}

fn has_scheme(reference: &str) -> bool {
    reference.split_once(':').is_some_and(|(scheme, _)| !scheme.contains(['/', '?']) && !scheme.is_empty())
}

/// RFC 3986 section 5.2.4.
fn without_dots(path_and_query: &str) -> String {
    let (path, query) = match path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path_and_query, None),
    };
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    for (place, segment) in segments.iter().enumerate() {
        let is_last = place + 1 == segments.len();
        match *segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
        if is_last && matches!(*segment, "." | "..") {
            kept.push("");
        }
    }
    let path = format!("/{}", kept.join("/"));
    query.map_or(path.clone(), |query| format!("{path}?{query}"))
}

/// The request fields that a response depends on, with what the request said (RFC 9111 section 4.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vary {
    /// In the order of their names; `None` where the request had no such field.
    pub fields: Vec<(HeaderName, Option<Vec<u8>>)>,
}

/// By which field of a request whoever posted is known again. It is the box's own: no client says it, and no server hears it.
pub const POSTER: HeaderName = HeaderName::from_static("preau-poster");

/// What browsers of these years say in `Accept-Encoding`.
pub const BROWSER_CODINGS: &str = "gzip, deflate, br, zstd";

/// Fields that a `Vary` may name: no origin needs a tenth of it.
const VARY_MAX: usize = 32;
/// Bytes that a request may say in them: browsers say some hundred, and some more in cookies.
const SAID_BYTES_MAX: usize = 2 * 1024;

impl Vary {
    /// What a response to this request depends on. `None` where no other request is like it: `*`, and what cannot be read.
    #[must_use]
    pub fn of(response: &HeaderMap, request: &HeaderMap) -> Option<Self> {
        let mut names = Vec::new();
        if !crate::fields::is_text(response, &http::header::VARY) {
            return None;
        }
        for member in crate::fields::members(response, &http::header::VARY) {
            // `*` is no name.
            names.push(HeaderName::try_from(member).ok().filter(|name| name.as_str() != "*")?);
        }
        names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        names.dedup();
        let read = |name: HeaderName| {
            let said = said(request, &name);
            (name, said)
        };
        (names.len() <= VARY_MAX).then(|| Self { fields: names.into_iter().map(read).collect() })
    }

    /// The same for those alone who say so in [`POSTER`].
    #[must_use]
    pub fn of_poster(mut self, poster: &[u8]) -> Self {
        self = self.of_anybody();
        self.fields.push((POSTER, Some(poster.to_vec())));
        self.fields.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
        self
    }

    /// The same, whoever posted.
    #[must_use]
    pub fn of_anybody(mut self) -> Self {
        self.fields.retain(|(name, _)| *name != POSTER);
        self
    }

    /// Whether what the request said can be remembered: all of it is in memory, and in a record.
    #[must_use]
    pub fn is_short(&self) -> bool {
        let said = self.fields.iter().filter_map(|(_, said)| said.as_ref());
        said.map(Vec::len).sum::<usize>() <= SAID_BYTES_MAX
    }

    /// Whether it is for what most browsers say: one that depends on nothing, or on the codings alone that they take.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        let codings = BROWSER_CODINGS.replace(' ', "");
        let is_said = |said: &Option<Vec<u8>>| said.as_deref() == Some(codings.as_bytes());
        self.fields.iter().all(|(name, said)| *name == http::header::ACCEPT_ENCODING && is_said(said))
    }

    /// Whether a request says the same.
    #[must_use]
    pub fn matches(&self, request: &HeaderMap) -> bool {
        self.fields.iter().all(|(name, known)| said(request, name) == *known)
    }
}

/// The languages that a request wants, those that weigh most first, and of the same weight the school's first, others by the alphabet:
/// what a server is asked by, so that one that goes by the order alone answers all alike who say the same. `None` where it says none.
#[must_use]
pub fn languages_by_weight(request: &HeaderMap) -> Option<HeaderValue> {
    let lines = request.get_all(http::header::ACCEPT_LANGUAGE).iter().map(HeaderValue::as_bytes);
    let members = lines.flat_map(|line| line.split(|&byte| byte == b',')).map(<[u8]>::trim_ascii);
    let mut languages: Vec<&[u8]> = members.filter(|member| !member.is_empty()).collect();
    languages.sort_by_cached_key(|member| {
        let name = member.to_ascii_lowercase();
        let is_french = name.split(|byte| !byte.is_ascii_alphabetic()).next() == Some(b"fr");
        (Reverse(thousandths(member)), !is_french, name)
    });
    HeaderValue::from_bytes(&languages.join(&b","[..])).ok().filter(|_| !languages.is_empty())
}

/// How much a language weighs (RFC 9110 section 12.4.2): `fr;q=0.25` 250, and `fr` 1,000, as what cannot be read.
fn thousandths(member: &[u8]) -> u16 {
    let text = str::from_utf8(member).unwrap_or_default().to_ascii_lowercase();
    let Some(weight) = text.split(';').skip(1).find_map(|it| it.trim().strip_prefix("q=")) else {
        return 1_000;
    };
    let (whole, part) = weight.split_once('.').unwrap_or((weight, ""));
    let digits = format!("{whole}{part:0<3}");
    digits.parse::<u16>().ok().filter(|_| part.len() <= 3).unwrap_or(1_000).min(1_000)
}

/// What a request says in a field: lines joined, and no space around commas (RFC 9111 section 4.1). Codings and languages
/// are the same in any case (RFC 9110 sections 8.4.1 and 12.5.4), and languages in any order, which says nothing beside
/// their weights.
fn said(request: &HeaderMap, name: &HeaderName) -> Option<Vec<u8>> {
    let lines: Vec<&[u8]> = request.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    if lines.is_empty() {
        return None;
    }
    let members = lines.iter().flat_map(|line| line.split(|&byte| byte == b',')).map(<[u8]>::trim_ascii);
    if *name == http::header::ACCEPT_LANGUAGE {
        let mut languages: Vec<Vec<u8>> = members.map(<[u8]>::to_ascii_lowercase).collect();
        languages.sort_unstable();
        return Some(languages.join(&b","[..]));
    }
    let mut said = members.collect::<Vec<_>>().join(&b","[..]);
    if matches!(name.as_str(), "accept-encoding" | "accept-charset") {
        said.make_ascii_lowercase();
    }
    Some(said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::tests::map;

    /// A server may go by the order alone: whoever says the same has it asked the same.
    #[test]
    fn a_server_is_asked_for_languages_by_their_weight() {
        let check = |lines: &[&str], expected: Option<&str>| {
            let lines: Vec<_> = lines.iter().map(|line| ("accept-language", *line)).collect();
            let said = languages_by_weight(&map(&lines));
            assert_eq!(said.as_ref().map(HeaderValue::as_bytes), expected.map(str::as_bytes), "{lines:?}");
        };
        // As browsers say it.
        let french = "fr,fr-FR;q=0.8,en-US;q=0.5,en;q=0.3";
        check(&[french], Some(french));
        check(&["en;q=0.3, en-US;q=0.5", "fr-FR;q=0.8,, fr"], Some(french));
        let mixed = "de;q=0.25, en;Q=1.000, b; q=0.250, *;q=0, a;q=1.0";
        check(&[mixed], Some("a;q=1.0,en;Q=1.000,b; q=0.250,de;q=0.25,*;q=0"));
        check(&["en, fr-FR, frr, fr, de"], Some("fr,fr-FR,de,en,frr"));
        check(&["b;q=much, a;q=0.5, c;q=0.9999, d;q=70000"], Some("b;q=much,c;q=0.9999,d;q=70000,a;q=0.5"));
        check(&[], None);
        check(&[" , "], None);
    }

    #[test]
    fn a_key_is_host_path_and_query() {
        let key = Key::new("ENT.Example", "/a?b=1").unwrap();
        assert_eq!((key.host(), key.path_and_query()), ("ent.example", "/a?b=1"));
        assert_ne!(key, Key::new("ent.example", "/a?b=2").unwrap());
        assert_ne!(key, Key::new("ent.example", "/A?b=1").unwrap());
        assert_eq!(Key::new("ent.example", "").unwrap().path_and_query(), "/");
        assert_eq!(Key::new("ent.example", "*"), None);
        assert_eq!(Key::new("ent.example", &format!("/{}", "a".repeat(KEY_BYTES_MAX))), None);
        assert!(!format!("{key:?}").contains("/a"));
    }

    /// RFC 3986 section 5.4, as far as it is about paths; RFC 9111 section 4.4 for what is elsewhere.
    #[test]
    fn references_lead_where_they_say() {
        let key = Key::new("ent.example", "/b/c/d;p?q").unwrap();
        for (reference, expected) in [
            ("g", Some("/b/c/g")),
            ("./g", Some("/b/c/g")),
            ("g/", Some("/b/c/g/")),
            ("/g", Some("/g")),
            ("?y", Some("/b/c/d;p?y")),
            ("g?y#s", Some("/b/c/g?y")),
            ("", Some("/b/c/d;p?q")),
            (".", Some("/b/c/")),
            ("..", Some("/b/")),
            ("../../../g", Some("/g")),
            ("g?y/../x", Some("/b/c/g?y/../x")),
            ("https://ENT.example/x", Some("/x")),
            ("https://ent.example:443/x", Some("/x")),
            ("//ent.example/x?y", Some("/x?y")),
            ("https://ent.example:8443/x", None),
            ("http://ent.example/x", None),
            ("https://evil.example/x", None),
            ("//evil.example/x", None),
            ("mailto:a@b", None),
        ] {
            let resolved = key.resolve(reference);
            assert_eq!(resolved.as_ref().map(Key::path_and_query), expected, "{reference}");
        }
    }

    fn vary(response: &[(&str, &str)], request: &[(&str, &str)]) -> Option<Vary> {
        Vary::of(&map(response), &map(request))
    }

    /// RFC 9111 section 4.1.
    #[test]
    fn a_variant_is_for_requests_that_say_the_same() {
        let check = |vary_field: &str, stored: &[(&str, &str)], asked: &[(&str, &str)], expected: bool| {
            let known = vary(&[("vary", vary_field)], stored).unwrap();
            assert_eq!(known.matches(&map(asked)), expected, "{vary_field} {stored:?} {asked:?}");
        };
        check("Foo", &[("foo", "1")], &[("foo", "1"), ("bar", "2")], true);
        check("Foo", &[("foo", "1")], &[("foo", "2")], false);
        check("Foo", &[("foo", "1")], &[], false);
        check("Foo", &[], &[("foo", "1")], false);
        check("Foo", &[], &[], true);
        check("Foo", &[], &[("foo", "")], false);
        check("Foo", &[("foo", "1, 2")], &[("foo", "1"), ("foo", "2")], true);
        check("Foo", &[("foo", "1,2")], &[("foo", "1 ,\t2 ")], true);
        check("Foo", &[("foo", "a")], &[("foo", "A")], false);
        check("accept-encoding", &[("accept-encoding", "gzip")], &[("accept-encoding", "GZIP")], true);
        let french = [("accept-language", "fr, en;q=0.5")];
        check(
            "accept-language",
            &french,
            &[("accept-language", "en;q=0.5"), ("accept-language", "FR")],
            true,
        );
        check("accept-language", &french, &[("accept-language", "en, fr;q=0.5")], false);
        check("accept-language", &french, &[("accept-language", "fr")], false);
        check(
            "accept-encoding",
            &[("accept-encoding", "gzip, br")],
            &[("accept-encoding", "br, gzip")],
            false,
        );
        check("a, B", &[("a", "1"), ("b", "2")], &[("b", "2"), ("a", "1")], true);
        check("a, b", &[("a", "1"), ("b", "2")], &[("a", "1")], false);
    }

    #[test]
    fn what_is_said_has_an_end() {
        let check = |bytes: usize, expected: bool| {
            let said = "a".repeat(bytes);
            let known = vary(&[("vary", "Foo, Bar")], &[("foo", said.as_str()), ("bar", "1234")]).unwrap();
            assert_eq!(known.is_short(), expected, "{bytes}");
        };
        check(SAID_BYTES_MAX - 4, true);
        check(SAID_BYTES_MAX - 3, false);
    }

    #[test]
    fn most_browsers_say_the_same() {
        let check = |vary_field: &str, request: &[(&str, &str)], expected: bool| {
            let known = vary(&[("vary", vary_field)], request).unwrap();
            assert_eq!(known.is_usual(), expected, "{vary_field} {request:?}");
        };
        let codings = ("accept-encoding", BROWSER_CODINGS);
        check("", &[codings], true);
        check("Accept-Encoding", &[codings], true);
        check("Accept-Encoding", &[("accept-encoding", "gzip,deflate, br ,ZSTD")], true);
        check("Accept-Encoding", &[("accept-encoding", "gzip")], false);
        check("Accept-Encoding", &[], false);
        check("Accept-Encoding, Foo", &[codings, ("foo", "1")], false);
    }

    #[test]
    fn some_responses_are_for_no_other_request() {
        for lines in
            [&[("vary", "*")][..], &[("vary", "a, *")], &[("vary", "a"), ("vary", "*")], &[("vary", "a b")]]
        {
            assert_eq!(vary(lines, &[]), None, "{lines:?}");
        }
        assert_eq!(vary(&[], &[("a", "1")]), Some(Vary::default()));
        assert_eq!(vary(&[("vary", "")], &[]), Some(Vary::default()));
    }
}
