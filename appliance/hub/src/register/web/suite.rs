//! What each engine has to do with names that the commune owns.

use model::{DomainName, Timestamp};
use replication::School;
use replication::limits::WEB_NAMES_MAX;

use crate::register::suite::{code, new_box};
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
