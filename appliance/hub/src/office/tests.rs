use std::collections::BTreeSet;

use people::CodeStep;
use serde_json::json;

use super::*;
use crate::oidc::fake::{Fake, Signer, TOKEN_PATH, query_of};
use crate::register::Records;
use crate::register::people::Duty;
use crate::register::postgres::PostgresRegister;
use crate::register::sqlite::SqliteRegister;

const NOW: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);
const FIRST: &str = "first-secret-drawn";
const OWN: &str = "trois chats gris";

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(NOW.unix_ms() + seconds * 1_000)
}

fn desk() -> IpAddr {
    "192.0.2.7".parse().unwrap()
}

fn office(folder: &tempfile::TempDir) -> Office {
    let register = Arc::new(SqliteRegister::open(&folder.path().join("register.sqlite")).unwrap());
    let stored = Secret::typed(FIRST).unwrap().hash(&SystemRandom::new()).unwrap();
    register.add_member(&"Mme Petit".parse().unwrap(), &BTreeSet::from([Duty::Technician]), &stored).unwrap();
    office_on(register)
}

fn office_on(register: Arc<impl Records + 'static>) -> Office {
    let settings = Settings {
        commune: "Saint-Exemple".to_owned(),
        timezone: TimeZone::UTC,
        url: None,
        nights: 3,
        metrics: Some(digest(&SHA256, b"a long token").as_ref().try_into().unwrap()),
        channels: vec![],
        authority_der: vec![],
        provider: None,
        check_configuration: |_, _| Ok(vec![]),
    };
    Office::new(Arc::clone(&register) as Arc<dyn Staff>, register, settings)
}

fn typed<'t>(secret: &'t str, code: &'t str) -> Typed<'t> {
    Typed { name: "mme petit", secret, code }
}

/// Somebody with a secret of her own and a telephone: its key, and her codes on paper.
fn settled(office: &Office) -> (CodeKey, Vec<PaperCode>) {
    let token = office.sign_in(desk(), &typed(FIRST, ""), NOW).unwrap();
    let signed = office.enter(desk(), &token, NOW).unwrap().unwrap();
    assert!(signed.member.has_first_secret && !signed.member.has_key);
    let token = office.change_secret(&signed, FIRST, [OWN, OWN], NOW).unwrap();
    let signed = office.enter(desk(), &token, NOW).unwrap().unwrap();
    let key = CodeKey::draw(&SystemRandom::new()).unwrap();
    assert_eq!(office.take_key(&signed, &key.reveal(), "000", NOW).unwrap_err(), Trouble::Code);
    let code = key.show(NOW).unwrap();
    let (papers, token) = office.take_key(&signed, &key.reveal(), &code, NOW).unwrap();
    let again = office.enter(desk(), &token, NOW).unwrap().unwrap();
    assert!(again.member.has_key, "she goes on");
    assert_eq!(office.take_key(&signed, &key.reveal(), &code, NOW).unwrap_err(), Trouble::Race);
    (key, papers)
}

fn deeds(office: &Office) -> Vec<String> {
    office.staff.acts(None, 100).unwrap().into_iter().map(|(_, act)| act.deed).collect()
}

#[test]
fn a_stolen_secret_is_worth_nothing_without_the_telephone() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(&folder);
    let (key, papers) = settled(&office);
    let code = key.show(later(60)).unwrap();
    assert_eq!(office.sign_in(desk(), &typed(OWN, ""), later(60)).unwrap_err(), Trouble::Wrong);
    assert_eq!(office.sign_in(desk(), &typed(FIRST, &code), later(60)).unwrap_err(), Trouble::Wrong);
    let used = key.show(NOW).unwrap();
    assert_eq!(
        office.sign_in(desk(), &typed(OWN, &used), NOW).unwrap_err(),
        Trouble::Wrong,
        "it was shown before"
    );
    assert!(office.sign_in(desk(), &typed(OWN, &code), later(60)).is_ok());
    assert_eq!(office.sign_in(desk(), &typed(OWN, &code), later(61)).unwrap_err(), Trouble::Wrong, "once");

    let paper = papers[0].reveal().to_uppercase();
    assert!(office.sign_in(desk(), &typed(OWN, &paper), later(90)).is_ok());
    assert_eq!(office.sign_in(desk(), &typed(OWN, &paper), later(91)).unwrap_err(), Trouble::Wrong, "once");
    let deeds = deeds(&office);
    assert_eq!(deeds[..3], ["sign-in-failed", "sign-in-by-paper", "sign-in-failed"]);
    assert_eq!(deeds[deeds.len() - 3..], ["telephone-added", "secret-changed", "sign-in"]);
}

#[test]
fn whoever_signed_in_at_one_hub_is_signed_in_at_the_other_and_a_code_counts_once_at_both() {
    let server = harness::Postgres::start().unwrap();
    let open = || {
        let roots = rustls::RootCertStore::empty();
        Arc::new(PostgresRegister::open(&server.address(), None, roots).unwrap())
    };
    let stored = Secret::typed(FIRST).unwrap().hash(&SystemRandom::new()).unwrap();
    let duties = BTreeSet::from([Duty::Technician]);
    open().add_member(&"Mme Petit".parse().unwrap(), &duties, &stored).unwrap();
    let (one, other) = (office_on(open()), office_on(open()));
    let (key, _) = settled(&one);
    let code = key.show(later(60)).unwrap();
    let token = one.sign_in(desk(), &typed(OWN, &code), later(60)).unwrap();
    let signed = other.enter(desk(), &token, later(61)).unwrap().unwrap();
    assert!(signed.member.has_key && signed.member.may(Duty::Technician));
    assert_eq!(other.sign_in(desk(), &typed(OWN, &code), later(61)).unwrap_err(), Trouble::Wrong, "once");
    other.sign_out(&signed, later(62)).unwrap();
    assert!(one.enter(desk(), &token, later(63)).unwrap().is_none(), "and out at both");
    assert_eq!(deeds(&one), deeds(&other));
}

#[test]
fn a_session_that_began_by_the_secret_alone_ends_with_the_telephone() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(&folder);
    let enter = |token: &str| office.enter(desk(), token, NOW).unwrap();
    let thiefs = office.sign_in(desk(), &typed(FIRST, ""), NOW).unwrap();
    let hers = office.sign_in(desk(), &typed(FIRST, ""), NOW).unwrap();
    let (signed, key) = (enter(&hers).unwrap(), CodeKey::draw(&SystemRandom::new()).unwrap());
    assert!(enter(&thiefs).is_some());
    let code = key.show(NOW).unwrap();
    let (_, new) = office.take_key(&signed, &key.reveal(), &code, NOW).unwrap();
    assert!(enter(&thiefs).is_none() && enter(&hers).is_none());
    assert!(enter(&new).unwrap().member.has_key);
}

#[test]
fn whom_the_provider_alone_vouches_for_shows_her_telephone_before_anything_else() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(&folder);
    let member = office.staff.members().unwrap()[0].clone();
    let network = network_of(desk()).to_string();
    let open = |proof| office.open(&member, &network, proof, NOW).unwrap();
    let enter = |token: &str| office.enter(desk(), token, later(60)).unwrap();
    // Nobody has used her card, and no telephone of hers is known.
    let vouched = enter(&open(Proof::Provider)).unwrap();
    assert!(!vouched.member.has_first_secret && vouched.member.has_key && !vouched.owes_code);
    // One factor of the provider's is not enough for a telephone of anybody's: her card is shown first.
    let alone = enter(&open(Proof::ProviderAlone)).unwrap();
    assert!(alone.member.has_first_secret && !alone.member.has_key && !alone.owes_code);
    assert_eq!(office.change_secret(&alone, OWN, [OWN, OWN], NOW).unwrap_err(), Trouble::Wrong);
    let token = office.change_secret(&alone, FIRST, [OWN, OWN], NOW).unwrap();
    let alone = enter(&token).unwrap();
    assert!(!alone.member.has_first_secret && !alone.member.has_key && !alone.owes_code);
    let key = CodeKey::draw(&SystemRandom::new()).unwrap();
    let code = key.show(NOW).unwrap();
    let (papers, token) = office.take_key(&alone, &key.reveal(), &code, NOW).unwrap();
    let signed = enter(&token).unwrap();
    assert!(signed.member.has_key && !signed.owes_code, "she goes on");

    let token = open(Proof::ProviderAlone);
    let signed = enter(&token).unwrap();
    assert!(signed.owes_code);
    for wrong in ["", "000000", code.as_str()] {
        assert_eq!(office.show_code(&signed, wrong, later(60)).unwrap_err(), Trouble::Code, "{wrong}");
    }
    let code = key.show(later(60)).unwrap();
    let new = office.show_code(&signed, &code, later(60)).unwrap();
    assert!(!enter(&new).unwrap().owes_code && enter(&token).is_none());
    let signed = enter(&open(Proof::ProviderAlone)).unwrap();
    assert!(office.show_code(&signed, papers[0].reveal(), later(60)).is_ok(), "or one on paper");
    // Whoever guesses waits here as well.
    let signed = enter(&open(Proof::ProviderAlone)).unwrap();
    let guesses = (0..9).map(|_| office.show_code(&signed, "000000", later(60)).unwrap_err());
    assert!(guesses.collect::<Vec<_>>().contains(&Trouble::Wait(15)));
}

#[test]
fn whoever_guesses_the_second_factor_from_many_addresses_is_counted_by_her_name() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(&folder);
    let (key, _) = settled(&office);
    let member = office.staff.members().unwrap()[0].clone();
    let guess = |host: u8| {
        let from: IpAddr = [198, 51, 100, host].into();
        let (network, now) = (network_of(from).to_string(), later(60 + i64::from(host)));
        let token = office.open(&member, &network, Proof::ProviderAlone, now).unwrap();
        let signed = office.enter(from, &token, now).unwrap().unwrap();
        office.show_code(&signed, "000000", now).unwrap_err()
    };
    let guesses: Vec<Trouble> = (1..=10).map(guess).collect();
    assert_eq!((guesses[8], guesses[9]), (Trouble::Code, Trouble::Wait(14)), "{guesses:?}");
    // Her own desk is known still.
    let code = key.show(later(90)).unwrap();
    assert!(office.sign_in(desk(), &typed(OWN, &code), later(90)).is_ok());
}

#[test]
fn whose_telephone_is_forgotten_meanwhile_does_not_come_in_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(&folder);
    settled(&office);
    let member = office.staff.members().unwrap()[0].clone();
    let token =
        office.open(&member, &network_of(desk()).to_string(), Proof::ProviderAlone, later(60)).unwrap();
    let signed = office.enter(desk(), &token, later(60)).unwrap().unwrap();
    let stored = Secret::typed(FIRST).unwrap().hash(&SystemRandom::new()).unwrap();
    office.staff.reset_member(member.id, &stored).unwrap();
    assert_eq!(office.show_code(&signed, "", later(60)).unwrap_err(), Trouble::Race);
}

#[test]
fn whom_the_provider_vouches_for_is_somebody_here_and_whoever_brings_made_up_codes_waits() {
    let folder = tempfile::tempdir().unwrap();
    let key = Signer::draw("a");
    let (fake, mut office) = (Fake::start(&key), office(&folder));
    office.provider = Some(Provider::new(fake.settings()));
    let leave = || office.depart("00ff", NOW).unwrap();
    let arrive = |address: &str| office.arrive(desk(), "00ff", (&query_of(address, "state"), "a code"), NOW);
    let come = || {
        let address = leave();
        fake.vouch(&key, &address);
        arrive(&address)
    };
    assert_eq!(come().unwrap_err(), Trouble::Stranger);
    let member = office.staff.members().unwrap()[0].clone();
    office.staff.set_account(member.id, Some("petit@commune.example")).unwrap();
    let signed = office.enter(desk(), &come().unwrap(), NOW).unwrap().unwrap();
    assert!(signed.member.has_key && !signed.member.has_first_secret && !signed.owes_code);
    assert_eq!(deeds(&office), ["sign-in-by-provider"]);
    // That the provider is away is nobody's guess.
    fake.say(TOKEN_PATH, 503, &json!({}));
    for _ in 0..20 {
        assert_eq!(arrive(&leave()).unwrap_err(), Trouble::Provider);
    }
    fake.say(TOKEN_PATH, 400, &json!({ "error": "invalid_grant" }));
    let made_up: Vec<Trouble> = (0..14).map(|_| arrive(&leave()).unwrap_err()).collect();
    assert_eq!((made_up[0], made_up[13]), (Trouble::Provider, Trouble::Wait(15)));
    assert_eq!(come().unwrap_err(), Trouble::Wait(15), "for a right one, too");
}

#[test]
fn without_a_provider_nobody_goes_to_one() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(&folder);
    assert!(!office.has_provider());
    assert_eq!(office.depart("00ff", NOW).unwrap_err(), Trouble::Unknown);
    assert_eq!(office.turn_back("00ff", ("state", "access_denied"), NOW), Trouble::Unknown);
    assert_eq!(office.arrive(desk(), "00ff", ("state", "code"), NOW).unwrap_err(), Trouble::Unknown);
}

#[test]
fn whoever_guesses_waits_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(&folder);
    let (key, _) = settled(&office);
    let elsewhere: IpAddr = "198.51.100.9".parse().unwrap();
    let guess = |now| office.sign_in(elsewhere, &typed("another guess", "000000"), now);
    for _ in 0..5 {
        assert_eq!(guess(NOW).unwrap_err(), Trouble::Wrong);
    }
    assert_eq!(guess(NOW).unwrap_err(), Trouble::Wait(15));
    let code = key.show(later(5)).unwrap();
    // Even with the right ones: whoever waits learns nothing.
    assert_eq!(office.sign_in(elsewhere, &typed(OWN, &code), later(5)).unwrap_err(), Trouble::Wait(10));
    assert!(
        office.sign_in(desk(), &typed(OWN, &key.show(later(40)).unwrap()), later(40)).is_ok(),
        "her own desk"
    );
    // A name that nobody bears waits as long: it is not said who there is.
    for _ in 0..5 {
        let unknown = Typed { name: "M. Personne", secret: "x", code: "" };
        assert_eq!(office.sign_in(elsewhere, &unknown, later(100)).unwrap_err(), Trouble::Wrong);
    }
    let unknown = Typed { name: "M. Personne", secret: "x", code: "" };
    assert_eq!(office.sign_in(elsewhere, &unknown, later(100)).unwrap_err(), Trouble::Wait(15));
}

#[test]
fn a_session_counts_where_it_began_and_for_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(&folder);
    let (key, _) = settled(&office);
    let token = office.sign_in(desk(), &typed(OWN, &key.show(later(60)).unwrap()), later(60)).unwrap();
    let enter = |from: &str, now| office.enter(from.parse().unwrap(), &token, now).unwrap().is_some();
    assert!(enter("192.0.2.7", later(61)) && !enter("192.0.2.8", later(61)));
    assert!(office.enter(desk(), "00", later(61)).unwrap().is_none());
    assert!(enter("192.0.2.7", later(60 + 29 * 60)), "used half an hour ago at most");
    assert!(enter("192.0.2.7", later(60 + 58 * 60)));
    assert!(!enter("192.0.2.7", later(60 + 88 * 60)));
    let token = office.sign_in(desk(), &typed(OWN, &key.show(later(9_000)).unwrap()), later(9_000)).unwrap();
    let signed = office.enter(desk(), &token, later(9_001)).unwrap().unwrap();
    office.sign_out(&signed, later(9_002)).unwrap();
    assert!(office.enter(desk(), &token, later(9_003)).unwrap().is_none());
}

#[test]
fn a_secret_of_her_own_is_a_good_one() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(&folder);
    let token = office.sign_in(desk(), &typed(FIRST, ""), NOW).unwrap();
    let signed = office.enter(desk(), &token, NOW).unwrap().unwrap();
    let check = |old: &str, new: [&str; 2], expected: Trouble| {
        assert_eq!(office.change_secret(&signed, old, new, NOW).unwrap_err(), expected, "{new:?}");
    };
    check("something else", [OWN, OWN], Trouble::Wrong);
    check(FIRST, ["court", "court"], Trouble::Short);
    check(FIRST, ["aaaaaaaaaaaaaa", "aaaaaaaaaaaaaa"], Trouble::Simple);
    check(FIRST, [OWN, "trois chats noirs"], Trouble::Same);
    check(FIRST, [FIRST, FIRST], Trouble::Same);
    assert!(office.change_secret(&signed, FIRST, [OWN, OWN], NOW).is_ok());
    assert!(office.enter(desk(), &token, NOW).unwrap().is_none(), "the sessions before have ended");
}

#[test]
fn whoever_may_not_sign_in_any_more_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(&folder);
    let (key, _) = settled(&office);
    let id = office.staff.members().unwrap()[0].id;
    office.staff.disable_member(id, NOW).unwrap();
    let code = key.show(later(60)).unwrap();
    assert_eq!(office.sign_in(desk(), &typed(OWN, &code), later(60)).unwrap_err(), Trouble::Wrong);
    assert_eq!(
        office.staff.find_member(&"Mme Petit".parse().unwrap()).unwrap().unwrap().step,
        CodeStep(1_795_392_000 / 30)
    );
}

#[test]
fn metrics_are_for_whoever_has_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let mut office = office(&folder);
    assert!(office.may_measure(Some("Bearer a long token")));
    for shown in [None, Some("Bearer a long toke"), Some("a long token"), Some("Bearer "), Some("")] {
        assert!(!office.may_measure(shown), "{shown:?}");
    }
    office.settings.metrics = None;
    assert!(!office.may_measure(Some("Bearer a long token")) && !office.may_measure(None));
}
