//! Sites that teachers closed for the whole school, until somebody who directs has looked at them.

use model::{
    Alteration, ClockQuality, Mac, NewOverride, Override, OverrideId, PersonAct, PersonDeed, PersonName,
    Sought,
};
use rusqlite::params;

use crate::overrides::{keep_override, select_overrides};
use crate::people::PersonError;
use crate::person_acts::keep_act;
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

    /// Notes that somebody has looked at a report, and keeps it: the journal has who did. One that is settled stays so.
    ///
    /// # Errors
    /// [`PersonError::Unrecorded`], [`PersonError::Store`] when the file cannot be written.
    pub fn settle_report(
        &mut self,
        id: OverrideId,
        (author, device): (&PersonName, Option<Mac>),
    ) -> Result<(), PersonError> {
        self.write(|transaction| {
            let gone = transaction.execute("DELETE FROM report WHERE override = ?1", [id.number()])?;
            let kept = select_overrides(transaction, &format!("id = {}", id.number()))?;
            let (1.., [kept]) = (gone, kept.as_slice()) else { return Ok(()) };
            let words = Sought::new(&format!("{id}: {}", kept.rule.topic.as_str()));
            let deed = PersonDeed::Alter { what: Alteration::KeepReport, words };
            keep_act(transaction, &PersonAct { author: author.clone(), device, deed })
        })
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
        let by = "M. Bernard".parse().unwrap();
        for _ in 0..2 {
            store.settle_report(second.id, (&by, None)).unwrap();
        }
        let acts: Vec<_> = store.waiting_person_acts(9).unwrap().into_iter().map(|it| it.act).collect();
        let words = Sought::new(&format!("{}: b.fr", second.id));
        let deed = PersonDeed::Alter { what: Alteration::KeepReport, words };
        assert_eq!(acts, [PersonAct { author: by, device: None, deed }], "once");
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
