//! A certificate for names that the commune owns, which every browser trusts: the box makes the key, somebody else vouches for it.
//!
//! Invariant: the key leaves the box in no request; nothing is shown whose key is not the box's own, or that is for no name.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{DomainName, Timestamp};
use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use rustls::crypto::ring::sign::any_ecdsa_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::authority::PkiError;

/// Most certificates of a chain: public authorities need two or three.
const CHAIN_MAX: usize = 6;
/// Most names of a certificate that is read: a school has a handful.
const NAMES_MAX: usize = 50;
/// Most bytes of a chain.
pub const CHAIN_BYTES_MAX: usize = 32 << 10;

/// The key of such a certificate.
pub struct WebKey(KeyPair);

/// A chain of certificates, from that of the names on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebChain {
    certificates: Vec<CertificateDer<'static>>,
    names: Vec<DomainName>,
    /// Whether it is for nothing beside the names: no wildcard, no address.
    is_plain: bool,
    public_key: Vec<u8>,
    from: Timestamp,
    until: Timestamp,
}

/// What is no such chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebChainError {
    /// Not certificates in PEM, or too many.
    #[error("it is no chain of certificates in PEM, that of the names first")]
    Form,
    /// It has no name that could be shown.
    #[error("its first certificate is for no name")]
    Nameless,
}

/// A chain with its key: what is shown.
pub struct WebCertificate {
    chain: WebChain,
    certified: Arc<CertifiedKey>,
}

impl WebKey {
    /// A new key, on P-256.
    ///
    /// # Errors
    /// [`PkiError`] when the system gives no randomness.
    pub fn generate() -> Result<Self, PkiError> {
        Ok(Self(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?))
    }

    /// Reads what [`WebKey::write`] wrote; `None` where it is no key.
    #[must_use]
    pub fn read(pem: &str) -> Option<Self> {
        KeyPair::from_pem(pem).ok().map(Self)
    }

    /// The key as text.
    #[must_use]
    pub fn write(&self) -> String {
        self.0.serialize_pem()
    }

    /// Its public half: a point of P-256, uncompressed.
    #[must_use]
    pub fn public_key(&self) -> Vec<u8> {
        self.0.der_bytes().to_vec()
    }

    /// A request for a certificate of these names (RFC 2986), in DER.
    ///
    /// # Errors
    /// [`PkiError`].
    pub fn request(&self, names: &[DomainName]) -> Result<Vec<u8>, PkiError> {
        let names: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        // Names stand in the extension alone: authorities look nowhere else.
        params.distinguished_name = DistinguishedName::new();
        Ok(params.serialize_request(&self.0)?.der().to_vec())
    }
}

impl WebChain {
    /// Reads a chain in PEM. Whether its authority is one that browsers trust is for them to judge.
    ///
    /// # Errors
    /// [`WebChainError`].
    pub fn read(pem: &str) -> Result<Self, WebChainError> {
        if pem.len() > CHAIN_BYTES_MAX {
            return Err(WebChainError::Form);
        }
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        let certificates = certificates.map_err(|_| WebChainError::Form)?;
        if certificates.len() > CHAIN_MAX {
            return Err(WebChainError::Form);
        }
        let leaf = certificates.first().and_then(|leaf| Certificate::from_der(leaf).ok());
        let leaf = leaf.ok_or(WebChainError::Form)?.tbs_certificate;
        let moment = |time: x509_cert::time::Time| {
            let ms = i64::try_from(time.to_unix_duration().as_millis()).unwrap_or(i64::MAX);
            Timestamp::from_unix_ms(ms)
        };
        let (from, until) = (moment(leaf.validity.not_before), moment(leaf.validity.not_after));
        let all = leaf.get::<SubjectAltName>().ok().flatten().map(|(_, names)| names.0).unwrap_or_default();
        let names: Vec<DomainName> = all.iter().filter_map(read_domain).take(NAMES_MAX).collect();
        let is_plain = only_domains(&all).is_some();
        if names.is_empty() {
            return Err(WebChainError::Nameless);
        }
        let public_key = leaf.subject_public_key_info.subject_public_key.raw_bytes().to_vec();
        Ok(Self { certificates, names, is_plain, public_key, from, until })
    }

    /// Whether it is for this key.
    #[must_use]
    pub fn is_of(&self, public_key: &[u8]) -> bool {
        self.public_key == public_key
    }

    /// Whether it is for these names, all of them and nothing else; for no names, none is.
    #[must_use]
    pub fn is_for(&self, names: &[DomainName]) -> bool {
        self.is_plain && is_same(&self.names, names)
    }

    /// From when to when it is good.
    #[must_use]
    pub fn validity(&self) -> (Timestamp, Timestamp) {
        (self.from, self.until)
    }
}

impl WebCertificate {
    /// The chain with its key; `None` where it is another one's.
    #[must_use]
    pub fn new(chain: WebChain, key: &WebKey) -> Option<Self> {
        if !chain.is_of(&key.public_key()) {
            return None;
        }
        let own = PrivatePkcs8KeyDer::from(key.0.serialize_der()).into();
        let certified = CertifiedKey::new(chain.certificates.clone(), any_ecdsa_type(&own).ok()?);
        Some(Self { chain, certified: Arc::new(certified) })
    }

    /// Reads a key and its chain in one text.
    #[must_use]
    pub fn read(pem: &str) -> Option<Self> {
        Self::new(WebChain::read(pem).ok()?, &WebKey::read(pem)?)
    }

    /// The chain.
    #[must_use]
    pub fn chain(&self) -> &WebChain {
        &self.chain
    }

    /// What is shown for this name at this time.
    pub(crate) fn show(&self, name: &DomainName, now: Timestamp) -> Option<Arc<CertifiedKey>> {
        let (from, until) = self.chain.validity();
        let is_good = from <= now && now < until && self.chain.names.contains(name);
        is_good.then(|| Arc::clone(&self.certified))
    }
}

/// Whether these are the same names, in whatever order.
pub(crate) fn is_same(some: &[DomainName], others: &[DomainName]) -> bool {
    some.iter().collect::<BTreeSet<_>>() == others.iter().collect::<BTreeSet<_>>()
}

/// The names, where nothing else is among them.
pub(crate) fn only_domains(names: &[GeneralName]) -> Option<Vec<DomainName>> {
    names.iter().map(read_domain).collect::<Option<Vec<_>>>().filter(|names| names.len() <= NAMES_MAX)
}

fn read_domain(name: &GeneralName) -> Option<DomainName> {
    let GeneralName::DnsName(name) = name else { return None };
    name.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use model::ClockQuality;
    use rcgen::{CertificateParams, Issuer};

    use super::*;
    use crate::{Authority, Identity, Names};

    const DAY_MS: i64 = 86_400_000;

    fn names(names: &[&str]) -> Vec<DomainName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    /// A chain for a key by an authority of the test's own, good from 2026-11-22 to 2027-02-20.
    fn certify(key: &WebKey, names: &[&str]) -> String {
        let own = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut authority = CertificateParams::default();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let root = authority.self_signed(&own).unwrap().pem();
        let issuer = Issuer::new(authority, own);
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        (params.not_before, params.not_after) =
            (rcgen::date_time_ymd(2026, 11, 22), rcgen::date_time_ymd(2027, 2, 20));
        format!("{}{root}", params.signed_by(&key.0, &issuer).unwrap().pem())
    }

    fn at(day: i64) -> Timestamp {
        // 2026-11-23 and so many days.
        Timestamp::from_unix_ms(1_795_392_000_000 + day * DAY_MS)
    }

    #[test]
    fn a_chain_is_shown_for_its_names_in_its_time_with_its_own_key() {
        let key = WebKey::read(&WebKey::generate().unwrap().write()).unwrap();
        let pem = certify(&key, &["ferry.ecoles.example", "ent.commune.example"]);
        let chain = WebChain::read(&pem).unwrap();
        assert!(chain.is_for(&names(&["ent.commune.example", "ferry.ecoles.example"])));
        for wrong in ["", "ent.commune.example", "ferry.ecoles.example ent.commune.example other.example"] {
            let wrong: Vec<&str> = wrong.split_whitespace().collect();
            assert!(!chain.is_for(&names(&wrong)), "{wrong:?}");
        }
        let wild = WebChain::read(&certify(&key, &["ferry.ecoles.example", "*.example"])).unwrap();
        assert!(!wild.is_for(&names(&["ferry.ecoles.example"])), "it is for more");
        assert_eq!(chain.validity(), (at(-1), at(89)));
        let web = WebCertificate::read(&format!("{}{pem}", key.write())).unwrap();
        let [own, other] = ["ferry.ecoles.example", "other.example"].map(|name| name.parse().unwrap());
        let shown = |name: &DomainName, day: i64| web.show(name, at(day)).is_some();
        assert!(shown(&own, 0) && !shown(&other, 0) && !shown(&own, -2) && !shown(&own, 89));
        let stranger = WebKey::generate().unwrap();
        assert!(WebCertificate::new(chain, &stranger).is_none(), "another one's key");
        for wrong in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &pem.repeat(9)] {
            assert_eq!(WebChain::read(wrong), Err(WebChainError::Form));
        }
        assert_eq!(WebChain::read(&certify(&key, &[])), Err(WebChainError::Nameless));
    }

    #[test]
    fn a_request_is_for_the_names_and_signed_by_the_key() {
        let key = WebKey::generate().unwrap();
        let request = key.request(&names(&["ferry.ecoles.example"])).unwrap();
        let public = key.public_key();
        assert!(request.windows(public.len()).any(|bytes| bytes == public), "the key that it is for");
        assert!(request.windows(20).any(|bytes| bytes == b"ferry.ecoles.example"));
        // Where PKCS #8 has the number that is the key (RFC 5915).
        let secret = key.0.serialize_der();
        let number = &secret[36..68];
        assert!(!request.windows(32).any(|bytes| bytes == number));
    }

    #[test]
    fn the_box_shows_it_and_its_own_for_everything_else() {
        let own = Names::new(names(&["preau.lan"]), []);
        let clock = || (at(0), ClockQuality::Synchronised);
        let identity = Identity::new(Authority::generate(own.clone()).unwrap(), own, clock);
        let key = WebKey::generate().unwrap();
        let pem = certify(&key, &["ferry.ecoles.example"]);
        let shown = |name: &str| identity.shown_for(Some(name)).unwrap();
        let before = shown("ferry.ecoles.example");
        identity.show_web(WebCertificate::read(&format!("{}{pem}", key.write())));
        assert_ne!(shown("Ferry.Ecoles.example"), before);
        assert_eq!(shown("Ferry.Ecoles.example"), WebChain::read(&pem).unwrap().certificates[0].to_vec());
        assert_eq!(shown("preau.lan"), before, "the box's own");
        identity.show_web(None);
        assert_eq!(shown("ferry.ecoles.example"), before);
    }
}
