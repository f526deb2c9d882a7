//! The categories that the commune locks: looked at first, then locked.

use model::{Category, Motive};
use replication::CategoryLock;

use super::{Answer, Desk};
use crate::office::{Signed, Trouble};
use crate::pages::locks::locks;
use crate::policy::{Reach, add_lock, known_categories, measure_reach, read_policy, remove_lock};
use crate::register::people::Duty;

impl Desk<'_> {
    pub(super) fn locks(
        self,
        signed: &Signed,
        wanted: Option<(&CategoryLock, &Reach)>,
    ) -> Result<Answer, Trouble> {
        let register = &*self.hub.register;
        let (policy, known) = (read_policy(register)?, known_categories(register)?);
        let bar = self.bar(signed, "/categories");
        let may_act = signed.member.may(Duty::Policy);
        Ok(Answer::page(locks(self.place, bar, &policy, &known, may_act, wanted)))
    }

    /// Shows what is known of a lock before it is there; with the word that it is meant, makes it.
    pub(super) fn add_lock(self, signed: &Signed) -> Result<Answer, Trouble> {
        self.allow(signed, Duty::Policy)?;
        let field = |name: &str| self.visit.field(name).unwrap_or_default().trim();
        let category: Category = field("categorie").parse().map_err(|_| Trouble::Field)?;
        let reason: Motive = field("motif").parse().map_err(|_| Trouble::Field)?;
        let lock = CategoryLock {
            category: category.as_str().to_owned(),
            author: signed.member.name.as_str().to_owned(),
            reason: reason.as_str().to_owned(),
            made_ms: self.now.unix_ms(),
        };
        if field("oui").is_empty() {
            let reach = measure_reach(&*self.hub.register, &lock.category)?;
            return self.locks(signed, Some((&lock, &reach)));
        }
        let about = format!("{} ({})", lock.category, lock.reason);
        self.office.act(signed, "category-locked", &about, self.now)?;
        add_lock(&*self.hub.register, &self.hub.witness, &lock, self.now)?;
        Ok(Answer::see("/categories"))
    }

    pub(super) fn remove_lock(self, signed: &Signed) -> Result<Answer, Trouble> {
        self.allow(signed, Duty::Policy)?;
        let category = self.visit.field("categorie").unwrap_or_default();
        let policy = read_policy(&*self.hub.register)?;
        let lock = policy.locks.iter().find(|lock| lock.category == category).ok_or(Trouble::Unknown)?;
        self.office.act(signed, "category-unlocked", &lock.category, self.now)?;
        remove_lock(&*self.hub.register, &self.hub.witness, category, self.now)?;
        Ok(Answer::see("/categories"))
    }
}
