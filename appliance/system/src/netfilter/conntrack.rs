//! The flows of services in the kernel's table of connections: news of them, a look at all, the end of one.
//!
//! The firewall has the kernel tell of marked connections only, so that the many connections of the doors cost nothing
//! here.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "netlink's messages grow with the kernel: what is not known here is passed over"
)]

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use model::{FlowMark, Transport};
use netlink_packet_core::{
    DefaultNla, NLA_TYPE_MASK, NLM_F_CREATE, NLM_F_DUMP, NetlinkMessage, NetlinkPayload, Nla, NlasIterator,
};
use netlink_packet_netfilter::conntrack::{
    ConntrackAttribute, ConntrackMessage, IPTuple, ProtoInfo, ProtoInfoTCP, ProtoTuple, Protocol, Tuple,
};
use netlink_packet_netfilter::{NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily};
use netlink_sys::protocols::NETLINK_NETFILTER;
use services::{FlowKey, News, Sighting, Stage};

use super::{message, order};
use crate::netlink::Link;

/// Multicast groups of news: beginnings, changes, ends (linux/netfilter/nfnetlink_compat.h).
const GROUPS: [u32; 3] = [1, 2, 3];
/// Attributes that the library does not name (linux/netfilter/nfnetlink_conntrack.h), and those inside them.
const COUNTERS_UP: u16 = 9;
const COUNTERS_DOWN: u16 = 10;
const TIMESTAMP: u16 = 20;
const MARK_MASK: u16 = 21;
const COUNTER_BYTES: u16 = 2;
const TIMESTAMP_START: u16 = 1;
const TIMESTAMP_STOP: u16 = 2;
/// States of a TCP connection that has no future (linux/netfilter/nf_conntrack_tcp.h).
const TCP_TIME_WAIT: u8 = 7;
const TCP_CLOSE: u8 = 8;

/// How long the kernel may take to answer; it only bounds the impossible.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// How long a wait for news lasts: whoever listens has other things to do in between.
const NEWS_WITHIN: Duration = Duration::from_millis(250);
/// News that may wait to be read, in bytes of the kernel's memory: some thousands. What is lost beyond is made good by a
/// look at all.
const NEWS_BYTES_MAX: usize = 4 << 20;
/// Datagrams in one look at most: the kernel's table has an end.
const DUMP_DATAGRAMS_MAX: usize = 65_536;

/// Hears of flows.
#[derive(Debug)]
pub struct FlowNews {
    link: Link,
}

impl FlowNews {
    /// Hears all that happens from now on.
    ///
    /// # Errors
    /// The kernel's error: this needs CAP_NET_ADMIN.
    pub fn open() -> io::Result<Self> {
        let mut link = Link::open(NETLINK_NETFILTER, NEWS_WITHIN)?;
        link.enlarge(NEWS_BYTES_MAX)?;
        link.insist()?;
        GROUPS.into_iter().try_for_each(|group| link.join(group))?;
        Ok(Self { link })
    }

    /// Waits for news; `None` when none came for a quarter of a second.
    ///
    /// # Errors
    /// The kernel's error. `ENOBUFS`: news were lost.
    pub fn wait(&mut self) -> io::Result<Option<Vec<News>>> {
        let messages = self.link.receive_news()?;
        Ok((!messages.is_empty()).then(|| messages.iter().filter_map(news_of).collect()))
    }
}

/// Whether an error says that news were lost because they were not read in time.
#[must_use]
pub fn is_loss(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOBUFS)
}

/// Looks at flows, and ends them.
#[derive(Debug)]
pub struct FlowTable {
    link: Link,
}

impl FlowTable {
    /// Does nothing yet.
    ///
    /// # Errors
    /// The kernel's error: netlink is not available.
    pub fn open() -> io::Result<Self> {
        Ok(Self { link: Link::open(NETLINK_NETFILTER, ANSWER_WITHIN)? })
    }

    /// All flows of services.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn list(&mut self) -> io::Result<Vec<Sighting>> {
        let mask = DefaultNla::new(MARK_MASK, FlowMark::MASK.to_be_bytes().to_vec());
        let marked = vec![ConntrackAttribute::CtaMark(FlowMark::BASE), ConntrackAttribute::Other(mask)];
        let question = message(NetfilterProtoFamily::Unspec, 0, NLM_F_DUMP, ConntrackMessage::Get(marked));
        let sequence = self.link.send(question)?;
        let mut sightings = Vec::new();
        for _ in 0..DUMP_DATAGRAMS_MAX {
            for message in self.link.receive::<NetfilterMessage>()? {
                if message.header.sequence_number != sequence {
                    continue;
                }
                match &message.payload {
                    NetlinkPayload::InnerMessage(message) => {
                        sightings.extend(attributes(message).and_then(|(_, it)| sighting(it)));
                    }
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    NetlinkPayload::Done(_) => return Ok(sightings),
                    _ => (),
                }
            }
        }
        Err(io::Error::other("a list of flows without an end"))
    }

    /// Has the kernel forget a flow: nothing of it passes any more. One that is over already is no error.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn delete(&mut self, key: FlowKey) -> io::Result<()> {
        let family = match key.source {
            SocketAddr::V4(_) => NetfilterProtoFamily::IPv4,
            SocketAddr::V6(_) => NetfilterProtoFamily::IPv6,
        };
        let ends = vec![
            Tuple::Ip(vec![
                IPTuple::SourceAddress(key.source.ip()),
                IPTuple::DestinationAddress(key.destination.ip()),
            ]),
            Tuple::Proto(vec![
                ProtoTuple::Protocol(Protocol::from(key.transport.number())),
                ProtoTuple::SourcePort(key.source.port()),
                ProtoTuple::DestinationPort(key.destination.port()),
            ]),
        ];
        let deletion = ConntrackMessage::Delete(vec![ConntrackAttribute::CtaTupleOrig(ends)]);
        match order(&mut self.link, message(family, 0, 0, deletion)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }
}

fn news_of(message: &NetlinkMessage<NetfilterMessage>) -> Option<News> {
    let NetlinkPayload::InnerMessage(inner) = &message.payload else { return None };
    let (is_deletion, attributes) = attributes(inner)?;
    let sighting = sighting(attributes)?;
    Some(match (is_deletion, message.header.flags & NLM_F_CREATE) {
        (true, _) => News::End(sighting),
        (false, 0) => News::Change(sighting),
        (false, _) => News::Begin(sighting),
    })
}

/// What a message says of a connection, and whether that it is forgotten.
fn attributes(message: &NetfilterMessage) -> Option<(bool, &[ConntrackAttribute])> {
    match &message.inner {
        NetfilterMessageInner::Conntrack(ConntrackMessage::New(attributes)) => Some((false, attributes)),
        NetfilterMessageInner::Conntrack(ConntrackMessage::Delete(attributes)) => Some((true, attributes)),
        _ => None,
    }
}

/// `None` for a connection that is no flow of a service.
fn sighting(attributes: &[ConntrackAttribute]) -> Option<Sighting> {
    let (mut key, mut peer, mut mark) = (None, None, None);
    let (mut bytes_up, mut bytes_down) = (0, 0);
    let (mut started_ns, mut stopped_ns, mut stage) = (None, None, Stage::Open);
    for attribute in attributes {
        match attribute {
            ConntrackAttribute::CtaTupleOrig(tuple) => key = ends(tuple),
            ConntrackAttribute::CtaTupleReply(tuple) => peer = ends(tuple).map(|ends| ends.source),
            ConntrackAttribute::CtaMark(bits) => mark = FlowMark::of_connection(*bits),
            ConntrackAttribute::CtaProtoInfo(info) => stage = stage_of(info),
            // The library leaves flags in the kind.
            ConntrackAttribute::Other(other) => match other.kind() & NLA_TYPE_MASK {
                COUNTERS_UP => bytes_up = number(other, COUNTER_BYTES).unwrap_or_default(),
                COUNTERS_DOWN => bytes_down = number(other, COUNTER_BYTES).unwrap_or_default(),
                TIMESTAMP => {
                    started_ns = number(other, TIMESTAMP_START);
                    stopped_ns = number(other, TIMESTAMP_STOP);
                }
                _ => (),
            },
            _ => (),
        }
    }
    let (key, mark) = (key?, mark?);
    let peer = peer.unwrap_or(key.destination);
    Some(Sighting { key, mark, peer, bytes_up, bytes_down, started_ns, stopped_ns, stage })
}

/// Who sends to whom in one direction; `None` for a protocol without ports.
fn ends(tuple: &[Tuple]) -> Option<FlowKey> {
    let (mut source, mut destination): (Option<IpAddr>, Option<IpAddr>) = (None, None);
    let (mut transport, mut from, mut to) = (None, None, None);
    for part in tuple {
        match part {
            Tuple::Ip(addresses) => addresses.iter().for_each(|address| match address {
                IPTuple::SourceAddress(address) => source = Some(*address),
                IPTuple::DestinationAddress(address) => destination = Some(*address),
                _ => (),
            }),
            Tuple::Proto(parts) => parts.iter().for_each(|part| match part {
                ProtoTuple::Protocol(protocol) => transport = Transport::of_number(u8::from(*protocol)),
                ProtoTuple::SourcePort(port) => from = Some(*port),
                ProtoTuple::DestinationPort(port) => to = Some(*port),
                _ => (),
            }),
            _ => (),
        }
    }
    Some(FlowKey {
        transport: transport?,
        source: SocketAddr::new(source?, from?),
        destination: SocketAddr::new(destination?, to?),
    })
}

fn stage_of(info: &[ProtoInfo]) -> Stage {
    let tcp =
        info.iter().filter_map(|info| if let ProtoInfo::TCP(parts) = info { Some(parts) } else { None });
    let mut states = tcp
        .flatten()
        .filter_map(|part| if let ProtoInfoTCP::State(state) = part { Some(*state) } else { None });
    match states.next() {
        Some(TCP_TIME_WAIT) => Stage::Finished,
        Some(TCP_CLOSE) => Stage::Reset,
        Some(_) | None => Stage::Open,
    }
}

/// A number of 64 bits inside an attribute.
fn number(attribute: &DefaultNla, kind: u16) -> Option<u64> {
    let mut bytes = vec![0; attribute.value_len()];
    attribute.emit_value(&mut bytes);
    let mut parts = NlasIterator::new(bytes.as_slice()).filter_map(Result::ok);
    let part = parts.find(|part| part.kind() == kind)?;
    part.value().first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}
