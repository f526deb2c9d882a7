use serde_json::json;

use super::fake::{Fake, Signer, TOKEN_PATH, query_of};
use super::*;

const NOW: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);
const COOKIE: &str = "00ff";

fn later(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(NOW.unix_ms() + ms)
}

/// Leaves for a provider that signs by `key`, and comes back.
fn travel(provider: &Provider, fake: &Fake, key: &Signer, now: Timestamp) -> Result<Vouched, ProviderError> {
    let address = provider.depart(COOKIE, now)?;
    fake.vouch(key, &address);
    provider.arrive(COOKIE, (&query_of(&address, "state"), "a code"), now)
}

#[test]
fn whom_the_provider_has_signed_for_comes_back() {
    let key = Signer::draw("a");
    let fake = Fake::start(&key);
    let provider = Provider::new(fake.settings());
    let vouched = travel(&provider, &fake, &key, NOW).unwrap();
    assert_eq!(vouched, Vouched { account: "Petit@commune.example".to_owned(), has_second: true });
    let asked = fake.asked();
    let paths: Vec<&str> = asked.iter().map(|said| said.split(' ').nth(1).unwrap()).collect();
    assert_eq!(paths, [DISCOVERY, "/keys", TOKEN_PATH]);
    let basic = format!("Basic {}", STANDARD.encode("preau-hub:a+secret%2F"));
    for words in [basic.as_str(), "grant_type=authorization_code&code=a+code", "&code_verifier="] {
        assert!(asked[2].contains(words), "{words}: {}", asked[2]);
    }
    // Another browser's state: nobody is asked at all. What the provider has is asked for once.
    let address = provider.depart("00fe", NOW).unwrap();
    let state = query_of(&address, "state");
    assert!(matches!(provider.arrive(COOKIE, (&state, "a code"), NOW), Err(ProviderError::Trip)));
    assert_eq!(fake.asked().len(), 3);
}

#[test]
fn what_is_made_up_is_told_from_a_provider_that_is_away() {
    let key = Signer::draw("a");
    let fake = Fake::start(&key);
    let provider = Provider::new(fake.settings());
    let away = travel(&Provider::new(fake.settings()), &fake, &Signer::draw("b"), NOW).unwrap_err();
    assert!(matches!(away, ProviderError::Token(TokenError::NoKey)) && !away.is_made_up(), "{away:?}");
    // The token of another sign-in.
    let (one, other) = (provider.depart(COOKIE, NOW).unwrap(), provider.depart(COOKIE, NOW).unwrap());
    fake.vouch(&key, &one);
    let come = || provider.arrive(COOKIE, (&query_of(&other, "state"), "a code"), NOW).unwrap_err();
    assert!(come().is_made_up());
    for (status, is_made_up) in [(400, true), (401, false), (503, false)] {
        fake.say(TOKEN_PATH, status, &json!({ "error": "invalid_grant" }));
        let error = come();
        assert!(matches!(error, ProviderError::Status(said) if said == status), "{error:?}");
        assert_eq!(error.is_made_up(), is_made_up, "{status}");
    }
    fake.say(TOKEN_PATH, 200, &json!({ "access_token": "no other" }));
    assert!(matches!(come(), ProviderError::Strange(_)));
}

#[test]
fn keys_that_the_provider_changes_are_asked_for_and_seldom() {
    let (old, new, renewed) = (Signer::draw("a"), Signer::draw("b"), Signer::draw("b"));
    let fake = Fake::start(&old);
    let provider = Provider::new(fake.settings());
    let come = |key: &Signer, ms: i64| travel(&provider, &fake, key, later(ms));
    assert!(come(&old, 0).is_ok());
    fake.change_key(&new);
    let soon = come(&new, 59_999);
    assert!(matches!(soon, Err(ProviderError::Token(TokenError::NoKey))), "{soon:?}");
    assert!(come(&new, 60_000).is_ok());
    assert!(come(&old, 60_001).is_err(), "what it has no more counts no more");
    // Another one by the same name.
    fake.change_key(&renewed);
    let soon = come(&renewed, 119_999);
    assert!(matches!(soon, Err(ProviderError::Token(TokenError::Signature))), "{soon:?}");
    assert!(come(&renewed, 120_000).is_ok());
}

#[test]
fn a_provider_that_is_another_or_leads_elsewhere_in_clear_is_not_believed() {
    let key = Signer::draw("a");
    for (name, value, words) in [
        ("issuer", "https://other.example", "another issuer"),
        ("authorization_endpoint", "javascript:alert(1)", "https://"),
        ("token_endpoint", "http://id.commune.example/token", "https://"),
        ("jwks_uri", "http://id.commune.example/keys", "https://"),
    ] {
        let fake = Fake::start(&key);
        let mut metadata = fake.metadata();
        metadata[name] = json!(value);
        fake.say(DISCOVERY, 200, &metadata);
        let error = Provider::new(fake.settings()).depart(COOKIE, NOW).unwrap_err().to_string();
        assert!(error.contains(words), "{name}: {error}");
    }
}

#[test]
fn why_the_provider_sends_somebody_back_is_told_of_who_left_alone() {
    let state = Trip::begin(COOKIE, NOW).unwrap().state;
    let told = |why: &str| turn_back(COOKIE, (&state, why), NOW).to_string();
    assert_eq!(told("access_denied\n"), r#"the provider says "access_denied\n" in place of a code"#);
    assert!(told(&"a".repeat(9_999)).len() < 200);
    assert!(matches!(turn_back("00fe", (&state, "access_denied"), NOW), ProviderError::Trip));
}

#[test]
fn a_provider_is_asked_by_tls_or_on_this_machine() {
    for address in
        ["https://id.commune.example", "https://id.commune.example/realms/a", "http://127.0.0.1:9400/a"]
    {
        assert!(is_address(address), "{address}");
    }
    for address in [
        "http://id.commune.example",
        "http://127.0.0.1.commune.example/",
        "https://",
        "https:///a",
        "https://a.example@b.example",
        "https://a.example/\r\nX: y",
        "ftp://a.example",
    ] {
        assert!(!is_address(address), "{address}");
    }
}

#[test]
fn so_many_wait_and_no_more() {
    let waiting = AtomicU32::new(0);
    let places: Vec<_> = (0..WAITING_MAX).map(|_| Place::take(&waiting).unwrap()).collect();
    assert!(matches!(Place::take(&waiting), Err(ProviderError::Busy)));
    drop(places);
    assert_eq!(waiting.load(Ordering::Acquire), 0);
    assert!(Place::take(&waiting).is_ok());
}

#[test]
fn no_log_has_the_secret() {
    assert_eq!(format!("{:?}", ClientSecret("hidden".to_owned())), "ClientSecret");
}
