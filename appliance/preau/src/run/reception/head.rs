//! The first head of a school, made by the form that makes the box the school's: there is no shell on it. Like the secret of a card, hers counts
//! until her first sign-in.

use std::path::Path;

use access::Clock as _;
use model::{PersonName, Role};
use people::{Secret, StoredSecret};
use portal::Setback;
use ring::rand::SystemRandom;
use store::{NewPerson, Store};
use system::clock::SystemClock;

use crate::data_folder::STATE_FILE;
use crate::operator;

/// Who is to be head, as it was typed.
pub(crate) struct FirstHead {
    name: PersonName,
    secret: Secret,
}

/// The same, with what is kept of her secret.
pub(super) struct SealedHead {
    name: PersonName,
    secret: StoredSecret,
}

impl FirstHead {
    /// From what was typed; `None` where nothing was.
    pub(super) fn read(name: &str, secret: &str) -> Result<Option<Self>, Setback> {
        let (name, secret) = (name.trim(), secret.trim());
        if name.is_empty() && secret.is_empty() {
            return Ok(None);
        }
        let name = name.parse().map_err(|_| Setback::HeadName)?;
        let secret = Secret::chosen(secret, Role::Head).map_err(|_| Setback::HeadSecret)?;
        Ok(Some(Self { name, secret }))
    }

    /// Hashes the secret, which takes a tenth of a second.
    ///
    /// # Errors
    /// The system gives no chance or no memory.
    pub(super) fn seal(self) -> anyhow::Result<SealedHead> {
        let Self { name, secret } = self;
        let secret = secret.hash(&SystemRandom::new())?;
        Ok(SealedHead { name, secret })
    }
}

impl SealedHead {
    /// Registers her, where the box knows nobody. Whether it did.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn register(&self, data: &Path) -> anyhow::Result<bool> {
        let mut store = Store::open(&data.join(STATE_FILE))?;
        if !store.people()?.is_empty() {
            return Ok(false);
        }
        let new = NewPerson { name: self.name.clone(), role: Role::Head, rooms: vec![] };
        let (author, now) = (operator::attribute(None)?, SystemClock::new().now().at);
        store.add_person(&new, self.secret.as_phc(), now, (&author, None))?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_she_is_typed() {
        let check = |name: &str, secret: &str, expected: Result<bool, Setback>| {
            assert_eq!(FirstHead::read(name, secret).map(|head| head.is_some()), expected, "{name} {secret}");
        };
        check("", "", Ok(false));
        check(" ", " ", Ok(false));
        check(" Mme Durand ", "trois chats gris", Ok(true));
        check("", "trois chats gris", Err(Setback::HeadName));
        check("Mme Durand", "", Err(Setback::HeadSecret));
        check("Mme Durand", "trois chats", Err(Setback::HeadSecret));
        check("Mme Durand", "aaaaaaaaaaaa", Err(Setback::HeadSecret));
        check(&"é".repeat(65), "trois chats gris", Err(Setback::HeadName));
    }

    #[test]
    fn the_first_head_is_made_once_and_of_her_secret_the_hash_is_kept() {
        let data = tempfile::tempdir().unwrap();
        let head = |name| FirstHead::read(name, "trois chats gris").unwrap().unwrap().seal().unwrap();
        assert!(head("Mme Durand").register(data.path()).unwrap());
        assert!(!head("Mme Autre").register(data.path()).unwrap(), "somebody is there");
        let store = Store::open(&data.path().join(STATE_FILE)).unwrap();
        let people = store.people().unwrap();
        let [person] = people.as_slice() else { panic!("{people:?}") };
        assert_eq!((person.name.as_str(), person.role), ("Mme Durand", Role::Head));
        assert!(person.has_first_secret, "she chooses her own at her first sign-in");
        let (_, kept) = store.find_credential(person.id).unwrap().unwrap();
        assert!(kept.starts_with("$argon2id$") && !kept.contains("chats"), "{kept}");
        let acts = store.waiting_person_acts(9).unwrap();
        assert_eq!(acts.len(), 1);
    }
}
