//! Sign-in by a provider that the commune has already: OpenID Connect Core 1.0, authorization code flow, with PKCE (RFC 7636), state and nonce.
//!
//! docs/decisions/0042 tells why no library does it, and what is believed of a provider.
//!
//! Invariant: a provider says who somebody is, never what she may do. Whom nobody has registered is nobody. What it says counts by its signature, for this hub, in the
//! browser that asked, once.

#[cfg(test)]
pub(crate) mod fake;
mod token;
mod trip;

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::{Serializer, byte_serialize};
use model::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::Agent;

use self::token::{Expected, KeySet, TokenError};
use self::trip::Trip;
use crate::alerts::tls_for;

/// Where a provider says what it has (OpenID Connect Discovery 1.0, section 4).
const DISCOVERY: &str = "/.well-known/openid-configuration";
/// Longest time of one request: somebody waits before her screen.
const REQUEST: Duration = Duration::from_secs(10);
/// Most bytes of an answer: the keys of a large provider have some ten thousand.
const BYTES_MAX: u64 = 256 << 10;
/// How long what a provider has is believed, in milliseconds.
const KNOWN_MS: u64 = 3_600_000;
/// The pause between two looks for a key that nobody knew, in milliseconds: whoever shows made-up tokens has nobody asked.
const LOOK_MS: u64 = 60_000;
/// The status by which a provider refuses a code (RFC 6749 section 5.2).
const CODE_REFUSED: u16 = 400;
/// Longest word for why it sends somebody back, in characters: those of the standards have some thirty.
const WHY_CHARACTERS_MAX: usize = 64;
/// People for whom the provider is asked at a time: each takes a thread, for some seconds where the provider is slow.
const WAITING_MAX: u32 = 8;

/// A provider, as the configuration names it.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// Its address, letter by letter as it gives it itself.
    pub issuer: String,
    /// What the hub is called there.
    pub client_id: String,
    /// By what the hub shows that it is that client; without it, by PKCE alone.
    pub client_secret: Option<ClientSecret>,
    /// The claim by which people are found.
    pub claim: String,
    /// The words of `amr` or `acr` by which the provider says that two factors were shown.
    pub second_factor: Vec<String>,
    /// Who vouches for it instead of the public authorities, in DER.
    pub authorities: Vec<Vec<u8>>,
    /// Where browsers come back to.
    pub redirect: String,
}

/// What the hub shows the provider. No log has it.
#[derive(Clone)]
pub struct ClientSecret(pub String);

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret")
    }
}

/// Why a provider brought nobody.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderError {
    /// Too many wait for it.
    #[error("many sign in at this moment")]
    Busy,
    /// The browser did not ask, or long ago.
    #[error("the browser has not asked for it, or too long ago")]
    Trip,
    /// It sends the browser back without a code (RFC 6749 section 4.1.2.1), and says this word: somebody changed her mind, or it does not take the hub.
    #[error("the provider says {0:?} in place of a code")]
    Denied(String),
    /// It cannot be asked.
    #[error("the provider cannot be asked")]
    Unreachable(#[source] Box<ureq::Error>),
    /// It answers with another status.
    #[error("the provider answers with the status {0}")]
    Status(u16),
    /// It answers with something else.
    #[error("the provider answers with something else: {0}")]
    Strange(&'static str),
    /// What it says of somebody does not count.
    #[error("what the provider says does not count")]
    Token(#[from] TokenError),
}

impl ProviderError {
    /// Whether what the browser has brought is none of the provider's for it: a code that it refuses (RFC 6749 section 5.2), or another sign-in's. Whoever
    /// brings it counts as one who guesses; that a provider is away is nobody's guess.
    pub(crate) fn is_made_up(&self) -> bool {
        matches!(self, Self::Status(CODE_REFUSED) | Self::Token(TokenError::Stranger))
    }
}

/// Whom a provider vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Vouched {
    /// What its claim says.
    pub(crate) account: String,
    /// Whether she has shown it two factors.
    pub(crate) has_second: bool,
}

/// What a provider has, as it says itself.
#[derive(Clone, Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
}

struct Known {
    metadata: Metadata,
    keys: KeySet,
    at: Timestamp,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

/// A provider.
pub(crate) struct Provider {
    settings: ProviderSettings,
    agent: Agent,
    known: Mutex<Option<Arc<Known>>>,
    waiting: AtomicU32,
}

impl Provider {
    /// Nothing is asked yet.
    pub(crate) fn new(settings: ProviderSettings) -> Self {
        let agent = Agent::config_builder()
            .tls_config(tls_for(&settings.authorities))
            .proxy(None)
            // It leads nowhere else.
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_global(Some(REQUEST))
            .build();
        Self { settings, agent: agent.into(), known: Mutex::default(), waiting: AtomicU32::new(0) }
    }

    /// Where the browser with this cookie goes to sign in. Blocks.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub(crate) fn depart(&self, cookie: &str, now: Timestamp) -> Result<String, ProviderError> {
        let _place = Place::take(&self.waiting)?;
        let known = self.find(now)?;
        let trip = Trip::begin(cookie, now).ok_or(ProviderError::Trip)?;
        let ProviderSettings { client_id, redirect, claim, .. } = &self.settings;
        // What a claim of the standard's comes with (section 5.4); others come with any.
        let scope = match claim.as_str() {
            "sub" => "openid",
            "email" => "openid email",
            _ => "openid email profile",
        };
        let query = Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", client_id)
            .append_pair("redirect_uri", redirect)
            .append_pair("scope", scope)
            .append_pair("state", &trip.state)
            .append_pair("nonce", &trip.nonce)
            .append_pair("code_challenge", &trip.challenge())
            .append_pair("code_challenge_method", "S256")
            .finish();
        let address = &known.metadata.authorization_endpoint;
        let joint = if address.contains('?') { '&' } else { '?' };
        Ok(format!("{address}{joint}{query}"))
    }

    /// Whom the provider vouches for, to a browser that comes back with a state and a code. Blocks.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub(crate) fn arrive(
        &self,
        cookie: &str,
        (state, code): (&str, &str),
        now: Timestamp,
    ) -> Result<Vouched, ProviderError> {
        let _place = Place::take(&self.waiting)?;
        let trip = Trip::resume(cookie, state, now).ok_or(ProviderError::Trip)?;
        let known = self.find(now)?;
        let token = self.redeem(&known.metadata, code, &trip)?;
        let expected = Expected {
            issuer: &self.settings.issuer,
            client_id: &self.settings.client_id,
            nonce: &trip.nonce,
        };
        let claims = match known.keys.read(&token, &expected, now) {
            // It may sign by another key since, and does not have to call it otherwise.
            Err(TokenError::NoKey | TokenError::Signature) if now.ms_since(known.at) >= LOOK_MS => {
                self.ask(now)?.keys.read(&token, &expected, now)?
            }
            claims => claims?,
        };
        let account = claims.account(&self.settings.claim)?;
        Ok(Vouched { account, has_second: claims.says(&self.settings.second_factor) })
    }

    /// Hands the code over for a token (RFC 6749 section 4.1.3).
    fn redeem(&self, metadata: &Metadata, code: &str, trip: &Trip) -> Result<String, ProviderError> {
        let ProviderSettings { client_id, client_secret, redirect, .. } = &self.settings;
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", redirect)
            .append_pair("code_verifier", &trip.verifier);
        let request = self.agent.post(&metadata.token_endpoint).header("Accept", "application/json");
        let request = match client_secret {
            Some(ClientSecret(secret)) => {
                // Both are encoded as in a form first (section 2.3.1).
                let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let pair = format!("{}:{}", encode(client_id), encode(secret));
                request.header("Authorization", format!("Basic {}", STANDARD.encode(pair)))
            }
            None => {
                form.append_pair("client_id", client_id);
                request
            }
        };
        let answer = request.content_type("application/x-www-form-urlencoded").send(form.finish());
        let Tokens { id_token } = read(answer)?;
        Ok(id_token)
    }

    /// What the provider has, as it was said within the hour.
    fn find(&self, now: Timestamp) -> Result<Arc<Known>, ProviderError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known.filter(|known| known.at <= now && now.ms_since(known.at) < KNOWN_MS) {
            Some(known) => Ok(known),
            None => self.ask(now),
        }
    }

    /// Has the provider say what it has.
    fn ask(&self, now: Timestamp) -> Result<Arc<Known>, ProviderError> {
        let issuer = &self.settings.issuer;
        let place = format!("{}{DISCOVERY}", issuer.trim_end_matches('/'));
        let metadata: Metadata = read(self.agent.get(place).call())?;
        if metadata.issuer != *issuer {
            return Err(ProviderError::Strange("it is another issuer"));
        }
        let Metadata { authorization_endpoint, token_endpoint, jwks_uri, .. } = &metadata;
        if ![authorization_endpoint, token_endpoint, jwks_uri].into_iter().all(|address| is_address(address))
        {
            return Err(ProviderError::Strange("an address of it does not begin with https://"));
        }
        let keys: KeySet = read(self.agent.get(&metadata.jwks_uri).call())?;
        let known = Arc::new(Known { metadata, keys, at: now });
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&known));
        Ok(known)
    }
}

/// Why a browser with this cookie comes back with a state and a word, and no code.
pub(crate) fn turn_back(cookie: &str, (state, why): (&str, &str), now: Timestamp) -> ProviderError {
    match Trip::resume(cookie, state, now) {
        Some(_) => ProviderError::Denied(why.chars().take(WHY_CHARACTERS_MAX).collect()),
        None => ProviderError::Trip,
    }
}

/// Whether a provider may be asked there: by TLS, or on this machine.
#[must_use]
pub fn is_address(text: &str) -> bool {
    const HERE: [&str; 3] = ["http://127.0.0.1", "http://[::1]", "http://localhost"];
    let after = HERE.iter().find_map(|begin| text.strip_prefix(begin));
    let is_here = after.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']));
    let is_tls = text.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    // What stands before an @ is no host, and looks like one.
    (is_here || is_tls)
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !text.contains(['@', '#', '\\'])
}

fn read<T: DeserializeOwned>(
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<T, ProviderError> {
    let failed = |error: ureq::Error| ProviderError::Unreachable(Box::new(error));
    let mut answer = answer.map_err(failed)?;
    if answer.status() != ureq::http::StatusCode::OK {
        return Err(ProviderError::Status(answer.status().as_u16()));
    }
    let body = answer.body_mut().with_config().limit(BYTES_MAX).read_to_vec().map_err(failed)?;
    serde_json::from_slice(&body).map_err(|_| ProviderError::Strange("it is no such JSON"))
}

/// One of the places of those who wait; it is free again with its value.
struct Place<'w>(&'w AtomicU32);

impl<'w> Place<'w> {
    fn take(waiting: &'w AtomicU32) -> Result<Self, ProviderError> {
        let before = waiting.fetch_add(1, Ordering::AcqRel);
        let place = Self(waiting);
        if before >= WAITING_MAX { Err(ProviderError::Busy) } else { Ok(place) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
