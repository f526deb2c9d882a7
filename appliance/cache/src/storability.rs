//! Whether a response may be kept (RFC 9111 section 3), and for whom.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use model::Timestamp;

use crate::directives::Directives;
use crate::fields;
use crate::key::{Key, Vary};
use crate::range::ContentRange;
use crate::stored::{Audience, Stored, Validity, keepable};
use crate::terms::Terms;
use crate::validator::Validator;

/// A request and the head of its answer.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'h> {
    /// The request's method.
    pub method: &'h Method,
    /// The request's fields, as the client sent them.
    pub request: &'h HeaderMap,
    /// The answer's status.
    pub status: StatusCode,
    /// The answer's fields.
    pub response: &'h HeaderMap,
    /// When it was asked for.
    pub requested: Timestamp,
    /// When the head of the answer came.
    pub received: Timestamp,
}

/// Why a response is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unstorable {
    /// Only answers to GET are kept, and those to POST that [`judge_posted`] is about.
    #[error("method")]
    Method,
    /// The request forbids it.
    #[error("request-no-store")]
    Request,
    /// The response forbids it.
    #[error("no-store")]
    NoStore,
    /// It is for one user.
    #[error("private")]
    Private,
    /// It sets a cookie: that is for one user, whatever else it says.
    #[error("set-cookie")]
    Cookie,
    /// It answers a request with cookies or credentials, and does not say that others get the same.
    #[error("unmarked")]
    Unmarked,
    /// It is like no other request's.
    #[error("vary")]
    Vary,
    /// The request says more, in what the response depends on, than is remembered; or it is refused, and may be so for its form.
    #[error("long")]
    Long,
    /// A part that cannot be put together with others.
    #[error("partial")]
    Partial,
    /// Its status is no whole answer, or one that `must-understand` is about.
    #[error("status")]
    Status,
    /// It has neither a lifetime nor anything to ask for it by.
    #[error("no-lifetime")]
    Useless,
}

impl Unstorable {
    /// One word for it, for `Cache-Status`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Request => "request-no-store",
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::Cookie => "set-cookie",
            Self::Unmarked => "unmarked",
            Self::Vary => "vary",
            Self::Long => "long",
            Self::Partial => "partial",
            Self::Status => "status",
            Self::Useless => "no-lifetime",
        }
    }
}

/// Statuses whose meaning is known here, so that `must-understand` lets them be kept (RFC 9110 section 15.1).
const UNDERSTOOD: [u16; 16] =
    [200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 404, 405, 410, 414, 451, 501];

/// Statuses that speak of what one request says beside its line, or of how often one asks: others say something else, and would get
/// what the first one was refused.
const OF_ONE: [u16; 14] = [406, 408, 411, 412, 413, 415, 416, 417, 421, 425, 426, 428, 429, 431];
/// Bytes and fields of a request that every server takes: Apache has a hundred fields, nginx 8 KiB for each.
const USUAL_BYTES_MAX: usize = 4 * 1024;
const USUAL_FIELDS_MAX: usize = 64;

/// Fields of programs that say who asks, and do not begin with `X-`.
const PERSONAL: [&str; 7] =
    ["access-token", "api-key", "apikey", "auth-token", "authentication", "session-id", "token"];

/// Judges an answer. What is kept of a part (206) is the head of the whole, of which some bytes are there.
///
/// # Errors
/// [`Unstorable`] tells why it is not kept.
pub fn judge(exchange: &Exchange<'_>, targets: &[HeaderName]) -> Result<Stored, Unstorable> {
    let Exchange { method, request, status, response, requested, received } = *exchange;
    if method != Method::GET {
        return Err(Unstorable::Method);
    }
    if wants_nothing_kept(request) {
        return Err(Unstorable::Request);
    }
    let terms = Terms::read(response, targets, received);
    judge_terms(&terms, status)?;
    if status.is_client_error() && !is_usual(request) {
        return Err(Unstorable::Long);
    }
    let audience = judge_privacy(&terms, request, response)?;
    let vary = Vary::of(response, request).ok_or(Unstorable::Vary)?;
    if !vary.is_short() {
        return Err(Unstorable::Long);
    }
    let (status, headers) = whole_head(status, response)?;
    if terms.lifetime_s.unwrap_or(0) == 0 && Validator::of(&headers).is_none() {
        return Err(Unstorable::Useless);
    }
    let validity = Validity::Standing;
    Ok(Stored { status, headers, requested, received, vary, audience, terms, validity })
}

/// Judges an answer to POST. It is kept for those who ask by GET where it says itself, in one line of `Content-Location`, that it is
/// what the URI stands for from then on, and for how long (RFC 9110 section 9.3.3). Stricter than that: it is a 200, and what
/// answers somebody with cookies or credentials is not kept, whatever it says.
///
/// And it is for whoever posted alone, who says `poster` in [`POSTER`](crate::POSTER): what somebody typed may stand in it. The server says that everybody
/// gets the same who asks by GET; whether that is so, nobody can tell but by asking it.
///
/// # Errors
/// [`Unstorable`] tells why it is not kept.
pub fn judge_posted(
    exchange: &Exchange<'_>,
    key: &Key,
    targets: &[HeaderName],
    poster: &[u8],
) -> Result<Stored, Unstorable> {
    let place = fields::single(exchange.response, &header::CONTENT_LOCATION);
    let named = place.and_then(|place| key.resolve(place.to_str().ok()?));
    let is_of_place = exchange.status == StatusCode::OK && named.as_ref() == Some(key);
    if exchange.method != Method::POST || !is_of_place {
        return Err(Unstorable::Method);
    }
    if is_personal(exchange.request) {
        return Err(Unstorable::Unmarked);
    }
    let stored = judge(&Exchange { method: &Method::GET, ..*exchange }, targets)?;
    if stored.terms.lifetime_s.unwrap_or(0) == 0 {
        return Err(Unstorable::Useless);
    }
    Ok(Stored { vary: stored.vary.clone().of_poster(poster), ..stored })
}

fn judge_terms(terms: &Terms, status: StatusCode) -> Result<(), Unstorable> {
    let is_understood = UNDERSTOOD.contains(&status.as_u16()) || status == StatusCode::PARTIAL_CONTENT;
    if terms.must_understand && !is_understood {
        return Err(Unstorable::Status);
    }
    // RFC 9111 section 5.2.2.3: whoever understands the status takes no notice of a `no-store` beside it.
    if terms.no_store && !terms.must_understand {
        return Err(Unstorable::NoStore);
    }
    if terms.private {
        return Err(Unstorable::Private);
    }
    let is_whole = !status.is_informational() && status != StatusCode::NOT_MODIFIED;
    // RFC 9111 section 3: with nothing said, only what is cacheable by its definition.
    let is_definite = terms.lifetime_s.is_some() || terms.shared || is_understood;
    let is_of_one = OF_ONE.contains(&status.as_u16());
    if is_whole && is_definite && !is_of_one { Ok(()) } else { Err(Unstorable::Status) }
}

/// Whether no server refuses a request for its form: by a field that is too long, or not text, somebody would have a page that says so
/// kept in the place of the one that all ask for.
fn is_usual(request: &HeaderMap) -> bool {
    let bytes: usize = request.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let is_text = || request.values().all(|value| value.to_str().is_ok());
    bytes <= USUAL_BYTES_MAX && request.len() <= USUAL_FIELDS_MAX && is_text()
}

/// Tainted by default: what answers one person is shared only if it says itself that it is the same for all. RFC 9111
/// section 3.5 asks this for credentials; real ENTs authorise by cookies, and mark nothing.
fn judge_privacy(terms: &Terms, request: &HeaderMap, response: &HeaderMap) -> Result<Audience, Unstorable> {
    if response.contains_key(header::SET_COOKIE) || response.contains_key("set-cookie2") {
        return Err(Unstorable::Cookie);
    }
    match (terms.shared, is_personal(request)) {
        (true, _) => Ok(Audience::Everyone),
        (false, false) => Ok(Audience::Anonymous),
        (false, true) => Err(Unstorable::Unmarked),
    }
}

/// Whether a request says who makes it.
#[must_use]
pub fn is_personal(request: &HeaderMap) -> bool {
    request.contains_key(header::COOKIE)
        || request.contains_key(header::AUTHORIZATION)
        || request.keys().any(is_of_person)
}

/// Whether a field says who makes a request: by cookies, by credentials, or as programs say it for whom HTTP has no field
/// (`X-Auth-Token`). What a form is guarded by (`X-XSRF-TOKEN`) counts as well.
#[must_use]
pub fn is_of_person(name: &HeaderName) -> bool {
    const WORDS: [&str; 5] = ["api-key", "apikey", "auth", "session", "token"];
    let text = name.as_str();
    let is_own = || {
        let rest = text.strip_prefix("x-").or_else(|| text.strip_prefix("x_"));
        rest.is_some_and(|rest| WORDS.iter().any(|word| rest.contains(word)))
    };
    [header::COOKIE, header::AUTHORIZATION].contains(name) || PERSONAL.contains(&text) || is_own()
}

/// Whether a request wants its answer to be kept nowhere (RFC 9111 section 5.2.1.5).
#[must_use]
pub fn wants_nothing_kept(request: &HeaderMap) -> bool {
    Directives::read(request).has("no-store")
}

/// The status and fields of the whole representation (RFC 9111 section 3.3).
fn whole_head(status: StatusCode, response: &HeaderMap) -> Result<(StatusCode, HeaderMap), Unstorable> {
    let mut headers = keepable(response);
    if status != StatusCode::PARTIAL_CONTENT {
        return Ok((status, headers));
    }
    let is_strong = Validator::of(&headers).is_some_and(|validator| validator.is_strong());
    match ContentRange::of(response) {
        Some(ContentRange::Part { length: Some(length), .. }) if is_strong => {
            headers.remove(header::CONTENT_RANGE);
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
            Ok((StatusCode::OK, headers))
        }
        Some(_) | None => Err(Unstorable::Partial),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::tests::map;
    use crate::stored::tests::START;

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
        judge(&exchange, &[])
    }

    fn check(
        request: &[(&str, &str)],
        status: u16,
        response: &[(&str, &str)],
        expected: Result<Audience, Unstorable>,
    ) {
        let outcome = judged(request, status, response).map(|stored| stored.audience);
        assert_eq!(outcome, expected, "{request:?} {status} {response:?}");
    }

    const MINUTE: (&str, &str) = ("cache-control", "max-age=60");
    const TAG: (&str, &str) = ("etag", "\"a\"");

    /// RFC 9111 section 3.
    #[test]
    fn what_may_be_kept() {
        check(&[], 200, &[MINUTE], Ok(Audience::Anonymous));
        check(&[], 200, &[("cache-control", "public, max-age=60")], Ok(Audience::Everyone));
        check(&[], 200, &[TAG], Ok(Audience::Anonymous));
        check(&[], 200, &[], Err(Unstorable::Useless));
        check(&[], 200, &[("cache-control", "max-age=0")], Err(Unstorable::Useless));
        check(&[], 299, &[MINUTE], Ok(Audience::Anonymous));
        check(&[], 299, &[TAG], Err(Unstorable::Status));
        check(&[], 404, &[MINUTE], Ok(Audience::Anonymous));
        check(&[], 304, &[MINUTE], Err(Unstorable::Status));
        check(&[("cache-control", "no-store")], 200, &[MINUTE], Err(Unstorable::Request));
        check(&[], 200, &[("cache-control", "no-store, max-age=60")], Err(Unstorable::NoStore));
        check(&[], 200, &[("cache-control", "private, max-age=60")], Err(Unstorable::Private));
        check(&[], 200, &[("cache-control", "no-cache"), TAG], Ok(Audience::Anonymous));
        check(&[], 200, &[MINUTE, ("vary", "*")], Err(Unstorable::Vary));
    }

    #[test]
    fn what_one_is_refused_for_what_it_says_is_not_kept() {
        let public = ("cache-control", "public, max-age=60");
        for status in OF_ONE {
            check(&[], status, &[public], Err(Unstorable::Status));
        }
        let long = "a".repeat(USUAL_BYTES_MAX);
        let [usual, odd] = [("foo", "1"), ("foo", long.as_str())];
        for (status, expected) in
            [(200, Ok(Audience::Everyone)), (400, Err(Unstorable::Long)), (404, Err(Unstorable::Long))]
        {
            check(&[odd], status, &[public], expected);
            check(&[usual], status, &[public], Ok(Audience::Everyone));
        }
        let mut many = HeaderMap::new();
        many.insert("foo", HeaderValue::from_bytes(b"\xe9").unwrap());
        assert!(!is_usual(&many));
        many.insert("foo", HeaderValue::from_static("1"));
        assert!(is_usual(&many));
        for _ in 0..USUAL_FIELDS_MAX {
            many.append("bar", HeaderValue::from_static("1"));
        }
        assert!(!is_usual(&many));
    }

    #[test]
    fn what_depends_on_much_is_not_kept() {
        let long = "a".repeat(4_096);
        let request = [("foo", long.as_str())];
        check(&request, 200, &[MINUTE, ("vary", "foo")], Err(Unstorable::Long));
        check(&request, 200, &[MINUTE, ("vary", "bar")], Ok(Audience::Anonymous));
    }

    #[test]
    fn only_answers_to_get_are_kept() {
        for method in [Method::HEAD, Method::POST, Method::OPTIONS] {
            let (request, response) = (HeaderMap::new(), map(&[MINUTE]));
            let exchange = Exchange {
                method: &method,
                request: &request,
                status: StatusCode::OK,
                response: &response,
                requested: START,
                received: START,
            };
            assert_eq!(judge(&exchange, &[]), Err(Unstorable::Method), "{method}");
        }
    }

    fn posted(
        method: &Method,
        request: &[(&str, &str)],
        status: u16,
        response: &[(&str, &str)],
    ) -> Result<Audience, Unstorable> {
        let exchange = Exchange {
            method,
            request: &map(request),
            status: StatusCode::from_u16(status).unwrap(),
            response: &map(response),
            requested: START,
            received: START,
        };
        let key = Key::new("ent.example", "/a/b?c").unwrap();
        judge_posted(&exchange, &key, &[], b"0a1b").map(|stored| {
            // Whatever it says of itself, and whatever else it varies by.
            for other in [&[][..], &[("preau-poster", "0a1c")]] {
                assert!(!stored.vary.matches(&map(other)), "{other:?}");
            }
            assert!(stored.vary.matches(&map(&[("preau-poster", "0a1b")])));
            assert!(stored.vary.clone().of_anybody().matches(&map(&[])));
            stored.audience
        })
    }

    /// RFC 9110 section 9.3.3.
    #[test]
    fn an_answer_to_post_is_kept_where_it_says_that_it_is_what_the_uri_stands_for() {
        let public = ("cache-control", "public, max-age=60");
        for here in ["/a/b?c", "https://ENT.example/a/b?c", "b?c", ""] {
            let response = [MINUTE, ("content-location", here)];
            assert_eq!(posted(&Method::POST, &[], 200, &response), Ok(Audience::Anonymous), "{here}");
            for method in [Method::PUT, Method::PATCH, Method::GET] {
                assert_eq!(posted(&method, &[], 200, &response), Err(Unstorable::Method), "{method}");
            }
            assert_eq!(posted(&Method::POST, &[], 201, &response), Err(Unstorable::Method), "{here}");
        }
        let here = ("content-location", "/a/b?c");
        for elsewhere in ["/a/b", "/a/b?d", "https://evil.example/a/b?c", "http://ent.example/a/b?c"] {
            let response = [MINUTE, ("content-location", elsewhere)];
            let outcome = posted(&Method::POST, &[], 200, &response);
            assert_eq!(outcome, Err(Unstorable::Method), "{elsewhere}");
        }
        for response in [&[MINUTE][..], &[MINUTE, here, here], &[TAG]] {
            let outcome = posted(&Method::POST, &[], 200, response);
            assert_eq!(outcome, Err(Unstorable::Method), "{response:?}");
        }
        for vague in [&[here][..], &[here, TAG], &[here, TAG, ("cache-control", "max-age=0")]] {
            let outcome = posted(&Method::POST, &[], 200, vague);
            assert_eq!(outcome, Err(Unstorable::Useless), "{vague:?}");
        }
        // Whatever it says of itself.
        for personal in [("cookie", "oneSessionId=1"), ("authorization", "Basic eA==")] {
            let outcome = posted(&Method::POST, &[personal], 200, &[public, here]);
            assert_eq!(outcome, Err(Unstorable::Unmarked), "{personal:?}");
        }
        let check = |request: &[(&str, &str)], response: &[(&str, &str)], expected: Unstorable| {
            assert_eq!(posted(&Method::POST, request, 200, response), Err(expected), "{response:?}");
        };
        check(&[], &[public, here, ("set-cookie", "a=b")], Unstorable::Cookie);
        check(&[], &[here, ("cache-control", "private, max-age=60")], Unstorable::Private);
        check(&[], &[here, ("cache-control", "no-store, max-age=60")], Unstorable::NoStore);
        check(&[("cache-control", "no-store")], &[public, here], Unstorable::Request);
        check(&[], &[public, here, ("vary", "*")], Unstorable::Vary);
    }

    /// RFC 9111 section 5.2.2.3.
    #[test]
    fn must_understand_is_about_the_status() {
        let lines = ("cache-control", "must-understand, no-store, max-age=60");
        check(&[], 200, &[lines], Ok(Audience::Anonymous));
        check(&[], 299, &[lines], Err(Unstorable::Status));
    }

    /// RFC 9111 sections 3.5 and 7.3, and more.
    #[test]
    fn what_answers_one_person_is_shared_only_if_it_says_so() {
        let (cookie, credentials) = (("cookie", "oneSessionId=1"), ("authorization", "Basic eA=="));
        let own = [("x-auth-token", "1"), ("x-api-key", "1"), ("token", "1"), ("x_session_id", "1")];
        for personal in [cookie, credentials].into_iter().chain(own) {
            check(&[personal], 200, &[MINUTE, TAG], Err(Unstorable::Unmarked));
            check(&[personal], 200, &[TAG], Err(Unstorable::Unmarked));
            check(
                &[personal],
                200,
                &[("cache-control", "max-age=60, must-revalidate")],
                Err(Unstorable::Unmarked),
            );
            check(&[personal], 200, &[("cache-control", "s-maxage=60")], Ok(Audience::Everyone));
            check(&[personal], 200, &[("cache-control", "public, max-age=60")], Ok(Audience::Everyone));
        }
        for name in ["set-cookie", "set-cookie2"] {
            let public = ("cache-control", "public, max-age=60");
            check(&[], 200, &[public, (name, "a=b")], Err(Unstorable::Cookie));
        }
    }

    #[test]
    fn most_fields_say_nothing_of_who_asks() {
        for usual in ["accept", "x-requested-with", "user-agent", "origin", "sec-fetch-dest", "host"] {
            assert!(!is_personal(&map(&[(usual, "1")])), "{usual}");
        }
    }

    /// What entcore, Beneylu and Iconito send to a signed-in pupil.
    #[test]
    fn what_ents_send_is_not_shared() {
        let cookie = [("cookie", "beneyluent=1")];
        check(&cookie, 200, &[("etag", "0e4c2f")], Err(Unstorable::Unmarked));
        check(&cookie, 200, &[("last-modified", "Wed, 01 Jan 2020 00:00:00 GMT")], Err(Unstorable::Unmarked));
        check(&cookie, 200, &[("cache-control", "protected"), ("expires", "0")], Err(Unstorable::Unmarked));
    }

    /// RFC 9111 sections 3.3 and 3.4.
    #[test]
    fn a_part_is_kept_as_a_part_of_the_whole() {
        let part = ("content-range", "bytes 2-4/10");
        let kept = judged(&[], 206, &[MINUTE, TAG, part, ("content-length", "3")]).unwrap();
        assert_eq!(kept.status, StatusCode::OK);
        assert_eq!(kept.headers, map(&[MINUTE, TAG, ("content-length", "10")]));
        check(&[], 206, &[MINUTE, part], Err(Unstorable::Partial));
        check(&[], 206, &[MINUTE, ("etag", "W/\"a\""), part], Err(Unstorable::Partial));
        check(&[], 206, &[MINUTE, TAG, ("content-range", "bytes 2-4/*")], Err(Unstorable::Partial));
        check(&[], 206, &[MINUTE, TAG], Err(Unstorable::Partial));
        check(&[], 206, &[MINUTE, TAG, ("content-range", "bytes 4-2/10")], Err(Unstorable::Partial));
    }
}
