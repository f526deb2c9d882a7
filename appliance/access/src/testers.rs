//! The devices by which the box attacks itself.

use std::net::IpAddr;
use std::sync::Arc;

use model::{Device, Mac, ProfileName, Subject, Tester};

/// The testers of a box, one for each profile, known by their addresses.
///
/// The first tester has the first profile, and so on: whoever attacks has the same list of profiles.
#[derive(Debug, Default)]
pub struct Testers {
    devices: Vec<Arc<Device>>,
    is_loopback: bool,
}

impl Testers {
    /// The testers of a box with a firewall, which drops whatever comes from elsewhere with their addresses.
    #[must_use]
    pub fn on_network<'p>(profiles: impl IntoIterator<Item = &'p ProfileName>) -> Self {
        Self { devices: devices(profiles), is_loopback: false }
    }

    /// The testers of a box that serves its own machine only.
    #[must_use]
    pub fn on_loopback<'p>(profiles: impl IntoIterator<Item = &'p ProfileName>) -> Self {
        Self { devices: devices(profiles), is_loopback: true }
    }

    pub(crate) fn find(&self, address: IpAddr) -> Option<Subject> {
        let tester = if self.is_loopback { Tester::at_loopback(address) } else { Tester::at(address) };
        self.subject(tester?)
    }

    pub(crate) fn find_by_mac(&self, mac: Mac) -> Option<Subject> {
        self.subject(Tester::of(mac)?)
    }

    fn subject(&self, tester: Tester) -> Option<Subject> {
        self.devices.get(tester.position()).map(|device| Subject::Device(Arc::clone(device)))
    }
}

fn devices<'p>(profiles: impl IntoIterator<Item = &'p ProfileName>) -> Vec<Arc<Device>> {
    let testers = (1..=Tester::COUNT_MAX).filter_map(Tester::new);
    testers.zip(profiles).map(|(tester, profile)| Arc::new(tester.device(profile))).collect()
}
