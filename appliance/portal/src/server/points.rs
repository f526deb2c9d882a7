//! Access points that say what they are, and the page where one is adopted.

use super::Portal;
use super::people::{Answer, Content, Signed};
use super::visit::Visit;
use crate::pages::people::PointsPage;
use crate::{SaidOfPoint, Trouble};

/// The name of the files for access points from the factory.
const FILES: &str = "preau-borne.tar.gz";
/// What an access point is told that is believed.
const HEARD: &str = "heard\n";

/// Hears an access point. It shows no cookie and no token: what it says proves itself, or is nothing.
pub(super) fn hear(portal: &Portal, visit: &Visit) -> Result<Answer, Trouble> {
    let [mac, certificate, radios, proof] =
        PointsPage::SAY_FIELDS.map(|name| visit.field(name).unwrap_or_default());
    let said = SaidOfPoint { mac, certificate, radios, proof };
    if portal.office.hear_point(visit.client, &said)? {
        Ok(Answer::of(Content::Text("heard.txt", HEARD.to_owned())))
    } else {
        Err(Trouble::Denied)
    }
}

impl Signed<'_> {
    pub(super) fn points(&self) -> Result<Answer, Trouble> {
        let points = self.portal.office.points()?;
        let place = &self.portal.settings.place;
        let page = PointsPage { place, person: self.person, points: &points, token: &self.token };
        Ok(Answer::page(PointsPage::STATUS, page.render(self.visit.language)))
    }

    pub(super) fn adopt_point(&self) -> Result<Answer, Trouble> {
        let (mac, room) = (self.read("borne")?, self.read("salle")?);
        self.portal.office.adopt_point(self.visit.client, self.person, mac, &room)?;
        Ok(Answer::see(PointsPage::PATH))
    }

    /// What makes an access point from the factory one of this box. It has the adoption key.
    pub(super) fn point_files(&self) -> Result<Answer, Trouble> {
        let bytes = self.portal.office.point_files(self.visit.client, self.person)?;
        Ok(Answer::of(Content::Packed(FILES, bytes)))
    }

    /// Another key, once she has said that she knows what it means.
    pub(super) fn renew_adoption_key(&self) -> Result<Answer, Trouble> {
        if self.visit.field(PointsPage::MEANT_FIELD).is_none() {
            return Err(Trouble::Field);
        }
        self.portal.office.renew_adoption_key(self.visit.client, self.person)?;
        Ok(Answer::see(PointsPage::PATH))
    }

    pub(super) fn release_point(&self) -> Result<Answer, Trouble> {
        let name = self.read("borne")?;
        self.portal.office.release_point(self.visit.client, self.person, &name)?;
        Ok(Answer::see(PointsPage::PATH))
    }
}
