//! Listening sockets, and errors that say what to do.

mod holder;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

pub use holder::Holder;

/// Connections that the kernel keeps until the gate accepts them. A class opening its machines makes a few
/// hundred at once; the kernel cuts it to net.core.somaxconn, which is 4,096 since Linux 5.4.
const BACKLOG: i32 = 4_096;

/// The lowest port that needs no privilege, unless the administrator says otherwise.
const UNPRIVILEGED_PORT: u16 = 1_024;

/// Whether an address has to exist already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// An interface must have the address.
    Required,
    /// An interface may get the address later (`IP_FREEBIND`): a box whose cable is out starts all the same.
    Awaited,
}

/// Listens for TCP connections on `address`. The socket does not block. An IPv6 socket takes IPv6 only.
///
/// # Errors
/// [`BindError`], which names the address and what to do.
pub fn listen_tcp(address: SocketAddr, presence: Presence) -> Result<TcpListener, BindError> {
    let open = || {
        let socket = bind(address, Transport::Tcp, presence)?;
        socket.listen(BACKLOG)?;
        Ok(TcpListener::from(socket))
    };
    open().map_err(|source| BindError::explain(address, Transport::Tcp, source))
}

/// Receives UDP datagrams on `address`. The socket does not block. An IPv6 socket takes IPv6 only.
///
/// # Errors
/// [`BindError`], which names the address and what to do.
pub fn bind_udp(address: SocketAddr, presence: Presence) -> Result<UdpSocket, BindError> {
    bind(address, Transport::Udp, presence)
        .map(UdpSocket::from)
        .map_err(|source| BindError::explain(address, Transport::Udp, source))
}

fn bind(address: SocketAddr, transport: Transport, presence: Presence) -> io::Result<Socket> {
    let (kind, protocol) = match transport {
        Transport::Tcp => (Type::STREAM, Protocol::TCP),
        Transport::Udp => (Type::DGRAM, Protocol::UDP),
    };
    let socket = Socket::new(Domain::for_address(address), kind.nonblocking(), Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if transport == Transport::Tcp {
        // A restart must not wait for the connections of the last run to time out. With UDP, the same option
        // would let a second program take the port away unseen.
        socket.set_reuse_address(true)?;
    }
    if presence == Presence::Awaited {
        match address {
            SocketAddr::V4(_) => socket.set_freebind_v4(true)?,
            SocketAddr::V6(_) => socket.set_freebind_v6(true)?,
        }
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// A protocol with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        })
    }
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program has the port.
    #[error("{transport} {address} is taken by {}: stop it, or choose another port", name(holder.as_ref()))]
    Taken {
        /// The address.
        address: SocketAddr,
        /// The protocol.
        transport: Transport,
        /// Who has it, when this process may know.
        holder: Option<Holder>,
    },
    /// The port needs a privilege.
    #[error(
        "{transport} {address} needs a privilege: run as root or with CAP_NET_BIND_SERVICE, \
         or choose a port from {UNPRIVILEGED_PORT} on"
    )]
    Privileged {
        /// The address.
        address: SocketAddr,
        /// The protocol.
        transport: Transport,
    },
    /// No interface has the address.
    #[error("{transport} {address}: no interface has this address; `ip address` lists those there are")]
    NotOurs {
        /// The address.
        address: SocketAddr,
        /// The protocol.
        transport: Transport,
    },
    /// Something else.
    #[error("cannot listen on {transport} {address}")]
    Other {
        /// The address.
        address: SocketAddr,
        /// The protocol.
        transport: Transport,
        /// Why.
        source: io::Error,
    },
}

impl BindError {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other kinds of errors have no advice of their own"
    )]
    fn explain(address: SocketAddr, transport: Transport, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => {
                Self::Taken { address, transport, holder: Holder::find(transport, address.port()) }
            }
            io::ErrorKind::PermissionDenied => Self::Privileged { address, transport },
            io::ErrorKind::AddrNotAvailable => Self::NotOurs { address, transport },
            _ => Self::Other { address, transport, source },
        }
    }
}

fn name(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "another program".to_owned(), Holder::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any_port(address: &str) -> SocketAddr {
        format!("{address}:0").parse().unwrap()
    }

    #[test]
    fn a_taken_port_names_its_holder() {
        for address in ["127.0.0.1", "[::1]"] {
            let first = listen_tcp(any_port(address), Presence::Required).unwrap();
            let taken = first.local_addr().unwrap();
            let error = listen_tcp(taken, Presence::Required).unwrap_err().to_string();
            let me = format!("(process {})", std::process::id());
            assert!(error.contains(&format!("TCP {taken} is taken by")) && error.contains(&me), "{error}");

            let first = bind_udp(any_port(address), Presence::Required).unwrap();
            let taken = first.local_addr().unwrap();
            let error = bind_udp(taken, Presence::Required).unwrap_err().to_string();
            assert!(error.contains(&format!("UDP {taken} is taken by")) && error.contains(&me), "{error}");
        }
    }

    #[test]
    fn an_address_that_nobody_has_can_be_awaited() {
        for address in ["192.0.2.1", "[2001:db8::1]"] {
            let error = bind_udp(any_port(address), Presence::Required).unwrap_err();
            assert!(matches!(error, BindError::NotOurs { .. }), "{error}");
            bind_udp(any_port(address), Presence::Awaited).unwrap();
            listen_tcp(any_port(address), Presence::Awaited).unwrap();
        }
    }

    #[test]
    fn both_families_share_a_port() {
        let ipv6 = bind_udp(any_port("[::]"), Presence::Required).unwrap();
        let port = ipv6.local_addr().unwrap().port();
        bind_udp(format!("0.0.0.0:{port}").parse().unwrap(), Presence::Required).unwrap();
    }
}
