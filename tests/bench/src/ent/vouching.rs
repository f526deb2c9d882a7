//! Who vouches for the ENT's server, and for the peers in its place.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::NAME;

/// An authority, and a certificate for the ENT's name: ECDSA on P-256, as the box's own.
#[derive(Debug)]
pub struct Vouching {
    /// The authority's certificate, in PEM.
    pub authority: PathBuf,
    /// The server's, in PEM.
    pub chain: PathBuf,
    /// The server's key, in PEM.
    pub key: PathBuf,
    /// Key and certificate in one file, as hitch has it.
    pub both: PathBuf,
}

impl Vouching {
    /// Makes both; the files are in `folder`.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn new(folder: &Path) -> Result<Self> {
        let own = Self {
            authority: folder.join("authority.pem"),
            chain: folder.join("server.pem"),
            key: folder.join("server.key"),
            both: folder.join("server-both.pem"),
        };
        let authority_key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        // Another name than the server's, or OpenSSL takes the server for its own authority.
        params.distinguished_name.push(DnType::CommonName, "Autorité du banc d'essai Préau");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        fs::write(&own.authority, params.self_signed(&authority_key)?.pem())?;
        let issuer = Issuer::new(params, authority_key);
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![NAME.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, NAME);
        let chain = params.signed_by(&key, &issuer)?.pem();
        fs::write(&own.chain, &chain)?;
        fs::write(&own.key, key.serialize_pem())?;
        fs::write(&own.both, format!("{}{chain}", key.serialize_pem()))?;
        Ok(own)
    }

    /// How the ENT's server speaks TLS.
    ///
    /// # Errors
    /// The files are gone.
    pub fn server(&self) -> Result<Arc<ServerConfig>> {
        let chain = CertificateDer::pem_file_iter(&self.chain)?.collect::<Result<_, _>>()?;
        let key = PrivateKeyDer::from_pem_file(&self.key)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(Arc::new(builder.with_no_client_auth().with_single_cert(chain, key)?))
    }
}

/// How a device that trusts this authority speaks TLS.
///
/// # Errors
/// The file is no certificate.
pub fn client(authority: &Path) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    let certificate =
        CertificateDer::from_pem_file(authority).with_context(|| format!("{}", authority.display()))?;
    roots.add(certificate)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}
