//! Files that each has to be authorised for: kept once, and asked for by each with what shows who it is.
//!
//! Workspaces mark such files with nothing but a tag. The bytes are the same for each who may see them; who may is the server's
//! to say, each time: 304, or the same tag and length again, and the bytes come from the disk.

use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use crate::directives::Directives;
use crate::fields;
use crate::key::Vary;
use crate::range::content_length;
use crate::storability::{Exchange, Unstorable};
use crate::stored::{Audience, Newer, Stored, Validity, keepable};
use crate::terms::{TARGETS, Terms};

/// The fields that are about the file, and the same for all who get it. Nothing else of one pupil's answer is kept.
const FILE_FIELDS: [HeaderName; 7] = [
    header::ACCEPT_RANGES,
    header::CONTENT_DISPOSITION,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::ETAG,
    header::LAST_MODIFIED,
];

/// Pages, and what programs read: these are made for who asks, whatever tag they have.
const PERSONAL_TYPES: [&str; 8] = [
    "text/html",
    "text/xml",
    "application/xml",
    "application/xhtml",
    "application/json",
    "text/json",
    "javascript",
    "text/event-stream",
];

/// Judges an answer for a file that each has to be authorised for.
///
/// # Errors
/// [`Unstorable`] tells why it is not kept.
pub fn judge_file(exchange: &Exchange<'_>) -> Result<Stored, Unstorable> {
    let Exchange { method, request, status, response, requested, received } = *exchange;
    if method != Method::GET {
        return Err(Unstorable::Method);
    }
    // RFC 9111 section 3.5: what answers credentials is not used for others, even after asking.
    if Directives::read(request).has("no-store") || request.contains_key(header::AUTHORIZATION) {
        return Err(Unstorable::Request);
    }
    // It is one pupil's: what is said to all caches counts beside what is said to the box.
    for targets in [TARGETS.as_slice(), &[]] {
        let terms = Terms::read(response, targets, received);
        if terms.no_store {
            return Err(Unstorable::NoStore);
        }
        if terms.private {
            return Err(Unstorable::Private);
        }
    }
    if response.contains_key(header::SET_COOKIE) || response.contains_key("set-cookie2") {
        return Err(Unstorable::Cookie);
    }
    if Vary::of(response, request).is_none() {
        return Err(Unstorable::Vary);
    }
    if status != StatusCode::OK || is_coded(response) {
        return Err(Unstorable::Status);
    }
    let is_file = file_tag(response).is_some() && content_length(response).is_some_and(|length| length > 0);
    if !is_file || is_personal_type(response) {
        return Err(Unstorable::Useless);
    }
    let mut headers = HeaderMap::new();
    copy_file_fields(response, &mut headers);
    let (vary, audience) = (Vary::default(), Audience::Authorised);
    let terms = Terms::read(&HeaderMap::new(), &[], received);
    let validity = Validity::Standing;
    Ok(Stored { status, headers, requested, received, vary, audience, terms, validity })
}

/// Whether an answer to one who asked for the file says that it is the one that is kept: not modified, or the same tag and
/// length again, from a server that does not look at conditions.
#[must_use]
pub fn is_authorised(kept: &Stored, status: StatusCode, response: &HeaderMap) -> bool {
    let tag = file_tag(&kept.headers);
    let is_same_tag = tag.is_some() && file_tag(response) == tag;
    match status {
        StatusCode::NOT_MODIFIED => {
            let is_unsaid = !response.contains_key(header::ETAG);
            let is_weakly_same = || {
                let said = fields::single(response, &header::ETAG).map(|tag| tag.as_bytes());
                said.and_then(|said| said.strip_prefix(b"W/")) == tag
            };
            is_unsaid || is_same_tag || is_weakly_same()
        }
        StatusCode::OK => {
            let length = content_length(&kept.headers);
            is_same_tag && !is_coded(response) && length.is_some() && content_length(response) == length
        }
        _ => false,
    }
}

/// Whether the bytes are a coding of the file (RFC 9110 section 8.4). Wagtail says `None` where there is none: that is a coding to
/// nobody, and the bytes are shown as they are.
fn is_coded(response: &HeaderMap) -> bool {
    const PLAIN: [&[u8]; 2] = [b"identity", b"none"];
    let mut codings = response.get_all(header::CONTENT_ENCODING).iter();
    codings.any(|coding| !PLAIN.iter().any(|plain| coding.as_bytes().eq_ignore_ascii_case(plain)))
}

impl Stored {
    /// The head for one who was authorised: the fields of that one's own answer, and those of the file.
    #[must_use]
    pub fn for_authorised(&self, own: &Newer<'_>) -> Self {
        let mut headers = keepable(own.headers);
        for name in [header::CONTENT_RANGE, header::CONTENT_ENCODING, header::CONTENT_LENGTH] {
            headers.remove(name);
        }
        copy_file_fields(&self.headers, &mut headers);
        let terms = Terms::read(&headers, &TARGETS, own.received);
        Self { headers, terms, requested: own.requested, received: own.received, ..self.clone() }
    }
}

fn copy_file_fields(from: &HeaderMap, to: &mut HeaderMap) {
    for name in FILE_FIELDS {
        if let Some(value) = fields::single(from, &name) {
            to.insert(name, value.clone());
        }
    }
}

/// The tag of a file, with or without its quotes: some workspaces leave them out. One that is said to be weak tells no bytes
/// apart.
fn file_tag(headers: &HeaderMap) -> Option<&[u8]> {
    let tag = fields::single(headers, &header::ETAG)?.as_bytes();
    let is_weak = tag.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(b"w/"));
    (!is_weak && tag.len() > 2).then_some(tag)
}

fn is_personal_type(headers: &HeaderMap) -> bool {
    let said = fields::single(headers, &header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    said.is_none_or(|said| PERSONAL_TYPES.iter().any(|kind| said.to_ascii_lowercase().contains(kind)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::tests::map;
    use crate::stored::tests::{START, at};

    const PDF: (&str, &str) = ("content-type", "application/pdf");
    const TAG: (&str, &str) = ("etag", "7f3a-11");
    const LENGTH: (&str, &str) = ("content-length", "5");

    fn judged(
        request: &[(&str, &str)],
        status: u16,
        response: &[(&str, &str)],
    ) -> Result<Stored, Unstorable> {
        let exchange = Exchange {
            method: &Method::GET,
            request: &map(request),
            status: StatusCode::from_u16(status).unwrap(),
            response: &map(response),
            requested: START,
            received: START,
        };
        judge_file(&exchange)
    }

    #[test]
    fn only_what_is_about_the_file_is_kept() {
        let cookie = [("cookie", "oneSessionId=1")];
        let answer =
            [PDF, TAG, LENGTH, ("x-account", "lina"), ("content-security-policy", "nonce-1"), ("date", "x")];
        let kept = judged(&cookie, 200, &answer).unwrap();
        assert_eq!(kept.headers, map(&[LENGTH, PDF, TAG]));
        assert_eq!(kept.audience, Audience::Authorised);
        // What is coded in no way, whatever is said of that.
        for none in ["None", "identity"] {
            let told = judged(&cookie, 200, &[PDF, TAG, LENGTH, ("content-encoding", none)]).unwrap();
            assert_eq!(told.headers, map(&[LENGTH, PDF, TAG]));
        }
    }

    #[test]
    fn some_answers_are_no_files() {
        let check = |request: &[(&str, &str)], status: u16, lines: &[(&str, &str)], expected: Unstorable| {
            let outcome = judged(request, status, lines);
            assert_eq!(outcome, Err(expected), "{request:?} {status} {lines:?}");
        };
        check(&[("authorization", "Bearer x")], 200, &[PDF, TAG, LENGTH], Unstorable::Request);
        check(&[], 200, &[PDF, TAG, LENGTH, ("cache-control", "no-store")], Unstorable::NoStore);
        check(&[], 200, &[PDF, TAG, LENGTH, ("cache-control", "private")], Unstorable::Private);
        // Neither of two words takes the other back.
        let to_box = |said: &'static str| ("preau-cache-control", said);
        for [plain, own] in [["no-store", "max-age=9"], ["max-age=9", "no-store"]] {
            let lines = [PDF, TAG, LENGTH, ("cache-control", plain), to_box(own)];
            check(&[], 200, &lines, Unstorable::NoStore);
        }
        check(&[], 200, &[PDF, TAG, LENGTH, ("set-cookie", "a=b")], Unstorable::Cookie);
        check(&[], 200, &[PDF, TAG, LENGTH, ("vary", "*")], Unstorable::Vary);
        check(&[], 200, &[PDF, TAG, LENGTH, ("content-encoding", "gzip")], Unstorable::Status);
        check(&[], 200, &[PDF, TAG, LENGTH, ("content-encoding", "identity, gzip")], Unstorable::Status);
        check(&[], 206, &[PDF, TAG, LENGTH], Unstorable::Status);
        check(&[], 403, &[PDF, TAG, LENGTH], Unstorable::Status);
        check(&[], 200, &[PDF, LENGTH], Unstorable::Useless);
        check(&[], 200, &[PDF, ("etag", "W/\"7f3a\""), LENGTH], Unstorable::Useless);
        check(&[], 200, &[PDF, TAG, TAG, LENGTH], Unstorable::Useless);
        check(&[], 200, &[PDF, TAG], Unstorable::Useless);
        check(&[], 200, &[("content-type", "text/html; charset=utf-8"), TAG, LENGTH], Unstorable::Useless);
        check(&[], 200, &[("content-type", "application/json"), TAG, LENGTH], Unstorable::Useless);
        check(&[], 200, &[TAG, LENGTH], Unstorable::Useless);
    }

    #[test]
    fn the_server_says_each_time_whether_it_may_be_read() {
        let kept = judged(&[], 200, &[PDF, TAG, LENGTH]).unwrap();
        let check = |status: u16, lines: &[(&str, &str)], expected: bool| {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(is_authorised(&kept, status, &map(lines)), expected, "{status} {lines:?}");
        };
        check(304, &[], true);
        check(304, &[TAG], true);
        check(304, &[("etag", "W/7f3a-11")], true);
        check(304, &[("etag", "7f3a-12")], false);
        check(304, &[TAG, TAG], false);
        check(200, &[TAG, LENGTH], true);
        check(200, &[TAG, LENGTH, ("content-encoding", "None")], true);
        check(200, &[TAG, ("content-length", "6")], false);
        check(200, &[TAG], false);
        check(200, &[("etag", "7f3a-12"), LENGTH], false);
        check(200, &[TAG, LENGTH, ("content-encoding", "gzip")], false);
        for status in [206, 302, 401, 403, 404, 412, 500] {
            check(status, &[TAG, LENGTH], false);
        }
    }

    #[test]
    fn each_gets_the_fields_of_its_own_answer() {
        let kept = judged(&[], 200, &[PDF, TAG, LENGTH, ("x-account", "lina")]).unwrap();
        let own = map(&[
            ("x-account", "malo"),
            ("set-cookie", "XSRF-TOKEN=2"),
            ("content-length", "0"),
            ("etag", "W/7f3a-11"),
        ]);
        let shown = kept.for_authorised(&Newer { headers: &own, requested: at(5), received: at(6) });
        let expected = map(&[("x-account", "malo"), ("set-cookie", "XSRF-TOKEN=2"), LENGTH, PDF, TAG]);
        assert_eq!(shown.headers, expected);
        assert_eq!(shown.age_ms(at(6)), 1_000);
    }
}
