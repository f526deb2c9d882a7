//! What two representations are compared by (RFC 9110 section 8.8).

use http::{HeaderMap, HeaderValue, header};
use model::Timestamp;

use crate::fields;

/// Entity tags that are read of one `If-None-Match`: browsers send one.
const TAGS_MAX: usize = 64;
/// How much older than its `Date` a `Last-Modified` has to be to be a strong validator (RFC 9110 section 8.8.2.2).
const STRONG_AFTER_MS: u64 = 1_000;

/// What tells one version of a representation from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validator {
    /// A tag that is the same only for the same bytes.
    StrongTag(HeaderValue),
    /// A tag that is the same for what means the same; and a tag without its quotes, as some ENTs send it, of which
    /// nobody knows what it promises.
    WeakTag(HeaderValue),
    /// A date that is the same only for the same bytes, because it lies well before the response.
    StrongDate(HeaderValue),
    /// A date within whose second the bytes may have changed again.
    WeakDate(HeaderValue),
}

impl Validator {
    /// The best one that a response has.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        if let Some(tag) = fields::single(headers, &header::ETAG) {
            return Some(if is_strong(tag) {
                Self::StrongTag(tag.clone())
            } else {
                Self::WeakTag(tag.clone())
            });
        }
        // Two tags: the response does not know what it is.
        if headers.contains_key(header::ETAG) {
            return None;
        }
        let modified = fields::date(headers, &header::LAST_MODIFIED)?;
        let value = fields::single(headers, &header::LAST_MODIFIED)?.clone();
        let date = fields::date(headers, &header::DATE);
        let is_strong = date.is_some_and(|date| date.ms_since(modified) >= STRONG_AFTER_MS);
        Some(if is_strong { Self::StrongDate(value) } else { Self::WeakDate(value) })
    }

    /// Whether it is the same only for the same bytes: parts may be put together under it.
    #[must_use]
    pub fn is_strong(&self) -> bool {
        matches!(self, Self::StrongTag(_) | Self::StrongDate(_))
    }

    /// The value of an `If-Range` that asks for more of the same bytes (RFC 9110 section 13.1.5). `None` where nothing can
    /// promise that.
    #[must_use]
    pub fn if_range(&self) -> Option<&HeaderValue> {
        match self {
            Self::StrongTag(value) | Self::StrongDate(value) => Some(value),
            Self::WeakTag(_) | Self::WeakDate(_) => None,
        }
    }

    /// Asks whether this is what the server has still (RFC 9111 section 4.3.1): by the tag, and by the date as well.
    pub fn condition(headers: &HeaderMap, request: &mut HeaderMap) {
        if let Some(tag) = fields::single(headers, &header::ETAG) {
            request.insert(header::IF_NONE_MATCH, tag.clone());
        }
        let modified = fields::single(headers, &header::LAST_MODIFIED);
        if let Some(value) = modified.filter(|_| fields::date(headers, &header::LAST_MODIFIED).is_some()) {
            request.insert(header::IF_MODIFIED_SINCE, value.clone());
        }
    }

    /// Whether a response with these fields is of the same bytes, for certain.
    #[must_use]
    pub fn is_same_bytes(&self, headers: &HeaderMap) -> bool {
        match self {
            Self::StrongTag(tag) => fields::single(headers, &header::ETAG) == Some(tag),
            Self::StrongDate(value) => {
                let is_same = fields::single(headers, &header::LAST_MODIFIED) == Some(value);
                is_same && !headers.contains_key(header::ETAG)
            }
            Self::WeakTag(_) | Self::WeakDate(_) => false,
        }
    }

    /// Whether a 304 with these fields speaks of the same representation (RFC 9111 section 4.3.4).
    #[must_use]
    pub fn is_confirmed_by(&self, headers: &HeaderMap) -> bool {
        match (self, fields::single(headers, &header::ETAG)) {
            // A server that says nothing has answered what it was asked.
            (_, None) => !headers.contains_key(header::ETAG),
            (Self::StrongTag(tag) | Self::WeakTag(tag), Some(newer)) => is_weakly_equal(tag, newer),
            (Self::StrongDate(_) | Self::WeakDate(_), Some(_)) => true,
        }
    }
}

/// An entity tag as RFC 9110 section 8.8.3 has it, that is not weak.
fn is_strong(tag: &HeaderValue) -> bool {
    let bytes = tag.as_bytes();
    let inner = bytes.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    inner.is_some_and(|inner| inner.iter().all(|&byte| byte != b'"' && byte > 0x20 && byte != 0x7f))
}

/// The weak comparison of RFC 9110 section 8.8.3.2.
fn is_weakly_equal(a: &HeaderValue, b: &HeaderValue) -> bool {
    opaque(a.as_bytes()) == opaque(b.as_bytes())
}

fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// Whether a client has the representation already, by its own conditions (RFC 9110 section 13.2.2, steps 3 and 4). Only
/// where the client said conditions that a cache may judge.
#[must_use]
pub fn is_known_to_client(stored: &HeaderMap, request: &HeaderMap) -> bool {
    if request.contains_key(header::IF_NONE_MATCH) {
        let tag = fields::single(stored, &header::ETAG);
        return matches_any(tag, request);
    }
    let Some(since) = fields::date(request, &header::IF_MODIFIED_SINCE) else { return false };
    let modified = fields::date(stored, &header::LAST_MODIFIED);
    // RFC 9111 section 4.3.2: without one, the response's own date.
    let modified = modified.or_else(|| fields::date(stored, &header::DATE));
    modified.is_some_and(|modified: Timestamp| modified <= since)
}

/// `If-None-Match` (RFC 9110 section 13.1.2).
fn matches_any(tag: Option<&HeaderValue>, request: &HeaderMap) -> bool {
    let lines = request.get_all(header::IF_NONE_MATCH).iter();
    // A tag may have commas and bytes beyond ASCII in it, so the lines are not read as text.
    let mut tags = lines.flat_map(|line| split_tags(line.as_bytes())).take(TAGS_MAX);
    tags.any(|known| known == b"*" || tag.is_some_and(|tag| opaque(tag.as_bytes()) == opaque(known)))
}

fn split_tags(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut is_quoted = false;
    line.split(move |&byte| {
        is_quoted ^= byte == b'"';
        byte == b',' && !is_quoted
    })
    .map(<[u8]>::trim_ascii)
    .filter(|tag| !tag.is_empty())
}

/// Whether the range that a client asks for is of the representation that it has (RFC 9110 section 13.1.5). Without an
/// `If-Range` it is.
#[must_use]
pub fn is_range_wanted(stored: &HeaderMap, request: &HeaderMap) -> bool {
    if !request.contains_key(header::IF_RANGE) {
        return true;
    }
    let known = fields::single(request, &header::IF_RANGE);
    let validator = Validator::of(stored);
    match (known, validator) {
        (Some(known), Some(Validator::StrongTag(tag))) => *known == tag,
        (Some(known), Some(Validator::StrongDate(date))) => *known == date,
        (Some(_) | None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::tests::map;

    const DATE: (&str, &str) = ("date", "Wed, 01 Jan 2020 00:00:10 GMT");
    const MODIFIED: (&str, &str) = ("last-modified", "Wed, 01 Jan 2020 00:00:00 GMT");

    /// RFC 9110 sections 8.8.1, 8.8.2.2 and 8.8.3.
    #[test]
    fn only_some_validators_promise_the_same_bytes() {
        let check = |lines: &[(&str, &str)], expected: Option<bool>| {
            let validator = Validator::of(&map(lines));
            assert_eq!(validator.map(|validator| validator.is_strong()), expected, "{lines:?}");
        };
        check(&[], None);
        check(&[("etag", "\"a\""), MODIFIED], Some(true));
        check(&[("etag", "\"\"")], Some(true));
        check(&[("etag", "W/\"a\"")], Some(false));
        check(&[("etag", "w/\"a\"")], Some(false));
        // entcore sends a bare identifier.
        check(&[("etag", "0e4c2f")], Some(false));
        check(&[("etag", "\"a\", \"b\"")], Some(false));
        check(&[("etag", "\"a\""), ("etag", "\"b\"")], None);
        check(&[MODIFIED, DATE], Some(true));
        check(&[MODIFIED], Some(false));
        check(&[MODIFIED, ("date", MODIFIED.1)], Some(false));
        check(&[("last-modified", "yesterday"), DATE], None);
    }

    /// RFC 9110 sections 13.1.2, 13.1.3 and 13.2.2.
    #[test]
    fn a_client_is_told_that_it_has_it_already() {
        let check = |stored: &[(&str, &str)], request: &[(&str, &str)], expected: bool| {
            let is_known = is_known_to_client(&map(stored), &map(request));
            assert_eq!(is_known, expected, "{stored:?} {request:?}");
        };
        let tag = ("etag", "\"a,b\"");
        check(&[tag], &[], false);
        check(&[tag], &[("if-none-match", "\"a,b\"")], true);
        check(&[tag], &[("if-none-match", "\"c\", W/\"a,b\"")], true);
        check(&[tag], &[("if-none-match", "\"c\""), ("if-none-match", "\"a,b\"")], true);
        check(&[tag], &[("if-none-match", "\"a\"")], false);
        check(&[tag], &[("if-none-match", "*")], true);
        check(&[], &[("if-none-match", "\"a\"")], false);
        check(&[("etag", "W/\"a\"")], &[("if-none-match", "\"a\"")], true);
        check(&[("etag", "0e4c2f")], &[("if-none-match", "0e4c2f")], true);
        check(&[MODIFIED], &[("if-modified-since", MODIFIED.1)], true);
        check(&[MODIFIED], &[("if-modified-since", DATE.1)], true);
        check(&[MODIFIED], &[("if-modified-since", "Tue, 31 Dec 2019 23:59:59 GMT")], false);
        check(&[MODIFIED], &[("if-modified-since", "0")], false);
        check(&[DATE], &[("if-modified-since", DATE.1)], true);
        check(&[tag, MODIFIED], &[("if-none-match", "\"c\""), ("if-modified-since", DATE.1)], false);
    }

    /// RFC 9110 section 13.1.5.
    #[test]
    fn a_range_is_of_the_version_that_the_client_has() {
        let check = |stored: &[(&str, &str)], known: &str, expected: bool| {
            let is_wanted = is_range_wanted(&map(stored), &map(&[("if-range", known)]));
            assert_eq!(is_wanted, expected, "{stored:?} {known}");
        };
        check(&[("etag", "\"a\"")], "\"a\"", true);
        check(&[("etag", "\"a\"")], "\"b\"", false);
        check(&[("etag", "\"a\"")], "W/\"a\"", false);
        check(&[("etag", "W/\"a\"")], "W/\"a\"", false);
        check(&[MODIFIED, DATE], MODIFIED.1, true);
        check(&[MODIFIED, DATE], DATE.1, false);
        check(&[MODIFIED], MODIFIED.1, false);
        check(&[], "\"a\"", false);
        assert!(is_range_wanted(&map(&[]), &map(&[])));
    }

    /// RFC 9111 section 4.3.4, and RFC 9110 section 15.3.7.3 for parts.
    #[test]
    fn another_version_is_never_taken_for_this_one() {
        let tag = Validator::of(&map(&[("etag", "\"a\"")])).unwrap();
        assert!(tag.is_same_bytes(&map(&[("etag", "\"a\"")])));
        assert!(!tag.is_same_bytes(&map(&[("etag", "\"b\"")])));
        assert!(!tag.is_same_bytes(&map(&[("etag", "W/\"a\"")])));
        assert!(!tag.is_same_bytes(&map(&[])));
        let date = Validator::of(&map(&[MODIFIED, DATE])).unwrap();
        assert!(date.is_same_bytes(&map(&[MODIFIED])));
        assert!(!date.is_same_bytes(&map(&[MODIFIED, ("etag", "\"b\"")])));
        let weak = Validator::of(&map(&[("etag", "W/\"a\"")])).unwrap();
        assert!(!weak.is_same_bytes(&map(&[("etag", "W/\"a\"")])) && weak.if_range().is_none());
        assert!(weak.is_confirmed_by(&map(&[("etag", "\"a\"")])));
        assert!(!tag.is_confirmed_by(&map(&[("etag", "\"b\"")])));
        assert!(tag.is_confirmed_by(&map(&[])));
    }

    #[test]
    fn a_stored_response_is_asked_for_by_all_that_it_has() {
        let mut request = HeaderMap::new();
        Validator::condition(&map(&[("etag", "0e4c2f"), MODIFIED]), &mut request);
        assert_eq!(request, map(&[("if-none-match", "0e4c2f"), ("if-modified-since", MODIFIED.1)]));
    }
}
