//! The registered devices.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use model::{Device, FlowMark, Mac, SenderMark, Subject, UnknownDevice};

/// The registered devices by hardware address: one state of the store, frozen.
#[derive(Debug, Default)]
pub struct Directory {
    by_mac: HashMap<Mac, Arc<Device>>,
    /// Each by the mark of its datagrams: looked up for every DNS question.
    by_sender: HashMap<SenderMark, Arc<Device>>,
}

impl Directory {
    /// The subject behind a client's address. A device that changes its address, or uses IPv6 privacy
    /// addresses, stays the same subject.
    #[must_use]
    pub fn identify(&self, mac: Option<Mac>, address: IpAddr) -> Subject {
        match mac.and_then(|mac| self.by_mac.get(&mac)) {
            Some(device) => Subject::Device(Arc::clone(device)),
            None => Subject::Unknown(UnknownDevice { mac, address: address.to_canonical() }),
        }
    }

    /// All of them, in no order.
    pub fn devices(&self) -> impl Iterator<Item = &Arc<Device>> {
        self.by_mac.values()
    }

    pub(crate) fn holds(&self, mac: Mac) -> bool {
        self.by_mac.contains_key(&mac)
    }

    /// The device whose flows are marked so, if it is registered.
    pub(crate) fn find_marked(&self, mark: FlowMark) -> Option<&Arc<Device>> {
        self.by_mac.values().find(|device| mark.may_be_of(device.mac))
    }

    /// The device that marks its datagrams so, if it is registered.
    pub(crate) fn find_sender(&self, mark: SenderMark) -> Option<&Arc<Device>> {
        self.by_sender.get(&mark)
    }
}

impl FromIterator<Device> for Directory {
    fn from_iter<I: IntoIterator<Item = Device>>(devices: I) -> Self {
        let by_mac: HashMap<Mac, Arc<Device>> =
            devices.into_iter().map(|device| (device.mac, Arc::new(device))).collect();
        let by_sender =
            by_mac.iter().map(|(mac, device)| (SenderMark::of(*mac), Arc::clone(device))).collect();
        Self { by_mac, by_sender }
    }
}
