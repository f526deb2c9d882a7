//! A flow as the kernel sees it.

use std::net::SocketAddr;

use model::{FlowMark, Transport};

/// What tells a flow from all others under way: its protocol and its ends, as its client sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowKey {
    /// Its protocol.
    pub transport: Transport,
    /// The client's end.
    pub source: SocketAddr,
    /// Where it is bound for.
    pub destination: SocketAddr,
}

/// What the kernel says of a flow of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Which flow it is.
    pub key: FlowKey,
    /// What the firewall noted of it when it began.
    pub mark: FlowMark,
    /// The end that answers.
    pub peer: SocketAddr,
    /// Bytes of the packets from the client; 0 where the kernel does not say.
    pub bytes_up: u64,
    /// Bytes of the packets to the client.
    pub bytes_down: u64,
    /// When it began, in nanoseconds since 1970; `None` where the kernel does not say.
    pub started_ns: Option<u64>,
    /// When it ended.
    pub stopped_ns: Option<u64>,
    /// How far it is.
    pub stage: Stage,
}

impl Sighting {
    /// What is known of the flow once `later` was said of it, too: not all news tell bytes and times.
    pub(crate) fn followed_by(self, later: Self) -> Self {
        Self {
            bytes_up: self.bytes_up.max(later.bytes_up),
            bytes_down: self.bytes_down.max(later.bytes_down),
            started_ns: later.started_ns.or(self.started_ns),
            ..later
        }
    }
}

/// How far a flow is. UDP has no end of its own: it is over once nothing came for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Both sides may go on.
    Open,
    /// A TCP connection whose sides have said all.
    Finished,
    /// A TCP connection that a side broke off.
    Reset,
}

/// News of flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// A flow has begun.
    Begin(Sighting),
    /// A flow is at another stage. Tells no bytes.
    Change(Sighting),
    /// The kernel has forgotten a flow, with what it counted.
    End(Sighting),
}
