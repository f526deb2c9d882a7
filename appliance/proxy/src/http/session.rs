//! One client connection.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::http::{HeaderName, Request, StatusCode, header};
use access::Admission;
use hyper::Method;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use model::{AccessKind, Fault, Host};
use policy::Target;
use tokio::net::TcpStream;
use tokio::sync::{Mutex as AsyncMutex, Notify};
use tokio::time::sleep;
use wire::http::{Authority, TargetError, find_authority};

use super::body::discard;
use super::fields::is_plainly_coded;
use super::reply::{Objection, Reply};
use super::tunnel::Tunnel;
use super::upstream::{Route, Upstream};
use crate::gate::{Caller, Door, Gate};
use crate::passage::Passage;

/// How long a box that stops waits for the first request of a connection that it has accepted: a client that has one is about to
/// send it, and takes a close for the end of the site. Browsers also open connections in advance, for nothing.
const FIRST_REQUEST_WITHIN: Duration = Duration::from_millis(500);
/// Longest head of a request. Cookies make real ones 8 KiB long, single sign-on up to 32.
pub(crate) const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most header fields of a head; browsers send about twenty.
pub(crate) const FIELDS_MAX: usize = 200;

/// A client connection, the server connection that it uses at the moment, and what became of it.
pub(super) struct Session {
    pub(super) gate: Arc<Gate>,
    pub(super) caller: Caller,
    pub(super) door: Door,
    /// Never shared with another client: what a server says on a connection is for the one who asked.
    pub(super) upstream: AsyncMutex<Option<Upstream>>,
    tunnel: Mutex<Option<Tunnel>>,
    /// Told with each request.
    asked: Notify,
}

/// Where a judged request goes.
pub(super) enum Way {
    /// To a permitted host.
    Web(Box<Passage>, Route),
    /// To the box's own pages.
    Portal,
}

/// Serves a connection that came to an HTTP door.
pub(crate) async fn serve(gate: &Arc<Gate>, door: Door, client: TcpStream, caller: Caller) {
    let session = Arc::new(Session {
        gate: Arc::clone(gate),
        caller,
        door,
        upstream: AsyncMutex::default(),
        tunnel: Mutex::default(),
        asked: Notify::default(),
    });
    if let Err(error) = session.converse(client).await {
        tracing::debug!(client = %session.caller.address, %error, "an HTTP connection failed");
        if error.is_parse() {
            session.record_malformed();
        }
    }
    let tunnel = session.tunnel.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(tunnel) = tunnel {
        tunnel.serve(gate, &session.caller).await;
    }
}

impl Session {
    async fn converse(self: &Arc<Self>, client: TcpStream) -> hyper::Result<()> {
        let timeouts = self.gate.settings().timeouts;
        let service = service_fn(|request| {
            let session = Arc::clone(self);
            async move { Ok::<_, Infallible>(session.answer(request).await) }
        });
        let connection = http1::Builder::new()
            .preserve_header_case(true)
            .auto_date_header(false)
            .half_close(true)
            .max_headers(FIELDS_MAX)
            .max_header_size(HEAD_BYTES_MAX)
            .timer(TokioTimer::new())
            .header_read_timeout(timeouts.http_head)
            .serve_connection(TokioIo::new(client), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let mut stop = self.caller.stop.clone();
        tokio::select! {
            outcome = connection.as_mut() => return outcome,
            () = self.caller.seat.pulse().stop(timeouts.http_idle) => return Ok(()),
            _ = stop.wait_for(|&is_stopping| is_stopping) => {}
        }
        tokio::select! {
            outcome = connection.as_mut() => return outcome,
            () = self.asked.notified() => {}
            () = sleep(FIRST_REQUEST_WITHIN) => {}
        }
        connection.as_mut().graceful_shutdown();
        connection.await
    }

    async fn answer(&self, request: Request<Incoming>) -> Reply {
        self.asked.notify_one();
        self.gate.await_room(&self.caller).await;
        self.caller.seat.decide();
        if request.method() == Method::CONNECT {
            return self.connect(request).await;
        }
        match self.judge(&request) {
            Ok(way) => self.forward(request, way).await,
            Err(objection) => self.object(request, &objection).await,
        }
    }

    /// Refuses a request with a page.
    pub(super) async fn object(&self, request: Request<Incoming>, objection: &Objection) -> Reply {
        let (head, body) = request.into_parts();
        // A client that still sends would not hear the answer: closing on unread bytes resets. One that asked
        // first whether to send is told no by the answer.
        if !head.headers.contains_key(header::EXPECT) {
            discard(body).await;
        }
        objection.reply(self.gate.pages(), accept_language(&head))
    }

    fn judge(&self, request: &Request<Incoming>) -> Result<Way, Objection> {
        let ports = self.gate.settings().ports;
        let Authority { host, port } = read_authority(request, ports.http).map_err(|error| {
            tracing::debug!(client = %self.caller.address, %error, "a request names no single host");
            self.fault(AccessKind::Http, error.fault(), None)
        })?;
        if !is_plainly_coded(request.headers()) {
            return Err(self.fault(AccessKind::Http, Fault::Malformed, Some(host)));
        }
        if self.is_portal(&host) {
            return Ok(Way::Portal);
        }
        let port = port.unwrap_or(ports.http);
        if port != ports.http {
            return Err(self.fault(AccessKind::Http, Fault::Port, Some(host)));
        }
        let target = Target::Url { host: host.clone(), path_and_query: judged_path(request) };
        let passage = self.admit(AccessKind::Http, target)?;
        Ok(Way::Web(Box::new(passage), Route::Web { host, port }))
    }

    /// Judges and records an access.
    pub(super) fn admit(&self, kind: AccessKind, target: Target) -> Result<Passage, Objection> {
        match self.gate.admit(&self.caller, kind, target) {
            Ok(Admission::Permit(permit)) => Ok(self.gate.begin(permit, &self.caller)),
            Ok(Admission::Refusal(refusal)) => {
                Err(Objection::Refused(StatusCode::FORBIDDEN, Box::new(refusal)))
            }
            Err(_) => Err(Objection::Closed),
        }
    }

    /// Records a request that is refused for what it is.
    pub(super) fn fault(&self, kind: AccessKind, fault: Fault, host: Option<Host>) -> Objection {
        let status = match fault {
            Fault::Unnamed | Fault::Malformed | Fault::NotTls => StatusCode::BAD_REQUEST,
            Fault::AddressLiteral
            | Fault::Port
            | Fault::Evasion
            | Fault::Tunnel
            | Fault::Inward
            // No request is one of these.
            | Fault::Quic
            | Fault::DnsOverTls
            | Fault::DnsOverQuic
            | Fault::NoService
            | Fault::Elsewhere
            | Fault::NotForProfile
            | Fault::Unready
            | Fault::Protocol
            | Fault::Flood => StatusCode::FORBIDDEN,
        };
        match self.gate.admit(&self.caller, kind, Target::Fault { fault, host }) {
            Ok(Admission::Refusal(refusal)) => Objection::Refused(status, Box::new(refusal)),
            // A fault is never permitted; were it, nothing would be done with the permit.
            Ok(Admission::Permit(_)) | Err(_) => Objection::Closed,
        }
    }

    /// A head that hyper could not read, and answered by itself.
    fn record_malformed(&self) {
        let target = Target::Fault { fault: Fault::Malformed, host: None };
        if let Err(closed) = self.gate.admit(&self.caller, AccessKind::Http, target) {
            tracing::debug!(%closed, "a malformed request is not recorded");
        }
    }

    fn is_portal(&self, host: &Host) -> bool {
        match (&self.gate.settings().portal, host) {
            (Some(portal), Host::Name(name)) => portal.names.contains(name),
            (Some(_), Host::Address(address)) => self.gate.is_own_address(*address),
            (None, _) => false,
        }
    }

    /// Leaves what follows on the connection to `tunnel`.
    pub(super) fn leave_to(&self, tunnel: Tunnel) {
        *self.tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some(tunnel);
    }
}

fn read_authority(request: &Request<Incoming>, default_port: u16) -> Result<Authority, TargetError> {
    let uri = request.uri();
    if uri.scheme_str().is_some_and(|scheme| scheme != "http") {
        return Err(TargetError::Mismatch);
    }
    let target = uri.authority().map(|authority| authority.as_str().as_bytes());
    find_authority(target, host_fields(request), default_port)
}

pub(crate) fn host_fields(request: &Request<Incoming>) -> impl Iterator<Item = &[u8]> {
    request.headers().get_all(header::HOST).iter().map(|value| value.as_bytes())
}

/// The path that lists are asked about; `OPTIONS *` is about the whole server.
fn judged_path(request: &Request<Incoming>) -> String {
    match request.uri().path_and_query().map(|path| path.as_str()) {
        Some(path) if path.starts_with('/') => path.to_owned(),
        Some(_) | None => "/".to_owned(),
    }
}

pub(crate) fn accept_language(head: &::http::request::Parts) -> Option<&str> {
    const NAME: HeaderName = header::ACCEPT_LANGUAGE;
    head.headers.get(NAME).and_then(|value| value.to_str().ok())
}
