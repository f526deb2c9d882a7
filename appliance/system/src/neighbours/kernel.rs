//! The conversation with the kernel about neighbours (rtnetlink(7)).

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "netlink's messages grow with the kernel: what is not known here is passed over"
)]

use std::io;
use std::net::IpAddr;
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

use crate::netlink::Link;

/// Multicast group of news about neighbours (RTNLGRP_NEIGH in linux/rtnetlink.h).
const NEIGHBOUR_NEWS: u32 = 3;

/// The kernel answers questions while they are asked; this only bounds the impossible.
const ANSWER_WITHIN: Duration = Duration::from_millis(200);

/// How often the listener looks whether anybody still needs it.
const NEWS_WITHIN: Duration = Duration::from_secs(1);

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
}

impl Kernel {
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self { link: Link::open(NETLINK_ROUTE, ANSWER_WITHIN)? })
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
            for message in self.link.receive::<RouteNetlinkMessage>()? {
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
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        self.link.send(NetlinkMessage::new(header, NetlinkPayload::from(question)))
    }
}

/// What changes, as it changes.
#[derive(Debug)]
pub(super) struct News {
    link: Link,
}

impl News {
    pub(super) fn open() -> io::Result<Self> {
        let mut link = Link::open(NETLINK_ROUTE, NEWS_WITHIN)?;
        link.join(NEIGHBOUR_NEWS)?;
        Ok(Self { link })
    }

    /// Waits for news; comes back without any after a second.
    pub(super) fn next(&mut self) -> io::Result<Vec<Sighting>> {
        Ok(self.link.receive_news()?.iter().filter_map(news_of).collect())
    }
}

fn news_of(message: &NetlinkMessage<RouteNetlinkMessage>) -> Option<Sighting> {
    match &message.payload {
        NetlinkPayload::InnerMessage(message) => sighting(message),
        _ => None,
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
