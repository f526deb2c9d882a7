//! Who refused a datagram, and how: the kernel keeps ICMP errors for whoever asks (`IP_RECVERR` in ip(7)).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::cmsg_space;
use nix::sys::socket::sockopt::{Ipv4RecvErr, Ipv6RecvErr};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};

/// Where an error comes from (linux/errqueue.h).
const FROM_ICMP: u8 = 2;
const FROM_ICMPV6: u8 = 3;
/// ICMP's destination unreachable (RFC 792): the port, and the three that forbid (RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1).
const UNREACHABLE: u8 = 3;
const REFUSALS: [u8; 4] = [3, 9, 10, 13];
/// The same of ICMPv6 (RFC 4443 section 3.1).
const UNREACHABLE_V6: u8 = 1;
const REFUSALS_V6: [u8; 4] = [1, 4, 5, 6];

/// Has the kernel keep the errors about what this socket sends to such an address.
pub(super) fn ask_for(socket: &UdpSocket, to: IpAddr) -> io::Result<()> {
    match to {
        IpAddr::V4(_) => setsockopt(socket, Ipv4RecvErr, &true)?,
        IpAddr::V6(_) => setsockopt(socket, Ipv6RecvErr, &true)?,
    }
    Ok(())
}

/// Who said that the port is closed or the datagram forbidden; `None` where nobody did.
pub(super) fn read(socket: &UdpSocket) -> Option<IpAddr> {
    let mut buffer = cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6);
    let message = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut [],
        Some(&mut buffer),
        MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT,
    )
    .ok()?;
    #[expect(clippy::wildcard_enum_match_arm, reason = "there are many other messages beside a datagram")]
    message.cmsgs().ok()?.find_map(|part| match part {
        ControlMessageOwned::Ipv4RecvErr(error, Some(by)) => {
            let is_refusal = error.ee_origin == FROM_ICMP
                && error.ee_type == UNREACHABLE
                && REFUSALS.contains(&error.ee_code);
            is_refusal.then(|| Ipv4Addr::from(u32::from_be(by.sin_addr.s_addr)).into())
        }
        ControlMessageOwned::Ipv6RecvErr(error, Some(by)) => {
            let is_refusal = error.ee_origin == FROM_ICMPV6
                && error.ee_type == UNREACHABLE_V6
                && REFUSALS_V6.contains(&error.ee_code);
            is_refusal.then(|| Ipv6Addr::from(by.sin6_addr.s6_addr).into())
        }
        _ => None,
    })
}
