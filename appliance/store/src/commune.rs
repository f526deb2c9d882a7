//! The rules that the commune's hub has brought: overrides like others, which nobody in the school takes back.

use model::{ClockQuality, CommuneOrderKind, NewOverride, Override, PersonName, Rule, Timestamp, Verdict};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::letters::keep_order;
use crate::overrides::{insert, prune, select_overrides};
use crate::{Store, StoreError};

/// Which of the commune's documents is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommuneDocument {
    /// Its number.
    pub serial: u64,
    /// The key that it was signed by: another hub counts from another number on.
    pub signer: String,
}

/// What a document of the commune's is about. Of each kind the last one is here.
#[derive(Clone, Copy)]
pub(crate) enum DocumentKind {
    /// Rules for all schools.
    Policy,
    /// What is said to this school alone.
    Sheet,
}

impl DocumentKind {
    fn table(self) -> &'static str {
        match self {
            Self::Policy => "commune_policy",
            Self::Sheet => "commune_sheet",
        }
    }

    /// Which one is here.
    pub(crate) fn read(self, connection: &Connection) -> rusqlite::Result<Option<CommuneDocument>> {
        let document =
            connection.query_row(&format!("SELECT serial, signer FROM {}", self.table()), (), |row| {
                Ok(CommuneDocument { serial: row.get::<_, i64>(0)?.unsigned_abs(), signer: row.get(1)? })
            });
        document.optional()
    }

    /// Notes one that takes its place: with a higher number of the same signer, or another signer's, whose box this is now.
    pub(crate) fn take(
        self,
        transaction: &Transaction<'_>,
        document: &CommuneDocument,
    ) -> Result<(), CommuneError> {
        let CommuneDocument { serial, signer } = document;
        let before = self.read(transaction)?.filter(|found| found.signer == *signer);
        if let Some(CommuneDocument { serial: found, .. }) = before.filter(|found| found.serial >= *serial) {
            return Err(CommuneError::Old { found, given: *serial });
        }
        let stored = i64::try_from(*serial).unwrap_or(i64::MAX);
        let insert = format!("INSERT OR REPLACE INTO {} VALUES (1, ?1, ?2)", self.table());
        transaction.execute(&insert, params![stored, signer])?;
        Ok(())
    }
}

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
    /// The commune's policy that is here; `None` where none ever was.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn commune_document(&self) -> Result<Option<CommuneDocument>, StoreError> {
        DocumentKind::Policy.read(&self.connection).map_err(StoreError::from)
    }

    /// Puts the commune's rules in the place of those before, all or none of them: a higher number of the same signer, or another
    /// signer's, whose box this is now. Rules that stay are left as they are, and
    /// have no second record; those that are gone are taken back `by` the hub.
    ///
    /// # Errors
    /// [`CommuneError`]; nothing has changed then.
    pub fn replace_commune_rules(
        &mut self,
        document: &CommuneDocument,
        rules: &[NewOverride],
        by: &PersonName,
        (now, clock): (Timestamp, ClockQuality),
    ) -> Result<(), CommuneError> {
        self.change(|transaction| {
            DocumentKind::Policy.take(transaction, document)?;
            if clock == ClockQuality::Synchronised {
                prune(transaction, now)?;
            }
            replace(transaction, rules, false, by, now)?;
            Ok(())
        })
    }
}

/// Puts rules in the place of those that the commune's policy, or what it says to the school alone, has brought before.
pub(crate) fn replace(
    transaction: &Transaction<'_>,
    rules: &[NewOverride],
    is_of_sheet: bool,
    by: &PersonName,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let of = if is_of_sheet { "is_of_sheet" } else { "NOT is_of_sheet" };
    let standing = select_overrides(transaction, &format!("is_commune AND {of} AND NOT is_end_recorded"))?;
    let standing: Vec<Override> = standing.into_iter().filter(|it| !it.is_over(Some(now))).collect();
    let is_same =
        |one: &Rule, other: &Rule| Rule { from: None, ..one.clone() } == Rule { from: None, ..other.clone() };
    for gone in standing.iter().filter(|it| !rules.iter().any(|new| is_same(new.rule(), &it.rule))) {
        transaction.execute(
            "UPDATE override SET ended_ms = ?2, ended_by = ?3 WHERE id = ?1",
            params![gone.id.number(), now.unix_ms(), by.as_str()],
        )?;
        let kind = match gone.rule.locked() {
            Some(_) => CommuneOrderKind::Unlock,
            None => CommuneOrderKind::TakeBack,
        };
        keep_order(transaction, now, kind, gone.rule.topic.as_str())?;
    }
    for new in rules.iter().filter(|new| !standing.iter().any(|it| is_same(new.rule(), &it.rule))) {
        let id = insert(transaction, new)?;
        transaction.execute(
            "UPDATE override SET is_of_sheet = ?2 WHERE id = ?1",
            params![id.number(), is_of_sheet],
        )?;
        let kind = match new.rule().effect {
            _ if new.rule().locked().is_some() => CommuneOrderKind::Lock,
            Verdict::Permit => CommuneOrderKind::Permit,
            Verdict::Refuse => CommuneOrderKind::Refuse,
        };
        let about = format!("{} ({}, {})", new.rule().topic.as_str(), new.rule().motive, new.rule().author);
        keep_order(transaction, now, kind, &about)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use model::{Layer, Scope, Topic};

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
        let put_by = |store: &mut Store, signer: &str, serial: u64, rules: &[NewOverride]| {
            let document = CommuneDocument { serial, signer: signer.to_owned() };
            store.replace_commune_rules(&document, rules, &hub, (NOW, ClockQuality::Synchronised))
        };
        let put = |store: &mut Store, serial, rules: &[NewOverride]| put_by(store, "hub", serial, rules);
        let serial = |store: &Store| store.commune_document().unwrap().map(|document| document.serial);
        let standing = |store: &Store| -> Vec<(String, Layer)> {
            let open = store.open_overrides().unwrap();
            let open = open.into_iter().filter(|it| it.ended.is_none());
            open.map(|it| (it.rule.topic.as_str().to_owned(), it.rule.layer)).collect()
        };
        assert_eq!(serial(&store), None);
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
        assert_eq!((standing(&store).len(), serial(&store)), (2, Some(5)));
        put(&mut store, 6, &[]).unwrap();
        assert_eq!(standing(&store), []);
        // The box of another hub: what the one before has closed is not closed for ever, and numbers begin anew.
        put(&mut store, 7, &[rule("a.example")]).unwrap();
        put_by(&mut store, "another", 1, &[rule("d.example")]).unwrap();
        assert_eq!(standing(&store), [("d.example".to_owned(), Layer::Commune)]);
        assert!(put_by(&mut store, "another", 1, &[]).is_err());
    }

    #[test]
    fn a_category_is_locked_and_unlocked_with_the_rules_and_stands_among_what_the_hub_did() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("state")).unwrap();
        let hub: PersonName = "hub de la commune".parse().unwrap();
        let topic = Topic::Category("gambling".parse().unwrap());
        let lock = NewOverride::of_commune(Rule { topic, ..rule("a.example").rule().clone() }, NOW).unwrap();
        let mut put = |serial: u64, rules: &[NewOverride]| {
            let document = CommuneDocument { serial, signer: "hub".to_owned() };
            store.replace_commune_rules(&document, rules, &hub, (NOW, ClockQuality::Synchronised)).unwrap();
        };
        put(1, &[rule("a.example"), lock.clone()]);
        put(2, &[rule("a.example"), lock]);
        put(3, &[rule("a.example")]);
        let locked: Vec<_> =
            store.overrides().unwrap().into_iter().filter(|it| it.rule.locked().is_some()).collect();
        assert_eq!(locked.len(), 1, "what stays is the same override");
        assert!(locked[0].ended.is_some() && locked[0].is_in_force(), "open once its end is on record");
        let orders = store.commune_orders(9).unwrap().into_iter();
        let orders: Vec<_> = orders.map(|order| format!("{} {}", order.kind.as_str(), order.about)).collect();
        let expected = [
            "unlock gambling",
            "lock gambling (faux concours, M. Blanc)",
            "refuse a.example (faux concours, M. Blanc)",
        ];
        assert_eq!(orders, expected);
    }

    #[test]
    fn nobody_in_the_school_takes_them_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("state")).unwrap();
        let name: PersonName = "M. Petit".parse().unwrap();
        let document = CommuneDocument { serial: 1, signer: "hub".to_owned() };
        let at = (NOW, ClockQuality::Unset);
        store.replace_commune_rules(&document, &[rule("a.example")], &name, at).unwrap();
        let id = store.open_overrides().unwrap()[0].id;
        let refused = store.end_override(id, &name, NOW);
        assert!(matches!(refused, Err(EndOverrideError::Commune(_))), "{refused:?}");
    }
}
