//! What rustls makes of the certificates. openssl, GnuTLS and NSS are asked in the school's tests.

use std::time::Duration;

use rustls::pki_types::{ServerName, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert, ring};

use super::*;

const NOW_S: u64 = 1_795_392_000;
const DAY_S: u64 = 86_400;

fn names(domains: &[&str], addresses: &[&str]) -> Names {
    let domains = domains.iter().map(|name| name.parse().unwrap());
    Names::new(domains, addresses.iter().map(|address| address.parse().unwrap()))
}

fn leaf(authority: &Authority) -> Leaf {
    let now = Timestamp::from_unix_ms(i64::try_from(NOW_S).unwrap() * 1_000);
    authority.issue(&authority.names, now, ClockQuality::Synchronised).unwrap()
}

/// Whether a client that trusts `authority` takes a leaf for this name at this time.
fn takes(authority: &Authority, leaf: &Leaf, name: &str, at_s: u64) -> Result<(), webpki::Error> {
    let trusted = CertificateDer::from(authority.certificate_der());
    let anchors = [anchor_from_trusted_cert(&trusted)?];
    let shown = CertificateDer::from(leaf.certificate_der());
    let shown = EndEntityCert::try_from(&shown)?;
    let algorithms = [ring::ECDSA_P256_SHA256];
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at_s));
    shown.verify_for_usage(&algorithms, &anchors, &[], at, KeyUsage::server_auth(), None, None)?;
    shown.verify_is_valid_for_subject_name(&ServerName::try_from(name).unwrap())
}

#[test]
fn a_leaf_is_good_for_the_box_and_for_some_days() {
    let authority = Authority::generate(names(&["preau.lan"], &["10.77.0.1", "fd77::1"])).unwrap();
    let leaf = leaf(&authority);
    for name in ["preau.lan", "10.77.0.1", "fd77::1"] {
        takes(&authority, &leaf, name, NOW_S).unwrap();
        takes(&authority, &leaf, name, NOW_S - 2 * DAY_S).unwrap();
        takes(&authority, &leaf, name, NOW_S + 10 * DAY_S).unwrap();
    }
    assert!(takes(&authority, &leaf, "other.lan", NOW_S).is_err());
    assert!(takes(&authority, &leaf, "preau.lan", NOW_S - 3 * DAY_S).is_err());
    assert!(takes(&authority, &leaf, "preau.lan", NOW_S + 11 * DAY_S).is_err());
}

#[test]
fn a_box_without_a_clock_is_believed_by_pcs_that_have_one() {
    let authority = Authority::generate(names(&["preau.lan"], &[])).unwrap();
    let leaf =
        authority.issue(&authority.names, Timestamp::from_unix_ms(5_000), ClockQuality::Unset).unwrap();
    for at_s in [NOW_S, NOW_S + 3_650 * DAY_S] {
        takes(&authority, &leaf, "preau.lan", at_s).unwrap();
    }
}

/// Whoever steals the key can sign what he likes: nobody believes it.
#[test]
fn nothing_but_its_names_is_believed() {
    let own = ["preau.lan", "10.77.0.1"];
    for stranger in
        ["www.banque.example", "example.fr", "lan", "xpreau.lan", "10.77.0.2", "8.8.8.8", "fd77::1"]
    {
        let authority = Authority::generate(names(&own[..1], &own[1..])).unwrap();
        let is_address = stranger.parse::<std::net::IpAddr>().is_ok();
        let (domains, addresses) =
            if is_address { (vec![], vec![stranger]) } else { (vec![stranger], vec![]) };
        let key = KeyPair::from_pem(&authority.issuer.key().serialize_pem()).unwrap();
        let forged = names(&domains, &addresses);
        let forger = Authority {
            issuer: Issuer::new(params(&key, &authority.names), key),
            names: forged,
            ..authority
        };
        // The devices have the right certificate of the authority.
        assert_eq!(
            takes(&forger, &leaf(&forger), stranger, NOW_S),
            Err(webpki::Error::NameConstraintViolation),
            "{stranger}"
        );
    }
}

#[test]
fn another_name_keeps_the_key_and_the_trust_in_what_stays() {
    let old = Authority::generate(names(&["preau.lan"], &["10.77.0.1"])).unwrap();
    let trusted = Authority::read(&old.write()).unwrap();
    let new = old.rename(names(&["preau.lan"], &[])).unwrap();
    assert_ne!(new.certificate_der(), trusted.certificate_der());
    takes(&trusted, &leaf(&new), "preau.lan", NOW_S).unwrap();
    takes(&new, &leaf(&new), "preau.lan", NOW_S).unwrap();
    let serials = [&trusted, &new].map(|authority| serial(authority.issuer.key(), &authority.names));
    assert_ne!(serials[0].to_bytes(), serials[1].to_bytes());
}

#[test]
fn the_key_is_in_no_debug_text() {
    let authority = Authority::generate(names(&["preau.lan"], &[])).unwrap();
    let text = format!("{authority:?}");
    assert!(text.contains("preau.lan") && !text.contains("PRIVATE"), "{text}");
}
