//! The conversation with the kernel about neighbours (rtnetlink(7)).

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "netlink's messages grow with the kernel: what is not known here is passed over"
)]

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use model::Mac;
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::neighbour_table::{
    NeighbourTableAttribute, NeighbourTableMessage, NeighbourTableParameter,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::time::TimeVal;

/// Multicast group of news about neighbours (RTNLGRP_NEIGH in linux/rtnetlink.h).
const NEIGHBOUR_NEWS: u32 = 3;

/// The kernel answers questions while they are asked; this only bounds the impossible.
const ANSWER_WITHIN: Duration = Duration::from_millis(200);

/// How often the listener looks whether anybody still needs it.
const NEWS_WITHIN: Duration = Duration::from_secs(1);

/// Room for the largest datagram that the kernel makes of a dump (NLMSG_GOODSIZE is at most 32 KiB).
const DATAGRAM_BYTES_MAX: usize = 65_536;

/// Datagrams in one dump at most: each holds hundreds of neighbours, and the kernel limits those.
const DUMP_DATAGRAMS_MAX: usize = 4_096;

/// What the kernel says about one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sighting {
    /// The interface's index.
    pub(super) interface: u32,
    /// The address.
    pub(super) address: IpAddr,
    /// Its hardware address; `None` when the neighbour is gone.
    pub(super) mac: Option<Mac>,
}

/// Questions and answers.
#[derive(Debug)]
pub(super) struct Kernel {
    link: Link,
    sequence: u32,
}

impl Kernel {
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self { link: Link::open(ANSWER_WITHIN)?, sequence: 0 })
    }

    /// All neighbours of all interfaces.
    pub(super) fn dump(&mut self) -> io::Result<Vec<Sighting>> {
        let question = RouteNetlinkMessage::GetNeighbour(NeighbourMessage::default());
        let sequence = self.send(question, NLM_F_REQUEST | NLM_F_DUMP)?;
        let mut sightings = Vec::new();
        for _ in 0..DUMP_DATAGRAMS_MAX {
            for message in self.link.receive()? {
                if message.header.sequence_number != sequence {
                    continue;
                }
                match message.payload {
                    NetlinkPayload::InnerMessage(message) => sightings.extend(sighting(&message)),
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    NetlinkPayload::Done(_) => return Ok(sightings),
                    _ => (),
                }
            }
        }
        Err(io::Error::other("a list of neighbours without an end"))
    }

    /// One neighbour; `None` when the kernel does not know it.
    pub(super) fn ask(&mut self, interface: u32, address: IpAddr) -> io::Result<Option<Sighting>> {
        let mut question = NeighbourMessage::default();
        question.header.family = match address {
            IpAddr::V4(_) => AddressFamily::Inet,
            IpAddr::V6(_) => AddressFamily::Inet6,
        };
        question.header.ifindex = interface;
        question.attributes.push(NeighbourAttribute::Destination(address.into()));
        let sequence = self.send(RouteNetlinkMessage::GetNeighbour(question), NLM_F_REQUEST)?;
        loop {
            // Answers to a question that was given up are passed over.
            for message in self.link.receive()? {
                if message.header.sequence_number != sequence {
                    continue;
                }
                return match message.payload {
                    NetlinkPayload::InnerMessage(message) => {
                        Ok(sighting(&message).filter(|sighting| sighting.mac.is_some()))
                    }
                    NetlinkPayload::Error(error) => match error.to_io() {
                        error if error.kind() == io::ErrorKind::NotFound => Ok(None),
                        error => Err(error),
                    },
                    _ => Ok(None),
                };
            }
        }
    }

    /// Limits what waits for each neighbour that is being looked for, in one table on one interface.
    pub(super) fn limit_queue(&mut self, table: &str, interface: u32, bytes: u32) -> io::Result<()> {
        let mut order = NeighbourTableMessage::default();
        order.attributes.push(NeighbourTableAttribute::Name(table.to_owned()));
        order.attributes.push(NeighbourTableAttribute::Parms(vec![
            NeighbourTableParameter::Ifindex(interface),
            NeighbourTableParameter::QueueLenbytes(bytes),
        ]));
        let order = RouteNetlinkMessage::SetNeighbourTable(order);
        let sequence = self.send(order, NLM_F_REQUEST | NLM_F_ACK)?;
        loop {
            for message in self.link.receive()? {
                if message.header.sequence_number != sequence {
                    continue;
                }
                return match message.payload {
                    // Without a code it is no error, but the receipt.
                    NetlinkPayload::Error(error) if error.code.is_some() => Err(error.to_io()),
                    _ => Ok(()),
                };
            }
        }
    }

    fn send(&mut self, question: RouteNetlinkMessage, flags: u16) -> io::Result<u32> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        header.sequence_number = self.sequence;
        let payload = NetlinkPayload::from(question);
        let mut message = NetlinkMessage::new(header, payload);
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.link.socket.send(&bytes, 0)?;
        Ok(self.sequence)
    }
}

/// What changes, as it changes.
#[derive(Debug)]
pub(super) struct News {
    link: Link,
}

impl News {
    pub(super) fn open() -> io::Result<Self> {
        let link = Link::open(NEWS_WITHIN)?;
        link.socket.add_membership(NEIGHBOUR_NEWS)?;
        Ok(Self { link })
    }

    /// Waits for news; comes back without any after a second.
    pub(super) fn next(&mut self) -> io::Result<Vec<Sighting>> {
        match self.link.receive() {
            Ok(messages) => Ok(messages.iter().filter_map(news_of).collect()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Vec::new()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

fn news_of(message: &NetlinkMessage<RouteNetlinkMessage>) -> Option<Sighting> {
    match &message.payload {
        NetlinkPayload::InnerMessage(message) => sighting(message),
        _ => None,
    }
}

#[derive(Debug)]
struct Link {
    socket: Socket,
    buffer: Vec<u8>,
}

impl Link {
    fn open(timeout: Duration) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        // Connected to the kernel: what other processes send never arrives.
        socket.connect(&SocketAddr::new(0, 0))?;
        let milliseconds = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
        let timeout = TimeVal::new(milliseconds / 1_000, milliseconds % 1_000 * 1_000);
        setsockopt(&Borrowed(&socket), ReceiveTimeout, &timeout)?;
        Ok(Self { socket, buffer: Vec::with_capacity(DATAGRAM_BYTES_MAX) })
    }

    /// One datagram's messages. What cannot be read is passed over: a new kernel may say more than is known.
    fn receive(&mut self) -> io::Result<Vec<NetlinkMessage<RouteNetlinkMessage>>> {
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

fn sighting(message: &RouteNetlinkMessage) -> Option<Sighting> {
    let (neighbour, is_known) = match message {
        RouteNetlinkMessage::NewNeighbour(neighbour) => (neighbour, is_known(neighbour.header.state)?),
        RouteNetlinkMessage::DelNeighbour(neighbour) => (neighbour, false),
        _ => return None,
    };
    let address = neighbour.attributes.iter().find_map(address)?;
    let mac = neighbour.attributes.iter().find_map(mac);
    let mac = if is_known { Some(mac?) } else { None };
    Some(Sighting { interface: neighbour.header.ifindex, address: address.to_canonical(), mac })
}

/// Whether the hardware address can be relied on; `None` when the state says nothing about it.
fn is_known(state: NeighbourState) -> Option<bool> {
    match state {
        NeighbourState::Reachable
        | NeighbourState::Stale
        | NeighbourState::Delay
        | NeighbourState::Probe
        | NeighbourState::Permanent
        | NeighbourState::Noarp => Some(true),
        NeighbourState::Failed => Some(false),
        _ => None,
    }
}

fn address(attribute: &NeighbourAttribute) -> Option<IpAddr> {
    match attribute {
        NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) => Some(IpAddr::V4(*address)),
        NeighbourAttribute::Destination(NeighbourAddress::Inet6(address)) => Some(IpAddr::V6(*address)),
        _ => None,
    }
}

fn mac(attribute: &NeighbourAttribute) -> Option<Mac> {
    match attribute {
        NeighbourAttribute::LinkLayerAddress(octets) => octets.as_slice().try_into().ok().map(Mac::new),
        _ => None,
    }
}
