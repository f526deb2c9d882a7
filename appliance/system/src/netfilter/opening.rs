//! Whether services are open: a set in the kernel whose elements end by themselves.
//!
//! Invariant: what is let through is let through by a process that lives. One that is killed, or hangs, renews nothing, and
//! the kernel closes the services within [`OPEN_FOR`].

use std::io;
use std::time::Duration;

use firewall::{OPEN_PROTOCOLS, OPEN_SET, TABLE};
use netlink_packet_core::NLM_F_CREATE;
use netlink_packet_netfilter::nftables::{
    DataAttribute, ListAttribute, NfTablesMessage, SetElementAttribute, SetElementList, SetElementMessage,
};
use netlink_packet_netfilter::none::ControlMessage;
use netlink_packet_netfilter::{NetfilterMessage, NetfilterProtoFamily};
use netlink_sys::protocols::NETLINK_NETFILTER;

use super::{message, wait_for_receipt};
use crate::netlink::Link;

/// How long services stay open after the last renewal. Short, so that little passes that nobody records; several times as
/// long as the time between renewals, so that a busy machine does not close them.
pub const OPEN_FOR: Duration = Duration::from_secs(4);

/// How long the kernel may take for an order. It takes microseconds, but for a moment when the ruleset is replaced.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// The part of netfilter that a batch is for (NFNL_SUBSYS_NFTABLES in linux/netfilter/nfnetlink.h).
const BATCH_OF_TABLES: u16 = 10;

/// Opens and shuts services.
#[derive(Debug)]
pub struct Opening {
    link: Link,
}

impl Opening {
    /// Changes nothing yet.
    ///
    /// # Errors
    /// The kernel's error: netlink is not available.
    pub fn new() -> io::Result<Self> {
        Ok(Self { link: Link::open(NETLINK_NETFILTER, ANSWER_WITHIN)? })
    }

    /// Lets services through for [`OPEN_FOR`] from now on.
    ///
    /// # Errors
    /// The kernel's error: not found where the table has no services.
    pub fn renew(&mut self) -> io::Result<()> {
        // An element that is there already would keep its old end, so the set is emptied first: in one transaction, in
        // which no packet finds it empty.
        let milliseconds = u64::try_from(OPEN_FOR.as_millis()).unwrap_or_default();
        let element = |protocol: u8| {
            ListAttribute::Element(vec![
                SetElementAttribute::Key(DataAttribute::Value(vec![protocol])),
                SetElementAttribute::Timeout(milliseconds),
            ])
        };
        let elements = OPEN_PROTOCOLS.map(|(_, protocol)| element(protocol)).to_vec();
        self.commit(vec![
            (0, NfTablesMessage::DeleteSetElement(in_set(None))),
            (NLM_F_CREATE, NfTablesMessage::NewSetElement(in_set(Some(elements)))),
        ])
    }

    /// Lets nothing through from now on.
    ///
    /// # Errors
    /// As [`Opening::renew`].
    pub fn shut(&mut self) -> io::Result<()> {
        self.commit(vec![(0, NfTablesMessage::DeleteSetElement(in_set(None)))])
    }

    /// Carries out all of it or nothing.
    fn commit(&mut self, orders: Vec<(u16, NfTablesMessage)>) -> io::Result<()> {
        let count = u32::try_from(orders.len()).unwrap_or(u32::MAX);
        let bracket =
            |inner: ControlMessage| message(NetfilterProtoFamily::Unspec, BATCH_OF_TABLES, 0, inner);
        let orders = orders.into_iter().map(|(flags, order)| {
            let flags = flags | netlink_packet_core::NLM_F_ACK;
            message(NetfilterProtoFamily::Inet, 0, flags, order)
        });
        let batch = std::iter::once(bracket(ControlMessage::BatchBegin))
            .chain(orders)
            .chain(std::iter::once(bracket(ControlMessage::BatchEnd)));
        let first = self.link.send_batch::<NetfilterMessage>(batch)?;
        wait_for_receipt(&mut self.link, first..=first.wrapping_add(count))
    }
}

/// Elements of the set; all of them where none is given.
fn in_set(elements: Option<Vec<ListAttribute<SetElementAttribute>>>) -> SetElementMessage {
    // The family has a field of its own in the message.
    let table = TABLE.rsplit(' ').next().unwrap_or(TABLE).to_owned();
    let mut attributes = vec![SetElementList::Table(table), SetElementList::Set(OPEN_SET.to_owned())];
    attributes.extend(elements.map(SetElementList::Elements));
    SetElementMessage { attributes }
}
