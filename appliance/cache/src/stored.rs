//! A response that is kept, and how old it is.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use model::Timestamp;

use crate::directives::{SECONDS_MAX, parse_seconds};
use crate::fields;
use crate::key::Vary;
use crate::terms::Terms;
use crate::validator::Validator;

/// For whom a stored response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// It says itself that it is for everybody.
    Everyone,
    /// It answered a request without cookies and credentials, and does not say that those with some get the same.
    Anonymous,
    /// Whoever the server says may have it, asked each time. It is on the disk under a key of its own, and in no record.
    Authorised,
}

/// The head of a stored response. Its body is somebody else's.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Its status.
    pub status: StatusCode,
    /// Its fields, those of one hop left out.
    pub headers: HeaderMap,
    /// When it was asked for.
    pub requested: Timestamp,
    /// When its head came.
    pub received: Timestamp,
    /// The requests that it answers.
    pub vary: Vary,
    /// Those who get it.
    pub audience: Audience,
    /// What it says about its being kept.
    pub terms: Terms,
    /// Whether it may be used without asking.
    pub validity: Validity,
}

/// Whether a stored response may be used without asking (RFC 9111 section 4.4), the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Validity {
    /// Nothing speaks against it but its age.
    Standing,
    /// A request that may have changed it was answered since, or one client was told of another one: the server has to be asked.
    Doubted,
    /// The server has said that it is gone, or not for all any more.
    Withdrawn,
}

impl Stored {
    /// How old it is, in milliseconds (RFC 9111 section 4.2.3). A clock that was set back since it came cannot tell: it is
    /// then as old as can be.
    #[must_use]
    pub fn age_ms(&self, now: Timestamp) -> u64 {
        if now < self.received {
            return u64::MAX;
        }
        let date = fields::date(&self.headers, &header::DATE);
        let apparent_ms = date.map_or(0, |date| self.received.ms_since(date));
        let delay_ms = self.received.ms_since(self.requested);
        let initial_ms =
            apparent_ms.max(age_field_s(&self.headers).saturating_mul(1_000).saturating_add(delay_ms));
        initial_ms.saturating_add(now.ms_since(self.received))
    }

    /// For how many milliseconds it is fresh still; less than 0 once it is stale, then since when.
    #[must_use]
    pub fn left_ms(&self, now: Timestamp) -> i64 {
        self.left_ms_at(self.age_ms(now))
    }

    /// The same for who knows its age.
    #[must_use]
    pub fn left_ms_at(&self, age_ms: u64) -> i64 {
        let lifetime_ms = self.terms.lifetime_s.unwrap_or(0).saturating_mul(1_000);
        match lifetime_ms.checked_sub(age_ms) {
            Some(left) => i64::try_from(left).unwrap_or(i64::MAX),
            None => i64::try_from(age_ms.saturating_sub(lifetime_ms)).map_or(i64::MIN, |over| -over),
        }
    }

    /// Whether it is fresh (RFC 9111 section 4.2).
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.validity == Validity::Standing && self.left_ms(now) > 0
    }

    /// What it can be compared by.
    #[must_use]
    pub fn validator(&self) -> Option<Validator> {
        Validator::of(&self.headers)
    }

    /// Its fields for a client, with its age (RFC 9111 section 5.1), and with a date where the server has no clock (RFC 9110
    /// section 6.6.1).
    #[must_use]
    pub fn present(&self, age_ms: u64) -> HeaderMap {
        let mut headers = self.headers.clone();
        if !headers.contains_key(header::DATE)
            && let Some(date) = fields::format_date(self.received)
        {
            headers.insert(header::DATE, date);
        }
        let age_s = (age_ms / 1_000).min(SECONDS_MAX);
        headers.insert(header::AGE, HeaderValue::from(age_s));
        headers
    }

    /// The same with the fields of a newer response about the same representation: a 304, or a 200 to HEAD (RFC 9111 sections
    /// 3.2 and 4.3.4). What tells of the body's bytes stays as it is, because they do.
    #[must_use]
    pub fn update(&self, newer: &Newer<'_>, targets: &[HeaderName]) -> Self {
        let mut headers = self.headers.clone();
        // These are about one passage through the caches on the way; the newer response had its own.
        headers.remove(header::AGE);
        headers.remove(header::DATE);
        headers.remove(header::WARNING);
        let newer_headers = keepable(newer.headers);
        let is_kept = |name: &HeaderName| {
            let is_of_body = BODY_FIELDS.iter().any(|field| *field == name.as_str());
            !is_of_body && !OWN_FIELDS.iter().any(|field| *field == name.as_str())
        };
        for name in newer_headers.keys().filter(|name| is_kept(name)) {
            headers.remove(name);
            for value in newer_headers.get_all(name) {
                headers.append(name.clone(), value.clone());
            }
        }
        let terms = Terms::read(&headers, targets, newer.received);
        let (requested, received) = (newer.requested, newer.received);
        // What was for all, and is said to be so no more, is for whom the server says so each time.
        let is_taken_back = terms.private || (terms.no_store && !terms.must_understand);
        let validity = if is_taken_back { Validity::Withdrawn } else { Validity::Standing };
        Self { headers, terms, requested, received, validity, ..self.clone() }
    }

    /// The same, which is worth no more than this.
    #[must_use]
    pub fn at_best(&self, validity: Validity) -> Self {
        Self { validity: self.validity.max(validity), ..self.clone() }
    }
}

/// A response that tells something new about a stored one.
#[derive(Clone, Copy, Debug)]
pub struct Newer<'h> {
    /// Its fields.
    pub headers: &'h HeaderMap,
    /// When it was asked for.
    pub requested: Timestamp,
    /// When it came.
    pub received: Timestamp,
}

/// Fields about the bytes of a body, which a response without them cannot change.
const BODY_FIELDS: [&str; 6] =
    ["content-encoding", "content-length", "content-md5", "content-range", "content-digest", "etag"];

/// Fields that are for the one who asked, whatever the response is: workspaces set cookies with any answer.
const OWN_FIELDS: [&str; 2] = ["set-cookie", "set-cookie2"];

/// Fields that are never kept (RFC 9111 section 3.1): those of one hop, those that `Connection` names, who asks whom for a
/// proxy's sake; and what announces trailers, which are not kept either.
const UNKEPT_FIELDS: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The fields of a response that are kept.
#[must_use]
pub fn keepable(headers: &HeaderMap) -> HeaderMap {
    let named: Vec<String> =
        fields::members(headers, &header::CONNECTION).map(str::to_ascii_lowercase).collect();
    let mut kept = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let is_named = named.iter().any(|other| other == name.as_str());
        if !is_named && !UNKEPT_FIELDS.contains(&name.as_str()) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

/// `Age`, in seconds: of a list in one line the first (RFC 9111 section 5.1). What is no number is old, and so is what is said in
/// two lines, or twice the same: a cache before this one is broken, and its response may be of any age.
fn age_field_s(headers: &HeaderMap) -> u64 {
    if !headers.contains_key(header::AGE) {
        return 0;
    }
    let said = fields::single(headers, &header::AGE).and_then(|value| value.to_str().ok());
    said.and_then(first_age_s).unwrap_or(SECONDS_MAX)
}

fn first_age_s(text: &str) -> Option<u64> {
    let mut members = text.split(',').map(str::trim_ascii);
    let first = members.next()?;
    let is_repeated = members.any(|other| other == first);
    parse_seconds(first).filter(|_| !is_repeated)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::fields::tests::map;

    pub(crate) const START: Timestamp = Timestamp::from_unix_ms(1_577_836_800_000);

    /// The start, and so many seconds.
    pub(crate) fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms(START.unix_ms() + seconds * 1_000)
    }

    /// A response that was asked for and came at the start.
    pub(crate) fn stored(lines: &[(&str, &str)]) -> Stored {
        let headers = map(lines);
        Stored {
            status: StatusCode::OK,
            terms: Terms::read(&headers, &[], START),
            vary: Vary::of(&headers, &HeaderMap::new()).unwrap_or_default(),
            headers,
            requested: START,
            received: START,
            audience: Audience::Everyone,
            validity: Validity::Standing,
        }
    }

    /// RFC 9111 section 4.2.3.
    #[test]
    fn age_is_what_the_response_says_and_the_time_since() {
        let check = |lines: &[(&str, &str)], delay_s: i64, after_s: i64, expected_s: u64| {
            let stored = Stored { received: at(delay_s), ..stored(lines) };
            assert_eq!(stored.age_ms(at(delay_s + after_s)) / 1_000, expected_s, "{lines:?}");
        };
        let start = ("date", "Wed, 01 Jan 2020 00:00:00 GMT");
        check(&[], 0, 0, 0);
        check(&[], 2, 5, 7);
        check(&[start], 2, 5, 7);
        check(&[start, ("age", "100")], 2, 5, 107);
        check(&[("date", "Tue, 31 Dec 2019 23:59:00 GMT"), ("age", "10")], 0, 5, 65);
        // An origin whose clock is ahead makes nothing younger than it is.
        check(&[("date", "Wed, 01 Jan 2020 01:00:00 GMT")], 0, 5, 5);
        for invalid in ["abc", "-1", "7.0", "0, 0", "7;a=b", "7,a,7", ",7"] {
            check(&[("age", invalid)], 0, 0, SECONDS_MAX);
        }
        check(&[("age", "0"), ("age", "0")], 0, 0, SECONDS_MAX);
        check(&[("age", "0"), ("age", "7")], 0, 0, SECONDS_MAX);
        check(&[("age", "0,7200")], 0, 0, 0);
        check(&[("age", "7200 , 0")], 0, 0, 7_200);
    }

    /// RFC 9111 section 4.2.
    #[test]
    fn fresh_is_younger_than_the_lifetime() {
        let check = |lines: &[(&str, &str)], now: Timestamp, expected: bool| {
            assert_eq!(stored(lines).is_fresh(now), expected, "{lines:?} {now:?}");
        };
        let minute = ("cache-control", "max-age=60");
        check(&[minute], at(0), true);
        check(&[minute], at(59), true);
        check(&[minute], at(60), false);
        check(&[minute, ("age", "50")], at(9), true);
        check(&[minute, ("age", "50")], at(10), false);
        check(&[], at(0), false);
        check(&[("cache-control", "max-age=0")], at(0), false);
        // A clock that was set back tells nothing.
        check(&[minute], at(-1), false);
        for validity in [Validity::Doubted, Validity::Withdrawn] {
            assert!(!stored(&[minute]).at_best(validity).is_fresh(at(0)), "{validity:?}");
        }
        let withdrawn = stored(&[minute]).at_best(Validity::Withdrawn);
        assert_eq!(withdrawn.at_best(Validity::Doubted).validity, Validity::Withdrawn);
        assert_eq!(stored(&[minute]).left_ms(at(90)), -30_000);
        let shown = stored(&[minute]).present(7_000);
        assert_eq!(shown, map(&[minute, ("date", "Wed, 01 Jan 2020 00:00:00 GMT"), ("age", "7")]));
    }

    /// RFC 9111 section 3.1.
    #[test]
    fn fields_of_one_hop_are_not_kept() {
        let kept = keepable(&map(&[
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("proxy-authenticate", "Basic"),
            ("x-end", "2"),
            ("link", "<a>"),
            ("link", "<b>"),
        ]));
        assert_eq!(kept, map(&[("x-end", "2"), ("link", "<a>"), ("link", "<b>")]));
    }

    /// RFC 9111 sections 3.2 and 4.3.4.
    #[test]
    fn a_304_brings_new_fields_and_leaves_those_of_the_body() {
        let old = stored(&[
            ("cache-control", "max-age=1"),
            ("etag", "\"a\""),
            ("content-length", "5"),
            ("content-encoding", "gzip"),
            ("age", "40"),
            ("x-kept", "old"),
            ("x-changed", "old"),
            ("x-changed", "older"),
        ]);
        let old = old.at_best(Validity::Doubted);
        let newer = map(&[
            ("cache-control", "max-age=3600"),
            ("etag", "W/\"a\""),
            ("content-length", "0"),
            ("content-encoding", "br"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("set-cookie", "oneSessionId=lina"),
            ("x-changed", "new"),
        ]);
        let newer = Newer { headers: &newer, requested: at(100), received: at(100) };
        let updated = old.update(&newer, &[]);
        let expected = map(&[
            ("etag", "\"a\""),
            ("content-length", "5"),
            ("content-encoding", "gzip"),
            ("x-kept", "old"),
            ("cache-control", "max-age=3600"),
            ("x-changed", "new"),
        ]);
        assert_eq!(updated.headers, expected);
        assert!(updated.is_fresh(at(101)) && updated.age_ms(at(101)) == 1_000);
    }

    #[test]
    fn what_is_for_all_no_more_is_asked_for_each_time() {
        let old = stored(&[("cache-control", "public, max-age=60"), ("etag", "\"a\"")]);
        for (said, is_taken_back) in [
            ("private, max-age=60", true),
            ("no-store, max-age=60", true),
            ("max-age=60", false),
            ("no-store, must-understand, max-age=60", false),
        ] {
            let headers = map(&[("cache-control", said)]);
            let newer = Newer { headers: &headers, requested: at(1), received: at(1) };
            let updated = old.update(&newer, &[]);
            assert_eq!(updated.validity == Validity::Withdrawn, is_taken_back, "{said}");
            assert_eq!(updated.is_fresh(at(2)), !is_taken_back, "{said}");
        }
    }
}
