//! What people of the school ask of the commune.

use model::{DomainName, Motive, NewCommuneRequest, Person, SiteList, Timestamp, Verdict};
use portal::{CommuneDesk, CommuneWish, Trouble};
use store::{CommuneAskError, StoreError};
use sync::HubFolder;

use super::{Failure, Office};

/// Lines of what the hub had the box do that are shown: some weeks of a busy commune.
const ORDERS_SHOWN_MAX: u32 = 200;

impl Office {
    /// What all of the school asked: what the commune answers, it answers to the school.
    pub(super) fn describe_commune(&self, person: &Person) -> Result<CommuneDesk, Trouble> {
        let count = if person.role.directs() { ORDERS_SHOWN_MAX } else { 0 };
        let (requests, notices, orders) = self.work(|store| {
            let orders = store.commune_orders(count)?;
            Ok::<_, StoreError>((store.commune_requests()?, store.commune_notices()?, orders))
        })?;
        Ok(CommuneDesk { is_enrolled: self.has_hub(), requests, notices, orders })
    }

    pub(super) fn write_to_commune(&self, person: &Person, wish: &CommuneWish) -> Result<(), Trouble> {
        if !self.has_hub() {
            return Err(Trouble::Unknown);
        }
        let now = self.clock.now().plausible().ok_or(Trouble::NoClock)?;
        let sites = wish.site.parse::<SiteList>().map_err(|_| Trouble::Sites)?;
        let [site] = sites.names() else { return Err(Trouble::Sites) };
        if site.is_public_suffix() {
            return Err(Trouble::Sites);
        }
        let new = NewCommuneRequest {
            site: site.clone(),
            wants: wish.wants,
            author: person.name.clone(),
            motive: wish.motive.clone(),
            is_urgent: wish.is_urgent,
        };
        self.write(|store| store.ask_commune(&new, now)).map(drop)
    }

    /// The commune hears at once of what a teacher closed: its other schools have the same site. Where there is no hub, or too much waits for
    /// its answer already, the site is closed all the same.
    pub(super) fn tell_of_report(
        &self,
        person: &Person,
        site: &DomainName,
        motive: &Motive,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        if !self.has_hub() {
            return Ok(());
        }
        let new = NewCommuneRequest {
            site: site.clone(),
            wants: Verdict::Refuse,
            author: person.name.clone(),
            motive: motive.clone(),
            is_urgent: true,
        };
        match self.write(|store| store.ask_commune(&new, now)) {
            Ok(_) | Err(Trouble::Full) => Ok(()),
            Err(trouble) => Err(trouble),
        }
    }

    fn has_hub(&self) -> bool {
        HubFolder::new(&self.data).is_enrolled()
    }
}

impl From<CommuneAskError> for Failure {
    fn from(error: CommuneAskError) -> Self {
        match error {
            CommuneAskError::TooMany => Self::Trouble(Trouble::Full),
            CommuneAskError::Store(error) => Self::Store(error),
        }
    }
}
