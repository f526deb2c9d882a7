//! The authority: a key, and a certificate that says what it may vouch for.

use model::{ClockQuality, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SerialNumber,
};
use ring::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::file::{self, Damage, Parts};
use crate::leaf::{LAST, Leaf, Validity};
use crate::names::Names;

/// Bytes of a serial number: RFC 5280 section 4.1.2.2 allows 20, and 16 of a hash never meet again.
const SERIAL_BYTES: usize = 16;
/// Bytes of the key's hash that tell one box's authority from another's in a device's list of them.
const MARK_BYTES: usize = 4;

/// An authority of one box.
///
/// Its certificate is good from 2026 to the end of 2049, whatever the time: a box without a clock makes the same one,
/// and devices that trust it are asked to trust another only when the box is replaced by one without its data.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    names: Names,
    certificate_pem: String,
}

/// A certificate cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("a certificate cannot be made")]
pub struct PkiError(#[from] rcgen::Error);

impl Authority {
    /// A new authority over these names, with a key that nobody else has.
    ///
    /// # Errors
    /// [`PkiError`] when the system gives no randomness, or a name does not fit into a certificate.
    pub fn generate(names: Names) -> Result<Self, PkiError> {
        Self::certify(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?, names)
    }

    /// The same authority over other names, with a new certificate for the same key. A device that has the old one
    /// goes on trusting the names that both have.
    ///
    /// # Errors
    /// As [`Authority::generate`].
    pub fn rename(self, names: Names) -> Result<Self, PkiError> {
        Self::certify(KeyPair::from_pem(&self.issuer.key().serialize_pem())?, names)
    }

    fn certify(key: KeyPair, names: Names) -> Result<Self, PkiError> {
        let params = params(&key, &names);
        let certificate_pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), names, certificate_pem })
    }

    /// Reads what [`Authority::write`] wrote.
    ///
    /// # Errors
    /// [`Damage`] when it is anything else.
    pub fn read(text: &str) -> Result<Self, Damage> {
        let Parts { names, key_pem, certificate_pem } = file::read(text)?;
        let key = KeyPair::from_pem(&key_pem).map_err(|_| Damage::Key)?;
        CertificateDer::from_pem_slice(certificate_pem.as_bytes()).map_err(|_| Damage::Certificate)?;
        let issuer = Issuer::new(params(&key, &names), key);
        Ok(Self { issuer, names, certificate_pem })
    }

    /// The whole authority as a text file, its key included.
    #[must_use]
    pub fn write(&self) -> String {
        file::write(&self.names, &self.issuer.key().serialize_pem(), &self.certificate_pem)
    }

    /// The last moment at which its certificate is good.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        LAST
    }

    /// What it may vouch for.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Its certificate in PEM: what devices are given.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The same in DER.
    #[must_use]
    pub fn certificate_der(&self) -> Vec<u8> {
        // It was read or made here, so it is one.
        CertificateDer::from_pem_slice(self.certificate_pem.as_bytes())
            .map(|certificate| certificate.to_vec())
            .unwrap_or_default()
    }

    /// The SHA-256 of the certificate, as devices show it: pairs of hexadecimal digits.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let hash = digest(&SHA256, &self.certificate_der());
        hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
    }

    /// A certificate for these names, with a key of its own. It is worth nothing for what the authority may not vouch for.
    ///
    /// # Errors
    /// As [`Authority::generate`].
    pub fn issue(&self, names: &Names, now: Timestamp, quality: ClockQuality) -> Result<Leaf, PkiError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let validity = Validity::at(now, quality);
        let mut params = CertificateParams::default();
        validity.set(&mut params);
        params.distinguished_name = subject(names.first().unwrap_or("Préau"));
        params.subject_alt_names = names.alternatives()?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Leaf { certificate: certificate.der().clone(), key_pkcs8: key.serialize_der(), validity })
    }
}

impl std::fmt::Debug for Authority {
    /// Never the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("names", &self.names).finish_non_exhaustive()
    }
}

/// All that the certificate says. It follows from key and names alone.
fn params(key: &KeyPair, names: &Names) -> CertificateParams {
    let mark = digest(&SHA256, key.public_key_raw());
    let mark: String = mark.as_ref().iter().take(MARK_BYTES).map(|byte| format!("{byte:02x}")).collect();
    let mut params = CertificateParams::default();
    Validity::Whole.set(&mut params);
    params.serial_number = Some(serial(key, names));
    params.distinguished_name = subject(&format!("Autorité du boîtier {mark}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.name_constraints = Some(names.constraints());
    params
}

fn subject(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "Préau");
    subject.push(DnType::CommonName, name);
    subject
}

/// Two certificates of one authority with one number would be refused (NSS does), so the names are in it.
fn serial(key: &KeyPair, names: &Names) -> SerialNumber {
    let mut hashed = key.public_key_raw().to_vec();
    for name in names.texts() {
        hashed.extend_from_slice(name.as_bytes());
        hashed.push(0);
    }
    let hash = digest(&SHA256, &hashed);
    let mut serial: Vec<u8> = hash.as_ref().iter().copied().take(SERIAL_BYTES).collect();
    // Positive, and never shorter than it looks.
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x3f | 0x40;
    }
    SerialNumber::from(serial)
}

#[cfg(test)]
mod tests;
