//! Which authority a hub shows, before anything is believed of it.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};

use crate::error::SyncError;
use crate::url::HubUrl;

/// How long each step of the handshake may take.
const SEE_WITHIN: Duration = Duration::from_secs(10);
/// Most addresses of a name that are tried.
const ADDRESSES_MAX: usize = 8;

/// The certificate of the authority that whoever answers at `url` shows last. It proves nothing: the exchange does, which it is
/// a part of.
pub(crate) fn see(url: &HubUrl) -> Result<Vec<u8>, SyncError> {
    let seen = Arc::new(Seen::default());
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| SyncError::from_tls(&error, &url.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&seen) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let no_answer = |source: Box<dyn std::error::Error + Send + Sync>| SyncError::NoAnswer {
        url: url.to_string(),
        source,
    };
    let name = url.server_name().map_err(|error| no_answer(Box::new(error)))?;
    let mut connection =
        ClientConnection::new(Arc::new(config), name).map_err(|error| no_answer(Box::new(error)))?;
    let mut socket = connect(url).map_err(|error| no_answer(Box::new(error)))?;
    let outcome = connection.complete_io(&mut socket);
    let last = seen.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (last, outcome) {
        (Some(certificate), _) => Ok(certificate),
        (None, Err(error)) => Err(no_answer(Box::new(error))),
        (None, Ok(_)) => Err(SyncError::NoHub(url.to_string())),
    }
}

fn connect(url: &HubUrl) -> std::io::Result<TcpStream> {
    let (host, port) = url.place();
    let addresses: Vec<SocketAddr> = (host.as_str(), port).to_socket_addrs()?.take(ADDRESSES_MAX).collect();
    let mut outcome = Err(std::io::ErrorKind::NotFound.into());
    for address in addresses {
        outcome = TcpStream::connect_timeout(&address, SEE_WITHIN);
        if outcome.is_ok() {
            break;
        }
    }
    let socket = outcome?;
    socket.set_read_timeout(Some(SEE_WITHIN))?;
    socket.set_write_timeout(Some(SEE_WITHIN))?;
    Ok(socket)
}

/// Takes no certificate, and remembers the last one of the chain.
#[derive(Debug, Default)]
struct Seen(Mutex<Option<Vec<u8>>>);

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let last = others.last().map(|certificate| certificate.to_vec());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = last;
        Err(rustls::Error::General("it was looked at, and no more".to_owned()))
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("nothing was agreed on".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("nothing was agreed on".to_owned()))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
