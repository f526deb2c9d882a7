//! The hub has requests certified by a public authority itself (ACME, RFC 8555): by proofs in DNS (DNS-01, section 8.4), because its boxes are not
//! reached from the Internet.
//!
//! Invariant: a proof is put up for names that were asked for and for no other, whatever the authority says, and goes again whatever happens. An order
//! that was cut is begun anew: what the authority has seen by then, it does not ask for twice.

mod binding;
mod carrier;
mod tsig;
mod zone;

use std::io;
use std::time::Duration;

use instant_acme::{
    Account, AccountBuilder, AuthorizationStatus, AuthorizedIdentifier, ChallengeType, Error, Identifier,
    Key, NewOrder, Order, OrderStatus, RetryPolicy,
};
use model::DomainName;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use carrier::Carrier;

pub use binding::{ExternalAccount, ExternalAccountError};
pub use tsig::{TsigKey, TsigKeyError};
pub use zone::{DnsZone, ZoneError};

/// How long the authority may take to look at the proofs, and to certify then: with pauses from a second on.
const PATIENCE: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_secs(1)).backoff(1.5).timeout(Duration::from_secs(300));
/// What a proof's name begins with (RFC 8555 section 8.4).
const PROOF_LABEL: &str = "_acme-challenge";
/// The word for a key that the authority does not know (RFC 8555 section 7.3.1).
const NO_ACCOUNT: &str = "urn:ietf:params:acme:error:accountDoesNotExist";
/// The word for "too often" (RFC 8555 section 6.6).
const RATE_LIMITED: &str = "urn:ietf:params:acme:error:rateLimited";

/// Why a proof is not put up, or not taken away.
pub type ProofError = Box<dyn std::error::Error + Send + Sync>;

/// Who puts proofs into DNS.
pub trait Proofs: Send {
    /// Puts a text up under a name, and waits until the world can see it. Blocks.
    ///
    /// # Errors
    /// It cannot be put up, or is not seen in time.
    fn present(&self, name: &str, value: &str) -> Result<(), ProofError>;
    /// Takes it away again. There may be none. Blocks.
    ///
    /// # Errors
    /// It may be there still.
    fn remove(&self, name: &str, value: &str) -> Result<(), ProofError>;
}

/// An authority, and what it is told of the hub.
#[derive(Clone, Debug)]
pub struct AcmeDirectory {
    /// Where it says what it offers (RFC 8555 section 7.1.1), as `https://...`.
    pub url: String,
    /// Whom it writes to, as `mailto:` URIs. Its terms are agreed to.
    pub contact: Vec<String>,
    /// The account that it wants to see beside the hub's key, where it serves its customers alone.
    pub external: Option<ExternalAccount>,
    /// Who vouches for it instead of the public authorities, in DER.
    pub authorities: Vec<Vec<u8>>,
}

/// The hub, as an authority knows it.
#[derive(Debug)]
pub struct AcmeClient {
    directory: AcmeDirectory,
    key: PrivatePkcs8KeyDer<'static>,
}

/// Why there is no chain.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// Not the key of an account.
    #[error("it is no key on P-256 (PKCS #8, in PEM)")]
    Key,
    /// The system refuses.
    #[error("the authority cannot be asked")]
    System(#[source] io::Error),
    /// The authority refuses, or does not answer.
    #[error("the authority does not do it")]
    Authority(#[source] Box<Error>),
    /// It takes no proof by DNS.
    #[error("the authority takes no proof by DNS of the name {0}")]
    NoProof(String),
    /// It wants a proof of what nobody asked for.
    #[error("the authority wants a proof of {0}, which nobody has asked for")]
    Foreign(String),
    /// The proof is not in DNS.
    #[error("the proof {name} is not in DNS")]
    Proof {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: ProofError,
    },
    /// It looked at the proofs, and believes them not.
    #[error("the authority does not take the proof: {0}")]
    Refused(String),
}

impl From<Error> for AcmeError {
    fn from(error: Error) -> Self {
        Self::Authority(Box::new(error))
    }
}

impl AcmeError {
    /// Whether the authority was asked too often: it is left alone then, for whatever name.
    #[must_use]
    pub fn is_rate_limit(&self) -> bool {
        let Self::Authority(error) = self else { return false };
        let Error::Api(problem) = &**error else { return false };
        problem.r#type.as_deref() == Some(RATE_LIMITED)
    }
}

/// The proofs that are up. They go with the value.
struct Shown<'a> {
    proofs: &'a dyn Proofs,
    records: Vec<(String, String)>,
}

impl Shown<'_> {
    fn put_up(&mut self, name: String, value: String) -> Result<(), AcmeError> {
        let put = self.proofs.present(&name, &value);
        // What failed half-way may be there all the same.
        self.records.push((name.clone(), value));
        put.map_err(|source| AcmeError::Proof { name, source })
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        for (name, value) in &self.records {
            if let Err(error) = self.proofs.remove(name, value) {
                tracing::warn!(error = &*error as &dyn std::error::Error, name, "a proof stays in DNS");
            }
        }
    }
}

impl AcmeClient {
    /// The hub, known by this key (P-256, PKCS #8, in PEM).
    ///
    /// # Errors
    /// [`AcmeError::Key`].
    pub fn new(directory: AcmeDirectory, key_pem: &str) -> Result<Self, AcmeError> {
        let key = PrivatePkcs8KeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|_| AcmeError::Key)?;
        Key::from_pkcs8_der(key.clone_key()).map_err(|_| AcmeError::Key)?;
        Ok(Self { directory, key })
    }

    /// Has a request (RFC 2986, in DER) for these names certified; the chain, in PEM. Blocks, for minutes.
    ///
    /// # Errors
    /// [`AcmeError`].
    pub fn certify(
        &self,
        names: &[DomainName],
        request: &[u8],
        proofs: &dyn Proofs,
    ) -> Result<String, AcmeError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.map_err(AcmeError::System)?.block_on(self.order(names, request, proofs))
    }

    async fn order(
        &self,
        names: &[DomainName],
        request: &[u8],
        proofs: &dyn Proofs,
    ) -> Result<String, AcmeError> {
        let account = self.enter().await?;
        let asked: Vec<Identifier> =
            names.iter().map(|name| Identifier::Dns(name.as_str().to_owned())).collect();
        let mut order = account.new_order(&NewOrder::new(&asked)).await?;
        let mut shown = Shown { proofs, records: Vec::new() };
        prove(&mut order, names, &mut shown).await?;
        let ready = order.poll_ready(&PATIENCE).await;
        if !matches!(ready, Ok(OrderStatus::Ready)) {
            // What is wrong with a proof says more than that the order is over.
            return Err(match (find_reason(&mut order).await, ready) {
                (Some(reason), _) => AcmeError::Refused(reason),
                (None, Err(error)) => error.into(),
                (None, Ok(_)) => AcmeError::Refused("it does not say why".to_owned()),
            });
        }
        drop(shown);
        order.finalize_csr(request).await?;
        Ok(order.poll_certificate(&PATIENCE).await?)
    }

    /// The account of the key: made where there is none, found where there is one (RFC 8555 section 7.3.1). Nothing but the key has to be kept.
    async fn enter(&self) -> Result<Account, Error> {
        let account = match &self.directory.external {
            None => self.builder().create_from_key(self.key()?, self.directory.url.clone()).await?.0,
            Some(external) => self.enter_by(external).await?,
        };
        if !self.directory.contact.is_empty() {
            let contact: Vec<&str> = self.directory.contact.iter().map(String::as_str).collect();
            account.update_contacts(&contact).await?;
        }
        Ok(account)
    }

    /// The same where an account of the commune's vouches for the key: once. Afterwards the key is enough, whatever becomes of that account.
    async fn enter_by(&self, external: &ExternalAccount) -> Result<Account, Error> {
        match self.find().await {
            Err(Error::Api(problem)) if problem.r#type.as_deref() == Some(NO_ACCOUNT) => {}
            found => return found,
        }
        let agent = Carrier::new(&self.directory.authorities).0;
        binding::bind(&agent, &self.directory.url, self.key.secret_pkcs8_der(), external)?;
        self.find().await
    }

    async fn find(&self) -> Result<Account, Error> {
        Ok(self.builder().from_key(self.key()?, self.directory.url.clone()).await?.0)
    }

    fn builder(&self) -> AccountBuilder {
        Account::builder_with_http(Box::new(Carrier::new(&self.directory.authorities)))
    }

    fn key(&self) -> Result<(Key, PrivateKeyDer<'static>), Error> {
        Ok((Key::from_pkcs8_der(self.key.clone_key())?, PrivateKeyDer::Pkcs8(self.key.clone_key())))
    }
}

/// Puts up what the authority wants to see of the names, and has it look.
async fn prove(order: &mut Order, names: &[DomainName], shown: &mut Shown<'_>) -> Result<(), AcmeError> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        let asked = authorization.identifier();
        let name = find_own(&asked, names).ok_or_else(|| AcmeError::Foreign(asked.to_string()))?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let challenge = authorization.challenge(ChallengeType::Dns01);
        let mut challenge = challenge.ok_or_else(|| AcmeError::NoProof(name.as_str().to_owned()))?;
        let value = challenge.key_authorization().dns_value();
        shown.put_up(format!("{PROOF_LABEL}.{name}"), value)?;
        challenge.set_ready().await?;
    }
    Ok(())
}

/// Which of the names it is that the authority speaks of.
fn find_own<'a>(asked: &AuthorizedIdentifier<'_>, names: &'a [DomainName]) -> Option<&'a DomainName> {
    let Identifier::Dns(asked_name) = asked.identifier else { return None };
    names.iter().find(|name| !asked.wildcard && name.as_str().eq_ignore_ascii_case(asked_name))
}

/// What the authority says of a proof that it does not take.
async fn find_reason(order: &mut Order) -> Option<String> {
    let mut authorizations = order.authorizations();
    while let Some(Ok(authorization)) = authorizations.next().await {
        let problem = authorization.challenges.iter().find_map(|challenge| challenge.error.as_ref());
        if let Some(problem) = problem {
            return Some(format!("{}: {problem}", authorization.identifier()));
        }
    }
    None
}

#[cfg(test)]
mod tests;
