//! What teachers want to be here for a lesson.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::civil::Date;
use model::{
    DomainName, NewPreparation, Person, Preparation, PreparationId, ProfileName, Subject, WorkspacePlace,
};
use portal::{PreparationLine, Trouble, WantedThing};
use store::PrepareError;

use super::{Failure, Office};
use crate::run::preparing::Prepared;

/// How far ahead a lesson is prepared, in days: what is pinned takes room from what is used.
const AHEAD_DAYS_MAX: i64 = 31;
const DAY_MS: i64 = 24 * 3_600_000;

/// What the box serves of workspaces, and what of it is prepared.
#[derive(Clone, Default)]
pub(crate) struct Larder {
    pub(crate) prepared: Arc<Prepared>,
    /// Names of workspaces that the box serves, each with the profiles that it serves them to.
    pub(crate) served: Vec<(Vec<DomainName>, BTreeSet<ProfileName>)>,
}

impl Office {
    /// The same with what is prepared for lessons.
    pub(crate) fn with_larder(self, larder: Larder) -> Self {
        Self { larder, ..self }
    }

    /// Hers; those who direct see all.
    pub(super) fn list_preparations(&self, person: &Person) -> Result<Vec<PreparationLine>, Trouble> {
        let all = self.work(|store| store.preparations())?;
        let own = all.into_iter().filter(|it| person.role.directs() || it.wanted.by == person.name);
        Ok(own.map(|it| self.describe_preparation(it)).collect())
    }

    fn describe_preparation(&self, preparation: Preparation) -> PreparationLine {
        let progress = self.larder.prepared.progress(preparation.id);
        PreparationLine { preparation, progress }
    }

    pub(super) fn prepare_place(
        &self,
        client: IpAddr,
        person: &Person,
        wanted: &WantedThing,
    ) -> Result<(), Trouble> {
        let now = self.clock.now().plausible().ok_or(Trouble::NoClock)?;
        let place: WorkspacePlace = wanted.url.parse().map_err(|_| Trouble::NotWorkspace)?;
        let served =
            self.larder.served.iter().find(|(hosts, _)| hosts.iter().any(|host| place.host.is_under(host)));
        let (_, profiles) = served.ok_or(Trouble::NotWorkspace)?;
        let Subject::Device(device) = self.identify(client).subject else {
            return Err(Trouble::Unregistered);
        };
        if !profiles.contains(&device.profile) {
            return Err(Trouble::Unregistered);
        }
        if let Some(room) = &wanted.room {
            self.check_room(person, room)?;
        }
        let until = self.end_of(wanted.day)?;
        let ahead_ms = until.unix_ms() - now.unix_ms();
        if ahead_ms <= 0 || ahead_ms > (AHEAD_DAYS_MAX + 1) * DAY_MS {
            return Err(Trouble::Day);
        }
        let new = NewPreparation {
            place,
            title: wanted.title.clone(),
            room: wanted.room.clone(),
            by: person.name.clone(),
            device: device.mac,
            made: now,
            until,
        };
        self.write(|store| store.add_preparation(&new)).map(drop)
    }

    pub(super) fn give_up_preparation(
        &self,
        client: IpAddr,
        person: &Person,
        id: PreparationId,
    ) -> Result<(), Trouble> {
        let by = (!person.role.directs()).then_some(&person.name);
        let author = self.author(client, person);
        self.write(|store| store.remove_preparation(id, by, author)).map(drop)
    }

    /// Tomorrow by the school's clock.
    pub(super) fn find_tomorrow(&self) -> Option<Date> {
        let now = self.clock.now().plausible()?;
        let now = jiff::Timestamp::from_millisecond(now.unix_ms()).ok()?;
        now.to_zoned(self.zone.clone()).date().tomorrow().ok()
    }
}

impl From<PrepareError> for Failure {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::TooMany => Self::Trouble(Trouble::Full),
            PrepareError::Unrecorded => Self::Trouble(Trouble::Unavailable),
            PrepareError::Store(error) => Self::Store(error),
        }
    }
}
