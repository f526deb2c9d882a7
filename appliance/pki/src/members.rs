//! The authority of a hub over its boxes: whom it has given a certificate is a box of the commune's, until the register says that it is
//! none any more.

use std::time::Duration;

use model::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber, SignatureAlgorithm,
};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use crate::authority::PkiError;
use crate::file::{self, Damage, Parts};
use crate::leaf::Validity;
use crate::names::Names;

const DAY_MS: i64 = 86_400_000;
/// How far a certificate reaches back: a box's clock may be late.
const BACK_MS: i64 = 2 * DAY_MS;
/// How far it reaches ahead. Whoever is revoked is refused at once, by the register; a box that comes back from the summer, or
/// from the shelf, still has to be known.
const AHEAD_MS: i64 = 365 * DAY_MS;
/// 2049-12-31: from 2050 on, certificates write times another way.
const LAST_MS: i64 = 2_524_607_999_000;
/// Bytes of a public key of P-256: a point, uncompressed (SEC 1 section 2.3.3).
const POINT_BYTES: usize = 65;
/// What it begins with.
const UNCOMPRESSED: u8 = 4;
/// Bytes of a serial number (RFC 5280 section 4.1.2.2).
const SERIAL_BYTES: usize = 16;

/// An authority that certifies boxes, as clients and as nothing else.
pub struct MemberAuthority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
}

/// A box's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// In DER.
    pub certificate_der: Vec<u8>,
    /// From when on it is good.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// What a box asks to have certified is no key.
#[derive(Debug, thiserror::Error)]
pub enum CertifyError {
    /// Not a point of P-256, as its bytes go.
    #[error("it is no public key")]
    Key,
    /// It cannot be certified.
    #[error(transparent)]
    Pki(#[from] PkiError),
}

/// The key of a box, which never leaves it.
pub struct MemberKey(KeyPair);

impl MemberAuthority {
    /// A new authority, with a key that nobody else has.
    ///
    /// # Errors
    /// [`PkiError`] when the system gives no randomness.
    pub fn generate() -> Result<Self, PkiError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let params = params();
        let certificate_pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate_pem })
    }

    /// Reads what [`MemberAuthority::write`] wrote.
    ///
    /// # Errors
    /// [`Damage`] when it is anything else.
    pub fn read(text: &str) -> Result<Self, Damage> {
        let Parts { names, key_pem, certificate_pem } = file::read(text)?;
        if names != Names::default() {
            return Err(Damage::Kind);
        }
        let key = KeyPair::from_pem(&key_pem).map_err(|_| Damage::Key)?;
        CertificateDer::from_pem_slice(certificate_pem.as_bytes()).map_err(|_| Damage::Certificate)?;
        Ok(Self { issuer: Issuer::new(params(), key), certificate_pem })
    }

    /// The whole authority as a text file, its key included: an authority's file that names nobody.
    #[must_use]
    pub fn write(&self) -> String {
        file::write(&Names::default(), &self.issuer.key().serialize_pem(), &self.certificate_pem)
    }

    /// Its certificate in DER.
    #[must_use]
    pub fn certificate_der(&self) -> Vec<u8> {
        // It was read or made here, so it is one.
        CertificateDer::from_pem_slice(self.certificate_pem.as_bytes())
            .map(|certificate| certificate.to_vec())
            .unwrap_or_default()
    }

    /// Certifies a box's public key, for a year.
    ///
    /// # Errors
    /// [`CertifyError`].
    pub fn certify(&self, public_key: &[u8], name: &str, now: Timestamp) -> Result<Membership, CertifyError> {
        let key = Point(public_key);
        if public_key.len() != POINT_BYTES || public_key.first() != Some(&UNCOMPRESSED) {
            return Err(CertifyError::Key);
        }
        let [from, until] = [-BACK_MS, AHEAD_MS]
            .map(|distance| Timestamp::from_unix_ms(now.unix_ms().saturating_add(distance)));
        let mut params = CertificateParams::default();
        let moment = |at: Timestamp| {
            let since = u64::try_from(at.unix_ms().clamp(0, LAST_MS)).unwrap_or_default();
            rcgen::date_time_ymd(1970, 1, 1) + Duration::from_millis(since)
        };
        (params.not_before, params.not_after) = (moment(from), moment(until));
        params.serial_number = Some(serial()?);
        params.distinguished_name = subject(name);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).map_err(PkiError::from)?;
        Ok(Membership { certificate_der: certificate.der().to_vec(), from, until })
    }
}

impl std::fmt::Debug for MemberAuthority {
    /// Never the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemberAuthority").finish_non_exhaustive()
    }
}

impl MemberKey {
    /// A new key.
    ///
    /// # Errors
    /// [`PkiError`] when the system gives no randomness.
    pub fn generate() -> Result<Self, PkiError> {
        Ok(Self(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?))
    }

    /// Reads a key in PEM.
    ///
    /// # Errors
    /// [`Damage::Key`] when it is none.
    pub fn read(pem: &str) -> Result<Self, Damage> {
        KeyPair::from_pem(pem).map(Self).map_err(|_| Damage::Key)
    }

    /// The key in PEM (PKCS #8).
    #[must_use]
    pub fn write(&self) -> String {
        self.0.serialize_pem()
    }

    /// What is certified of it.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        self.0.public_key_raw()
    }

    /// For a TLS client.
    #[must_use]
    pub fn pkcs8(&self) -> PrivatePkcs8KeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.0.serialize_der())
    }
}

impl std::fmt::Debug for MemberKey {
    /// Never the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemberKey").finish_non_exhaustive()
    }
}

/// A public key that came from elsewhere. Whether the point is on the curve shows in the first handshake: nobody has the
/// key of one that is not.
struct Point<'k>(&'k [u8]);

impl PublicKeyData for Point<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

/// All that the authority's certificate says.
fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    Validity::Whole.set(&mut params);
    params.distinguished_name = subject("Boîtiers de la commune");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn subject(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "Préau");
    subject.push(DnType::CommonName, name);
    subject
}

fn serial() -> Result<SerialNumber, PkiError> {
    let mut bytes = [0; SERIAL_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| rcgen::Error::RingUnspecified)?;
    // Positive, and never shorter than it looks.
    if let Some(first) = bytes.first_mut() {
        *first = *first & 0x3f | 0x40;
    }
    Ok(SerialNumber::from(bytes.to_vec()))
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::UnixTime;
    use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

    use super::*;

    const NOW_MS: i64 = 1_795_392_000_000;

    fn verify(certificate: &[u8], by: &MemberAuthority, unix_ms: i64, usage: KeyUsage) -> bool {
        let (root, leaf) = (CertificateDer::from(by.certificate_der()), CertificateDer::from(certificate));
        let anchor = anchor_from_trusted_cert(&root).unwrap();
        let at = UnixTime::since_unix_epoch(Duration::from_millis(u64::try_from(unix_ms).unwrap()));
        let leaf = EndEntityCert::try_from(&leaf).unwrap();
        leaf.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &[anchor], &[], at, usage, None, None).is_ok()
    }

    #[test]
    fn a_box_is_certified_as_a_client_for_a_year() {
        let authority = MemberAuthority::generate().unwrap();
        let key = MemberKey::generate().unwrap();
        let membership =
            authority.certify(key.public_key(), "0750655E", Timestamp::from_unix_ms(NOW_MS)).unwrap();
        let check = |days: i64, usage: KeyUsage, expected: bool| {
            let at = NOW_MS + days * DAY_MS;
            assert_eq!(verify(&membership.certificate_der, &authority, at, usage), expected, "{days}");
        };
        check(0, KeyUsage::client_auth(), true);
        check(-1, KeyUsage::client_auth(), true);
        check(364, KeyUsage::client_auth(), true);
        check(366, KeyUsage::client_auth(), false);
        check(0, KeyUsage::server_auth(), false);
        let other = MemberAuthority::generate().unwrap();
        assert!(!verify(&membership.certificate_der, &other, NOW_MS, KeyUsage::client_auth()));
    }

    #[test]
    fn what_is_no_key_is_not_certified() {
        let authority = MemberAuthority::generate().unwrap();
        for key in [&[][..], &[4; 64], &[4; 66], &[2; 65]] {
            let refused = authority.certify(key, "0750655E", Timestamp::from_unix_ms(NOW_MS));
            assert!(matches!(refused, Err(CertifyError::Key)), "{key:?}");
        }
    }

    #[test]
    fn keys_and_authorities_come_back_as_they_were() {
        let authority = MemberAuthority::generate().unwrap();
        let again = MemberAuthority::read(&authority.write()).unwrap();
        assert_eq!(again.write(), authority.write());
        let key = MemberKey::generate().unwrap();
        assert_eq!(MemberKey::read(&key.write()).unwrap().public_key(), key.public_key());
        assert_eq!(MemberKey::read("").unwrap_err(), Damage::Key);
        let of_a_box = crate::Authority::generate(Names::new(["preau.lan".parse().unwrap()], [])).unwrap();
        assert_eq!(MemberAuthority::read(&of_a_box.write()).unwrap_err(), Damage::Kind);
    }
}
