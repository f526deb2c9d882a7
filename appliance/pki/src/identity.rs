//! What the box shows to whoever connects by TLS.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use model::{ClockQuality, Timestamp};
use rustls::ServerConfig;
use rustls::crypto::ring::{default_provider, sign::any_ecdsa_type};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::authority::{Authority, PkiError};
use crate::leaf::Leaf;

/// What the clock shows, and how far to trust it.
pub type Reading = (Timestamp, ClockQuality);

/// The box's certificate, whatever name a client expects. It looks at the time with each connection, and makes the next
/// certificate when the present one is half gone: nothing has to wake up for that.
pub struct Identity {
    authority: Authority,
    clock: Box<dyn Fn() -> Reading + Send + Sync>,
    shown: Mutex<Option<Shown>>,
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
    /// Shows certificates of this authority, by this clock.
    pub fn new(authority: Authority, clock: impl Fn() -> Reading + Send + Sync + 'static) -> Self {
        Self { authority, clock: Box::new(clock), shown: Mutex::default() }
    }

    /// Who vouches for the box.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
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

    fn show(&self) -> Result<Arc<CertifiedKey>, ShowError> {
        let (now, quality) = (self.clock)();
        // Making one takes a fraction of a millisecond: whoever comes meanwhile waits for it.
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shown) = shown.as_ref().filter(|shown| shown.leaf.is_fresh(now, quality)) {
            return Ok(Arc::clone(&shown.certified));
        }
        let leaf = self.authority.issue(now, quality).map_err(ShowError::Issue)?;
        let key = PrivatePkcs8KeyDer::from(leaf.key_pkcs8.clone()).into();
        let key = any_ecdsa_type(&key).map_err(ShowError::Key)?;
        let certified = Arc::new(CertifiedKey::new(vec![leaf.certificate.clone()], key));
        *shown = Some(Shown { leaf, certified: Arc::clone(&certified) });
        Ok(certified)
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // Without one, rustls ends the handshake with an alert: the client sees why, and may come again.
        self.show().ok()
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

    #[test]
    fn the_certificate_is_kept_for_days_and_then_made_anew() {
        let names = Names::new(["preau.lan".parse().unwrap()], []);
        let time = Arc::new(AtomicI64::new(0));
        let clock = {
            let time = Arc::clone(&time);
            move || match time.load(Ordering::Relaxed) {
                0 => (Timestamp::from_unix_ms(0), ClockQuality::Unset),
                unix_ms => (Timestamp::from_unix_ms(unix_ms), ClockQuality::Synchronised),
            }
        };
        let identity = Identity::new(Authority::generate(names).unwrap(), clock);
        let show_at = |unix_ms: i64| {
            time.store(unix_ms, Ordering::Relaxed);
            identity.show().unwrap().cert[0].to_vec()
        };
        let start = 1_795_392_000_000;
        let without_clock = show_at(0);
        assert_eq!(show_at(0), without_clock);
        let first = show_at(start);
        assert_ne!(first, without_clock, "as soon as the time is known");
        assert_eq!(show_at(start + 3 * 86_400_000), first);
        assert_ne!(show_at(start + 5 * 86_400_000), first);
    }
}
