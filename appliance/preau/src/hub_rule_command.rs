//! `preau hub rule`: what the commune decides for all its schools.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use archive::SigningKey;
use hub::policy::{add_rule, read_policy, remove_rule};
use jiff::tz::TimeZone;
use model::{Timestamp, Verdict};
use replication::{CommunePolicy, CommuneRule};
use system::clock::now;
use system::seal_key;

use crate::cli::{HubRuleArguments, HubRuleCommand};
use crate::hub_command::{WITNESS_FILE, note_act};
use crate::hub_engines::open_register;
use crate::times;

const DAY_MS: i64 = 86_400_000;

pub(crate) fn carry_out(command: HubRuleCommand) -> anyhow::Result<ExitCode> {
    match command {
        HubRuleCommand::Permit(arguments) => add(Verdict::Permit, arguments),
        HubRuleCommand::Refuse(arguments) => add(Verdict::Refuse, arguments),
        HubRuleCommand::List { data } => tell(&read_policy(&*open_register(&data.path)?)?),
        HubRuleCommand::Remove { site, data } => {
            let register = open_register(&data.path)?;
            note_act(&*register, "rule-removed", site.as_str())?;
            tell(&remove_rule(&*register, &find_key(&data.path)?, site.as_str(), now())?)
        }
    }
}

fn add(verdict: Verdict, arguments: HubRuleArguments) -> anyhow::Result<ExitCode> {
    let HubRuleArguments { site, author, reason, days, data } = arguments;
    let now = now();
    let until_ms = days.map(|days| now.unix_ms().saturating_add(i64::from(days).saturating_mul(DAY_MS)));
    let rule = CommuneRule {
        verdict: verdict.as_str().to_owned(),
        site: site.as_str().to_owned(),
        author: author.as_str().to_owned(),
        reason: reason.as_str().to_owned(),
        until_ms,
    };
    let (register, key) = (open_register(&data.path)?, find_key(&data.path)?);
    note_act(&*register, "rule-added", &format!("{} {} ({})", rule.verdict, rule.site, rule.reason))?;
    tell(&add_rule(&*register, &key, rule, now)?)
}

pub(crate) fn find_key(data: &Path) -> anyhow::Result<SigningKey> {
    let key = seal_key::find(&data.join(WITNESS_FILE))?;
    key.context("the hub has no key to sign with yet: start it once")
}

fn tell(policy: &CommunePolicy) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    for CommuneRule { verdict, site, author, reason, until_ms } in &policy.rules {
        let until = until_ms.map(|until| times::write(Timestamp::from_unix_ms(until), &TimeZone::system()));
        let until = until.unwrap_or_else(|| "for good".to_owned());
        writeln!(out, "{}\t{verdict}\t{site}\t{author}\t{reason}\t{until}", policy.serial)?;
    }
    Ok(ExitCode::SUCCESS)
}
