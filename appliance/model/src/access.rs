//! What an access is, and how it ends.

use std::net::SocketAddr;

/// By which door a client asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AccessKind {
    /// A DNS question.
    Dns,
    /// A TLS connection through the gate.
    Tls,
    /// An HTTP request through the gate or the explicit proxy.
    Http,
    /// A `CONNECT` request to the explicit proxy.
    Connect,
    /// A TCP connection past the doors: by a named service, or refused.
    Tcp,
    /// UDP past the doors: by a named service, or refused.
    Udp,
    /// Another protocol past the doors: refused.
    Ip,
}

impl AccessKind {
    /// The word that records and command lines use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::Http => "http",
            Self::Connect => "connect",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Ip => "ip",
        }
    }
}

/// What is known of a permitted connection or request once it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing {
    /// Payload bytes from the client; past the doors, bytes of whole packets.
    pub bytes_up: u64,
    /// Bytes to the client, counted likewise.
    pub bytes_down: u64,
    /// From the verdict to the end.
    pub duration_ms: u64,
    /// Where the box connected to; `None` when it reached nothing.
    pub peer: Option<SocketAddr>,
    /// How it ended.
    pub end: End,
}

/// How a permitted access ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Both sides said all they had to say.
    Finish,
    /// A side broke off, or nothing moved for too long.
    Abort,
    /// The name had no address, or no address answered.
    Unreachable,
    /// The name leads to the box, the school's network or another place that the gate never dials.
    Forbidden,
    /// The box stopped or lost power in the middle.
    Cut,
    /// What was permitted no longer was: a rule ended, hours closed, a list or a device changed.
    Lapse,
}

impl End {
    /// The word that records use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finish => "finish",
            Self::Abort => "abort",
            Self::Unreachable => "unreachable",
            Self::Forbidden => "forbidden",
            Self::Cut => "cut",
            Self::Lapse => "lapse",
        }
    }
}
