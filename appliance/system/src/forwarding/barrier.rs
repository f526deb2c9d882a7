//! Rules of the kernel's routing (ip-rule(8)): what the firewall has not marked is not passed on.
//!
//! Invariant: they stand apart from the firewall's table, before the kernel forwards anything. Whoever removes the table, by
//! `nft flush ruleset` or the restart of another firewall, opens no way past the box.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "netlink's messages grow with the kernel: what is not known here is passed over"
)]

use std::io;
use std::time::Duration;

use firewall::ROUTED_MARK;
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::route::RouteProtocol;
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;

use crate::netlink::Link;

/// Right after the kernel's own rule for what is for the box itself, which is 0.
const PRIORITY: u32 = 1;
/// By which the box knows its rules again: a number that no routing daemon has (/etc/iproute2/rt_protos).
const OWNER: u8 = 0x70;
/// Rules of one family that are removed at most: some more than stand when the interfaces have had other names.
const RULES_MAX: usize = 64;
/// How long the kernel may take; it only bounds the impossible.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Puts the rules in place for these interfaces, or leaves them as they stand.
pub(super) fn put_up(families: &[AddressFamily], interfaces: &[&str]) -> io::Result<()> {
    let mut link = Link::open(NETLINK_ROUTE, ANSWER_WITHIN)?;
    for family in families {
        for interface in interfaces {
            let mut rule = rule(*family);
            rule.attributes.extend([
                RuleAttribute::Iifname((*interface).to_owned()),
                // Those that lack the bit.
                RuleAttribute::FwMark(0),
                RuleAttribute::FwMask(ROUTED_MARK),
            ]);
            let flags = NLM_F_CREATE | NLM_F_EXCL;
            match order(&mut link, RouteNetlinkMessage::NewRule(rule), flags) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                outcome => outcome?,
            }
        }
    }
    Ok(())
}

/// Takes all rules of the box away. A kernel whose routing knows no rules has none.
pub(super) fn take_down(families: &[AddressFamily]) -> io::Result<()> {
    let mut link = Link::open(NETLINK_ROUTE, ANSWER_WITHIN)?;
    for family in families {
        for _ in 0..RULES_MAX {
            match order(&mut link, RouteNetlinkMessage::DelRule(rule(*family)), 0) {
                Err(error) if [libc::ENOENT, libc::EOPNOTSUPP].map(Some).contains(&error.raw_os_error()) => {
                    break;
                }
                outcome => outcome?,
            }
        }
    }
    Ok(())
}

/// What all rules of the box have in common.
fn rule(family: AddressFamily) -> RuleMessage {
    let mut rule = RuleMessage::default();
    rule.header.family = family;
    rule.header.action = RuleAction::Prohibit;
    rule.attributes
        .extend([RuleAttribute::Priority(PRIORITY), RuleAttribute::Protocol(RouteProtocol::Other(OWNER))]);
    rule
}

/// Gives an order and waits for its receipt.
fn order(link: &mut Link, order: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    let sequence = link.send(NetlinkMessage::new(header, NetlinkPayload::from(order)))?;
    loop {
        for message in link.receive::<RouteNetlinkMessage>()? {
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
