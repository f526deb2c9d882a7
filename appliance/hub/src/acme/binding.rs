//! An authority that serves its customers alone: the commune's account there vouches for the hub's key (external account binding, RFC 8555 section 7.3.4).
//!
//! `instant-acme` binds no key but one that it makes itself, and the hub's stands on its disk before any authority hears of it. So the one request that
//! makes the account is written here; everything else goes by that crate.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use instant_acme::{Error, Problem};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::{Agent, Body};

/// Most bytes of an answer.
const BYTES_MAX: u64 = 256 << 10;
/// How often it is asked: an authority may want a newer nonce than the one that it gave (RFC 8555 section 6.5).
const TRIES_MAX: u32 = 3;
const BAD_NONCE: &str = "urn:ietf:params:acme:error:badNonce";

/// The commune's account with the authority, which vouches for the hub's key once.
#[derive(Clone)]
pub struct ExternalAccount {
    id: String,
    key: hmac::Key,
}

impl fmt::Debug for ExternalAccount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ExternalAccount").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What is no account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExternalAccountError {
    /// Its number.
    #[error("the number of the account has 1 to 256 letters without spaces")]
    Id,
    /// Its key.
    #[error(
        "the key of the account is written in base 64 for addresses (with - and _), as the authority shows it"
    )]
    Key,
}

impl ExternalAccount {
    /// An account, as the authority shows it: its number ("key identifier") and its key ("HMAC key").
    ///
    /// # Errors
    /// [`ExternalAccountError`].
    pub fn new(id: &str, key_base64: &str) -> Result<Self, ExternalAccountError> {
        if id.is_empty() || id.len() > 256 || id.chars().any(|it| it.is_whitespace() || it.is_control()) {
            return Err(ExternalAccountError::Id);
        }
        let engine = if key_base64.ends_with('=') { URL_SAFE } else { URL_SAFE_NO_PAD };
        let key = engine.decode(key_base64).ok().filter(|key| !key.is_empty());
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key.ok_or(ExternalAccountError::Key)?);
        Ok(Self { id: id.to_owned(), key })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Directory {
    new_nonce: String,
    new_account: String,
}

/// Makes the account of a key (P-256, PKCS #8, in DER) that this one vouches for. Its terms are agreed to. Blocks.
///
/// # Errors
/// The authority refuses, or does not answer.
pub(super) fn bind(agent: &Agent, directory: &str, key: &[u8], by: &ExternalAccount) -> Result<(), Error> {
    let (_, found) = read(agent.get(directory).call())?;
    let directory: Directory = serde_json::from_slice(&found)?;
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key, &random);
    let key = key.map_err(|_| Error::KeyRejected)?;
    let mut tries = 1;
    loop {
        let (asked, _) = read(agent.head(&directory.new_nonce).call())?;
        let nonce = asked.headers().get("replay-nonce").and_then(|nonce| nonce.to_str().ok());
        let nonce = nonce.ok_or(Error::Str("a nonce"))?;
        let request = write_request(&key, &random, by, (&directory.new_account, nonce))?;
        let post = agent.post(&directory.new_account).header("Content-Type", "application/jose+json");
        match read(post.send(request.to_string().as_bytes())) {
            Ok(_) => return Ok(()),
            Err(Error::Api(problem)) if problem.r#type.as_deref() == Some(BAD_NONCE) && tries < TRIES_MAX => {
                tries += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// An answer without its body, and that; a problem where it is one.
fn read(answer: Result<Response<Body>, ureq::Error>) -> Result<(Response<()>, Vec<u8>), Error> {
    let failed = |error: ureq::Error| Error::Other(Box::new(error));
    let (parts, mut body) = answer.map_err(failed)?.into_parts();
    let bytes = body.with_config().limit(BYTES_MAX).read_to_vec().map_err(failed)?;
    if parts.status.is_success() {
        return Ok((Response::from_parts(parts, ()), bytes));
    }
    let unknown = || Problem {
        r#type: None,
        detail: None,
        status: Some(parts.status.as_u16()),
        subproblems: Vec::new(),
    };
    Err(Error::Api(serde_json::from_slice(&bytes).unwrap_or_else(|_| unknown())))
}

fn write_request(
    key: &EcdsaKeyPair,
    random: &SystemRandom,
    by: &ExternalAccount,
    (url, nonce): (&str, &str),
) -> Result<Value, Error> {
    let point = key.public_key().as_ref();
    // A point that is not compressed: 4, and two numbers (SEC 1 section 2.3.3).
    let (Some(x), Some(y)) = (point.get(1..33), point.get(33..65)) else { return Err(Error::Crypto) };
    let [x, y] = [x, y].map(|number| URL_SAFE_NO_PAD.encode(number));
    let own = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
    let vouching = json!({ "alg": "HS256", "kid": by.id, "url": url });
    let vouched = seal(&vouching, &own, |signed| Ok(hmac::sign(&by.key, signed).as_ref().to_vec()))?;
    let account = json!({ "termsOfServiceAgreed": true, "externalAccountBinding": vouched });
    let header = json!({ "alg": "ES256", "jwk": own, "nonce": nonce, "url": url });
    seal(&header, &account, |signed| {
        let signature = key.sign(random, signed).map_err(|_| Error::Crypto)?;
        Ok(signature.as_ref().to_vec())
    })
}

/// What is said, signed, in JSON (RFC 7515 section 7.2.2).
fn seal(
    header: &Value,
    payload: &Value,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, Error>,
) -> Result<Value, Error> {
    let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signature = sign(format!("{header}.{payload}").as_bytes())?;
    let signature = URL_SAFE_NO_PAD.encode(signature);
    Ok(json!({ "protected": header, "payload": payload, "signature": signature }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_as_authorities_show_it() {
        for key in ["zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG4", "c2VjcmV0", "c2VjcmU=", "_-_-"] {
            assert!(ExternalAccount::new("kid-1", key).is_ok(), "{key}");
        }
        let refused = |id: &str, key: &str| ExternalAccount::new(id, key).unwrap_err();
        for id in ["", "a b", "a\n", &"a".repeat(257)] {
            assert_eq!(refused(id, "c2VjcmV0"), ExternalAccountError::Id, "{id}");
        }
        for key in ["", "=", "a", "no base 64", "a+b/"] {
            assert_eq!(refused("kid-1", key), ExternalAccountError::Key, "{key}");
        }
        let account = ExternalAccount::new("kid-1", "c2VjcmV0").unwrap();
        assert!(!format!("{account:?}").contains("c2VjcmV0"));
    }
}
