//! The page of devices and rooms.

use model::{Device, Mac};

use super::people::{Answer, Signed};
use crate::Trouble;
use crate::pages::people::DevicesPage;

impl Signed<'_> {
    pub(super) fn devices(&self) -> Result<Answer, Trouble> {
        let list = self.portal.office.devices(self.visit.client)?;
        let place = &self.portal.settings.place;
        let page = DevicesPage { place, person: self.person, list: &list, token: &self.token };
        Ok(Answer::page(DevicesPage::STATUS, page.render(self.visit.language)))
    }

    pub(super) fn add_device(&self) -> Result<Answer, Trouble> {
        let room = self.visit.field("salle").map(str::trim).filter(|room| !room.is_empty());
        let room = room.map(str::parse).transpose().map_err(|_| Trouble::Field)?;
        // As labels have it: in capitals, with dashes.
        let mac = self.visit.field("mac").unwrap_or_default().trim().replace('-', ":").to_lowercase();
        let device = Device {
            mac: mac.parse().map_err(|_| Trouble::Field)?,
            name: self.read("nom")?,
            room,
            profile: self.read("profil")?,
        };
        self.portal.office.add_device(self.visit.client, self.person, &device)?;
        Ok(Answer::see(DevicesPage::PATH))
    }

    pub(super) fn remove_device(&self) -> Result<Answer, Trouble> {
        let mac: Mac = self.read("mac")?;
        self.portal.office.remove_device(self.visit.client, self.person, mac)?;
        Ok(Answer::see(DevicesPage::PATH))
    }
}
