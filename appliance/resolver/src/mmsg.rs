//! Many datagrams per system call: recvmmsg(2) and sendmmsg(2), with the local address and the mark of each datagram.
//!
//! nix wraps both calls, but its `sendmmsg` sends one control message with all datagrams and hides how many went
//! out, and its `recvmmsg` does not give the lengths back to the kernel; so one client's datagram could spoil
//! another's. Here each datagram has a slot of its own, and the pointers that the kernel gets are made from
//! exclusive borrows right before each call.
#![expect(unsafe_code, reason = "system calls that take pointers; every block says why it is sound")]

use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use model::SenderMark;
use nix::libc;
use nix::sys::socket::{SockaddrLike, SockaddrStorage};

/// Most datagrams per system call: beyond this, the cost of the call itself no longer shows.
pub(crate) const BATCH: usize = 64;
/// Least datagrams asked for at once.
const BATCH_MIN: usize = 8;
/// Longest query that is taken, in bytes: a name, EDNS and its padding (RFC 8467) come to 512.
const QUERY_BYTES_MAX: usize = 1232;
/// Room for control messages: one with a packet's addresses, of which IPv6's takes 40 bytes, and one with its mark,
/// which takes 24.
const CONTROL_BYTES: usize = 64;

/// Room for any address.
const PEER_BYTES: libc::socklen_t = {
    assert!(size_of::<libc::sockaddr_storage>() == 128);
    128
};

/// The local end of a datagram: where it was sent to, so that its reply comes from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Local {
    address: IpAddr,
    /// The interface's index for link-local addresses, which mean nothing without one; else 0.
    interface: u32,
}

/// A datagram that came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received<'a> {
    pub(crate) packet: &'a [u8],
    pub(crate) peer: SocketAddr,
    /// `None` when the socket is bound to one address anyway.
    pub(crate) local: Option<Local>,
    /// `None` when the firewall has not marked it, or the kernel does not tell.
    pub(crate) sender: Option<SenderMark>,
}

/// Control messages are read through pointers to their header, so they are aligned for it.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL_BYTES]);

/// Room for incoming datagrams.
pub(crate) struct Inbox {
    slots: Vec<InSlot>,
    headers: Vec<libc::mmsghdr>,
    /// How many datagrams the next call asks for: twice what the last one brought, so that a quiet school does
    /// not prepare sixty-four slots for one question.
    wanted: usize,
}

struct InSlot {
    packet: [u8; QUERY_BYTES_MAX],
    control: Control,
    peer: libc::sockaddr_storage,
    part: libc::iovec,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        let slot = || InSlot {
            packet: [0; QUERY_BYTES_MAX],
            control: Control([0; CONTROL_BYTES]),
            // SAFETY: an address of zeros is a valid address, of no family.
            peer: unsafe { MaybeUninit::zeroed().assume_init() },
            part: libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 },
        };
        let slots = std::iter::repeat_with(slot).take(BATCH).collect();
        Self { slots, headers: Vec::with_capacity(BATCH), wanted: BATCH_MIN }
    }

    /// Waits for a datagram, takes all that are there, and hands each to `take`.
    ///
    /// # Errors
    /// What the kernel says; [`io::ErrorKind::WouldBlock`] when the socket's timeout has passed.
    pub(crate) fn receive(
        &mut self,
        socket: BorrowedFd<'_>,
        mut take: impl FnMut(Received<'_>),
    ) -> io::Result<usize> {
        self.headers.clear();
        for slot in self.slots.iter_mut().take(self.wanted) {
            slot.part = libc::iovec { iov_base: slot.packet.as_mut_ptr().cast(), iov_len: QUERY_BYTES_MAX };
            // SAFETY: a header of zeros is a valid header: null pointers with zero lengths.
            let mut header: libc::mmsghdr = unsafe { MaybeUninit::zeroed().assume_init() };
            header.msg_hdr.msg_name = ptr::from_mut(&mut slot.peer).cast();
            header.msg_hdr.msg_namelen = PEER_BYTES;
            header.msg_hdr.msg_iov = &raw mut slot.part;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = slot.control.0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = CONTROL_BYTES as _;
            self.headers.push(header);
        }
        // SAFETY: `headers` holds as many headers as it says. Each points into its own slot, which outlives the
        // call and is touched by nobody else meanwhile; all lengths are those of the slot's fields.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                u32::try_from(self.headers.len()).unwrap_or(0),
                libc::MSG_WAITFORONE as _,
                ptr::null_mut(),
            )
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        self.wanted = (2 * count).clamp(BATCH_MIN, BATCH);
        for (slot, header) in self.slots.iter().zip(&self.headers).take(count) {
            if let Some(received) = slot.read(header) {
                take(received);
            }
        }
        Ok(count)
    }
}

impl InSlot {
    /// The datagram that the kernel has put here; `None` when it did not fit, or came from nowhere.
    fn read(&self, header: &libc::mmsghdr) -> Option<Received<'_>> {
        if header.msg_hdr.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0 {
            return None;
        }
        let packet = self.packet.get(..usize::try_from(header.msg_len).ok()?)?;
        let peer = ptr::from_ref(&self.peer).cast();
        // SAFETY: the kernel has written an address of this length to `peer`, which is as long as any address.
        let peer = unsafe { SockaddrStorage::from_raw(peer, Some(header.msg_hdr.msg_namelen)) }?;
        let (local, sender) = self.read_control(header);
        Some(Received { packet, peer: socket_address(&peer)?, local, sender })
    }

    /// What the kernel says about the datagram.
    fn read_control(&self, header: &libc::mmsghdr) -> (Option<Local>, Option<SenderMark>) {
        let (mut local, mut sender) = (None, None);
        // SAFETY: `msg_control` points to this slot's control bytes, of which the kernel has written
        // `msg_controllen`. CMSG_FIRSTHDR checks that a whole header fits.
        let mut next = unsafe { libc::CMSG_FIRSTHDR(&raw const header.msg_hdr) };
        // SAFETY: null or, see above, a control message header within aligned bytes that live as long as `self`.
        while let Some(message) = unsafe { next.as_ref() } {
            local = local.or_else(|| read_local(message));
            sender = sender.or_else(|| read_mark(message));
            // SAFETY: `message` is one of this header's, and the kernel wrote its length: the next one is behind it,
            // or there is none.
            next = unsafe { libc::CMSG_NXTHDR(&raw const header.msg_hdr, message) };
        }
        (local, sender)
    }
}

fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|&address| SocketAddr::from(SocketAddrV4::from(address)));
    v4.or_else(|| address.as_sockaddr_in6().map(|&address| SocketAddr::from(SocketAddrV6::from(address))))
}

fn read_local(message: &libc::cmsghdr) -> Option<Local> {
    // SAFETY: the kernel sends the data of its own control messages whole, right behind their header.
    let data = unsafe { libc::CMSG_DATA(message) };
    match (message.cmsg_level, message.cmsg_type) {
        (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
            // SAFETY: this type of message carries an in_pktinfo, perhaps unaligned.
            let info = unsafe { data.cast::<libc::in_pktinfo>().read_unaligned() };
            let address = Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes());
            Some(Local { address: address.into(), interface: 0 })
        }
        (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
            // SAFETY: this type of message carries an in6_pktinfo, perhaps unaligned.
            let info = unsafe { data.cast::<libc::in6_pktinfo>().read_unaligned() };
            let address = Ipv6Addr::from(info.ipi6_addr.s6_addr);
            let interface = if address.is_unicast_link_local() { info.ipi6_ifindex } else { 0 };
            Some(Local { address: address.into(), interface })
        }
        _ => None,
    }
}

fn read_mark(message: &libc::cmsghdr) -> Option<SenderMark> {
    if (message.cmsg_level, message.cmsg_type) != (libc::SOL_SOCKET, libc::SO_MARK) {
        return None;
    }
    // SAFETY: this type of message carries four bytes, which the kernel has written whole, perhaps unaligned.
    let mark = unsafe { libc::CMSG_DATA(message).cast::<u32>().read_unaligned() };
    SenderMark::of_packet(mark)
}

/// Has the kernel tell the mark of each datagram (`SO_RCVMARK`, Linux 5.19).
///
/// # Errors
/// The kernel is older, or this process has neither CAP_NET_ADMIN nor CAP_NET_RAW.
pub(crate) fn receive_marks(socket: BorrowedFd<'_>) -> io::Result<()> {
    let is_wanted: libc::c_int = 1;
    // SAFETY: the descriptor is open while it is borrowed, and the option is an int, whose size is given.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVMARK,
            (&raw const is_wanted).cast(),
            libc::socklen_t::try_from(size_of_val(&is_wanted)).unwrap_or(0),
        )
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Outgoing datagrams. Their buffers are kept from batch to batch.
pub(crate) struct Outbox {
    slots: Vec<OutSlot>,
    used: usize,
    headers: Vec<libc::mmsghdr>,
}

struct OutSlot {
    bytes: Vec<u8>,
    control: Control,
    control_bytes: usize,
    peer: SockaddrStorage,
    part: libc::iovec,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self { slots: Vec::new(), used: 0, headers: Vec::new() }
    }

    /// Adds a datagram that `write` fills; it is left out again when `write` returns false.
    pub(crate) fn add(
        &mut self,
        peer: SocketAddr,
        local: Option<Local>,
        write: impl FnOnce(&mut Vec<u8>) -> bool,
    ) {
        if self.used == self.slots.len() {
            self.slots.push(OutSlot {
                bytes: Vec::new(),
                control: Control([0; CONTROL_BYTES]),
                control_bytes: 0,
                peer: SockaddrStorage::from(peer),
                part: libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 },
            });
        }
        let Some(slot) = self.slots.get_mut(self.used) else { return };
        if write(&mut slot.bytes) {
            slot.peer = SockaddrStorage::from(peer);
            slot.control_bytes = local.map_or(0, |local| write_local(&mut slot.control, local));
            self.used += 1;
        }
    }

    /// Sends all datagrams and returns how many the kernel did not take: no one of them holds up the others.
    ///
    /// Never waits. Replies to an address that nobody has stay in the socket's buffer for three seconds, until the
    /// kernel gives up its search; a door that waited for room would be closed to the whole school that long. A
    /// reply that finds no room is left out, as the line may lose any datagram: its client asks again.
    pub(crate) fn send(&mut self, socket: BorrowedFd<'_>) -> u64 {
        self.headers.clear();
        for slot in self.slots.iter_mut().take(self.used) {
            slot.part = libc::iovec { iov_base: slot.bytes.as_mut_ptr().cast(), iov_len: slot.bytes.len() };
            // SAFETY: a header of zeros is a valid header: null pointers with zero lengths.
            let mut header: libc::mmsghdr = unsafe { MaybeUninit::zeroed().assume_init() };
            header.msg_hdr.msg_name = slot.peer.as_ptr().cast_mut().cast();
            header.msg_hdr.msg_namelen = slot.peer.len();
            header.msg_hdr.msg_iov = &raw mut slot.part;
            header.msg_hdr.msg_iovlen = 1;
            if slot.control_bytes > 0 {
                header.msg_hdr.msg_control = slot.control.0.as_mut_ptr().cast();
                header.msg_hdr.msg_controllen = slot.control_bytes as _;
            }
            self.headers.push(header);
        }
        self.used = 0;
        let mut unsent = 0;
        let mut rest = self.headers.as_mut_slice();
        while !rest.is_empty() {
            // SAFETY: `rest` holds as many headers as it says. Each points into its own slot, which outlives the
            // call and is touched by nobody else meanwhile; the kernel only reads through `msg_name`.
            let sent = unsafe {
                libc::sendmmsg(
                    socket.as_raw_fd(),
                    rest.as_mut_ptr(),
                    u32::try_from(rest.len()).unwrap_or(0),
                    libc::MSG_DONTWAIT as _,
                )
            };
            let done = usize::try_from(sent).unwrap_or_else(|_| {
                tracing::debug!(error = %io::Error::last_os_error(), "a reply could not be sent");
                unsent += 1;
                1
            });
            rest = rest.get_mut(done.max(1)..).unwrap_or_default();
        }
        unsent
    }
}

/// Writes the control message that makes a datagram leave from `local`, and returns its length.
fn write_local(control: &mut Control, local: Local) -> usize {
    match local.address {
        IpAddr::V4(address) => {
            let spec_dst = libc::in_addr { s_addr: u32::from_ne_bytes(address.octets()) };
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: spec_dst,
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            write_control(control, libc::IPPROTO_IP, libc::IP_PKTINFO, info)
        }
        IpAddr::V6(address) => {
            let address = libc::in6_addr { s6_addr: address.octets() };
            let info = libc::in6_pktinfo { ipi6_addr: address, ipi6_ifindex: local.interface };
            write_control(control, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info)
        }
    }
}

fn write_control<T: Copy>(control: &mut Control, level: i32, kind: i32, data: T) -> usize {
    const { assert!(size_of::<libc::cmsghdr>() + size_of::<T>() <= CONTROL_BYTES - 8) };
    let data_bytes = u32::try_from(size_of::<T>()).unwrap_or(0);
    // SAFETY: these two only compute lengths.
    let (length, space) = unsafe { (libc::CMSG_LEN(data_bytes), libc::CMSG_SPACE(data_bytes)) };
    let message = control.0.as_mut_ptr().cast::<libc::cmsghdr>();
    // SAFETY: the control bytes are aligned for a header and, by the assertion above, have room for it, the
    // padding behind it and the data.
    unsafe {
        (*message).cmsg_len = length as _;
        (*message).cmsg_level = level;
        (*message).cmsg_type = kind;
        libc::CMSG_DATA(message).cast::<T>().write_unaligned(data);
    }
    usize::try_from(space).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::fd::AsFd;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    fn socket(address: &str) -> UdpSocket {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket
    }

    #[test]
    fn replies_leave_from_the_address_that_was_asked() {
        let server = socket("0.0.0.0:0");
        nix::sys::socket::setsockopt(&server, nix::sys::socket::sockopt::Ipv4PacketInfo, &true).unwrap();
        let port = server.local_addr().unwrap().port();
        let (mut inbox, mut outbox) = (Inbox::new(), Outbox::new());
        for host in ["127.0.0.1", "127.0.0.2", "127.3.3.3"] {
            let client = socket("127.0.0.1:0");
            client.send_to(b"question", (host, port)).unwrap();
            let count = inbox.receive(server.as_fd(), |received| {
                assert_eq!(received.packet, b"question");
                outbox.add(received.peer, received.local, |bytes| {
                    bytes.extend_from_slice(b"reply");
                    true
                });
            });
            assert_eq!(count.unwrap(), 1);
            outbox.send(server.as_fd());
            let mut bytes = [0; 64];
            let (length, from) = client.recv_from(&mut bytes).unwrap();
            assert!(bytes[..length].ends_with(b"reply"));
            assert_eq!(from, SocketAddr::new(host.parse().unwrap(), port));
        }
    }

    #[test]
    fn ipv6_replies_leave_from_the_address_that_was_asked() {
        let server = socket("[::]:0");
        nix::sys::socket::setsockopt(&server, nix::sys::socket::sockopt::Ipv6RecvPacketInfo, &true).unwrap();
        let client = socket("[::1]:0");
        client.send_to(b"question", ("::1", server.local_addr().unwrap().port())).unwrap();
        let (mut inbox, mut outbox) = (Inbox::new(), Outbox::new());
        let mut local = None;
        let taken = inbox.receive(server.as_fd(), |received| {
            local = received.local;
            outbox.add(received.peer, received.local, |bytes| {
                bytes.push(7);
                true
            });
        });
        assert_eq!(taken.unwrap(), 1);
        assert_eq!(local, Some(Local { address: Ipv6Addr::LOCALHOST.into(), interface: 0 }));
        outbox.send(server.as_fd());
        let (_, from) = client.recv_from(&mut [0; 8]).unwrap();
        assert_eq!(from.ip(), Ipv6Addr::LOCALHOST);
    }

    /// Both control messages have room, and each is found whatever its place. That the kernel sends marks, to a
    /// process that may have them, is for the whole-box tests.
    #[test]
    fn marks_are_read_beside_addresses() {
        let local = Local { address: Ipv6Addr::LOCALHOST.into(), interface: 0 };
        let control = |write: &dyn Fn(&mut Control) -> usize| {
            let mut control = Control([0; CONTROL_BYTES]);
            let length = write(&mut control);
            control.0[..length].to_vec()
        };
        let address = control(&|control| write_local(control, local));
        let mark =
            |mark: u32| control(&|control| write_control(control, libc::SOL_SOCKET, libc::SO_MARK, mark));
        let check = |messages: &[&[u8]], expected: (Option<Local>, Option<SenderMark>)| {
            let mut inbox = Inbox::new();
            let (slot, bytes) = (&mut inbox.slots[0], messages.concat());
            slot.control.0[..bytes.len()].copy_from_slice(&bytes);
            // SAFETY: a header of zeros is a valid header.
            let mut header: libc::mmsghdr = unsafe { MaybeUninit::zeroed().assume_init() };
            header.msg_hdr.msg_control = slot.control.0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = bytes.len() as _;
            assert_eq!(slot.read_control(&header), expected);
        };
        let sender = SenderMark::of_packet(0xf99d_8315);
        assert!(sender.is_some());
        check(&[&address, &mark(0xf99d_8315)], (Some(local), sender));
        check(&[&mark(0xf99d_8315), &address], (Some(local), sender));
        check(&[&mark(0xf99d_8315)], (None, sender));
        check(&[&address, &mark(7)], (Some(local), None));
        check(&[&address], (Some(local), None));
        check(&[], (None, None));
    }

    #[test]
    fn one_bad_destination_does_not_hold_back_the_others() {
        let server = socket("127.0.0.1:0");
        let client = socket("127.0.0.1:0");
        let mut outbox = Outbox::new();
        let good = client.local_addr().unwrap();
        let bad: SocketAddr = "[2001:db8::1]:9".parse().unwrap();
        for peer in [good, bad, good] {
            outbox.add(peer, None, |bytes| {
                bytes.clear();
                bytes.push(7);
                true
            });
        }
        outbox.send(server.as_fd());
        let mut bytes = [0; 8];
        for _ in 0..2 {
            assert_eq!(client.recv_from(&mut bytes).unwrap().0, 1);
        }
    }

    /// A stream that nobody reads stands for a socket full of replies to addresses that nobody has: either makes
    /// a sender wait that may.
    #[test]
    fn a_full_socket_holds_up_nobody() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = listener.local_addr().unwrap();
        let sender = TcpStream::connect(peer).unwrap();
        let _unread = listener.accept().unwrap();
        let (say, said) = mpsc::channel();
        thread::spawn(move || {
            let mut outbox = Outbox::new();
            let mut unsent = 0;
            while unsent < 3 {
                for _ in 0..3 {
                    outbox.add(peer, None, |bytes| {
                        bytes.resize(60_000, 7);
                        true
                    });
                }
                unsent = outbox.send(sender.as_fd());
            }
            say.send(unsent)
        });
        assert_eq!(said.recv_timeout(Duration::from_secs(10)), Ok(3));
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let server = socket("127.0.0.1:0");
        let client = socket("127.0.0.1:0");
        let to = server.local_addr().unwrap();
        client.send_to(&[1; QUERY_BYTES_MAX + 1], to).unwrap();
        client.send_to(&[2; QUERY_BYTES_MAX], to).unwrap();
        client.send_to(&[], to).unwrap();
        let mut lengths = Vec::new();
        let mut count = 0;
        let mut inbox = Inbox::new();
        while count < 3 {
            count += inbox.receive(server.as_fd(), |received| lengths.push(received.packet.len())).unwrap();
        }
        assert_eq!(lengths, [QUERY_BYTES_MAX, 0]);
    }
}
