//! The school's own devices, as technicians keep them through the pages.

use std::net::IpAddr;

use model::{Device, Mac, Person, ProfileName, RoomName, Timestamp};

use crate::Trouble;

/// The part of the box that knows devices. Its calls block.
pub trait DeviceRoom: Send + Sync {
    /// All of them, and what a new one may be.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn devices(&self, client: IpAddr) -> Result<DeviceList, Trouble>;

    /// Registers a device, or changes what its hardware address stands for.
    ///
    /// # Errors
    /// [`Trouble::NameTaken`] by another device, [`Trouble::Field`] for a profile that there is not, and for what is the self-test's.
    fn add_device(&self, client: IpAddr, person: &Person, device: &Device) -> Result<(), Trouble>;

    /// Forgets a device: from now on it is an unknown one.
    ///
    /// # Errors
    /// [`Trouble::Unknown`].
    fn remove_device(&self, client: IpAddr, person: &Person, mac: Mac) -> Result<(), Trouble>;
}

/// The devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceList {
    /// Each with when it was seen last since the box began, by room and name.
    pub devices: Vec<(Device, Option<Timestamp>)>,
    /// The rooms of which the box knows, by devices or by the Wi-Fi.
    pub rooms: Vec<RoomName>,
    /// The profiles.
    pub profiles: Vec<ProfileName>,
    /// The hardware address of the device that asks, where nobody has registered it.
    pub asker: Option<Mac>,
}
