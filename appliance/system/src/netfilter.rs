//! What netfilter says of packets, and what it is told besides its ruleset: the flows of services, the packets that were
//! refused, and whether services are open. All of it by netlink: it happens too often to run a program for it.
//!
//! | module | part of netfilter |
//! |---|---|
//! | [`conntrack`] | the kernel's table of connections (nfnetlink_conntrack) |
//! | [`refused`] | heads of refused packets (nfnetlink_log) |
//! | [`opening`] | the set that lets services through (nf_tables) |

pub mod conntrack;
pub mod opening;
pub mod refused;

use std::io;

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily,
};

use crate::netlink::Link;

/// Datagrams that may come before the receipt for an order: answers to orders that were given up.
const RECEIPT_DATAGRAMS_MAX: usize = 64;

/// A message of netfilter; `resource` is a part's own, mostly 0.
fn message(
    family: NetfilterProtoFamily,
    resource: u16,
    flags: u16,
    inner: impl Into<NetfilterMessageInner>,
) -> NetlinkMessage<NetfilterMessage> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | flags;
    let message = NetfilterMessage::new(NetfilterHeader::new(family, 0, resource), inner);
    NetlinkMessage::new(header, NetlinkPayload::from(message))
}

/// Gives an order and waits for its receipt.
fn order(link: &mut Link, mut message: NetlinkMessage<NetfilterMessage>) -> io::Result<()> {
    message.header.flags |= NLM_F_ACK;
    let sequence = link.send(message)?;
    wait_for_receipt(link, sequence..=sequence)
}

/// Waits for the receipt of the last of these messages, or for the error of any.
fn wait_for_receipt(link: &mut Link, sequences: std::ops::RangeInclusive<u32>) -> io::Result<()> {
    for _ in 0..RECEIPT_DATAGRAMS_MAX {
        for message in link.receive::<NetfilterMessage>()? {
            let number = message.header.sequence_number;
            if let NetlinkPayload::Error(error) = &message.payload
                && sequences.contains(&number)
            {
                if error.code.is_some() {
                    return Err(error.to_io());
                }
                if number == *sequences.end() {
                    return Ok(());
                }
            }
        }
    }
    Err(io::Error::other("no receipt for an order to netfilter"))
}
