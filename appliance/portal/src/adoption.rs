//! Access points that were plugged in: what they say to the box, what a technician sees of them, and what he makes of them.

use std::net::IpAddr;

use model::{AccessPointName, Mac, Person, PersonName, RoomName, Timestamp};

use crate::Trouble;

/// The part of the box that adopts access points. Its calls block.
pub trait AdoptionRoom: Send + Sync {
    /// What a machine at this address says of itself. Whether the box believes it.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn hear_point(&self, client: IpAddr, said: &SaidOfPoint<'_>) -> Result<bool, Trouble>;

    /// How many were heard in the last minutes that nobody has adopted.
    fn count_heard(&self) -> usize;

    /// What was heard, and what was adopted.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn points(&self) -> Result<Points, Trouble>;

    /// Adopts one that was heard, for a room.
    ///
    /// # Errors
    /// [`Trouble::Unknown`] where it was not heard any more, [`Trouble::PointSilent`] where it does not answer with its certificate.
    fn adopt_point(&self, client: IpAddr, person: &Person, mac: Mac, room: &RoomName) -> Result<(), Trouble>;

    /// Drives one no more.
    ///
    /// # Errors
    /// [`Trouble::Unknown`].
    fn release_point(&self, client: IpAddr, person: &Person, name: &AccessPointName) -> Result<(), Trouble>;

    /// The files of the first start of an access point from the factory, packed, with the key that the box has made itself. Who takes them is on
    /// record.
    ///
    /// # Errors
    /// [`Trouble::Unknown`] where the box has no key, or the commune's, which is in the commune's own images.
    fn point_files(&self, client: IpAddr, person: &Person) -> Result<Vec<u8>, Trouble>;

    /// Draws another key in the place of the box's own: one that was stolen makes no machine an access point any more. Those that are adopted go
    /// on with the one before, until they are prepared and adopted anew. Who wanted it is on record.
    ///
    /// # Errors
    /// [`Trouble::Unknown`] where the box has no key of its own.
    fn renew_adoption_key(&self, client: IpAddr, person: &Person) -> Result<(), Trouble>;
}

/// What a machine says of itself, as it came.
#[derive(Clone, Copy, Debug)]
pub struct SaidOfPoint<'s> {
    /// The hardware address of its wire.
    pub mac: &'s str,
    /// The SHA-256 of its certificate, in hexadecimal digits.
    pub certificate: &'s str,
    /// Its radios, with their bands.
    pub radios: &'s str,
    /// The proof.
    pub proof: &'s str,
}

/// The access points of the pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Points {
    /// Whether the box has a key, its own or the commune's, without which it believes none.
    pub has_key: bool,
    /// Whether that is its own, so that it gives out files for access points from the factory.
    pub has_files: bool,
    /// Those that were heard, and that nobody has adopted, the last first.
    pub heard: Vec<HeardPoint>,
    /// Those that somebody adopted.
    pub adopted: Vec<AdoptedPointLine>,
    /// The rooms that one can serve.
    pub rooms: Vec<RoomName>,
}

/// One that was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeardPoint {
    /// The hardware address of its wire, as its label has it.
    pub mac: Mac,
    /// Where it is.
    pub address: IpAddr,
    /// The SHA-256 of its certificate.
    pub certificate: [u8; 32],
    /// What the box called it before somebody reset it.
    pub former: Option<AccessPointName>,
}

/// One that somebody adopted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdoptedPointLine {
    /// What the box calls it.
    pub name: AccessPointName,
    /// The hardware address of its wire.
    pub mac: Mac,
    /// The room that it serves.
    pub room: RoomName,
    /// By whom it was adopted.
    pub by: PersonName,
    /// When.
    pub at: Timestamp,
    /// Whether it was prepared with a key in whose place another one was drawn.
    pub has_former_key: bool,
}
