//! What the binary tells the gate.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use model::DomainName;

use crate::workspace::Workspaces;

/// How the gate works in this school.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The ports of the web.
    pub ports: Ports,
    /// Whether the firewall redirects traffic here, so that the kernel knows where it was bound for.
    pub is_redirected: bool,
    /// The box's own pages; `None` where it serves none.
    pub portal: Option<Portal>,
    /// Open files that the process may have (its soft `RLIMIT_NOFILE`). The gate leaves a part of them to the
    /// other rooms and never uses more.
    pub descriptors_max: usize,
    /// The online workspaces that the box serves; `None` where it passes all through.
    pub workspaces: Option<Arc<Workspaces>>,
    /// How long things may take.
    pub timeouts: Timeouts,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ports: Ports::default(),
            is_redirected: false,
            portal: None,
            descriptors_max: DESCRIPTORS,
            workspaces: None,
            timeouts: Timeouts::default(),
        }
    }
}

/// What systemd grants a service that asks for nothing else, as a hard limit: room for some 1,000 connections.
const DESCRIPTORS: usize = 4096;

/// The ports on which servers are dialled: no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// Of HTTPS: 443.
    pub tls: u16,
    /// Of HTTP: 80.
    pub http: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self { tls: 443, http: 80 }
    }
}

/// The box's own pages. Requests and TLS connections for these names, and for the box's own addresses, go there without
/// an admission: they do not leave the box.
#[derive(Clone, Debug)]
pub struct Portal {
    /// Its names: `preau.lan`.
    pub names: Vec<DomainName>,
    /// Where it listens, on loopback.
    pub address: SocketAddrV4,
    /// Where it listens for TLS, on loopback; `None` where it has no certificate to show.
    pub tls_address: Option<SocketAddrV4>,
}

/// How long things may take. The defaults are for production; tests shorten them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the connection to the end of its TLS hello: a slow line needs two or three round trips.
    pub hello: Duration,
    /// For the head of an HTTP request, and between two requests of a connection.
    pub http_head: Duration,
    /// For one address to answer a connection attempt.
    pub connect: Duration,
    /// For a name to be resolved and one of its addresses to answer.
    pub dial: Duration,
    /// For the head of a response, while nothing else of the request moves: long polls take a minute.
    pub response: Duration,
    /// For how long an exchange with a workspace may be silent before its line is doubted; `None`: it never is.
    pub silence: Option<Duration>,
    /// Before a transfer that was cut is gone on with once more; each further pause is twice as long.
    pub again: Duration,
    /// For a carried connection on which nothing moves: push services send a heartbeat within half an hour.
    pub idle: Duration,
    /// For an HTTP connection on which nothing moves in the middle of a request.
    pub http_idle: Duration,
    /// For open connections to end once the box stops.
    pub drain: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            hello: Duration::from_secs(10),
            http_head: Duration::from_secs(15),
            connect: Duration::from_secs(5),
            dial: Duration::from_secs(15),
            response: Duration::from_secs(120),
            silence: Some(cache::SILENCE),
            again: Duration::from_millis(100),
            idle: Duration::from_secs(3600),
            http_idle: Duration::from_secs(300),
            drain: Duration::from_secs(2),
        }
    }
}
