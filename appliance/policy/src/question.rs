//! What is asked of the policy.

use std::net::SocketAddr;

use model::{AccessKind, Fault, Host, ServiceName, Subject, Transport};

/// One access, before it is judged.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who asks.
    pub subject: Subject,
    /// By which door.
    pub kind: AccessKind,
    /// For what.
    pub target: Target,
    /// Where the client's packets were bound for, before the box took them; `None` for DNS and the proxy.
    pub destination: Option<SocketAddr>,
}

/// What an access is for.
#[derive(Clone, Debug)]
pub enum Target {
    /// A whole host: all that DNS and TLS show.
    Host(Host),
    /// A page of a host. The path is judged, and given out by no decision: no record can hold it.
    Url {
        /// The host.
        host: Host,
        /// From the first slash on, with the query: `/a/b?c`.
        path_and_query: String,
    },
    /// A flow of a named service.
    Service {
        /// The service.
        service: ServiceName,
        /// The host that the address stands for; the address itself in a network of the service.
        host: Host,
        /// By which protocol.
        transport: Transport,
        /// The port of the service.
        port: u16,
    },
    /// Something that is refused for what it is.
    Fault {
        /// What is wrong with it.
        fault: Fault,
        /// The host that it named, if it named one.
        host: Option<Host>,
    },
}
