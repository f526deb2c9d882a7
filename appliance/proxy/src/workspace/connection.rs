//! One connection of a device to a workspace, as the box serves it.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ::http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use model::{DomainName, End};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustls::AlertDescription;
use seats::{Eviction, Seat, Seats, Share, Throttle};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::exchange::Rest;
use super::lull::Lull;
use super::nursery::Nursery;
use super::settings::Workspaces;
use super::stream::{Counted, Reread};
use crate::alert::reset;
use crate::gate::{Caller, Gate};
use crate::http::HEAD_BYTES_MAX;
use crate::passage::Passage;

/// HTTP/2 in a hello (RFC 9113 section 3.2).
const HTTP2: &[u8] = b"h2";
/// Requests at once on an HTTP/2 connection: a page has some dozens of pictures, and the line is the school's.
const STREAMS_MAX: u32 = 32;
/// Bytes of an answer that wait for a device that reads slowly: a piece as it is read from the disk. Whoever opens many and reads none
/// holds no more of each.
const SEND_BYTES_MAX: usize = 128 * 1024;
/// Connections to workspaces at once: four for each of 250 devices. Each may have come half-way with a head ([`HEAD_BYTES_MAX`]), so that
/// this is the box's memory.
const CONNECTIONS_MAX: usize = 1_024;
/// Those of one device: 8 MiB of heads. Browsers open six to a name by HTTP/1.1, and one by HTTP/2.
const OF_DEVICE_MAX: usize = 128;
/// Bytes of chance by which a connection knows again what it has posted: nobody guesses another one's, and none comes again.
const POSTER_BYTES: usize = 16;

/// The connections to workspaces, and who leaves when there are too many.
pub(super) struct Entrance {
    seats: Arc<Seats<Share>>,
    complaint: Throttle,
}

impl Default for Entrance {
    fn default() -> Self {
        Self { seats: Seats::new(CONNECTIONS_MAX), complaint: Throttle::default() }
    }
}

impl Entrance {
    fn enter(&self, gate: &Gate, caller: &Caller) -> Option<(Seat<Share>, Eviction)> {
        let (share, standing) = (gate.share_of(caller), Arc::clone(caller.seat.standing()));
        let entered = self.seats.take_for(share, OF_DEVICE_MAX, standing);
        if entered.is_none() {
            self.complain(caller);
        }
        entered
    }

    fn complain(&self, caller: &Caller) {
        if let Some(kept_back) = self.complaint.pass() {
            tracing::warn!(
                client = %caller.address.ip(),
                kept_back,
                "a device has too many connections to a workspace: one is given up"
            );
        }
    }
}

/// A connection, and what became of it.
pub(super) struct Connection {
    pub(super) gate: Arc<Gate>,
    pub(super) workspaces: Arc<Workspaces>,
    pub(super) caller: Caller,
    /// The server name of its hello: the one that its requests may be for.
    pub(super) name: DomainName,
    pub(super) lull: Arc<Lull>,
    tunnel: Mutex<Option<Tunnel>>,
    /// By which what it has posted is known again; drawn when it posts.
    poster: OnceLock<HeaderValue>,
}

/// What follows on a connection once both sides have agreed to a WebSocket.
pub(super) struct Tunnel {
    pub(super) client: OnUpgrade,
    pub(super) server: OnUpgrade,
    pub(super) passage: Passage,
    pub(super) rest: Arc<Rest>,
}

/// Serves a connection whose hello named a workspace. `said` is what was read of it.
pub(crate) async fn serve(
    gate: &Arc<Gate>,
    client: TcpStream,
    said: Vec<u8>,
    caller: &Caller,
    name: DomainName,
) {
    let Some(workspaces) = gate.settings().workspaces.clone() else { return };
    let Some((_seat, eviction)) = workspaces.entrance.enter(gate, caller) else { return reset(&client) };
    let connection = Arc::new(Connection {
        gate: Arc::clone(gate),
        workspaces,
        caller: caller.clone(),
        name,
        lull: Arc::default(),
        tunnel: Mutex::default(),
        poster: OnceLock::new(),
    });
    tokio::select! {
        () = connection.serve(client, said) => {}
        Ok(()) = eviction => connection.workspaces.entrance.complain(caller),
    }
}

impl Connection {
    /// By which what it has posted is known again; `None` where it has posted nothing.
    pub(super) fn poster(&self) -> Option<&HeaderValue> {
        self.poster.get()
    }

    /// The same, drawn where there is none; `None` where the system gives no chance.
    pub(super) fn name_poster(&self) -> Option<&HeaderValue> {
        if self.poster.get().is_none() {
            let mut bytes = [0; POSTER_BYTES];
            SystemRandom::new().fill(&mut bytes).ok()?;
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            // Another request of the connection may have been faster.
            let _drawn = self.poster.set(HeaderValue::from_str(&digits).ok()?);
        }
        self.poster.get()
    }

    /// Serves it to its end.
    async fn serve(self: &Arc<Self>, client: TcpStream, said: Vec<u8>) {
        match self.accept(client, said).await {
            Ok(stream) => self.converse(stream).await,
            Err(error) => self.note_refusal(&error),
        }
        let tunnel = self.tunnel.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(tunnel) = tunnel {
            self.carry(tunnel).await;
        }
    }

    async fn accept(&self, client: TcpStream, said: Vec<u8>) -> io::Result<TlsStream<Reread>> {
        let acceptor = TlsAcceptor::from(Arc::clone(self.workspaces.tls()));
        let accepting = acceptor.accept(Reread::new(said, client));
        timeout(self.gate.settings().timeouts.hello, accepting).await?
    }

    /// A device that does not take the box's certificate gets the workspace's own from now on.
    fn note_refusal(&self, error: &io::Error) {
        tracing::debug!(client = %self.caller.address, %error, "a device does not take the workspace from the box");
        if is_distrust(error) {
            self.workspaces.distrust.note_device(self.gate.client_of(&self.caller));
        }
    }

    async fn converse(self: &Arc<Self>, stream: TlsStream<Reread>) {
        let nursery = Nursery::default();
        let speaks_http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
        let timeouts = self.gate.settings().timeouts;
        let service = service_fn(|request: Request<Incoming>| {
            let connection = Arc::clone(self);
            async move { Ok::<_, Infallible>(connection.answer(request).await) }
        });
        let mut builder = Builder::new(nursery.clone());
        // Of fields as many as hyper takes by itself, a hundred: for another number it makes room anew with each request.
        builder
            .http1()
            .preserve_header_case(true)
            .auto_date_header(false)
            .half_close(true)
            .max_buf_size(HEAD_BYTES_MAX);
        builder
            .http2()
            .auto_date_header(false)
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_send_buf_size(SEND_BYTES_MAX)
            .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX));
        let conversation = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let mut conversation = pin!(conversation);
        let mut stop = self.caller.stop.clone();
        let outcome = tokio::select! {
            outcome = conversation.as_mut() => Some(outcome),
            () = self.caller.seat.pulse().stop(timeouts.http_idle) => Some(Ok(())),
            () = self.lull.outlast(timeouts.http_head), if !speaks_http2 => Some(Ok(())),
            _ = stop.wait_for(|&is_stopping| is_stopping) => None,
        };
        let outcome = match outcome {
            Some(outcome) => outcome,
            None => {
                conversation.as_mut().graceful_shutdown();
                conversation.await
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(client = %self.caller.address, %error, "a connection to a workspace failed");
        }
    }

    /// Leaves what follows on the connection to `tunnel`.
    pub(super) fn leave_to(&self, tunnel: Tunnel) {
        *self.tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some(tunnel);
    }

    /// Carries a WebSocket until one side ends it, or nothing moves for too long.
    async fn carry(&self, tunnel: Tunnel) {
        let Tunnel { client, server, mut passage, rest } = tunnel;
        let (traffic, seat) = (Arc::clone(passage.traffic()), Arc::clone(&self.caller.seat));
        let carrying = async {
            let (client, server) = tokio::try_join!(client, server).map_err(io::Error::other)?;
            let mut client = Counted::new(TokioIo::new(client), traffic, seat);
            copy_bidirectional(&mut client, &mut TokioIo::new(server)).await
        };
        let outcome = tokio::select! {
            outcome = carrying => outcome.map(drop),
            () = self.caller.seat.pulse().stop(self.gate.settings().timeouts.idle) => {
                Err(io::ErrorKind::TimedOut.into())
            }
        };
        if let Err(error) = &outcome {
            tracing::debug!(%error, "a WebSocket broke off");
        }
        passage.end = Some(if outcome.is_ok() { End::Finish } else { End::Abort });
        drop(rest);
    }
}

/// Whether the client said that it does not believe the certificate (RFC 8446 section 6.2).
fn is_distrust(error: &io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    let Some(rustls::Error::AlertReceived(alert)) = cause else { return false };
    [
        AlertDescription::BadCertificate,
        AlertDescription::UnsupportedCertificate,
        AlertDescription::CertificateExpired,
        AlertDescription::CertificateUnknown,
        AlertDescription::UnknownCA,
    ]
    .contains(alert)
}
