//! The certificates that a server shows, before anything is believed of it.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};

/// What whoever answers at the first of the addresses that can be reached shows as its certificate and those above it, itself first. It
/// proves nothing; nothing was said to it. Each address, and each step with it, may take so long.
///
/// # Errors
/// The system's; nobody answers, or not by TLS.
pub fn see_certificates(
    addresses: &[SocketAddr],
    name: ServerName<'static>,
    within: Duration,
) -> io::Result<Vec<CertificateDer<'static>>> {
    let seen = Arc::new(Seen::default());
    let config = configure(Arc::new(default_provider()), Arc::clone(&seen) as Arc<dyn ServerCertVerifier>);
    let config = config.map_err(io::Error::other)?;
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    let mut socket = connect(addresses, within)?;
    let outcome = connection.complete_io(&mut socket);
    let certificates = std::mem::take(&mut *seen.0.lock().unwrap_or_else(PoisonError::into_inner));
    match outcome {
        Err(error) if certificates.is_empty() => Err(error),
        Ok(_) | Err(_) => Ok(certificates),
    }
}

/// TLS with a verifier of one's own.
pub(crate) fn configure(
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn connect(addresses: &[SocketAddr], within: Duration) -> io::Result<TcpStream> {
    let mut outcome = Err(io::ErrorKind::NotFound.into());
    for address in addresses {
        outcome = TcpStream::connect_timeout(address, within);
        if outcome.is_ok() {
            break;
        }
    }
    let socket = outcome?;
    socket.set_read_timeout(Some(within))?;
    socket.set_write_timeout(Some(within))?;
    Ok(socket)
}

/// Takes no certificate, and remembers those that it saw.
#[derive(Debug, Default)]
struct Seen(Mutex<Vec<CertificateDer<'static>>>);

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let all = std::iter::once(end_entity).chain(others).map(|it| it.clone().into_owned());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = all.collect();
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
