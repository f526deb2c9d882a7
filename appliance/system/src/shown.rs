//! The certificates that a server shows, before anything is believed of it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};

use crate::clock::monotonic;

/// What whoever answers at the first of the addresses that can be reached shows as its certificate and those above it, itself first. It
/// proves nothing; nothing was said to it. All of it may take so long.
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
    let mut socket = connect(addresses, monotonic() + within)?;
    let outcome = connection.complete_io(&mut socket);
    let certificates = std::mem::take(&mut *seen.0.lock().unwrap_or_else(PoisonError::into_inner));
    match outcome {
        Ok(_) | Err(_) if !certificates.is_empty() => Ok(certificates),
        // Time that is over is no error to the library where something has come.
        Ok(_) => Err(ErrorKind::TimedOut.into()),
        Err(error) => Err(error),
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

/// Each address may take an equal share of what is left: one that swallows packets leaves the others theirs.
fn connect(addresses: &[SocketAddr], end: Instant) -> io::Result<Hurried> {
    let mut outcome = Err(ErrorKind::NotFound.into());
    for (address, others) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let share = left_until(end)? / u32::try_from(others).unwrap_or(u32::MAX);
        outcome = TcpStream::connect_timeout(address, share);
        if outcome.is_ok() {
            break;
        }
    }
    Ok(Hurried { socket: outcome?, end })
}

/// A connection that is over at its end, however little the other side says at a time.
struct Hurried {
    socket: TcpStream,
    end: Instant,
}

impl Read for Hurried {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(left_until(self.end)?))?;
        self.socket.read(buffer)
    }
}

impl Write for Hurried {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(left_until(self.end)?))?;
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// Never nothing: that would be no limit.
fn left_until(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(monotonic());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
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

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Each byte comes well within the time that all may take: a record of TLS of 16 KiB would take half an hour.
    #[test]
    fn who_says_a_byte_now_and_again_holds_nobody() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let head = [0x16, 3, 3, 0x40, 0];
            for byte in head.into_iter().chain(std::iter::repeat(2)) {
                if socket.write_all(&[byte]).is_err() {
                    break;
                }
                thread::sleep(Duration::from_millis(100));
            }
        });
        let (begin, within) = (monotonic(), Duration::from_secs(1));
        let name = ServerName::try_from("openwrt.lan").unwrap();
        assert!(see_certificates(&[address], name, within).is_err());
        assert!(begin.elapsed() < within * 5, "{:?}", begin.elapsed());
        server.join().unwrap();
    }
}
