//! What each engine has to do with names that the commune owns.

use model::{DomainName, Timestamp};
use replication::School;
use replication::limits::WEB_NAMES_MAX;

use crate::register::suite::{code, new_box};
use crate::register::web::{AGAIN_MS, DETAIL_LENGTH_MAX, FORGOTTEN_MS, WebFailure};
use crate::register::{BoxId, Register};

const NOW: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);
const UAI: &str = "0692345Z";
const OTHER: &str = "0751234J";

fn name(text: &str) -> DomainName {
    text.parse().unwrap()
}

/// Checks an engine; the two are hubs on one register.
pub(crate) fn check(one: &dyn Register, other: &dyn Register) {
    for uai in [UAI, OTHER] {
        one.put_school(&School { uai: uai.to_owned(), name: "École".to_owned(), rooms: vec![] }).unwrap();
    }
    let (uai, another) = (UAI.parse().unwrap(), OTHER.parse().unwrap());
    assert!(one.add_web_name(&uai, &name("a.example")).unwrap());
    assert!(!other.add_web_name(&another, &name("a.example")).unwrap(), "it is somebody's");
    for number in 1..WEB_NAMES_MAX {
        assert!(one.add_web_name(&uai, &name(&format!("n{number}.example"))).unwrap());
    }
    assert!(!one.add_web_name(&uai, &name("more.example")).unwrap());
    assert_eq!(other.web_names().unwrap().len(), WEB_NAMES_MAX);
    assert!(
        other.remove_web_name(&name("a.example")).unwrap()
            && !one.remove_web_name(&name("a.example")).unwrap()
    );

    assert_eq!(one.web_orders().unwrap(), []);
    one.put_web_request(UAI, BoxId(1), b"key", b"request", NOW).unwrap();
    assert!(!other.keep_web_chain(UAI, b"another", "chain", NOW).unwrap(), "another key's");
    assert!(!other.keep_web_chain(OTHER, b"key", "chain", NOW).unwrap(), "another school's");
    assert!(other.keep_web_chain(UAI, b"key", "chain", NOW).unwrap());
    let order = one.web_orders().unwrap().pop().unwrap();
    assert_eq!((order.uai.as_str(), order.asked), (UAI, NOW));
    assert_eq!(order.made, Some(("chain".to_owned(), NOW)));
    other.put_web_request(UAI, BoxId(1), b"next", b"request", NOW).unwrap();
    let order = one.web_orders().unwrap().pop().unwrap();
    assert_eq!((order.public_key.as_slice(), order.made), (&b"next"[..], None));
    check_claims(one, other);
    check_failures(one, other);
}

/// Why nothing is made of a request, since when, and when it is tried again, until something is.
fn check_failures(one: &dyn Register, other: &dyn Register) {
    let another = OTHER.parse().unwrap();
    let at = |ms: i64| Timestamp::from_unix_ms(NOW.unix_ms() + ms);
    let put = |key: &[u8], ms: i64| one.put_web_request(OTHER, BoxId(0), key, b"request", at(ms)).unwrap();
    let pending = || other.pending_web_orders().unwrap();
    put(b"key", 0);
    assert_eq!(pending(), [], "the school has no name, and the other's box is revoked");
    assert!(one.add_web_name(&another, &name("other.example")).unwrap());
    let order = pending().pop().unwrap();
    assert_eq!((order.uai.as_str(), order.since, order.tried, order.failure), (OTHER, NOW, None, None));

    let fail =
        |key: &[u8], detail: &str| one.note_web_failure(OTHER, key, WebFailure::Proof, detail).unwrap();
    assert!(!fail(b"another", "said"), "another key's");
    assert!(fail(b"key", "said\u{0}\u{1b}[31m"));
    assert!(one.claim_web_request(OTHER, b"key", NOW).unwrap());
    // The box asks each night, with the same key or another one: it waits since the first.
    put(b"next", 86_400_000);
    let order = pending().pop().unwrap();
    assert_eq!((order.since, order.asked), (NOW, at(86_400_000)));
    assert_eq!(order.tried, Some((NOW, at(AGAIN_MS))));
    assert_eq!(order.failure, Some((WebFailure::Proof, "said  [31m".to_owned())));
    for hours in [2, 4] {
        assert!(one.claim_web_request(OTHER, b"next", at(hours * 3_600_000)).unwrap());
    }
    let day = NOW.unix_ms().div_euclid(86_400_000);
    let tomorrow = Timestamp::from_unix_ms((day + 1) * 86_400_000);
    let expected = tomorrow.max(at(4 * 3_600_000 + AGAIN_MS));
    assert_eq!(pending().pop().unwrap().tried, Some((at(4 * 3_600_000), expected)), "three a day");
    assert!(!one.claim_web_request(OTHER, b"next", Timestamp::from_unix_ms(expected.unix_ms() - 1)).unwrap());
    assert!(one.claim_web_request(OTHER, b"next", expected).unwrap());
    assert!(fail(b"next", &"é".repeat(DETAIL_LENGTH_MAX + 1)));
    let (_, detail) = pending().pop().unwrap().failure.unwrap();
    assert_eq!(detail.chars().count(), DETAIL_LENGTH_MAX);

    // Who has said nothing of it for a week asks for something new.
    put(b"next", 86_400_000 + FORGOTTEN_MS);
    assert_eq!(pending().pop().unwrap().since, at(86_400_000 + FORGOTTEN_MS));
    assert!(other.keep_web_chain(OTHER, b"next", "chain", NOW).unwrap());
    assert!(!fail(b"next", "late"), "it is made");
    assert_eq!(pending(), []);
    let made = one.web_orders().unwrap().into_iter().find(|order| order.uai == OTHER).unwrap();
    assert!(made.failure.is_none() && made.made.is_some());
    put(b"renewed", 2 * 86_400_000 + FORGOTTEN_MS);
    assert_eq!(pending().pop().unwrap().since, at(2 * 86_400_000 + FORGOTTEN_MS), "another year");
}

/// One hub tries, seldom, and for no box that is revoked.
fn check_claims(one: &dyn Register, other: &dyn Register) {
    let made = code(90, UAI, false);
    one.add_code(&made).unwrap();
    let by = one.enrol(&made.code.number(), &new_box(90), NOW).unwrap();
    let put = |key: &[u8]| one.put_web_request(UAI, by, key, b"request", NOW).unwrap();
    let claim = |hub: &dyn Register, key: &[u8], hours: i64| {
        let at = Timestamp::from_unix_ms(NOW.unix_ms() + hours * 3_600_000);
        hub.claim_web_request(UAI, key, at).unwrap()
    };
    put(b"key");
    assert!(!claim(one, b"another", 0) && claim(one, b"key", 0), "no other key's");
    assert!(!claim(other, b"key", 0) && !claim(one, b"key", 1), "the other hub has seen it");
    put(b"next");
    assert!(!claim(other, b"next", 1) && claim(other, b"next", 2), "another key waits as well");
    assert!(claim(one, b"next", 4) && !claim(one, b"next", 6), "three a day");
    assert!(claim(other, b"next", 24));
    assert!(one.keep_web_chain(UAI, b"next", "chain", NOW).unwrap());
    assert!(!claim(one, b"next", 30), "it is made");
    put(b"key");
    assert!(other.revoke(by, NOW).unwrap());
    assert!(!claim(one, b"key", 48), "nobody has a stolen box's certified");
    assert!(one.web_orders().unwrap().iter().any(|order| order.is_revoked), "nor by hand");
}
