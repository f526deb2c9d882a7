//! The people of the school, as the head keeps them.

use std::net::IpAddr;

use model::{Mac, Person, PersonId, PersonName, Role, RoomName};
use people::{Secret, draw_first_secret};
use portal::{Card, Newcomer, Trouble};
use store::{NameHash, NewPerson};

use super::Office;

impl Office {
    pub(super) fn list_rooms(&self) -> Result<Vec<RoomName>, Trouble> {
        let devices = self.work(|store| store.devices())?;
        let mut rooms: Vec<RoomName> = devices.into_iter().filter_map(|device| device.room).collect();
        rooms.sort_unstable();
        rooms.dedup();
        Ok(rooms)
    }

    pub(super) fn register(&self, client: IpAddr, by: &Person, new: &Newcomer) -> Result<Card, Trouble> {
        if !by.role.may_change(new.role) {
            return Err(Trouble::Denied);
        }
        let known = self.list_rooms()?;
        if new.rooms.iter().any(|room| !known.contains(room)) {
            return Err(Trouble::Field);
        }
        let Newcomer { name, role, rooms } = new.clone();
        let (new, now) = (NewPerson { name, role, rooms }, self.clock.now().at);
        let secret = self.draw(role)?;
        let stored = self.hash(&secret)?;
        let author = self.author(client, by);
        let person = self.write(|store| store.add_person(&new, stored.as_phc(), now, author))?;
        Ok(Card { person, secret: secret.reveal().to_owned() })
    }

    pub(super) fn make_card(&self, client: IpAddr, by: &Person, id: PersonId) -> Result<Card, Trouble> {
        let role = self.check_change(by, id)?;
        let secret = self.draw(role)?;
        let stored = self.hash(&secret)?;
        let (author, now) = (self.author(client, by), self.clock.now().at);
        let person = self.write(|store| store.reset_person(id, stored.as_phc(), now, author))?;
        // Her readings end with it: whoever has the card reads with no key of hers.
        self.readings.wipe_of(&person.name);
        let name = NameHash::of(&person.name);
        self.notebook.forget(|tally| tally.name() == Some(name));
        Ok(Card { person, secret: secret.reveal().to_owned() })
    }

    pub(super) fn disable(&self, client: IpAddr, by: &Person, id: PersonId) -> Result<(), Trouble> {
        self.check_change(by, id)?;
        let (author, now) = (self.author(client, by), self.clock.now().at);
        // Her readings end with it: whoever may not sign in any more reads nothing any more.
        let gone = self.write(|store| store.disable_person(id, now, author))?;
        self.readings.wipe_of(&gone.name);
        Ok(())
    }

    /// Of rooms, there are those in which devices stand, and those that she has already.
    pub(super) fn give_rooms(
        &self,
        client: IpAddr,
        by: &Person,
        id: PersonId,
        rooms: &[RoomName],
    ) -> Result<(), Trouble> {
        self.check_change(by, id)?;
        let (other, _) = self.work(|store| store.find_credential(id))?.ok_or(Trouble::Unknown)?;
        let known = self.list_rooms()?;
        if rooms.iter().any(|room| !known.contains(room) && !other.rooms.contains(room)) {
            return Err(Trouble::Field);
        }
        let author = self.author(client, by);
        self.write(|store| store.change_rooms(id, rooms, author)).map(drop)
    }

    /// The role of somebody else whom `by` may change: nobody locks herself out.
    pub(super) fn check_change(&self, by: &Person, id: PersonId) -> Result<Role, Trouble> {
        let (other, _) = self.work(|store| store.find_credential(id))?.ok_or(Trouble::Unknown)?;
        let may = other.id != by.id && by.role.may_change(other.role);
        may.then_some(other.role).ok_or(Trouble::Denied)
    }

    pub(super) fn author<'a>(&self, client: IpAddr, by: &'a Person) -> (&'a PersonName, Option<Mac>) {
        (&by.name, self.identify(client).machine.mac())
    }

    fn draw(&self, role: Role) -> Result<Secret, Trouble> {
        draw_first_secret(role, &self.random).map_err(|_| Trouble::Unavailable)
    }
}
