//! The server's side of a session.

use std::io::ErrorKind;
use std::net::{SocketAddr, SocketAddrV4};

use ::http::{Method, Request, Response};
use access::ResolveError;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use model::Host;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::body::Metered;
use super::fields::has_two_lengths;
use super::session::{FIELDS_MAX, Session};
use crate::dial::DialError;
use crate::front::Visit;
use crate::passage::Passage;

/// Which server a connection leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// A host of the web.
    Web {
        /// The host that was judged.
        host: Host,
        /// The port.
        port: u16,
    },
    /// The box's own pages.
    Portal(SocketAddrV4),
}

/// A connection to a server.
pub(super) struct Upstream {
    route: Route,
    sender: SendRequest<Metered>,
    peer: Option<SocketAddr>,
    /// Whether another request may follow.
    is_reusable: bool,
    /// Reads and writes the connection; it ends with the session.
    task: JoinHandle<()>,
}

impl Upstream {
    /// What a server says after a response with two lengths may belong to it by the other one (RFC 9112
    /// section 6.3): nobody else hears it.
    fn heed(&mut self, response: Response<Incoming>) -> Response<Incoming> {
        self.is_reusable = !has_two_lengths(response.headers());
        response
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error("the server is not reached")]
    Unreached(#[from] DialError),
    #[error("the server broke off")]
    Broken(#[source] hyper::Error),
    #[error("the server does not prove that it is the one")]
    Untrusted(#[source] std::io::Error),
    #[error("the server does not answer in time")]
    TimedOut,
    #[error("the line to the server is down")]
    LineDown,
    #[error("the server switches to a protocol, or uses a coding, that nobody asked for")]
    Unasked,
}

impl SendError {
    /// Whether the server is out of reach: it said nothing, and nobody refused to ask it.
    pub(crate) fn is_out_of_reach(&self) -> bool {
        match self {
            Self::LineDown
            | Self::TimedOut
            | Self::Broken(_)
            | Self::Unreached(
                DialError::Refused(_)
                | DialError::TimedOut
                | DialError::Unresolved(ResolveError::Unreachable),
            ) => true,
            // The connection broke before the server had shown who it is.
            Self::Untrusted(error) => {
                [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset].contains(&error.kind())
            }
            Self::Unasked
            | Self::Unreached(
                DialError::Forbidden(_)
                | DialError::Unresolved(ResolveError::NoAddress | ResolveError::Screened(_)),
            ) => false,
        }
    }
}

impl Session {
    /// Sends a request: over the connection of the one before, where that led to the same server and still
    /// stands, else over a new one.
    pub(super) async fn send(
        &self,
        mut request: Request<Metered>,
        route: &Route,
        passage: &mut Option<Passage>,
    ) -> Result<Response<Incoming>, SendError> {
        let mut slot = self.upstream.lock().await;
        let mut standing = slot.take().filter(|upstream| upstream.is_reusable && upstream.route == *route);
        if let Some(mut upstream) = standing.take()
            && upstream.sender.ready().await.is_ok()
        {
            // The server may close at this very moment; what it has not read, or may read twice, is sent again.
            let again = repeat(&request);
            match upstream.sender.try_send_request(request).await {
                Ok(response) => {
                    note_peer(passage, upstream.peer);
                    return Ok(slot.insert(upstream).heed(response));
                }
                Err(mut failed) => match failed.take_message().or(again) {
                    Some(message) => request = message,
                    None => return Err(SendError::Broken(failed.into_error())),
                },
            }
        }
        let mut upstream = self.open(route, passage).await?;
        let response = upstream.sender.send_request(request).await.map_err(SendError::Broken)?;
        Ok(slot.insert(upstream).heed(response))
    }

    async fn open(&self, route: &Route, passage: &mut Option<Passage>) -> Result<Upstream, SendError> {
        let (stream, visit) = match (route, passage) {
            (Route::Web { port, .. }, Some(passage)) => (self.gate.dial(passage, *port).await?, None),
            (Route::Portal(address), _) => {
                let (stream, visit) = self.gate.visit_front(*address, &self.caller).await?;
                (stream, Some(visit))
            }
            // Without a permit nothing is dialled.
            (Route::Web { .. }, None) => return Err(SendError::Unreached(DialError::TimedOut)),
        };
        let peer = stream.peer_addr().ok();
        let (sender, connection) = Builder::new()
            .preserve_header_case(true)
            .max_headers(FIELDS_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(SendError::Broken)?;
        let task = tokio::spawn(keep(connection, visit));
        Ok(Upstream { route: route.clone(), sender, peer, is_reusable: true, task })
    }
}

/// Reads and writes a connection until it ends, or has to leave the box's own pages to others.
async fn keep(connection: Connection<TokioIo<TcpStream>, Metered>, visit: Option<Visit>) {
    let carrying = connection.with_upgrades();
    let outcome = match visit {
        Some(visit) => visit.carry(carrying).await.unwrap_or(Ok(())),
        None => carrying.await,
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a server connection failed");
    }
}

fn note_peer(passage: &mut Option<Passage>, peer: Option<SocketAddr>) {
    if let Some(passage) = passage {
        passage.peer = peer;
    }
}

/// The same request once more, where sending it twice does no harm (RFC 9110 section 9.2.2) and its body is
/// not on its way.
fn repeat(request: &Request<Metered>) -> Option<Request<Metered>> {
    let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    let body = request.body().duplicate_empty().filter(|_| is_safe)?;
    let mut again = Request::new(body);
    *again.method_mut() = request.method().clone();
    *again.uri_mut() = request.uri().clone();
    *again.version_mut() = request.version();
    *again.headers_mut() = request.headers().clone();
    *again.extensions_mut() = request.extensions().clone();
    Some(again)
}
