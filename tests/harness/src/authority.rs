//! The certificate authority that the lab's Internet trusts.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

/// An authority that exists for one lab.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    directory: PathBuf,
}

impl Authority {
    /// Makes an authority, and writes its certificate to `ca.pem` in `directory`.
    pub(crate) fn new(directory: &Path) -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Autorité du laboratoire Préau");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        std::fs::write(directory.join("ca.pem"), params.self_signed(&key)?.pem())?;
        Ok(Self { issuer: Issuer::new(params, key), directory: directory.to_owned() })
    }

    /// Where its certificate is, in PEM.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// Issues a certificate, and returns the paths of the chain and of the key, in PEM.
    pub(crate) fn issue(&self, names: &[&str], addresses: &[IpAddr]) -> Result<(PathBuf, PathBuf)> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let first = names.first().cloned().unwrap_or_default();
        let mut params = CertificateParams::new(names)?;
        params.subject_alt_names.extend(addresses.iter().copied().map(SanType::IpAddress));
        params.distinguished_name.push(DnType::CommonName, first.as_str());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let chain = self.directory.join(format!("{first}.pem"));
        let private = self.directory.join(format!("{first}.key"));
        std::fs::write(&chain, certificate.pem())?;
        std::fs::write(&private, key.serialize_pem())?;
        Ok((chain, private))
    }
}
