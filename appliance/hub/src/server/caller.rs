//! Who asks: the box whose certificate the connection showed.

use std::any::Any;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use replication::Refusal;

use crate::Hub;
use crate::enrolling::tell;
use crate::register::{BoxState, Fingerprint};

/// The certificate of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown(Fingerprint);

/// Notes which certificate a connection has shown. That it is signed by the hub, and in its time, the handshake has found out.
pub(super) fn note(connection: &dyn Any, data: &mut Extensions) {
    let stream = connection.downcast_ref::<TlsStream<TcpStream>>();
    let certificates = stream.and_then(|stream| stream.get_ref().1.peer_certificates());
    if let Some(certificate) = certificates.and_then(|chain| chain.first()) {
        let _none_before = data.insert(Shown(Fingerprint::of(certificate)));
    }
}

/// The certificate of a request's connection.
pub(super) fn shown(request: &HttpRequest) -> Option<Shown> {
    request.conn_data::<Shown>().copied()
}

/// The box that asks. The register is asked each time: whoever is revoked is refused with the next request, also on a connection
/// that was open before.
pub(super) fn find(hub: &Hub, shown: Option<Shown>) -> Result<BoxState, Refusal> {
    let shown = shown.ok_or(Refusal::UnknownBox)?;
    let found = hub.register.find_box(shown.0).map_err(tell)?.ok_or(Refusal::UnknownBox)?;
    if found.revoked.is_some() { Err(Refusal::RevokedBox) } else { Ok(found) }
}
