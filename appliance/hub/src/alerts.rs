//! How people are told of a school: by a letter (SMTP), and by a call of another program (a POST of JSON).
//!
//! Invariant: what is to be sent is in the register before, and stays there until it was sent or given up. A program that is called can
//! tell that the hub called it: by a signature over the time and the body, or by a token.

use std::sync::Arc;
use std::time::Duration;

pub use lettre::message::Mailbox;
use lettre::message::SinglePart;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport as _};
use model::Timestamp;
use ring::hmac;
use rustls::crypto::ring::default_provider;
use ureq::tls::{RootCerts, TlsConfig};

use crate::register::RegisterError;
use crate::register::history::{Alert, Channel, History, NewAlert};

/// Alerts that are taken at a time: a mail server that answers each of its words at the last moment has them sent before anybody else takes them.
const TAKEN_MAX: u32 = 4;
/// How long whoever took some has for them: then somebody else may.
const TAKEN_MS: i64 = 10 * 60_000;
/// Longest wait for a server.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How often an alert is tried: with pauses that double from a minute to six hours, for three days.
const TRIES_MAX: u32 = 20;
const PAUSE_FIRST_MS: i64 = 60_000;
const PAUSE_MAX_MS: i64 = 6 * 3_600_000;
/// The fields of a call.
const TIME_FIELD: &str = "Preau-Time";
const SIGNATURE_FIELD: &str = "Preau-Signature";

/// How a server of letters is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// In clear first, then by TLS: port 587.
    StartTls,
    /// By TLS at once: port 465.
    Tls,
    /// In clear: on the same machine, or in a network of its own.
    None,
}

/// Where letters go.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The server.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub tls: MailTls,
    /// Who vouches for it beside the public authorities, in DER: the commune's own.
    pub authorities: Vec<Vec<u8>>,
    /// Name and password, where it asks for them.
    pub login: Option<(String, String)>,
    /// Who writes.
    pub from: Mailbox,
    /// Who reads.
    pub to: Vec<Mailbox>,
}

/// How a call says that it is the hub's.
#[derive(Clone, Debug)]
pub enum CallProof {
    /// By HMAC-SHA-256 under this key.
    Hmac(Vec<u8>),
    /// By a token.
    Bearer(String),
}

/// Where calls go.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The address.
    pub url: String,
    /// Who vouches for it instead of the public authorities, in DER.
    pub authorities: Vec<Vec<u8>>,
    /// How it says that it is the hub's.
    pub proof: CallProof,
}

/// The ways by which people are told.
#[derive(Clone, Debug, Default)]
pub struct Ways {
    /// By letters.
    pub mail: Option<Mail>,
    /// By calls.
    pub webhook: Option<Webhook>,
}

/// Why something was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No such way is configured.
    #[error("there is no such way in the configuration")]
    NoWay,
    /// It cannot be written as a letter.
    #[error("the letter cannot be written")]
    Letter(#[source] lettre::error::Error),
    /// The server of letters does not take it.
    #[error("the mail server does not take it")]
    Mail(#[source] lettre::transport::smtp::Error),
    /// Who is called does not take it.
    #[error("the address does not take it")]
    Call(#[source] Box<ureq::Error>),
    /// Who is called answers something else: what it leads to is not followed.
    #[error("the address answers with the status {0}")]
    Status(u16),
}

impl Ways {
    /// What there is.
    #[must_use]
    pub fn channels(&self) -> Vec<Channel> {
        let is_there = |channel: &Channel| match channel {
            Channel::Mail => self.mail.is_some(),
            Channel::Webhook => self.webhook.is_some(),
        };
        Channel::ALL.into_iter().filter(is_there).collect()
    }

    /// Sends what is due by these ways; how much was sent. Blocks.
    ///
    /// # Errors
    /// [`RegisterError`]. What could not be sent is tried again later, and the log says why.
    pub fn send_due(&self, history: &dyn History, clock: fn() -> Timestamp) -> Result<usize, RegisterError> {
        let after = |ms: i64| Timestamp::from_unix_ms(clock().unix_ms().saturating_add(ms));
        let mut sent = 0;
        let taken = history.take_alerts(&self.channels(), clock(), after(TAKEN_MS), TAKEN_MAX)?;
        for Alert { id, new, tries, .. } in taken {
            match self.send(&new, clock()) {
                Ok(()) => {
                    history.end_alert(id, true, clock())?;
                    sent += 1;
                }
                Err(error) if tries >= TRIES_MAX => {
                    tracing::error!(error = &error as &dyn std::error::Error, id, "an alert is given up");
                    history.end_alert(id, false, clock())?;
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        id,
                        "an alert cannot be sent yet"
                    );
                    history.postpone_alert(id, after(pause_ms(tries)))?;
                }
            }
        }
        Ok(sent)
    }

    /// Sends it. Blocks.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send(&self, alert: &NewAlert, now: Timestamp) -> Result<(), SendError> {
        match alert.channel {
            Channel::Mail => self.mail.as_ref().ok_or(SendError::NoWay)?.send(alert),
            Channel::Webhook => self.webhook.as_ref().ok_or(SendError::NoWay)?.send(alert, now),
        }
    }
}

/// How long to wait after so many tries.
fn pause_ms(tries: u32) -> i64 {
    let doublings = tries.saturating_sub(1).min(20);
    (PAUSE_FIRST_MS << doublings).min(PAUSE_MAX_MS)
}

impl Mail {
    fn send(&self, alert: &NewAlert) -> Result<(), SendError> {
        let mut letter = Message::builder().from(self.from.clone()).subject(&alert.subject);
        for reader in &self.to {
            letter = letter.to(reader.clone());
        }
        // With its kind and its alphabet (RFC 2045): without them, a reader's program guesses what is no ASCII.
        let letter = letter.singlepart(SinglePart::plain(alert.body.clone())).map_err(SendError::Letter)?;
        let tls = || self.tls().map_err(SendError::Mail);
        let tls = match self.tls {
            MailTls::StartTls => Tls::Required(tls()?),
            MailTls::Tls => Tls::Wrapper(tls()?),
            MailTls::None => Tls::None,
        };
        let mut transport = SmtpTransport::builder_dangerous(self.server.clone())
            .port(self.port)
            .tls(tls)
            .timeout(Some(TIMEOUT));
        if let Some((name, password)) = &self.login {
            transport = transport.credentials(Credentials::new(name.clone(), password.clone()));
        }
        transport.build().send(&letter).map(drop).map_err(SendError::Mail)
    }

    fn tls(&self) -> Result<TlsParameters, lettre::transport::smtp::Error> {
        let mut tls = TlsParameters::builder(self.server.clone());
        for authority in &self.authorities {
            tls = tls.add_root_certificate(Certificate::from_der(authority.clone())?);
        }
        tls.build()
    }
}

impl Webhook {
    fn send(&self, alert: &NewAlert, now: Timestamp) -> Result<(), SendError> {
        let agent = ureq::Agent::config_builder().tls_config(tls_for(&self.authorities)).proxy(None);
        let agent = agent.timeout_global(Some(TIMEOUT)).max_redirects(0).build();
        let request = ureq::Agent::from(agent).post(&self.url).header("Content-Type", "application/json");
        let request = match &self.proof {
            CallProof::Bearer(token) => request.header("Authorization", format!("Bearer {token}")),
            CallProof::Hmac(key) => {
                let time = now.unix_ms().to_string();
                let signature = sign(key, &time, &alert.body);
                request.header(TIME_FIELD, time).header(SIGNATURE_FIELD, signature)
            }
        };
        let answer = request.send(&alert.body).map_err(|error| SendError::Call(Box::new(error)))?;
        if answer.status().is_success() { Ok(()) } else { Err(SendError::Status(answer.status().as_u16())) }
    }
}

/// TLS that believes these authorities, in DER; the public ones where there are none.
pub(crate) fn tls_for(authorities: &[Vec<u8>]) -> TlsConfig {
    let own = authorities.iter().map(|der| ureq::tls::Certificate::from_der(der).to_owned());
    let roots = match authorities {
        [] => RootCerts::WebPki,
        _ => RootCerts::Specific(Arc::new(own.collect())),
    };
    let provider = Arc::new(default_provider());
    TlsConfig::builder().unversioned_rustls_crypto_provider(provider).root_certs(roots).build()
}

/// The signature of a call: HMAC-SHA-256 over the time, a full stop and the body, in hexadecimal digits.
fn sign(key: &[u8], time: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let tag = hmac::sign(&key, format!("{time}.{body}").as_bytes());
    let digits: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={digits}")
}

#[cfg(test)]
mod encrypted;
#[cfg(test)]
mod tests;
