//! Sites that teachers closed for the whole school, until somebody who directs has looked at them.

use model::{ClockQuality, NewOverride, Override, OverrideId};
use rusqlite::params;

use crate::overrides::keep_override;
use crate::{AddOverrideError, Store, StoreError};

/// Most sites that one teacher may have closed at a time: the head looks at them, and keeps or opens each.
pub const REPORTS_OF_ONE_MAX: u32 = 20;

impl Store {
    /// Keeps an override that a teacher made for the school.
    ///
    /// # Errors
    /// [`AddOverrideError::TooMany`] when too many stand, or [`REPORTS_OF_ONE_MAX`] of hers wait for a look.
    pub fn add_report(
        &mut self,
        new: NewOverride,
        clock: ClockQuality,
    ) -> Result<Override, AddOverrideError> {
        self.change(|transaction| {
            // Of what was taken back nobody has to take a look.
            transaction.execute(
                "DELETE FROM report WHERE override NOT IN
                 (SELECT id FROM override WHERE ended_ms IS NULL AND NOT is_end_recorded)",
                (),
            )?;
            let waiting: u32 = transaction.query_row(
                "SELECT count(*) FROM report JOIN override ON id = override
                 WHERE author = ?1 AND ended_ms IS NULL AND NOT is_end_recorded",
                [new.rule().author.as_str()],
                |row| row.get(0),
            )?;
            if waiting >= REPORTS_OF_ONE_MAX {
                return Err(AddOverrideError::TooMany);
            }
            let made = keep_override(transaction, new, clock)?;
            transaction.execute("INSERT INTO report (override) VALUES (?1)", params![made.id.number()])?;
            Ok(made)
        })
    }

    /// The overrides that teachers made for the school, that stand, and that nobody has looked at: the last first.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn reports(&self) -> Result<Vec<Override>, StoreError> {
        let mut query = self.connection.prepare_cached("SELECT override FROM report")?;
        let waiting: Vec<u32> = query.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut open = self.open_overrides()?;
        open.retain(|it| it.ended.is_none() && waiting.contains(&it.id.number()));
        open.reverse();
        Ok(open)
    }

    /// Notes that somebody has looked at a report, and keeps it.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    pub fn settle_report(&mut self, id: OverrideId) -> Result<(), StoreError> {
        self.connection.execute("DELETE FROM report WHERE override = ?1", [id.number()])?;
        Ok(())
    }

    /// What differs whenever the file was written since, by this connection or another one. It is read in microseconds.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn pulse(&self) -> Result<(i64, u64), StoreError> {
        let others = self.connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
        Ok((others, self.connection.total_changes()))
    }
}

#[cfg(test)]
mod tests {
    use model::ClockQuality::Synchronised;
    use model::{Layer, Rule, Scope, Timestamp, Topic, Verdict};

    use super::*;
    use crate::people::tests::{at, open};

    fn report(author: &str, site: &str, now: Timestamp) -> NewOverride {
        let rule = Rule {
            layer: Layer::School,
            effect: Verdict::Refuse,
            topic: Topic::Site(site.parse().unwrap()),
            scope: Scope::Everyone,
            author: author.parse().unwrap(),
            motive: "une image".parse().unwrap(),
            from: None,
            until: None,
        };
        NewOverride::new(rule, now).unwrap()
    }

    #[test]
    fn a_report_waits_until_somebody_keeps_or_lifts_it() {
        let (_folder, mut store) = open();
        let mut add = |site: &str| store.add_report(report("Mme Martin", site, at(0)), Synchronised).unwrap();
        let [first, second, third] = ["a.fr", "b.fr", "c.fr"].map(&mut add);
        assert_eq!(store.reports().unwrap(), [third, second.clone(), first.clone()]);
        store.settle_report(second.id).unwrap();
        store.end_override(first.id, &"M. Bernard".parse().unwrap(), at(1)).unwrap();
        assert_eq!(store.reports().unwrap().len(), 1);
        assert_eq!(store.open_overrides().unwrap().len(), 3, "kept closed");
        store.add_report(report("Mme Martin", "d.fr", at(2)), Synchronised).unwrap();
        let rows: u32 =
            store.connection.query_row("SELECT count(*) FROM report", (), |row| row.get(0)).unwrap();
        assert_eq!(rows, 2, "nothing is left of what was lifted");
    }

    #[test]
    fn one_teacher_closes_no_more_than_somebody_looks_at() {
        let (_folder, mut store) = open();
        for number in 0..REPORTS_OF_ONE_MAX {
            store.add_report(report("Mme Martin", &format!("site{number}.fr"), at(0)), Synchronised).unwrap();
        }
        let more = |store: &mut Store, author: &str| {
            store.add_report(report(author, "more.fr", at(0)), Synchronised).is_ok()
        };
        assert!(!more(&mut store, "Mme Martin") && more(&mut store, "M. Petit"));
    }

    #[test]
    fn the_pulse_beats_with_every_write_of_anybody() {
        let (folder, mut store) = open();
        let mut other = Store::open(&folder.path().join("state.sqlite")).unwrap();
        let mut seen = vec![store.pulse().unwrap()];
        assert_eq!(store.pulse().unwrap(), seen[0]);
        store.add_report(report("Mme Martin", "a.fr", at(0)), Synchronised).unwrap();
        seen.push(store.pulse().unwrap());
        other.add_report(report("Mme Martin", "b.fr", at(0)), Synchronised).unwrap();
        seen.push(store.pulse().unwrap());
        assert!(seen[0] != seen[1] && seen[1] != seen[2], "{seen:?}");
    }
}
