//! What the box shows to whoever connects by TLS.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use model::{ClockQuality, DomainName, Timestamp};
use rustls::ServerConfig;
use rustls::crypto::ring::{default_provider, sign::any_ecdsa_type};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::authority::{Authority, PkiError};
use crate::leaf::Leaf;
use crate::names::Names;
use crate::web::WebCertificate;

/// What the clock shows, and how far to trust it.
pub type Reading = (Timestamp, ClockQuality);

/// Certificates for single names that are kept at a time: an ENT has a handful. With more, somebody makes names up, and each
/// is made when it is asked for.
const SINGLE_MAX: usize = 32;

/// The box's certificate, for itself, whatever name a client expects; and for each other name that its authority may vouch
/// for one of its own, so that no browser takes the connection to one for one to another. It looks at the time with each connection, and makes the next
/// certificate when the present one is half gone: nothing has to wake up for that.
pub struct Identity {
    authority: Authority,
    /// The box itself.
    own: Names,
    clock: Box<dyn Fn() -> Reading + Send + Sync>,
    is_authority_shown: bool,
    /// By the name that it is for; `None`: the box itself.
    shown: Mutex<BTreeMap<Option<DomainName>, Shown>>,
    /// What every browser trusts, for names that the commune owns.
    web: Mutex<Option<WebCertificate>>,
}

struct Shown {
    leaf: Leaf,
    certified: Arc<CertifiedKey>,
}

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
enum ShowError {
    #[error("it cannot be made")]
    Issue(#[source] PkiError),
    #[error("its key cannot be used")]
    Key(#[source] rustls::Error),
}

impl Identity {
    /// Shows certificates of this authority, by this clock; `own` is what the box itself is called.
    pub fn new(
        authority: Authority,
        own: Names,
        clock: impl Fn() -> Reading + Send + Sync + 'static,
    ) -> Self {
        let (clock, shown) = (Box::new(clock), Mutex::default());
        Self { authority, own, clock, is_authority_shown: false, shown, web: Mutex::default() }
    }

    /// Shows the authority's certificate beside its own: whoever does not know the authority yet learns which it is.
    #[must_use]
    pub fn with_authority_shown(self) -> Self {
        Self { is_authority_shown: true, ..self }
    }

    /// Shows this certificate for its names from now on, in its time, and the authority's own for everything else; `None`: no other.
    pub fn show_web(&self, web: Option<WebCertificate>) {
        *self.web.lock().unwrap_or_else(PoisonError::into_inner) = web;
    }

    /// Who vouches for the box.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Until when the box's own certificate is good; `None` where nobody has asked for it yet.
    #[must_use]
    pub fn shown_until(&self) -> Option<Timestamp> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.get(&None).map(|shown| shown.leaf.end())
    }

    /// What a TLS server needs to show it: TLS 1.3 and 1.2, ring. `protocols` are those that the server speaks, the preferred
    /// ones first (ALPN, RFC 7301); with none, the client's are not looked at.
    ///
    /// # Errors
    /// [`rustls::Error`] when rustls lacks what it needs, which would be a mistake of this program.
    pub fn server_config(self: &Arc<Self>, protocols: &[&[u8]]) -> Result<ServerConfig, rustls::Error> {
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let mut config = builder
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(config)
    }

    /// The same where clients may show certificates of their own, which `verifier` judges.
    ///
    /// # Errors
    /// As [`Identity::server_config`].
    pub fn server_config_for_members(
        self: &Arc<Self>,
        verifier: Arc<dyn ClientCertVerifier>,
    ) -> Result<ServerConfig, rustls::Error> {
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let config = builder.with_safe_default_protocol_versions()?.with_client_cert_verifier(verifier);
        Ok(config.with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>))
    }

    fn show(&self, expected: Option<&str>) -> Result<Arc<CertifiedKey>, ShowError> {
        let (now, quality) = (self.clock)();
        if let Some(certified) = expected.and_then(|name| self.find_web(name, now)) {
            return Ok(certified);
        }
        let single = expected.and_then(|name| self.find_single(name));
        // Making one takes a fraction of a millisecond: whoever comes meanwhile waits for it.
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shown) = shown.get(&single).filter(|shown| shown.leaf.is_fresh(now, quality)) {
            return Ok(Arc::clone(&shown.certified));
        }
        let names = single.as_ref().map(|name| Names::new([name.clone()], []));
        let leaf = self.authority.issue(names.as_ref().unwrap_or(&self.own), now, quality);
        let leaf = leaf.map_err(ShowError::Issue)?;
        let key = PrivatePkcs8KeyDer::from(leaf.key_pkcs8.clone()).into();
        let key = any_ecdsa_type(&key).map_err(ShowError::Key)?;
        let authority = self.is_authority_shown.then(|| self.authority.certificate_der().into());
        let chain = [leaf.certificate.clone()].into_iter().chain(authority).collect();
        let certified = Arc::new(CertifiedKey::new(chain, key));
        if shown.len() > SINGLE_MAX {
            shown.retain(|name, _| name.is_none());
        }
        shown.insert(single, Shown { leaf, certified: Arc::clone(&certified) });
        Ok(certified)
    }

    /// What is shown for a name that the commune owns.
    fn find_web(&self, expected: &str, now: Timestamp) -> Option<Arc<CertifiedKey>> {
        let web = self.web.lock().unwrap_or_else(PoisonError::into_inner);
        web.as_ref()?.show(&expected.parse().ok()?, now)
    }

    /// The certificate that somebody is shown who expects a name, in DER.
    #[cfg(test)]
    pub(crate) fn shown_for(&self, expected: Option<&str>) -> Option<Vec<u8>> {
        self.show(expected).ok()?.cert.first().map(|certificate| certificate.to_vec())
    }

    /// The name that a client expects, where it is not the box's own and the authority may vouch for it.
    fn find_single(&self, expected: &str) -> Option<DomainName> {
        let name: DomainName = expected.parse().ok()?;
        let is_single = self.authority.names().covers(&name) && !self.own.covers(&name);
        is_single.then_some(name)
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // Without one, rustls ends the handshake with an alert: the client sees why, and may come again.
        self.show(hello.server_name()).ok()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("authority", &self.authority).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::Names;

    const START_MS: i64 = 1_795_392_000_000;

    fn names(domains: &[&str]) -> Names {
        Names::new(domains.iter().map(|name| name.parse().unwrap()), [])
    }

    #[test]
    fn the_certificate_is_kept_for_days_and_then_made_anew() {
        let time = Arc::new(AtomicI64::new(0));
        let clock = {
            let time = Arc::clone(&time);
            move || match time.load(Ordering::Relaxed) {
                0 => (Timestamp::from_unix_ms(0), ClockQuality::Unset),
                unix_ms => (Timestamp::from_unix_ms(unix_ms), ClockQuality::Synchronised),
            }
        };
        let own = names(&["preau.lan"]);
        let identity = Identity::new(Authority::generate(own.clone()).unwrap(), own, clock);
        let show_at = |unix_ms: i64| {
            time.store(unix_ms, Ordering::Relaxed);
            identity.show(None).unwrap().cert[0].to_vec()
        };
        let without_clock = show_at(0);
        assert_eq!(show_at(0), without_clock);
        let first = show_at(START_MS);
        assert_ne!(first, without_clock, "as soon as the time is known");
        assert_eq!(show_at(START_MS + 3 * 86_400_000), first);
        assert_ne!(show_at(START_MS + 5 * 86_400_000), first);
    }

    #[test]
    fn each_other_name_has_a_certificate_of_its_own() {
        let authority = Authority::generate(names(&["preau.lan", "ent.example"])).unwrap();
        let clock = || (Timestamp::from_unix_ms(START_MS), ClockQuality::Synchronised);
        let identity = Identity::new(authority, names(&["preau.lan"]), clock);
        let show = |name: Option<&str>| identity.show(name).unwrap().cert[0].to_vec();
        let own = show(None);
        for name in ["preau.lan", "other.example", "10.77.0.1", "..."] {
            assert_eq!(show(Some(name)), own, "{name}");
        }
        let media = show(Some("Media.ENT.example"));
        assert_ne!(media, own);
        assert_eq!(show(Some("media.ent.example")), media);
        for number in 0..=SINGLE_MAX {
            assert_ne!(show(Some(&format!("n{number}.ent.example"))), media);
        }
        assert!(identity.shown.lock().unwrap().len() <= SINGLE_MAX + 1);
        assert_eq!(show(None), own, "made-up names do not cost the box its own");
    }
}
