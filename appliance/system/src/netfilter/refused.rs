//! Heads of the packets that the firewall refused, as it tells them (nfnetlink_log).

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "netlink's messages grow with the kernel: what is not known here is passed over"
)]

use std::io;
use std::time::Duration;

use firewall::NOTES_GROUP;
use model::Mac;
use netlink_packet_core::{NetlinkMessage, NetlinkPayload, Nla};
use netlink_packet_netfilter::nflog::{
    ConfigCmd, ConfigFlags, ConfigMode, HwAddr, PacketNla, Timeout, ULogMessage, config_request,
};
use netlink_packet_netfilter::{NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily};
use netlink_sys::protocols::NETLINK_NETFILTER;
use services::RefusedPacket;
use wire::packet::Packet;

use super::wait_for_receipt;
use crate::netlink::Link;

/// How long a wait lasts: whoever listens has other things to do in between.
const NEWS_WITHIN: Duration = Duration::from_millis(500);
/// How long the kernel gathers packets before it tells them.
const GATHER: Duration = Duration::from_millis(100);
/// Packets that may wait to be read, in bytes of the kernel's memory. What is lost beyond is counted.
const NEWS_BYTES_MAX: usize = 1 << 20;
/// Bytes of the attribute that holds a hardware address: a length, a gap, eight bytes of address.
const HARDWARE_BYTES: usize = 12;
const HARDWARE_ADDRESS_AT: usize = 4;

/// Hears of refused packets.
#[derive(Debug)]
pub struct RefusedNews {
    link: Link,
    /// The kernel's number of the packet that comes next.
    next: Option<u32>,
}

/// What was heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Packets whose head could be read.
    pub packets: Vec<RefusedPacket>,
    /// How many others there were: lost, because they were not read in time, or without a head.
    pub missed: u32,
}

impl RefusedNews {
    /// Hears of all packets that are told from now on. Nobody else in this network namespace may.
    ///
    /// # Errors
    /// The kernel's error: this needs CAP_NET_ADMIN.
    pub fn open() -> io::Result<Self> {
        let mut link = Link::open(NETLINK_NETFILTER, NEWS_WITHIN)?;
        link.enlarge(NEWS_BYTES_MAX)?;
        let settings = vec![
            ConfigCmd::Bind.into(),
            ConfigMode::PACKET_MAX.into(),
            ConfigFlags::SEQ.into(),
            Timeout::from(GATHER).into(),
        ];
        let sequence = link.send(config_request(NetfilterProtoFamily::Unspec, NOTES_GROUP, settings))?;
        wait_for_receipt(&mut link, sequence..=sequence)?;
        Ok(Self { link, next: None })
    }

    /// Waits for packets; comes back without any after half a second.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn wait(&mut self) -> io::Result<Heard> {
        let messages = match self.link.receive_news() {
            Ok(messages) => messages,
            // The gap in the numbers will tell how many were lost.
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut heard = Heard::default();
        for attributes in messages.iter().filter_map(attributes) {
            heard.missed = heard.missed.saturating_add(self.count_lost(attributes));
            match read(attributes) {
                Some(packet) => heard.packets.push(packet),
                None => heard.missed = heard.missed.saturating_add(1),
            }
        }
        Ok(heard)
    }

    /// How many packets are missing before this one.
    fn count_lost(&mut self, attributes: &[PacketNla]) -> u32 {
        let number = attributes
            .iter()
            .find_map(|it| if let PacketNla::Seq(number) = it { Some(*number) } else { None });
        let Some(number) = number else { return 0 };
        let expected = self.next.replace(number.wrapping_add(1));
        expected.map_or(0, |expected| number.wrapping_sub(expected))
    }
}

fn attributes(message: &NetlinkMessage<NetfilterMessage>) -> Option<&[PacketNla]> {
    let NetlinkPayload::InnerMessage(message) = &message.payload else { return None };
    match &message.inner {
        NetfilterMessageInner::ULog(ULogMessage::Packet(attributes)) => Some(attributes),
        _ => None,
    }
}

fn read(attributes: &[PacketNla]) -> Option<RefusedPacket> {
    let (mut sender, mut packet) = (None, None);
    for attribute in attributes {
        match attribute {
            PacketNla::HwAddr(address) => sender = hardware_address(address),
            PacketNla::Payload(bytes) => packet = Packet::read(bytes),
            _ => (),
        }
    }
    Some(RefusedPacket { sender: sender?, packet: packet? })
}

fn hardware_address(attribute: &HwAddr) -> Option<Mac> {
    let mut bytes = [0; HARDWARE_BYTES];
    attribute.emit_value(&mut bytes);
    bytes.get(HARDWARE_ADDRESS_AT..)?.first_chunk().map(|octets| Mac::new(*octets))
}
