//! The categories that the commune locks, and what a lock reaches, before it is there.
//!
//! A lock has no end, and no school's name: what is to be open all the same is a rule of the commune, with a reason and an end.

use std::collections::BTreeSet;

use archive::SigningKey;
use model::Timestamp;
use replication::{CategoryLock, CategorySight, CommunePolicy, Health, LOCKS_MAX, read_json};

use super::{Draft, PolicyError, read_policy};
use crate::register::{Register, RegisterError};

/// Locks a category, in the place of the lock of before, where there is one.
///
/// # Errors
/// [`PolicyError`]; nothing has changed then.
pub fn add_lock(
    register: &dyn Register,
    key: &SigningKey,
    lock: &CategoryLock,
    now: Timestamp,
) -> Result<CommunePolicy, PolicyError> {
    let before = read_policy(register)?;
    let mut next = before.clone();
    next.locks.retain(|other| other.category != lock.category);
    next.locks.push(lock.clone());
    if next.locks.len() > LOCKS_MAX {
        return Err(PolicyError::TooMany);
    }
    keep(register, Draft::of(&before, key, next, now)?, now)
}

/// Takes a lock back. What the configuration of a box locks stays locked there.
///
/// # Errors
/// [`PolicyError`]; nothing has changed then.
pub fn remove_lock(
    register: &dyn Register,
    key: &SigningKey,
    category: &str,
    now: Timestamp,
) -> Result<CommunePolicy, PolicyError> {
    let before = read_policy(register)?;
    let mut next = before.clone();
    next.locks.retain(|lock| lock.category != category);
    if next.locks.len() == before.locks.len() {
        return Err(PolicyError::Unlocked(category.to_owned()));
    }
    keep(register, Draft::of(&before, key, next, now)?, now)
}

fn keep(register: &dyn Register, draft: Draft, now: Timestamp) -> Result<CommunePolicy, PolicyError> {
    register.keep_policy(&draft.as_new(None, now))?.ok_or(PolicyError::Race)?;
    Ok(draft.policy)
}

/// What a lock of a category reaches, as far as boxes have told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// The schools that show something of it now.
    pub schools: Vec<Reached>,
    /// How many schools have a list with such a category.
    pub known: usize,
    /// The schools whose workspace (ENT) it would close, by what people call them.
    pub workspace: Vec<String>,
    /// How many schools have a list with such a category, and a box that does not tell whether it has something of the workspace.
    pub unsure: usize,
    /// How many schools have a box that has told of no category: it is new, or older than these words.
    pub silent: usize,
}

/// A school that a lock reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Its identifier.
    pub uai: String,
    /// What people call it.
    pub name: String,
    /// How many of its devices have a profile that shows the category.
    pub devices: u32,
    /// How many rules of its own open something of it: they count no more.
    pub rules: u32,
}

/// Looks for what a lock of this category reaches.
///
/// # Errors
/// [`RegisterError`].
pub fn measure_reach(register: &dyn Register, category: &str) -> Result<Reach, RegisterError> {
    let mut reach = Reach::default();
    for (uai, name, sights) in told(register)? {
        reach.silent += usize::from(sights.is_empty());
        let Some(sight) = sights.into_iter().find(|sight| sight.has_name(category)) else { continue };
        reach.known += 1;
        let CategorySight { devices, rules, workspace, .. } = sight;
        reach.unsure += usize::from(workspace.is_none());
        reach.workspace.extend(workspace.filter(|hosts| *hosts > 0).map(|_| name.clone()));
        if devices > 0 || rules > 0 {
            reach.schools.push(Reached { uai, name, devices, rules });
        }
    }
    Ok(reach)
}

/// The categories that the schools' lists have.
///
/// # Errors
/// [`RegisterError`].
pub fn known_categories(register: &dyn Register) -> Result<BTreeSet<String>, RegisterError> {
    let told = told(register)?.into_iter();
    Ok(told.flat_map(|(.., sights)| sights).map(|sight| sight.category).collect())
}

/// What the box of each school that has one has told of categories in its last night.
fn told(register: &dyn Register) -> Result<Vec<(String, String, Vec<CategorySight>)>, RegisterError> {
    let boxes = register.boxes()?;
    let schools = register.schools()?.into_iter().filter_map(|school| {
        let present = boxes.iter().rfind(|it| it.uai == school.uai && it.revoked.is_none())?;
        let health: Option<Health> = present.health.as_ref().and_then(|text| read_json(text.as_bytes()));
        let sights = health.map(|health| health.categories().to_vec());
        Some((school.uai, school.name, sights.unwrap_or_default()))
    });
    Ok(schools.collect())
}

#[cfg(test)]
mod tests {
    use archive::Note;
    use replication::CommuneRule;

    use super::*;
    use crate::fixture::{self, EARLY};
    use crate::policy::add_rule;

    fn lock(category: &str, reason: &str) -> CategoryLock {
        CategoryLock {
            category: category.to_owned(),
            author: "M. Blanc".to_owned(),
            reason: reason.to_owned(),
            made_ms: EARLY.unix_ms(),
        }
    }

    #[test]
    fn locks_stand_in_the_signed_document_beside_the_rules() {
        let folder = tempfile::tempdir().unwrap();
        let (hub, _) = fixture::open(folder.path());
        let (register, key) = (&*hub.register, &hub.witness);
        let exception = CommuneRule {
            verdict: "permit".to_owned(),
            site: "loto.example".to_owned(),
            author: "M. Blanc".to_owned(),
            reason: "exposé".to_owned(),
            until_ms: Some(EARLY.unix_ms() + 1_000),
        };
        add_rule(register, key, &exception, EARLY).unwrap();
        let first = add_lock(register, key, &lock("gambling", "jeux"), EARLY).unwrap();
        let again = add_lock(register, key, &lock("gambling", "jeux d’argent"), EARLY).unwrap();
        assert_eq!((again.rules.len(), again.locks), (1, vec![lock("gambling", "jeux d’argent")]));
        assert!(again.serial > first.serial);
        let (serial, note) = register.policy().unwrap().unwrap();
        assert!(serial == again.serial && Note::read(&note).unwrap().is_signed_by(key.verifier()));
        // A rule that comes or goes leaves the locks as they are.
        let rule = CommuneRule { site: "b.example".to_owned(), ..exception };
        assert_eq!(add_rule(register, key, &rule, EARLY).unwrap().policy.locks.len(), 1);
        let none = remove_lock(register, key, "adult", EARLY);
        assert!(matches!(&none, Err(PolicyError::Unlocked(category)) if category == "adult"), "{none:?}");
        let open = remove_lock(register, key, "gambling", EARLY).unwrap();
        assert_eq!((open.locks.len(), open.rules.len()), (0, 2));
    }

    #[test]
    fn what_boxes_could_not_read_is_not_locked() {
        let folder = tempfile::tempdir().unwrap();
        let (hub, _) = fixture::open(folder.path());
        let (register, key) = (&*hub.register, &hub.witness);
        for wrong in [lock("jeux d’argent", "jeux"), lock("gambling", "")] {
            assert!(matches!(add_lock(register, key, &wrong, EARLY), Err(PolicyError::Rule)), "{wrong:?}");
        }
        for number in 0..LOCKS_MAX {
            add_lock(register, key, &lock(&format!("category-{number}"), "jeux"), EARLY).unwrap();
        }
        let more = add_lock(register, key, &lock("gambling", "jeux"), EARLY);
        assert!(matches!(more, Err(PolicyError::TooMany)), "{more:?}");
        assert_eq!(read_policy(register).unwrap().locks.len(), LOCKS_MAX);
    }

    #[test]
    fn what_a_lock_reaches_is_what_boxes_have_told() {
        let folder = tempfile::tempdir().unwrap();
        let (hub, of) = fixture::open(folder.path());
        let register = &*hub.register;
        let reach = |category: &str| measure_reach(register, category).unwrap();
        assert_eq!(reach("games"), Reach { silent: 1, ..Reach::default() }, "the box has told nothing yet");
        let tell = |categories: Vec<CategorySight>| {
            let health = Health { categories, ..Health::default() };
            register.note_health(of, "0.1", &serde_json::to_string(&health).unwrap(), EARLY).unwrap();
        };
        let sight = |category: &str, devices, rules| CategorySight {
            category: category.to_owned(),
            devices,
            rules,
            ..CategorySight::default()
        };
        tell(vec![sight("adult", 0, 0), sight("games", 14, 1)]);
        let games = reach("games");
        assert_eq!((games.known, games.silent, games.schools.len()), (1, 0, 1));
        assert_eq!((games.schools[0].devices, games.schools[0].rules), (14, 1));
        assert_eq!(
            reach("adult"),
            Reach { known: 1, unsure: 1, ..Reach::default() },
            "nobody sees it anyway"
        );
        assert_eq!(reach("gamblng"), Reach::default(), "no list has it");
        assert_eq!(Vec::from_iter(known_categories(register).unwrap()), ["adult", "games"]);
        // A newer box tells of the workspace, and of other names.
        let aliases = vec!["porn".to_owned()];
        tell(vec![
            CategorySight { workspace: Some(0), aliases, ..sight("adult", 0, 0) },
            CategorySight { workspace: Some(2), ..sight("games", 0, 0) },
        ]);
        let of_workspace = |category: &str| (reach(category).workspace.len(), reach(category).unsure);
        assert_eq!((of_workspace("games"), of_workspace("adult")), ((1, 0), (0, 0)));
        assert_eq!(reach("porn"), Reach { known: 1, ..Reach::default() }, "by another name of its");
        assert_eq!(Vec::from_iter(known_categories(register).unwrap()), ["adult", "games"]);
        // What cannot be true is nothing that was told.
        tell(vec![sight("<b>", 1, 1)]);
        assert_eq!(reach("games").silent, 1);
        assert!(known_categories(register).unwrap().is_empty());
    }
}
