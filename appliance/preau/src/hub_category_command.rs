//! `preau hub category`: the categories that the commune locks in all its schools.

use std::io::{self, Write as _};
use std::process::ExitCode;

use hub::policy::{Reach, Reached, add_lock, measure_reach, read_policy, remove_lock};
use jiff::tz::TimeZone;
use model::Timestamp;
use replication::{CategoryLock, CommunePolicy};
use system::clock::now;

use crate::cli::HubCategoryCommand;
use crate::hub_command::note_act;
use crate::hub_engines::open_register;
use crate::hub_rule_command::find_key;
use crate::times;

pub(crate) fn carry_out(command: HubCategoryCommand) -> anyhow::Result<ExitCode> {
    match command {
        HubCategoryCommand::Lock { category, author, reason, is_tried, data } => {
            let register = open_register(&data.path)?;
            tell_reach(&measure_reach(&*register, category.as_str())?)?;
            if is_tried {
                return Ok(ExitCode::SUCCESS);
            }
            let (now, key) = (now(), find_key(&data.path)?);
            let lock = CategoryLock {
                category: category.as_str().to_owned(),
                author: author.as_str().to_owned(),
                reason: reason.as_str().to_owned(),
                made_ms: now.unix_ms(),
            };
            note_act(&*register, "category-locked", &format!("{category} ({reason}, {author})"))?;
            tell(&add_lock(&*register, &key, &lock, now)?)
        }
        HubCategoryCommand::Unlock { category, author, reason, data } => {
            let (register, key) = (open_register(&data.path)?, find_key(&data.path)?);
            note_act(&*register, "category-unlocked", &format!("{category} ({reason}, {author})"))?;
            tell(&remove_lock(&*register, &key, category.as_str(), now())?)
        }
        HubCategoryCommand::List { data } => tell(&read_policy(&*open_register(&data.path)?)?),
    }
}

/// Says what boxes have told of the category: whose devices see it, and whose own rules count no more.
fn tell_reach(reach: &Reach) -> io::Result<()> {
    let mut diagnostics = io::stderr().lock();
    if reach.known == 0 {
        writeln!(
            diagnostics,
            "no list of a school has this category, as far as boxes have told: is it spelled so?"
        )?;
    }
    for Reached { uai, devices, rules, .. } in &reach.schools {
        writeln!(
            diagnostics,
            "{uai}\tdevices that see it {devices}\trules of its own that would count no more {rules}"
        )?;
    }
    for school in &reach.workspace {
        writeln!(
            diagnostics,
            "{school}: the category has names of the school's workspace (ENT), which a lock would close to all; first add a rule that opens \
             them: preau hub rule permit"
        )?;
    }
    if reach.unsure > 0 {
        writeln!(
            diagnostics,
            "schools whose box does not tell whether the category has names of the workspace (ENT), which would close: {}",
            reach.unsure
        )?;
    }
    if reach.silent > 0 {
        writeln!(diagnostics, "schools whose box has told nothing: {}", reach.silent)?;
    }
    Ok(())
}

fn tell(policy: &CommunePolicy) -> anyhow::Result<ExitCode> {
    let (mut out, zone) = (io::stdout().lock(), TimeZone::system());
    for CategoryLock { category, author, reason, made_ms } in &policy.locks {
        let since = times::write(Timestamp::from_unix_ms(*made_ms), &zone);
        writeln!(out, "{}\t{category}\t{author}\t{reason}\t{since}", policy.serial)?;
    }
    Ok(ExitCode::SUCCESS)
}
