//! `preau person`.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use access::Clock;
use anyhow::Context;
use model::{Person, PersonName, Role, RoomName};
use people::{Secret, draw_first_secret};
use ring::rand::SystemRandom;
use store::{NewPerson, Store};
use system::clock::SystemClock;

use crate::cli::Author;
use crate::{data_folder, operator};

/// Registers somebody, and prints her card.
pub(crate) fn add(data: &Path, new: &NewPerson, author: &Author) -> anyhow::Result<ExitCode> {
    let random = SystemRandom::new();
    let secret = draw_first_secret(new.role, &random)?;
    let stored = secret.hash(&random)?;
    let now = SystemClock::new().now().at;
    let author = operator::attribute(Some(&author.author))?;
    let person = open(data)?.add_person(new, stored.as_phc(), now, (&author, None))?;
    print_card(&person, &secret)
}

/// Lists everybody, by name.
pub(crate) fn list(data: &Path) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    for Person { id, name, role, rooms, disabled, has_first_secret, .. } in open(data)?.people()? {
        let state = match (disabled, has_first_secret) {
            (Some(_), _) => "disabled",
            (None, true) => "card not used",
            (None, false) => "active",
        };
        let rooms = rooms.iter().map(RoomName::as_str).collect::<Vec<_>>().join(", ");
        let rooms = if rooms.is_empty() { "-" } else { &rooms };
        writeln!(out, "{id}\t{name}\t{role}\t{state}\t{rooms}")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a new card for somebody.
pub(crate) fn reset(data: &Path, name: &PersonName, author: &Author) -> anyhow::Result<ExitCode> {
    let mut store = open(data)?;
    let Person { id, role, .. } = find(&store, name)?;
    let random = SystemRandom::new();
    let secret = draw_first_secret(role, &random)?;
    let now = SystemClock::new().now().at;
    let author = operator::attribute(Some(&author.author))?;
    let person = store.reset_person(id, secret.hash(&random)?.as_phc(), now, (&author, None))?;
    print_card(&person, &secret)
}

/// Forgets somebody's telephone.
pub(crate) fn forget_telephone(data: &Path, name: &PersonName, author: &Author) -> anyhow::Result<ExitCode> {
    let mut store = open(data)?;
    let person = find(&store, name)?;
    if !person.has_telephone {
        anyhow::bail!("{} has no telephone", person.name);
    }
    let author = operator::attribute(Some(&author.author))?;
    store.remove_telephone(person.id, (&author, None))?;
    writeln!(std::io::stdout(), "{} shows no code until she makes another telephone known", person.name)?;
    Ok(ExitCode::SUCCESS)
}

/// Lets somebody sign in no more.
pub(crate) fn disable(data: &Path, name: &PersonName, author: &Author) -> anyhow::Result<ExitCode> {
    let mut store = open(data)?;
    let id = find(&store, name)?.id;
    let author = operator::attribute(Some(&author.author))?;
    let person = store.disable_person(id, SystemClock::new().now().at, (&author, None))?;
    writeln!(std::io::stdout(), "{} may no longer sign in", person.name)?;
    Ok(ExitCode::SUCCESS)
}

fn open(data: &Path) -> anyhow::Result<Store> {
    data_folder::make(data)?;
    Ok(Store::open(&data.join(data_folder::STATE_FILE))?)
}

fn find(store: &Store, name: &PersonName) -> anyhow::Result<Person> {
    store.find_person(name)?.with_context(|| format!("nobody is registered as {name}"))
}

/// The one time that the secret is shown: to be printed, and given by hand.
fn print_card(person: &Person, secret: &Secret) -> anyhow::Result<ExitCode> {
    let kind = match person.role {
        Role::Teacher => "PIN",
        Role::Head | Role::Technician | Role::Officer => "password",
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}, {}", person.name, person.role)?;
    writeln!(out, "{kind}\t{}", secret.reveal())?;
    writeln!(
        out,
        "It is not shown again, and is replaced at the first sign-in, on the box's page /connexion."
    )?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_added_reset_and_disabled_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let author = Author { author: "ligne de commande".parse().unwrap() };
        let name: PersonName = "Mme Martin".parse().unwrap();
        let new = NewPerson { name: name.clone(), role: Role::Teacher, rooms: vec![] };
        add(folder.path(), &new, &author).unwrap();
        let state = || open(folder.path()).unwrap().find_person(&name).unwrap().unwrap();
        let secret = || open(folder.path()).unwrap().find_credential(state().id).unwrap().unwrap().1;
        let first = secret();
        assert!(first.starts_with("$argon2id$") && state().has_first_secret);
        assert!(add(folder.path(), &new, &author).unwrap_err().to_string().contains("Mme Martin already"));
        disable(folder.path(), &name, &author).unwrap();
        assert!(state().disabled.is_some());
        reset(folder.path(), &"mme martin".parse().unwrap(), &author).unwrap();
        assert!(state().disabled.is_none() && secret() != first);
        let nobody = reset(folder.path(), &"M. Petit".parse().unwrap(), &author).unwrap_err();
        assert_eq!(nobody.to_string(), "nobody is registered as M. Petit");
        let acts = open(folder.path()).unwrap().waiting_person_acts(9).unwrap();
        assert!(acts.iter().all(|it| it.act.author == author.author && it.act.device.is_none()));
    }
}
