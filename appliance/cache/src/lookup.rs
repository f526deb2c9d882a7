//! What becomes of a request, given what is stored (RFC 9111 section 4).

use std::borrow::Borrow;

use http::{HeaderMap, Method, header};
use model::Timestamp;

use crate::directives::{Directives, Seconds};
use crate::fields;
use crate::storability::is_personal;
use crate::stored::{Audience, Stored, Validity};

/// Codings that are told apart: browsers take some of them and not others.
const CODINGS: [&str; 5] = ["br", "compress", "deflate", "gzip", "zstd"];

/// What to do about a request. `S` holds a [`Stored`].
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup<'s, S> {
    /// Serve this.
    Fresh(&'s S),
    /// Serve this, and ask for it again meanwhile, once (RFC 5861 section 3).
    Revalidate(&'s S),
    /// Ask the server whether this is still right; the answer, or this, is served (RFC 9111 section 4.3).
    Validate(&'s S, Cause),
    /// Ask the server: nothing that is stored can be used.
    Fetch(Cause),
    /// The client wants nothing that is not here (RFC 9111 section 5.2.1.7): 504.
    Unavailable,
    /// This is between client and server; the cache has nothing to do with it.
    Pass(Cause),
}

/// Why the server is asked: the values of `fwd` in RFC 9211 section 2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The cache does not handle such requests.
    Bypass,
    /// Nor this method.
    Method,
    /// Nothing is stored for the URI.
    UriMiss,
    /// Something is, but not for a request that says this.
    VaryMiss,
    /// The client asks for it.
    Request,
    /// What is stored is stale.
    Stale,
    /// Bytes of it are missing.
    Partial,
}

/// What failed when the server was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It could not be reached, broke off, or did not answer in time.
    Disconnected,
    /// It answered with 500, 502, 503 or 504 (RFC 5861 section 4).
    Status,
}

/// Looks a request up among what is stored for its URI.
pub fn look_up<'s, S: Borrow<Stored>>(
    stored: &'s [S],
    method: &Method,
    request: &HeaderMap,
    now: Timestamp,
) -> Lookup<'s, S> {
    if method != Method::GET && method != Method::HEAD {
        return Lookup::Pass(Cause::Method);
    }
    if is_for_the_server(request) {
        return Lookup::Pass(Cause::Bypass);
    }
    let wishes = Wishes::read(request);
    let found = match select(stored, request) {
        Some(found) if !is_open_to_origin(&found.borrow().headers, request) => {
            Lookup::Validate(found, Cause::Request)
        }
        Some(found) => wishes.judge(found, now),
        None if stored.is_empty() => Lookup::Fetch(Cause::UriMiss),
        None => Lookup::Fetch(Cause::VaryMiss),
    };
    let is_here = matches!(found, Lookup::Fresh(_));
    if wishes.is_only_if_cached && !is_here { Lookup::Unavailable } else { found }
}

/// Whether a stored response may be served although it is stale and asking failed (RFC 9111 section 4.2.4, RFC 5861 section
/// 4). `request` is the client's.
#[must_use]
pub fn may_serve_stale(stored: &Stored, request: &HeaderMap, failure: Failure, now: Timestamp) -> bool {
    stored.validity == Validity::Standing && may_be_stale(stored, request, failure, now)
}

/// Whether something that was prepared for when the server is out of reach, which it is, may be served: the same, but that a request
/// which may have changed it takes nothing away, as long as the server was not asked. Whoever sends a form to the address of what is prepared,
/// before the line falls, would take it from the class. RFC 9111 section 4.4 asks for the server's word first, and there is none to be had.
/// What the server itself has withdrawn stays withdrawn.
#[must_use]
pub fn may_serve_prepared(stored: &Stored, request: &HeaderMap, now: Timestamp) -> bool {
    let is_timely = stored.left_ms(now) > 0 && !stored.terms.no_cache && !Wishes::read(request).is_reload;
    let is_served = is_timely || may_be_stale(stored, request, Failure::Disconnected, now);
    stored.validity != Validity::Withdrawn && is_served
}

fn may_be_stale(stored: &Stored, request: &HeaderMap, failure: Failure, now: Timestamp) -> bool {
    let terms = &stored.terms;
    if terms.must_revalidate || terms.no_cache || Wishes::read(request).is_reload {
        return false;
    }
    let stale_ms = stored.left_ms(now).min(0).unsigned_abs();
    let asked_s = Directives::read(request).seconds("stale-if-error").valid();
    let allowed_s = terms.stale_if_error_s.max(asked_s);
    let is_within = allowed_s.is_some_and(|allowed_s| stale_ms <= allowed_s.saturating_mul(1_000));
    // Who has no way to the server may serve what is stale, unless the response says for how long and that is over.
    is_within || (failure == Failure::Disconnected && allowed_s.is_none())
}

/// Conditions that only the server can judge (RFC 9111 section 4.3.2), and another protocol.
fn is_for_the_server(request: &HeaderMap) -> bool {
    let is_conditional =
        request.contains_key(header::IF_MATCH) || request.contains_key(header::IF_UNMODIFIED_SINCE);
    is_conditional || request.contains_key(header::UPGRADE)
}

/// Whether a stored response is for whoever makes such a request (RFC 9111 section 4.1), however old it is.
#[must_use]
pub fn is_for(stored: &Stored, request: &HeaderMap) -> bool {
    is_for_asker(stored, request, is_personal(request))
}

fn is_for_asker(stored: &Stored, request: &HeaderMap, is_personal: bool) -> bool {
    let is_for_client = match stored.audience {
        Audience::Everyone => true,
        Audience::Anonymous => !is_personal,
        // Only by asking, which is another way.
        Audience::Authorised => false,
    };
    is_for_client && stored.vary.matches(request) && is_readable(&stored.headers, request)
}

/// Whether a client takes what a stored response is coded in. Servers that forget to say that this is what it depends on (`Vary`; nginx
/// does not say it by itself) would have whoever asks first choose it for the class, and a browser that is older read nothing.
fn is_readable(stored: &HeaderMap, request: &HeaderMap) -> bool {
    if !stored.contains_key(header::CONTENT_ENCODING) || !request.contains_key(header::ACCEPT_ENCODING) {
        return true;
    }
    let takes = |coding: &str| {
        fields::members(request, &header::ACCEPT_ENCODING).any(|member| {
            let (name, weight) = member.split_once(';').unwrap_or((member, ""));
            let name = name.trim_ascii();
            (name.eq_ignore_ascii_case(coding) || name == "*") && !is_nothing(weight)
        })
    };
    let mut codings = fields::members(stored, &header::CONTENT_ENCODING)
        .filter(|coding| CODINGS.iter().any(|known| known.eq_ignore_ascii_case(coding)));
    codings.all(takes)
}

/// Whether a weight is 0 (RFC 9110 section 12.4.2).
fn is_nothing(weight: &str) -> bool {
    let value = weight.trim_ascii().strip_prefix(['q', 'Q']).and_then(|rest| rest.strip_prefix('='));
    value.is_some_and(|value| value.starts_with('0') && value.bytes().all(|byte| matches!(byte, b'0' | b'.')))
}

/// Whether a page of the origin that a request names may read a stored response (Fetch, section 3.3). Servers say that to those who name
/// one, often without `Vary`: what somebody else was told, or was not, is asked for once more, and a 304 tells.
fn is_open_to_origin(stored: &HeaderMap, request: &HeaderMap) -> bool {
    let Some(origin) = request.get(header::ORIGIN) else { return true };
    let allowed = fields::single(stored, &header::ACCESS_CONTROL_ALLOW_ORIGIN);
    allowed.is_some_and(|allowed| allowed == "*" || allowed == origin)
}

/// The newest of those that fit (RFC 9111 section 4.1).
fn select<'s, S: Borrow<Stored>>(stored: &'s [S], request: &HeaderMap) -> Option<&'s S> {
    let is_personal = is_personal(request);
    let fits = |stored: &Stored| is_for_asker(stored, request, is_personal);
    let date = |stored: &Stored| fields::date(&stored.headers, &header::DATE).unwrap_or(stored.received);
    let rank = |stored: &&S| (date((*stored).borrow()), (*stored).borrow().received);
    let fitting = stored.iter().filter(|stored| fits((*stored).borrow()));
    // Not by key: of one alone, as most are, no date is read.
    fitting.max_by(|one, other| rank(one).cmp(&rank(other)))
}

/// What a client asks of a stored response (RFC 9111 section 5.2.1).
#[derive(Debug)]
struct Wishes {
    /// `no-cache`: whatever is stored, ask.
    is_reload: bool,
    is_only_if_cached: bool,
    max_age: Seconds,
    min_fresh: Seconds,
    /// `None`: nothing stale; otherwise stale for so many milliseconds at most.
    max_stale_ms: Option<u64>,
}

impl Wishes {
    fn read(request: &HeaderMap) -> Self {
        let directives = Directives::read(request);
        let pragma =
            || fields::members(request, &header::PRAGMA).any(|it| it.eq_ignore_ascii_case("no-cache"));
        let max_stale_ms = match directives.seconds("max-stale") {
            Seconds::Absent => None,
            Seconds::Valid(seconds) => Some(seconds.saturating_mul(1_000)),
            // Without a number, anything stale.
            Seconds::Invalid => directives.has("max-stale").then_some(u64::MAX),
        };
        Self {
            is_reload: directives.has("no-cache")
                || (!request.contains_key(header::CACHE_CONTROL) && pragma()),
            is_only_if_cached: directives.has("only-if-cached"),
            max_age: directives.seconds("max-age"),
            min_fresh: directives.seconds("min-fresh"),
            max_stale_ms,
        }
    }

    fn judge<'s, S: Borrow<Stored>>(&self, found: &'s S, now: Timestamp) -> Lookup<'s, S> {
        let stored = found.borrow();
        if self.is_reload {
            return Lookup::Validate(found, Cause::Request);
        }
        if stored.validity != Validity::Standing || stored.terms.no_cache {
            return Lookup::Validate(found, Cause::Stale);
        }
        if stored.is_fresh(now) {
            return if self.is_content_with(stored, now) {
                Lookup::Fresh(found)
            } else {
                Lookup::Validate(found, Cause::Request)
            };
        }
        let stale_ms = stored.left_ms(now).min(0).unsigned_abs();
        let within = |limit_ms: u64| !stored.terms.must_revalidate && stale_ms <= limit_ms;
        if self.max_stale_ms.is_some_and(within) && self.is_old_enough(stored, now) {
            return Lookup::Fresh(found);
        }
        let meanwhile_ms = stored.terms.stale_while_revalidate_s.saturating_mul(1_000);
        let asks_nothing = self.max_age == Seconds::Absent && self.min_fresh == Seconds::Absent;
        if meanwhile_ms > 0 && within(meanwhile_ms) && asks_nothing {
            return Lookup::Revalidate(found);
        }
        Lookup::Validate(found, Cause::Stale)
    }

    /// Whether a fresh response is as fresh as the client wants it.
    fn is_content_with(&self, stored: &Stored, now: Timestamp) -> bool {
        let is_left = match self.min_fresh {
            Seconds::Absent => true,
            Seconds::Valid(seconds) => {
                let left_ms = u64::try_from(stored.left_ms(now)).unwrap_or(0);
                left_ms >= seconds.saturating_mul(1_000)
            }
            Seconds::Invalid => false,
        };
        // A reload of what does not change need not ask (RFC 8246 section 2).
        let is_reload = self.max_age == Seconds::Valid(0);
        is_left && ((is_reload && stored.terms.immutable) || self.is_old_enough(stored, now))
    }

    /// Whether it is not older than the client wants it.
    fn is_old_enough(&self, stored: &Stored, now: Timestamp) -> bool {
        match self.max_age {
            Seconds::Absent => true,
            // `max-age=0` asks, however new it is.
            Seconds::Valid(0) | Seconds::Invalid => false,
            Seconds::Valid(seconds) => stored.age_ms(now) / 1_000 <= seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::tests::map;
    use crate::stored::tests::{at, stored};

    /// The outcome, in a word or two.
    fn look(response: &[(&str, &str)], request: &[(&str, &str)], after_s: i64) -> String {
        let known = [stored(response)];
        word(&look_up(&known, &Method::GET, &map(request), at(after_s)))
    }

    fn word(lookup: &Lookup<'_, Stored>) -> String {
        match lookup {
            Lookup::Fresh(_) => "fresh".to_owned(),
            Lookup::Revalidate(_) => "revalidate".to_owned(),
            Lookup::Validate(_, cause) => format!("validate {cause:?}"),
            Lookup::Fetch(cause) => format!("fetch {cause:?}"),
            Lookup::Unavailable => "unavailable".to_owned(),
            Lookup::Pass(cause) => format!("pass {cause:?}"),
        }
    }

    const HOUR: (&str, &str) = ("cache-control", "max-age=3600");

    fn cc(directives: &str) -> (&str, &str) {
        ("cache-control", directives)
    }

    /// RFC 9111 sections 4 and 5.2.2.
    #[test]
    fn what_is_fresh_is_served_and_what_is_stale_is_asked_for() {
        assert_eq!(look(&[HOUR], &[], 3_599), "fresh");
        assert_eq!(look(&[HOUR], &[], 3_600), "validate Stale");
        assert_eq!(look(&[cc("max-age=3600, no-cache")], &[], 0), "validate Stale");
        assert_eq!(look(&[cc("max-age=3600, no-cache=\"x\"")], &[], 0), "validate Stale");
        assert_eq!(look(&[("etag", "\"a\"")], &[], 0), "validate Stale");
        for validity in [Validity::Doubted, Validity::Withdrawn] {
            let invalid = [stored(&[HOUR]).at_best(validity)];
            let outcome = look_up(&invalid, &Method::GET, &HeaderMap::new(), at(0));
            assert_eq!(word(&outcome), "validate Stale", "{validity:?}");
        }
    }

    /// RFC 9111 section 5.2.1.
    #[test]
    fn a_client_may_ask_for_more_or_be_content_with_less() {
        for (request, after_s, expected) in [
            (cc("no-cache"), 0, "validate Request"),
            (("pragma", "no-cache"), 0, "validate Request"),
            (cc("max-age=0"), 0, "validate Request"),
            (cc("max-age=10"), 10, "fresh"),
            (cc("max-age=10"), 11, "validate Request"),
            (cc("max-age=x"), 0, "validate Request"),
            (cc("min-fresh=600"), 3_000, "fresh"),
            (cc("min-fresh=601"), 3_000, "validate Request"),
            (cc("max-stale"), 9_000, "fresh"),
            (cc("max-stale=10"), 3_610, "fresh"),
            (cc("max-stale=10"), 3_611, "validate Stale"),
            (cc("max-stale, max-age=10"), 3_611, "validate Stale"),
            (cc("only-if-cached"), 0, "fresh"),
            (cc("only-if-cached"), 3_600, "unavailable"),
            (cc("no-store"), 0, "fresh"),
        ] {
            assert_eq!(look(&[HOUR], &[request], after_s), expected, "{request:?} {after_s}");
        }
        // Cache-Control is what counts where both are there.
        assert_eq!(look(&[HOUR], &[cc("max-age=60"), ("pragma", "no-cache")], 0), "fresh");
        assert_eq!(look(&[cc("max-age=60, must-revalidate")], &[cc("max-stale")], 61), "validate Stale");
        assert_eq!(look(&[cc("s-maxage=60")], &[cc("max-stale")], 61), "validate Stale");
    }

    /// RFC 5861 section 3.
    #[test]
    fn while_it_is_asked_for_it_may_be_stale() {
        let lines = [cc("max-age=60, stale-while-revalidate=30")];
        assert_eq!(look(&lines, &[], 60), "revalidate");
        assert_eq!(look(&lines, &[], 90), "revalidate");
        assert_eq!(look(&lines, &[], 91), "validate Stale");
        assert_eq!(look(&lines, &[cc("max-age=120")], 70), "validate Stale");
        let never = [cc("max-age=60, stale-while-revalidate=30, must-revalidate")];
        assert_eq!(look(&never, &[], 61), "validate Stale");
    }

    /// RFC 8246 section 2.
    #[test]
    fn a_reload_of_what_does_not_change_asks_nothing() {
        let lines = [cc("max-age=60, immutable")];
        assert_eq!(look(&lines, &[cc("max-age=0")], 5), "fresh");
        assert_eq!(look(&lines, &[cc("no-cache")], 5), "validate Request");
        assert_eq!(look(&lines, &[], 61), "validate Stale");
    }

    /// RFC 9111 section 4.1.
    #[test]
    fn the_newest_that_fits_is_chosen() {
        let older = stored(&[HOUR, ("date", "Wed, 01 Jan 2020 00:00:00 GMT"), ("x", "1")]);
        let newer = stored(&[HOUR, ("date", "Wed, 01 Jan 2020 00:00:01 GMT"), ("x", "2")]);
        let known = [newer.clone(), older];
        assert_eq!(look_up(&known, &Method::GET, &HeaderMap::new(), at(2)), Lookup::Fresh(&newer));
        assert_eq!(look(&[HOUR, ("vary", "foo")], &[("foo", "1")], 0), "fetch VaryMiss");
        let nothing: [Stored; 0] = [];
        assert_eq!(look_up(&nothing, &Method::GET, &HeaderMap::new(), at(0)), Lookup::Fetch(Cause::UriMiss));
    }

    #[test]
    fn what_answered_nobody_is_for_nobody_in_particular() {
        let anonymous = [Stored { audience: Audience::Anonymous, ..stored(&[HOUR]) }];
        let check = |request: &[(&str, &str)], expected: &str| {
            let outcome = look_up(&anonymous, &Method::GET, &map(request), at(0));
            assert_eq!(word(&outcome), expected, "{request:?}");
        };
        check(&[], "fresh");
        check(&[("cookie", "a=b")], "fetch VaryMiss");
        check(&[("authorization", "Basic eA==")], "fetch VaryMiss");
        assert_eq!(look(&[HOUR], &[("cookie", "a=b")], 0), "fresh");
    }

    #[test]
    fn what_is_coded_is_for_whoever_can_read_it() {
        let check = |coding: &str, accepted: &str, expected: &str| {
            let outcome = look(&[HOUR, ("content-encoding", coding)], &[("accept-encoding", accepted)], 0);
            assert_eq!(outcome, expected, "{coding} {accepted}");
        };
        check("gzip", "gzip, deflate", "fresh");
        check("GZIP", "deflate, gzip;q=0.5", "fresh");
        check("zstd", "gzip, deflate, br", "fetch VaryMiss");
        check("br", "gzip, *;q=0.1", "fresh");
        check("br", "gzip, br;q=0", "fetch VaryMiss");
        check("br", "br; Q=0.000", "fetch VaryMiss");
        check("br, gzip", "gzip", "fetch VaryMiss");
        // Nobody knows what it is: it is the server's to say.
        check("none", "gzip", "fresh");
        assert_eq!(look(&[HOUR, ("content-encoding", "br")], &[], 0), "fresh");
        assert_eq!(look(&[HOUR], &[("accept-encoding", "identity")], 0), "fresh");
    }

    #[test]
    fn a_page_elsewhere_is_told_what_it_may_read() {
        let origin = ("origin", "https://ent.example");
        let allow = |allowed| ("access-control-allow-origin", allowed);
        for (response, expected) in [
            (&[HOUR, allow("*")][..], "fresh"),
            (&[HOUR, allow("https://ent.example")][..], "fresh"),
            (&[HOUR, allow("https://evil.example")][..], "validate Request"),
            (&[HOUR, allow("*"), allow("*")][..], "validate Request"),
            (&[HOUR][..], "validate Request"),
        ] {
            assert_eq!(look(response, &[origin], 0), expected, "{response:?}");
            assert_eq!(look(response, &[], 0), "fresh", "{response:?}");
        }
    }

    #[test]
    fn a_response_is_for_whom_it_was_kept() {
        let personal = [("cookie", "a=b")];
        for (audience, for_nobody, for_somebody) in [
            (Audience::Everyone, true, true),
            (Audience::Anonymous, true, false),
            (Audience::Authorised, false, false),
        ] {
            let known = Stored { audience, ..stored(&[HOUR]) };
            assert_eq!(is_for(&known, &HeaderMap::new()), for_nobody, "{audience:?}");
            assert_eq!(is_for(&known, &map(&personal)), for_somebody, "{audience:?}");
        }
        assert!(!is_for(&stored(&[HOUR, ("vary", "foo")]), &map(&[("foo", "1")])));
    }

    /// RFC 9111 sections 4 and 4.3.2.
    #[test]
    fn what_is_the_servers_passes() {
        for request in [("if-match", "\"a\""), ("if-unmodified-since", "x"), ("upgrade", "websocket")] {
            assert_eq!(look(&[HOUR], &[request], 0), "pass Bypass", "{request:?}");
        }
        let known = [stored(&[HOUR])];
        for method in [Method::POST, Method::PUT, Method::OPTIONS, Method::from_bytes(b"X").unwrap()] {
            let outcome = look_up(&known, &method, &HeaderMap::new(), at(0));
            assert_eq!(word(&outcome), "pass Method", "{method}");
        }
    }

    /// RFC 9111 section 4.2.4 and RFC 5861 section 4.
    #[test]
    fn what_is_stale_helps_out() {
        let check = |response: &str, request: &[(&str, &str)], failure, after_s, expected: bool| {
            let known = stored(&[cc(response)]);
            let is_served = may_serve_stale(&known, &map(request), failure, at(after_s));
            assert_eq!(is_served, expected, "{response} {request:?} {failure:?} {after_s}");
        };
        check("max-age=60", &[], Failure::Disconnected, 90_000, true);
        check("max-age=60", &[], Failure::Status, 61, false);
        check("max-age=60, stale-if-error=30", &[], Failure::Status, 90, true);
        check("max-age=60, stale-if-error=30", &[], Failure::Status, 91, false);
        check("max-age=60, stale-if-error=30", &[], Failure::Disconnected, 91, false);
        check("max-age=60", &[cc("stale-if-error=30")], Failure::Status, 90, true);
        check("max-age=60", &[cc("no-cache")], Failure::Disconnected, 61, false);
        for never in ["must-revalidate", "proxy-revalidate", "s-maxage=60", "no-cache"] {
            let lines = format!("max-age=60, stale-if-error=30, {never}");
            check(&lines, &[], Failure::Disconnected, 61, false);
            check(&lines, &[], Failure::Status, 61, false);
        }
    }

    #[test]
    fn what_is_prepared_is_not_taken_away_by_a_form() {
        let check = |response: &str, validity, request: &[(&str, &str)], after_s, expected: bool| {
            let known = stored(&[cc(response)]).at_best(validity);
            let request = map(request);
            let is_served = may_serve_prepared(&known, &request, at(after_s));
            assert_eq!(is_served, expected, "{response} {validity:?} {request:?} {after_s}");
            // What is not prepared is served only where nothing speaks against it.
            let is_stale_served = may_serve_stale(&known, &request, Failure::Disconnected, at(after_s));
            assert!(!is_stale_served || validity == Validity::Standing, "{response} {validity:?}");
        };
        for after_s in [0, 90_000] {
            check("max-age=60", Validity::Standing, &[], after_s, true);
            check("max-age=60", Validity::Doubted, &[], after_s, true);
            check("max-age=60", Validity::Withdrawn, &[], after_s, false);
            check("max-age=60, no-cache", Validity::Doubted, &[], after_s, false);
            check("max-age=60", Validity::Doubted, &[cc("no-cache")], after_s, false);
        }
        // It may be served without asking until then, and not a second longer.
        for strict in ["max-age=60, must-revalidate", "s-maxage=60"] {
            check(strict, Validity::Doubted, &[], 59, true);
            check(strict, Validity::Doubted, &[], 60, false);
        }
        check("max-age=60, stale-if-error=30", Validity::Doubted, &[], 90, true);
        check("max-age=60, stale-if-error=30", Validity::Doubted, &[], 91, false);
    }
}
