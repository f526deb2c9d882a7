//! What is sent, and what comes back.

use std::net::{IpAddr, SocketAddr};

/// One thing that an attacker does. The next one begins when this one is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sends a DNS question and waits for its answer.
    Ask {
        /// The resolver.
        to: SocketAddr,
        /// By what.
        by: Transport,
        /// The question, as a message.
        message: Vec<u8>,
    },
    /// Opens a TCP connection, sends these pieces with a moment between them, and listens.
    Say {
        /// The server.
        to: SocketAddr,
        /// What is sent: with the first answer waited for before the rest where `in_turn` is true.
        pieces: Vec<Vec<u8>>,
        /// Whether an answer is waited for after each piece.
        in_turn: bool,
    },
    /// Sends a datagram and waits for an answer, or for the error that says that there is none.
    Throw {
        /// The server.
        to: SocketAddr,
        /// The datagram.
        bytes: Vec<u8>,
    },
    /// Waits, in milliseconds: at most some seconds.
    Wait(u16),
}

/// What carries a DNS question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A datagram.
    Udp,
    /// A connection.
    Tcp,
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// An answer to a DNS question or a datagram.
    Answer(Vec<u8>),
    /// What a connection brought, after each piece where answers were waited for, and how it ended.
    Heard {
        /// The bytes, one text for each turn.
        turns: Vec<Vec<u8>>,
        /// How it ended.
        end: End,
    },
    /// Refused at once: a TCP reset, or an ICMP error.
    Rejected,
    /// A datagram was refused by an ICMP error: its port is closed, or it is forbidden.
    Forbidden {
        /// Who says so.
        by: IpAddr,
    },
    /// Nothing within the time.
    Silence,
    /// This machine has no way to such an address: it has not been tried.
    NoWay,
    /// This machine could not do it, for this reason: it has not been tried.
    Failed(String),
    /// Waited.
    Waited,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The other side closed it.
    Closed,
    /// The other side broke it off.
    Reset,
    /// It was still open when enough had come, or after the time.
    Open,
}

impl Action {
    /// Where it goes; `None` for one that goes nowhere.
    #[must_use]
    pub fn target(&self) -> Option<IpAddr> {
        match self {
            Self::Ask { to, .. } | Self::Say { to, .. } | Self::Throw { to, .. } => Some(to.ip()),
            Self::Wait(_) => None,
        }
    }
}
