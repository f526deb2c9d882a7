//! The page of the Wi-Fi's keys: files that are taken away, keys that are renewed.

use super::page::Page;
use super::people::{Answer, Content, Signed};
use crate::pages::people::NetworksPage;
use crate::{JoinFile, KeyBearer, Trouble};

impl Signed<'_> {
    /// The page, and the places that its forms are sent to.
    pub(super) fn wifi(&self, page: Page) -> Result<Answer, Trouble> {
        let office = &self.portal.office;
        if page == Page::Networks {
            let networks = office.networks()?;
            let place = &self.portal.settings.place;
            let page = NetworksPage { place, person: self.person, networks: &networks, token: &self.token };
            return Ok(Answer::page(NetworksPage::STATUS, page.render(self.visit.language)));
        }
        let device = self.visit.field("appareil").filter(|name| !name.is_empty());
        let device = device.map(|_| self.read("appareil")).transpose()?;
        let bearer = KeyBearer { room: self.read("salle")?, device };
        if page == Page::NetworkKey {
            office.renew_wifi_key(self.visit.client, self.person, &bearer)?;
            return Ok(Answer::see(NetworksPage::PATH));
        }
        let kind = self.visit.field("fichier").and_then(JoinFile::read).ok_or(Trouble::Field)?;
        let bytes = office.join_file(self.visit.client, self.person, &bearer, kind)?;
        Ok(Answer::of(Content::Join(kind, name_file(&bearer, kind), bytes)))
    }
}

/// A name that every system takes: of what people named, letters and digits are left.
fn name_file(bearer: &KeyBearer, kind: JoinFile) -> String {
    let whose = bearer.device.as_ref().map_or_else(|| bearer.room.as_str(), |device| device.as_str());
    let whose: String = whose.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("{}-{whose}.{}", kind.as_str(), kind.ending())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_name_that_a_header_can_have() {
        let check = |room: &str, device: Option<&str>, kind: JoinFile, expected: &str| {
            let device = device.map(|name| name.parse().unwrap());
            assert_eq!(name_file(&KeyBearer { room: room.parse().unwrap(), device }, kind), expected);
        };
        check("CM2", Some("tab-07"), JoinFile::Apple, "ipad-tab-07.mobileconfig");
        check("Bibliothèque \"A\"", None, JoinFile::Picture, "qr-Biblioth-que--A-.svg");
    }
}
