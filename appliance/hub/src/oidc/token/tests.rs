use serde_json::json;

use super::*;
use crate::oidc::fake::Signer;

const NOW: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);
const NOW_S: i64 = 1_795_392_000;
const ISSUER: &str = "https://id.commune.example";

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": "preau-hub", "sub": "248289761001", "nonce": "n", "iat": NOW_S - 1, "exp": NOW_S + 300,
        "email": "petit@commune.example", "amr": ["pwd", "mfa"],
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn read(keys: &[Value], token: &str) -> Result<Claims, TokenError> {
    let expected = Expected { issuer: ISSUER, client_id: "preau-hub", nonce: "n" };
    KeySet { keys: keys.to_vec() }.read(token, &expected, NOW)
}

fn error_of(outcome: Result<Claims, TokenError>) -> Option<TokenError> {
    outcome.err()
}

#[test]
fn a_token_counts_by_the_providers_key_alone() {
    let (own, other) = (Signer::draw("a"), Signer::draw("a"));
    let token = own.token(&claims());
    let strange = json!({ "kty": "OKP", "kid": "a" });
    assert_eq!(
        error_of(read(&[strange, other.key(), own.key()], &token)),
        None,
        "of two of one name, either"
    );
    assert_eq!(error_of(read(&[other.key()], &token)), Some(TokenError::Signature));
    assert_eq!(error_of(read(&[], &token)), Some(TokenError::NoKey));
    let renamed = Signer::draw("b");
    assert_eq!(error_of(read(&[renamed.key()], &token)), Some(TokenError::NoKey));
    // What was not signed, or says that it need not be.
    let keys = [own.key()];
    for header in [json!({ "alg": "none" }), json!({ "alg": "HS256", "kid": "a" }), json!({ "alg": "RS256" })]
    {
        assert_eq!(error_of(read(&keys, &own.sign(&header, &claims()))), Some(TokenError::NoKey), "{header}");
    }
    let critical = own.sign(&json!({ "alg": "ES256", "crit": ["exp"] }), &claims());
    assert_eq!(error_of(read(&keys, &critical)), Some(TokenError::Form));
    let (signed, seal) = token.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let changed = URL_SAFE_NO_PAD.encode(with("email", json!("head@commune.example")).to_string());
    assert_eq!(error_of(read(&keys, &format!("{header}.{changed}.{seal}"))), Some(TokenError::Signature));
    for text in ["", "a", "a.b", "a.b.c", &format!("{signed}."), &format!("{token}.x")] {
        assert!(read(&keys, text).is_err(), "{text}");
    }
    let mut for_encryption = own.key();
    for_encryption["use"] = json!("enc");
    assert_eq!(error_of(read(&[for_encryption], &token)), Some(TokenError::NoKey));
}

#[test]
fn a_token_is_for_this_hub_this_browser_and_now() {
    let own = Signer::draw("a");
    let check = |claims: &Value, expected: Option<TokenError>| {
        assert_eq!(error_of(read(&[own.key()], &own.token(claims))), expected, "{claims}");
    };
    check(&claims(), None);
    check(&with("aud", json!(["preau-hub"])), None);
    let mut shared = with("aud", json!(["preau-hub", "other"]));
    check(&shared, Some(TokenError::Stranger));
    shared["azp"] = json!("preau-hub");
    check(&shared, None);
    for (name, value) in [
        ("iss", json!("https://id.commune.example/")),
        ("aud", json!("other")),
        ("aud", json!([])),
        ("aud", json!(7)),
        ("azp", json!("other")),
        ("nonce", json!("m")),
        ("nonce", Value::Null),
    ] {
        check(&with(name, value), Some(TokenError::Stranger));
    }
    for (name, value) in [
        ("exp", json!(NOW_S - 121)),
        ("exp", Value::Null),
        ("iat", json!(NOW_S + 121)),
        ("iat", json!(NOW_S - 601)),
        ("iat", json!("now")),
    ] {
        check(&with(name, value), Some(TokenError::Time));
    }
    check(&with("exp", json!(NOW_S - 119)), None);
}

#[test]
fn a_claim_says_who_she_is_and_an_unverified_address_is_nobodys() {
    let account = |claims: Value, claim: &str| {
        let Value::Object(claims) = claims else { panic!("no object") };
        Claims(claims).account(claim)
    };
    assert_eq!(account(claims(), "email").unwrap(), "petit@commune.example");
    assert_eq!(account(claims(), "sub").unwrap(), "248289761001");
    assert_eq!(account(with("email_verified", json!(true)), "email").unwrap(), "petit@commune.example");
    for (name, value) in [
        ("email_verified", json!(false)),
        ("email_verified", Value::Null),
        ("email", json!("")),
        ("email", json!("a".repeat(255))),
        ("email", json!(["petit@commune.example"])),
    ] {
        assert_eq!(account(with(name, value.clone()), "email"), Err(TokenError::NoClaim), "{name} {value}");
    }
    assert_eq!(account(claims(), "preferred_username"), Err(TokenError::NoClaim));
}

#[test]
fn a_second_factor_is_what_the_configuration_calls_so() {
    let says = |claims: Value, words: &[&str]| {
        let Value::Object(claims) = claims else { panic!("no object") };
        Claims(claims).says(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    };
    assert!(says(claims(), &["otp", "mfa"]) && !says(claims(), &["otp"]) && !says(claims(), &[]));
    assert!(says(with("acr", json!("silver")), &["silver"]));
    assert!(!says(with("amr", json!("mfa")), &["mfa"]), "a list is a list");
}
