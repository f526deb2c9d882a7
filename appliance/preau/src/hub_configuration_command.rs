//! `preau hub configuration`: what the commune decides of the configuration of a school's box.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use hub::configurations::tidy;
use hub::register::Records;
use hub::register::configurations::Version;
use jiff::tz::TimeZone;
use model::Uai;
use system::clock::now;

use crate::cli::HubConfigurationCommand;
use crate::config::{check_sent, read_file_up_to};
use crate::hub_command::note_act;
use crate::hub_engines::open_register;
use crate::{operator, times};

/// Largest file that is read, in MiB: what is too long for a box is told by its limit.
const MIB_MAX: u64 = 1;

pub(crate) fn carry_out(command: HubConfigurationCommand) -> anyhow::Result<ExitCode> {
    match command {
        HubConfigurationCommand::Send { uai, file, data } => {
            let place = file.display();
            let bytes = read_file_up_to(&file, MIB_MAX).with_context(|| format!("{place} cannot be read"))?;
            let text = String::from_utf8(bytes).with_context(|| format!("{place} is no text in UTF-8"))?;
            let text = tidy(&text);
            if let Err(faults) = check_sent(&text, &uai) {
                let lines: Vec<String> = faults.iter().map(|fault| format!("{place}:{fault}")).collect();
                bail!("{}", lines.join("\n"))
            }
            send(&*open_register(&data.path)?, &uai, &text)
        }
        HubConfigurationCommand::List { uai, data } => list(&*open_register(&data.path)?, &uai),
        HubConfigurationCommand::Show { uai, number, data } => {
            let version = find(&*open_register(&data.path)?, &uai, number)?;
            io::stdout().write_all(version.text.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        HubConfigurationCommand::Restore { uai, number, data } => {
            let register = open_register(&data.path)?;
            let version = find(&*register, &uai, Some(number))?;
            // A newer program may ask for more than the one that took it.
            if let Err(faults) = check_sent(&version.text, &uai) {
                let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
                bail!("{}", lines.join("\n"))
            }
            send(&*register, &uai, &version.text)
        }
    }
}

fn send(register: &dyn Records, uai: &Uai, text: &str) -> anyhow::Result<ExitCode> {
    let before = register.configurations(uai.as_str())?.first().map_or(0, |version| version.number);
    let author = operator::attribute(None)?;
    note_act(register, "configuration-sent", uai.as_str())?;
    let sent = register.configure(uai, before, (text, author.as_str()), now())?;
    let number = sent.context("somebody else has sent another one meanwhile: look at it, and try again")?;
    writeln!(io::stdout(), "{number}")?;
    Ok(ExitCode::SUCCESS)
}

fn list(register: &dyn Records, uai: &Uai) -> anyhow::Result<ExitCode> {
    let (mut out, zone) = (io::stdout().lock(), TimeZone::system());
    for Version { number, text, author, made } in register.configurations(uai.as_str())? {
        writeln!(out, "{number}\t{}\t{author}\t{} bytes", times::write(made, &zone), text.len())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn find(register: &dyn Records, uai: &Uai, number: Option<u64>) -> anyhow::Result<Version> {
    let versions = register.configurations(uai.as_str())?;
    let mut found = versions.into_iter().filter(|version| number.is_none_or(|it| it == version.number));
    found.next().with_context(|| format!("there is no such version: preau hub configuration list {uai}"))
}
