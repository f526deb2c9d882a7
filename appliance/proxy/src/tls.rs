//! The TLS door: the server name decides.

use std::sync::Arc;

use access::{Admission, ResolveError};
use model::{AccessKind, DomainName, End, Host};
use policy::Target;
use tokio::net::TcpStream;
use wire::tls::{Alert, HelloError};

use crate::alert::{Unfinished, reset, send_alert};
use crate::dial::DialError;
use crate::gate::{Caller, Gate};
use crate::hello::{Opening, read_opening};
use crate::passage::Passage;
use crate::relay::{Side, relay};

/// Serves a connection that came to the TLS door.
pub(crate) async fn serve(gate: &Arc<Gate>, client: TcpStream, caller: &Caller) {
    match await_opening(gate, &client, Vec::new(), caller).await {
        Opening::Silence => {}
        Opening::Stop => reset(&client),
        Opening::Fault(error) => refuse(gate, client, caller, error, error.host()).await,
        // Whoever types the box's address sends no name (RFC 6066 section 3).
        Opening::Unnamed(bytes) if is_bound_for_front(gate, caller) => {
            gate.lead_to_front(client, bytes, caller).await;
        }
        Opening::Unnamed(_) => refuse(gate, client, caller, HelloError::Unnamed, None).await,
        Opening::Hello(name, bytes) if gate.is_front_name(&name) => {
            gate.lead_to_front(client, bytes, caller).await;
        }
        Opening::Hello(name, bytes) if gate.serves_workspace(&name, caller) => {
            crate::workspace::serve(gate, client, bytes, caller, name).await;
        }
        Opening::Hello(name, bytes) => judge(gate, client, caller, name, bytes).await,
    }
}

fn is_bound_for_front(gate: &Gate, caller: &Caller) -> bool {
    caller.destination.is_some_and(|destination| gate.is_front_address(destination.ip()))
}

/// Serves the inside of a `CONNECT` tunnel to `passage`'s host, or to the box itself where there is no passage. `read` are
/// bytes that came with the request.
///
/// The hello inside must name the same host: the passage then carries it, and there is one record. Another
/// name is an access of its own.
pub(crate) async fn serve_tunnel(
    gate: &Arc<Gate>,
    client: TcpStream,
    read: Vec<u8>,
    caller: &Caller,
    passage: Option<Passage>,
) {
    match (await_opening(gate, &client, read, caller).await, passage) {
        (Opening::Silence, Some(mut passage)) => passage.end = Some(End::Finish),
        (Opening::Silence, None) => {}
        (Opening::Stop, _) => reset(&client),
        (Opening::Fault(error), passage) => {
            let host = error.host().or_else(|| passage.as_ref().and_then(host_of));
            drop(passage);
            refuse(gate, client, caller, error, host).await;
        }
        (Opening::Unnamed(bytes), None) => gate.lead_to_front(client, bytes, caller).await,
        (Opening::Unnamed(_), Some(passage)) => {
            let host = host_of(&passage);
            drop(passage);
            refuse(gate, client, caller, HelloError::Unnamed, host).await;
        }
        (Opening::Hello(name, bytes), passage) if gate.is_front_name(&name) => {
            drop(passage);
            gate.lead_to_front(client, bytes, caller).await;
        }
        (Opening::Hello(name, bytes), passage) if gate.serves_workspace(&name, caller) => {
            // Each request inside is an access of its own.
            if let Some(mut passage) = passage {
                passage.end = Some(End::Finish);
            }
            crate::workspace::serve(gate, client, bytes, caller, name).await;
        }
        (Opening::Hello(name, bytes), Some(passage))
            if host_of(&passage).as_ref().and_then(Host::name) == Some(&name) =>
        {
            carry(gate, client, bytes, caller, passage).await;
        }
        (Opening::Hello(name, bytes), passage) => {
            drop(passage);
            judge(gate, client, caller, name, bytes).await;
        }
    }
}

async fn await_opening(gate: &Gate, client: &TcpStream, read: Vec<u8>, caller: &Caller) -> Opening {
    let limit = gate.settings().timeouts.hello;
    let unfinished = Unfinished(client);
    let opening = read_opening(client, read, limit, caller.stop.clone()).await;
    unfinished.finish();
    // Who waits has not decided: it leaves before those who have.
    gate.await_room(caller).await;
    caller.seat.decide();
    opening
}

fn host_of(passage: &Passage) -> Option<Host> {
    passage.permit().map(|permit| permit.decision().permitted_host().clone())
}

/// Records a hello that cannot be judged, and answers it. It is refused whatever the desk says.
async fn refuse(gate: &Gate, client: TcpStream, caller: &Caller, error: HelloError, host: Option<Host>) {
    tracing::debug!(client = %caller.address, %error, "a hello is refused");
    let fault = Target::Fault { fault: error.fault(), host };
    let alert = match gate.admit(caller, AccessKind::Tls, fault) {
        Ok(_) => error.alert(),
        Err(_) => Some(Alert::InternalError),
    };
    match alert {
        Some(alert) => send_alert(client, alert).await,
        None => reset(&client),
    }
}

async fn judge(gate: &Gate, client: TcpStream, caller: &Caller, name: DomainName, bytes: Vec<u8>) {
    match gate.admit(caller, AccessKind::Tls, Target::Host(Host::from(name))) {
        Ok(Admission::Permit(permit)) => carry(gate, client, bytes, caller, gate.begin(permit, caller)).await,
        Ok(Admission::Refusal(_)) => send_alert(client, Alert::AccessDenied).await,
        Err(_) => send_alert(client, Alert::InternalError).await,
    }
}

/// Connects to the passage's host, passes on what the client has said so far, and carries the rest.
async fn carry(gate: &Gate, client: TcpStream, said: Vec<u8>, caller: &Caller, mut passage: Passage) {
    match gate.dial(&mut passage, gate.settings().ports.tls).await {
        Ok(server) => {
            let client = Side { stream: client, said };
            let idle = gate.settings().timeouts.idle;
            let pulse = caller.seat.pulse();
            match relay(client, server.into(), gate.pipes(), passage.traffic(), pulse, idle).await {
                Ok(()) => passage.end = Some(End::Finish),
                Err(error) => {
                    tracing::debug!(%error, "a carried connection broke off");
                    passage.end = Some(End::Abort);
                }
            }
        }
        Err(error) => {
            tracing::debug!(%error, "a permitted host is not reached");
            drop(passage);
            match error {
                DialError::Forbidden(_) | DialError::Unresolved(ResolveError::Screened(_)) => {
                    send_alert(client, Alert::AccessDenied).await;
                }
                // What the client would see without the box.
                DialError::Unresolved(_) | DialError::Refused(_) | DialError::TimedOut => reset(&client),
            }
        }
    }
}
