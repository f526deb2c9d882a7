//! The school's own devices, as technicians keep them.

use std::net::IpAddr;

use model::{Device, Mac, Person, ProfileName, RoomName, Subject, Tester};
use portal::{DeviceList, Trouble};
use store::AddDeviceError;

use super::{Failure, Office};

impl Office {
    pub(super) fn list_all_devices(&self, client: IpAddr) -> Result<DeviceList, Trouble> {
        let mut devices = self.work(|store| store.devices())?;
        devices.sort_by(|one, other| (&one.room, &one.name).cmp(&(&other.room, &other.name)));
        let wifi = self.points.networks.iter().map(|network| network.room.clone());
        let mut rooms: Vec<RoomName> =
            devices.iter().filter_map(|device| device.room.clone()).chain(wifi).collect();
        rooms.sort_unstable();
        rooms.dedup();
        let asker = match self.identify(client).subject {
            Subject::Device(_) => None,
            Subject::Unknown(unknown) => unknown.mac,
        };
        let devices = devices.into_iter().map(|device| {
            let last = self.desk.last_seen(device.mac);
            (device, last)
        });
        Ok(DeviceList { devices: devices.collect(), rooms, profiles: self.profiles.clone(), asker })
    }

    pub(super) fn register_device(
        &self,
        client: IpAddr,
        person: &Person,
        device: &Device,
    ) -> Result<(), Trouble> {
        let is_testers =
            Tester::of(device.mac).is_some() || device.name.as_str().starts_with(Tester::NAME_START);
        if is_testers || !self.profiles.contains(&device.profile) {
            return Err(Trouble::Field);
        }
        let author = self.author(client, person);
        self.write(|store| store.register_device(device, author)).map(drop)
    }

    pub(super) fn forget_device(&self, client: IpAddr, person: &Person, mac: Mac) -> Result<(), Trouble> {
        let author = self.author(client, person);
        self.write(|store| store.forget_device(mac, author))
    }

    /// The same office with the profiles that devices may have.
    pub(crate) fn with_profiles(self, profiles: Vec<ProfileName>) -> Self {
        Self { profiles, ..self }
    }
}

impl From<AddDeviceError> for Failure {
    fn from(error: AddDeviceError) -> Self {
        match error {
            AddDeviceError::NameTaken { .. } => Self::Trouble(Trouble::NameTaken),
            AddDeviceError::Unrecorded => Self::Trouble(Trouble::Unavailable),
            AddDeviceError::Store(error) => Self::Store(error),
        }
    }
}
