//! A conversation with the kernel by netlink(7), whatever it is about.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use netlink_packet_core::{NetlinkDeserializable, NetlinkMessage, NetlinkSerializable};
use netlink_sys::{Socket, SocketAddr};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{RcvBuf, RcvBufForce, ReceiveTimeout};
use nix::sys::time::TimeVal;

/// Room for the largest datagram that the kernel makes of a dump (NLMSG_GOODSIZE is at most 32 KiB).
const DATAGRAM_BYTES_MAX: usize = 65_536;

/// A socket to a part of the kernel.
#[derive(Debug)]
pub(crate) struct Link {
    socket: Socket,
    buffer: Vec<u8>,
    sequence: u32,
}

impl Link {
    /// Opens a socket of this protocol that waits so long for what it receives.
    pub(crate) fn open(protocol: isize, timeout: Duration) -> io::Result<Self> {
        let mut socket = Socket::new(protocol)?;
        socket.bind_auto()?;
        // Connected to the kernel: what other processes send never arrives.
        socket.connect(&SocketAddr::new(0, 0))?;
        let milliseconds = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
        let timeout = TimeVal::new(milliseconds / 1_000, milliseconds % 1_000 * 1_000);
        setsockopt(&Borrowed(&socket), ReceiveTimeout, &timeout)?;
        Ok(Self { socket, buffer: Vec::with_capacity(DATAGRAM_BYTES_MAX), sequence: 0 })
    }

    /// Hears news of this multicast group.
    pub(crate) fn join(&mut self, group: u32) -> io::Result<()> {
        self.socket.add_membership(group)
    }

    /// Has the kernel say again the end of what it could not tell, as long as it takes (`NETLINK_BROADCAST_ERROR`).
    pub(crate) fn insist(&self) -> io::Result<()> {
        self.socket.set_broadcast_error(true)
    }

    /// Has the kernel keep so many bytes of news for this socket, or as many as it allows.
    pub(crate) fn enlarge(&self, bytes: usize) -> io::Result<()> {
        let socket = Borrowed(&self.socket);
        // More than the system's limit takes a right that a box in a user namespace does not have.
        Ok(setsockopt(&socket, RcvBufForce, &bytes).or_else(|_| setsockopt(&socket, RcvBuf, &bytes))?)
    }

    /// Sends a message, with a number of its own that answers repeat.
    pub(crate) fn send<T: NetlinkSerializable>(&mut self, message: NetlinkMessage<T>) -> io::Result<u32> {
        let first = self.send_batch([message])?;
        Ok(first)
    }

    /// Sends messages in one datagram, numbered in their order. The number of the first.
    pub(crate) fn send_batch<T: NetlinkSerializable>(
        &mut self,
        messages: impl IntoIterator<Item = NetlinkMessage<T>>,
    ) -> io::Result<u32> {
        let first = self.sequence.wrapping_add(1);
        let mut datagram = Vec::new();
        for mut message in messages {
            self.sequence = self.sequence.wrapping_add(1);
            message.header.sequence_number = self.sequence;
            message.finalize();
            let mut bytes = vec![0; message.buffer_len()];
            message.serialize(&mut bytes);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            datagram.extend(bytes);
        }
        self.socket.send(&datagram, 0)?;
        Ok(first)
    }

    /// One datagram's messages. What cannot be read is passed over: a new kernel may say more than is known.
    pub(crate) fn receive<T: NetlinkDeserializable>(&mut self) -> io::Result<Vec<NetlinkMessage<T>>> {
        self.buffer.clear();
        self.socket.recv(&mut self.buffer, 0)?;
        let mut rest = self.buffer.as_slice();
        let mut messages = Vec::new();
        while let Some(length) = message_length(rest) {
            let Some((message, after)) = rest.split_at_checked(length) else { break };
            messages.extend(NetlinkMessage::deserialize(message));
            rest = after.get(length.next_multiple_of(4) - length..).unwrap_or_default();
        }
        Ok(messages)
    }

    /// The same; none when nothing came in time.
    pub(crate) fn receive_news<T: NetlinkDeserializable>(&mut self) -> io::Result<Vec<NetlinkMessage<T>>> {
        match self.receive() {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(Vec::new())
            }
            outcome => outcome,
        }
    }
}

/// The length that a message's header states, which opens the message (netlink(7)). Never 0.
fn message_length(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_ne_bytes(*bytes.first_chunk()?);
    usize::try_from(length).ok().filter(|length| *length > 0)
}

/// `netlink_sys` lends its descriptor only as a number.
struct Borrowed<'a>(&'a Socket);

impl AsFd for Borrowed<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        #[expect(unsafe_code, reason = "the crate has no AsFd")]
        // SAFETY: the socket is open as long as it is borrowed, and so is its descriptor.
        unsafe {
            BorrowedFd::borrow_raw(self.0.as_raw_fd())
        }
    }
}
