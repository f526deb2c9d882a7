//! The rules that the commune's hub has brought: overrides like others, which nobody in the school takes back.

use model::{ClockQuality, NewOverride, Override, PersonName, Rule, Timestamp};
use rusqlite::{OptionalExtension as _, Transaction, params};

use crate::overrides::{insert, prune, select_overrides};
use crate::{Store, StoreError};

/// Why the commune's rules were not replaced.
#[derive(Debug, thiserror::Error)]
pub enum CommuneError {
    /// There is a newer document, or this one, already.
    #[error("the commune's policy {found} is here already: number {given} is an old one")]
    Old {
        /// The number of the one that is here.
        found: u64,
        /// The number of the one that came.
        given: u64,
    },
    /// The state file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for CommuneError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// The number of the commune's policy that is here; `None` where none ever was.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn commune_serial(&self) -> Result<Option<u64>, StoreError> {
        read_serial(&self.connection).map_err(StoreError::from)
    }

    /// Puts the commune's rules in the place of those before, all or none of them. Rules that stay are left as they are, and
    /// have no second record; those that are gone are taken back `by` the hub.
    ///
    /// # Errors
    /// [`CommuneError`]; nothing has changed then.
    pub fn replace_commune_rules(
        &mut self,
        serial: u64,
        rules: &[NewOverride],
        by: &PersonName,
        now: Timestamp,
        clock: ClockQuality,
    ) -> Result<(), CommuneError> {
        self.change(|transaction| {
            match read_serial(transaction)? {
                Some(found) if found >= serial => return Err(CommuneError::Old { found, given: serial }),
                Some(_) | None => {}
            }
            let stored = i64::try_from(serial).unwrap_or(i64::MAX);
            transaction.execute("INSERT OR REPLACE INTO commune_policy VALUES (1, ?1)", [stored])?;
            if clock == ClockQuality::Synchronised {
                prune(transaction, now)?;
            }
            replace(transaction, rules, by, now)?;
            Ok(())
        })
    }
}

fn replace(
    transaction: &Transaction<'_>,
    rules: &[NewOverride],
    by: &PersonName,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let standing = select_overrides(transaction, "is_commune AND NOT is_end_recorded")?;
    let standing: Vec<Override> = standing.into_iter().filter(|it| !it.is_over(Some(now))).collect();
    let is_same =
        |one: &Rule, other: &Rule| Rule { from: None, ..one.clone() } == Rule { from: None, ..other.clone() };
    for gone in standing.iter().filter(|it| !rules.iter().any(|new| is_same(new.rule(), &it.rule))) {
        transaction.execute(
            "UPDATE override SET ended_ms = ?2, ended_by = ?3 WHERE id = ?1",
            params![gone.id.number(), now.unix_ms(), by.as_str()],
        )?;
    }
    for new in rules.iter().filter(|new| !standing.iter().any(|it| is_same(new.rule(), &it.rule))) {
        insert(transaction, new)?;
    }
    Ok(())
}

fn read_serial(connection: &rusqlite::Connection) -> rusqlite::Result<Option<u64>> {
    let serial = connection.query_row("SELECT serial FROM commune_policy", (), |row| row.get::<_, i64>(0));
    Ok(serial.optional()?.map(i64::unsigned_abs))
}

#[cfg(test)]
mod tests {
    use model::{Layer, Scope, Topic, Verdict};

    use super::*;
    use crate::EndOverrideError;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_795_422_600_000);

    fn rule(site: &str) -> NewOverride {
        let rule = Rule {
            layer: Layer::Commune,
            effect: Verdict::Refuse,
            topic: Topic::Site(site.parse().unwrap()),
            scope: Scope::Everyone,
            author: "M. Blanc".parse().unwrap(),
            motive: "faux concours".parse().unwrap(),
            from: None,
            until: None,
        };
        NewOverride::of_commune(rule, NOW).unwrap()
    }

    #[test]
    fn the_communes_rules_are_replaced_whole_and_only_by_newer_ones() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("state")).unwrap();
        let hub: PersonName = "hub de la commune".parse().unwrap();
        let put = |store: &mut Store, serial: u64, rules: &[NewOverride]| {
            store.replace_commune_rules(serial, rules, &hub, NOW, ClockQuality::Synchronised)
        };
        let standing = |store: &Store| -> Vec<(String, Layer)> {
            let open = store.open_overrides().unwrap();
            let open = open.into_iter().filter(|it| it.ended.is_none());
            open.map(|it| (it.rule.topic.as_str().to_owned(), it.rule.layer)).collect()
        };
        assert_eq!(store.commune_serial().unwrap(), None);
        put(&mut store, 3, &[rule("a.example"), rule("b.example")]).unwrap();
        let first = store.open_overrides().unwrap();
        put(&mut store, 5, &[rule("b.example"), rule("c.example")]).unwrap();
        let expected = ["b.example", "c.example"].map(|site| (site.to_owned(), Layer::Commune));
        assert_eq!(standing(&store), expected);
        assert_eq!(store.open_overrides().unwrap()[1], first[1], "what stays is the same override");
        // An old document, or the same once more, changes nothing.
        for serial in [4, 5] {
            let generation = store.generation().unwrap();
            let old = put(&mut store, serial, &[]);
            assert!(matches!(old, Err(CommuneError::Old { found: 5, .. })), "{old:?}");
            assert_eq!(store.generation().unwrap(), generation);
        }
        assert_eq!((standing(&store).len(), store.commune_serial().unwrap()), (2, Some(5)));
        put(&mut store, 6, &[]).unwrap();
        assert_eq!(standing(&store), []);
    }

    #[test]
    fn nobody_in_the_school_takes_them_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("state")).unwrap();
        let name: PersonName = "M. Petit".parse().unwrap();
        store.replace_commune_rules(1, &[rule("a.example")], &name, NOW, ClockQuality::Unset).unwrap();
        let id = store.open_overrides().unwrap()[0].id;
        let refused = store.end_override(id, &name, NOW);
        assert!(matches!(refused, Err(EndOverrideError::Commune(_))), "{refused:?}");
    }
}
