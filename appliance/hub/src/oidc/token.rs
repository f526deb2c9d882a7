//! ID tokens: what a provider says of somebody (OpenID Connect Core 1.0, section 2), as JSON that it has signed (RFC 7515) by one of its keys (RFC 7517).
//!
//! RS256, which every provider has, and ES256. The algorithm is that of the key: what a token says of it chooses nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Timestamp;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// How far the provider's clock may be off, in seconds.
const LEEWAY_S: i64 = 120;
/// How old a token may be that was asked for a moment ago, in seconds.
const AGE_S_MAX: i64 = 600;
/// Keys that are tried at most.
const KEYS_MAX: usize = 16;
/// Longest account, in bytes.
const ACCOUNT_BYTES_MAX: usize = 254;
/// The beginning of a point of P-256 that is not compressed (SEC 1 section 2.3.3), and how long its coordinates are.
const UNCOMPRESSED: u8 = 4;
const COORDINATE_BYTES: usize = 32;

/// Why a token does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// It is none.
    #[error("it is no signed token")]
    Form,
    /// No key of the provider has its name, or its algorithm.
    #[error("the provider has no key for its signature: RS256 and ES256 are read")]
    NoKey,
    /// The signature is wrong.
    #[error("its signature is wrong")]
    Signature,
    /// It is another provider's, for another client, or of another sign-in.
    #[error("it is another provider's, for another client, or of another sign-in")]
    Stranger,
    /// It is over, or of another time.
    #[error("it is over, or of another time: the clocks of hub and provider may differ")]
    Time,
    /// It does not say who she is.
    #[error("it has no such claim, or an address that the provider has not verified")]
    NoClaim,
}

/// What a token has to be for.
pub(super) struct Expected<'e> {
    pub(super) issuer: &'e str,
    pub(super) client_id: &'e str,
    pub(super) nonce: &'e str,
}

/// A provider's keys. Those of a kind that is not read are passed over.
#[derive(Deserialize)]
pub(super) struct KeySet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Key {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

/// What a token says, that counts.
pub(super) struct Claims(Map<String, Value>);

impl KeySet {
    /// What a token says, where it counts.
    pub(super) fn read(
        &self,
        token: &str,
        expected: &Expected<'_>,
        now: Timestamp,
    ) -> Result<Claims, TokenError> {
        let (signed, seal) = token.rsplit_once('.').ok_or(TokenError::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Form)?;
        let header: Header = decode_json(header)?;
        // What must be understood (RFC 7515 section 4.1.11) is not.
        if header.crit.is_some() {
            return Err(TokenError::Form);
        }
        let seal = decode(seal).ok_or(TokenError::Form)?;
        let keys = self.keys.iter().filter_map(|key| Key::deserialize(key).ok());
        let mut keys = keys.filter(|key| key.serves(&header)).take(KEYS_MAX).peekable();
        if keys.peek().is_none() {
            return Err(TokenError::NoKey);
        }
        if !keys.any(|key| key.verifies(signed.as_bytes(), &seal).is_some()) {
            return Err(TokenError::Signature);
        }
        let claims = Claims(decode_json(payload)?);
        claims.check(expected, now)?;
        Ok(claims)
    }
}

impl Key {
    /// Whether a token with this header may be signed by it.
    fn serves(&self, header: &Header) -> bool {
        let algorithm = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => "RS256",
            ("EC", Some("P-256")) => "ES256",
            _ => return false,
        };
        algorithm == header.alg
            && self.alg.as_deref().is_none_or(|own| own == algorithm)
            && self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && header.kid.as_ref().is_none_or(|kid| self.kid.as_ref() == Some(kid))
    }

    /// `None` where the signature is not by it.
    fn verifies(&self, signed: &[u8], seal: &[u8]) -> Option<()> {
        let number = |text: Option<&String>| decode(text?);
        if self.kty == "RSA" {
            let (n, e) = (number(self.n.as_ref())?, number(self.e.as_ref())?);
            let key = RsaPublicKeyComponents { n: strip(&n), e: strip(&e) };
            return key.verify(&RSA_PKCS1_2048_8192_SHA256, signed, seal).ok();
        }
        let (x, y) = (number(self.x.as_ref())?, number(self.y.as_ref())?);
        if x.len() != COORDINATE_BYTES || y.len() != COORDINATE_BYTES {
            return None;
        }
        let point = [&[UNCOMPRESSED][..], &x, &y].concat();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, seal).ok()
    }
}

impl Claims {
    /// Section 3.1.3.7.
    fn check(&self, expected: &Expected<'_>, now: Timestamp) -> Result<(), TokenError> {
        let is_for_us = match self.0.get("aud") {
            Some(Value::String(one)) => one == expected.client_id,
            Some(Value::Array(all)) => {
                let has_us = all.iter().any(|one| one == expected.client_id);
                has_us && (all.len() == 1 || self.text("azp").is_some())
            }
            Some(_) | None => false,
        };
        let is_by_us = self.text("azp").is_none_or(|by| by == expected.client_id);
        let is_of_provider = self.text("iss") == Some(expected.issuer);
        if !(is_for_us && is_by_us && is_of_provider && self.text("nonce") == Some(expected.nonce)) {
            return Err(TokenError::Stranger);
        }
        let seconds = |name: &str| self.0.get(name).and_then(Value::as_i64).ok_or(TokenError::Time);
        let (until, made, now) = (seconds("exp")?, seconds("iat")?, now.unix_ms().div_euclid(1_000));
        let is_now = until > now.saturating_sub(LEEWAY_S)
            && made <= now.saturating_add(LEEWAY_S)
            && made >= now.saturating_sub(AGE_S_MAX);
        if is_now { Ok(()) } else { Err(TokenError::Time) }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// Who she is, by a claim. An address that the provider says it has not verified is anybody's.
    pub(super) fn account(&self, claim: &str) -> Result<String, TokenError> {
        let account = self.text(claim).map(str::trim).filter(|text| !text.is_empty());
        let account = account.filter(|text| text.len() <= ACCOUNT_BYTES_MAX).ok_or(TokenError::NoClaim)?;
        let is_verified = match self.0.get("email_verified") {
            None => true,
            Some(Value::Bool(is)) => *is,
            // As some providers write it.
            Some(Value::String(word)) => word == "true",
            Some(_) => false,
        };
        if claim == "email" && !is_verified { Err(TokenError::NoClaim) } else { Ok(account.to_owned()) }
    }

    /// Whether one of these words stands in `amr` (RFC 8176), or is `acr`.
    pub(super) fn says(&self, words: &[String]) -> bool {
        let is_one = |value: &Value| value.as_str().is_some_and(|text| words.iter().any(|word| word == text));
        let by_methods =
            self.0.get("amr").and_then(Value::as_array).is_some_and(|amr| amr.iter().any(is_one));
        by_methods || self.0.get("acr").is_some_and(is_one)
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn decode_json<T: DeserializeOwned>(text: &str) -> Result<T, TokenError> {
    let bytes = decode(text).ok_or(TokenError::Form)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Form)
}

/// A number without zeros before it.
fn strip(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests;
