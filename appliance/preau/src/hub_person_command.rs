//! `preau hub person`: who may sign in at the hub's pages.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use hub::register::RegisterError;
use hub::register::people::{Act, Duty, Member, Staff};
use model::{PersonName, Role};
use people::{Secret, StoredSecret, draw_first_secret};
use ring::rand::SystemRandom;
use system::clock::now;

use crate::cli::{Author, HubPersonCommand};
use crate::hub_engines::open_register;
use crate::operator;

/// Longest account at a provider, in bytes: an address of mail has no more.
const ACCOUNT_BYTES_MAX: usize = 254;

pub(crate) fn carry_out(command: HubPersonCommand) -> anyhow::Result<ExitCode> {
    match command {
        HubPersonCommand::Add { name, duties, author, data } => {
            add(&*open_register(&data.path)?, &name, &duties.into_iter().collect(), &author)
        }
        HubPersonCommand::List { data } => list(&*open_register(&data.path)?),
        HubPersonCommand::Account { name, account, none: _, author, data } => {
            link(&*open_register(&data.path)?, &name, account.as_deref(), &author)
        }
        HubPersonCommand::Reset { name, author, data } => reset(&*open_register(&data.path)?, &name, &author),
        HubPersonCommand::Disable { name, author, data } => {
            disable(&*open_register(&data.path)?, &name, &author)
        }
    }
}

fn add(
    register: &dyn Staff,
    name: &PersonName,
    duties: &BTreeSet<Duty>,
    author: &Author,
) -> anyhow::Result<ExitCode> {
    let (secret, stored) = draw()?;
    let known = register.find_member(name)?;
    if known.is_some() {
        bail!("there is somebody called {name} already: preau hub person reset makes her a new card")
    }
    note(register, author, "person-added", name)?;
    register.add_member(name, duties, &stored).map_err(|error| match error {
        RegisterError::Taken => anyhow::anyhow!("the hub knows too many people, or somebody was quicker"),
        RegisterError::NoSchool(_)
        | RegisterError::HasBox(_)
        | RegisterError::Spent
        | RegisterError::TooLong(_)
        | RegisterError::Engine(_) => error.into(),
    })?;
    print_card(name, &secret)
}

fn list(register: &dyn Staff) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    for Member { id, name, duties, has_first_secret, has_key, disabled, account } in register.members()? {
        let state = match (disabled, has_first_secret, has_key) {
            (Some(_), ..) => "disabled",
            (None, true, _) => "card not used",
            (None, false, false) => "no telephone yet",
            (None, false, true) => "active",
        };
        let duties: Vec<&str> = duties.iter().map(|duty| duty.as_str()).collect();
        let account = account.as_deref().unwrap_or("-");
        writeln!(out, "{}\t{name}\t{}\t{state}\t{account}", id.0, duties.join(", "))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn reset(register: &dyn Staff, name: &PersonName, author: &Author) -> anyhow::Result<ExitCode> {
    let member = find(register, name)?;
    if member.disabled.is_some() {
        bail!("{name} may sign in no more: register her under another name, as in \"{name} 2\"")
    }
    let (secret, stored) = draw()?;
    note(register, author, "person-reset", name)?;
    register.reset_member(member.id, &stored)?;
    print_card(&member.name, &secret)
}

fn disable(register: &dyn Staff, name: &PersonName, author: &Author) -> anyhow::Result<ExitCode> {
    let member = find(register, name)?;
    note(register, author, "person-disabled", name)?;
    register.disable_member(member.id, now())?;
    Ok(ExitCode::SUCCESS)
}

/// Whom the provider vouches for by this account is her, from the next sign-in on.
fn link(
    register: &dyn Staff,
    name: &PersonName,
    account: Option<&str>,
    author: &Author,
) -> anyhow::Result<ExitCode> {
    let account = account.map(str::trim);
    let is_word =
        |text: &str| (1..=ACCOUNT_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
    ensure!(
        account.is_none_or(is_word),
        "an account is a word of the provider's: an address, a name, a number"
    );
    let member = find(register, name)?;
    let deed = if account.is_some() { "person-account" } else { "person-no-account" };
    note(register, author, deed, name)?;
    match register.set_account(member.id, account) {
        Err(RegisterError::Taken) => bail!("somebody else here has this account: preau hub person list"),
        outcome => outcome?,
    }
    Ok(ExitCode::SUCCESS)
}

fn find(register: &dyn Staff, name: &PersonName) -> anyhow::Result<Member> {
    let found = register.find_member(name)?.map(|found| found.member);
    found.with_context(|| format!("nobody here is called {name}: preau hub person list"))
}

/// As good a secret as a box's technician gets: both decide for many.
fn draw() -> anyhow::Result<(Secret, StoredSecret)> {
    let random = SystemRandom::new();
    let secret = draw_first_secret(Role::Technician, &random)?;
    let stored = secret.hash(&random)?;
    Ok((secret, stored))
}

fn note(register: &dyn Staff, author: &Author, deed: &str, name: &PersonName) -> anyhow::Result<()> {
    let author = operator::attribute(Some(&author.author))?;
    let act = Act {
        at: now(),
        author: author.as_str().to_owned(),
        network: String::new(),
        deed: deed.to_owned(),
        about: name.as_str().to_owned(),
    };
    Ok(register.note_act(&act)?)
}

/// The card goes to the printer, or to her by another way than mail.
fn print_card(name: &PersonName, secret: &Secret) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    writeln!(out, "name\t{name}\nsecret\t{}", secret.reveal())?;
    writeln!(io::stderr(), "good until her first sign-in, where she chooses her own and adds her telephone")?;
    Ok(ExitCode::SUCCESS)
}
