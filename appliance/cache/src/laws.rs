//! Another reading of RFC 9111, to compare ours with: where ours serves, that one would, too.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_cache_semantics::{BeforeRequest, CacheOptions, CachePolicy};
use model::Timestamp;
use proptest::prelude::*;

use crate::fields::tests::map;
use crate::{Exchange, Lookup, judge, look_up};

/// 2020-01-01 00:00:10 UTC.
const RECEIVED_MS: u64 = 1_577_836_810_000;

/// `proxy-revalidate` is not among them, which that reading takes for a lifetime of 0, nor `immutable`, which it does not
/// hold against a reload.
const DIRECTIVES: [&str; 11] = [
    "max-age=60",
    "max-age=5",
    "max-age=0",
    "s-maxage=30",
    "public",
    "private",
    "no-cache",
    "no-store",
    "must-revalidate",
    "max-age=x",
    "no-transform",
];

const WISHES: [&str; 8] = [
    "no-cache",
    "max-age=0",
    "max-age=20",
    "min-fresh=10",
    "max-stale=100",
    "no-store",
    "only-if-cached",
    "max-stale=5",
];

fn arbitrary_response() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let directives = prop::sample::subsequence(DIRECTIVES.to_vec(), 0..4).prop_shuffle();
    let date = |name: &'static str| {
        let texts = [
            "Wed, 01 Jan 2020 00:00:10 GMT",
            "Wed, 01 Jan 2020 00:00:00 GMT",
            "Wed, 01 Jan 2020 00:01:00 GMT",
        ];
        prop::option::of(prop::sample::select(texts.to_vec()).prop_map(move |text| (name, text.to_owned())))
    };
    let age = prop::option::of((0_u32..80).prop_map(|age| ("age", age.to_string())));
    let vary = prop::option::of(
        prop::sample::select(vec!["foo", "*", "accept-encoding"]).prop_map(|text| ("vary", text.to_owned())),
    );
    (directives, date("date"), date("expires"), date("last-modified"), age, vary).prop_map(
        |(directives, date, expires, modified, age, vary)| {
            let control = ("cache-control", directives.join(", "));
            let fields = [date, expires, modified, age, vary].into_iter().flatten();
            fields.chain((!directives.is_empty()).then_some(control)).collect()
        },
    )
}

fn arbitrary_request() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let wish = prop::option::of(
        prop::sample::select(&WISHES[..]).prop_map(|wish| ("cache-control", wish.to_owned())),
    );
    let foo = prop::option::of((0_u8..2).prop_map(|foo| ("foo", foo.to_string())));
    let credentials = prop::option::of(Just(("authorization", "Basic eA==".to_owned())));
    (wish, foo, credentials)
        .prop_map(|(wish, foo, credentials)| [wish, foo, credentials].into_iter().flatten().collect())
}

fn headers(lines: &[(&'static str, String)]) -> HeaderMap {
    map(&lines.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>())
}

fn with_headers<T>(headers: &HeaderMap, message: T, of: impl Fn(&mut T) -> &mut HeaderMap) -> T {
    let mut message = message;
    *of(&mut message) = headers.clone();
    message
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_served_here_would_be_served_there(
        response in arbitrary_response(),
        first in arbitrary_request(),
        second in arbitrary_request(),
        after_s in 0_u32..120,
    ) {
        let (response, first, second) = (headers(&response), headers(&first), headers(&second));
        let received = Timestamp::from_unix_ms(i64::try_from(RECEIVED_MS).unwrap());
        let now = Timestamp::from_unix_ms(received.unix_ms() + i64::from(after_s) * 1_000);
        let exchange = Exchange {
            method: &Method::GET,
            request: &first,
            status: StatusCode::OK,
            response: &response,
            requested: received,
            received,
        };
        let Ok(stored) = judge(&exchange, &[]) else { return Ok(()) };
        let known = [stored];
        // "By no more than" (RFC 9111 section 5.2.1.2): that reading leaves the last moment out.
        if [-100_000, -5_000].contains(&known[0].left_ms(now)) {
            return Ok(());
        }
        let Lookup::Fresh(_) = look_up(&known, &Method::GET, &second, now) else { return Ok(()) };

        let uri = "https://ent.example/";
        let request = |headers| with_headers(headers, Request::get(uri).body(()).unwrap(), Request::headers_mut);
        let answer = with_headers(&response, Response::new(()), Response::headers_mut);
        let options = CacheOptions { shared: true, cache_heuristic: 0.0, ..CacheOptions::default() };
        let at = UNIX_EPOCH + Duration::from_millis(RECEIVED_MS);
        let policy = CachePolicy::new_options(&request(&first), &answer, at, options);
        prop_assert!(policy.is_storable(), "{response:?} {first:?}");
        let later = at + Duration::from_secs(u64::from(after_s));
        let outcome = policy.before_request(&request(&second), later);
        let is_served = matches!(outcome, BeforeRequest::Fresh(_));
        prop_assert!(is_served, "{response:?} {first:?} {second:?} after {after_s} s");
    }
}
