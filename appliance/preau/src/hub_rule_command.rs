//! `preau hub rule`: what the commune decides for all its schools.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use archive::SigningKey;
use hub::policy::{Contrary, add_rule, find_contrary, read_policy, remove_rule};
use hub::register::Records;
use hub::register::wishes::SchoolRule;
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
    let contrary = note_contrary(&*register, (&rule.verdict, &rule.site), now)?;
    let added = add_rule(&*register, &key, &rule, now)?;
    tell_gone(&added.gone, &rule.site)?;
    for SchoolRule { uai, rule } in contrary.below {
        let (verdict, site) = (rule.verdict, rule.site);
        writeln!(io::stderr(), "{uai} keeps a rule of its own, which counts there: {verdict} {site}")?;
    }
    tell(&added.policy)
}

/// Writes down which rules of single schools go with one for all.
pub(crate) fn note_contrary(
    register: &dyn Records,
    wanted: (&str, &str),
    now: Timestamp,
) -> anyhow::Result<Contrary> {
    let contrary = find_contrary(register, wanted, now)?;
    for SchoolRule { uai, rule } in &contrary.same {
        note_act(register, "rule-removed", &format!("{} {} {uai}", rule.verdict, rule.site))?;
    }
    Ok(contrary)
}

/// Says which schools have no rule of their own any more.
pub(crate) fn tell_gone(gone: &[String], site: &str) -> io::Result<()> {
    gone.iter().try_for_each(|uai| {
        writeln!(
            io::stderr(),
            "{uai} had a rule of its own that said the contrary of {site}: it is taken back"
        )
    })
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
