//! What of the online workspace (ENT) shall be here on a day. It is no part of the policy's intent: whoever fetches it looks by itself.

use model::{
    Alteration, Mac, NewPreparation, PersonAct, PersonDeed, PersonName, Preparation, PreparationId,
    PreparationStage, Sought, Timestamp, WorkspacePlace,
};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use crate::columns::parse;
use crate::people::PersonError;
use crate::person_acts::keep_act;
use crate::{Store, StoreError};

/// Most preparations at once: a week of lessons of a school. Each is fetched and checked by itself, one after the other.
pub const PREPARATIONS_MAX: u32 = 400;
/// Most of one teacher.
pub const PREPARATIONS_OF_ONE_MAX: u32 = 60;

const COLUMNS: &str = "id, host, path, title, room, by, device, made_ms, until_ms, stage, tried_ms, kept_host, \
                       kept_path";

impl Store {
    /// Keeps what is to be prepared. The same place for the same room, by the same teacher, is the same preparation with another
    /// title and day. The journal has who did, for which room, and of which workspace: not what.
    ///
    /// # Errors
    /// [`PrepareError`] when there are too many, or the journal takes no records.
    pub fn add_preparation(&mut self, new: &NewPreparation) -> Result<PreparationId, PrepareError> {
        self.write(|transaction| {
            record(transaction, Alteration::Prepare, new, (&new.by, Some(new.device)))?;
            let room = new.room.as_ref().map(model::RoomName::as_str);
            let place = params![new.place.host.as_str(), new.place.path, new.by.as_str(), room];
            let known: Option<u32> = transaction
                .query_row(
                    "SELECT id FROM preparation WHERE host = ?1 AND path = ?2 AND by = ?3 AND room IS ?4 AND NOT is_commune",
                    place,
                    |row| row.get(0),
                )
                .optional()?;
            if let Some(id) = known {
                let update = "UPDATE preparation SET title = ?2, until_ms = ?3, device = ?4 WHERE id = ?1";
                let values = params![id, new.title.as_str(), new.until.unix_ms(), new.device.to_string()];
                transaction.execute(update, values)?;
                return Ok(PreparationId::new(id));
            }
            let (all, own): (u32, u32) = transaction.query_row(
                "SELECT count(*), count(*) FILTER (WHERE by = ?1) FROM preparation WHERE NOT is_commune",
                [new.by.as_str()],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            if all >= PREPARATIONS_MAX || own >= PREPARATIONS_OF_ONE_MAX {
                return Err(PrepareError::TooMany);
            }
            let id = transaction.query_row(
                "INSERT INTO preparation (host, path, title, room, by, device, made_ms, until_ms, stage)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) RETURNING id",
                params![
                    new.place.host.as_str(),
                    new.place.path,
                    new.title.as_str(),
                    room,
                    new.by.as_str(),
                    new.device.to_string(),
                    new.made.unix_ms(),
                    new.until.unix_ms(),
                    PreparationStage::Waiting.as_str(),
                ],
                |row| row.get(0),
            )?;
            Ok(PreparationId::new(id))
        })
    }

    /// Gives a preparation of this teacher up; `None` gives up anybody's, but for the commune's. The journal has who did. Returns whether
    /// there was one.
    ///
    /// # Errors
    /// [`PersonError::Unrecorded`], [`PersonError::Store`] when the file cannot be written.
    pub fn remove_preparation(
        &mut self,
        id: PreparationId,
        by: Option<&PersonName>,
        author: (&PersonName, Option<Mac>),
    ) -> Result<bool, PersonError> {
        self.write(|transaction| {
            let delete = format!(
                "DELETE FROM preparation WHERE id = ?1 AND by = coalesce(?2, by) AND NOT is_commune RETURNING {COLUMNS}"
            );
            let values = params![id.number(), by.map(PersonName::as_str)];
            let gone = transaction.query_row(&delete, values, read_preparation).optional()?;
            if let Some(gone) = &gone {
                record(transaction, Alteration::DropPreparation, &gone.wanted, author)?;
            }
            Ok(gone.is_some())
        })
    }

    /// All preparations, in the order in which they were asked for.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn preparations(&self) -> Result<Vec<Preparation>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM preparation ORDER BY id");
        let mut query = self.connection.prepare_cached(&query)?;
        let preparations = query.query_map((), read_preparation)?.collect::<Result<_, _>>()?;
        Ok(preparations)
    }

    /// Notes how far a preparation is, and where it is kept, where the workspace leads elsewhere for it. One that was given up
    /// meanwhile stays so.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    pub fn note_preparation(
        &mut self,
        id: PreparationId,
        stage: PreparationStage,
        kept: Option<&WorkspacePlace>,
        tried: Timestamp,
    ) -> Result<(), StoreError> {
        let (host, path) = (kept.map(|kept| kept.host.as_str()), kept.map(|kept| kept.path.as_str()));
        self.connection.execute(
            "UPDATE preparation SET stage = ?2, tried_ms = ?3, kept_host = ?4, kept_path = ?5 WHERE id = ?1",
            params![id.number(), stage.as_str(), tried.unix_ms(), host, path],
        )?;
        Ok(())
    }

    /// Forgets the preparations whose day is over. Returns how many there were.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    pub fn lapse_preparations(&mut self, now: Timestamp) -> Result<usize, StoreError> {
        let delete = "DELETE FROM preparation WHERE until_ms <= ?1";
        Ok(self.connection.execute(delete, [now.unix_ms()])?)
    }
}

/// Keeps for the journal who did what with a preparation. Of an address there is no path in any record.
fn record(
    transaction: &Transaction<'_>,
    what: Alteration,
    wanted: &NewPreparation,
    (author, device): (&PersonName, Option<Mac>),
) -> Result<(), PersonError> {
    let room = wanted.room.as_ref().map_or_else(|| "all rooms".to_owned(), |room| format!("room {room}"));
    let words = Sought::new(&format!("{}, {room}", wanted.place.host));
    let deed = PersonDeed::Alter { what, words };
    keep_act(transaction, &PersonAct { author: author.clone(), device, deed })
}

fn read_preparation(row: &Row<'_>) -> rusqlite::Result<Preparation> {
    let text = |column: usize| row.get::<_, String>(column);
    let at = |column: usize| row.get::<_, i64>(column).map(Timestamp::from_unix_ms);
    let room = row.get::<_, Option<String>>(4)?;
    let wanted = NewPreparation {
        place: WorkspacePlace { host: parse(1, &text(1)?)?, path: text(2)? },
        title: parse(3, &text(3)?)?,
        room: room.map(|room| parse(4, &room)).transpose()?,
        by: parse(5, &text(5)?)?,
        device: parse(6, &text(6)?)?,
        made: at(7)?,
        until: at(8)?,
    };
    // A word of a later version: it is looked at anew.
    let stage = PreparationStage::find(&text(9)?).unwrap_or(PreparationStage::Waiting);
    let tried = row.get::<_, Option<i64>>(10)?.map(Timestamp::from_unix_ms);
    let kept = match (row.get::<_, Option<String>>(11)?, row.get::<_, Option<String>>(12)?) {
        (Some(host), Some(path)) => Some(WorkspacePlace { host: parse(11, &host)?, path }),
        (Some(_) | None, _) => None,
    };
    Ok(Preparation { id: PreparationId::new(row.get(0)?), wanted, kept, stage, tried })
}

/// Why something is not prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// There are too many, of this teacher or of all.
    #[error("there are too many preparations")]
    TooMany,
    /// The journal has taken no act for a long time.
    #[error("the journal takes no records: nothing can be changed")]
    Unrecorded,
    /// The state file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for PrepareError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Of keeping an act.
impl From<PersonError> for PrepareError {
    fn from(error: PersonError) -> Self {
        if let PersonError::Store(error) = error { Self::Store(error) } else { Self::Unrecorded }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::tests::{at, open};

    fn new(path: &str, by: &str) -> NewPreparation {
        NewPreparation {
            place: format!("https://ent.example{path}").parse().unwrap(),
            title: "Le volcan".parse().unwrap(),
            room: Some("CM2".parse().unwrap()),
            by: by.parse().unwrap(),
            device: "02:00:00:00:00:11".parse().unwrap(),
            made: at(0),
            until: at(1_000),
        }
    }

    #[test]
    fn a_preparation_comes_back_as_it_went_in_and_ends_with_its_day() {
        let (_folder, mut store) = open();
        let id = store.add_preparation(&new("/film", "Mme Martin")).unwrap();
        let mut expected = Preparation {
            id,
            wanted: new("/film", "Mme Martin"),
            kept: None,
            stage: PreparationStage::Waiting,
            tried: None,
        };
        assert_eq!(store.preparations().unwrap(), [expected.clone()]);
        expected.kept = Some("https://media.ent.example/film".parse().unwrap());
        store.note_preparation(id, PreparationStage::Here, expected.kept.as_ref(), at(5)).unwrap();
        (expected.stage, expected.tried) = (PreparationStage::Here, Some(at(5)));
        assert_eq!(store.preparations().unwrap(), [expected], "what was typed stays beside it");
        assert_eq!(store.lapse_preparations(at(999)).unwrap(), 0);
        assert_eq!(store.lapse_preparations(at(1_000)).unwrap(), 1);
        // What was given up while it came is not there again.
        store.note_preparation(id, PreparationStage::Here, None, at(6)).unwrap();
        assert_eq!(store.preparations().unwrap(), []);
    }

    #[test]
    fn the_same_place_again_is_the_same_preparation() {
        let (_folder, mut store) = open();
        let id = store.add_preparation(&new("/film", "Mme Martin")).unwrap();
        let later = NewPreparation {
            until: at(9_000),
            title: "Volcans".parse().unwrap(),
            ..new("/film", "Mme Martin")
        };
        assert_eq!(store.add_preparation(&later).unwrap(), id);
        let everywhere = NewPreparation { room: None, ..later.clone() };
        let other = store.add_preparation(&everywhere).unwrap();
        assert_ne!(other, id);
        assert_eq!(store.add_preparation(&everywhere).unwrap(), other);
        assert_eq!(store.preparations().unwrap()[0].wanted, later);
        let petit: PersonName = "M. Petit".parse().unwrap();
        assert!(!store.remove_preparation(id, Some(&petit), (&petit, None)).unwrap());
        assert!(store.remove_preparation(id, Some(&later.by), (&later.by, None)).unwrap());
        assert!(store.remove_preparation(other, None, (&petit, None)).unwrap());
        let acts: Vec<_> = store.waiting_person_acts(9).unwrap().into_iter().map(|it| it.act).collect();
        let told = |act: &PersonAct| {
            let PersonDeed::Alter { what, words } = &act.deed else { panic!("{act:?}") };
            format!("{} {} {}", act.author, what.as_str(), words.as_str())
        };
        let prepared = "Mme Martin prepare ent.example";
        assert_eq!(
            acts.iter().map(told).collect::<Vec<_>>(),
            [
                format!("{prepared}, room CM2"),
                format!("{prepared}, room CM2"),
                format!("{prepared}, all rooms"),
                format!("{prepared}, all rooms"),
                "Mme Martin drop-preparation ent.example, room CM2".to_owned(),
                "M. Petit drop-preparation ent.example, all rooms".to_owned(),
            ]
        );
    }

    #[test]
    fn one_teacher_does_not_take_the_room_of_all() {
        let (_folder, mut store) = open();
        for number in 0..PREPARATIONS_OF_ONE_MAX {
            store.add_preparation(&new(&format!("/{number}"), "Mme Martin")).unwrap();
        }
        let one_more = store.add_preparation(&new("/more", "Mme Martin"));
        assert!(matches!(one_more, Err(PrepareError::TooMany)));
        store.add_preparation(&new("/more", "M. Petit")).unwrap();
    }
}
