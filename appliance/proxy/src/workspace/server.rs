//! The workspace's side: reaching it, and asking it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, Method, Request, Response, header};
use cache::Reached;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::Builder;
use hyper_util::rt::TokioIo;
use model::{DomainName, Subject};
use policy::Decided as _;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::pool::{Answer, Lease, Line, UpBody};
use super::settings::{Workspace, Workspaces};
use crate::dial::DialError;
use crate::gate::Gate;
use crate::http::{FIELDS_MAX, SendError, has_two_lengths};
use crate::passage::Passage;

/// For a connection that waits to be ready. It is at once, unless something is still being sent over it that was answered before its
/// end: whoever sends that slowly shall not hold up others.
const READY_WITHIN: Duration = Duration::from_millis(100);

/// The way to one server of a workspace.
pub(super) struct Server<'w> {
    pub(super) gate: &'w Gate,
    pub(super) workspaces: &'w Workspaces,
    pub(super) workspace: &'w Workspace,
    pub(super) name: &'w DomainName,
}

impl Server<'_> {
    /// Sends a request: over a connection that waits where there is one, else over a new one.
    pub(super) async fn send(
        &self,
        mut request: Request<UpBody>,
        passage: &mut Passage,
    ) -> Result<Response<Answer>, SendError> {
        // What is said on a connection with such credentials is for whoever brought them (RFC 4559 section 6).
        let is_own = is_bound_to_connection(request.headers(), &header::AUTHORIZATION);
        let standing = if is_own { None } else { self.workspaces.pool.take(self.name) };
        if let Some(mut line) = standing
            && let Ok(Ok(())) = timeout(READY_WITHIN, line.sender.ready()).await
        {
            passage.peer = line.peer;
            // The server may close at this very moment; what it has not read, or may read twice, is sent again.
            let again = repeat(&request);
            match line.sender.try_send_request(request).await {
                Ok(response) => return Ok(self.lease(response, line, is_own)),
                Err(mut failed) => match failed.take_message().or(again) {
                    Some(message) => request = message,
                    None => return Err(SendError::Broken(failed.into_error())),
                },
            }
        }
        let mut line = self.open(passage).await?;
        let response = line.sender.send_request(request).await.map_err(SendError::Broken)?;
        Ok(self.lease(response, line, is_own))
    }

    /// The connection is given back with the end of the body, unless something else may follow on it.
    fn lease(&self, response: Response<Incoming>, line: Line, is_own: bool) -> Response<Answer> {
        let headers = response.headers();
        let is_bound = is_own || is_bound_to_connection(headers, &header::WWW_AUTHENTICATE);
        let is_reusable = !is_bound && !has_two_lengths(headers) && !response.status().is_informational();
        let pool = Arc::clone(&self.workspaces.pool);
        let lease = is_reusable.then(|| Lease { pool, server: self.name.clone(), line });
        let watched = self.workspaces.lines.find(self.name);
        response.map(|body| Answer::new(body, lease, watched))
    }

    pub(super) async fn open(&self, passage: &mut Passage) -> Result<Line, SendError> {
        let stream = match self.workspace.upstream() {
            Some(place) => self.gate.dial_at(passage, place).await?,
            None => self.gate.dial(passage, self.gate.settings().ports.tls).await?,
        };
        let peer = stream.peer_addr().ok();
        let stream = self.prove(stream).await?;
        self.remember(passage);
        let (sender, connection) = Builder::new()
            .preserve_header_case(true)
            .max_headers(FIELDS_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(SendError::Broken)?;
        // It ends by itself, with the last handle to it and with what is on its way.
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "a connection to a workspace failed");
            }
        });
        Ok(Line { sender, peer })
    }

    /// Notes where the server is, which has shown its certificate: a start without a line has nobody to ask. What answered comes
    /// first.
    fn remember(&self, passage: &Passage) {
        let depot = self.workspaces.depot.as_ref().filter(|_| self.workspace.upstream().is_none());
        let Some((depot, permit)) = depot.zip(passage.permit()) else { return };
        let Subject::Device(device) = permit.decision().subject() else { return };
        let Some(peer) = passage.peer.filter(|_| depot.servers.is_due(self.name, depot.now())) else {
            return;
        };
        let others = passage.choice.iter().map(SocketAddr::ip).filter(|address| *address != peer.ip());
        let addresses = std::iter::once(peer.ip()).chain(others).collect();
        let reached = Reached { name: self.name.clone(), addresses, device: device.mac, at: depot.now() };
        if depot.servers.note(reached, |name| self.workspace.names(name)) {
            let depot = Arc::clone(depot);
            // Nobody waits for the disk.
            tokio::spawn(async move { depot.servers.save().await });
        }
    }

    async fn prove(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, SendError> {
        let name = ServerName::try_from(self.name.as_str().to_owned())
            .map_err(|error| SendError::Untrusted(std::io::Error::other(error)))?;
        let connector = TlsConnector::from(Arc::clone(self.workspace.client()));
        let proving = connector.connect(name, stream);
        let outcome = timeout(self.gate.settings().timeouts.connect, proving).await;
        outcome.map_err(|_| SendError::Unreached(DialError::TimedOut))?.map_err(|error| {
            if is_untrusted(&error) && self.workspaces.distrust.note_server(self.name) {
                tracing::warn!(server = %self.name, %error, "the workspace's certificate is not trusted: it is passed through");
            }
            SendError::Untrusted(error)
        })
    }
}

/// Whether it is the certificate that is wrong, and not the connection.
pub(super) fn is_untrusted(error: &std::io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    matches!(cause, Some(rustls::Error::InvalidCertificate(_)))
}

/// Whether a field speaks of a way to sign in that holds for the connection and not for the request.
fn is_bound_to_connection(headers: &HeaderMap, name: &header::HeaderName) -> bool {
    const SCHEMES: [&[u8]; 2] = [b"ntlm", b"negotiate"];
    let mut lines = headers.get_all(name).iter().map(|value| value.as_bytes().to_ascii_lowercase());
    lines.any(|line| SCHEMES.iter().any(|scheme| line.windows(scheme.len()).any(|part| part == *scheme)))
}

/// The same request once more, where sending it twice does no harm (RFC 9110 section 9.2.2) and there is no body.
fn repeat(request: &Request<UpBody>) -> Option<Request<UpBody>> {
    let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    if !is_safe || !request.body().is_end_stream() {
        return None;
    }
    let mut again = Request::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *again.method_mut() = request.method().clone();
    *again.uri_mut() = request.uri().clone();
    *again.version_mut() = request.version();
    *again.headers_mut() = request.headers().clone();
    *again.extensions_mut() = request.extensions().clone();
    Some(again)
}
