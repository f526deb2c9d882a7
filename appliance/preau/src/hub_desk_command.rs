//! `preau hub request`, `preau hub content`, `preau hub notice`: what schools ask and are told.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use hub::register::wishes::{Content, Notice, Wish};
use hub::wishes::{Decision, answer};
use jiff::tz::TimeZone;
use model::{Answered, Timestamp, Uai};
use replication::{SchoolRequest, SheetContent, SheetNotice};
use system::clock::now;

use crate::cli::{HubContentCommand, HubNoticeCommand, HubRequestCommand};
use crate::hub_command::note_act;
use crate::hub_engines::open_register;
use crate::hub_rule_command::{find_key, note_contrary, tell_gone};
use crate::times;

const DAY_MS: i64 = 86_400_000;
/// Requests that are listed: those that wait, and the last answers.
const LISTED_MAX: u32 = 1_000;

pub(crate) fn carry_out_request(command: HubRequestCommand) -> anyhow::Result<ExitCode> {
    match command {
        HubRequestCommand::List { data } => {
            let mut out = io::stdout().lock();
            for Wish { id, uai, request, answer, .. } in open_register(&data.path)?.wishes(LISTED_MAX)? {
                let urgent = if request.is_urgent { "urgent" } else { "" };
                let answer = answer.map_or("open", |answer| answer.answered.as_str());
                let (wants, site, author) = (request.wants, request.site, request.author);
                writeln!(
                    out,
                    "{id}\t{uai}\t{wants}\t{site}\t{author}\t{}\t{urgent}\t{answer}",
                    request.reason
                )?;
            }
        }
        HubRequestCommand::Answer { id, answer: answered, author, reason, days, data } => {
            let (register, key) = (open_register(&data.path)?, find_key(&data.path)?);
            let wish = register.find_wish(id)?.with_context(|| format!("there is no request {id}"))?;
            let about = format!("{} {} {} ({reason})", answered.as_str(), wish.uai, wish.request.site);
            note_act(&*register, "request-answered", &about)?;
            let SchoolRequest { wants, site, .. } = wish.request;
            if answered == Answered::All {
                note_contrary(&*register, (&wants, &site), now())?;
            }
            let decision = Decision {
                answered,
                author: author.as_str().to_owned(),
                reason: reason.as_str().to_owned(),
                until_ms: days.map(|days| ahead(days).unix_ms()),
            };
            tell_gone(&answer(&*register, &key, id, decision, now())?, &site)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn carry_out_content(command: HubContentCommand) -> anyhow::Result<ExitCode> {
    match command {
        HubContentCommand::Add { url, title, days, school, author, data } => {
            let place = SheetContent { url, title, until_ms: ahead(days).unix_ms() };
            let (read, _, _) = place.read().context("it is no address of a workspace, or has no name")?;
            let place = SheetContent { url: read.to_string(), ..place };
            let register = open_register(&data.path)?;
            if let Some(uai) = &school {
                let is_known = register.schools()?.iter().any(|known| known.uai == uai.as_str());
                ensure!(is_known, "the commune has no school {uai}");
            }
            let of = school.as_ref().map_or("*", Uai::as_str);
            note_act(&*register, "content-added", &format!("{of} {}", place.url))?;
            if !register.add_content(school.as_ref(), &place, author.as_str(), now())? {
                bail!("there are as many as boxes take: take one back first")
            }
        }
        HubContentCommand::List { data } => {
            let (mut out, zone) = (io::stdout().lock(), TimeZone::system());
            for Content { id, uai, place, author } in open_register(&data.path)?.contents(now())? {
                let until = times::write(Timestamp::from_unix_ms(place.until_ms), &zone);
                let (of, url, title) = (uai.as_deref().unwrap_or("*"), place.url, place.title);
                writeln!(out, "{id}\t{of}\t{url}\t{title}\tuntil {until}\t{author}")?;
            }
        }
        HubContentCommand::Remove { id, data } => {
            let register = open_register(&data.path)?;
            note_act(&*register, "content-removed", &id.to_string())?;
            ensure!(register.remove_content(id, now())?, "there is no content {id}: preau hub content list");
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn carry_out_notice(command: HubNoticeCommand) -> anyhow::Result<ExitCode> {
    match command {
        HubNoticeCommand::Add { text, author, data } => {
            let notice = SheetNotice { made_ms: now().unix_ms(), author: author.as_str().to_owned(), text };
            ensure!(notice.is_right(), "a notice is one line of 500 letters at most");
            let register = open_register(&data.path)?;
            note_act(&*register, "notice-added", &notice.text)?;
            ensure!(register.add_notice(&notice, now())?, "there are ten notices: take one back first");
        }
        HubNoticeCommand::List { data } => {
            let (mut out, zone) = (io::stdout().lock(), TimeZone::system());
            for Notice { id, notice } in open_register(&data.path)?.notices()? {
                let at = times::write(Timestamp::from_unix_ms(notice.made_ms), &zone);
                writeln!(out, "{id}\t{at}\t{}\t{}", notice.author, notice.text)?;
            }
        }
        HubNoticeCommand::Remove { id, data } => {
            let register = open_register(&data.path)?;
            note_act(&*register, "notice-removed", &id.to_string())?;
            ensure!(register.remove_notice(id, now())?, "there is no notice {id}: preau hub notice list");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn ahead(days: u32) -> Timestamp {
    Timestamp::from_unix_ms(now().unix_ms().saturating_add(i64::from(days).saturating_mul(DAY_MS)))
}
